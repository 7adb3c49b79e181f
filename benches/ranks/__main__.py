"""Times fine-tuning and precaching of the sample pipeline by several ranks beside one process, and compares what they end with.

usage: python3 benches/ranks [--ranks 1,2,4] [--epochs N] [--threads N]

It needs mpirun of Open MPI, and target/debug/pipe with its worker. `--threads` is for all ranks together. Stages before fine-tuning are
made once.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIPE = ROOT / "target/debug/pipe"


def pipeline(ranks: int, threads: int, epochs: int) -> str:
    """The sample pipeline with those resources of fine-tuning and precaching."""
    text = (ROOT / "pipelines/sample.toml").read_text()
    resources = f"resources = {{ threads = {threads}, ranks = {ranks} }}"
    text = re.sub(r"(?m)^resources = \{ threads = 1 \}$", resources, text)
    text = re.sub(r"(?m)^epochs = 24$", f"epochs = {epochs}", text)
    text = re.sub(r'(?m)^scoring = "head"$', f'scoring = "head"\n{resources}', text)
    return re.sub(r'(?m)^name = .*$', 'name = "p"', text)


def run(folder: Path, *arguments: str) -> list[dict]:
    """The events of a run."""
    command = [PIPE, "run", "p", "--json", *arguments]
    result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=False)
    if result.returncode:
        sys.exit(f"pipe run ended with exit code {result.returncode}")
    return [json.loads(line) for line in result.stdout.splitlines()]


def message(events: list[dict], stage: str, pattern: str) -> float:
    """The number that a stage has logged."""
    for event in events:
        found = re.search(pattern, event.get("message") or "") if event.get("stage") == stage else None
        if found:
            return float(found.group(1))
    return 0.0


def seconds(events: list[dict], stage: str) -> float:
    done = [event for event in events if event.get("event") == "stage" and event.get("stage") == stage]
    return next((event["seconds"] for event in reversed(done) if event.get("seconds") is not None), 0.0)


def losses(folder: Path) -> list[float]:
    report = json.loads((folder / "artifacts/p/finetune/curve/report.json").read_text())
    return [point["loss"] for point in report["curve"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", default="1,2,4", help="numbers of ranks, the first of which the others are compared with")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    os.environ.pop("PIPE_STORE", None)
    ranks_of = list(map(int, arguments.ranks.split(",")))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference: list[float] = []
        print(
            "| ranks | fine-tuning | label tokens a second | of it summing and waiting | precaching "
            "| largest difference of a loss | same model again | same lists as one rank |"
        )
        print("|---:|---:|---:|---:|---:|---:|---|---|")

        def use(ranks: int) -> None:
            (folder / "p.toml").write_text(pipeline(ranks, arguments.threads, arguments.epochs))

        for ranks in ranks_of:
            use(ranks)
            run(folder, "--until", "finetune", "--force", "finetune")
            found = losses(folder)
            events = run(folder, "--until", "finetune", "--force", "finetune")
            is_same = not made_else(events, "finetune")
            reference = reference or found
            difference = max(abs(one - other) for one, other in zip(found, reference, strict=True))
            speed = message(events, "finetune", r"(\d+) label tokens a second")
            summing = message(events, "finetune", r"([\d.]+) s of them to sum")
            use(1)
            run(folder, "--until", "precache")
            use(ranks)
            made = run(folder, "--until", "precache", "--force", "precache")
            same_lists = not made_else(made, "precache")
            print(
                f"| {ranks} | {seconds(events, 'finetune'):.1f} s | {speed:.0f} | {summing:.1f} s "
                f"| {seconds(made, 'precache'):.1f} s | {difference:.1e} | {yes(is_same)} | {yes(same_lists)} |",
                flush=True,
            )


def yes(is_so: bool) -> str:
    return "yes" if is_so else "NO"


def made_else(events: list[dict], stage: str) -> bool:
    """Whether a forced stage has made something else than before."""
    told = (event.get("message") or "" for event in events if event.get("stage") == stage)
    return any("it made something else" in text for text in told)


main()

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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference: list[float] = []
        lists = ""
        print("| ranks | fine-tuning | label tokens a second | of it summing and waiting | precaching | largest difference of a loss | same model again |")
        print("|---:|---:|---:|---:|---:|---:|---|")
        for ranks in map(int, arguments.ranks.split(",")):
            (folder / "p.toml").write_text(pipeline(ranks, arguments.threads, arguments.epochs))
            models = []
            for _ in range(2):
                events = run(folder, "--until", "finetune", "--force", "finetune")
                models.append(os.readlink(folder / "artifacts/p/finetune/model"))
            found = losses(folder)
            reference = reference or found
            difference = max(abs(one - other) for one, other in zip(found, reference, strict=True))
            speed = message(events, "finetune", r"(\d+) label tokens a second")
            summing = message(events, "finetune", r"([\d.]+) s of them to sum")
            # The lists of each number of ranks are of its own model, so they are made by one rank first.
            (folder / "p.toml").write_text(pipeline(1, arguments.threads, arguments.epochs))
            run(folder, "--until", "precache")
            lists = os.readlink(folder / "artifacts/p/precache/rankings")
            (folder / "p.toml").write_text(pipeline(ranks, arguments.threads, arguments.epochs))
            made = run(folder, "--until", "precache", "--force", "precache")
            if os.readlink(folder / "artifacts/p/precache/rankings") != lists:
                sys.exit(f"{ranks} ranks make other lists than one")
            tuning, lists_in = seconds(events, "finetune"), seconds(made, "precache")
            again = "yes" if models[0] == models[1] else "NO"
            print(
                f"| {ranks} | {tuning:.1f} s | {speed:.0f} | {summing:.1f} s | {lists_in:.1f} s | {difference:.1e} | {again} |",
                flush=True,
            )


main()

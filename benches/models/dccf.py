"""An epoch of the stage `dccf` beside the plain PyTorch of stages/dccf/tests/reference.py, on the same pairs and threads.

`PIPE_REFERENCE_PYTHON` is a Python with PyTorch; without one only ours is measured. The data and the settings are
those of the pipelines `instruments-paper` and `yelp`; the folder of the data is PIPE_DATA.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "benches/engine"))

from processes import children_seconds, high_water  # noqa: E402
from worker import stage_request  # noqa: E402

_DATA = Path(os.environ.get("PIPE_DATA", REPOSITORY / "../shared/data"))
_PEER = Path(__file__).with_name("dccf_torch.py")
_MOST_MEMORY, _LEAST_SPEED = 1 / 3, 3.0


@dataclass(frozen=True)
class Measured:
    seconds: float
    """Wall time of an epoch."""
    cpu: float
    """Seconds of all cores of it: what else the machine does counts less in them."""
    peak: float
    """The most bytes that the process had in memory."""


def main() -> int:
    given = _parse()
    print(f"\n## An epoch of DCCF\n\n{given.threads} threads.")
    for name in given.data:
        settings = _settings(name, given.worker)
        with tempfile.TemporaryDirectory(prefix="pipe-models-") as folder:
            _measure(name, settings, Path(folder), given)
    return 0


def _measure(name: str, settings: dict, folder: Path, given: argparse.Namespace) -> None:
    users, items, pairs = _pairs(name)
    steps = -(-len(pairs) // settings["batch"])
    print(f"\n### {name}: {users} users, {items} items, {len(pairs)} training pairs, {steps} steps of {settings['batch']}\n")
    ours = _ours(name, settings, folder, given)
    peer, bound = _torch(users, items, pairs, settings, steps, folder, given)
    print("| | wall | CPU time | peak memory |\n|---|---|---|---|")
    for program, measured in [("pipe", ours), ("PyTorch", peer)]:
        if measured:
            print(f"| {program} | {measured.seconds:.1f} s | {measured.cpu:.1f} s | {measured.peak / 2**20:.0f} MiB |")
    if peer and bound:
        speed, memory = peer.cpu / ours.cpu, ours.peak / peer.peak
        print(f"\n- {'passed' if speed >= _LEAST_SPEED else 'missed'}: {speed:.1f} times faster, aimed at {_LEAST_SPEED:.0f}")
        print(f"- {'passed' if memory <= _MOST_MEMORY else 'missed'}: {memory:.2f} of the memory, aimed at {_MOST_MEMORY:.2f}")
        print(f"- lower bound: {bound['text']}; pipe takes {ours.cpu / bound['seconds']:.1f} times as long")
    sys.stdout.flush()


def _ours(name: str, settings: dict, folder: Path, given: argparse.Namespace) -> Measured:
    """The difference of one epoch and none, so that neither reading nor ranking counts; a look at validation items does."""
    pipe, store = given.worker.with_name("pipe"), folder / "store"
    subprocess.run([pipe, "run", REPOSITORY / f"pipelines/{name}.toml", "--until", "ingest", "--store", store],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    interactions = next((store / name / "ingest").glob("interactions")).resolve()
    runs = []
    for epochs in (0, 1):
        outputs = {port: str(folder / f"{port}-{epochs}") for port in ("items", "users", "rankings", "report")}
        for path in outputs.values():
            Path(path).mkdir()
        spec = {
            "uses": "dccf",
            "parameters": {**settings, "epochs": epochs},
            "inputs": {"interactions": {"": str(interactions)}},
            "outputs": outputs,
            "seed": 2024,
            "threads": given.threads,
            "device": "cpu",
            "checkpoint": None,
        }
        runs.append(_timed([given.worker, "stage"], stage_request(given.worker, spec)))
    none, one = runs
    return Measured(one.seconds - none.seconds, one.cpu - none.cpu, one.peak)


def _torch(
    users: int, items: int, pairs: list[list[int]], settings: dict, steps: int, folder: Path, given: argparse.Namespace
) -> tuple[Measured | None, dict | None]:
    """A mean step, times the steps of an epoch; and the lower bound, of what PyTorch reaches on this machine."""
    python = os.environ.get("PIPE_REFERENCE_PYTHON", "python3")
    if subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode:
        print(f"{python} has no PyTorch, so only pipe was measured; PIPE_REFERENCE_PYTHON may name one that has.\n")
        return None, None
    asked = folder / "asked.json"
    asked.write_text(json.dumps({"users": users, "items": items, "pairs": pairs, "settings": settings}))
    program = [python, _PEER, asked, str(given.threads), str(given.steps)]
    answer = json.loads(subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True).stdout)
    measured = Measured(answer["seconds"] * steps, answer["cpu"] * steps, answer["peak"])
    bound = answer["bound"]
    return measured, {"seconds": bound["seconds"] * steps, "text": bound["text"].replace("STEPS", str(steps))}


def _timed(command: list, text: str) -> Measured:
    """Runs a program; its peak is read from /proc while it runs, for that of a child begins at its parent's."""
    begin, before, peak = time.perf_counter(), children_seconds(), 0.0
    program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert program.stdin
    program.stdin.write(text)
    program.stdin.flush()
    # It ends when its input closes, so that stays open until it has answered.
    while program.poll() is None:
        peak = max(peak, high_water(program.pid))
        time.sleep(0.01)
    if program.returncode:
        sys.exit(f"{command[0]} ended with {program.returncode}")
    return Measured(time.perf_counter() - begin, children_seconds() - before, peak)


def _settings(name: str, worker: Path) -> dict:
    """The parameters of the pipeline's stage `dccf`, defaults filled in."""
    described = json.loads(subprocess.run([worker, "describe"], check=True, stdout=subprocess.PIPE, text=True).stdout)
    stage = next(stage for stage in described["stages"] if stage["name"] == "dccf")
    defaults = {key: value["default"] for key, value in stage["parameters"]["properties"].items()}
    written = tomllib.loads((REPOSITORY / f"pipelines/{name}.toml").read_text())["stage"]["dccf"]
    return {**defaults, **{key: value for key, value in written.items() if key in defaults}}


def _pairs(name: str) -> tuple[int, int, list[list[int]]]:
    """Users, items and training pairs, as published: all numbers are below those of users and items."""
    if name == "yelp":
        parts = [[list(map(int, line.split("\t"))) for line in _lines(f"yelp/{part}.tsv")] for part in ("train", "valid", "test")]
        everything, train = sum(parts, []), parts[0]
    else:
        sequences = json.loads((_DATA / "instruments/Instruments.inter.json").read_text())
        everything = [[int(user), int(item)] for user, items in sequences.items() for item in items]
        train = [[int(user), int(item)] for user, items in sequences.items() for item in items[:-1]]
    return 1 + max(user for user, _ in everything), 1 + max(item for _, item in everything), train


def _lines(name: str) -> Iterator[str]:
    return (line for line in (_DATA / name).read_text().splitlines() if line)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=lambda names: names.split(","), default=["instruments", "yelp"], help="which of instruments,yelp")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of both; all cores when not given")
    parser.add_argument("--steps", type=int, default=3, help="steps of PyTorch that are timed, after one that is not")
    parser.add_argument("--worker", type=Path, default=REPOSITORY / "target/debug/pipe-worker", help="which pipe-worker; pipe stands beside it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

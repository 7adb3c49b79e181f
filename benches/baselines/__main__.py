"""Times an epoch of `sasrec` and `bert4rec` beside RecBole, with equal settings, data and threads: `python3 benches/baselines --help`.

Both train on the same targets of Amazon Toys (PIPE_DATA), all but each user's last two items, by the softmax over all items, with
RecBole's sizes and batches of as many targets. Quality is that of the test items after equally many epochs, all items ranked and
seen items kept, as RecBole measures it. `PIPE_REFERENCE_PYTHON` is a Python with RecBole; without one only ours is measured.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "benches/engine"))

from machine import idle_machine  # noqa: E402
from processes import children_seconds, high_water  # noqa: E402
from worker import stage_request  # noqa: E402

_DATA = Path(os.environ.get("PIPE_DATA", REPOSITORY / "../shared/data"))
_PEER = Path(__file__).with_name("recbole_peer.py")
_LEAST_SPEED = 3.0
_SHAPE = {"dim": 64, "layers": 2, "heads": 2, "inner": 256, "max_length": 50, "learning_rate": 1e-3}
_DROPOUT = {"sasrec": 0.5, "bert4rec": 0.2}


@dataclass(frozen=True)
class Measured:
    seconds: float
    """Wall time of an epoch."""
    cpu: float
    """Seconds of all cores of it: what else the machine does counts less in them."""
    peak: float
    """The most bytes that the process had in memory."""
    quality: dict
    """HR@10 and NDCG@10 of the test items."""


def main() -> int:
    given = _parse()
    machine = idle_machine("baselines", Path(__file__).parent, given.loaded)
    print("# Baselines beside RecBole\n")
    print(f"{machine.cores} cores of {machine.cpu}, {machine.system}; load before it began: {machine.load:.2f}.")
    sequences = _sequences(given.users)
    targets = sum(len(items) - 3 for items in sequences.values())
    print(f"{len(sequences)} users, {targets} targets an epoch, {given.threads} threads, {given.epochs} epochs.\n")
    print("| model | | an epoch | CPU time | peak memory | HR@10 | NDCG@10 |\n|---|---|---|---|---|---|---|")
    notes = []
    with tempfile.TemporaryDirectory(prefix="pipe-baselines-") as folder:
        bench = Bench(given, Path(folder), sequences, targets)
        for model in given.only:
            rows = [("pipe", bench.ours(model)), ("RecBole", bench.recbole(model))]
            for name, row in rows:
                if row:
                    quality = " | ".join(f"{row.quality[metric]:.4f}" for metric in ("HR@10", "NDCG@10"))
                    print(f"| {model} | {name} | {row.seconds:.1f} s | {row.cpu:.1f} s | {row.peak / 2**20:.0f} MiB | {quality} |")
            sys.stdout.flush()
            notes += _judge(model, rows[0][1], rows[1][1])
    print("\n" + "\n".join(notes))
    return 0


def _judge(model: str, ours: Measured, peer: Measured | None) -> list[str]:
    if not peer:
        return [f"- {model}: no Python with RecBole 1.2.1 (which needs numpy 1.26 and pandas 2), so only pipe was measured"]
    speed = peer.cpu / ours.cpu
    better = ours.quality["NDCG@10"] >= peer.quality["NDCG@10"]
    return [
        f"- {'passed' if speed >= _LEAST_SPEED else 'missed'}: {model} {speed:.1f} times as fast, aimed at {_LEAST_SPEED:.0f}",
        f"- {'passed' if better else 'missed'}: {model} NDCG@10 equal or better after as many epochs",
        f"- {model}: {ours.peak / peer.peak:.2f} of the memory",
    ]


class Bench:
    """One data set, measured by both."""

    def __init__(self, given: argparse.Namespace, folder: Path, sequences: dict, targets: int) -> None:
        self.given, self.folder, self.sequences, self.targets = given, folder, sequences, targets
        (folder / "sequences.json").write_text(json.dumps(sequences))
        self.interactions = self._ingest()

    def ours(self, model: str) -> Measured:
        """The difference of several epochs and one, so that neither reading nor ranking counts."""
        # A step has about as many targets as one of RecBole's; a sample of sasrec has a target at each place.
        samples = self.targets if model == "bert4rec" else len(self.sequences)
        batch = max(1, round(self.given.batch * samples / self.targets))
        settings = {**_SHAPE, "dropout": _DROPOUT[model], "loss": "full-softmax", "batch": batch, "stopping": "epochs", "epoch_steps": 1}
        runs, outputs = [], {}
        for epochs in (1, self.given.epochs):
            ports = ("rankings", "validation", "items", "report")
            outputs = self._stage(model, {**settings, "epochs": epochs}, {"interactions": {"": self.interactions}}, ports, runs)
        (one, several), more = runs, self.given.epochs - 1
        labelled = {"interactions": {"": self.interactions}, "rankings": {model: outputs["rankings"]}}
        measured = self._stage("metrics", {}, labelled, ("metrics", "report", "ranks"), [])
        rows = json.loads((Path(measured["metrics"]) / "metrics.json").read_text())
        row = next(row for row in rows if row["seen"] == "kept" and row["hits"] == "item")
        return Measured((several[0] - one[0]) / more, (several[1] - one[1]) / more, several[2], row)

    def recbole(self, model: str) -> Measured | None:
        """The mean of its epochs, without its reading and evaluation."""
        python = os.environ.get("PIPE_REFERENCE_PYTHON", "python3")
        if subprocess.run([python, "-c", "import recbole, tensorboard"], capture_output=True, check=False).returncode:
            return None
        asked = {
            "model": model, "sequences": str(self.folder / "sequences.json"), "epochs": self.given.epochs,
            "threads": self.given.threads, "batch": self.given.batch, "dropout": _DROPOUT[model], **_SHAPE,
        }
        (self.folder / "asked.json").write_text(json.dumps(asked))
        found, peak = self._run([python, _PEER, self.folder / "asked.json"], None)
        answer = json.loads(found.splitlines()[-1])
        return Measured(answer["seconds"], answer["cpu"], peak, answer["quality"])

    def _ingest(self) -> str:
        text = 'name = "data"\n[stage.ingest]\nuses = "ingest"\nsequences = "sequences.json"\nholdout = "last-two"\n'
        (self.folder / "data.toml").write_text(text)
        pipe, store = self.given.worker.with_name("pipe"), self.folder / "store"
        subprocess.run([pipe, "run", self.folder / "data.toml", "--store", store], check=True, capture_output=True)
        return str((store / "data/ingest/interactions").resolve())

    def _stage(self, uses: str, parameters: dict, inputs: dict, ports: tuple, runs: list) -> dict[str, str]:
        """Runs a stage by itself and notes its wall time, CPU time and peak memory."""
        outputs = {port: tempfile.mkdtemp(dir=self.folder) for port in ports}
        spec = {
            "uses": uses, "parameters": parameters, "inputs": inputs, "outputs": outputs, "seed": 2024,
            "threads": self.given.threads, "device": "cpu", "checkpoint": None,
        }
        request = stage_request(self.given.worker, spec)
        begin, before = time.perf_counter(), children_seconds()
        _, peak = self._run([self.given.worker, "stage"], request)
        runs.append((time.perf_counter() - begin, children_seconds() - before, peak))
        return outputs

    def _run(self, command: list, text: str | None) -> tuple[str, float]:
        """Its output, and its peak, which is read from /proc while it runs, for that of a child begins at its parent's."""
        log = self.folder / "output"
        with log.open("w") as output:
            program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, text=True)
            assert program.stdin
            if text:
                program.stdin.write(text)
                program.stdin.flush()
            peak = 0.0
            # A stage ends when its input closes, so that stays open until it has answered.
            while program.poll() is None:
                peak = max(peak, high_water(program.pid))
                time.sleep(0.02)
        if program.returncode:
            sys.exit(f"{command[0]} ended with {program.returncode}:\n{log.read_text()[-2000:]}")
        return log.read_text(), peak


def _sequences(users: int | None) -> dict[str, list[str]]:
    path = _DATA / "toys2014/Toys.inter.json"
    if not path.exists():
        sys.exit(f"baselines: there is no {path}; PIPE_DATA names the folder of the data")
    sequences = json.loads(path.read_text())
    return {user: items for user, items in list(sequences.items())[:users] if len(items) >= 4}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/baselines", description=__doc__)
    parser.add_argument("--only", type=lambda names: names.split(","), default=list(_DROPOUT), help="some of sasrec,bert4rec")
    parser.add_argument("--epochs", type=int, default=5, help="epochs that both train, at least 2")
    parser.add_argument("--batch", type=int, default=2048, help="targets of a step; RecBole's default")
    parser.add_argument("--users", type=int, help="only so many users")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of both; all cores when not given")
    parser.add_argument("--worker", type=Path, default=REPOSITORY / "target/debug/pipe-worker", help="which pipe-worker; pipe stands beside it")
    parser.add_argument("--loaded", action="store_true", help="measure even if the machine is busy")
    given = parser.parse_args()
    if given.epochs < 2:
        parser.error("--epochs must be at least 2")
    return given


if __name__ == "__main__":
    sys.exit(main())

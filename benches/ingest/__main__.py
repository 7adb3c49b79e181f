"""Times ingest beside pandas, polars and DuckDB that do the same work: `python3 benches/ingest --help`.

Reviews are made up by the stage `sample`, in the Amazon 2018 form. Each program reads the gzipped file once and writes the
same two tables: interactions, and cleaned reviews. `decompress and parse` does nothing else.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from machine import idle_machine  # noqa: E402
from processes import high_water  # noqa: E402
from worker import stage_request  # noqa: E402

_FOLDER = Path(__file__).resolve().parent
_ROOT = _FOLDER.parents[1]
_PER_USER = 9
_PEERS = {"decompress and parse": "parse_peer.py", "polars": "polars_peer.py", "duckdb": "duckdb_peer.py", "pandas": "pandas_peer.py"}


@dataclass(frozen=True)
class Measured:
    """What one run took: wall seconds, and the most bytes in memory."""

    seconds: float
    peak: float


def main() -> int:
    given = _parse()
    machine = idle_machine("ingest", _FOLDER, given.loaded)
    memory = f"{machine.memory_bytes / 2**30:.0f} GiB"
    print("# Ingest side by side\n")
    print(f"{machine.cores} cores of {machine.cpu}, {memory}, {machine.system}; load before it began: {machine.load:.2f}.")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for reviews in given.reviews:
            _compare(Path(folder), reviews, given)
    return 0


def _compare(folder: Path, reviews: int, given: argparse.Namespace) -> None:
    source = _sample(folder / f"sample-{reviews}", reviews)
    print(f"\n## {reviews:,} reviews, {source.stat().st_size / 2**20:.0f} MiB gzipped\n")
    print("| program | wall time | ratio to pipe | peak memory |\n|---|---|---|---|", flush=True)
    pipe = _best(given.runs, lambda: _worker(folder, "ingest", {"interactions": source}, {}, ["interactions", "users", "items", "reviews", "report"]))
    _row("pipe", pipe, pipe)
    for name, script in _PEERS.items():
        if name in given.only:
            out = folder / name.replace(" ", "-")
            out.mkdir(exist_ok=True)
            command = [given.python, str(_FOLDER / script), str(source), str(out)]
            _row(name, _best(given.runs, lambda: _measure(command)), pipe)


def _row(name: str, measured: Measured, pipe: Measured) -> None:
    ratio = measured.seconds / pipe.seconds
    print(f"| {name} | {measured.seconds:.2f} s | {ratio:.2f} | {measured.peak / 2**20:,.0f} MiB |", flush=True)


def _best(runs: int, measure) -> Measured:
    all_runs = [measure() for _ in range(runs)]
    return Measured(min(run.seconds for run in all_runs), max(run.peak for run in all_runs))


def _sample(folder: Path, reviews: int) -> Path:
    """Makes up that many reviews."""
    users = reviews // _PER_USER
    parameters = {"users": users, "mean_length": _PER_USER, "items": max(600, users // 5), "latent_preferences": max(8, min(1000, users // 500))}
    _worker(folder, "sample", {}, parameters, ["reviews", "metadata"])
    return folder / "sample" / "reviews" / "reviews.json.gz"


def _worker(folder: Path, stage: str, inputs: dict[str, Path], parameters: dict, outputs: list[str]) -> Measured:
    """Runs a stage as `pipe` runs it."""
    out = folder / stage
    for port in outputs:
        (out / port).mkdir(parents=True, exist_ok=True)
    spec = {
        "uses": stage,
        "parameters": parameters,
        "inputs": {port: {"": str(path)} for port, path in inputs.items()},
        "outputs": {port: str(out / port) for port in outputs},
        "seed": 1,
        "threads": os.cpu_count(),
        "device": "cpu",
    }
    worker = os.environ.get("PIPE_WORKER", str(_ROOT / "target/debug/pipe-worker"))
    return _measure([worker, "stage"], stage_request(worker, spec))


def _measure(command: list[str], request: str | None = None) -> Measured:
    """Runs a program to its end. The input stays open, since a worker ends when it closes."""
    begin = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        if request:
            process.stdin.write(request)
            process.stdin.flush()
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, high_water(process.pid))
            time.sleep(0.005)
        seconds = time.perf_counter() - begin
    if process.returncode != 0:
        sys.exit(f"ingest: {' '.join(command)} ended with {process.returncode}")
    return Measured(seconds, peak)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/ingest", description=__doc__)
    numbers = lambda text: [int(number) for number in text.split(",")]  # noqa: E731
    parser.add_argument("--reviews", type=numbers, default=[1_000_000, 10_000_000], help="numbers of reviews, with commas")
    parser.add_argument("--only", type=lambda names: names.split(","), default=list(_PEERS), help=f"some of {','.join(_PEERS)}")
    parser.add_argument("--runs", type=int, default=3, help="runs of each program; the quickest counts")
    parser.add_argument("--python", default=os.environ.get("PIPE_REFERENCE_PYTHON", "python3"), help="has polars, pandas, pyarrow and duckdb")
    parser.add_argument("--folder", default=None, help="where reviews and tables are written")
    parser.add_argument("--loaded", action="store_true", help="measure even if the machine is busy")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""The codebook beside faiss' residual quantizer and scikit-learn's k-means by level.

    python3 benches/models/codebook.py            # residual and collisions, time and memory
    python3 benches/models/codebook.py --help

Every measurement is of the whole set: an embedding of all items, as many codes for each, no alignment. It needs numpy,
faiss-cpu and scikit-learn; a peer that is not installed is absent from the tables and named as absent.
"""

import argparse
import importlib.util
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from worker import stage_request  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CODES = 256
LEVELS = [2, 3, 4, 5]
# Codes of fewer levels are the beginnings of those of more, unless a beam or what becomes of collisions looks ahead.
NESTED = ["faiss, greedy", "scikit-learn k-means by level"]
PEERS = {
    "faiss, greedy": ("faiss", {"beam": 1}),
    "faiss, beam of 5": ("faiss", {"beam": 5}),
    "scikit-learn k-means by level": ("sklearn", {}),
}
OURS = {
    "pipe": {},
    'pipe, collisions = "resolve"': {"collisions": "resolve"},
    'pipe, collisions = "free"': {"collisions": "free"},
    'pipe, last_level = "sinkhorn"': {"last_level": "sinkhorn"},
}


@dataclass
class Run:
    """What one way of making codes led to, and what its process took."""

    residual: list[float]  # ratio to the variance, after each level
    colliding: list[int]  # items, by the first 1, 2, ... codes; or by all codes alone
    seconds: float  # from the start of the process to its end
    peak: float  # MiB


def read_safetensors(path: Path) -> np.ndarray:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    entry = json.loads(data[8 : 8 + length])["items"]
    start, end = (8 + length + offset for offset in entry["data_offsets"])
    return np.frombuffer(data[start:end], dtype="<f4").reshape(entry["shape"])


def write_safetensors(path: Path, rows: np.ndarray) -> None:
    header = json.dumps({"items": {"dtype": "F32", "shape": list(rows.shape), "data_offsets": [0, rows.nbytes]}}).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(struct.pack("<Q", len(header)) + header + np.ascontiguousarray(rows, dtype="<f4").tobytes())


def watched(process: subprocess.Popen) -> float:
    """Waits for a process to end; its peak memory in MiB, read while it runs."""
    peak = 0
    while process.poll() is None:
        try:
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]))
        except OSError:
            pass
        time.sleep(0.01)
    return peak / 1024


def ours(rows: np.ndarray, levels: int, parameters: dict, options: argparse.Namespace) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outputs = {port: str(folder / port) for port in ("codes", "codebook", "report")}
        for path in [folder / "items", *map(Path, outputs.values())]:
            path.mkdir()
        write_safetensors(folder / "items/embeddings.safetensors", rows)
        spec = {
            "uses": "codebook",
            "parameters": {"levels": levels, "codes": CODES, "llm_alignment": False, **parameters},
            "inputs": {"items": {"": str(folder / "items")}},
            "outputs": outputs,
            "seed": options.seed,
            "threads": options.threads,
            "device": "cpu",
            "checkpoint": None,
        }
        request = stage_request(options.worker, spec)
        started = time.perf_counter()
        worker = subprocess.Popen([options.worker, "stage"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert worker.stdin and worker.stdout
        worker.stdin.write(request)
        worker.stdin.flush()  # It ends when its input closes, so that stays open.
        output: list[str] = []
        reader = threading.Thread(target=output.extend, args=(worker.stdout,))
        reader.start()
        peak = watched(worker)
        seconds = time.perf_counter() - started
        reader.join()
        if worker.returncode != 0:
            sys.exit(f"pipe-worker failed: {output[-1] if output else ''}")
        report = json.loads((folder / "report/report.json").read_text())
    return Run(report["residual_ratio"], [report["colliding_items"]], seconds, peak)


def peer(rows: np.ndarray, levels: int, library: str, settings: dict, options: argparse.Namespace) -> Run:
    """The same by another library, in a process of its own."""
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, rows)
        request = {"rows": file.name, "levels": levels, "library": library, "seed": options.seed, **settings}
        environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
        command = [sys.executable, __file__, "--peer", json.dumps(request)]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        peak = watched(process)
        seconds = time.perf_counter() - started
        if process.returncode != 0:
            sys.exit(f"{library} failed")
        answer = json.load(process.stdout)
    return Run(answer["residual"], answer["colliding"], seconds, peak)


def answer_as_peer(request: dict) -> None:
    rows = np.load(request["rows"])
    codes, parts = {"faiss": faiss_codes, "sklearn": sklearn_codes}[request["library"]](rows, request)
    variance = ((rows - rows.mean(0)) ** 2).sum(1).mean()
    residual = [float(((rows - part) ** 2).sum(1).mean() / variance) for part in parts]
    colliding = []
    for levels in range(1, request["levels"] + 1):
        _, place, uses = np.unique(codes[:, :levels], axis=0, return_inverse=True, return_counts=True)
        colliding.append(int((uses[place.ravel()] > 1).sum()))
    print(json.dumps({"residual": residual, "colliding": colliding}))


def faiss_codes(rows: np.ndarray, request: dict) -> tuple[np.ndarray, list[np.ndarray]]:
    import faiss

    quantizer = faiss.ResidualQuantizer(rows.shape[1], request["levels"], CODES.bit_length() - 1)
    quantizer.max_beam_size = request["beam"]
    quantizer.cp.seed = request["seed"]
    quantizer.train(rows)
    codes = quantizer.compute_codes(rows)
    books = faiss.vector_to_array(quantizer.codebooks).reshape(request["levels"], CODES, -1)
    sums = np.cumsum([book[codes[:, level]] for level, book in enumerate(books)], axis=0)
    return codes, list(sums)


def sklearn_codes(rows: np.ndarray, request: dict) -> tuple[np.ndarray, list[np.ndarray]]:
    from sklearn.cluster import KMeans

    total, codes, parts = np.zeros_like(rows), [], []
    for _ in range(request["levels"]):
        found = KMeans(CODES, n_init=1, random_state=request["seed"]).fit(rows - total)
        total = total + found.cluster_centers_[found.labels_]
        codes.append(found.labels_)
        parts.append(total)
    return np.stack(codes, axis=1), parts


def embeddings(options: argparse.Namespace) -> dict[str, np.ndarray]:
    found = {}
    published = options.data / "instruments/sasrec_item_embedding_9922x32.f32"
    if published.is_file():
        found["published SASRec"] = np.fromfile(published, dtype="<f4").reshape(-1, 32)
    if options.dccf:
        found["our DCCF"] = read_safetensors(options.dccf / "embeddings.safetensors")
    if not found:
        sys.exit(f"{published} is not there; name the folder of the data by PIPE_DATA or --data, or give --dccf")
    return found


def by_level(name: str, rows: np.ndarray, ways: dict, options: argparse.Namespace) -> list[str]:
    """Residual after each of the most levels, and collisions at each number of levels."""
    heads = [f"left after {level}" for level in range(1, LEVELS[-1] + 1)] + [f"colliding at {n}" for n in LEVELS]
    table = [f"### {name}, {len(rows)} × {rows.shape[1]}", "", f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for way, run in ways.items():
        most = run(rows, LEVELS[-1])
        left = [f"{ratio:.4f}" for ratio in most.residual]
        if way in NESTED:
            counts = [most.colliding[n - 1] for n in LEVELS]
        else:
            counts = [(most if n == LEVELS[-1] else run(rows, n)).colliding[-1] for n in LEVELS]
        colliding = [f"{count} ({100 * count / len(rows):.2f} %)" for count in counts]
        table.append(f"| {way} | {' | '.join(left + colliding)} |")
        print(table[-1], file=sys.stderr, flush=True)
    return table


def by_time(name: str, rows: np.ndarray, ways: dict, options: argparse.Namespace) -> list[str]:
    table = [f"### {name}, 4 × {CODES}, {options.threads} threads: {options.runs} runs", ""]
    table += ["| | seconds, median | least | peak MiB | left | colliding |", "|---|---|---|---|---|---|"]
    for way, run in ways.items():
        if "=" in way:  # A setting that is no other way of training.
            continue
        runs = sorted((run(rows, 4) for _ in range(options.runs)), key=lambda one: one.seconds)
        middle = runs[len(runs) // 2]
        peak = max(one.peak for one in runs)
        table.append(f"| {way} | {middle.seconds:.1f} | {runs[0].seconds:.1f} | {peak:.0f} | {middle.residual[-1]:.4f} | {middle.colliding[-1]} |")
        print(table[-1], file=sys.stderr, flush=True)
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("PIPE_DATA", ROOT.parent / "shared/data"))
    parser.add_argument("--data", type=Path, default=data, help="the folder of the data")
    parser.add_argument("--dccf", type=Path, help="a folder with embeddings.safetensors, such as `pipe cache path instruments-paper dccf.items` names")
    parser.add_argument("--worker", default=ROOT / "target/debug/pipe-worker", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--runs", type=int, default=3, help="runs of each that is timed")
    parser.add_argument("--only", choices=["levels", "time"], help="one of the two tables")
    parser.add_argument("--ways", nargs="+", metavar="WAY", help="only these rows of the tables")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if options.peer:
        answer_as_peer(json.loads(options.peer))
        return
    ways = {name: lambda rows, n, p=p: ours(rows, n, p, options) for name, p in OURS.items()}
    for name, (library, settings) in PEERS.items():
        if importlib.util.find_spec(library) is None:
            print(f"absent: {name} ({library} is not installed)")
            continue
        ways[name] = lambda rows, n, l=library, s=settings: peer(rows, n, l, s, options)
    if options.ways:
        ways = {name: run for name, run in ways.items() if name in options.ways}
    for name, rows in embeddings(options).items():
        for wanted, table in (("levels", by_level), ("time", by_time)):
            if options.only in (None, wanted):
                print("\n".join(table(name, rows, ways, options)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()

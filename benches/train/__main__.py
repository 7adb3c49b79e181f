"""Times fine-tuning beside transformers and peft, on the same model, samples and threads: `python3 benches/train --help`.

What counts is label tokens a second: tokens that carry loss. Both train with adapters and the new tokens' rows.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from machine import idle_machine  # noqa: E402
from pipe_program import PipeProgram, ask_peer  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
RANDOM_MODEL = """
vocabulary = 2048
hidden = {hidden}
layers = {layers}
heads = {heads}
kv_heads = {heads}
intermediate = {intermediate}
"""
PAPER_PROMPTS = """
prompt_template = "question"
windows = "sliding"

[stage.precache]
prompt_template = "question"
"""
PIPELINE = """
extends = "{base}"
name = "train"

[stage.ingest]
users = {users}

[stage.llm]
{model}

[stage.tasks]
negatives = {negatives}
negative_histories = "every"
directions = "forward"
{tasks}

[stage.finetune]
train = "lora"
learning_rate = 1e-4
epochs = 1
batch_tokens = {batch_tokens}
memory_tokens = {memory_tokens}
dropout = 0
lora_dropout = 0
packing = {packing}
precision = "{precision}"
"""


def base(given: argparse.Namespace) -> tuple[str, str]:
    """The pipeline that is extended, and its model."""
    if given.pretrained:
        return "toys-smollm2.toml", f"layers = {given.layers or 30}"
    size = {"hidden": given.hidden, "layers": given.layers or 6, "heads": given.heads}
    return "instruments-paper.toml", RANDOM_MODEL.format(**size, intermediate=given.intermediate or given.hidden * 8 // 3)


def described(given: argparse.Namespace) -> str:
    """The model and the data, in words."""
    if given.pretrained:
        return f"SmolLM2-135M, {given.layers or 30} of its blocks, adapters of rank 8, {given.users} users of Toys"
    return f"LLaMA of {given.layers or 6} layers of width {given.hidden}, adapters of rank 8, {given.users} users of Instruments"


def percentage_of_peak(given: argparse.Namespace, row: dict[str, Any]) -> str:
    """The percentage of the device's peak that a step's tokens need: of `--peak-tflops`, or of what the peer reaches with a
    large matrix product of that precision.

    A token needs two operations a weight forwards, and two for the gradients of the activations; adapters, attention and
    logits are not counted."""
    peak = given.peak_tflops * 1e12 or row["peak"]
    return f"{row['speed'] * row['computed'] * 4 * row['weights'] / peak:.0%}"


class Card:
    """The most memory in use on the first GPU while something runs, in bytes; 0 where there is none."""

    def __init__(self, device: str) -> None:
        self.most, self.watches, self.over = 0, device == "cuda", threading.Event()

    def __enter__(self) -> "Card":
        self.thread = threading.Thread(target=self._watch, daemon=True)
        if self.watches:
            self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        if self.watches:
            self.thread.join()

    def _watch(self) -> None:
        asked = ["nvidia-smi", "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        while not self.over.wait(0.5):
            answer = subprocess.run(asked, capture_output=True, text=True, check=True)
            self.most = max(self.most, int(answer.stdout) * 2**20)


class Ours:
    """The stage `finetune`, run by pipe."""

    def __init__(self, given: argparse.Namespace, folder: Path, negatives: int) -> None:
        self.given, self.folder, self.negatives = given, folder, negatives
        self.pipe = PipeProgram("train", given.program, folder, given.threads)

    def run(self, precision: str, packing: bool = True) -> dict[str, Any]:
        """Label tokens a second, peak memory, and what was trained on."""
        file, given = self._write(precision, packing), self.given
        with Card(given.device) as card:
            self.pipe("run", file, "--until", "finetune", "--device", given.device)
        log = self.pipe("logs", "latest", "finetune")
        speed = re.search(r"([\d.]+) label tokens a second", log)
        memory = self.pipe.peak_memory("finetune")
        report = self._report(file)
        merged = report["merged_tokens"] if packing else report["plain_tokens"]
        computed = merged / report["loss_terms"]
        return {"speed": float(speed.group(1)), "memory": card.most or memory, "computed": computed, **report}

    def reproduces(self, precision: str) -> str:
        """What `pipe reproduce` says of two trainings."""
        return self.pipe("reproduce", self._write(precision), "--stage", "finetune", "--device", self.given.device).splitlines()[-1]

    def material(self, precision: str) -> dict[str, str]:
        """Where the model, the tokenizer with the codes' tokens, and the samples are."""
        file = self._write(precision)
        samples = self.folder / "samples.json"
        samples.write_text(self.pipe("peek", file, "tasks.prompts", "-n", "100000000", "--json"))
        model, tokenizer = self.pipe.path(file, "llm.model"), self.pipe.path(file, "finetune.model")
        return {"model": model, "tokenizer": tokenizer, "samples": str(samples)}

    def _report(self, file: str) -> dict[str, Any]:
        return json.loads((Path(self.pipe.path(file, "finetune.curve")) / "report.json").read_text())

    def _write(self, precision: str, packing: bool = True) -> str:
        given = self.given
        file = self.folder / f"train-{precision}-{packing}.toml"
        pipeline, model = base(given)
        text = PIPELINE.format(
            base=REPOSITORY / "pipelines" / pipeline, users=given.users, model=model, negatives=self.negatives, tasks="" if given.pretrained else PAPER_PROMPTS,
            packing=str(packing).lower(), precision=precision, batch_tokens=given.batch_tokens,
            memory_tokens=0 if given.pretrained else 2048,
        )
        file.write_text(text)
        return str(file)


def main() -> int:
    given = _parse()
    machine = idle_machine("train", given.folder, given.loaded)
    print("# Fine-tuning side by side\n")
    print(f"{machine.cores} cores of {machine.cpu}, {given.threads} threads; load before it began: {machine.load:.2f}.")
    print(f"{described(given)}. Ratios are to the faster peer.\n")
    print("| negatives | | label tokens a second | | peak memory | | percentage of peak |\n|---|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="pipe-train-", dir=given.folder) as name:
        for negatives in given.negatives:
            _measure(given, Path(name), negatives)
    return 0


def _measure(given: argparse.Namespace, folder: Path, negatives: int) -> None:
    ours = Ours(given, folder, negatives)
    peers, rows = [], []
    for precision in given.precisions:
        packed = ours.run(precision)
        peer = _peer(given, ours, packed, precision)
        peer["computed"] = packed["plain_tokens"] / packed["loss_terms"]
        peers.append(peer)
        rows += [(f"{peer['name']}, {precision}", peer), (f"pipe, {precision}", {**packed, **_model(peer)})]
        if given.plain:
            rows.append((f"pipe, {precision}, `packing = false`", {**ours.run(precision, packing=False), **_model(peer)}))
    best = max(peers, key=lambda peer: peer["speed"])
    for who, row in rows:
        speed, memory = row["speed"] / best["speed"], row["memory"] / best["memory"]
        size = f"{row['memory'] / 2**20:.0f} MiB"
        print(f"| {negatives} | {who} | {row['speed']:.0f} | {speed:.2f} | {size} | {memory:.2f} | {percentage_of_peak(given, row)} |", flush=True)
    print(f"| {negatives} | tokens, plain over merged: {packed['plain_over_merged']:.2f} | | | | | |", flush=True)
    if given.reproduce:
        print(f"\nTwice the same? {ours.reproduces(given.precisions[0])}\n", flush=True)


def _peer(given: argparse.Namespace, ours: Ours, packed: dict[str, Any], precision: str) -> dict[str, Any]:
    """What the peer says of itself."""
    request = {
        **ours.material(precision), "threads": given.threads, "seconds": given.seconds, "rows_at_once": given.rows,
        "device": given.device, "precision": precision,
        "samples_a_step": max(1, round(packed["samples"] / packed["steps"])),
    }
    with Card(given.device) as card:
        said = ask_peer("train", given.python, Path(__file__).with_name("peer.py"), request)
    return {**said, "memory": card.most or said["memory"]}


def _model(peer: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on who trains: the weights of the blocks, and the device's peak."""
    return {"weights": peer["weights"], "peak": peer["peak"]}


def _parse() -> argparse.Namespace:
    python = os.environ.get("PIPE_REFERENCE_PYTHON", "python3")
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="benches/train", description=__doc__)
    parser.add_argument("--negatives", type=lambda text: [int(one) for one in text.split(",")], default=[0, 3])
    parser.add_argument("--users", type=int, default=1000, help="how many users; 1000")
    parser.add_argument("--hidden", type=int, default=256, help="width of the model; 256")
    parser.add_argument("--layers", type=int, default=0, help="layers of the model; 6, or 30 of the pretrained one")
    parser.add_argument("--pretrained", action="store_true", help="SmolLM2-135M (`make model`) on users of Toys instead of a random model")
    parser.add_argument("--precisions", type=lambda text: text.split(","), default=None, help="f32, bf16 or both, of either; f32, on a GPU bf16")
    parser.add_argument("--heads", type=int, default=8, help="attention heads of the model; 8")
    parser.add_argument("--intermediate", type=int, default=0, help="width inside the feed-forward blocks; 8/3 of the model's")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where either trains; cpu. Peak memory is the device's")
    parser.add_argument("--peak-tflops", type=float, default=0.0, help="what the device reaches at most, in TFLOP/s; otherwise what a large product reaches")
    parser.add_argument("--reproduce", action="store_true", help="also train twice and compare the bytes")
    parser.add_argument("--threads", type=int, default=cores, help=f"threads of either; {cores}")
    parser.add_argument("--seconds", type=int, default=60, help="how long the peer trains; 60")
    parser.add_argument("--rows", type=int, default=16, help="samples that the peer computes at once, of similar length; 16, its fastest here")
    parser.add_argument("--plain", action="store_true", help="also measure pipe without merging what samples share")
    parser.add_argument("--python", default=python, help=f"a Python with torch, transformers and peft; {python}")
    parser.add_argument("--program", type=Path, default=REPOSITORY / "target/debug/pipe", help="which pipe; its worker stands beside it")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the store is made")
    parser.add_argument("--loaded", action="store_true", help="measure even if the machine is busy")
    given = parser.parse_args()
    given.precisions = given.precisions or (["bf16"] if given.device == "cuda" else ["f32"])
    # A step of the larger model is of fewer tokens, as in its pipeline, so that there are some.
    given.batch_tokens = 2048 if given.pretrained else 8192
    return given


if __name__ == "__main__":
    sys.exit(main())

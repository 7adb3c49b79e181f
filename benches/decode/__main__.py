"""Times precaching beside transformers' generate, on the same tuned model, prompts, codes and threads: `python3 benches/decode --help`.

Both search 20 beams under the trie of the codes that items have. What counts is users a second, models loaded; in f32 the lists of both
are compared place by place. In bf16 sums are rounded in different places, and beams differ where scores are close.
"""

import argparse
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from machine import idle_machine  # noqa: E402
from pipe_program import PipeProgram, ask_peer  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
PIPELINE = """
extends = "{base}"
name = "decode"

[stage.ingest]
users = {users}

[stage.llm]
{model}

[stage.finetune]
epochs = 1

[stage.precache]
beam = {beam}
top_k = {beam}
batch = {batch}
precision = "{precision}"
"""
EVERYTHING = "100000000"


class Ours:
    """The stage `precache`, run by pipe."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self.given, self.folder = given, folder
        self.pipe = PipeProgram("decode", given.program, folder, given.threads)

    def run(self, precision: str) -> dict[str, Any]:
        """Users a second, peak memory, and the lists: by user, codes in order with their scores."""
        file = self._write(precision)
        self.pipe("run", file, "--until", "precache")
        speed = re.search(r"([\d.]+) users a second", self.pipe("logs", "latest", "precache"))
        memory = self.pipe.peak_memory("precache")
        codes, lists = self.codes(file), {}
        for row in self._rows(file, "precache.rankings", "rankings.parquet"):
            if row["seen"] == "kept":
                code = (tuple(codes[row["item"]]), row["score"])
                ranked = lists.setdefault(row["user"], [])
                # Items of one code share its score.
                if code not in ranked:
                    ranked.append(code)
        return {"speed": float(speed.group(1)), "memory": memory, "lists": lists}

    def material(self, precision: str) -> dict[str, Any]:
        """What the peer works on: the model, its adapter and tokenizer, the users' histories, and all codes."""
        file, histories = self._write(precision), {}
        codes = self.codes(file)
        dataset = self._content(file, "ingest.interactions", "dataset.json")["json"]
        for row in self._rows(file, "ingest.interactions", "interactions.parquet"):
            if row["split"] != "test":
                histories.setdefault(row["user"], []).append(row["item"])
        longest = dataset["max_history"]
        prompts = {user: [codes[item] for item in items[-longest:]] for user, items in histories.items()}
        model, tuned = self.pipe.path(file, "llm.model"), self.pipe.path(file, "finetune.model")
        return {"model": model, "tuned": tuned, "prompts": prompts, "codes": list(codes.values())}

    def codes(self, file: str) -> dict[int, list[int]]:
        """The codes of every item."""
        of_row = lambda row: [value for name, value in row.items() if name.startswith("level_")]  # noqa: E731
        return {row["item"]: of_row(row) for row in self._rows(file, "codebook.codes", "codes.parquet")}

    def _rows(self, file: str, output: str, name: str) -> list[dict[str, Any]]:
        return self._content(file, output, name)["table"]["rows"]

    def _content(self, file: str, output: str, name: str) -> dict[str, Any]:
        found = json.loads(self.pipe("peek", file, output, "-n", EVERYTHING, "--json"))
        return next(one["content"] for one in found if one["name"] == name)

    def _write(self, precision: str) -> str:
        given = self.given
        file = self.folder / f"decode-{precision}.toml"
        pipeline = "toys-smollm2.toml" if given.pretrained else "instruments-paper.toml"
        model = f"layers = {given.layers}" if given.pretrained else ""
        text = PIPELINE.format(
            base=REPOSITORY / "pipelines" / pipeline, users=given.users, model=model, beam=given.beam, batch=given.batch,
            precision=precision,
        )
        file.write_text(text)
        return str(file)


def main() -> int:
    given = _parse()
    machine = idle_machine("decode", given.folder, given.loaded)
    model = f"SmolLM2-135M, {given.layers} of its blocks, users of Toys" if given.pretrained else "0.9 million weights, users of Instruments"
    print("# Beam search side by side\n")
    print(f"{machine.cores} cores of {machine.cpu}, {given.threads} threads; load before it began: {machine.load:.2f}.")
    print(f"{model}, beam {given.beam}. Ratios are to the faster peer.\n")
    print("| | users | users a second | | peak memory | |\n|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="pipe-decode-", dir=given.folder) as name:
        _measure(given, Ours(given, Path(name)))
    return 0


def _measure(given: argparse.Namespace, ours: Ours) -> None:
    rows, peers, compared = [], [], []
    for precision in given.precisions:
        own = ours.run(precision)
        peer = _peer(given, ours.material(precision), precision)
        peers.append(peer)
        rows += [(f"{peer['name']}, {precision}", len(peer["lists"]), peer), (f"pipe, {precision}", len(own["lists"]), own)]
        if precision == "f32":
            compared.append(_compared(own["lists"], peer["lists"]))
    best = max(peers, key=lambda peer: peer["speed"])
    for who, users, row in rows:
        speed, memory = row["speed"] / best["speed"], row["memory"] / best["memory"]
        print(f"| {who} | {users} | {row['speed']:.2f} | {speed:.2f} | {row['memory'] / 2**20:.0f} MiB | {memory:.2f} |")
    print("\n" + "\n".join(compared))


def _compared(own: dict[int, list], theirs: dict[str, list]) -> str:
    """How many lists are the same, and how far apart the scores of codes at different places are."""
    same, places, equal, worst = 0, 0, 0, 0.0
    for user, expected in theirs.items():
        found = own[int(user)]
        pairs = list(zip(found, ((tuple(code), score) for code, score in expected)))
        matches = [left[0] == right[0] for left, right in pairs]
        same, places, equal = same + all(matches), places + len(matches), equal + sum(matches)
        # Two codes may change places only where their scores are nearly the same.
        worst = max([worst, *(abs(left[1] - right[1]) for left, right in pairs if left[0] != right[0])])
    lists = f"{same} of {len(theirs)} lists and {equal} of {places} places are the same"
    return lists if equal == places else f"{lists}; where they differ, by at most {worst:.1e} in log-probability"


def _peer(given: argparse.Namespace, material: dict[str, Any], precision: str) -> dict[str, Any]:
    """What the peer says of itself."""
    users = sorted(material["prompts"], key=int)[: given.peer_users]
    asked = {
        **material, "prompts": {user: material["prompts"][user] for user in users}, "threads": given.threads, "beam": given.beam,
        "rows": given.rows, "precision": precision,
    }
    return ask_peer("decode", given.python, Path(__file__).with_name("peer.py"), asked)


def _parse() -> argparse.Namespace:
    python = os.environ.get("PIPE_REFERENCE_PYTHON", "python3")
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="benches/decode", description=__doc__)
    parser.add_argument("--pretrained", action="store_true", help="SmolLM2-135M (`make model`) on users of Toys instead of the model of instruments-paper")
    parser.add_argument("--layers", type=int, default=30, help="how many of the pretrained model's blocks; 30")
    parser.add_argument("--users", type=int, default=200, help="how many users get lists; 200")
    parser.add_argument("--peer-users", type=int, default=200, help="of how many of them the peer makes lists; 200")
    parser.add_argument("--beam", type=int, default=20, help="beams, and places of a list; 20")
    parser.add_argument("--batch", type=int, default=64, help="how many users pipe decodes at once; 64")
    parser.add_argument("--rows", type=int, default=8, help="how many users the peer decodes at once, of prompts of one length; 8")
    parser.add_argument("--precisions", type=lambda text: text.split(","), default=["f32"], help="f32, bf16 or both, of either; f32")
    parser.add_argument("--threads", type=int, default=cores, help=f"threads of either; {cores}")
    parser.add_argument("--python", default=python, help=f"a Python with torch, transformers and peft; {python}")
    parser.add_argument("--program", type=Path, default=REPOSITORY / "target/debug/pipe", help="which pipe; its worker stands beside it")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the store is made")
    parser.add_argument("--loaded", action="store_true", help="measure even if the machine is busy")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

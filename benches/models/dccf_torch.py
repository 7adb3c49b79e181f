"""Steps of DCCF in plain PyTorch: `dccf_torch.py ASKED THREADS STEPS` prints time and memory of a step, and the lower bound.

The lower bound is what the same arithmetic must cost on this machine: the multiplications of the dense products at the rate
that PyTorch reaches for products of that shape, and the rows that the edges read at the rate of a copy in memory.
"""

import json
import resource
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "stages/dccf/tests"))

from reference import Graph, Settings, loss  # noqa: E402

# For each layer the edges read rows: 2 for Z, 4 for B and T forward (direction and row), 2 and 6 for their gradients.
_ROWS_OF_AN_EDGE = 14
_PRODUCTS_OF_CONTRAST, _PRODUCTS_OF_INTENTS = 3, 6


def main() -> None:
    asked, threads, steps = json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(2024)
    settings, pairs = asked["settings"], torch.tensor(asked["pairs"])
    chosen = Settings(**{name: settings[name] for name in Settings.__dataclass_fields__})
    graph = Graph(asked["users"], asked["items"], pairs, torch.float32)
    dim, intents = settings["dim"], settings["intents"]
    shapes = [(graph.nodes, dim), (dim, intents), (dim, intents)]
    weights = [torch.nn.init.xavier_uniform_(torch.empty(shape)).requires_grad_() for shape in shapes]
    optimizer = torch.optim.Adam(weights, lr=chosen.learning_rate)
    begin, cpu = 0.0, 0.0
    for step in range(steps + 1):
        if step == 1:
            begin, cpu = time.perf_counter(), time.process_time()
        drawn = pairs[torch.randint(len(pairs), (settings["batch"],))]
        batch = [drawn[:, 0], drawn[:, 1], torch.randint(asked["items"], (len(drawn),))]
        optimizer.zero_grad()
        loss(graph, chosen, weights, batch).backward()
        optimizer.step()
    seconds, used = (time.perf_counter() - begin) / steps, (time.process_time() - cpu) / steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpu": used, "peak": peak, "bound": bound(graph, chosen, dim, intents, batch)}))


def bound(graph: Graph, settings: Settings, dim: int, intents: int, batch: list[torch.Tensor]) -> dict:
    """What a step must cost, in seconds of a core."""
    sides = [len(torch.unique(side)) for side in batch[:2]]
    similarities = 3 * sum(side**2 for side in sides) if settings.contrast_weight else 0
    products = settings.layers * 2 * dim * (
        _PRODUCTS_OF_CONTRAST * similarities + _PRODUCTS_OF_INTENTS * graph.nodes * intents
    )  # fmt: skip
    exponentials = settings.layers * (similarities + graph.nodes * intents)
    read = settings.layers * len(graph.heads) * _ROWS_OF_AN_EDGE * dim * 4
    torch.set_num_threads(1)
    side = max(sides)
    p, q, scores = torch.rand(256, dim), torch.rand(dim, side), torch.rand(256, side)
    product_rate = 2 * dim * 256 * side / _least(lambda: torch.mm(p, q, out=scores))
    exponential_rate = scores.numel() / _least(lambda: torch.exp(scores, out=scores))
    source = torch.rand(1 << 26)
    target = torch.empty_like(source)
    copy_rate = 2 * source.nbytes / _least(lambda: target.copy_(source))
    parts = [products / product_rate, exponentials / exponential_rate, read / copy_rate]
    text = (
        f"{products / 1e9:.1f} GFLOP of products at {product_rate / 1e9:.0f} GFLOP/s ({parts[0]:.2f} s), "
        f"{exponentials / 1e6:.0f} million exponentials at {exponential_rate / 1e9:.2f} G/s ({parts[1]:.2f} s) and "
        f"{read / 1e9:.2f} GB of rows at {copy_rate / 1e9:.1f} GB/s ({parts[2]:.2f} s) a step of one core"
    )
    return {"seconds": sum(parts), "text": text}


def _least(work) -> float:  # noqa: ANN001
    """The least of some times."""
    found = []
    for _ in range(7):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


if __name__ == "__main__":
    main()

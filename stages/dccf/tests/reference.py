"""DCCF in plain PyTorch, written from its equations alone: the whole graph, whole similarities, automatic gradients.

As a program it reads from the standard input {"users", "items", "pairs": [[u, i], ...], "settings": {...}, "weights":
{"nodes", "user_intents", "item_intents"}, "batch": {"users", "positives", "negatives"}} and prints {"loss", "gradients",
"weights"}: the loss of the batch, its gradients, and the weights after one step of Adam; in double precision. Every matrix
is a list of rows. benches/models takes it in single precision as the thing to be compared with.
"""

import json
import sys
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus

# That compressed rows are new to PyTorch, and that it does not check them.
warnings.filterwarnings("ignore", message="Sparse")


@dataclass(frozen=True)
class Settings:
    """The parameters of the stage `dccf` that the loss and the step depend on."""

    layers: int
    learning_rate: float
    embedding_decay: float
    intent_decay: float
    weight_decay: float
    contrast_weight: float
    contrast_mean: str
    temperature: float


class Graph:
    """Users and items as nodes, users first, with an edge in both directions for each pair."""

    def __init__(self, users: int, items: int, pairs: Tensor, kind: torch.dtype) -> None:
        self.users, self.nodes = users, users + items
        user, node = pairs[:, 0], users + pairs[:, 1]
        edges = torch.stack([torch.cat([user, node]), torch.cat([node, user])])
        edges = torch.unique(edges, dim=1)
        self.heads, self.tails = edges.contiguous()
        starts = torch.searchsorted(self.heads, torch.arange(self.nodes + 1))
        degrees = torch.bincount(self.heads, minlength=self.nodes).to(kind)
        values = torch.rsqrt(degrees[self.heads] * degrees[self.tails])
        self.normalised = torch.sparse_csr_tensor(starts, self.tails, values, (self.nodes, self.nodes))

    def propagated(self, view: Tensor, x: Tensor) -> Tensor:
        """M_V X, where M_V weighs each edge by the similarity of its ends in the view, each row divided by its sum."""
        unit = normalize(view)
        weights = ((unit[self.heads] * unit[self.tails]).sum(1) + 1) / 2
        sums = torch.zeros(self.nodes, dtype=x.dtype).index_add(0, self.heads, weights)
        # The gradient of torch.sparse.mm for the values of a sparse matrix is dense, [nodes, nodes].
        messages = (weights / sums[self.heads]).unsqueeze(1) * x[self.tails]
        return torch.zeros_like(x).index_add(0, self.heads, messages)


def contrast(p: Tensor, q: Tensor, temperature: float) -> Tensor:
    """N(P, Q): InfoNCE of the rows, each with its partner among all."""
    logits = normalize(p) @ normalize(q).T / temperature
    return -torch.log_softmax(logits, 1).diagonal().mean()


def loss(graph: Graph, settings: Settings, weights: list[Tensor], batch: list[Tensor]) -> Tensor:
    """The loss of a batch of users, positives and negatives."""
    nodes, user_intents, item_intents = weights
    users, positives, negatives = batch[0], graph.users + batch[1], graph.users + batch[2]
    sides = [torch.unique(users), torch.unique(positives)]

    x, total, contrasts = nodes, nodes, torch.zeros((), dtype=nodes.dtype)
    for _ in range(settings.layers):
        z = torch.sparse.mm(graph.normalised, x)
        halves = [(x[: graph.users], user_intents), (x[graph.users :], item_intents)]
        h = torch.cat([torch.softmax(rows @ intents, 1) @ intents.T for rows, intents in halves])
        b, t = graph.propagated(z, x), graph.propagated(h, x)
        if settings.contrast_weight:
            for side in sides:
                ratio = len(side) / len(sides[0]) if settings.contrast_mean == "users" else 1
                for view in (h, b, t):
                    contrasts = contrasts + ratio * contrast(z[side], view[side], settings.temperature)
        x = z + h + b + t + x
        total = total + x

    margins = (total[users] * (total[negatives] - total[positives])).sum(1)
    rows = torch.cat([nodes[users], nodes[positives], nodes[negatives]])
    return (
        softplus(margins).mean()
        + settings.embedding_decay * rows.square().sum()
        + settings.intent_decay * (user_intents.square().sum() + item_intents.square().sum())
        + settings.weight_decay * sum(matrix.square().sum() for matrix in weights)
        + settings.contrast_weight * contrasts
    )


def answer(asked: dict) -> dict:
    """The loss, the gradients and the weights after a step."""
    kind = torch.float64
    graph = Graph(asked["users"], asked["items"], torch.tensor(asked["pairs"]), kind)
    settings = Settings(**asked["settings"])
    names = ["nodes", "user_intents", "item_intents"]
    weights = [torch.tensor(asked["weights"][name], dtype=kind, requires_grad=True) for name in names]
    batch = [torch.tensor(asked["batch"][name]) for name in ["users", "positives", "negatives"]]
    optimizer = torch.optim.Adam(weights, lr=settings.learning_rate)
    found = loss(graph, settings, weights, batch)
    found.backward()
    gradients = {name: matrix.grad.tolist() for name, matrix in zip(names, weights)}
    optimizer.step()
    return {
        "loss": found.item(),
        "gradients": gradients,
        "weights": {name: matrix.tolist() for name, matrix in zip(names, weights)},
    }


if __name__ == "__main__":
    print(json.dumps(answer(json.load(sys.stdin))))

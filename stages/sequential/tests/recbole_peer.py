"""What RecBole makes of a model's weights and samples that the tests of this crate wrote, as JSON.

    recbole_peer.py sasrec|bert4rec|fmlp|fmlp-authors FILE.safetensors

RecBole pads on the right and counts positions from the start; here its inputs are padded on the left, which it allows, so that
the last item has the last position, as ours does.
"""

import json
import os
import sys
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

LEARNING_RATE = 1e-3
# Weights whose gradient is smaller are not compared after the step: the first step of Adam has the gradient's sign alone, which
# rounding decides there.
SMALLEST_GRADIENT = 1e-6


def settings(ours, length):
    """RecBole's configuration for weights of these shapes. Two heads are what the tests have."""
    layers = len({name.split(".")[2] for name in ours if name.startswith("weight.blocks.")})
    return {
        "USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id", "LIST_SUFFIX": "_list", "NEG_PREFIX": "neg_",
        "ITEM_LIST_LENGTH_FIELD": "item_length", "MAX_ITEM_LIST_LENGTH": length, "device": "cpu",
        "MASK_ITEM_SEQ": "masked", "POS_ITEMS": "pos", "NEG_ITEMS": "neg", "MASK_INDEX": "index", "mask_ratio": 0.2,
        "n_layers": layers, "n_heads": 2, "hidden_size": ours["weight.positions"].shape[1],
        "inner_size": ours["weight.blocks.0.feed_forward.up.weight"].shape[0], "hidden_dropout_prob": 0.0,
        "attn_dropout_prob": 0.0, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "initializer_range": 0.02,
        "loss_type": "CE",
    }


class Sasrec:
    names = [
        ("items", ["item_embedding.weight"]),
        ("positions", ["position_embedding.weight"]),
        ("embedding.norm", ["LayerNorm"]),
        ("blocks.{}.attention.qkv", ["trm_encoder.layer.{}.multi_head_attention." + one for one in ("query", "key", "value")]),
        ("blocks.{}.attention.out", ["trm_encoder.layer.{}.multi_head_attention.dense"]),
        ("blocks.{}.attention.norm", ["trm_encoder.layer.{}.multi_head_attention.LayerNorm"]),
        ("blocks.{}.feed_forward.up", ["trm_encoder.layer.{}.feed_forward.dense_1"]),
        ("blocks.{}.feed_forward.down", ["trm_encoder.layer.{}.feed_forward.dense_2"]),
        ("blocks.{}.feed_forward.norm", ["trm_encoder.layer.{}.feed_forward.LayerNorm"]),
    ]

    def __init__(self, ours, items, length):
        from recbole.model.sequential_recommender.sasrec import SASRec

        self.model = SASRec(settings(ours, length), SimpleNamespace(num=lambda _field: items))

    def scores(self, histories):
        lengths = torch.full([len(histories)], histories.shape[1])
        return self.model.full_sort_predict({"item_id_list": histories, "item_length": lengths})

    def loss(self, sequences, targets):
        """A row for each target: RecBole has one target a sequence, at the place that its length says."""
        rows, places, items = targets.T
        return self.model.calculate_loss({
            "item_id_list": sequences[rows], "item_length": places + 1, "item_id": items,
        })


class Bert4rec(Sasrec):
    names = Sasrec.names + [("head", ["output_ffn"]), ("head.norm", ["output_ln"])]

    def __init__(self, ours, items, length):
        from recbole.model.sequential_recommender.bert4rec import BERT4Rec

        self.model = BERT4Rec(settings(ours, length), SimpleNamespace(num=lambda _field: items))

    def loss(self, sequences, targets):
        of = [targets[targets[:, 0] == row] for row in range(len(sequences))]
        most = max(len(one) for one in of)
        index = torch.stack([F.pad(one[:, 1], (0, most - len(one))) for one in of])
        positives = torch.stack([F.pad(one[:, 2], (0, most - len(one))) for one in of])
        return self.model.calculate_loss({"masked": sequences, "pos": positives, "neg": positives, "index": index})


class Equations(nn.Module):
    """FMLP-Rec by the equations of its paper, with RecBole's feed-forward layer."""

    def __init__(self, config, items, length):
        from recbole.model.layers import FeedForward

        super().__init__()
        dim, layers = config["hidden_size"], range(config["n_layers"])
        self.item_embeddings = nn.Embedding(items, dim)
        self.position_embeddings = nn.Embedding(length, dim)
        self.norm = nn.LayerNorm(dim, eps=1e-12)
        self.filters = nn.ParameterList(torch.zeros(length // 2 + 1, dim, 2) for _ in layers)
        self.norms = nn.ModuleList(nn.LayerNorm(dim, eps=1e-12) for _ in layers)
        self.feed_forward = nn.ModuleList(
            FeedForward(dim, config["inner_size"], 0.0, config["hidden_act"], 1e-12) for _ in layers
        )

    def forward(self, sequences):
        x = self.norm(self.item_embeddings(sequences) + self.position_embeddings.weight)
        for one, norm, feed_forward in zip(self.filters, self.norms, self.feed_forward):
            spectrum = torch.fft.rfft(x, dim=1, norm="ortho") * torch.view_as_complex(one)
            x = feed_forward(norm(x + torch.fft.irfft(spectrum, n=x.shape[1], dim=1, norm="ortho")))
        return x


class Fmlp:
    names = [
        ("items", ["item_embeddings.weight"]),
        ("positions", ["position_embeddings.weight"]),
        ("embedding.norm", ["norm"]),
        ("blocks.{}.filter.weight", ["filters.{}"]),
        ("blocks.{}.filter.norm", ["norms.{}"]),
        ("blocks.{}.feed_forward.up", ["feed_forward.{}.dense_1"]),
        ("blocks.{}.feed_forward.down", ["feed_forward.{}.dense_2"]),
        ("blocks.{}.feed_forward.norm", ["feed_forward.{}.LayerNorm"]),
    ]

    def __init__(self, ours, items, length):
        self.model = Equations(settings(ours, length), items, length)

    def scores(self, histories):
        return self.model(histories)[:, -1] @ self.model.item_embeddings.weight.T

    def loss(self, sequences, targets):
        return F.cross_entropy(self.scores(sequences), targets[:, 2])


class FmlpAuthors(Fmlp):
    names = [
        ("items", ["item_embeddings.weight"]),
        ("positions", ["position_embeddings.weight"]),
        ("embedding.norm", ["LayerNorm"]),
        ("blocks.{}.filter.weight", ["item_encoder.layer.{}.filterlayer.complex_weight"]),
        ("blocks.{}.filter.norm", ["item_encoder.layer.{}.filterlayer.LayerNorm"]),
        ("blocks.{}.feed_forward.up", ["item_encoder.layer.{}.intermediate.dense_1"]),
        ("blocks.{}.feed_forward.down", ["item_encoder.layer.{}.intermediate.dense_2"]),
        ("blocks.{}.feed_forward.norm", ["item_encoder.layer.{}.intermediate.LayerNorm"]),
    ]

    def __init__(self, ours, items, length):
        sys.path.insert(0, os.environ["PIPE_FMLP_REC"])
        from models import FMLPRecModel

        config = settings(ours, length)
        arguments = SimpleNamespace(
            item_size=items, hidden_size=config["hidden_size"], max_seq_length=length, hidden_dropout_prob=0.0,
            num_hidden_layers=config["n_layers"], hidden_act="gelu", no_filters=False, initializer_range=0.02,
            cuda_condition=False, num_attention_heads=2, attention_probs_dropout_prob=0.0,
        )
        self.model = FMLPRecModel(arguments)


PEERS = {"sasrec": Sasrec, "bert4rec": Bert4rec, "fmlp": Fmlp, "fmlp-authors": FmlpAuthors}


def theirs(peer, name, layers):
    """The names of the peer's parameters that one of our weights stands for, in order."""
    for pattern, parts in peer.names:
        for layer in range(layers):
            own = pattern.format(layer)
            if name == own:
                return [part.format(layer) for part in parts]
            for kind in ("weight", "bias"):
                if name == f"{own}.{kind}":
                    return [f"{part.format(layer)}.{kind}" for part in parts]
    raise SystemExit(f"{name} has no counterpart")


def read(peer, name, layers, values):
    """A weight of ours, made of the peer's values by name."""
    parts = theirs(peer, name, layers)
    value = torch.cat([values[part] for part in parts], 0)
    if name == "positions":
        return value.flip(0)
    if name == "items" and "output_bias" in values:
        bias = values["output_bias"]
        return torch.cat([value, F.pad(bias, (0, len(value) - len(bias)))[:, None]], 1)
    return value


def write(peer, name, layers, value):
    """Gives the peer's parameters the value of a weight of ours."""
    named = dict(peer.model.named_parameters())
    if name == "positions":
        value = value.flip(0)
    if name == "items" and "output_bias" in named:
        named["output_bias"].data.copy_(value[: len(named["output_bias"]), -1])
        value = value[:, :-1]
    parts = theirs(peer, name, layers)
    for part, piece in zip(parts, value.chunk(len(parts), 0)):
        named[part].data.copy_(piece.view_as(named[part]))


def largest(ours, found):
    if ours.numel() != found.numel():
        raise SystemExit(f"shapes differ: {tuple(ours.shape)} and {tuple(found.shape)}")
    return (ours - found.view_as(ours)).abs().max().item()


def main():
    kind, file = sys.argv[1:]
    ours = load_file(file)
    sequences, histories, targets = ours["sequences"], ours["histories"], ours["targets"]
    peer = PEERS[kind](ours, ours["scores"].shape[1], sequences.shape[1])
    peer.model.eval()
    names = [name.removeprefix("weight.") for name in ours if name.startswith("weight.")]
    layers = len({name.split(".")[1] for name in names if name.startswith("blocks.")})
    for name in names:
        write(peer, name, layers, ours[f"weight.{name}"])
    with torch.no_grad():
        scores = peer.scores(histories)

    loss = peer.loss(sequences, targets)
    loss.backward()
    named = dict(peer.model.named_parameters())
    missing = [name for name, parameter in named.items() if parameter.grad is None]
    if missing:
        raise SystemExit(f"without a gradient: {missing}")
    by_name = {name: parameter.grad for name, parameter in named.items()}
    gradients = {name: read(peer, name, layers, by_name) for name in names}

    torch.optim.Adam(peer.model.parameters(), lr=LEARNING_RATE).step()
    values = {name: parameter.detach() for name, parameter in named.items()}
    step, compared, total = 0.0, 0, 0
    for name in names:
        own = ours[f"after.{name}"]
        clear = gradients[name].view_as(own).abs() > SMALLEST_GRADIENT
        difference = (own - read(peer, name, layers, values).view_as(own)).abs()
        step = max(step, difference[clear].max().item() if clear.any() else 0.0)
        compared, total = compared + clear.sum().item(), total + clear.numel()
    print(json.dumps({
        "scores": largest(ours["scores"], scores),
        "loss": abs(ours["loss"].item() - loss.item()),
        "gradients": max(largest(ours[f"gradient.{name}"], gradients[name]) for name in names),
        "step": step,
        "weights": len(names),
        "compared_of_step": compared / total,
    }))


if __name__ == "__main__":
    main()

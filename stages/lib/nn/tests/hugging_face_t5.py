"""What transformers makes of the T5 that the tests of this crate wrote, as JSON.

    hugging_face_t5.py FOLDER    compares FOLDER/model with the tensors of FOLDER/case.safetensors
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

# Projections that are trained as one tensor, under the name of the first.
STACKED = {
    "SelfAttention.q": ["SelfAttention.q", "SelfAttention.k", "SelfAttention.v"],
    "EncDecAttention.k": ["EncDecAttention.k", "EncDecAttention.v"],
    "DenseReluDense.wi_0": ["DenseReluDense.wi_0", "DenseReluDense.wi_1"],
}


def largest(ours, theirs):
    if ours.shape != theirs.shape:
        raise SystemExit(f"shapes differ: {tuple(ours.shape)} and {tuple(theirs.shape)}")
    return (ours - theirs).abs().max().item()


def together(by_name, name):
    """The tensors that one of ours stands for, stacked."""
    for first, parts in STACKED.items():
        if name.endswith(first):
            names = [name.removesuffix(first) + part for part in parts]
            return torch.cat([by_name[part + ".weight"] for part in names], 0)
    return by_name[name + ".weight"]


def main():
    from transformers import T5ForConditionalGeneration

    folder = Path(sys.argv[1])
    ours = load_file(folder / "case.safetensors")
    model = T5ForConditionalGeneration.from_pretrained(folder / "model", dtype=torch.float32).eval()
    source, mask, target, labels = ours["source"], ours["mask"], ours["target"], ours["labels"]
    logits = model(input_ids=source, attention_mask=mask, decoder_input_ids=target, use_cache=False).logits
    loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
    loss.backward()
    named = dict(model.named_parameters())
    gradients = {name: parameter.grad for name, parameter in named.items() if parameter.grad is not None}

    found = {name.removeprefix("gradient."): value for name, value in ours.items() if name.startswith("gradient.")}
    differences = {name: largest(value, together(gradients, name)) for name, value in found.items()}

    torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0).step()
    values = {name: parameter.detach() for name, parameter in named.items()}
    after = {name.removeprefix("after."): value for name, value in ours.items() if name.startswith("after.")}
    steps = {name: largest(value, together(values, name)) for name, value in after.items()}

    fresh = T5ForConditionalGeneration.from_pretrained(folder / "model", dtype=torch.float32).eval()
    count = ours["greedy"].shape[1]
    with torch.no_grad():
        written = fresh.generate(
            source, attention_mask=mask, do_sample=False, num_beams=1, max_new_tokens=count, min_new_tokens=count,
            use_cache=False,
        )[:, 1:]
    print(json.dumps({
        "logits": largest(ours["logits"], logits.detach()),
        "loss": abs(ours["loss"].item() - loss.item()),
        "gradients": max(differences.values()),
        "compared_gradients": len(differences),
        "step": max(steps.values()),
        "compared_weights": len(steps),
        "same_tokens": bool((written == ours["greedy"]).all()),
    }))


if __name__ == "__main__":
    main()

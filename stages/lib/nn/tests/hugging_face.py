"""What transformers, peft and sentencepiece make of what the tests of this crate wrote, as JSON.

    hugging_face.py model FOLDER    compares a model with the tensors beside it: the largest difference of each
    hugging_face.py pieces FOLDER   trains a SentencePiece model and says how it cuts texts
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file


def loss_of(logits, ids, start):
    """The mean cross-entropy of the tokens from `start` on."""
    return F.cross_entropy(logits[:, start - 1 : -1].reshape(-1, logits.shape[-1]), ids[:, start:].reshape(-1))


def largest(ours, theirs):
    if ours.shape != theirs.shape:
        raise SystemExit(f"shapes differ: {tuple(ours.shape)} and {tuple(theirs.shape)}")
    return (ours - theirs).abs().max().item()


def whole(folder, ours):
    """Logits and all gradients of the model that trains whole."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    ids = ours["ids"]
    logits = model(ids).logits
    loss_of(logits, ids, ours["start"].item()).backward()
    by_name = dict(model.named_parameters())

    def gradient(name):
        if name.endswith("q_proj"):
            stacked = [name, name[:-6] + "k_proj", name[:-6] + "v_proj"]
        elif name.endswith("gate_proj"):
            stacked = [name, name[:-9] + "up_proj"]
        else:
            named = {"embed_tokens": "model.embed_tokens", "norm": "model.norm", "lm_head": "lm_head"}.get(name)
            if named is None and name.endswith("attention_norm"):
                named = "model." + name.replace("attention_norm", "input_layernorm")
            elif named is None and name.endswith("feed_forward_norm"):
                named = "model." + name.replace("feed_forward_norm", "post_attention_layernorm")
            stacked = [named or name]
        return torch.cat([by_name[part + ".weight"].grad for part in stacked], 0)

    gradients = {name[9:]: value for name, value in ours.items() if name.startswith("gradient.")}
    return {
        "logits": largest(ours["logits"], logits.detach()),
        "gradients": max(largest(value, gradient(name)) for name, value in gradients.items()),
        "compared_gradients": len(gradients),
    }


def adapter(folder, ours):
    """The adapter on its base, as peft loads it: logits, and the gradients of what is trained."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    old = base.get_input_embeddings().weight.shape[0]
    ids = ours["ids"]
    base.resize_token_embeddings(old + ours["added"].item(), mean_resizing=False)
    model = PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True).eval()
    logits = model(ids).logits
    loss_of(logits, ids, ours["start"].item()).backward()
    by_name = {name: tensor for name, tensor in model.named_parameters() if tensor.grad is not None}

    def rows(module):
        return sum(tensor.grad[old:] for name, tensor in by_name.items() if f".{module}." in name and "lora" not in name)

    def gradient(name):
        if name in ("embed_tokens", "lm_head"):
            tied = name == "embed_tokens" and "gradient.lm_head" not in ours
            return rows(name) + rows("lm_head") if tied else rows(name)
        return by_name[f"base_model.model.{name}.default.weight"].grad

    gradients = {name[9:]: value for name, value in ours.items() if name.startswith("gradient.")}
    return {
        "logits": largest(ours["logits"], logits.detach()),
        "gradients": max(largest(value, gradient(name)) for name, value in gradients.items()),
        "compared_gradients": len(gradients),
    }


def merged(folder, ours):
    """The plain folder: logits, and what it writes when the likeliest token is always taken."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=torch.float32).eval()
    ids = ours["ids"]
    with torch.no_grad():
        logits = model(ids).logits
        written = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=1,
            max_new_tokens=ours["greedy"].shape[1], min_new_tokens=ours["greedy"].shape[1], pad_token_id=0,
        )[:, ids.shape[1]:]
    return {"logits": largest(ours["logits"], logits), "same_tokens": bool((written == ours["greedy"]).all())}


def pieces(folder):
    import sentencepiece

    corpus = (folder / "corpus.txt").read_text().splitlines()
    prefix = str(folder / "tokenizer")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "corpus.txt"), model_prefix=prefix, vocab_size=350, model_type="bpe", byte_fallback=True,
        character_coverage=0.99, split_digits=True, normalization_rule_name="identity", add_dummy_prefix=True,
        remove_extra_whitespaces=False, minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=prefix + ".model")
    texts = corpus + ["a word that is new, 1234 times", "naïve 木 \u2603 end", "two  spaces", "x"]
    return [{"text": text, "ids": [processor.bos_id()] + processor.encode(text)} for text in texts]


def main():
    what, folder = sys.argv[1], Path(sys.argv[2])
    torch.manual_seed(0)
    if what == "pieces":
        answer = pieces(folder)
    else:
        parts = {"whole": whole, "adapter": adapter, "merged": merged}
        answer = {name: part(folder, load_file(folder / f"{name}.safetensors")) for name, part in parts.items()}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

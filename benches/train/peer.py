"""Fine-tunes as people do with transformers and peft: a sample a row, padded, loss on the label. A step's samples are
sorted by length and computed some rows at a time, so that little is padded and temporary tensors stay small. Reads what
it is to train from the standard input, as JSON; prints label tokens a second and peak memory."""

import json
import random
import resource
import sys
import time

import peft
import torch
import transformers

IGNORED = -100


def rows(tokenizer, samples):
    """The tokens of each sample, and where its label begins."""
    for sample in samples:
        question = tokenizer(sample["prompt"]).input_ids
        answer = tokenizer(sample["label"], add_special_tokens=False).input_ids
        yield question + answer, len(question)


def batch(chosen):
    width = max(len(tokens) for tokens, _ in chosen)
    ids = torch.zeros(len(chosen), width, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, (tokens, label) in enumerate(chosen):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        labels[row, label : len(tokens)] = ids[row, label : len(tokens)]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def model(path, tokens, device, kind):
    """The model with adapters; of the tokens' rows those of new tokens train, those of old ones stay."""
    base = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=kind, attn_implementation="sdpa").to(device)
    old = base.get_input_embeddings().weight.shape[0]
    base.resize_token_embeddings(tokens, mean_resizing=False)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    new, tables = list(range(old, tokens)), ["embed_tokens"]
    if not base.config.tie_word_embeddings:
        tables.append("lm_head")
    config = peft.LoraConfig(
        r=8, lora_alpha=32, lora_dropout=0.0, target_modules=targets, trainable_token_indices={name: new for name in tables},
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(base, config).train()


def weights_of_blocks(tuned):
    """How many weights the matrices of the blocks have, without adapters."""
    named = tuned.named_parameters()
    return sum(one.numel() for name, one in named if ".layers." in name and one.dim() == 2 and "lora" not in name)


def peak(device, kind):
    """Operations a second of a large product, the best of three."""
    size = 8192 if device == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    best = float("inf")
    for _ in range(4):
        begin = time.perf_counter()
        (left @ right).sum().item()
        best = min(best, time.perf_counter() - begin)
    return 2 * size**3 / best


def gradients(tuned, chosen, rows_at_once, device):
    """Adds the gradients of the mean loss over all label tokens, and gives their number."""
    by_length = sorted(chosen, key=lambda sample: len(sample[0]))
    counted = sum(len(tokens) - label for tokens, label in chosen)
    for first in range(0, len(by_length), rows_at_once):
        part = {name: tensor.to(device) for name, tensor in batch(by_length[first : first + rows_at_once]).items()}
        (tuned(**part).loss * (part["labels"] != IGNORED).sum() / counted).backward()
    return counted


def main():
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    torch.manual_seed(0)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=f"{asked['tokenizer']}/tokenizer.json")
    samples = json.load(open(asked["samples"]))[0]["content"]["prompts"]["samples"]
    encoded = list(rows(tokenizer, samples))
    random.Random(0).shuffle(encoded)
    device, kind = asked["device"], {"f32": torch.float32, "bf16": torch.bfloat16}[asked["precision"]]
    reachable = peak(device, kind)
    tuned = model(asked["model"], len(tokenizer), device, kind)
    optimizer = torch.optim.AdamW([one for one in tuned.parameters() if one.requires_grad], lr=1e-4, weight_decay=0.01)
    size, counted, seconds, step = asked["samples_a_step"], 0, 0.0, 0
    while seconds < asked["seconds"]:
        at = step * size % max(1, len(encoded) - size)
        chosen = encoded[at : at + size]
        begin = time.perf_counter()
        labels = gradients(tuned, chosen, asked["rows_at_once"], device)
        torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if device == "cuda":
            torch.cuda.synchronize()
        # The first step warms up.
        if step > 0:
            seconds += time.perf_counter() - begin
            counted += labels
        step += 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    name = f"transformers {transformers.__version__}, peft {peft.__version__}"
    about = {"name": name, "steps": step, "weights": weights_of_blocks(tuned), "peak": reachable}
    print(json.dumps({**about, "speed": counted / seconds, "memory": memory}))


if __name__ == "__main__":
    main()

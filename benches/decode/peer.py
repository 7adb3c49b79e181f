"""Decodes as people do with transformers: `generate` with beams and a function that allows the tokens of the trie. Users are
decoded some at a time, those with prompts of one length together. Reads what it is to decode from the standard input, as JSON;
prints users a second, peak memory, and each user's codes with their log-probabilities."""

import itertools
import json
import resource
import string
import sys
import time
from pathlib import Path

import peft
import torch
import transformers

LEAD = "Items in order of time:"


def text(code):
    return "".join(f"<{letter}_{number}>" for letter, number in zip(string.ascii_lowercase, code))


def load(asked, kind):
    tuned = asked["tuned"]
    if not (Path(tuned) / "adapter_config.json").is_file():
        return transformers.AutoModelForCausalLM.from_pretrained(tuned, dtype=kind).eval()
    tokens = len(transformers.PreTrainedTokenizerFast(tokenizer_file=f"{tuned}/tokenizer.json"))
    base = transformers.AutoModelForCausalLM.from_pretrained(asked["model"], dtype=kind)
    base.resize_token_embeddings(tokens, mean_resizing=False)
    return peft.PeftModel.from_pretrained(base, tuned).merge_and_unload().to(kind).eval()


def main():
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=f"{asked['tuned']}/tokenizer.json")
    model = load(asked, {"f32": torch.float32, "bf16": torch.bfloat16}[asked["precision"]])
    ids = lambda of: tokenizer(of, add_special_tokens=False).input_ids  # noqa: E731
    children, code_of = {}, {}
    for code in asked["codes"]:
        tokens = ids(text(code))
        code_of[tuple(tokens)] = code
        for level in range(len(tokens)):
            children.setdefault(tuple(tokens[:level]), set()).add(tokens[level])
    children = {prefix: sorted(tokens) for prefix, tokens in children.items()}
    prompts = {user: tokenizer(LEAD + "".join(map(text, items))).input_ids for user, items in asked["prompts"].items()}
    ordered = sorted(prompts, key=lambda user: len(prompts[user]))
    lists, seconds = {}, 0.0
    for length, users in itertools.groupby(ordered, key=lambda user: len(prompts[user])):
        users = list(users)
        for first in range(0, len(users), asked["rows"]):
            batch = users[first : first + asked["rows"]]
            begin = time.perf_counter()
            found = search(model, torch.tensor([prompts[user] for user in batch]), children, len(asked["codes"][0]), asked["beam"])
            seconds += time.perf_counter() - begin
            rows = zip(found.sequences[:, length:].tolist(), found.sequences_scores.tolist())
            for user in batch:
                lists[user] = [(code_of[tuple(tokens)], score) for tokens, score in itertools.islice(rows, asked["beam"])]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    name = f"transformers {transformers.__version__}"
    print(json.dumps({"name": name, "speed": len(lists) / seconds, "memory": memory, "lists": lists}))


@torch.inference_mode()
def search(model, prompts, children, levels, beam):
    length = prompts.shape[1]
    return model.generate(
        input_ids=prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=levels, num_beams=beam, num_return_sequences=beam,
        do_sample=False, length_penalty=0.0, eos_token_id=None, pad_token_id=0, return_dict_in_generate=True, output_scores=True,
        prefix_allowed_tokens_fn=lambda _, tokens: children[tuple(tokens[length:].tolist())],
    )


if __name__ == "__main__":
    main()

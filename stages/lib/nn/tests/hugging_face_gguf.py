"""GGUF files as transformers, gguf and tokenizers read them.

    hugging_face_gguf.py quantised FOLDER   writes a tiny model in every quantisation, with the logits of transformers
    hugging_face_gguf.py whole FILE FOLDER [ITEMS.json]
        logits and a greedy text of the model in FILE, and the tokens of 10,000 titles, into FOLDER
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file

HIDDEN, INNER, HEADS, KV_HEADS, TOKENS = 256, 512, 8, 2, 64
TYPES = [Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q8_0, Type.Q4_K, Type.Q5_K, Type.Q6_K]
WRITTEN = 200


def blocks(generator, shape, kind):
    """Random bytes of that type; scales are drawn so that the numbers are small."""
    if kind in (Type.F32, Type.F16, Type.BF16):
        values = generator.normal(0, 0.05, shape).astype(np.float32)
        return gguf.quants.quantize(values, kind)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    rows = generator.integers(0, 256, (*shape[:-1], shape[-1] // block, size), dtype=np.uint8)
    # Where the half-precision scales of a block are, and how large they may be.
    small = {
        Type.Q4_0: ([0], 0.01), Type.Q4_1: ([0, 2], 0.01), Type.Q8_0: ([0], 0.0005), Type.Q4_K: ([0, 2], 0.0002),
        Type.Q5_K: ([0, 2], 0.0001), Type.Q6_K: ([208], 0.00002),
    }
    places, largest = small[kind]
    for place in places:
        scales = generator.uniform(-largest, largest, rows.shape[:-1]).astype(np.float16)
        rows[..., place : place + 2] = scales[..., None].view(np.uint8)
    return rows.reshape(*shape[:-1], -1)


def write_tiny(path, kind, generator):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(50_000.0)
    writer.add_vocab_size(TOKENS)

    def add(name, *shape):
        writer.add_tensor(name, blocks(generator, shape, kind), raw_dtype=kind)

    def add_norm(name):
        writer.add_tensor(name, generator.normal(1, 0.1, HIDDEN).astype(np.float32))

    add("token_embd.weight", TOKENS, HIDDEN)
    add("output.weight", TOKENS, HIDDEN)
    add_norm("output_norm.weight")
    keys = HIDDEN // HEADS * KV_HEADS
    for number in range(2):
        block = f"blk.{number}"
        add_norm(f"{block}.attn_norm.weight")
        add_norm(f"{block}.ffn_norm.weight")
        add(f"{block}.attn_q.weight", HIDDEN, HIDDEN)
        add(f"{block}.attn_k.weight", keys, HIDDEN)
        add(f"{block}.attn_v.weight", keys, HIDDEN)
        add(f"{block}.attn_output.weight", HIDDEN, HIDDEN)
        add(f"{block}.ffn_gate.weight", INNER, HIDDEN)
        add(f"{block}.ffn_up.weight", INNER, HIDDEN)
        add(f"{block}.ffn_down.weight", HIDDEN, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(file):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()


def quantised(folder):
    generator = np.random.default_rng(5)
    names = []
    for kind in TYPES:
        path = folder / f"{kind.name}.gguf"
        write_tiny(path, kind, generator)
        ids = torch.from_numpy(generator.integers(0, TOKENS, (2, 12)))
        with torch.no_grad():
            logits = load(path)(ids).logits.contiguous()
        save_file({"ids": ids, "logits": logits}, folder / f"{kind.name}.safetensors")
        names.append(kind.name)
    return names


def greedy(model, ids):
    """The likeliest tokens, without an end: generate() either stops at the end token or never writes it."""
    step, cache, written = ids, None, []
    for _ in range(WRITTEN):
        answer = model(step, past_key_values=cache, use_cache=True)
        cache = answer.past_key_values
        step = answer.logits[:, -1].argmax(-1, keepdim=True)
        written.append(step)
    return torch.cat(written, 1)


def titles_of(items):
    items = json.loads(Path(items).read_text())
    return [items[number]["title"] for number in sorted(items, key=int)][:10_000]


def whole(file, folder, items):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    fields = gguf.GGUFReader(file).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    prompt = tokenizer.encode("The three most popular toys for children who like to build things are").ids
    ids = torch.tensor([prompt])
    model = load(file)
    with torch.no_grad():
        logits = model(ids).logits.contiguous()
        written = greedy(model, ids)
    save_file({"ids": ids, "logits": logits, "greedy": written.contiguous()}, folder / "whole.safetensors")
    titles = titles_of(items) if items else []
    of_title = [encoding.ids for encoding in tokenizer.encode_batch(titles)]
    (folder / "titles.json").write_text(json.dumps([titles, of_title]))
    return {"text": tokenizer.decode(written[0].tolist()), "titles": len(titles)}


def main():
    what, first = sys.argv[1], Path(sys.argv[2])
    torch.manual_seed(0)
    # One token at a time is a matter of memory, not of threads.
    torch.set_num_threads(1)
    if what == "quantised":
        answer = quantised(first)
    else:
        answer = whole(first, Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

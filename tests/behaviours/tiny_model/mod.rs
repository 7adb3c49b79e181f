//! A language model in a GGUF file that is made in no time.

#[path = "../../../stages/lib/gguf/tests/gguf_bytes/mod.rs"]
mod gguf_bytes;

use gguf_bytes::{F32, I32, file_of, list, number, pair, text, texts};

/// The characters that stand for the bytes in byte-level tokenizers: printable ones for themselves, the others from 256 on.
fn alphabet() -> Vec<String> {
    let is_printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut other = 256..;
    (0..256)
        .map(|byte| if is_printable(byte) { byte } else { other.next().unwrap() })
        .map(|character| char::from_u32(character).unwrap().to_string())
        .collect()
}

/// A LLaMA of eight blocks whose tokens are two special ones and all bytes, as a GGUF file.
pub(crate) fn tiny() -> Vec<u8> {
    const TOKENS: u64 = 258;
    const WIDTH: u64 = 16;
    const BLOCKS: u32 = 8;
    let alphabet = alphabet();
    let tokens: Vec<&str> = ["<end>", "<begin>"].into_iter().chain(alphabet.iter().map(String::as_str)).collect();
    let kinds: Vec<Vec<u8>> = (0..TOKENS).map(|id| if id < 2 { 3_i32 } else { 1 }.to_le_bytes().to_vec()).collect();
    let pairs = [
        text("general.architecture", "llama"),
        number("llama.block_count", BLOCKS),
        number("llama.context_length", 2048),
        number("llama.embedding_length", WIDTH as u32),
        number("llama.feed_forward_length", 32),
        number("llama.attention.head_count", 2),
        number("llama.attention.head_count_kv", 1),
        pair("llama.attention.layer_norm_rms_epsilon", F32, &1e-5_f32.to_le_bytes()),
        text("tokenizer.ggml.model", "gpt2"),
        text("tokenizer.ggml.pre", "smollm"),
        texts("tokenizer.ggml.tokens", &tokens),
        list("tokenizer.ggml.token_type", I32, &kinds),
        texts("tokenizer.ggml.merges", &[]),
        number("tokenizer.ggml.bos_token_id", 1),
        number("tokenizer.ggml.eos_token_id", 0),
    ];
    let ends: [(&str, &[u64]); 2] = [("token_embd", &[TOKENS, WIDTH]), ("output_norm", &[WIDTH])];
    let of_block: [(&str, &[u64]); 9] = [
        ("attn_norm", &[WIDTH]),
        ("ffn_norm", &[WIDTH]),
        ("attn_q", &[WIDTH, WIDTH]),
        ("attn_k", &[8, WIDTH]),
        ("attn_v", &[8, WIDTH]),
        ("attn_output", &[WIDTH, WIDTH]),
        ("ffn_gate", &[32, WIDTH]),
        ("ffn_up", &[32, WIDTH]),
        ("ffn_down", &[WIDTH, 32]),
    ];
    let named = |block: u32| of_block.iter().map(move |(name, shape)| (format!("blk.{block}.{name}"), *shape));
    let shapes = ends.iter().map(|(name, shape)| ((*name).to_owned(), *shape)).chain((0..BLOCKS).flat_map(named));
    let tensors = shapes.enumerate().map(|(place, (name, shape))| {
        let count = shape.iter().product::<u64>();
        let numbers = (0..count).map(|number| ((number + 1) as f32 * (place as f32 + 1.7)).sin() * 0.3 + 0.05);
        (format!("{name}.weight"), shape.to_vec(), numbers.collect())
    });
    file_of(&pairs, &tensors.collect::<Vec<_>>())
}

//! A GGUF file is a language model wherever a Hugging Face folder is: it is tuned, ranks, and is exported; a damaged one is refused.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

#[path = "../stages/lib/gguf/tests/gguf_bytes/mod.rs"]
mod gguf_bytes;
mod space;

use gguf_bytes::{F32, I32, file_of, list, number, pair, text, texts};
use serde_json::Value;
use space::Space;

const PIPELINE: &str = r#"
extends = "quick.toml"
name = "tune"

[stage.text]
uses = "text"
inputs = { items = "ingest.items" }
llm = "tiny.gguf"
layer = "last"

[stage.codebook]
uses = "codebook"
inputs = { items = "text.items" }
levels = 2
codes = 8
epochs = 2
llm_alignment = false

[stage.tasks]
uses = "tasks"
inputs = { interactions = "ingest.interactions", codes = "codebook.codes" }
negatives = 0

[stage.finetune]
uses = "finetune"
inputs = { tasks = "tasks.prompts", codes = "codebook.codes" }
llm = "tiny.gguf"
epochs = 1

[stage.precache]
uses = "precache"
inputs = { interactions = "ingest.interactions", codes = "codebook.codes", model = "finetune.model" }
llm = "tiny.gguf"
"#;

/// The characters that stand for the bytes in byte-level tokenizers: printable ones for themselves, the others from 256 on.
fn alphabet() -> Vec<String> {
    let is_printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut other = 256..;
    (0..256)
        .map(|byte| if is_printable(byte) { byte } else { other.next().unwrap() })
        .map(|character| char::from_u32(character).unwrap().to_string())
        .collect()
}

/// A LLaMA of one block whose tokens are two special ones and all bytes.
fn tiny() -> Vec<u8> {
    const TOKENS: u64 = 258;
    const WIDTH: u64 = 16;
    let alphabet = alphabet();
    let tokens: Vec<&str> = ["<end>", "<begin>"].into_iter().chain(alphabet.iter().map(String::as_str)).collect();
    let kinds: Vec<Vec<u8>> = (0..TOKENS).map(|id| if id < 2 { 3_i32 } else { 1 }.to_le_bytes().to_vec()).collect();
    let pairs = [
        text("general.architecture", "llama"),
        number("llama.block_count", 1),
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
    let shapes: [(&str, &[u64]); 11] = [
        ("token_embd", &[TOKENS, WIDTH]),
        ("output_norm", &[WIDTH]),
        ("blk.0.attn_norm", &[WIDTH]),
        ("blk.0.ffn_norm", &[WIDTH]),
        ("blk.0.attn_q", &[WIDTH, WIDTH]),
        ("blk.0.attn_k", &[8, WIDTH]),
        ("blk.0.attn_v", &[8, WIDTH]),
        ("blk.0.attn_output", &[WIDTH, WIDTH]),
        ("blk.0.ffn_gate", &[32, WIDTH]),
        ("blk.0.ffn_up", &[32, WIDTH]),
        ("blk.0.ffn_down", &[WIDTH, 32]),
    ];
    let tensors = shapes.iter().enumerate().map(|(place, (name, shape))| {
        let count = shape.iter().product::<u64>();
        let numbers = (0..count).map(|number| ((number + 1) as f32 * (place as f32 + 1.7)).sin() * 0.3 + 0.05);
        (format!("{name}.weight"), shape.to_vec(), numbers.collect())
    });
    file_of(&pairs, &tensors.collect::<Vec<_>>())
}

fn with_model(bytes: &[u8]) -> Space {
    let space = Space::quick();
    space.write("tune.toml", PIPELINE);
    space.write("tiny.gguf", bytes);
    space
}

#[test]
fn a_file_is_tuned_ranks_and_is_exported() {
    let space = with_model(&tiny());
    space.succeed(&["run", "tune.toml"]);
    let said = space.succeed(&["export", "model", "tiny.gguf", "--output", "plain"]).out;
    assert!(said.starts_with("the model is in plain ("), "{said}");
    for file in
        ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]
    {
        assert!(space.path("plain").join(file).is_file(), "{file}");
    }
    // The folder is the same model: its texts have the vectors that the file gave.
    let vectors = |settings: &[&str]| {
        space.succeed(&[&["run", "tune.toml", "--until", "text"], settings].concat());
        std::fs::read(space.path("artifacts/tune/text/embeddings/embeddings.safetensors")).unwrap()
    };
    assert!(vectors(&[]) == vectors(&["--set", "text.llm=plain"]));
    space.succeed(&["export", "merged", "tune.toml", "--output", "merged"]);
    let config = std::fs::read_to_string(space.path("merged/config.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&config).unwrap()["vocab_size"].as_u64().unwrap() > 258);
    let again = space.pipe(&["export", "model", "tiny.gguf", "--output", "plain"]);
    assert!(again.code == 2 && again.err.contains("plain is there already"), "{}", again.err);
    let none = space.pipe(&["export", "model", "none.gguf", "--output", "other"]);
    assert!(none.code == 2 && none.err.contains("there is no model at none.gguf"), "{}", none.err);
}

#[test]
fn a_damaged_or_unread_file_ends_the_stage_with_its_name_and_the_way_out() {
    let whole = tiny();
    let name = b"token_embd.weight";
    let place = whole.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 16;
    let mut quantised = whole.clone();
    quantised[place] = 7;
    for (bytes, code, message, hint) in [
        (
            &whole[..whole.len() - 50],
            21,
            "tiny.gguf: it is cut short: the tensor 'blk.0.ffn_down.weight'",
            "fetch the file again",
        ),
        (b"not a model", 21, "tiny.gguf: it is no GGUF file", "a Hugging Face folder or a GGUF file"),
        (&quantised, 25, "'token_embd.weight' has the quantisation Q5_1, which is not read", "another quantisation"),
    ] {
        let space = with_model(bytes);
        let outcome = space.pipe(&["run", "tune.toml", "--until", "text"]);
        assert_eq!(outcome.code, code, "{}{}", outcome.out, outcome.err);
        assert!(outcome.err.contains(message) && outcome.err.contains(hint), "{}", outcome.err);
        let exported = space.pipe(&["export", "model", "tiny.gguf", "--output", "plain"]);
        assert_eq!(exported.code, code, "{}", exported.err);
        assert!(!space.path("plain").exists());
    }
}

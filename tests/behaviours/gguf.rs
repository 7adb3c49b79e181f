//! A GGUF file is a language model wherever a Hugging Face folder is: it is tuned, ranks, and is exported; a damaged one is refused.

use crate::space::Space;
use crate::tiny_model::tiny;
use serde_json::Value;

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
            "tiny.gguf: it is cut short: the tensor 'blk.7.ffn_down.weight'",
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

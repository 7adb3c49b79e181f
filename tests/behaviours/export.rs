//! `pipe export merged`: the tuned model as a plain folder, by adapter and whole, and what it refuses.

use crate::space::Space;
use serde_json::Value;

const PIPELINE: &str = r#"
extends = "quick.toml"
name = "tune"

[stage.sample]
flaws = 0.0

[stage.cooccurrence]
uses = "cooccurrence"
inputs = { interactions = "ingest.interactions" }
dim = 8

[stage.codebook]
uses = "codebook"
inputs = { items = "cooccurrence.items" }
levels = 2
codes = 8
epochs = 2
llm_alignment = false

[stage.llm]
uses = "llama"
inputs = { items = "ingest.items" }
vocabulary = 300
hidden = 16
layers = 1
heads = 2
kv_heads = 1
intermediate = 32

[stage.tasks]
uses = "tasks"
inputs = { interactions = "ingest.interactions", codes = "codebook.codes" }
negatives = 0

[stage.finetune]
uses = "finetune"
inputs = { tasks = "tasks.prompts", codes = "codebook.codes", llm = "llm.model" }
epochs = 1
"#;

/// The tensors of a safetensors file: names and shapes.
fn tensors(space: &Space, file: &str) -> Vec<(String, Value)> {
    let bytes = std::fs::read(space.path(file)).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__");
    tensors.map(|(name, tensor)| (name, tensor["shape"].clone())).collect()
}

#[test]
fn a_tuned_model_becomes_one_plain_folder() {
    let space = Space::quick();
    space.write("tune.toml", PIPELINE);
    let early = space.pipe(&["export", "merged", "tune.toml", "--output", "plain"]);
    assert!(early.code == 15 && early.err.contains("--until finetune"), "{}", early.err);
    assert!(!space.path("plain").exists());

    space.succeed(&["run", "tune.toml"]);
    let text = space.succeed(&["export", "merged", "tune.toml", "--output", "plain"]).out;
    assert!(text.contains("with its adapter merged"), "{text}");
    let found = tensors(&space, "plain/model.safetensors");
    assert!(found.iter().all(|(name, _)| !name.contains("lora")), "{found:?}");
    let config: Value = serde_json::from_slice(&std::fs::read(space.path("plain/config.json")).unwrap()).unwrap();
    let embedding = found.iter().find(|(name, _)| name == "model.embed_tokens.weight").unwrap();
    assert_eq!(embedding.1[0], config["vocab_size"]);
    for file in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        assert!(space.path("plain").join(file).is_file(), "{file}");
    }
    let again = space.pipe(&["export", "merged", "tune.toml", "--output", "plain"]);
    assert!(again.code == 2 && again.err.contains("is there already"), "{}", again.err);

    let all = ["--set", "finetune.train=all"];
    space.succeed(&[&["run", "tune.toml"], &all[..]].concat());
    let whole = space.succeed(&[&["export", "merged", "tune.toml", "--output", "deep/whole"], &all[..]].concat()).out;
    assert!(whole.contains("whole, since all weights were tuned"), "{whole}");
    assert_eq!(tensors(&space, "deep/whole/model.safetensors").len(), found.len());
    let none = space.pipe(&["export", "merged", "tune.toml", "--output", "none", "--stage", "llm"]);
    assert!(none.code == 2 && none.err.contains("stage 'llm' makes no tuned model"), "{}", none.err);
    let left: Vec<_> = std::fs::read_dir(space.path("deep")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn an_item_head_is_exported_beside_the_weights() {
    let space = Space::quick();
    space.write("tune.toml", format!("{PIPELINE}item_head = true\n"));
    space.succeed(&["run", "tune.toml"]);
    space.succeed(&["export", "merged", "tune.toml", "--output", "plain"]);
    let tuned = space.path("artifacts/tune/finetune/model/item_head.safetensors");
    assert_eq!(std::fs::read(space.path("plain/item_head.safetensors")).unwrap(), std::fs::read(tuned).unwrap());
}

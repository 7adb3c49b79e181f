//! `pipe tokenize`: codes for new items by embedding and by text, and what it refuses.

use crate::space::Space;
use serde_json::Value;

const PIPELINE: &str = r#"
extends = "quick.toml"
name = "new"

[stage.sample]
flaws = 0.0

[stage.dccf]
uses = "dccf"
inputs = { interactions = "ingest.interactions" }
dim = 8
stopping = "epochs"
epochs = 2

[stage.llm]
uses = "llama"
inputs = { items = "ingest.items" }
vocabulary = 512
hidden = 16
layers = 1
heads = 2
kv_heads = 2
intermediate = 32

[stage.text]
uses = "text"
inputs = { items = "ingest.items", llm = "llm.model" }

[stage.codebook]
uses = "codebook"
inputs = { items = "dccf.items", text = "text.embeddings" }
levels = 3
codes = 8
epochs = 3
"#;

/// The items of the pipeline itself, given as new ones: the table has titles and descriptions.
fn own_items(space: &Space, set: &[&str]) -> String {
    let arguments = [&["cache", "path", "new.toml", "ingest.items"], set].concat();
    format!("{}/items.parquet", space.succeed(&arguments).out.trim_end())
}

fn rows(space: &Space, items: &str, more: &[&str]) -> Vec<Value> {
    let arguments = [&["tokenize", "new.toml", "--items", items, "--json"], more].concat();
    serde_json::from_str(&space.succeed(&arguments).out).unwrap()
}

#[test]
fn new_items_get_codes_from_text() {
    let space = Space::quick();
    space.write("new.toml", PIPELINE);
    space.write("none.parquet", "no table");
    let early = space.pipe(&["tokenize", "new.toml", "--items", "none.parquet"]);
    assert_eq!(early.code, 15, "{}", early.err);
    assert!(early.err.contains("pipe run new.toml --until codebook"), "{}", early.err);

    space.succeed(&["run", "new.toml"]);
    let items = own_items(&space, &[]);
    let found = rows(&space, &items, &[]);
    assert!(found.len() > 10);
    assert!(
        found.iter().all(|row| row["from"] == "text" && row["code_3"].as_u64().unwrap() < 8 && row["code_4"].is_null())
    );
    assert_eq!(found, rows(&space, &items, &[]));
    let outcome = space.succeed(&["tokenize", "new.toml", "--items", &items, "--output", "codes.parquet"]);
    assert!(outcome.out.contains("0 from an embedding") && space.path("codes.parquet").is_file(), "{}", outcome.out);

    let broken = space.pipe(&["tokenize", "new.toml", "--items", "none.parquet"]);
    assert_eq!(broken.code, 21, "{}", broken.err);
    // Codes are no items: their table has neither embeddings nor texts.
    let other = space.pipe(&["tokenize", "new.toml", "--items", "codes.parquet"]);
    assert_eq!(other.code, 25, "{}", other.err);
    assert!(other.err.contains("has codes already"), "{}", other.err);

    for (set, message) in [
        ("codebook.levels=1", "a new item cannot have a code"),
        ("codebook.llm_alignment=false", "has no projection"),
        ("codebook.projection=\"pca\"", "does not lead from a text"),
    ] {
        space.succeed(&["run", "new.toml", "--set", set]);
        let refused = space.pipe(&["tokenize", "new.toml", "--items", &items, "--set", set]);
        assert_eq!(refused.code, 25, "{}", refused.err);
        assert!(refused.err.contains(message), "{}", refused.err);
    }

    let last = ["--set", "text.layer=last", "--set", "codebook.held_out=0.2"];
    space.succeed(&[&["run", "new.toml"], &last[..]].concat());
    assert_eq!(rows(&space, &items, &last).len(), found.len());
}

//! Items held out of training altogether: what `ingest` leaves of them, and that lists find them by their texts.

use crate::space::walkers::{pipe, walkers};
use crate::tiny_model;
use serde_json::Value;

/// The settings that make every stage quick.
const QUICK: [&str; 8] = [
    "ingest.new_items=0.2",
    "dccf.epochs=1",
    "codebook.codes=8",
    "codebook.epochs=2",
    "tasks.negatives=0",
    "llm.hidden=16",
    "llm.layers=1",
    "finetune.epochs=1",
];

#[test]
fn new_items_are_in_lists_though_nothing_was_trained_on_them() {
    let space = walkers();
    space.write("models/smollm2-135m/tiny.gguf", tiny_model::tiny());
    let settings: Vec<&str> = QUICK.iter().flat_map(|setting| ["--set", setting]).collect();
    let run = pipe(&space, "run", "toys-new-items.toml", &settings);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let more = [&settings[..], &["--table", "by_item", "--json"]].concat();
    let printed = pipe(&space, "metrics", "toys-new-items.toml", &more);
    let rows: Vec<Value> = serde_json::from_str(&printed.out).unwrap();
    let of_new = |model: &str| {
        let is = |row: &&Value| row["model"] == model && row["seen"] == "excluded" && row["below"] == 1;
        rows.iter().find(is).unwrap_or_else(|| panic!("no row of {model}: {}", printed.out))
    };
    assert!(of_new("pipe")["users"].as_u64().unwrap() > 10, "{}", printed.out);
    // What counts puts them behind all that it has counted; among new items alone every list has some of these.
    assert_eq!(of_new("item-knn")["HR@1"], 0.0);
    for model in ["pipe-new", "text-knn-new"] {
        assert!(of_new(model)["HR@10"].as_f64().unwrap() > 0.0, "{model}: {}", printed.out);
    }
    let known = rows.iter().filter(|row| row["model"] == "pipe-new" && row["at_least"].as_u64() >= Some(1));
    assert!(known.filter_map(|row| row["HR@10"].as_f64()).all(|ratio| ratio == 0.0));
}

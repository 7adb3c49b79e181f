//! `pipe peek`: samples with what carries loss marked, rows, tensors and reports, and whose result it is.

use crate::space::Space;
use serde_json::Value;
use std::collections::BTreeSet;

const PIPELINE: &str = r#"
extends = "../quick.toml"
name = "look"

[stage.sample]
flaws = 0.0

[stage.dccf]
uses = "dccf"
inputs = { interactions = "ingest.interactions" }
dim = 8
stopping = "epochs"
epochs = 2

[stage.codebook]
uses = "codebook"
inputs = { items = "dccf.items" }
levels = 3
codes = 8
epochs = 3
llm_alignment = false

[stage.tasks]
uses = "tasks"
inputs = { interactions = "ingest.interactions", codes = "codebook.codes", items = "ingest.items" }
negatives = 1
"#;

#[test]
fn results_are_shown_by_what_they_hold() {
    let space = Space::quick();
    space.write("pipelines/look.toml", PIPELINE);
    let early = space.pipe(&["peek", "look", "tasks"]);
    assert_eq!(early.code, 15, "{}", early.err);
    assert!(early.err.contains("`pipe run look --until tasks` makes it"), "{}", early.err);

    space.succeed(&["run", "look"]);
    let shown = space.succeed(&["peek", "look", "tasks.prompts", "-n", "7"]).out;
    assert!(shown.starts_with("prompts/prompts.parquet: 7 of "), "{shown}");
    assert_eq!(shown.matches('⟦').count(), 8, "{shown}");
    assert!(shown.lines().any(|line| line.ends_with(">⟧") && line.contains("⟦<a_")), "{shown}");
    assert!(["next-item, group", "negative, group", "text, group"].iter().all(|kind| shown.contains(kind)), "{shown}");
    // Of the pipeline that ran last.
    assert_eq!(space.succeed(&["peek", "tasks.prompts", "-n", "7"]).out, shown);

    let all = space.succeed(&["peek", "look", "tasks.prompts", "-n", "1000000", "--json"]).out;
    let all: Value = serde_json::from_str(&all).unwrap();
    let prompts = &all[0]["content"]["prompts"];
    let distinct: BTreeSet<String> = prompts["samples"].as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(prompts["samples"].as_array().unwrap().len() as u64, prompts["of"].as_u64().unwrap());
    assert!(distinct.len() as f64 > 0.9 * prompts["of"].as_f64().unwrap(), "{} of {}", distinct.len(), prompts["of"]);

    let codebook = space.succeed(&["peek", "look", "codebook", "-n", "2"]).out;
    assert!(codebook.contains("codes/codes.parquet: 2 of ") && codebook.contains("[8, 8]"), "{codebook}");
    assert!(codebook.contains("item  item_id"), "{codebook}");
    let rows = space.succeed(&["peek", "look", "ingest.interactions", "-n", "1", "--json"]).out;
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let row = &rows[1]["content"]["table"]["rows"][0];
    assert!(row["user"] == 0 && row["user_id"].is_string() && row["item_id"].is_string(), "{row}");
    let as_json = space.succeed(&["peek", "look", "ingest.report", "--json"]).out;
    let files: Value = serde_json::from_str(&as_json).unwrap();
    let report = files.as_array().unwrap().iter().find(|file| file["name"] == "report.json").unwrap();
    assert!(report["content"]["json"].is_object(), "{as_json}");

    let stale = space.pipe(&["peek", "look", "tasks.prompts", "--set", "tasks.negatives=2"]);
    assert!(stale.code == 0 && stale.err.contains("from before the pipeline changed"), "{}", stale.err);
    let none = space.pipe(&["peek", "look"]);
    assert!(none.code == 2 && none.err.contains("which of its stages?"), "{}", none.err);
    let unknown = space.pipe(&["peek", "look", "task"]);
    assert!(unknown.err.contains("did you mean 'tasks'?"), "{}", unknown.err);
}

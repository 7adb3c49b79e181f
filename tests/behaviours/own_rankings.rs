//! Rankings of a program of one's own are checked when the stage that made them ends.

use crate::space::Space;

/// The quick pipeline with lists that a program copies from a file.
const OWN: &str = r#"
extends = "quick.toml"
name = "own"

[stage.own]
uses = "command"
command = ["cp", "{files.lists}", "{outputs.rankings}/rankings.parquet"]
files = { lists = "lists.parquet" }
outputs = { rankings = "rankings" }

[stage.metrics]
inputs.rankings = { popularity = "own.rankings" }
"#;

fn with_lists(content: &[u8]) -> Space {
    let space = Space::quick();
    space.write("own.toml", OWN);
    space.write("lists.parquet", content);
    space
}

#[test]
fn the_error_names_the_stage_that_made_them() {
    let space = with_lists(b"no table");
    let outcome = space.pipe(&["run", "own"]);
    assert_eq!(outcome.code, 21, "{}{}", outcome.out, outcome.err);
    assert!(outcome.err.contains("own failed: output 'rankings': "), "{}", outcome.err);
    assert!(outcome.err.contains("rankings.parquet"), "{}", outcome.err);
    assert!(space.pipe(&["logs", "own"]).out.contains("output 'rankings'"));
    assert!(space.stored("own/own").is_empty(), "a result was kept");
}

#[test]
fn lists_without_a_fault_are_kept() {
    let space = with_lists(b"");
    space.succeed(&["run", "quick"]);
    let lists = space.path("artifacts/quick/popularity/rankings/rankings.parquet");
    space.write("lists.parquet", std::fs::read(lists).unwrap());
    space.succeed(&["run", "own"]);
    assert_eq!(space.json(&["show", "latest"])["outcome"], "ok");
}

#[test]
fn without_a_worker_a_pipeline_of_commands_runs() {
    let space = with_lists(b"no table");
    let alone = OWN.split("[stage.metrics]").next().unwrap().replace("extends = \"quick.toml\"\n", "");
    space.write("alone.toml", alone);
    space.succeed(&["run", "alone", "--worker", "none"]);
}

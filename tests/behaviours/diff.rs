//! What differs between two runs, and what that did to the metrics.

use crate::space::Space;
use serde_json::Value;

const CHAIN: &str = r#"
name = "chain"

[stage.first]
uses = "command"
command = ["sh", "-c", "echo \"$2\" > \"$1\"/n", "sh", "{outputs.n}", "{parameters.k}"]
outputs = { n = "number" }
parameters = { k = 1 }

[stage.apart]
uses = "command"
command = ["sh", "-c", "echo 1 > \"$1\"/n", "sh", "{outputs.n}"]
outputs = { n = "number" }

[stage.table]
uses = "command"
command = ["sh", "-c", "printf '[{\"model\": \"m\", \"users\": 9, \"HR@10\": 0.%s}]' $(cat \"$1\"/n) > \"$2\"/metrics.json", "sh", "{inputs.n}", "{outputs.metrics}"]
inputs = { n = "first.n" }
outputs = { metrics = "metrics" }
"#;

fn two_runs() -> Space {
    let space = Space::new();
    space.write("pipelines/chain.toml", CHAIN);
    space.succeed(&["run", "chain"]);
    space.succeed(&["run", "chain", "--set", "first.k=2"]);
    space
}

#[test]
fn what_differs_itself_is_told_from_what_follows() {
    let space = two_runs();
    let found: Value = space.json(&["diff", "latest~1", "latest"]);
    let stages: Vec<(&str, &str)> = found["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| (stage["stage"].as_str().unwrap(), stage["how"].as_str().unwrap()))
        .collect();
    assert_eq!(stages, [("first", "own"), ("table", "before")]);
    assert_eq!(found["same"], 1);
    assert_eq!(found["stages"][0]["differences"][0]["field"], "parameter k");
    let metric = found["metrics"].as_array().unwrap().iter().find(|metric| metric["metric"] == "HR@10").unwrap();
    assert_eq!((&metric["old"], &metric["new"]), (&0.1.into(), &0.2.into()));
    let text = space.redact(&space.succeed(&["diff", "latest~1", "latest"]).out);
    for message in ["first differs itself", "parameter k: 1 → 2", "table differs only because of what came before"] {
        assert!(text.contains(message), "{text}");
    }
}

#[test]
fn diff_names_stages_of_one_run_only() {
    let space = two_runs();
    space.succeed(&["run", "chain", "--set", "first.k=3", "--until", "first"]);
    let found: Value = space.json(&["diff", "latest~1", "latest"]);
    let only = found["stages"].as_array().unwrap().iter().filter(|stage| stage["how"] == "old-only");
    assert_eq!(only.count(), 2);
    std::fs::remove_dir_all(space.path("artifacts/actions")).unwrap();
    std::fs::create_dir_all(space.path("artifacts/actions")).unwrap();
    let text = space.succeed(&["diff", "latest~2", "latest~1"]).out;
    assert!(text.contains("is no longer in the store"), "{text}");
    assert!(text.contains("there are no metrics"), "{text}");
    assert!(text.contains("parameter k: 1 → 2"), "{text}");
}

#[test]
fn a_run_against_itself_differs_in_nothing() {
    let space = two_runs();
    let text = space.redact(&space.succeed(&["diff", "latest", "latest"]).out);
    assert_eq!(text, "[RUN] → [RUN]\n3 stages are the same\nno metric changed\n");
}

//! Real reviews: the gift cards as published, through every stage.

use crate::space::{Space, data, repository};

#[test]
fn gift_cards_go_through_every_stage() {
    let Some(data) = data() else { return };
    let space = Space::new();
    let file = repository().join("pipelines/gift_cards-paper.toml");
    let run = |extra: &[&str]| {
        let mut command = space.command(&["run", file.to_str().unwrap(), "--store", "artifacts", "--json"]);
        command.args(["--set", "finetune.epochs=1", "--set", "dccf.epochs=5"]).args(extra).env("PIPE_DATA", &data);
        command.output().unwrap()
    };
    let output = run(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = std::fs::read_to_string(space.path("artifacts/gift_cards-paper/ingest/report/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(report.to_string().contains("2972"), "{report:#}");
    let tasks = std::fs::read_to_string(space.path("artifacts/gift_cards-paper/tasks/report/report.json")).unwrap();
    for kind in ["next-item", "negative", "text", "query"] {
        let tasks: serde_json::Value = serde_json::from_str(&tasks).unwrap();
        let count = tasks["samples"][kind].as_u64().unwrap();
        assert!(count > 0, "there are no samples of kind {kind}");
    }
    let again = run(&[]);
    let text = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(text.lines().last().unwrap().contains(r#""done":0"#), "{text}");
}

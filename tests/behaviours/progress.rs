//! Who has no terminal, or another one, sees how far a stage is.

use crate::space::{Space, wait_until};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

/// A stage that reports steps until the file `go` is there, and one that reports none.
const STEPS: &str = r#"
name = "steps"

[stage.train]
uses = "command"
command = ["sh", "-c", 'n=0; until [ -e GO ]; do n=$((n + 1)); echo "{\"event\":\"progress\",\"done\":$n,\"total\":1000,\"message\":\"loss 0.5\"}"; sleep 0.02; done; touch "$1"/end', "sh", "{outputs.end}"]
outputs = { end = "end" }

[stage.silent]
uses = "command"
command = ["sh", "-c", 'until [ -e GO ]; do sleep 0.02; done; touch "$1"/end', "sh", "{outputs.end}"]
outputs = { end = "end" }
"#;

#[test]
fn steps_are_seen_without_a_terminal_in_logs_and_from_another_one() {
    let space = Space::new();
    space.write("steps.toml", STEPS.replace("GO", space.path("go").to_str().unwrap()));
    let mut command = space.command(&["run", "steps", "-j", "2"]);
    let mut run = command.env("PIPE_PROGRESS", "0.2").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    let has_all =
        |line: &String| ["train", "step ", "of 1000", "loss 0.5", "/s", " left"].iter().all(|part| line.contains(part));
    assert!(lines.any(|line| has_all(&line)), "no line of progress");
    assert!(lines.any(|line| line.contains("silent") && line.contains("running for")), "nothing of the silent stage");

    wait_until("another terminal sees no progress", || {
        let shown = space.json(&["show", "latest"]);
        let stages = shown["stages"].as_array().unwrap().clone();
        let is_seen = stages.iter().any(|stage| stage["stage"] == "train" && stage["progress"]["rate"].is_number());
        is_seen && shown["running"] == 2 && stages.iter().all(|stage| stage["status"] == "run")
    });
    let text = space.succeed(&["show", "latest"]).out;
    assert!(text.contains("so far") && text.contains("of 1000"), "{text}");
    wait_until("the log has no progress", || space.succeed(&["logs", "train"]).out.contains("of 1000"));

    space.write("go", "");
    drop(lines);
    assert!(run.wait().unwrap().success());
    assert_eq!(space.json(&["show", "latest"])["running"], 0);
}

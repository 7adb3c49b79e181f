//! Runs have names, notes, settings and commits, by which experiments are told apart.

use crate::space::Space;
use crate::space::chain::chain;
use serde_json::{Value, json};
use std::process::Command;

fn run_of(space: &Space, name: &str) -> Value {
    let runs = space.json(&["runs"]);
    runs.as_array().unwrap().iter().find(|run| run["name"] == name).cloned().unwrap()
}

#[test]
fn a_named_run_is_found_and_listed() {
    let space = chain();
    space.succeed(&["run", "chain", "--name", "first", "--note", "as it is"]);
    space.succeed(&["run", "chain", "--name=second", "--set", "base.word=\"b\""]);
    let first = run_of(&space, "first");
    assert_eq!((&first["note"], &first["set"]), (&json!("as it is"), &json!([])));
    assert_eq!(run_of(&space, "second")["set"], json!(["base.word=\"b\""]));
    assert_eq!(space.json(&["show", "first"])["run"], first["run"]);
    let listed = space.succeed(&["runs"]).out;
    assert!(listed.contains("second") && listed.contains("as it is"), "{listed}");
    assert!(space.succeed(&["show", "first"]).out.contains("note      as it is"));
}

#[test]
fn a_named_run_is_recorded_even_if_every_stage_was_cached() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    space.succeed(&["run", "chain"]);
    assert_eq!(space.json(&["runs"]).as_array().unwrap().len(), 1);
    space.succeed(&["run", "chain", "--name", "again"]);
    let again = run_of(&space, "again");
    assert_eq!((&again["outcome"], &again["done"]), (&json!("ok"), &json!(0)));
}

#[test]
fn the_newest_run_of_a_name_is_meant() {
    let space = chain();
    for _ in 0..2 {
        space.succeed(&["run", "chain", "--force", "--name", "trial"]);
    }
    let newest = space.json(&["runs"])[0]["run"].clone();
    assert_eq!(space.json(&["show", "trial"])["run"], newest);
}

#[test]
fn a_name_that_could_be_another_run_is_refused() {
    let space = chain();
    for name in ["latest", "latest~1", "2026", "a b", ""] {
        let outcome = space.pipe(&["run", "chain", "--name", name]);
        assert_eq!(outcome.code, 2, "{name}: {}", outcome.err);
    }
}

#[test]
fn the_commit_of_the_pipelines_repository_is_recorded() {
    let space = chain();
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(space.path("")).args(["-c", "user.name=n", "-c", "user.email=e@example.org"]).args(arguments);
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "first"]);
    space.succeed(&["run", "chain", "--name", "committed"]);
    assert_eq!(run_of(&space, "committed")["commit"], json!(git(&["rev-parse", "HEAD"])));
}

#[test]
fn runs_are_listed_with_their_best_model_by_a_metric() {
    let space = Space::quick();
    space.succeed(&["run", "quick", "--name", "measured"]);
    let run = run_of(&space, "measured");
    assert_eq!((&run["metric"]["name"], &run["metric"]["model"]), (&json!("NDCG@10"), &json!("popularity")));
    let other = space.json(&["runs", "--metric", "HR@5"]);
    assert_eq!(other[0]["metric"]["name"], "HR@5");
    assert!(other[0]["metric"]["value"].as_f64().unwrap() > 0.0);
    let refused = space.pipe(&["runs", "--metric", "HR@55"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("no run has a metric 'HR@55'"), "{}", refused.err);
}

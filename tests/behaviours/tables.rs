//! Tables fit a terminal of 80 columns, and show the few numbers that matter.

use crate::space::{Outcome, QUICK, Space};

const KNN: &str = "\n[stage.item-knn]\nuses = \"item-knn\"\ninputs = { interactions = \"ingest.interactions\" }\n";

/// Two models, run once under a long name and note.
fn measured() -> Space {
    let space = Space::new();
    let both = "{ popularity = \"popularity.rankings\", item-knn = \"item-knn.rankings\" }";
    space.write("quick.toml", QUICK.replace("{ popularity = \"popularity.rankings\" }", both) + KNN);
    let note = "whether lists of three hundred users are long enough for the intervals to say anything at all";
    space.succeed(&["run", "quick", "--name", "a-name-that-is-rather-long", "--note", note]);
    space
}

fn at_80_columns(space: &Space, arguments: &[&str]) -> String {
    let output = space.command(arguments).env("COLUMNS", "80").output().unwrap();
    let outcome = Outcome::of(&output);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    outcome.out
}

#[test]
fn no_table_is_wider_than_80_columns() {
    let space = measured();
    for arguments in [
        &["runs"][..],
        &["show", "latest"],
        &["metrics", "quick"],
        &["metrics", "quick", "--full"],
        &["metrics", "quick", "--table", "by_length"],
        &["compare", "quick"],
        &["list"],
        &["stages"],
        &["stages", "finetune"],
        &["cache", "ls"],
        &["cache", "stat"],
    ] {
        let text = at_80_columns(&space, arguments);
        assert!(text.lines().count() > 1, "{arguments:?}: {text}");
        for line in text.lines().filter(|line| !line.contains(space.path("").to_str().unwrap())) {
            let is_note = !line.contains("  ");
            assert!(line.chars().count() <= 80 || is_note, "{arguments:?}: {line:?}\n{text}");
        }
    }
}

#[test]
fn the_summary_has_a_line_for_each_model_with_the_best_marked() {
    let space = measured();
    let text = space.succeed(&["metrics", "quick"]).out;
    let head: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["model", "HR@10", "NDCG@10"], "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("popularity")).count(), 1, "{text}");
    assert!(text.contains('*') && text.contains("seen excluded; hits item"), "{text}");
    let full = space.succeed(&["metrics", "quick", "--full"]).out;
    assert!(full.contains("MRR") && full.matches("popularity").count() > 1, "{full}");
}

#[test]
fn a_run_prints_its_metrics_once() {
    let space = measured();
    let outcome = space.succeed(&["run", "quick", "--force=metrics"]);
    let both = format!("{}{}", outcome.out, outcome.err);
    assert_eq!(both.lines().filter(|line| line.contains("HR@10")).count(), 1, "{both}");
}

//! Metrics refuse a cutoff that lies beyond the end of the ranked lists.

use crate::space::Space;

/// The quick pipeline with its lists copied by a program, of which nobody knows how long the lists are.
const COPIED: &str = r#"
extends = "quick.toml"
name = "copied"

[stage.copy]
uses = "command"
command = ["cp", "{inputs.rankings}/rankings.parquet", "{outputs.rankings}"]
inputs = { rankings = "popularity.rankings" }
outputs = { rankings = "rankings" }

[stage.metrics]
inputs.rankings = { popularity = "copy.rankings" }
"#;

#[test]
fn a_cutoff_above_top_k_is_refused_when_planned() {
    let space = Space::quick();
    for command in ["plan", "run"] {
        let outcome = space.pipe(&[command, "quick", "--set", "metrics.cutoffs=[10, 50]"]);
        assert_eq!(outcome.code, 13, "{}{}", outcome.out, outcome.err);
        let expected = "metrics.cutoffs is [10,50], expected at most popularity.top_k, which is 20";
        assert!(outcome.err.contains(expected), "{}", outcome.err);
        assert!(outcome.err.contains("metrics.cutoffs=[10, 50]"), "points at the argument: {}", outcome.err);
        assert!(outcome.err.contains("change metrics.cutoffs or popularity.top_k"), "{}", outcome.err);
    }
    assert!(space.stored("actions").is_empty(), "something ran");
}

#[test]
fn a_cutoff_beyond_the_end_of_the_lists_is_refused() {
    let space = Space::quick();
    space.write("copied.toml", COPIED);
    let outcome = space.pipe(&["run", "copied", "--set", "metrics.cutoffs=[10, 50]"]);
    assert_eq!(outcome.code, 25, "{}{}", outcome.out, outcome.err);
    assert!(outcome.err.contains("cutoffs has 50, but the lists of 'popularity'"), "{}", outcome.err);
    assert!(outcome.err.contains("end after 20 of"), "{}", outcome.err);
    assert!(outcome.err.contains("set top_k of the stage that makes 'popularity' to 50 or more"), "{}", outcome.err);
}

#[test]
fn a_cutoff_within_the_lists_or_of_all_items_is_measured() {
    let space = Space::quick();
    space.succeed(&["run", "quick", "--set", "metrics.cutoffs=[10, 20]"]);
    space.succeed(&["run", "quick", "--set", "metrics.cutoffs=[50]", "--set", "popularity.top_k=50"]);
    space.succeed(&["run", "quick", "--set", "metrics.cutoffs=[100]", "--set", "popularity.top_k=100"]);
}

//! What there is to run and to use can be asked at the shell.

use crate::space::{QUICK, Space};

#[test]
fn pipelines_are_listed_by_the_names_that_run_takes() {
    let space = Space::new();
    space.write("pipelines/quick.toml", format!("# A quick one. It has more to say.\n{QUICK}"));
    space.write("pipelines/tables/1.toml", "# Table 1\nextends = \"../quick.toml\"\nname = \"one\"\n");
    space.write("pipelines/paper.toml", "[table.1]\n");
    let listed = space.json(&["list"]);
    let expected = serde_json::json!([
        { "pipeline": "quick", "file": "pipelines/quick.toml", "about": "A quick one" },
        { "pipeline": "tables/1", "file": "pipelines/tables/1.toml", "about": "Table 1" },
    ]);
    assert_eq!(listed, expected);
    for name in ["quick", "tables/1"] {
        space.succeed(&["plan", name]);
    }
}

#[test]
fn without_pipelines_it_says_so() {
    let outcome = Space::new().pipe(&["list"]);
    assert_eq!(outcome.code, 15, "{}", outcome.err);
    assert!(outcome.err.contains("there is no pipeline here"), "{}", outcome.err);
}

#[test]
fn a_misspelled_pipeline_gets_the_right_name() {
    let outcome = Space::quick().pipe(&["plan", "quikc"]);
    assert_eq!(outcome.code, 10, "{}", outcome.err);
    assert!(outcome.err.contains("did you mean 'quick'?"), "{}", outcome.err);
}

#[test]
fn stages_are_listed_and_shown() {
    let space = Space::new();
    let all = space.succeed(&["stages"]).out;
    assert!(all.lines().any(|line| line.starts_with("popularity ")), "{all}");
    let one = space.succeed(&["stages", "metrics"]).out;
    for text in ["rankings", "several, each with a label", "cutoffs", "[1,5,10]", "metrics.json"] {
        assert!(one.contains(text), "{text} is not in {one}");
    }
    assert_eq!(space.json(&["stages", "metrics"])["name"], "metrics");
    let outcome = space.pipe(&["stages", "metric"]);
    assert_eq!(outcome.code, 2, "{}", outcome.err);
    assert!(outcome.err.contains("did you mean 'metrics'?"), "{}", outcome.err);
}

#[test]
fn misspelt_keys_of_a_stage_get_the_right_name() {
    let space = Space::new();
    for (right, wrong, hint) in [
        ("inputs = { reviews", "input = { reviews", "did you mean 'inputs'?"),
        ("uses = \"ingest\"", "usse = \"ingest\"", "did you mean 'uses' instead of 'usse'?"),
        ("uses = \"ingest\"", "uses = \"ingets\"", "did you mean 'ingest'?"),
        ("users = 120", "uesrs = 120", "did you mean 'users'?"),
    ] {
        space.write("quick.toml", QUICK.replace(right, wrong));
        let outcome = space.pipe(&["plan", "quick"]);
        assert!(outcome.code > 0 && outcome.err.contains(hint), "{wrong}: {}", outcome.err);
    }
}

#[test]
fn a_misspelt_command_gets_the_right_name() {
    let outcome = Space::new().pipe(&["compair", "sample"]);
    assert_eq!(outcome.code, 2, "{}", outcome.err);
    assert!(outcome.err.contains("'compare'"), "{}", outcome.err);
}

#[test]
fn short_help_has_no_examples_and_long_help_has() {
    let space = Space::new();
    let (short, long) = (space.succeed(&["run", "-h"]).out, space.succeed(&["run", "--help"]).out);
    assert!(long.contains("Examples:") && long.contains("pipe run sample") && long.contains("--worker"), "{long}");
    assert!(!short.contains("Examples:") && !short.contains("--worker"), "{short}");
    assert!(short.lines().count() * 2 < long.lines().count(), "{short}");
}

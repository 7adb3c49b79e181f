//! Bad input: each a clear error with its own exit code, and nothing is committed.

use crate::space::{Outcome, QUICK, Space};

const REVIEW: &str =
    r#"{"overall": 5.0, "reviewerID": "U1", "asin": "A1", "unixReviewTime": 1529193600, "reviewText": "good"}"#;

const PIPELINE: &str = r#"
name = "reviews"

[stage.ingest]
uses = "ingest"
reviews = "reviews.json.gz"
"#;

/// Runs ingest over reviews of that text, cut to `keep` bytes if given, and checks that nothing was stored.
fn ingest(text: &str, keep: Option<usize>) -> (Space, Outcome) {
    let space = Space::new();
    space.write("reviews.toml", PIPELINE);
    space.write_gzip("reviews.json.gz", text, keep);
    let outcome = space.pipe(&["run", "reviews"]);
    assert!(space.stored("store").is_empty() && space.stored("actions").is_empty(), "something was committed");
    assert!(space.stored("tmp").iter().all(|name| name == "locks"), "something was left in tmp");
    (space, outcome)
}

/// Runs the pipeline file of that text and checks that no stage ran.
fn pipeline(text: &str) -> (Space, Outcome) {
    let space = Space::new();
    space.write("quick.toml", text);
    let outcome = space.pipe(&["run", "quick"]);
    assert!(space.stored("store").is_empty() && space.stored("actions").is_empty(), "something was committed");
    (space, outcome)
}

/// The error and its exit code, for a snapshot.
fn shown((space, outcome): &(Space, Outcome)) -> String {
    let error = outcome.err.find("error:").map_or(outcome.err.as_str(), |start| &outcome.err[start..]);
    format!("exit {}\n{}", outcome.code, space.redact(error))
}

#[test]
fn a_truncated_gzip() {
    let text = format!("{REVIEW}\n").repeat(500);
    insta::assert_snapshot!(shown(&ingest(&text, Some(60))));
}

#[test]
fn a_line_that_is_not_json() {
    insta::assert_snapshot!(shown(&ingest(&format!("{REVIEW}\nnot json\n"), None)));
}

#[test]
fn a_missing_field() {
    let line = REVIEW.replace(r#""asin": "A1", "#, "");
    insta::assert_snapshot!(shown(&ingest(&format!("{REVIEW}\n{line}\n"), None)));
}

#[test]
fn no_usable_row() {
    insta::assert_snapshot!(shown(&ingest(&format!("{REVIEW}\n"), None)));
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(shown(&ingest("", None)));
}

#[test]
fn a_store_on_a_read_only_folder() {
    let space = Space::quick();
    // No user, root included, can make a folder in /proc.
    let outcome = space.pipe(&["run", "quick", "--store", "/proc/pipe-store"]);
    insta::assert_snapshot!(shown(&(space, outcome)));
}

#[test]
fn a_typo_in_a_parameter() {
    insta::assert_snapshot!(shown(&pipeline(&QUICK.replace("users = 120", "usres = 120"))));
}

#[test]
fn a_parameter_of_another_type() {
    insta::assert_snapshot!(shown(&pipeline(&QUICK.replace("users = 120", "users = \"many\""))));
}

#[test]
fn a_parameter_out_of_bounds() {
    insta::assert_snapshot!(shown(&pipeline(&QUICK.replace("users = 120", "users = 0"))));
}

#[test]
fn a_typo_in_a_set_argument() {
    let space = Space::quick();
    let outcome = space.pipe(&["run", "quick", "--set", "popularity.topk=5"]);
    insta::assert_snapshot!(shown(&(space, outcome)));
}

#[test]
fn an_unknown_stage() {
    insta::assert_snapshot!(shown(&pipeline(&QUICK.replace("uses = \"popularity\"", "uses = \"popularty\""))));
}

#[test]
fn an_unknown_port() {
    insta::assert_snapshot!(shown(&pipeline(&QUICK.replace("\"ingest.interactions\" }", "\"ingest.interaction\" }"))));
}

#[test]
fn kinds_that_do_not_match() {
    insta::assert_snapshot!(shown(&pipeline(&QUICK.replace("\"ingest.interactions\" }", "\"ingest.items\" }"))));
}

#[test]
fn an_input_that_is_not_bound() {
    let text = QUICK.replace("inputs = { interactions = \"ingest.interactions\" }\n", "");
    insta::assert_snapshot!(shown(&pipeline(&text)));
}

#[test]
fn a_file_that_is_not_toml() {
    insta::assert_snapshot!(shown(&pipeline("name = \"quick\"\n[stage.sample\nuses = 1\n")));
}

#[test]
fn a_pipeline_that_is_not_there() {
    let space = Space::new();
    let outcome = space.pipe(&["run", "gmaes"]);
    insta::assert_snapshot!(shown(&(space, outcome)));
}

#[test]
fn an_input_file_that_is_not_there() {
    insta::assert_snapshot!(shown(&pipeline(PIPELINE)));
}

#[test]
fn a_stage_for_from_that_is_not_there() {
    let space = Space::quick();
    let outcome = space.pipe(&["run", "quick", "--from", "popularit"]);
    insta::assert_snapshot!(shown(&(space, outcome)));
}

#[test]
fn metrics_before_any_run() {
    let space = Space::quick();
    let outcome = space.pipe(&["metrics", "quick"]);
    insta::assert_snapshot!(shown(&(space, outcome)));
}

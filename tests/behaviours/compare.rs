//! Results stand side by side: points of a sweep, seeds as one line, baselines once, the paper's numbers beside them.

use crate::space::{self, QUICK, Space};
use serde_json::Value;

/// A baseline that does not vary, and a model that does with `k` and a little with the seed.
const BASE: &str = r#"
name = "base"

[stage.codes]
uses = "command"
command = ["sh", "-c", "printf '{\"rate\": %s}' \"$2\" > \"$1\"/report.json", "sh", "{outputs.report}", "{parameters.k}"]
outputs = { report = "report" }
parameters = { k = 1 }

[stage.table]
uses = "command"
command = ["sh", "-c", "printf '[{\"model\": \"baseline\", \"users\": 9, \"HR@5\": 0.05, \"HR@10\": 0.1}, {\"model\": \"pipe\", \"users\": 9, \"HR@5\": 0.%s%s, \"HR@10\": 0.%s%s}]' \"$2\" \"$3\" \"$2\" \"$3\" > \"$1\"/metrics.json", "sh", "{outputs.metrics}", "{parameters.k}", "{seed}"]
outputs = { metrics = "metrics" }
parameters = { k = 1 }
"#;

const PAPER: &str = r#"
[table.4]
title = "Table 4"
varies = "k"
data = "Games"
model = "LLaMA-7B"
text = true
match = { model = "pipe" }
rows = [{ name = "two", point = "two", "HR@10" = 0.1274, CR = 0.108 }, { name = "none", "HR@10" = 0.9 }]
"#;

const SWEEP: &str = r#"
extends = "base.toml"
name = "swept"

[sweep]
points = [{ name = "one", "table.k" = 1 }, { name = "two", "table.k" = 2, "codes.k" = 2 }]

[compare]
paper = "4"
metrics = ["HR@5", "HR@10"]
differs = ["a model of 1 million weights"]
columns = { CR = "codes.report:rate" }
"#;

fn swept() -> Space {
    let space = Space::new();
    space.write("pipelines/base.toml", BASE);
    space.write("pipelines/paper.toml", PAPER);
    space.write("pipelines/swept.toml", SWEEP);
    space.succeed(&["run", "swept"]);
    space
}

#[test]
fn points_are_shown_with_the_baseline_and_the_paper_in_every_format() {
    let space = swept();
    for format in ["text", "json", "csv", "markdown", "latex"] {
        let flag = format!("--{format}");
        let mut arguments = vec!["compare", "swept"];
        arguments.extend((format != "text").then_some(flag.as_str()));
        insta::assert_snapshot!(format!("compare_as_{format}"), space.succeed(&arguments).out);
    }
}

#[test]
fn seeds_are_one_row_with_mean_and_std() {
    let space = Space::new();
    space.write("base.toml", BASE);
    space.write(
        "seeds.toml",
        "extends = \"base.toml\"\nname = \"seeds\"\n[sweep]\n\"table.k\" = [1, 2]\nseed = [1, 3]\n",
    );
    space.succeed(&["run", "seeds"]);
    let found: Value = space.json(&["compare", "seeds"]);
    let lines = found["lines"].as_array().unwrap();
    let points: Vec<&str> = lines.iter().map(|line| line["point"].as_str().unwrap()).collect();
    assert_eq!(points, ["table.k=1", "table.k=2"]);
    let value = &lines[0]["values"]["HR@10"];
    let near = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-12;
    assert!(lines[0]["n"] == 2 && near(&value["mean"], 0.12), "{found:#}");
    assert!(near(&value["std"], 0.0002_f64.sqrt()), "{found:#}");
    assert_eq!(found["baselines"].as_array().unwrap().len(), 1);
    let text = space.succeed(&["compare", "seeds", "--metric", "HR@10"]).out;
    assert!(text.contains("0.2200 ± 0.0141*") && text.contains("over n runs"), "{text}");
}

#[test]
fn points_that_differ_in_a_named_parameter_are_one_row() {
    let space = Space::new();
    space.write("base.toml", BASE);
    let pipeline = |mean_over: &str| {
        format!(
            "extends = \"base.toml\"\nname = \"means\"\n[sweep]\n\"table.k\" = [1, 2]\n\"codes.k\" = [1, 2]\n\
             [compare]\nmean_over = [\"{mean_over}\"]\n"
        )
    };
    space.write("means.toml", pipeline("codes.k"));
    space.succeed(&["run", "means"]);
    let found: Value = space.json(&["compare", "means"]);
    let lines = found["lines"].as_array().unwrap();
    let points: Vec<&str> = lines.iter().map(|line| line["point"].as_str().unwrap()).collect();
    assert_eq!(points, ["table.k=1", "table.k=2"]);
    let mean = lines[0]["values"]["HR@10"]["mean"].as_f64().unwrap();
    assert!(lines[0]["n"] == 2 && (mean - 0.10).abs() < 1e-12, "{found:#}");
    space.write("means.toml", pipeline("table.q"));
    let warned = space.succeed(&["compare", "means"]).err;
    assert!(warned.contains("'mean_over' names table.q, which no point of the sweep sets"), "{warned}");
}

#[test]
fn rows_metrics_and_the_baseline_can_be_chosen() {
    let space = swept();
    let arguments = ["compare", "swept", "--where", "model=pipe", "--metric", "HR@10", "--reference", "two", "--json"];
    let found: Value = serde_json::from_str(&space.succeed(&arguments).out).unwrap();
    assert_eq!(found["columns"], serde_json::json!(["CR", "HR@10"]));
    assert_eq!((&found["reference"], found["lines"].as_array().unwrap().len()), (&"two".into(), 2));
    assert!(found["baselines"].as_array().unwrap().is_empty());
    for (flag, value, message) in [
        ("--metric", "HR@11", "there is no metric 'HR@11'"),
        ("--reference", "twa", "nothing that is compared has the name 'twa'"),
        ("--paper", "9", "has no table '9'"),
        ("--where", "pipe", "expected COLUMN=TEXT"),
    ] {
        let outcome = space.pipe(&["compare", "swept", flag, value]);
        assert_eq!(outcome.code, 2, "{}", outcome.err);
        assert!(outcome.err.contains(message), "{}", outcome.err);
    }
}

#[test]
fn runs_are_compared_by_their_names() {
    let space = Space::new();
    space.write("pipelines/base.toml", BASE);
    space.succeed(&["run", "base"]);
    space.succeed(&["run", "base", "--set", "table.k=3"]);
    let found: Value = space.json(&["compare", "latest~1", "latest"]);
    let lines = found["lines"].as_array().unwrap();
    let values: Vec<f64> = lines.iter().map(|line| line["values"]["HR@10"]["mean"].as_f64().unwrap()).collect();
    assert_eq!(values, [0.1, 0.3]);
    assert_eq!(lines[1]["values"]["HR@10"]["best"], true);
}

#[test]
fn without_results_it_says_so() {
    let space = Space::new();
    space.write("base.toml", BASE);
    let outcome = space.pipe(&["compare", "base"]);
    assert_eq!(outcome.code, 15, "{}", outcome.err);
}

/// The same lists cut at different lengths of history, and popularity, which does not vary.
fn with_ranks() -> Space {
    let space = Space::new();
    let knn = "[stage.item-knn]\nuses = \"item-knn\"\ninputs = { interactions = \"ingest.interactions\" }\n";
    let both = "{ popularity = \"popularity.rankings\", item-knn = \"item-knn.rankings\" }";
    let quick = QUICK.replace("{ popularity = \"popularity.rankings\" }", both).replace("users = 120", "users = 400");
    space.write("quick.toml", format!("{quick}\n{knn}\n[sweep]\n\"item-knn.history\" = [20, 1, 2]\n"));
    space.succeed(&["run", "quick"]);
    space
}

#[test]
fn the_worker_tells_whether_a_difference_is_more_than_chance() {
    let space = with_ranks();
    let rows = ["--where", "seen=kept", "--where", "hits=item", "--metric", "HR@10,NDCG@10"];
    let found = space.succeed(&[&["compare", "quick", "--json"], &rows[..]].concat());
    assert!(found.err.is_empty(), "{}", found.err);
    let found: Value = serde_json::from_str(&found.out).unwrap();
    let lines = found["lines"].as_array().unwrap();
    assert_eq!((lines.len(), found["baselines"].as_array().unwrap().len()), (3, 1), "{found:#}");
    let mut corrected = 0;
    for line in &lines[1..] {
        let test = |name: &str| line["values"]["NDCG@10"]["against_reference"][name].as_f64().unwrap();
        let mean = |line: &Value| line["values"]["NDCG@10"]["mean"].as_f64().unwrap();
        assert!((test("difference") - (mean(line) - mean(&lines[0]))).abs() < 1e-12, "{found:#}");
        assert!(test("low") <= test("difference") && test("difference") <= test("high"), "{found:#}");
        assert!(test("adjusted") >= test("p"), "{found:#}");
        corrected += usize::from(test("adjusted") > test("p"));
    }
    assert!(corrected > 0 && lines[0]["values"]["NDCG@10"]["against_reference"].is_null(), "{found:#}");
    let text = space.succeed(&[&["compare", "quick"], &rows[..]].concat()).out;
    assert!(text.contains("against item-knn.history=20: paired over up to 400 users"), "{text}");
}

#[test]
fn a_worker_that_cannot_answer_costs_the_marks_only() {
    let space = with_ranks();
    let script = format!("#!/bin/sh\n[ \"$1\" = compare ] && exit 3\nexec '{}' \"$@\"\n", space::worker().display());
    space.write("mute.sh", script);
    let mute = space.path("mute.sh");
    std::fs::set_permissions(&mute, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let outcome = space.succeed(&["compare", "latest", "--worker", mute.to_str().unwrap(), "--json"]);
    assert!(outcome.err.contains("no significance test"), "{}", outcome.err);
    let found: Value = serde_json::from_str(&outcome.out).unwrap();
    assert!(!found["lines"].as_array().unwrap().is_empty());
}

#[test]
fn a_condition_that_no_row_meets_is_an_error() {
    let space = swept();
    let outcome = space.pipe(&["compare", "swept", "--where", "model=nope"]);
    assert_eq!(outcome.code, 2, "{}", outcome.err);
    assert!(outcome.err.contains("no row has model=nope"), "{}", outcome.err);
    assert!(outcome.err.contains("the rows have model baseline, pipe"), "{}", outcome.err);
    let outcome = space.pipe(&["compare", "swept", "--where", "modle=pipe"]);
    assert!(outcome.err.contains("no row has a column 'modle'"), "{}", outcome.err);
    assert!(outcome.err.contains("did you mean 'model'?"), "{}", outcome.err);
}

#[test]
fn the_models_of_one_run_are_tested_against_one_of_them() {
    let space = with_ranks();
    let rows = ["--where", "hits=item", "--metric", "NDCG@10", "--point", "item-knn.history=20"];
    let found = space.json(&[&["compare", "quick", "--reference", "popularity"], &rows[..]].concat());
    assert_eq!(found["reference"], "popularity");
    for line in found["lines"].as_array().unwrap() {
        let test = &line["values"]["NDCG@10"]["against_reference"];
        assert_eq!(line["identity"]["model"] == "popularity", test.is_null(), "{found:#}");
    }
    let text = space.succeed(&[&["compare", "quick", "--baseline", "popularity"], &rows[..]].concat()).out;
    assert!(text.contains("against popularity: paired over up to 400 users"), "{text}");
}

#[test]
fn runs_have_the_names_that_their_user_gave_them() {
    let space = Space::new();
    space.write("pipelines/base.toml", BASE);
    space.succeed(&["run", "base", "--name", "first"]);
    space.succeed(&["run", "base", "--set", "table.k=3", "--name", "larger"]);
    let found: Value = space.json(&["compare", "run:first", "run:larger"]);
    let points: Vec<&Value> = found["lines"].as_array().unwrap().iter().map(|line| &line["point"]).collect();
    assert_eq!(points, ["first", "larger"], "{found:#}");
    space.succeed(&["run", "base", "--set", "table.k=4", "--name", "larger"]);
    let found: Value = space.json(&["compare", "latest~1", "latest"]);
    let points: Vec<&str> =
        found["lines"].as_array().unwrap().iter().map(|line| line["point"].as_str().unwrap()).collect();
    assert!(points[0] == "larger" && points[1].starts_with("larger 2"), "{points:?}");
}

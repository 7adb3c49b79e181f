//! A search runs its trials up to the metric of held-out items, and only the best one to its end.

use crate::space::Space;
use serde_json::json;

/// `train` reports a number on held-out items that is largest at k = 3; `test` reports one on test items.
const SEARCH: &str = r#"
name = "p"

[stage.data]
uses = "command"
command = ["sh", "-c", "echo data >> {parameters.calls}; echo 1 > {outputs.o}/v"]
parameters = { calls = "CALLS" }
outputs.o = "text"

[stage.train]
uses = "command"
command = ["sh", "-c", "echo train >> {parameters.calls}; [ {parameters.k} = 5 ] && exit 1; echo \"{\\\"validation\\\": {\\\"NDCG\\\": $(( 10 - ({parameters.k} - 3) * ({parameters.k} - 3) ))}}\" > {outputs.report}/report.json", "{inputs.data}"]
parameters = { calls = "CALLS", k = 1 }
inputs.data = "data.o"
outputs.report = "report"

[stage.test]
uses = "command"
command = ["sh", "-c", "echo test >> {parameters.calls}; echo '[{\"model\": \"m\", \"users\": 9, \"HR@10\": 0.5}]' > {outputs.metrics}/metrics.json", "{inputs.report}"]
parameters = { calls = "CALLS" }
inputs.report = "train.report"
outputs.metrics = "metrics"

[search]
metric = "train.report:validation/NDCG"
"#;

fn space(axes: &str) -> Space {
    let space = Space::new();
    let calls = space.path("calls");
    space.write("p.toml", SEARCH.replace("CALLS", calls.to_str().unwrap()) + axes);
    space
}

/// How often each stage ran.
fn ran(space: &Space) -> [usize; 3] {
    let calls = std::fs::read_to_string(space.path("calls")).unwrap_or_default();
    ["data", "train", "test"].map(|stage| calls.lines().filter(|line| *line == stage).count())
}

#[test]
fn only_the_best_trial_is_tested() {
    let space = space("'train.k' = [1, 2, 3, 4]\n");
    let plan = space.succeed(&["plan", "p"]).out;
    assert!(plan.contains("then the best of 4 trials by train.report:/validation/NDCG runs to the end"), "{plan}");
    assert!(!plan.contains("test"), "{plan}");
    let run = space.succeed(&["run", "p", "--name", "found"]);
    assert_eq!(ran(&space), [1, 4, 1]);
    let best = run.out.lines().find(|line| line.ends_with("best")).unwrap();
    assert!(best.starts_with("train.k=3 "), "{}", run.out);
    assert!(run.out.contains("HR@10"), "{}", run.out);
    space.succeed(&["run", "p"]);
    assert_eq!(ran(&space), [1, 4, 1], "nothing is left to do");
    let plan = space.succeed(&["plan", "p"]).out;
    assert!(plan.contains("3 stages, 3 cached, 0 to run"), "{plan}");
}

#[test]
fn compare_explains_the_choice() {
    let space = space("'train.k' = [2, 3]\nbetter = 'lower'\n");
    space.succeed(&["run", "p"]);
    let text = space.succeed(&["compare", "p"]).out;
    let best = text.lines().find(|line| line.ends_with("best")).unwrap();
    assert!(best.starts_with("train.k=2 "), "{text}");
    let rows = space.json(&["compare", "p"]);
    assert!(rows.to_string().contains("train.k=2") && !rows.to_string().contains("train.k=3"), "{rows}");
}

#[test]
fn more_trials_keep_those_that_were_run() {
    let space = space("'train.k' = [1, 2, 3, 4]\ntrials = 2\n");
    space.succeed(&["run", "p"]);
    assert_eq!(ran(&space)[1], 2);
    let text = std::fs::read_to_string(space.path("p.toml")).unwrap();
    space.write("p.toml", text.replace("trials = 2", "trials = 4"));
    let events = space.succeed(&["run", "p", "--json"]).events();
    assert_eq!(ran(&space)[1], 4);
    let search = events.iter().find(|event| event["event"] == "search").unwrap();
    assert_eq!((search["trials"].as_u64(), &search["best"]), (Some(4), &json!("train.k=3")));
    assert_eq!(events.iter().filter(|event| event["event"] == "trial").count(), 4);
}

#[test]
fn forced_stages_run_once() {
    let space = space("'train.k' = [2, 3]\n");
    space.succeed(&["run", "p"]);
    space.succeed(&["run", "p", "--from", "train"]);
    assert_eq!(ran(&space), [1, 4, 2]);
}

#[test]
fn a_failed_trial_ends_the_search_unless_it_keeps_going() {
    let space = space("'train.k' = [5, 2]\n");
    let outcome = space.pipe(&["run", "p", "-j", "1"]);
    assert_eq!(outcome.code, 20, "{}", outcome.err);
    assert_eq!(ran(&space)[2], 0);
    let outcome = space.succeed(&["run", "p", "--keep-going"]);
    assert!(
        outcome.out.lines().any(|line| line.starts_with("train.k=2 ") && line.ends_with("best")),
        "{}",
        outcome.out
    );
    assert_eq!(ran(&space)[2], 1);
}

#[test]
fn a_point_or_an_end_runs_without_a_choice() {
    let space = space("'train.k' = [1, 3]\n");
    space.succeed(&["run", "p", "--point", "train.k=1"]);
    assert_eq!(ran(&space), [1, 1, 1]);
    space.succeed(&["run", "p", "--until", "data"]);
    assert_eq!(ran(&space), [1, 1, 1]);
}

#[test]
fn a_metric_that_is_not_there_is_an_error() {
    let with = |metric: &str| {
        let space = space("'train.k' = [1]\n");
        let text = std::fs::read_to_string(space.path("p.toml")).unwrap();
        space.write("p.toml", text.replace("train.report:validation/NDCG", metric));
        let outcome = space.pipe(&["run", "p"]);
        (outcome.code, outcome.err)
    };
    let (code, err) = with("trian.report:x");
    assert_eq!(code, 13, "{err}");
    assert!(err.contains("'trian', which is no stage") && err.contains("did you mean 'train'?"), "{err}");
    let (code, err) = with("train.reprot:x");
    assert_eq!(code, 13, "{err}");
    assert!(err.contains("train.reprot, which is no output") && err.contains("did you mean 'report'?"), "{err}");
    let (code, err) = with("train.report:x");
    assert_eq!(code, 15, "{err}");
    assert!(err.contains("no trial has a number at /x in the JSON file of train.report"), "{err}");
}

#[test]
fn a_search_is_not_locked() {
    let space = space("'train.k' = [1]\n");
    let outcome = space.pipe(&["run", "p", "--locked"]);
    assert!(outcome.code == 2 && outcome.err.contains("--point"), "{} {}", outcome.code, outcome.err);
}

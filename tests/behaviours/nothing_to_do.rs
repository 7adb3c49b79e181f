//! A second run does nothing: every stage is cached and no worker is started.

use crate::space::{Space, with_status};

#[test]
fn a_second_run_starts_no_worker() {
    let space = Space::quick();
    let worker = space.counting_worker();
    let worker = worker.to_str().unwrap();
    let first = space.statuses(&["quick", "--worker", worker]);
    assert_eq!(with_status(&first, "done"), ["ingest", "metrics", "popularity", "sample"]);
    assert_eq!(space.stage_calls(), 4);
    // The first plan may have met files too young to be remembered; from here on nothing is asked of the worker.
    std::thread::sleep(std::time::Duration::from_millis(100));
    space.succeed(&["run", "quick", "--worker", worker]);
    let calls = space.calls();
    let again = space.succeed(&["run", "quick", "--worker", worker, "--json"]);
    assert_eq!(with_status(&again.statuses(), "cached").len(), 4);
    assert_eq!(space.calls(), calls);
    let done = again.events().pop().unwrap();
    assert_eq!(
        (done["event"].as_str(), done["done"].as_u64(), done["cached"].as_u64()),
        (Some("done"), Some(0), Some(4))
    );
}

#[test]
fn the_plan_of_a_finished_pipeline_is_all_cached() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    insta::assert_snapshot!(space.succeed(&["plan", "quick"]).out);
}

#[test]
fn the_plan_of_a_new_pipeline_says_what_waits_for_what() {
    let space = Space::quick();
    let plan = space.succeed(&["plan", "quick"]);
    insta::assert_snapshot!(plan.out);
    assert!(space.stored("store").is_empty(), "a plan makes no artifact");
}

#[test]
fn the_plan_as_json_ends_with_its_counts() {
    let space = Space::quick();
    let last = space.succeed(&["plan", "quick", "--json"]).events().pop().unwrap();
    assert_eq!(last.to_string(), r#"{"event":"plan","points":1,"asked":4,"distinct":4,"run":4}"#);
}

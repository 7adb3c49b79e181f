//! A stage that fails stops what depends on it and nothing else; what was finished is kept.

use crate::space::{self, QUICK, Space, with_status};

/// The quick pipeline with a second ingest that asks for more interactions a user than anybody has.
fn with_a_failing_branch() -> Space {
    let space = Space::new();
    let failing = r#"
[stage.strict]
uses = "ingest"
inputs = { reviews = "sample.reviews", metadata = "sample.metadata" }
min_user_interactions = 100000

[stage.strict-popularity]
uses = "popularity"
inputs = { interactions = "strict.interactions" }
"#;
    space.write("quick.toml", format!("{QUICK}{failing}"));
    space
}

#[test]
fn a_failing_stage_keeps_finished_stages() {
    let space = with_a_failing_branch();
    let outcome = space.pipe(&["run", "quick", "--json", "-j", "1"]);
    assert_eq!(outcome.code, 24, "{}", outcome.err);
    let statuses = outcome.statuses();
    assert_eq!(statuses["sample"], "done");
    assert_eq!(statuses["strict"], "failed");
    assert_eq!(statuses["strict-popularity"], "skipped");
    assert_eq!(with_status(&space.statuses(&["quick", "--until", "sample"]), "cached"), ["sample"]);
}

#[test]
fn keep_going_finishes_what_does_not_depend_on_the_failure() {
    let space = with_a_failing_branch();
    let outcome = space.pipe(&["run", "quick", "--json", "--keep-going"]);
    assert_eq!(outcome.code, 24, "{}", outcome.err);
    let statuses = outcome.statuses();
    assert_eq!(with_status(&statuses, "done"), ["ingest", "metrics", "popularity", "sample"]);
    assert_eq!(with_status(&statuses, "failed"), ["strict"]);
    assert_eq!(with_status(&statuses, "skipped"), ["strict-popularity"]);
    let done = outcome.events().into_iter().rfind(|event| event["event"] == "done").unwrap();
    assert_eq!(
        (done["failed"].as_u64(), done["skipped"].as_u64(), done["code"].as_u64()),
        (Some(1), Some(1), Some(24))
    );
}

#[test]
fn a_failure_names_the_log_and_the_log_has_the_failure() {
    let space = with_a_failing_branch();
    let outcome = space.pipe(&["run", "quick"]);
    let start = outcome.err.find("log: ").unwrap() + 5;
    let path = outcome.err[start..].split(')').next().unwrap();
    assert!(std::fs::read_to_string(path).unwrap().contains("error: "), "{path}");
}

#[test]
fn a_killed_worker_is_told_apart() {
    let space = Space::quick();
    space.write(
        "worker.sh",
        format!("#!/bin/sh\n[ \"$1\" = describe ] && exec '{}' describe\nkill -9 $$\n", space::worker().display()),
    );
    make_executable(&space.path("worker.sh"));
    let worker = space.path("worker.sh");
    let outcome = space.pipe(&["run", "quick", "--worker", worker.to_str().unwrap()]);
    assert_eq!(outcome.code, 31, "{}", outcome.err);
    assert!(outcome.err.contains("sample was ended by signal 9"), "{}", outcome.err);
    assert!(space.stored("store").is_empty());
}

#[test]
fn a_worker_of_another_protocol_is_refused_by_its_version() {
    let space = Space::quick();
    let answers = ["{\"protocol\": 1, \"stages\": [\"ingest\"]}", "{\"protocol\": 99, \"programs\": {}}"];
    for (answer, version) in answers.into_iter().zip([1, 99]) {
        space.write("worker.sh", format!("#!/bin/sh\necho '{answer}'\n"));
        make_executable(&space.path("worker.sh"));
        let outcome = space.pipe(&["run", "quick", "--worker", space.path("worker.sh").to_str().unwrap()]);
        assert_eq!(outcome.code, 43, "{}", outcome.err);
        assert!(outcome.err.contains(&format!("it has protocol {version}, expected 3")), "{}", outcome.err);
    }
}

#[test]
fn a_worker_that_writes_nothing_breaks_its_contract() {
    let space = Space::quick();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = describe ] && exec '{}' describe\necho '{{\"event\":\"done\"}}'\n",
        space::worker().display()
    );
    space.write("worker.sh", script);
    make_executable(&space.path("worker.sh"));
    let worker = space.path("worker.sh");
    let outcome = space.pipe(&["run", "quick", "--worker", worker.to_str().unwrap()]);
    assert_eq!(outcome.code, 30, "{}", outcome.err);
    assert!(outcome.err.contains("it is empty"), "{}", outcome.err);
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

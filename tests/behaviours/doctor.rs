//! `pipe doctor` says what is there, what is wrong with it, and what to do; its exit code is that of the first problem.

use crate::space::Space;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

/// The findings of a topic.
fn findings(out: &str, topic: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(out).unwrap();
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["topic"] == topic).cloned().collect()
}

#[test]
fn a_machine_that_runs_pipelines_has_no_problem() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let out = space.succeed(&["doctor", "--json"]).out;
    let worker = &findings(&out, "worker")[0];
    assert_eq!((worker["level"].as_str(), worker["details"]["protocol"].as_u64()), (Some("ok"), Some(3)));
    assert!(worker["details"]["stages"].as_u64().unwrap() >= 12);
    assert_eq!(findings(&out, "pipe")[0]["details"]["version"], env!("CARGO_PKG_VERSION"));
    let store = &findings(&out, "store")[0];
    assert_eq!(store["details"]["exists"], true);
    assert!(store["details"]["path"].as_str().unwrap().ends_with("/artifacts"));
    assert!(findings(&out, "disk")[0]["details"]["free"].as_u64().unwrap() > 0);
    assert!(findings(&out, "index")[0]["details"]["rows"].as_u64().unwrap() > 0);
    assert_eq!(findings(&out, "left-overs")[0]["details"]["dead_runs"], 0);
    assert!(findings(&out, "machine")[0]["details"]["threads"].as_u64().unwrap() > 0);
    assert!(!findings(&out, "libtorch").is_empty());
    assert_eq!(space.stored("tmp"), ["locks"], "the doctor leaves nothing behind");
}

#[test]
fn a_new_project_has_no_store_and_gets_none() {
    let space = Space::new();
    std::fs::create_dir_all(space.path("pipelines/deep")).unwrap();
    let mut command = space.command(&["doctor"]);
    let output = command.current_dir(space.path("pipelines/deep")).output().unwrap();
    assert!(output.status.success());
    let text = space.redact(&String::from_utf8(output.stdout).unwrap());
    assert!(text.contains("ok       store       [FOLDER]/artifacts, not there yet; it can be made\n"), "{text}");
    assert!(!space.path("artifacts").exists());
}

#[test]
fn without_a_worker_the_rest_is_still_examined() {
    let space = Space::new();
    let outcome = space.pipe(&["doctor", "--worker", "nowhere"]);
    assert_eq!(outcome.code, 43);
    assert!(outcome.out.contains("problem  worker      there is no worker at nowhere\n"), "{}", outcome.out);
    assert!(outcome.out.contains("→ build it with `cargo build`, or name it with --worker"), "{}", outcome.out);
    assert!(outcome.out.contains("open files"), "{}", outcome.out);
    let json = space.pipe(&["doctor", "--json", "--worker", "nowhere"]);
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, report["code"].as_u64()), (43, Some(43)));
}

#[test]
fn a_worker_of_another_protocol_is_a_problem() {
    let space = Space::new();
    space.write("worker", "#!/bin/sh\necho '{\"protocol\": 99, \"stages\": []}'\n");
    std::fs::set_permissions(space.path("worker"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = space.pipe(&["doctor", "--worker", "./worker"]);
    assert_eq!(outcome.code, 43);
    assert!(outcome.out.contains("it has protocol 99, expected 3"), "{}", outcome.out);
}

#[test]
fn a_store_where_no_file_can_be_made_is_a_problem() {
    let space = Space::new();
    // No folder can be made in a place that is no disk, not even by root.
    let outcome = space.pipe(&["doctor", "--store", "/proc/artifacts"]);
    assert_eq!(outcome.code, 40, "{}{}", outcome.out, outcome.err);
    assert!(
        outcome.out.contains("problem  store       the store at /proc/artifacts cannot be written"),
        "{}",
        outcome.out
    );
}

#[test]
fn doctor_counts_left_overs_and_removes_none() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    space.write("artifacts/tmp/dead/stage/half.parquet", "half");
    space.write("artifacts/quarantine/record.json.0", "{");
    for entry in std::fs::read_dir(space.path("artifacts/index/sled")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::write(path, "damage".repeat(100)).unwrap();
        }
    }
    let outcome = space.succeed(&["doctor"]);
    let expected = "warning  left-overs  1 damaged things in quarantine, 1 of dead runs in tmp\n";
    assert!(outcome.out.contains(expected), "{}", outcome.out);
    assert!(outcome.out.contains("warning  index       it cannot be read\n"), "{}", outcome.out);
    assert!(space.path("artifacts/tmp/dead/stage/half.parquet").exists());
    assert!(space.path("artifacts/index/sled").exists());
}

#[test]
fn an_index_that_another_process_holds_is_a_warning() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let lock =
        pipe::fs::FileLock::try_take(&pipe::fs::Disk::default(), &space.path("artifacts/index/sled.lock")).unwrap();
    assert!(lock.is_some());
    let out = space.succeed(&["doctor", "--json"]).out;
    assert_eq!(findings(&out, "index")[0]["level"], "warning");
}

#[test]
fn few_open_files_are_a_warning() {
    let space = Space::new();
    let script = format!("ulimit -n 128; exec '{}' doctor", env!("CARGO_BIN_EXE_pipe"));
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(space.path("")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("warning  open files  at most 128 for a process\n"), "{text}");
    assert!(text.contains("→ raise it with `ulimit -n 1024` before running"), "{text}");
}

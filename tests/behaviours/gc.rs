//! What `pipe cache gc` removes and what it leaves, also beside runs and when it is killed.

use crate::space::chain::{CHAIN, chain, folder, word};
use crate::space::{Space, wait_until};
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn gc(space: &Space, arguments: &[&str]) -> Value {
    space.json(&[&["cache", "gc"], arguments].concat())
}

/// How many things of a kind went.
fn gone(report: &Value, kind: &str) -> usize {
    report["removed"].as_array().unwrap().iter().filter(|removal| removal["kind"] == kind).count()
}

fn run(space: &Space, letter: &str) {
    space.succeed(&["run", "chain", "--set", &word(letter)]);
}

/// Whether all results for a letter are in the store.
fn has(space: &Space, letter: &str) -> bool {
    let plan = space.succeed(&["plan", "chain", "--set", &word(letter)]).out;
    plan.contains("3 cached")
}

/// Sets the time of a run's beginning and of the making of its results that many days back.
fn age(space: &Space, run: &str, days: u64) {
    let path = space.path("artifacts/runs").join(run).join("run.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let started = record["started"].as_u64().unwrap() - days * 24 * 3600;
    record["started"] = started.into();
    std::fs::write(&path, record.to_string()).unwrap();
    for stage in record["stages"].as_array().unwrap() {
        let path = space.path("artifacts/actions").join(format!("{}.json", stage["key"].as_str().unwrap()));
        let sealed: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut action = sealed["action"].clone();
        if action["provenance"]["run"] == run {
            action["provenance"]["started"] = started.into();
            let text = action.to_string();
            std::fs::write(&path, format!(r#"{{"seal":"{}","action":{text}}}"#, blake3::hash(text.as_bytes())))
                .unwrap();
        }
    }
}

#[test]
fn without_options_only_what_nothing_refers_to_goes() {
    let space = chain();
    run(&space, "a");
    run(&space, "b");
    space.write(&format!("artifacts/store/{}/file", "0".repeat(64)), "12345");
    space.write("artifacts/actions/.note.json.1-0.new", "half");
    space.write("artifacts/tmp/dead/size/outputs/half", "half");
    space.write("artifacts/quarantine/kept.0", "damaged");
    let done = serde_json::from_str::<Value>(&space.succeed(&["cache", "ls", "--json"]).out).unwrap()[0]["key"].clone();
    space.write(&format!("artifacts/checkpoints/{}/state", done.as_str().unwrap()), "state");
    space.write(&format!("artifacts/checkpoints/{}/state", "0".repeat(64)), "state");
    let planned = gc(&space, &["--dry-run"]);
    assert!(space.path("artifacts/tmp/dead").exists(), "a dry run removes nothing");
    let removed = gc(&space, &[]);
    assert_eq!(planned, removed, "the plan is what was removed");
    let counts =
        ["record", "artifact", "checkpoint", "left-over", "run", "quarantined"].map(|kind| gone(&removed, kind));
    assert_eq!(counts, [0, 1, 1, 2, 0, 0], "{removed:#}");
    assert!(has(&space, "a") && has(&space, "b"));
    assert_eq!(space.stored("checkpoints"), ["0".repeat(64)], "a stage that did not succeed goes on from there");
    assert_eq!(gone(&gc(&space, &["--quarantine"]), "quarantined"), 1);
    assert_eq!(gc(&space, &[])["removed"], serde_json::json!([]));
}

#[test]
fn what_the_newest_runs_used_stays() {
    let space = chain();
    ["a", "b", "c"].iter().for_each(|letter| run(&space, letter));
    let removed = gc(&space, &["--keep-runs", "2"]);
    assert_eq!([gone(&removed, "record"), gone(&removed, "run")], [3, 1], "{removed:#}");
    assert!(has(&space, "b") && has(&space, "c") && !has(&space, "a"));
    // A run with nothing to do leaves no record, but what it used was used last.
    space.succeed(&["run", "chain", "--set", &word("b")]);
    gc(&space, &["--keep-runs", "1"]);
    assert!(has(&space, "b") && has(&space, "c"));
    gc(&space, &["--keep-runs", "0"]);
    assert!(space.stored("actions").is_empty() && space.stored("store").is_empty() && space.stored("runs").is_empty());
    space.succeed(&["cache", "verify", "--deep"]);
}

#[test]
fn what_was_used_lately_stays() {
    let space = chain();
    run(&space, "a");
    let old = space.stored("runs").remove(0);
    run(&space, "b");
    age(&space, &old, 10);
    assert_eq!(gone(&gc(&space, &["--keep-days", "11"]), "record"), 0);
    assert_eq!(gone(&gc(&space, &["--keep-days", "9", "--keep-runs", "2"]), "record"), 0, "either keeps");
    let removed = gc(&space, &["--keep-days", "9"]);
    assert_eq!([gone(&removed, "record"), gone(&removed, "run")], [3, 1], "{removed:#}");
    assert!(has(&space, "b") && !has(&space, "a"));
}

#[test]
fn the_least_recently_used_go_until_it_fits() {
    let space = chain();
    let wide = "w".repeat(20_000);
    space.write(
        "chain.toml",
        CHAIN.replace("printf '%s' {parameters.word}", &format!("printf '%s{wide}' {{parameters.word}}")),
    );
    for (letter, days) in [("a", 3), ("b", 2), ("c", 1)] {
        run(&space, letter);
        let newest = space.stored("runs").pop().unwrap();
        age(&space, &newest, days);
    }
    // Each letter has 60 kB; runs and index are what else is there.
    let stat: Value = space.json(&["cache", "stat"]);
    let beside = stat["runs"]["bytes"].as_u64().unwrap() + stat["index"]["bytes"].as_u64().unwrap();
    let removed = gc(&space, &["--max-size", &(beside + 130_000).to_string()]);
    assert_eq!(gone(&removed, "run"), 0);
    assert!(!has(&space, "a") && has(&space, "b") && has(&space, "c"), "{removed:#}");
    space.succeed(&["cache", "verify", "--deep"]);
}

#[test]
fn an_artifact_that_another_result_names_stays() {
    let space = chain();
    run(&space, "a");
    // `mark` and `size` are equal whatever the letter.
    let mark = folder(&space, "double.mark", &["--set", &word("a")]);
    run(&space, "b");
    gc(&space, &["--keep-runs", "1"]);
    assert!(mark.join("mark").is_file());
    space.succeed(&["cache", "verify", "--deep"]);
}

#[test]
fn runs_beside_it_neither_fail_nor_come_to_something_else() {
    let space = chain();
    run(&space, "x");
    let end = Instant::now() + Duration::from_secs(4);
    let (runs, collections) = std::thread::scope(|threads| {
        let space = &space;
        let workers: Vec<_> = (0..3_usize)
            .map(|worker| {
                threads.spawn(move || {
                    let mut runs = 0;
                    while Instant::now() < end {
                        let letters = "xyz"[..1 + (runs + worker) % 3].to_owned();
                        let outcome = space.pipe(&["run", "chain", "--json", "--set", &word(&letters)]);
                        assert_eq!(outcome.code, 0, "{}{}", outcome.out, outcome.err);
                        runs += 1;
                    }
                    runs
                })
            })
            .collect();
        let mut collections = 0;
        while Instant::now() < end {
            gc(space, &["--keep-runs", "0"]);
            collections += 1;
        }
        (workers.into_iter().map(|worker| worker.join().unwrap()).sum::<usize>(), collections)
    });
    eprintln!("{runs} runs beside {collections} collections of gc");
    assert!(runs > 3 && collections > 3);
    space.succeed(&["cache", "verify", "--deep"]);
    for letters in ["x", "xy", "xyz"] {
        run(&space, letters);
        let size = folder(&space, "size.size", &["--set", &word(letters)]);
        assert_eq!(std::fs::read_to_string(size.join("size")).unwrap().trim(), (letters.len() * 2).to_string());
    }
}

/// A run is held between two stages while everything that is not needed goes.
#[test]
fn what_a_live_run_builds_on_stays() {
    let space = chain();
    let slow =
        CHAIN.replace("\"wc -c <", "\"while ! test -e $HOME/go; do sleep 0.01; done; cat {inputs.mark}/mark; wc -c <");
    let slow = slow.replace("from = \"double.text\"", "from = \"double.text\", mark = \"double.mark\"");
    space.write("chain.toml", slow);
    let mut command = space.command(&["run", "chain"]);
    let mut child = command.env("HOME", space.path("")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the run does not reach its second stage", || {
        space.stored("actions").len() >= 2 && space.stored("chain").len() >= 2
    });
    let removed = gc(&space, &["--keep-runs", "0", "--max-size", "0"]);
    assert_eq!(removed["removed"], serde_json::json!([]), "{removed:#}");
    space.write("go", "");
    assert!(child.wait().unwrap().success());
    assert!(gone(&gc(&space, &["--keep-runs", "0"]), "record") == 3, "nothing needs them any more");
}

#[test]
fn killed_at_any_instant_it_leaves_a_whole_store() {
    let space = chain();
    for delay in (0..25).map(|step| Duration::from_micros(step * 600)) {
        ["a", "b"].iter().for_each(|letter| run(&space, letter));
        let mut command = space.command(&["cache", "gc", "--keep-runs", "0"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        child.wait().unwrap();
        let found = space.pipe(&["cache", "verify", "--deep", "--json"]);
        assert_eq!(found.code, 0, "killed after {delay:?}: {}", found.out);
    }
    run(&space, "a");
    let size = folder(&space, "size.size", &["--set", &word("a")]);
    assert_eq!(std::fs::read_to_string(size.join("size")).unwrap().trim(), "2");
    gc(&space, &["--keep-runs", "0"]);
    let left = space.stored("tmp");
    // A lock by itself is nothing, and goes when it is an hour old.
    assert!(left.iter().all(|name| name == "locks" || name.ends_with(".lock")), "{left:?}");
    assert!(space.stored("store").is_empty());
}

#[test]
fn quarantine_of_an_older_store_is_counted_and_collected() {
    let space = chain();
    run(&space, "a");
    space.write("artifacts/set-aside/old.json.0", "12345");
    space.write("artifacts/quarantine/new.json.0", "123");
    let stats: Value = space.json(&["cache", "stat"]);
    assert_eq!(stats["quarantine"], serde_json::json!({ "count": 2, "bytes": 8 }));
    let doctor = space.succeed(&["doctor"]).out;
    assert!(doctor.contains("2 damaged things in quarantine"), "{doctor}");
    assert_eq!(gone(&gc(&space, &[]), "quarantined"), 0);
    let planned = gc(&space, &["--quarantine", "--dry-run"]);
    assert_eq!(gone(&planned, "quarantined"), 2);
    assert_eq!(gc(&space, &["--set-aside"]), planned, "the older name of the option");
    assert!(space.stored("set-aside").is_empty() && space.stored("quarantine").is_empty());
}

//! Records, pins and runs that somebody has made up under a valid seal: no path leads out of the store, no size panics.

use crate::space::Space;
use crate::space::chain::chain;
use pipe::key::Digest;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The chain after a run, with the record of `base` changed and sealed again.
fn forged(change: impl FnOnce(&mut Value)) -> Space {
    let space = chain();
    space.succeed(&["run", "chain"]);
    let record = record(&space, "base");
    let mut sealed: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    change(&mut sealed["action"]);
    let action = sealed["action"].to_string();
    let seal = Digest::of(action.as_bytes());
    std::fs::write(record, format!("{{\"seal\":\"{seal}\",\"action\":{action}}}\n")).unwrap();
    space
}

/// The record of a stage.
fn record(space: &Space, stage: &str) -> PathBuf {
    let listed = space.succeed(&["cache", "ls", "--stage", stage, "--json"]).out;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    space.path("artifacts/actions").join(format!("{}.json", listed[0]["key"].as_str().unwrap()))
}

/// Runs every command that reads records. None may panic.
fn read_all(space: &Space) {
    for arguments in [
        &["cache", "ls"] as &[&str],
        &["cache", "ls", "--json"],
        &["cache", "stat"],
        &["cache", "verify", "--deep"],
        &["cache", "gc", "--dry-run", "--max-size", "1"],
        &["cache", "gc", "--dry-run", "--keep-runs", "1"],
        &["cache", "path", "chain", "base"],
        &["cache", "export", "chain", "--to", "copy"],
        &["runs"],
        &["show", "latest"],
        &["pin", "--list"],
        &["why", "chain"],
        &["plan", "chain"],
        &["run", "chain"],
        &["cache", "gc", "--max-size", "1"],
    ] {
        let outcome = space.pipe(arguments);
        let message = outcome.out + &outcome.err;
        assert!(outcome.code >= 0 && outcome.code != 101, "{arguments:?}: {}: {message}", outcome.code);
        assert!(!message.contains("panicked"), "{arguments:?}: {message}");
    }
}

#[test]
fn an_export_of_a_record_with_paths_outside_writes_nothing_outside() {
    for (path, is_absolute) in [("victim", true), ("../../../../victim", false), ("a/../../../../../victim", false)] {
        let space = Space::new();
        space.write("victim", "x");
        let victim = space.path("victim");
        let path = if is_absolute { victim.to_str().unwrap().to_owned() } else { path.to_owned() };
        let forged = forged(|action| {
            action["outputs"]["text"]["files"][0]["path"] = json!(path);
        });
        forged.write("../victim-of-export", "mine");
        forged.write("out/victim", "mine");
        // What the record names is there with the right size, wherever that is.
        std::fs::write(&victim, "a").unwrap();
        let outcome = forged.pipe(&["cache", "export", "chain", "base", "--to", "out/copy/deep"]);
        assert_eq!(outcome.code, 15, "{path}: the record is damaged: {}{}", outcome.out, outcome.err);
        assert_eq!(std::fs::read_to_string(forged.path("out/victim")).unwrap(), "mine");
        assert_eq!(forged.pipe(&["cache", "verify"]).code, 44);
        read_all(&forged);
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "a", "{path}");
        std::fs::remove_file(forged.path("../victim-of-export")).unwrap();
    }
}

#[test]
fn a_record_with_a_port_that_is_a_path_is_damaged() {
    for port in ["../../../evil", "/tmp/evil", "a/b", "..", ".", "", "a\0b"] {
        let space = forged(|action| {
            let artifact = action["outputs"]["text"].take();
            action["outputs"] = json!({ port: artifact });
        });
        assert_eq!(space.pipe(&["cache", "verify"]).code, 44, "{port:?}");
        assert_eq!(space.statuses(&["chain"])["base"], "done", "{port:?}: made again");
        read_all(&space);
    }
}

#[test]
fn sizes_and_times_that_no_machine_has_do_not_panic() {
    let largest = i64::MAX.unsigned_abs();
    for size in [u64::MAX, largest, largest + 1] {
        read_all(&forged(|action| action["outputs"]["text"]["files"][0]["size"] = json!(size)));
    }
    read_all(&forged(|action| {
        action["provenance"]["started"] = json!(u64::MAX);
        action["provenance"]["seconds"] = json!(1e308);
        action["provenance"]["peak_memory"] = json!(u64::MAX);
    }));
}

#[test]
fn the_sum_of_many_large_sizes_does_not_panic() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    for stage in ["base", "double", "size"] {
        let path = record(&space, stage);
        let mut sealed: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for artifact in sealed["action"]["outputs"].as_object_mut().unwrap().values_mut() {
            artifact["files"][0]["size"] = json!(i64::MAX);
            artifact["digest"] = json!(Digest::of(format!("{stage}{artifact}").as_bytes()));
        }
        let action = sealed["action"].to_string();
        let seal = Digest::of(action.as_bytes());
        std::fs::write(path, format!("{{\"seal\":\"{seal}\",\"action\":{action}}}\n")).unwrap();
    }
    read_all(&space);
}

#[test]
fn a_run_whose_record_names_paths_is_left_out() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    let run = space.stored("runs").pop().unwrap();
    let path = space.path("artifacts/runs").join(run).join("run.json");
    let good: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for (field, value) in [("run", json!("../../evil")), ("stages", json!([{ "stage": "../../evil", "seconds": 0.0 }]))]
    {
        let mut record = good.clone();
        record[field] = value;
        std::fs::write(&path, record.to_string()).unwrap();
        read_all(&space);
    }
}

#[test]
fn a_pin_that_names_a_path_is_refused() {
    for (field, value) in
        [("name", json!("../../evil")), ("run", json!("../evil")), ("keys", json!({ "../evil": "0" }))]
    {
        let space = chain();
        space.succeed(&["run", "chain"]);
        space.succeed(&["pin", "chain", "--name", "mine"]);
        let path = space.path("artifacts/pins/mine.json");
        let mut pin: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        pin[field] = value;
        std::fs::write(&path, pin.to_string()).unwrap();
        let outcome = space.pipe(&["pin", "--list"]);
        assert_eq!(outcome.code, 44, "{}{}", outcome.out, outcome.err);
        assert!(outcome.err.contains("mine.json"), "{}", outcome.err);
        assert_eq!(space.pipe(&["cache", "gc", "--max-size", "1"]).code, 44, "it is not known what must stay");
    }
}

#[test]
fn an_export_follows_no_link() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    space.write("elsewhere/kept", "mine");
    std::fs::remove_file(space.path("elsewhere/kept")).unwrap();
    std::os::unix::fs::symlink(space.path("elsewhere"), space.path("copy")).unwrap();
    let outcome = space.pipe(&["cache", "export", "chain", "--to", "copy"]);
    assert_ne!(outcome.code, 0, "{}{}", outcome.out, outcome.err);
    assert_eq!(std::fs::read_dir(space.path("elsewhere")).unwrap().count(), 0);
}

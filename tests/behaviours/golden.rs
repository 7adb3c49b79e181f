//! Stores of every format that was ever written stay readable: they are whole, and can be listed, verified and cleaned. Of
//! the newest, every stage is cached.
//!
//! A store is never edited and never made again. For a new format, add its folder beside the others:
//! `PIPE_UPDATE=1 cargo test --workspace --test behaviours golden::` makes the store that is not there.

use crate::space::{Space, repository, with_status};
use crate::whole;
use std::path::{Path, PathBuf};

/// The folders of all formats.
fn formats() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("tests/golden")).unwrap();
    let mut formats: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    formats.sort();
    formats
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Keeps what makes up the results of a format's pipeline: records and artifacts.
fn make(format: &Path) {
    let space = Space::new();
    copy(format, &space.path(""));
    space.succeed(&["run", "golden"]);
    for folder in ["actions", "store"] {
        copy(&space.path("artifacts").join(folder), &format.join("artifacts").join(folder));
    }
}

/// The newest format, and those before it.
fn newest_and_older() -> (PathBuf, Vec<PathBuf>) {
    let mut formats = formats();
    let newest = formats.pop().unwrap();
    (newest, formats)
}

/// A folder with the pipeline and the store of a format, whose store is whole, and the number of its records.
fn open(format: &Path) -> (Space, usize) {
    let space = Space::new();
    copy(format, &space.path(""));
    let records = whole::assert_whole(&space.path("artifacts"));
    assert!(records > 0, "{} has no records", format.display());
    (space, records)
}

fn assert_result(space: &Space) {
    let both = std::fs::read_to_string(space.path("artifacts/golden/both/o/v")).unwrap();
    assert_eq!(both, "brown\ndog\n11 en\n9\n");
}

#[test]
fn every_stage_of_the_newest_format_is_cached() {
    let update = std::env::var_os("PIPE_UPDATE").is_some();
    let (newest, _) = newest_and_older();
    if update && !newest.join("artifacts").exists() {
        make(&newest);
    }
    let (space, records) = open(&newest);
    let statuses = space.statuses(&["golden"]);
    assert_eq!(with_status(&statuses, "cached").len(), records, "{statuses:?}");
    assert_eq!(statuses.len(), records, "{statuses:?}");
    assert_result(&space);
}

#[test]
fn a_store_of_an_earlier_format_is_listed_verified_and_cleaned() {
    for format in newest_and_older().1 {
        let (space, records) = open(&format);
        let listed: Vec<serde_json::Value> =
            serde_json::from_str(&space.succeed(&["cache", "ls", "--json"]).out).unwrap();
        assert_eq!(listed.len(), records, "{}: {listed:?}", format.display());
        space.succeed(&["cache", "verify", "--deep"]);
        space.succeed(&["cache", "gc", "--keep-days", "100000"]);
        assert_eq!(whole::assert_whole(&space.path("artifacts")), records, "{}", format.display());
    }
}

#[test]
fn stages_of_an_earlier_key_format_run_once() {
    for format in newest_and_older().1 {
        let (space, records) = open(&format);
        link_newest(&space);
        let plan = space.succeed(&["plan", "golden"]).out;
        assert!(plan.contains("words") && plan.contains("its result has a key of an earlier format"), "{plan}");
        let statuses = space.statuses(&["golden"]);
        assert_eq!(with_status(&statuses, "done").len(), records, "{}: {statuses:?}", format.display());
        assert_result(&space);
        assert_eq!(with_status(&space.statuses(&["golden"]), "cached").len(), records, "{}", format.display());
        assert_eq!(whole::assert_whole(&space.path("artifacts")), 2 * records, "{}", format.display());
    }
}

/// Sets the links to the newest results of the pipeline, which a store among the tests has not.
fn link_newest(space: &Space) {
    for name in space.stored("actions") {
        let text = std::fs::read_to_string(space.path("artifacts/actions").join(&name)).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        let stage = record["action"]["provenance"]["stage"].as_str().unwrap();
        let folder = space.path("artifacts/golden").join(stage);
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(Path::new("../../actions").join(&name), folder.join("action.json")).unwrap();
    }
}

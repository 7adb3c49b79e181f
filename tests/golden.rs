//! Stores of every format that was ever written stay readable: their results are still the results.
//!
//! A store is never edited and never made again. For a new format, add its folder beside the others:
//! `PIPE_UPDATE=1 cargo test -p pipe --test golden` makes the stores that are not there.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;
mod whole;

use space::{Space, repository, with_status};
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

#[test]
fn every_format_that_was_ever_written_is_all_hits() {
    let update = std::env::var_os("PIPE_UPDATE").is_some();
    let formats = formats();
    formats.iter().filter(|format| update && !format.join("artifacts").exists()).for_each(|format| make(format));
    for format in &formats {
        let space = Space::new();
        copy(format, &space.path(""));
        let records = whole::assert_whole(&space.path("artifacts"));
        let statuses = space.statuses(&["golden"]);
        assert_eq!(with_status(&statuses, "cached").len(), records, "{}: {statuses:?}", format.display());
        assert!(records > 0 && statuses.len() == records, "{}: {statuses:?}", format.display());
        let both = std::fs::read_to_string(space.path("artifacts/golden/both/o/v")).unwrap();
        assert_eq!(both, "brown\ndog\n11 en\n9\n");
    }
    assert!(formats.iter().any(|format| format.ends_with(format!("format-{}", pipe::store::FORMAT))));
}

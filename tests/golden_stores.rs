//! Stores that earlier versions wrote are read as they are: every result in them is found.
//!
//! Each folder of `tests/golden` is a store, `artifacts`, with the pipeline and the inputs that it was made of. A new form
//! of the store adds a folder; none is ever changed.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use serde_json::Value;
use space::{Space, repository, with_status};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of `tests/golden`, sorted.
fn golden() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("tests/golden")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

/// A space with a copy of a folder, links as they are.
fn copied(folder: &Path) -> Space {
    let space = Space::new();
    let from = folder.join(".");
    assert!(Command::new("cp").arg("-R").args([from, space.path("")]).status().unwrap().success());
    space
}

/// The files beneath a folder with their content, by path.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                found.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_result_of_a_golden_store_is_found() {
    for folder in golden() {
        let space = copied(&folder);
        let statuses = space.statuses(&["golden"]);
        assert_eq!(with_status(&statuses, "hit").len(), statuses.len(), "{}: {statuses:?}", folder.display());
        assert!(statuses.len() >= 3, "{statuses:?}");
        let all = std::fs::read_to_string(space.path("artifacts/golden/all/all/all.txt")).unwrap();
        assert_eq!(all, "9\nthe\nthe\nquick\nover\nlazy\njumps\nfox\ndog\nbrown\n", "{}", folder.display());
        assert_eq!(files(&space.path("artifacts/store")), files(&folder.join("artifacts/store")));
    }
}

#[test]
fn the_same_results_are_made_today() {
    for folder in golden() {
        let space = copied(&folder);
        std::fs::remove_dir_all(space.path("artifacts")).unwrap();
        space.succeed(&["run", "golden"]);
        assert_eq!(files(&space.path("artifacts/store")), files(&folder.join("artifacts/store")));
        assert_eq!(space.stored("actions").len(), files(&folder.join("artifacts/actions")).len());
    }
}

#[test]
fn a_golden_store_is_used_when_one_stage_changes() {
    for folder in golden() {
        let space = copied(&folder);
        let statuses = space.statuses(&["golden", "--set", "sorted.order=-f"]);
        assert_eq!(with_status(&statuses, "ran"), ["all", "sorted"], "{}", folder.display());
        assert_eq!(with_status(&statuses, "hit"), ["words"]);
    }
}

#[test]
fn nothing_of_a_machine_is_in_a_golden_store() {
    for folder in golden() {
        for (path, bytes) in files(&folder.join("artifacts")) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains("/home/") && !text.contains("/tmp/"), "{}", path.display());
        }
        for (path, bytes) in files(&folder.join("artifacts/actions")) {
            let sealed: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(sealed["action"]["provenance"]["host"], "golden", "{}", path.display());
        }
    }
}

/// Makes the store of the newest form, where there is none: for who changes the form.
///
/// `cargo test --test golden_stores -- --ignored`
#[test]
#[ignore = "it writes a golden store, which is then committed and never changed"]
fn make_the_golden_store_of_the_newest_form() {
    let folder = golden().pop().unwrap();
    let store = folder.join("artifacts");
    assert!(!store.exists(), "{} is there, and no golden store is ever changed", store.display());
    let space = copied(&folder);
    let named = "hostname golden && exec \"$@\"";
    let status = Command::new("unshare")
        .args(["--uts", "sh", "-c", named, "sh", env!("CARGO_BIN_EXE_pipe"), "run", "golden"])
        .current_dir(space.path(""))
        .status();
    assert!(status.unwrap().success(), "this needs the right to name the host for a process");
    let made = space.path("artifacts");
    // What is derived, or belongs to this machine's run, is no part of it.
    for derived in ["index", "tmp", "runs", "lock"] {
        let path = made.join(derived);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
    assert!(Command::new("cp").arg("-R").args([&made, &folder]).status().unwrap().success());
}

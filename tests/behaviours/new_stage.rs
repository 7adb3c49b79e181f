//! A new stage is one new crate and two lines in the worker, as CONTRIBUTING.md says.
//!
//! `tests/fixtures/new_stage` holds a complete stage and the diff that registers it. The crate is compiled with the tests,
//! but is not part of the worker that is shipped.

use contract::{Erased, Spec};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const FIXTURE: &str = "tests/fixtures/new_stage";

/// A stage by the expression that registers it, and the text of that expression.
macro_rules! registered {
    ($stage:ty) => {
        (Erased::of::<$stage>(), concat!("Erased::of::<", stringify!($stage), ">(),"))
    };
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the registration adds, by file; it removes nothing.
fn added_lines(diff: &str) -> Vec<(String, String)> {
    let mut file = String::new();
    let mut added = Vec::new();
    for line in diff.lines() {
        if let Some(name) = line.strip_prefix("+++ b/") {
            name.clone_into(&mut file);
        } else if let Some(text) = line.strip_prefix('+') {
            added.push((file.clone(), text.trim().to_owned()));
        } else {
            assert!(line.starts_with("---") || !line.starts_with('-'), "the registration removes a line: {line}");
        }
    }
    added
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn a_new_stage_is_a_crate_and_two_lines() {
    let diff = std::fs::read_to_string(root().join(FIXTURE).join("registration.diff")).unwrap();
    let (_, registration) = registered!(toy::Toy);
    let expected =
        [("stages/worker/Cargo.toml", r#"toy = { path = "../toy" }"#), ("stages/worker/src/registry.rs", registration)];
    assert_eq!(added_lines(&diff), expected.map(|(file, line)| (file.to_owned(), line.to_owned())));
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["Cargo.toml", "Cargo.lock", "src", "stages"] {
        copy(&root().join(name), &at(name));
    }
    // Here the tests depend on the fixture's crate; there it is a stage like the others.
    let manifest = std::fs::read_to_string(at("Cargo.toml")).unwrap();
    std::fs::write(at("Cargo.toml"), manifest.replace(&format!("{FIXTURE}/stages/toy"), "stages/toy")).unwrap();
    copy(&root().join(FIXTURE).join("stages/toy"), &at("stages/toy"));
    run(Command::new("git")
        .args(["apply", "-"])
        .current_dir(folder.path())
        .stdin(std::fs::File::open(root().join(FIXTURE).join("registration.diff")).unwrap()));
    let cargo = ["metadata", "--offline", "--no-deps", "--format-version", "1"];
    let metadata = run(Command::new(env!("CARGO")).args(cargo).current_dir(folder.path()));
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let worker = packages.iter().find(|package| package["name"] == "worker").unwrap();
    let uses = worker["dependencies"].as_array().unwrap().iter().find(|one| one["name"] == "toy").unwrap();
    assert_eq!(uses["path"].as_str().map(Path::new), Some(at("stages/toy").as_path()));
}

#[test]
fn the_new_stage_describes_itself_and_runs() {
    let (stage, _) = registered!(toy::Toy);
    let description = (stage.describe)();
    assert_eq!((description.name.as_str(), description.version.len()), ("toy", 16));
    assert_eq!(description.parameters["properties"]["name"]["default"], "world");
    let folder = tempfile::tempdir().unwrap();
    let spec: Spec = serde_json::from_value(json!({
        "uses": "toy", "parameters": { "name": "reader" }, "inputs": {}, "outputs": { "greeting": folder.path() },
        "seed": 0, "threads": 1, "device": "cpu",
    }))
    .unwrap();
    (stage.run)(spec).unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("greeting.txt")).unwrap(), "Hello, reader!\n");
}

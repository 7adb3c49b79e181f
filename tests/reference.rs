//! The reference in `docs/` is what the code says. `PIPE_UPDATE=1 cargo test --test reference` writes it anew.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use serde::Deserialize;
use space::{repository, worker};
use std::process::Command;

#[derive(Deserialize)]
struct Answer {
    stages: Vec<contract::Description>,
    artifacts: Vec<contract::ArtifactSchema>,
}

#[test]
fn the_reference_is_not_stale() {
    let output = Command::new(worker()).arg("describe").output().unwrap();
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    for (name, text) in pipe::cli::reference::files(&answer.stages, &answer.artifacts).unwrap() {
        let path = repository().join("docs").join(name);
        if std::env::var_os("PIPE_UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "docs/{name} is stale: run PIPE_UPDATE=1 cargo test --test reference");
    }
}

#[test]
fn every_pipeline_of_the_repository_fits_its_stages() {
    let space = space::Space::new();
    let (pipelines, tables) = (repository().join("pipelines"), repository().join("pipelines/tables"));
    let files = [pipelines, tables].into_iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    for path in files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let profiled: &[&[&str]] =
            if text.contains("[profile.small]") { &[&[], &["--profile", "small"]] } else { &[&[]] };
        // The paper's tables stand beside the pipelines, as data.
        for profile in profiled.iter().filter(|_| text.contains("[stage.") || text.contains("extends")) {
            let plan = space.pipe(&[&["plan", path.to_str().unwrap(), "--store", "artifacts"], *profile].concat());
            // 14: everything is right but for data that is not on this machine.
            assert!([0, 14].contains(&plan.code), "{}: {}{}", path.display(), plan.out, plan.err);
        }
    }
}

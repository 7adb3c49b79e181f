//! The reference in `docs/` is what the code says. `PIPE_UPDATE=1 cargo test --workspace --test behaviours reference::` writes it anew.

use crate::space::{self, repository, worker};
use serde::Deserialize;
use std::fmt::Write as _;
use std::process::Command;

/// What has equations, and the files whose docs have them.
const EQUATIONS: [(&str, &[&str]); 16] = [
    ("`dccf`", &["stages/dccf/src/lib.rs"]),
    ("`cooccurrence`", &["stages/cooccurrence/src/lib.rs"]),
    ("`codebook`", &["stages/codebook/src/lib.rs"]),
    (
        "`finetune`",
        &["stages/finetune/src/lib.rs", "stages/finetune/src/objective.rs", "stages/lib/decoding/src/item_head.rs"],
    ),
    ("`precache`", &["stages/precache/src/lib.rs", "stages/lib/recommender/src/beam/support.rs"]),
    ("`popularity`, `markov-chain`, `item-knn`, `text-knn`", &["stages/baselines/src/lib.rs"]),
    ("`sasrec`", &["stages/sequential/src/sasrec.rs"]),
    ("`bert4rec`", &["stages/sequential/src/bert4rec.rs"]),
    ("`fmlp`", &["stages/sequential/src/fmlp.rs"]),
    ("`gru4rec`", &["stages/sequential/src/gru4rec.rs"]),
    ("Losses", &["stages/sequential/src/base/loss.rs"]),
    ("`tiger`", &["stages/generative/src/lib.rs", "stages/generative/src/tiger.rs"]),
    ("`p5`", &["stages/generative/src/p5.rs", "stages/generative/src/cluster.rs"]),
    ("`blend`", &["stages/blend/src/lib.rs"]),
    ("`metrics`", &["stages/metrics/src/lib.rs"]),
    ("Metrics during training", &["stages/lib/recommender/src/validation.rs"]),
];

#[derive(Deserialize)]
struct Answer {
    stages: Vec<contract::Description>,
    artifacts: Vec<contract::ArtifactSchema>,
}

#[test]
fn the_reference_is_not_stale() {
    let output = Command::new(worker()).arg("describe").output().unwrap();
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    let equations = ("reference/equations.md", equations());
    for (name, text) in
        pipe::cli::reference::files(&answer.stages, &answer.artifacts).unwrap().into_iter().chain([equations])
    {
        let path = repository().join("docs").join(name);
        if std::env::var_os("PIPE_UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == text,
            "docs/{name} is stale: run PIPE_UPDATE=1 cargo test --workspace --test behaviours reference::"
        );
    }
}

/// The docs of the models' files as a page.
fn equations() -> String {
    let mut page = "# Equations\n\nWhat each model computes, in the words of its code: this page is made from it. How to use them is in \
                    [stages](stages.md) and [baselines](../concepts/baselines.md).\n"
        .to_owned();
    for (title, files) in EQUATIONS {
        write!(page, "\n## {title}\n").unwrap();
        for file in files {
            let text = std::fs::read_to_string(repository().join(file)).unwrap();
            let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
            page.push('\n');
            lines.for_each(|line| writeln!(page, "{}", without_links(line.strip_prefix(' ').unwrap_or(line))).unwrap());
            write!(page, "\n[`{file}`](../../{file})\n").unwrap();
        }
    }
    page
}

/// A line of docs whose links to code are the code's names.
fn without_links(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, link)) = rest.split_once("[`") {
        let Some((name, behind)) = link.split_once("`]") else { break };
        write!(text, "{before}`{name}`").unwrap();
        rest = behind.strip_prefix('(').and_then(|target| Some(target.split_once(')')?.1)).unwrap_or(behind);
    }
    text + rest
}

#[test]
fn documents_have_the_version_of_the_protocol() {
    for name in ["reference/stages.md", "concepts/architecture.md"] {
        let text = std::fs::read_to_string(repository().join("docs").join(name)).unwrap();
        let versions: Vec<&str> =
            text.split("\"protocol\": ").skip(1).filter_map(|rest| rest.split(',').next()).collect();
        assert_eq!(versions, [contract::questions::PROTOCOL.to_string()], "docs/{name}");
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

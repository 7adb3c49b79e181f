//! The workflow for a CI service does what `make` does, and every step of it is a command that there is.

use std::path::Path;
use std::process::Command;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// What stands after `key:` in each line that has it, without what YAML lets stand before.
fn values<'a>(workflow: &'a str, key: &str) -> Vec<&'a str> {
    workflow.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(key)).map(str::trim).collect()
}

#[test]
fn every_step_is_a_line_that_a_shell_can_read() {
    let workflow = read(".github/workflows/ci.yml");
    let runs = values(&workflow, "run:");
    assert!(runs.len() >= 4, "{runs:?}");
    for run in runs {
        assert!(!run.is_empty() && !run.starts_with(['|', '>']), "a step of one line, found '{run}'");
        let output = Command::new("bash").args(["-n", "-c", run]).output().unwrap();
        assert!(output.status.success(), "{run}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn what_it_makes_is_in_the_makefile() {
    let (workflow, makefile) = (read(".github/workflows/ci.yml"), read("Makefile"));
    let made: Vec<&str> = values(&workflow, "run:").into_iter().filter_map(|run| run.strip_prefix("make ")).collect();
    assert_eq!(made, ["lint", "test", "reproduce"]);
    for target in made {
        assert!(makefile.lines().any(|line| line.starts_with(&format!("{target}:"))), "there is no target '{target}'");
    }
    assert!(makefile.contains("\t$(PIPE) reproduce sample --locked\n"));
}

#[test]
fn it_uses_the_services_own_actions_only() {
    let workflow = read(".github/workflows/ci.yml");
    let used = values(&workflow, "uses:");
    assert!(used.iter().all(|action| ["actions/checkout@v4", "actions/cache@v4"].contains(action)), "{used:?}");
    assert!(used.contains(&"actions/checkout@v4"), "{used:?}");
}

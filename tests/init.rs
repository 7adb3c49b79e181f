//! `pipe init` writes a pipeline that runs at once.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use space::{Outcome, Space};

/// The commands of the README that it writes.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("pipe "));
    let words = |line: &str| line.split('#').next().unwrap().split_whitespace().map(str::to_owned).collect();
    lines.map(words).collect()
}

#[test]
fn an_empty_folder_becomes_a_pipeline_whose_commands_all_work() {
    let space = Space::new();
    let said = space.succeed(&["init", "shop"]).out;
    assert!(said.ends_with("next: cd shop && pipe run first\n"), "{said}");
    let readme = std::fs::read_to_string(space.path("shop/README.md")).unwrap();
    let commands = commands(&readme);
    assert!(commands.len() >= 5, "{readme}");
    for words in &commands {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = space.command(&words).current_dir(space.path("shop")).output().unwrap();
        let outcome = Outcome::of(&output);
        assert_eq!(outcome.code, 0, "{words:?}: {}{}", outcome.out, outcome.err);
        if words[0] == "run" {
            assert!(outcome.out.contains("popularity") && outcome.out.contains("HR@10"), "{}", outcome.out);
        }
    }
}

#[test]
fn files_that_are_there_are_not_overwritten() {
    let space = Space::new();
    space.write("README.md", "mine");
    let outcome = space.pipe(&["init"]);
    assert_eq!(outcome.code, 2, "{}", outcome.err);
    assert!(outcome.err.contains("has README.md already"), "{}", outcome.err);
    assert_eq!(std::fs::read_to_string(space.path("README.md")).unwrap(), "mine");
    assert!(!space.path("first.toml").exists());
}

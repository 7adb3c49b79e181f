//! The lock of a pipeline: what it holds, how two of them merge, and how a run that may not differ from it fails.

use crate::space::chain::{chain, word};
use crate::space::{Outcome, Space, with_status};
use std::process::Command;

fn locked() -> Space {
    let space = chain();
    space.succeed(&["run", "chain"]);
    space.succeed(&["lock", "chain"]);
    space
}

fn lock(space: &Space) -> String {
    std::fs::read_to_string(space.path("chain.lock")).unwrap()
}

fn assert_refused(outcome: &Outcome, message: &[&str]) {
    assert_eq!(outcome.code, 17, "{}{}", outcome.out, outcome.err);
    assert!(message.iter().all(|message| outcome.err.contains(message)), "{}", outcome.err);
    assert!(outcome.err.contains("`pipe lock`"), "{}", outcome.err);
}

#[test]
fn a_lock_has_a_sorted_line_for_each_fact() {
    let space = locked();
    let text = lock(&space);
    for stage in ["base", "double", "size"] {
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(&format!("{stage} "))).collect();
        assert!(lines.is_sorted() && lines.len() > 5, "{lines:?}");
    }
    assert!(text.contains("\nbase parameter word \"a\"\n"), "{text}");
    assert!(text.contains("\ndouble output mark "), "{text}");
    space.succeed(&["lock", "chain", "--check"]);
    let again = space.succeed(&["lock", "chain", "--json"]);
    assert_eq!(again.events()[0]["outputs"], 4);
    assert_eq!(lock(&space), text);
}

#[test]
fn what_has_no_result_cannot_be_locked() {
    let space = chain();
    let outcome = space.pipe(&["lock", "chain"]);
    assert_eq!(outcome.code, 15);
    assert!(outcome.err.contains("base, double, size have no cached result"), "{}", outcome.err);
    space.succeed(&["run", "chain", "--until", "double"]);
    let outcome = space.pipe(&["lock", "chain"]);
    assert!(outcome.err.contains("size has no cached result"), "{}", outcome.err);
    assert!(!space.path("chain.lock").exists());
}

#[test]
fn a_changed_parameter_makes_a_locked_run_fail_and_say_which() {
    let space = locked();
    let statuses = space.statuses(&["chain", "--locked"]);
    assert_eq!(with_status(&statuses, "cached").len(), 3);
    let set = word("b");
    for command in ["run", "plan"] {
        let outcome = space.pipe(&[command, "chain", "--locked", "--set", &set]);
        assert_refused(&outcome, &["base: parameter word: \"a\" → \"b\""]);
        assert!(!outcome.err.contains("double:"), "what follows is as the lock says: {}", outcome.err);
    }
    let outcome = space.pipe(&["run", "chain", "--locked", "--set", &set, "--json"]);
    let event = &outcome.events()[0];
    assert_eq!((event["field"].as_str(), event["old"].as_str()), (Some("parameter word"), Some("\"a\"")), "{event}");
    assert_eq!(space.stored("actions").len(), 3, "nothing ran");
    space.succeed(&["run", "chain", "--set", &set]);
    assert_refused(
        &space.pipe(&["lock", "chain", "--check", "--set", &set]),
        &["- base parameter", "+ base parameter"],
    );
}

#[test]
fn a_locked_run_needs_no_results_and_notices_other_stages() {
    let space = locked();
    std::fs::remove_dir_all(space.path("artifacts")).unwrap();
    let statuses = space.statuses(&["chain", "--locked"]);
    assert_eq!(with_status(&statuses, "done").len(), 3, "the same keys from nothing");
    let pipeline = std::fs::read_to_string(space.path("chain.toml")).unwrap();
    let more = "[stage.more]\nuses = \"command\"\ncommand = [\"sh\", \"-c\", \"echo > {outputs.o}/o\"]\noutputs = { o = \"o\" }\n";
    space.write("chain.toml", format!("{pipeline}{more}"));
    assert_refused(&space.pipe(&["run", "chain", "--locked"]), &["more: the lock does not have it"]);
    space.write("chain.toml", pipeline.split("[stage.size]").next().unwrap());
    assert_refused(&space.pipe(&["run", "chain", "--locked"]), &["size: the pipeline does not have it any more"]);
}

#[test]
fn a_changed_file_outside_is_an_input_that_differs() {
    let space = Space::new();
    space.write(
        "p.toml",
        "name = 'p'\n[stage.copy]\nuses = 'command'\nfiles = { notes = 'notes' }\noutputs = { o = 'text' }\n\
         command = ['cp', '{files.notes}', '{outputs.o}/notes']\n",
    );
    space.write("notes", "one");
    space.succeed(&["run", "p"]);
    space.succeed(&["lock", "p"]);
    space.write("notes", "two");
    assert_refused(&space.pipe(&["run", "p", "--locked"]), &["copy: file notes: "]);
}

#[test]
fn without_a_lock_or_with_a_broken_one_nothing_runs() {
    let space = chain();
    let outcome = space.pipe(&["run", "chain", "--locked"]);
    assert_eq!(outcome.code, 15, "{}", outcome.err);
    assert!(outcome.err.contains("there is no lock at"), "{}", outcome.err);
    space.succeed(&["run", "chain"]);
    space.succeed(&["lock", "chain"]);
    space.write("chain.lock", lock(&space).replace("parameter word \"a\"", "parameter word \"b\""));
    let outcome = space.pipe(&["run", "chain", "--locked"]);
    assert_eq!(outcome.code, 11, "{}", outcome.err);
    assert!(outcome.err.contains("the key of 'base' is not that of its fields"), "{}", outcome.err);
}

/// Two stages that have nothing to do with each other, side by side.
fn two(left: u8, right: u8) -> String {
    let stage = |name: &str, k: u8| {
        format!(
            "[stage.{name}]\nuses = 'command'\ncommand = ['sh', '-c', 'echo {{parameters.k}} > {{outputs.o}}/k']\n\
             parameters = {{ k = {k} }}\noutputs = {{ o = 'text' }}\n"
        )
    };
    format!("name = 'p'\n{}{}", stage("left", left), stage("right", right))
}

#[test]
fn locks_of_two_branches_merge_by_line() {
    let space = Space::new();
    for (name, left, right) in [("base", 1, 1), ("ours", 2, 1), ("theirs", 1, 2), ("merged", 2, 2)] {
        space.write("p.toml", two(left, right));
        space.succeed(&["run", "p"]);
        space.succeed(&["lock", "p"]);
        std::fs::rename(space.path("p.lock"), space.path(name)).unwrap();
    }
    let mut git = Command::new("git");
    let merge = git.args(["merge-file", "-p", "ours", "base", "theirs"]).current_dir(space.path(""));
    let output = merge.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(String::from_utf8_lossy(&output.stdout), std::fs::read_to_string(space.path("merged")).unwrap());
    space.write("p.lock", output.stdout);
    space.succeed(&["run", "p", "--locked"]);

    // One parameter on both sides is a conflict, and a lock with a conflict in it says so.
    space.write("p.toml", two(3, 1));
    space.succeed(&["run", "p"]);
    space.succeed(&["lock", "p"]);
    let mut git = Command::new("git");
    let conflict =
        git.args(["merge-file", "-p", "ours", "base", "p.lock"]).current_dir(space.path("")).output().unwrap();
    assert!(!conflict.status.success());
    space.write("p.lock", conflict.stdout);
    let outcome = space.pipe(&["run", "p", "--locked"]);
    assert_eq!(outcome.code, 11);
    assert!(outcome.err.contains("a merge left a conflict here"), "{}", outcome.err);
}

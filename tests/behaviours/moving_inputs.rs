//! Inputs that change while a stage reads them: it is noticed, and nothing is kept under a key that is not its own.

use crate::space::{Space, wait_until, with_status};
use std::process::{Child, Stdio};

/// A pipeline of one stage that reads a file or folder `data` outside and makes what is in it, after `before` was done.
fn reading(space: &Space, before: &str) {
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\nfiles = {{ data = 'data' }}\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', '{before} cat $(find -L {{files.data}} -type f | sort) > {{outputs.o}}/v']\n"
        ),
    );
}

fn assert_noticed(space: &Space, arguments: &[&str]) {
    let outcome = space.pipe(&[&["run", "p"], arguments].concat());
    assert_eq!(outcome.code, 16, "{}{}", outcome.out, outcome.err);
    assert!(outcome.err.contains("data"), "{}", outcome.err);
    assert_nothing_is_kept(space);
}

fn assert_nothing_is_kept(space: &Space) {
    assert!(space.stored("actions").is_empty(), "{:?}", space.stored("actions"));
    assert!(space.stored("store").is_empty(), "{:?}", space.stored("store"));
}

/// A run that nobody disturbs makes what is there now, and so does the next one from the store.
fn assert_calm_run(space: &Space, expected: &str) {
    reading(space, "");
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["s"]);
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/s/o/v")).unwrap(), expected);
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"]);
}

#[test]
fn a_file_that_its_own_stage_changes_is_noticed() {
    let space = Space::new();
    space.write("data", "old");
    reading(&space, "printf new >> {files.data};");
    assert_noticed(&space, &[]);
    assert_calm_run(&space, "oldnew");
}

#[test]
fn a_replaced_file_of_equal_size_is_noticed() {
    let space = Space::new();
    space.write("data", "old");
    let script = format!("printf new > {0}.new; mv {0}.new {0};", space.path("data").display());
    reading(&space, &script);
    assert_noticed(&space, &[]);
    assert_calm_run(&space, "new");
}

#[test]
fn a_file_that_changes_and_changes_back_is_noticed() {
    let space = Space::new();
    space.write("data", "old");
    reading(&space, "printf new > {files.data}; sleep 0.02; printf old > {files.data};");
    assert_noticed(&space, &[]);
    assert_calm_run(&space, "old");
}

#[test]
fn a_file_of_a_folder_that_changes_is_noticed() {
    let space = Space::new();
    space.write("data/a", "old");
    reading(&space, "printf new > {files.data}/a;");
    assert_noticed(&space, &[]);
    assert_calm_run(&space, "new");
}

#[test]
fn a_file_that_is_added_to_a_folder_is_noticed() {
    let space = Space::new();
    space.write("data/a", "one");
    reading(&space, "printf two > {files.data}/b;");
    assert_noticed(&space, &[]);
    assert_calm_run(&space, "onetwo");
}

#[test]
fn a_file_that_is_removed_from_a_folder_is_noticed() {
    let space = Space::new();
    space.write("data/a", "one");
    space.write("data/b", "two");
    reading(&space, "rm {files.data}/b;");
    assert_noticed(&space, &[]);
    assert_calm_run(&space, "one");
}

#[test]
fn a_file_that_vanishes_is_noticed() {
    let space = Space::new();
    space.write("data", "old");
    reading(&space, "cat {files.data} > kept; rm $(readlink {files.data}); cp kept {outputs.o}/v; exit 0;");
    assert_noticed(&space, &[]);
}

/// A run of a stage that says that it began and goes on when the file `gate` is there.
fn start_gated(space: &Space, stages: &str) -> Child {
    space.write("p.toml", format!("name = 'p'\n{stages}"));
    let child = space.command(&["run", "p", "-j", "1"]).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the stage never began", || space.path("began").exists());
    child
}

fn gated(space: &Space, name: &str, more: &str) -> String {
    format!(
        "[stage.{name}]\nuses = 'command'\noutputs = {{ o = 'text' }}\n{more}\n\
         command = ['sh', '-c', 'touch {}; while ! test -e {}; do sleep 0.01; done; echo x > {{outputs.o}}/v']\n",
        space.path("began").display(),
        space.path("gate").display()
    )
}

#[test]
fn somebody_else_who_writes_during_the_stage_is_noticed() {
    let space = Space::new();
    space.write("data", "old");
    let child = start_gated(&space, &gated(&space, "s", "files = { data = 'data' }"));
    space.write("data", "new");
    space.write("gate", "");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(16), "{}", String::from_utf8_lossy(&output.stderr));
    assert_nothing_is_kept(&space);
    assert_calm_run(&space, "new");
}

#[test]
fn an_edit_after_planning_never_gets_an_old_key() {
    let space = Space::new();
    space.write("data", "old");
    // With one job, `s` has its key and waits while `first` runs.
    let first = gated(&space, "first", "");
    let second = "[stage.s]\nuses = 'command'\nfiles = { data = 'data' }\noutputs = { o = 'text' }\n\
                  command = ['sh', '-c', 'cat {files.data} > {outputs.o}/v']\n";
    let child = start_gated(&space, &(first + second));
    space.write("data", "new");
    space.write("gate", "");
    let code = child.wait_with_output().unwrap().status.code();
    // Noticed in time, it was read again; otherwise it is an error. Neither is stored as what it was.
    assert!(code == Some(0) || code == Some(16), "{code:?}");
    let again = space.statuses(&["p"]);
    assert_eq!(again.len(), 2);
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/s/o/v")).unwrap(), "new");
    space.write("data", "old");
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["s"], "nothing was kept for the old content");
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/s/o/v")).unwrap(), "old");
}

#[test]
fn writing_into_an_input_is_noticed() {
    let stages = |before: &str| {
        format!(
            "name = 'p'\n[stage.first]\nuses = 'command'\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', 'printf whole > {{outputs.o}}/v']\n\
             [stage.s]\nuses = 'command'\noutputs = {{ o = 'text' }}\ninputs = {{ i = 'first.o' }}\n\
             command = ['sh', '-c', '{before} cat {{inputs.i}}/v > {{outputs.o}}/v']\n"
        )
    };
    let changes = [
        "chmod u+w {inputs.i}/v; printf WHOLE > {inputs.i}/v;",
        "rm {inputs.i}/v; printf other > {inputs.i}/v;",
        "printf more > {inputs.i}/more;",
    ];
    for change in changes {
        let space = Space::new();
        space.write("p.toml", stages(change));
        let outcome = space.pipe(&["run", "p"]);
        assert_eq!(outcome.code, 16, "{change}: {}", outcome.err);
        assert_eq!(space.stored("actions").len(), 1, "{change}: only the first stage has a result");
        // What was written to is made again.
        space.write("p.toml", stages(""));
        assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["first", "s"], "{change}");
        assert_eq!(std::fs::read_to_string(space.path("artifacts/p/s/o/v")).unwrap(), "whole");
    }
}

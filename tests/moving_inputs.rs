//! What changes while a stage reads it is noticed, and nothing that was made of it is kept.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use space::{Outcome, Space, with_status};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A command that copies its outside input, and does `then` with it when it is called `hostile`.
fn copying(input: &str, then: &str) -> Space {
    let space = Space::new();
    let switch = space.path("hostile");
    let outside = space.path(input);
    space.write("hostile", "");
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.a]\nuses = 'command'\noutputs = {{ out = 'text' }}\nfiles = {{ given = '{input}' }}\n\
             command = ['sh', '-c', '''cp -rL {{files.given}} {{outputs.out}}/copy; \
             if [ -e {} ]; then F={}; {then}; fi''']\n",
            switch.display(),
            outside.display()
        ),
    );
    space
}

/// What must be so after a stage whose input moved: exit code 16, the place named, nothing kept, and a calm run works.
fn moved(space: &Space, outcome: &Outcome, named: &str) {
    assert_eq!(outcome.code, 16, "{}", outcome.err);
    let path = space.path(named);
    assert!(outcome.err.contains(path.to_str().unwrap()), "{named} is not named in {}", outcome.err);
    assert!(space.stored("actions").is_empty(), "{named}");
    assert!(space.stored("store").is_empty(), "{named}");
}

fn calm_run(space: &Space) {
    std::fs::remove_file(space.path("hostile")).unwrap();
    assert_eq!(with_status(&space.statuses(&["p"]), "ran"), ["a"]);
    assert_eq!(with_status(&space.statuses(&["p"]), "hit"), ["a"]);
}

#[test]
fn a_file_that_changes_under_a_stage_is_noticed() {
    let ways = [
        ("written to", "echo more >> $F"),
        ("written to with its size and time kept", "touch -r $F t; printf b > $F; touch -r t $F"),
        ("replaced", "echo other > $F.new; mv $F.new $F"),
        ("replaced by equal bytes", "cp $F $F.new; mv $F.new $F"),
    ];
    for (way, then) in ways {
        let space = copying("in.txt", then);
        space.write("in.txt", "a");
        let outcome = space.pipe(&["run", "p"]);
        eprintln!("{way}");
        moved(&space, &outcome, "in.txt");
        calm_run(&space);
        let copy = std::fs::read(space.path("artifacts/p/a/out/copy")).unwrap();
        assert_eq!(copy, std::fs::read(space.path("in.txt")).unwrap(), "{way}");
    }
}

#[test]
fn a_file_that_is_removed_under_a_stage_is_noticed() {
    let space = copying("in.txt", "rm $F");
    space.write("in.txt", "a");
    moved(&space, &space.pipe(&["run", "p"]), "in.txt");
    assert_eq!(space.pipe(&["run", "p"]).code, 14, "then it is missing");
    space.write("in.txt", "a");
    calm_run(&space);
}

#[test]
fn a_folder_that_changes_under_a_stage_is_noticed() {
    let ways = [
        ("added", "echo x > $F/deep/new", "in/deep/new"),
        ("changed", "echo x >> $F/deep/b", "in/deep/b"),
        ("removed", "rm $F/deep/b", "in/deep"),
        ("renamed", "mv $F/a $F/c", "in"),
    ];
    for (way, then, named) in ways {
        let space = copying("in", then);
        space.write("in/a", "a");
        space.write("in/deep/b", "b");
        eprintln!("{way}");
        moved(&space, &space.pipe(&["run", "p"]), named);
        calm_run(&space);
    }
}

#[test]
fn a_writer_in_the_background_is_noticed() {
    let space = copying("in.txt", "sleep 0.5");
    space.write("in.txt", "a");
    let (path, done) = (space.path("in.txt"), AtomicBool::new(false));
    let outcome = std::thread::scope(|threads| {
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                append(&path);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let outcome = space.pipe(&["run", "p"]);
        done.store(true, Ordering::Relaxed);
        outcome
    });
    moved(&space, &outcome, "in.txt");
    calm_run(&space);
}

fn append(path: &Path) {
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"a").unwrap();
}

/// A first stage that changes the outside file of a second one, when it is called `hostile`.
fn two_stages(change: &str) -> Space {
    let space = Space::new();
    let (switch, file) = (space.path("hostile"), space.path("in.txt"));
    space.write("hostile", "");
    space.write("in.txt", "a");
    let first = format!(
        "[stage.first]\nuses = 'command'\noutputs = {{ out = 'text' }}\n\
         command = ['sh', '-c', '''echo x > {{outputs.out}}/x; [ -e {} ] || exit 0; F={}; {change}''']\n",
        switch.display(),
        file.display()
    );
    let second = "[stage.second]\nuses = 'command'\noutputs = { out = 'text' }\nfiles = { given = 'in.txt' }\n\
                  inputs = { first = 'first.out' }\n\
                  command = ['sh', '-c', 'cp {files.given} {outputs.out}/copy']\n";
    space.write("p.toml", format!("name = 'p'\n{first}{second}"));
    space
}

/// A result of `second` must be that of the bytes that were there, or there must be none.
#[test]
fn a_file_that_changes_between_plan_and_start_never_gives_a_wrong_result() {
    let space = two_stages("echo other > $F");
    let outcome = space.pipe(&["run", "p", "--json"]);
    assert!([0, 16].contains(&outcome.code), "{}", outcome.err);
    std::fs::remove_file(space.path("hostile")).unwrap();
    space.succeed(&["run", "p"]);
    let copy = || std::fs::read_to_string(space.path("artifacts/p/second/out/copy")).unwrap();
    assert_eq!(copy(), "other\n");
    // Had the new bytes been kept under the old ones' key, they would be found now.
    space.write("in.txt", "a");
    space.succeed(&["run", "p"]);
    assert_eq!(copy(), "a");
}

#[test]
fn a_file_that_goes_between_plan_and_start_is_named() {
    let space = two_stages("rm $F");
    let outcome = space.pipe(&["run", "p"]);
    assert_eq!(outcome.code, 14, "{}", outcome.err);
    assert!(outcome.err.contains("in.txt"), "{}", outcome.err);
    assert_eq!(space.stored("actions").len(), 1, "only the first has a result");
}

#[test]
fn an_artifact_that_a_command_writes_into_is_set_aside_and_made_again() {
    let ways = [
        "chmod u+w $F/x && echo spoilt > $F/x",
        "chmod u+w $F && echo new > $F/y",
        "chmod u+w $F && rm -f $F/x && echo other > $F/x",
        "chmod -R u+w $F && rm -rf $F/x",
    ];
    for way in ways {
        let space = Space::new();
        let switch = space.path("hostile");
        space.write("hostile", "");
        let first = "[stage.first]\nuses = 'command'\noutputs = { out = 'text' }\n\
                     command = ['sh', '-c', 'echo right > {outputs.out}/x']\n";
        let second = format!(
            "[stage.second]\nuses = 'command'\noutputs = {{ out = 'text' }}\ninputs = {{ first = 'first.out' }}\n\
             command = ['sh', '-c', '''cat {{inputs.first}}/* > {{outputs.out}}/copy; [ -e {} ] || exit 0; \
             F={{inputs.first}}/; {way}''']\n",
            switch.display()
        );
        space.write("p.toml", format!("name = 'p'\n{first}{second}"));
        let outcome = space.pipe(&["run", "p"]);
        assert_eq!(outcome.code, 16, "{way}\n{}", outcome.err);
        assert_eq!(space.stored("actions").len(), 1, "{way}: nothing is kept of the second");
        assert!(space.stored("store").is_empty(), "{way}: the artifact is no longer where its name says");
        assert_eq!(space.stored("set-aside").len(), 1, "{way}");
        std::fs::remove_file(space.path("hostile")).unwrap();
        assert_eq!(with_status(&space.statuses(&["p"]), "ran"), ["first", "second"], "{way}");
        for file in ["first/out/x", "second/out/copy"] {
            let bytes = std::fs::read_to_string(space.path("artifacts/p").join(file)).unwrap();
            assert_eq!(bytes, "right\n", "{way}: {file}");
        }
    }
}

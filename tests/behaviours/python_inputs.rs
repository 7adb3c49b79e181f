//! Python programs as inputs of commands: what Python writes beside them, and what they import.

use crate::space::{self, Space, with_status};
use std::process::Command;

/// A program of two files in a folder that is an input; says why a test is skipped where there is no Python.
fn program() -> Option<Space> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3");
        return None;
    }
    let space = Space::new();
    space.write("code/main.py", "import sys, helper\nopen(sys.argv[1], 'w').write(helper.word())\n");
    helper(&space, "one");
    space.write(
        "p.toml",
        "name = 'p'\n[stage.s]\nuses = 'command'\nfiles = { code = 'code' }\noutputs = { o = 'text' }\n\
         command = ['python3', '{files.code}/main.py', '{outputs.o}/v']\n",
    );
    Some(space)
}

fn helper(space: &Space, word: &str) {
    space.write("code/helper.py", format!("def word():\n    return '{word}'\n"));
}

#[test]
fn a_folder_of_python_modules_runs_at_the_first_attempt() {
    let Some(space) = program() else { return };
    for word in ["one", "two"] {
        helper(&space, word);
        space.succeed(&["run", "p"]);
        assert_eq!(space.result("p/s/o/v"), word);
    }
}

#[test]
fn what_python_compiles_is_no_input() {
    let Some(space) = program() else { return };
    space.succeed(&["run", "p"]);
    // As the user does beside the pipeline.
    let status = Command::new("python3")
        .args(["main.py", "/dev/null"])
        .current_dir(space.path("code"))
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .status();
    assert!(status.unwrap().success());
    assert!(space.path("code/__pycache__").is_dir());
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"]);
    // A command that lets Python compile while it reads.
    std::fs::remove_dir_all(space.path("code/__pycache__")).unwrap();
    let text = std::fs::read_to_string(space.path("p.toml")).unwrap();
    space.write("p.toml", text + "env = { PYTHONDONTWRITEBYTECODE = '' }\n");
    space.succeed(&["run", "p"]);
    assert!(space.path("code/__pycache__").is_dir());
}

#[test]
fn python_compiles_nothing_into_a_result() {
    let Some(space) = program() else { return };
    space.write(
        "p.toml",
        "name = 'p'\n[stage.code]\nuses = 'command'\nfiles = { code = 'code' }\noutputs = { o = 'text' }\n\
         command = ['sh', '-c', 'cp {files.code}/*.py {outputs.o}']\n\
         [stage.s]\nuses = 'command'\ninputs = { code = 'code.o' }\noutputs = { o = 'text' }\n\
         command = ['python3', '{inputs.code}/main.py', '{outputs.o}/v']\n",
    );
    space.succeed(&["run", "p"]);
    assert_eq!(space.result("p/s/o/v"), "one");
    space.succeed(&["cache", "verify", "--deep"]);
}

#[test]
fn a_script_with_undeclared_imports_is_reported() {
    let Some(space) = program() else { return };
    let script = |files: &str| {
        space.write(
            "p.toml",
            format!(
                "name = 'p'\n[stage.s]\nuses = 'command'\nfiles = {{ {files} }}\noutputs = {{ o = 'text' }}\n\
                 command = ['python3', '{{files.script}}', '{{outputs.o}}/v']\n"
            ),
        );
    };
    script("script = 'code/main.py'");
    let told = |outcome: &space::Outcome| {
        let text = format!("{}{}", outcome.out, outcome.err);
        let notes = text.lines().filter(|line| line.contains("helper.py") && line.contains("folder")).count();
        assert!(notes < 2, "{text}");
        notes == 1
    };
    assert!(told(&space.succeed(&["plan", "p"])));
    // Python resolves the link to the script, so it finds the module beside it.
    assert!(told(&space.succeed(&["run", "p"])));
    assert!(!told(&space.succeed(&["run", "p"])), "nothing runs");
    assert!(!told(&space.succeed(&["plan", "p"])), "nothing would run");
    script("script = 'code/main.py', helper = 'code/helper.py'");
    assert!(!told(&space.succeed(&["run", "p"])), "the module is an input too");
}

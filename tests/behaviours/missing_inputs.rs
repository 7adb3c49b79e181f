//! What a pipeline needs and the machine does not have is listed at once, with the variable that decides where it is.

use crate::space::Space;

const PIPELINE: &str = r#"
name = "p"

[stage.ingest]
uses = "ingest"
sequences = "${PIPE_TEST_DATA:-data}/a.json"

[stage.top]
uses = "command"
command = ["cp", "{files.names}", "{outputs.o}/names"]
files = { names = "${PIPE_TEST_DATA:-data}/names" }
outputs.o = "text"
resources = { gpus = 99 }
"#;

#[test]
fn the_variable_behind_a_path_is_named() {
    let space = Space::new();
    space.write("p.toml", PIPELINE);
    let outcome = space.pipe(&["plan", "p"]);
    assert_eq!(outcome.code, 14, "{}", outcome.err);
    assert!(outcome.err.contains("data/a.json (PIPE_TEST_DATA is not set)"), "{}", outcome.err);
    let output = space.command(&["plan", "p"]).env("PIPE_TEST_DATA", "/nowhere").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("ingest.sequences: there is nothing at /nowhere/a.json (PIPE_TEST_DATA is /nowhere)"),
        "{error}"
    );
    assert!(
        error.contains("top.files.names: there is nothing at /nowhere/names (PIPE_TEST_DATA is /nowhere)"),
        "{error}"
    );
}

#[test]
fn missing_gpus_are_listed_beside_missing_inputs() {
    let space = Space::new();
    space.write("p.toml", PIPELINE);
    for command in ["plan", "run"] {
        let outcome = space.pipe(&[command, "p"]);
        assert_eq!(outcome.code, 14, "{}", outcome.err);
        assert!(outcome.err.contains("ingest.sequences: there is nothing at"), "{}", outcome.err);
        assert!(outcome.err.contains("top: it asks for 99 GPU(s), this machine has"), "{}", outcome.err);
    }
}

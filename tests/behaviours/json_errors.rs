//! With `--json` an error is an object on standard output, too.

use crate::space::Space;
use serde_json::{Value, json};

fn last_event(out: &str) -> Value {
    serde_json::from_str(out.lines().last().unwrap()).unwrap()
}

#[test]
fn an_error_in_the_file_has_place_and_exit_code() {
    let space = Space::quick();
    space.write("quick.toml", "name = \"quick\"\n\n[stage.a]\nuses = \"popularityy\"\n");
    for command in ["plan", "run"] {
        let outcome = space.pipe(&[command, "quick", "--json"]);
        let expected = json!({
            "event": "error", "code": 12, "message": "there is no stage 'popularityy'", "hint": "did you mean 'popularity'?",
            "file": space.path("quick.toml").canonicalize().unwrap(), "line": 4, "column": 8,
        });
        let mut found = last_event(&outcome.out);
        let file = std::path::Path::new(found["file"].as_str().unwrap());
        found["file"] = space.path("").join(file).canonicalize().unwrap().to_str().unwrap().into();
        assert_eq!((outcome.code, found), (12, expected), "{command}");
        assert!(outcome.err.contains("there is no stage 'popularityy'"), "{}", outcome.err);
    }
}

#[test]
fn an_error_of_an_argument_points_at_the_argument() {
    let outcome = Space::quick().pipe(&["plan", "quick", "--set", "popularity.top_k=0", "--json"]);
    let event = last_event(&outcome.out);
    assert_eq!((outcome.code, &event["code"], &event["file"]), (13, &json!(13), &json!("--set")));
    assert_eq!((&event["line"], &event["column"]), (&json!(1), &json!(18)));
}

#[test]
fn without_json_standard_output_has_no_error() {
    let outcome = Space::new().pipe(&["plan", "nowhere"]);
    assert_eq!((outcome.code, outcome.out.as_str()), (10, ""));
}

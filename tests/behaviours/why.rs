//! `pipe why` says what differs, and follows it to what the user changed.

use crate::space::Space;
use serde_json::Value;

/// Three commands in a row, the first of which reads a folder.
const CHAIN: &str = r#"
name = "chain"

[stage.words]
uses = "command"
command = ["sh", "-c", "cat \"$1\"/* > \"$2\"/words", "sh", "{files.texts}", "{outputs.words}"]
files = { texts = "texts" }
outputs = { words = "words" }

[stage.head]
uses = "command"
command = ["sh", "-c", "head -n {parameters.lines} \"$1\"/words > \"$2\"/head", "sh", "{inputs.words}", "{outputs.head}"]
inputs = { words = "words.words" }
outputs = { head = "head" }
env = { LANG = "C" }
parameters = { lines = 2 }

[stage.count]
uses = "command"
command = ["sh", "-c", "wc -l < \"$1\"/head > \"$2\"/count", "sh", "{inputs.head}", "{outputs.count}"]
inputs = { head = "head.head" }
outputs = { count = "count" }
"#;

/// The chain, run once.
fn chain() -> Space {
    let space = Space::new();
    space.write("chain.toml", CHAIN);
    space.write("texts/a", "one\ntwo\n");
    space.write("texts/b", "three\nfour\n");
    space.succeed(&["run", "chain"]);
    space
}

fn why(space: &Space, arguments: &[&str]) -> String {
    let text = space.succeed(&[&["why", "chain"], arguments].concat()).out;
    let text = replace(&space.redact(&text), r"\b[0-9a-f]{12}\b", "[DIGEST]");
    let text = replace(&text, r"just now|\d+ s ago|\d+ min ago", "[AGO]");
    replace(&text, r"(?m)^(  when|  where|  took)( +).*$", "$1$2[...]")
}

fn replace(text: &str, pattern: &str, with: &str) -> String {
    regex_lite::Regex::new(pattern).unwrap().replace_all(text, with).into_owned()
}

fn json(space: &Space, arguments: &[&str]) -> Value {
    space.json(&[&["why", "chain"], arguments].concat())
}

#[test]
fn a_cached_stage_names_the_run_that_made_it() {
    let space = chain();
    insta::assert_snapshot!(why(&space, &["head"]));
    let answer = json(&space, &["head"]);
    assert_eq!(answer["status"], "cached");
    assert_eq!(answer["result"]["key"], answer["key"]);
    assert!(answer["key"].as_str().is_some_and(|key| key.len() == 64));
    assert_eq!(answer["differences"], serde_json::json!([]));
}

#[test]
fn a_new_stage_has_no_result_yet() {
    let space = Space::new();
    space.write("chain.toml", CHAIN);
    space.write("texts/a", "one\n");
    assert_eq!(why(&space, &["words"]), "words would run: it has no result yet\n");
    assert_eq!(json(&space, &["words"])["reason"], "new");
}

#[test]
fn a_changed_command_names_each_of_its_parts() {
    let space = chain();
    let changed = CHAIN.replace("LANG = \"C\"", "LANG = \"C.UTF-8\"").replace("lines = 2", "lines = 3");
    space.write("chain.toml", changed.replace("head -n", "head --lines"));
    insta::assert_snapshot!(why(&space, &["head"]));
    let answer = json(&space, &["head"]);
    let fields: Vec<&str> =
        answer["differences"].as_array().unwrap().iter().map(|change| change["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["env LANG", "parameter lines", "command"]);
    assert!(answer["differences"][2]["old"].as_str().unwrap().contains("head -n {parameters.lines}"), "{answer}");
    let plan = space.succeed(&["plan", "chain"]).out;
    assert!(plan.contains(r#"env LANG: "C" → "C.UTF-8", parameter lines: 2 → 3, command: "#), "{plan}");
}

#[test]
fn an_input_is_followed_to_the_parameter_that_was_changed() {
    let space = chain();
    space.write("chain.toml", CHAIN.replace("lines = 2", "lines = 3"));
    space.succeed(&["run", "chain", "--until", "head"]);
    insta::assert_snapshot!(why(&space, &["count"]));
    let answer = json(&space, &["count"]);
    let from = &answer["differences"][0]["from"];
    assert_eq!((&from["stage"], &from["cause"]), (&"head".into(), &"ran-again".into()));
    assert_eq!(from["differences"][0]["field"], "parameter lines");
    assert_eq!((&from["differences"][0]["old"], &from["differences"][0]["new"]), (&"2".into(), &"3".into()));
}

#[test]
fn an_outside_folder_is_followed_to_its_files() {
    let space = chain();
    space.write("texts/a", "one\nand a half\n");
    space.write("texts/c", "five\n");
    std::fs::remove_file(space.path("texts/b")).unwrap();
    space.succeed(&["run", "chain", "--until", "head"]);
    insta::assert_snapshot!(why(&space, &["count"]));
    let answer = json(&space, &["count", "--against", "latest~1"]);
    let words = &answer["differences"][0]["from"]["differences"][0]["from"];
    let files = words["differences"][0]["from"]["files"].as_array().unwrap();
    let changes: Vec<&str> = files.iter().map(|file| file["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["changed", "removed", "added"]);
}

#[test]
fn a_stage_that_depends_on_others_explains_those() {
    let space = chain();
    space.write("chain.toml", CHAIN.replace("lines = 2", "lines = 3"));
    insta::assert_snapshot!(why(&space, &["count"]));
    let answer = json(&space, &["count"]);
    assert_eq!(answer["status"], "waiting");
    assert_eq!(answer["upstream"][0]["stage"], "head");
    assert_eq!(answer["upstream"][0]["differences"][0]["field"], "parameter lines");
}

#[test]
fn a_damaged_record_and_a_lost_one_are_told_apart() {
    let space = chain();
    let record = std::fs::canonicalize(space.path("artifacts/chain/words/action.json")).unwrap();
    let whole = std::fs::read(&record).unwrap();
    std::fs::write(&record, &whole[..whole.len() - 9]).unwrap();
    assert_eq!(json(&space, &["words"])["reason"], "damaged");
    std::fs::remove_file(&record).unwrap();
    assert_eq!(json(&space, &["words"])["reason"], "new");
}

#[test]
fn against_compares_also_what_is_up_to_date() {
    let space = chain();
    space.write("chain.toml", CHAIN.replace("lines = 2", "lines = 3"));
    space.succeed(&["run", "chain"]);
    let answer = json(&space, &["head", "--against", "latest~1"]);
    assert_eq!(answer["status"], "cached");
    assert_eq!(answer["differences"][0]["field"], "parameter lines");
    assert_eq!(json(&space, &["head", "--against", "latest"])["differences"], serde_json::json!([]));
    assert_eq!(space.pipe(&["why", "chain", "head", "--against", "nonsense"]).code, 2);
    assert_eq!(space.pipe(&["why", "chain", "nowhere"]).code, 2);
}

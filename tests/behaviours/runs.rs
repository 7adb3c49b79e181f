//! `pipe runs`, `pipe show` and `pipe logs` tell what went on in a store.

use crate::space::{Space, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

/// Two stages: one that speaks and one that speaks, then waits until the file `go` is there, then ends as it says.
const WAITING: &str = r#"
name = "waiting"

[stage.first]
uses = "command"
command = ["sh", "-c", "echo first speaks; touch \"$1\"/done", "sh", "{outputs.done}"]
outputs = { done = "done" }

[stage.second]
uses = "command"
command = ["sh", "-c", "echo second begins; until [ -e GO ]; do sleep 0.02; done; echo second ends; touch \"$2\"/end; exit $(cat GO)", "sh", "{inputs.done}", "{outputs.end}"]
inputs = { done = "first.done" }
outputs = { end = "end" }
"#;

fn waiting() -> Space {
    let space = Space::new();
    space.write("waiting.toml", WAITING.replace("GO", space.path("go").to_str().unwrap()));
    space
}

/// A run that waits in its second stage. The logs of a run before it say the same, so they do not count.
fn start(space: &Space) -> Child {
    let named = || space.pipe(&["runs", "--json"]).out.matches("\"started\"").count();
    let before = named();
    let child = space.command(&["run", "waiting"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the second stage never began", || {
        named() > before && space.pipe(&["logs", "second"]).out.contains("second begins")
    });
    child
}

#[test]
fn records_of_older_versions_are_read_with_the_states_of_today() {
    let space = waiting();
    space.write("go", "0");
    space.succeed(&["run", "waiting"]);
    space.succeed(&["run", "waiting", "--force=second"]);
    let newest = space.json(&["runs"])[0]["run"].as_str().unwrap().to_owned();
    let record = space.path("artifacts/runs").join(newest).join("run.json");
    let text = std::fs::read_to_string(&record).unwrap();
    let older =
        text.replace(r#""status":"cached""#, r#""status":"hit""#).replace(r#""status":"done""#, r#""status":"ran""#);
    assert_ne!(older, text);
    std::fs::write(&record, older).unwrap();
    let shown = space.json(&["show", "latest"]);
    assert_eq!((&shown["done"], &shown["cached"]), (&1.into(), &1.into()), "{shown}");
    assert_eq!((&shown["stages"][0]["status"], &shown["stages"][1]["status"]), (&"cached".into(), &"done".into()));
}

#[test]
fn runs_are_listed_newest_first_with_how_they_ended() {
    let space = waiting();
    space.write("go", "3");
    assert_eq!(space.pipe(&["run", "waiting"]).code, 20);
    space.write("go", "0");
    space.succeed(&["run", "waiting"]);
    let runs = space.json(&["runs"]);
    assert_eq!((&runs[0]["outcome"], &runs[0]["done"], &runs[0]["cached"]), (&"ok".into(), &1.into(), &1.into()));
    assert_eq!((&runs[1]["outcome"], &runs[1]["code"]), (&"failed".into(), &20.into()));
    assert_eq!(space.json(&["runs", "--last", "1"]).as_array().unwrap().len(), 1);
    assert_eq!(space.json(&["runs", "--pipeline", "another"]).as_array().unwrap().len(), 0);
    let text = space.succeed(&["runs"]).out;
    assert!(text.contains("failed (20)") && text.contains("ago"), "{text}");
}

#[test]
fn a_run_is_found_by_name_prefix_and_age() {
    let space = waiting();
    space.write("go", "0");
    space.succeed(&["run", "waiting"]);
    space.succeed(&["run", "waiting", "--force"]);
    let runs = space.json(&["runs"]);
    let names = [&runs[0]["run"], &runs[1]["run"]].map(|run| run.as_str().unwrap());
    let shown = |run: &str| space.json(&["show", run])["run"].as_str().unwrap().to_owned();
    assert_eq!(shown("latest"), names[0]);
    assert_eq!(shown("latest~1"), names[1]);
    assert_eq!(shown(names[1]), names[1]);
    assert_eq!(shown(&names[0][..names[0].len() - 1]), names[0]);
    let ambiguous = space.pipe(&["show", "2"]);
    assert!(ambiguous.code == 2 && names.iter().all(|name| ambiguous.err.contains(name)), "{}", ambiguous.err);
    let unknown = space.pipe(&["show", "latest~2"]);
    assert!(unknown.code == 2 && unknown.err.contains(names[0]), "{}", unknown.err);
}

#[test]
fn a_failed_run_shows_stages_and_log() {
    let space = waiting();
    space.write("go", "3");
    space.pipe(&["run", "waiting"]);
    let text = space.succeed(&["show", "latest"]).out;
    assert!(text.contains("command   pipe run waiting") && text.contains("failed (20)"), "{text}");
    assert!(text.contains("second.log") && text.contains("it has no result yet"), "{text}");
    let shown = space.json(&["show", "latest"]);
    assert_eq!((&shown["stages"][0]["status"], &shown["stages"][1]["status"]), (&"done".into(), &"failed".into()));
    assert!(shown["stages"][0]["provenance"]["host"].is_string());
    assert_eq!(shown["arguments"], serde_json::json!(["run", "waiting"]));
    let log = std::fs::read_to_string(shown["stages"][1]["log"].as_str().unwrap()).unwrap();
    assert!(log.contains("second ends"));
}

#[test]
fn logs_are_those_of_the_latest_run_or_of_one_stage() {
    let space = waiting();
    space.write("go", "0");
    space.succeed(&["run", "waiting"]);
    let all = space.succeed(&["logs"]).out;
    let places = ["==> first <==", "first speaks", "==> second <==", "second begins", "second ends"]
        .map(|line| all.find(line).unwrap_or_else(|| panic!("no {line} in {all}")));
    assert!(places.is_sorted(), "{all}");
    let one = space.succeed(&["logs", "first"]).out;
    assert_eq!(one, space.succeed(&["logs", "latest", "first"]).out);
    assert!(one.contains("first speaks") && !one.contains("second") && !one.contains("==>"), "{one}");
    let lines = space.succeed(&["logs", "first", "--json"]).events();
    assert!(lines.iter().any(|line| line["stage"] == "first" && line["line"] == "first speaks"), "{lines:?}");
    assert_eq!(space.pipe(&["logs", "latest", "third"]).code, 15);
    assert_eq!(space.pipe(&["logs", "third"]).code, 2);
}

#[test]
fn following_prints_what_is_written_later_and_ends_with_the_run() {
    let space = waiting();
    let mut run = start(&space);
    assert_eq!(space.json(&["runs"])[0]["outcome"], "running");
    let mut logs = space.command(&["logs", "-f"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(logs.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("second begins")));
    space.write("go", "0");
    assert!(lines.any(|line| line.contains("second ends")), "what came later was not printed");
    assert!(run.wait().unwrap().success());
    assert!(logs.wait().unwrap().success());
    assert_eq!(space.json(&["runs"])[0]["outcome"], "ok");
}

#[test]
fn a_run_that_was_killed_or_interrupted_says_so() {
    let space = waiting();
    for (signal, outcome) in [(Signal::KILL, "killed"), (Signal::INT, "interrupted")] {
        let mut run = start(&space);
        kill_process(Pid::from_child(&run), signal).unwrap();
        run.wait().unwrap();
        assert_eq!(space.json(&["runs"])[0]["outcome"], outcome);
    }
}

#[test]
fn without_a_store_it_says_where_it_looked() {
    let space = Space::new();
    for command in [&["runs"][..], &["show", "latest"], &["logs"]] {
        let outcome = space.pipe(command);
        assert_eq!(outcome.code, 15, "{}", outcome.err);
        assert!(outcome.err.contains("artifacts"), "{}", outcome.err);
    }
}

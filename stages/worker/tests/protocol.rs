//! What the runner relies on: the descriptions, the events, the exit codes, and the end of an orphan.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use contract::questions::{PROTOCOL, Request};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn worker(argument: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipe-worker"));
    command.arg(argument).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `pipe-worker stage` with that first line; the standard input stays open until the end.
fn run(line: &str) -> Output {
    let mut child = worker("stage").spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{line}").unwrap();
    let output = child.wait_with_output().unwrap();
    drop(input);
    output
}

fn last_event(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn spec(uses: &str, parameters: &Value, folder: &Path) -> Value {
    let bound = json!({ "": folder });
    let spec = json!({
        "uses": uses, "parameters": parameters, "seed": 1, "threads": 1, "device": "cpu",
        "inputs": { "interactions": bound, "codes": bound },
        "outputs": { "prompts": folder, "report": folder, "rankings": folder },
    });
    serde_json::to_value(Request::new(spec)).unwrap()
}

#[test]
fn it_describes_every_stage_once_with_version_and_parameters() {
    let output = worker("describe").output().unwrap();
    assert!(output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["protocol"], PROTOCOL);
    let stages = answer["stages"].as_array().unwrap();
    let mut names: Vec<&str> = stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a name is given twice: {names:?}");
    let registered = include_str!("../src/registry.rs").matches("Erased::of::<").count();
    assert_eq!(names.len(), registered, "not every stage of the registry is described: {names:?}");
    for stage in stages {
        let version = stage["version"].as_str().unwrap();
        assert!(version.len() == 16 && version.chars().all(|c| c.is_ascii_hexdigit()), "{}: {version}", stage["name"]);
        assert_eq!(stage["parameters"]["additionalProperties"], false, "{}", stage["name"]);
        for (name, parameter) in stage["parameters"]["properties"].as_object().into_iter().flatten() {
            let documented = parameter.get("description").is_some() && parameter.get("default").is_some();
            assert!(documented, "{}.{name} has no documentation or no default", stage["name"]);
        }
    }
}

#[test]
fn it_says_what_it_finds_of_libtorch_and_cuda() {
    let output = worker("doctor").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = answer["libtorch"]["folder"].as_str().unwrap();
    assert!(Path::new(folder).join("libtorch_cpu.so").is_file(), "{answer}");
    assert!(answer["libtorch"]["version"].as_str().unwrap().starts_with("2."), "{answer}");
    assert!(answer["libtorch"]["threads"].as_i64().unwrap() > 0, "{answer}");
    let cuda = &answer["cuda"];
    assert_eq!(cuda["devices"] == 0, cuda["reason"].is_string(), "no device has a reason, and only that: {answer}");
}

#[test]
fn it_compares_the_ranks_of_models() {
    use frames::{Hits, Measured, Ranks, Seen, UserRank};
    let folder = tempfile::tempdir().unwrap();
    let measured = |model: &str| Measured { model: model.into(), seen: Seen::Kept, hits: Hits::Item };
    let users = |hits: u32| (0..60).map(|user| UserRank::one(user, 3, (user < hits).then_some(2))).collect();
    let ranks = Ranks { of: vec![(measured("pipe"), users(40)), (measured("popularity"), users(10))] };
    ranks.write(folder.path()).unwrap();
    let side =
        |model: &str| json!([{"ranks": folder.path(), "where": {"model": model, "seen": "kept", "hits": "item"}}]);
    let ask = |request: &Value| {
        let mut child = worker("compare").spawn().unwrap();
        let request = serde_json::to_string(&Request::new(request)).unwrap();
        child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let pair = json!({"a": side("pipe"), "b": side("popularity"), "metrics": ["HR@1", "HR@10", "MRR"]});
    let output = ask(&json!({ "pairs": [pair] }));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &answer["pairs"][0];
    assert_eq!((&found["users"], &found["metrics"]["HR@10"]["difference"]), (&json!(60), &json!(0.5)));
    assert_eq!((&found["metrics"]["HR@1"]["p"], &found["only_a"]), (&json!(1.0), &json!(0)));
    assert!(found["metrics"]["MRR"]["p"].as_f64().unwrap() < 0.001);

    let unknown = ask(&json!({"pairs": [{"a": side("pipe"), "b": side("other"), "metrics": ["MRR"]}]}));
    assert_eq!(unknown.status.code(), Some(25));
    assert!(last_event(&unknown)["failure"]["message"].as_str().unwrap().contains("no ranks of other"));
    assert_eq!(ask(&json!({"pair": []})).status.code(), Some(43));
}

#[test]
fn a_failure_is_the_last_event_and_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = run(&spec("soup", &json!({}), folder.path()).to_string());
    assert_eq!(unknown.status.code(), Some(25));
    let event = last_event(&unknown);
    assert_eq!((&event["event"], &event["failure"]["kind"]), (&json!("failed"), &json!("conflict")));
    assert!(event["failure"]["message"].as_str().unwrap().contains("'soup', expected one of sample, ingest"));

    let parameter = run(&spec("tasks", &json!({"negative": 3}), folder.path()).to_string());
    assert_eq!(parameter.status.code(), Some(25));
    assert!(last_event(&parameter)["failure"]["message"].as_str().unwrap().contains("unknown field `negative`"));

    let garbage = run("{");
    assert_eq!(garbage.status.code(), Some(43));
}

#[test]
fn a_request_of_another_protocol_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = spec("tasks", &json!({}), folder.path());
    request["protocol"] = json!(PROTOCOL + 1);
    for name in ["stage", "peek", "compare", "difference", "tokenize", "merge"] {
        let mut child = worker(name).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{request}").unwrap();
        let output = child.wait_with_output().unwrap();
        let failure = &last_event(&output)["failure"];
        assert_eq!((output.status.code(), &failure["kind"]), (Some(43), &json!("protocol")), "{name}");
        let message = format!("the request has protocol {}, expected {PROTOCOL}", PROTOCOL + 1);
        assert_eq!((&failure["message"], failure["hint"].is_string()), (&json!(message), true), "{name}");
    }
}

#[test]
fn a_call_that_it_does_not_know_gets_the_usage() {
    let output = worker("stages").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("usage:"));
    assert!(worker("--help").output().unwrap().status.success());
}

#[test]
#[cfg(unix)]
fn it_ends_when_the_runner_has_gone() {
    // Nothing is ever written to the pipe that stands for the input, so the stage waits for as long as it lives.
    let folder = tempfile::tempdir().unwrap();
    for name in ["dataset.json", "interactions.parquet"] {
        assert!(Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap().success());
    }
    let mut child = worker("stage").spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}", spec("popularity", &json!({}), folder.path())).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the stage did not wait for its input");
    drop(input);
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if since.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("the worker outlived its runner");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(29));
}

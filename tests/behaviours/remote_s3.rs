//! Sharing results over a real S3 server that fails in many ways. `make test-s3` builds the server; without it nothing runs.

use crate::s3::{Fault, SECRET, Server};
use crate::space::{Outcome, Space};
use crate::whole;
use std::collections::BTreeMap;

const URL: &str = "s3://bucket/team";

/// Three stages; the output of the first is an artifact of several segments.
const PIPELINE: &str = r#"
name = "p"
[stage.large]
uses = "command"
command = ["sh", "-c", "seq 1 5000000 > {outputs.out}/numbers; echo small > {outputs.out}/small; mkdir {outputs.out}/empty"]
outputs = { out = "text" }
[stage.count]
uses = "command"
command = ["sh", "-c", "wc -l < {inputs.from}/numbers > {outputs.out}/count"]
inputs = { from = "large.out" }
outputs = { out = "text" }
[stage.words]
uses = "command"
command = ["sh", "-c", "cat {inputs.from}/small > {outputs.out}/words; echo {parameters.word} >> {outputs.out}/words"]
inputs = { from = "large.out" }
parameters = { word = "a" }
outputs = { out = "text" }
"#;

fn machine() -> Space {
    let space = Space::new();
    space.write("p.toml", PIPELINE);
    space
}

fn pipe(space: &Space, server: &Server, arguments: &[&str]) -> Outcome {
    let mut command = space.command(arguments);
    command.envs(server.variables()).env("PIPE_REMOTE", URL);
    let outcome = Outcome::of(&command.output().unwrap());
    assert!(!outcome.out.contains(SECRET) && !outcome.err.contains(SECRET), "a secret is printed");
    outcome
}

fn succeed(space: &Space, server: &Server, arguments: &[&str]) -> Outcome {
    let outcome = pipe(space, server, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}\n{}{}", outcome.out, outcome.err);
    outcome
}

/// How many stages ended in each state.
fn states(outcome: &Outcome) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, state) in outcome.statuses() {
        *counts.entry(state).or_default() += 1;
    }
    counts
}

fn run(space: &Space, server: &Server) -> BTreeMap<String, usize> {
    states(&succeed(space, server, &["run", "p", "--json"]))
}

fn counts(state: &str, count: usize) -> BTreeMap<String, usize> {
    [(state.to_owned(), count)].into()
}

#[test]
fn a_second_machine_runs_nothing_whatever_connections_suffer() {
    let faults: [(&str, &[Fault]); 4] = [
        ("nothing", &[Fault::None]),
        ("lost connections and answers that end early", &[Fault::Lost(150), Fault::Lost(100_000), Fault::None]),
        ("answers of class 5xx", &[Fault::Status(500), Fault::Status(503), Fault::None]),
        ("slow answers", &[Fault::Slow]),
    ];
    for (name, faults) in faults {
        let Some(server) = Server::start() else { return };
        server.suffer(faults);
        let (first, second) = (machine(), machine());
        assert_eq!(run(&first, &server), counts("done", 3), "{name}");
        assert_eq!(run(&second, &server), counts("cached", 3), "{name}");
        assert_eq!(whole::assert_whole(&second.path("artifacts")), 3);
        assert_eq!(first.stored("store"), second.stored("store"));
        let status = pipe(&second, &server, &["cache", "status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
        assert_eq!((&status["both"], &status["only_there"]), (&3.into(), &serde_json::json!([])), "{name}");
        assert!(server.connections() > 1);
    }
}

#[test]
fn a_damaged_object_is_refused_quarantined_and_made_again() {
    let flip: fn(&mut Vec<u8>) = |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let cut: fn(&mut Vec<u8>) = |bytes| bytes.truncate(bytes.len() / 2);
    for (folder, damage) in
        [("team/segments", flip), ("team/segments", cut), ("team/artifacts", cut), ("team/records", flip)]
    {
        let Some(server) = Server::start() else { return };
        run(&machine(), &server);
        for object in server.objects(folder) {
            let mut bytes = std::fs::read(&object).unwrap();
            damage(&mut bytes);
            std::fs::write(object, bytes).unwrap();
        }
        let (second, third) = (machine(), machine());
        assert_eq!(run(&second, &server), counts("done", 3), "{folder}");
        assert_eq!(whole::assert_whole(&second.path("artifacts")), 3);
        assert!(!server.objects("team/quarantine").is_empty(), "{folder}");
        assert_eq!(run(&third, &server), counts("cached", 3), "{folder}: what was made again is there");
    }
}

#[test]
fn two_machines_at_once_run_each_stage_once() {
    let Some(server) = Server::start() else { return };
    let machines = [machine(), machine(), machine()];
    let done: usize = std::thread::scope(|threads| {
        let started = machines.each_ref().map(|machine| threads.spawn(|| run(machine, &server)));
        started.into_iter().map(|thread| thread.join().unwrap().get("done").copied().unwrap_or(0)).sum()
    });
    assert_eq!(done, 3, "stages that ran on any machine");
    machines.iter().for_each(|machine| assert_eq!(whole::assert_whole(&machine.path("artifacts")), 3));
    assert!(server.objects("team/leases").is_empty(), "leases are given back");
}

#[test]
fn pushes_and_pulls_transfer_what_lacks() {
    let Some(server) = Server::start() else { return };
    let first = machine();
    first.succeed(&["run", "p"]);
    let push = |space: &Space| -> serde_json::Value {
        serde_json::from_str(&succeed(space, &server, &["cache", "push", "--json"]).out).unwrap()
    };
    let (pushed, again) = (push(&first), push(&first));
    assert_eq!((&pushed["transferred"], &again["transferred"], &again["present"]), (&3.into(), &0.into(), &3.into()));
    assert!(again["traffic"]["sent"].as_u64().unwrap() == 0, "{again}");
    let second = machine();
    succeed(&second, &server, &["cache", "pull", "p"]);
    assert_eq!(second.statuses(&["p"]).values().filter(|state| *state == "cached").count(), 3);
    let third = machine();
    succeed(&third, &server, &["cache", "pull"]);
    assert_eq!(whole::assert_whole(&third.path("artifacts")), 3);
    let kept = succeed(&third, &server, &["cache", "remote-gc"]);
    assert!(kept.out.contains("removed 0 results, 0 artifacts"), "{}", kept.out);
}

#[test]
fn refused_credentials_end_with_46_and_say_so() {
    let Some(server) = Server::start() else { return };
    let space = machine();
    let with = |name: &str, value: &str| {
        let mut command = space.command(&["run", "p"]);
        command.envs(server.variables()).env("PIPE_REMOTE", URL).env(name, value);
        Outcome::of(&command.output().unwrap())
    };
    let wrong = with("AWS_SECRET_ACCESS_KEY", "wrong-secret");
    assert_eq!(wrong.code, 47, "{}", wrong.err);
    assert!(wrong.err.contains("SignatureDoesNotMatch") && !wrong.err.contains("wrong-secret"), "{}", wrong.err);
    let unknown = with("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN");
    assert_eq!(unknown.code, 47, "{}", unknown.err);
    assert!(space.stored("actions").is_empty(), "nothing ran");
}

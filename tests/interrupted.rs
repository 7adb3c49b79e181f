//! A run that is killed or interrupted loses at most the stage that was running.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use space::{QUICK, Space, wait_until, with_status};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

/// The quick pipeline with a stage that trains for longer than any test waits.
fn slow() -> Space {
    let space = Space::new();
    let training = r#"
[stage.dccf]
uses = "dccf"
inputs = { interactions = "ingest.interactions" }
stopping = "epochs"
epochs = 1000000
"#;
    space.write("quick.toml", format!("{QUICK}{training}"));
    space
}

/// Starts a run and waits until dccf has begun.
fn start(space: &Space) -> Child {
    let mut child =
        space.command(&["run", "quick", "--json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begun = lines.any(|line| line.unwrap().contains(r#""event":"progress","stage":"dccf""#));
    assert!(begun, "dccf never began");
    // Keep reading, so that the run is not held up by a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn process(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// The workers that have this space's folder in their log.
fn workers_of(pipe: u32) -> Vec<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{pipe}/task/{pipe}/children")).unwrap_or_default();
    let mut found: Vec<i32> = children.split_whitespace().filter_map(|text| text.parse().ok()).collect();
    for task in std::fs::read_dir(format!("/proc/{pipe}/task")).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(text.split_whitespace().filter_map(|text| text.parse::<i32>().ok()));
    }
    found.sort_unstable();
    found.dedup();
    found.into_iter().filter_map(Pid::from_raw).collect()
}

fn wait_until_gone(pids: &[Pid]) {
    wait_until("a worker outlives its run", || pids.iter().all(|pid| test_kill_process(*pid).is_err()));
}

#[test]
fn ctrl_c_stops_the_workers_and_leaves_the_store_clean() {
    let space = slow();
    let mut child = start(&space);
    let workers = workers_of(child.id());
    assert!(!workers.is_empty());
    kill_process(process(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    wait_until_gone(&workers);
    assert!(space.stored("tmp").iter().all(|name| name == "locks"), "{:?}", space.stored("tmp"));
    assert!(space.stored("tmp/locks").is_empty());
}

#[test]
fn after_a_kill_the_workers_end_and_the_next_run_goes_on() {
    let space = slow();
    let mut child = start(&space);
    let workers = workers_of(child.id());
    kill_process(process(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    wait_until_gone(&workers);
    let statuses = space.statuses(&["quick", "--set", "dccf.epochs=1"]);
    assert_eq!(statuses["sample"], "cached");
    assert_eq!(statuses["ingest"], "cached");
    assert_eq!(statuses["dccf"], "done");
    assert!(space.stored("tmp").iter().all(|name| name == "locks"), "the dead run's folder is removed");
    assert_eq!(with_status(&space.statuses(&["quick", "--set", "dccf.epochs=1"]), "done"), Vec::<&str>::new());
}

#[test]
fn an_interrupted_stage_with_a_checkpoint_is_said_to_go_on_from_it() {
    let space = Space::new();
    let pipeline = r#"
name = "p"

[stage.a]
uses = "command"
command = ["sh", "-c", "echo 1 >> {checkpoint}/seen; echo begun; [ $(wc -l < {checkpoint}/seen) = 1 ] && sleep 1000; cp {checkpoint}/seen {outputs.o}/"]
outputs.o = "text"
"#;
    space.write("p.toml", pipeline);
    let fresh = space.succeed(&["plan", "p"]).out;
    assert!(!fresh.contains("checkpoint"), "{fresh}");
    let mut child =
        space.command(&["run", "p", "--json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("begun")));
    kill_process(process(&child), Signal::INT).unwrap();
    let last = lines.last().unwrap().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        last.contains("interrupted; finished stages are kept; the next run of a goes on from its checkpoint"),
        "{last}"
    );
    let planned = space.succeed(&["plan", "p"]).out;
    assert!(planned.contains("; goes on from a checkpoint"), "{planned}");
    space.succeed(&["run", "p"]);
    assert_eq!(space.result("p/a/o/seen"), "1\n1\n");
}

//! A run that is killed or interrupted loses at most the stage that was running.

use crate::space::live::Live;
use crate::space::{QUICK, Space, wait_until, with_status};
use rustix::process::{Pid, Signal, test_kill_process};

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
fn start(space: &Space) -> Live {
    let mut run = space.start(&["run", "quick"]);
    run.wait_until("dccf never began", |event| event["event"] == "progress" && event["stage"] == "dccf");
    run
}

/// The workers that have this space's folder in their log.
fn workers_of(run: &Live) -> Vec<Pid> {
    let pipe = run.process().as_raw_nonzero();
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
    let run = start(&space);
    let workers = workers_of(&run);
    assert!(!workers.is_empty());
    run.signal(Signal::INT);
    assert_eq!(run.finish().code, Some(130));
    wait_until_gone(&workers);
    assert!(space.stored("tmp").iter().all(|name| name == "locks"), "{:?}", space.stored("tmp"));
    assert!(space.stored("tmp/locks").is_empty());
}

#[test]
fn after_a_kill_the_next_run_goes_on() {
    let space = slow();
    let run = start(&space);
    let workers = workers_of(&run);
    run.kill();
    wait_until_gone(&workers);
    let statuses = space.statuses(&["quick", "--set", "dccf.epochs=1"]);
    assert_eq!(statuses["sample"], "cached");
    assert_eq!(statuses["ingest"], "cached");
    assert_eq!(statuses["dccf"], "done");
    assert!(space.stored("tmp").iter().all(|name| name == "locks"), "the dead run's folder is removed");
    assert_eq!(with_status(&space.statuses(&["quick", "--set", "dccf.epochs=1"]), "done"), Vec::<&str>::new());
}

#[test]
fn a_checkpoint_is_reported_after_ctrl_c() {
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
    let mut run = space.start(&["run", "p"]);
    run.wait_for_log("begun");
    run.signal(Signal::INT);
    let ended = run.finish();
    let last = ended.events.last().unwrap().to_string();
    assert_eq!(ended.code, Some(130));
    assert!(
        last.contains("interrupted; finished stages are kept; the next run of a goes on from its checkpoint"),
        "{last}"
    );
    let planned = space.succeed(&["plan", "p"]).out;
    assert!(planned.contains("; goes on from a checkpoint"), "{planned}");
    space.succeed(&["run", "p"]);
    assert_eq!(space.result("p/a/o/seen"), "1\n1\n");
}

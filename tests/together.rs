//! Several `pipe` processes share one store: each key runs once, and the others get its result.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use space::{Space, with_status};
use std::process::Stdio;

#[test]
fn four_processes_run_each_stage_once() {
    let space = Space::quick();
    let worker = space.counting_worker();
    let worker = worker.to_str().unwrap();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = space.command(&["run", "quick", "--worker", worker, "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(space.stage_calls(), 4);
    assert_eq!(with_status(&space.statuses(&["quick"]), "hit").len(), 4);
}

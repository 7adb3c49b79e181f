//! Several `pipe` processes share one store: each key runs once, and the others get its result.

use crate::soak;
use crate::space::{Space, wait_until, with_status};
use std::collections::BTreeMap;
use std::process::{Child, Stdio};

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
    assert_eq!(with_status(&space.statuses(&["quick"]), "cached").len(), 4);
}

/// A command that writes its label and iteration into `calls`, then makes its label and what enters.
fn stage(space: &Space, label: &str, iteration: usize, from: Option<&str>) -> String {
    let input = from.map(|from| format!("inputs = {{ i = '{from}.o' }}\n")).unwrap_or_default();
    let read = from.map(|_| "cat {inputs.i}/v; ").unwrap_or_default();
    format!(
        "[stage.{label}]\nuses = 'command'\noutputs = {{ o = 'text' }}\n{input}\
         command = ['sh', '-c', 'echo {label}/{iteration} >> {}; ({read}echo {label}) > {{outputs.o}}/v']\n",
        space.path("calls").display()
    )
}

/// The pipeline of one process: stages that all have, that some have, and one of its own.
fn overlapping(space: &Space, process: usize, iteration: usize) -> String {
    let some = format!("some{}", process % 3);
    let own = format!("own{process}");
    [
        format!("name = 'p{process}'\n"),
        stage(space, "all", iteration, None),
        stage(space, "second", iteration, Some("all")),
        stage(space, &some, iteration, Some("second")),
        stage(space, &own, iteration, Some(&some)),
    ]
    .concat()
}

fn start(space: &Space, process: usize) -> Child {
    let mut command = space.command(&["run", &format!("p{process}"), "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// How often each stage was started, by label and iteration.
fn calls(space: &Space) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for line in std::fs::read_to_string(space.path("calls")).unwrap().lines() {
        *calls.entry(line.to_owned()).or_default() += 1;
    }
    calls
}

#[test]
fn many_processes_with_overlapping_pipelines_run_each_key_once() {
    let (processes, iterations) = soak::long().map_or((8, 2), |cases| (32, cases.div_ceil(32)));
    let space = Space::new();
    for iteration in 0..iterations {
        for process in 0..processes {
            space.write(&format!("p{process}.toml"), overlapping(&space, process, iteration));
        }
        let children: Vec<Child> = (0..processes).map(|process| start(&space, process)).collect();
        for (process, child) in children.into_iter().enumerate() {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let made = std::fs::read_to_string(space.path(&format!("artifacts/p{process}/own{process}/o/v"))).unwrap();
            assert_eq!(made, format!("all\nsecond\nsome{}\nown{process}\n", process % 3));
        }
    }
    let calls = calls(&space);
    assert!(calls.values().all(|count| *count == 1), "{calls:?}");
    assert_eq!(calls.len(), iterations * (2 + 3 + processes));
    assert!(space.stored("tmp/locks").is_empty());
    eprintln!("{iterations} iterations of {processes} processes: {} keys, each run once", calls.len());
}

#[test]
fn another_process_takes_over_what_a_killed_one_was_running() {
    let space = Space::new();
    let gate = space.path("gate");
    let slow = format!(
        "[stage.slow]\nuses = 'command'\noutputs = {{ o = 'text' }}\n\
         command = ['sh', '-c', 'echo slow >> {}; while ! test -e {}; do sleep 0.01; done; echo x > {{outputs.o}}/v']\n",
        space.path("calls").display(),
        gate.display()
    );
    for process in 0..3 {
        space.write(&format!("p{process}.toml"), format!("name = 'p{process}'\n{slow}"));
    }
    let mut first = start(&space, 0);
    wait_until("the stage never began", || space.path("calls").exists());
    let others = [start(&space, 1), start(&space, 2)];
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(calls(&space)["slow"], 1, "the others wait");
    first.kill().unwrap();
    first.wait().unwrap();
    std::fs::write(gate, "").unwrap();
    let mut ran = 0;
    for other in others {
        let output = other.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        ran += usize::from(String::from_utf8_lossy(&output.stdout).contains(r#""status":"done""#));
    }
    assert_eq!(ran, 1, "one takes over, the other gets its result");
    assert_eq!(calls(&space)["slow"], 2);
}

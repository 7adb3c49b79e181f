//! Several `pipe` processes share one store: each key runs once, and the others get its result.
//!
//! `PIPE_SOAK=N` lets 32 processes at a time share a store, N of them in all.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod live;
mod space;

use live::{Ended, Live, process_in};
use rustix::process::Signal;
use space::{Space, with_status};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

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

/// How many texts there are of which pipelines choose.
const TEXTS: usize = 4;

/// The number-th of many pipelines that overlap: it joins two of a few texts, and what it joins it counts. Whoever runs a
/// stage writes its key's name, its text, to a file that all share.
fn overlapping(number: usize, executed: &Path) -> String {
    let (one, two) = (number % TEXTS, (number / 2 + 1) % TEXTS);
    let stage = |name: &str, inputs: &str, read: &str, add: &str| {
        format!(
            "[stage.{name}]\nuses = \"command\"\noutputs = {{ o = \"text\" }}\ninputs = {{ {inputs} }}\n\
             command = [\"sh\", \"-c\", 'x=$(cat /dev/null {read}){add}; sleep 0.02; echo \"$x\" >> {}; echo \"$x\" > {{outputs.o}}/f']\n",
            executed.display()
        )
    };
    let text = |name: &str, which: usize| stage(name, "", "", &format!("text{which}"));
    let name = format!("name = \"p{number}\"\n");
    let join = stage("join", "a = \"one.o\", b = \"two.o\"", "{inputs.a}/f {inputs.b}/f | tr -d \"\\n\"", "-joined");
    name + &text("one", one) + &text("two", two) + &join + &stage("last", "i = \"join.o\"", "{inputs.i}/f", "-last")
}

/// The texts that a pipeline makes.
fn texts(number: usize) -> [String; 4] {
    let (one, two) = (format!("text{}", number % TEXTS), format!("text{}", (number / 2 + 1) % TEXTS));
    let joined = format!("{one}{two}-joined");
    [one, two, joined.clone(), format!("{joined}-last")]
}

fn start(space: &Space, number: usize) -> Live {
    space.write(&format!("p{number}.toml"), overlapping(number, &space.path("executed")));
    Live::start(space.command(&["run", &format!("p{number}"), "--json"]))
}

/// How often each text was made.
fn executions(space: &Space) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(space.path("executed")).unwrap().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

fn assert_right(space: &Space, number: usize, ended: &Ended) {
    assert_eq!(ended.code, Some(0), "p{number}: {}{:#?}", ended.err, ended.events);
    for (stage, text) in ["one", "two", "join", "last"].into_iter().zip(texts(number)) {
        let path = space.path(&format!("artifacts/p{number}/{stage}/o/f"));
        assert_eq!(std::fs::read_to_string(path).unwrap().trim_end(), text, "p{number}.{stage}");
    }
}

/// So many processes at once on one store. Gives how many keys there were.
fn share(processes: usize) -> usize {
    let space = Space::new();
    let runs: Vec<Live> = (0..processes).map(|number| start(&space, number)).collect();
    let ended: Vec<Ended> = runs.into_iter().map(Live::finish).collect();
    ended.iter().enumerate().for_each(|(number, ended)| assert_right(&space, number, ended));
    let executions = executions(&space);
    assert!(executions.values().all(|times| *times == 1), "a key ran more than once: {executions:?}");
    let ran: usize = ended.iter().map(|ended| ended.stages("ran").len()).sum();
    assert_eq!((ran, space.stored("actions").len()), (executions.len(), executions.len()));
    assert!(space.stored("tmp").iter().all(|name| name == "locks"), "{:?}", space.stored("tmp"));
    executions.len()
}

#[test]
fn overlapping_pipelines_run_each_key_once() {
    let (rounds, processes) = space::soak().map_or((1, 8), |count| (count.div_ceil(32), 32));
    let keys: usize = (0..rounds).map(|_| share(processes)).sum();
    eprintln!("{rounds} rounds of {processes} processes: each of {keys} keys ran once, 0 wrong");
}

/// One of so many processes is killed after `delay`; nobody else notices.
fn share_with_one_killed(processes: usize, victim: usize, delay: Duration) {
    let space = Space::new();
    let runs: Vec<Live> = (0..processes).map(|number| start(&space, number)).collect();
    std::thread::sleep(delay);
    runs[victim].signal(Signal::KILL);
    let ended: Vec<Ended> = runs.into_iter().map(Live::finish).collect();
    let others = || ended.iter().enumerate().filter(|(number, _)| *number != victim);
    others().for_each(|(number, ended)| assert_right(&space, number, ended));
    let executions = executions(&space);
    for (text, times) in &executions {
        let killed_at_it = texts(victim).contains(text);
        assert!(*times == 1 || *times == 2 && killed_at_it, "'{text}' was made {times} times");
    }
    // What the dead one told of is used.
    let told = ended[victim].stages("ran");
    let again = start(&space, victim).finish();
    assert_right(&space, victim, &again);
    assert!(told.iter().all(|stage| again.stages("hit").contains(stage)), "lost: {told:?} {:#?}", again.events);
}

#[test]
fn the_others_go_on_when_one_is_killed() {
    let (rounds, processes) = space::soak().map_or((2, 8), |count| (count.div_ceil(32), 32));
    for round in 0..rounds {
        let part = u64::try_from(round % 16).unwrap();
        share_with_one_killed(processes, round % processes, Duration::from_millis(30 + 40 * part));
    }
    eprintln!("{rounds} of {rounds} times the other {} processes took over", processes - 1);
}

#[test]
fn who_waits_for_a_key_takes_over_from_a_process_that_is_killed() {
    let space = Space::new();
    let script = |name: &str| {
        format!(
            "name = \"{name}\"\n[stage.a]\nuses = \"command\"\noutputs = {{ o = \"text\" }}\n\
             command = [\"sh\", \"-c\", 'if mkdir {0}; then echo $$ > {1}; sleep 300; fi; echo a > {{outputs.o}}/f']\n",
            space.path("first").display(),
            space.path("process").display()
        )
    };
    let run = |name: &str| {
        space.write(&format!("{name}.toml"), script(name));
        Live::start(space.command(&["run", name, "--json"]))
    };
    let first = run("first-pipeline");
    let process = process_in(&space.path("process"));
    let mut second = run("second-pipeline");
    second.wait_for(&["log"], 1);
    first.signal(Signal::KILL);
    assert_eq!(first.finish().code, None);
    live::wait_until_gone(process);
    let ended = second.finish();
    assert_eq!((ended.code, ended.stages("ran")), (Some(0), vec!["a"]), "{}", ended.err);
}

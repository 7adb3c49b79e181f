//! A run that is killed at any moment: what the store holds is whole, what was acknowledged is kept, nothing goes on.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod soak;
mod space;
mod whole;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use serde_json::Value;
use space::{Space, with_status};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use whole::assert_whole;

/// The stages, what each adds to what enters it, and what enters.
const STAGES: [(&str, &[&str]); 6] =
    [("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"]), ("e", &["d"]), ("f", &["e", "b"])];

/// A pipeline of quick commands. Each writes down that it was started, and makes a text of its name and what enters.
fn quick_commands() -> Space {
    let space = Space::new();
    let calls = space.path("calls");
    let mut text = "name = 'p'\n".to_owned();
    for (name, uses) in STAGES {
        let inputs: Vec<String> = uses.iter().map(|from| format!("{from} = '{from}.o'")).collect();
        let reads: String = uses.iter().map(|from| format!("cat {{inputs.{from}}}/v; ")).collect();
        let script = format!("echo {name} >> {}; (printf {name}; {reads}) > {{outputs.o}}/v", calls.display());
        text += &format!(
            "[stage.{name}]\nuses = 'command'\ncommand = ['sh', '-c', '{script}']\noutputs = {{ o = 'text' }}\n"
        );
        text += &format!("inputs = {{ {} }}\n", inputs.join(", "));
    }
    space.write("p.toml", text);
    space
}

/// What each stage makes, worked out here.
fn expected() -> BTreeMap<&'static str, String> {
    let mut made: BTreeMap<&str, String> = BTreeMap::new();
    for (name, uses) in STAGES {
        let text = uses.iter().fold(name.to_owned(), |text, from| text + &made[from]);
        made.insert(name, text);
    }
    made
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its beginning.
    Begun(Duration),
    /// So long after it said that the stage of this number starts.
    Started(usize, Duration),
    /// As soon as it said that the stage of this number has ended.
    Ended(usize),
}

/// Moments from the beginning to the end of a run that takes `whole`: dense in its first 10 ms and around each commit.
fn moments(count: usize, whole: Duration) -> Vec<Moment> {
    let (early, commits) = (count / 4, count / 2);
    let spread = |number: usize, of: usize, span: Duration| span.mul_f64(number as f64 / of.max(1) as f64);
    let first = (0..early).map(|number| Moment::Begun(spread(number, early, Duration::from_millis(10))));
    // A stage and its commit take some 30 ms.
    let around = (0..commits).map(|number| match number % 7 {
        6 => Moment::Ended(number / 7 % STAGES.len()),
        stage => Moment::Started(stage, spread(number, commits, Duration::from_millis(40))),
    });
    let rest = count - early - commits;
    let sweep = (0..rest).map(|number| Moment::Begun(spread(number, rest, whole)));
    first.chain(around).chain(sweep).collect()
}

/// Runs the pipeline and kills it then, alone or with its whole group of processes. Gives the stages it said were kept.
fn killed(space: &Space, moment: Moment, group: bool) -> BTreeSet<String> {
    let mut command = space.command(&["run", "p", "--json"]);
    let begun = Instant::now();
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    let mut seen: Vec<Value> = Vec::new();
    let mut wait_for = |event: &str, number: usize| {
        let mut left = number + 1;
        while left > 0 {
            let Some(line) = lines.next() else { return };
            let value: Value = serde_json::from_str(&line).unwrap();
            left -= usize::from(value["event"] == event);
            seen.push(value);
        }
    };
    match moment {
        Moment::Begun(delay) => std::thread::sleep(delay.saturating_sub(begun.elapsed())),
        Moment::Started(number, delay) => {
            wait_for("start", number);
            std::thread::sleep(delay);
        }
        Moment::Ended(number) => wait_for("stage", number),
    }
    let pid = Pid::from_child(&child);
    // The run may have ended already, which is one of the moments.
    let killed = if group { kill_process_group(pid, Signal::KILL) } else { kill_process(pid, Signal::KILL) };
    killed.ok();
    child.wait().unwrap();
    // The line that it was writing may be cut.
    seen.extend(lines.filter_map(|line| serde_json::from_str(&line).ok()));
    let kept = seen.iter().filter(|event| event["event"] == "stage" && event["status"] == "ran");
    kept.map(|event| event["stage"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn nothing_is_lost_or_half_there_whenever_a_run_is_killed() {
    let space = quick_commands();
    let begun = Instant::now();
    space.succeed(&["run", "p"]);
    let whole = begun.elapsed();
    let moments = moments(soak::cases(40), whole);
    let (mut acknowledged, mut interrupted) = (0, 0);
    for (number, moment) in moments.iter().enumerate() {
        let space = quick_commands();
        let kept = killed(&space, *moment, number % 3 == 0);
        check_after_a_kill(&space, &kept, *moment);
        acknowledged += kept.len();
        interrupted += usize::from(kept.len() < STAGES.len());
    }
    eprintln!(
        "{} kills, {interrupted} of them before the end; {acknowledged} acknowledged results; wrong 0, lost 0",
        moments.len()
    );
    assert!(interrupted > moments.len() / 2, "most kills should come before the end");
}

fn check_after_a_kill(space: &Space, kept: &BTreeSet<String>, moment: Moment) {
    // What was under way ends a moment after its run.
    let records = assert_whole(&space.path("artifacts"));
    assert!(records >= kept.len(), "{moment:?}");
    let statuses = space.statuses(&["p"]);
    let again: BTreeSet<&str> = with_status(&statuses, "ran").into_iter().collect();
    assert_eq!(statuses.len(), STAGES.len(), "{moment:?}");
    assert!(kept.iter().all(|stage| !again.contains(stage.as_str())), "lost after {moment:?}: {kept:?}, ran {again:?}");
    for (stage, text) in expected() {
        let made = std::fs::read_to_string(space.path(&format!("artifacts/p/{stage}/o/v"))).unwrap();
        assert_eq!(made, text, "{moment:?}: {stage}");
    }
    let calls = std::fs::read_to_string(space.path("calls")).unwrap();
    for (stage, _) in STAGES {
        let count = calls.lines().filter(|line| *line == stage).count();
        let most = if kept.contains(stage) { 1 } else { 2 };
        assert!((1..=most).contains(&count), "{moment:?}: {stage} was started {count} times");
    }
    assert_eq!(assert_whole(&space.path("artifacts")), STAGES.len(), "{moment:?}");
    if !again.is_empty() {
        assert_eq!(space.stored("tmp"), ["locks"], "{moment:?}: the dead run's folder is removed");
    }
    assert!(with_status(&space.statuses(&["p"]), "ran").is_empty(), "{moment:?}");
}

/// A stage that starts another process and waits for it, and the run that started it, once both are there.
fn with_a_grandchild(space: &Space) -> (Child, Pid) {
    let file = space.path("pid");
    let script = format!("sleep 300 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\ncommand = ['sh', '-c', '{script}']\noutputs = {{ o = 'text' }}\n"
        ),
    );
    let mut command = space.command(&["run", "p"]);
    let child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !file.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the stage never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    (child, Pid::from_raw(pid).unwrap())
}

/// Whether the process still runs. One that has ended and that nobody has waited for does not.
fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_ok() && !stat.contains(") Z ")
}

fn wait_until_gone(pid: Pid) {
    let begun = Instant::now();
    while runs(pid) {
        assert!(begun.elapsed() < Duration::from_secs(20), "a process of the stage outlives its run");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_a_command_has_started_ends_with_the_run() {
    for (signal, group) in [(Signal::INT, false), (Signal::TERM, false), (Signal::KILL, false), (Signal::KILL, true)] {
        let space = Space::new();
        let (mut child, grandchild) = with_a_grandchild(&space);
        let pid = Pid::from_child(&child);
        if group {
            kill_process_group(pid, signal).unwrap();
        } else {
            kill_process(pid, signal).unwrap();
        }
        let status = child.wait().unwrap();
        wait_until_gone(grandchild);
        assert!(space.stored("actions").is_empty(), "{signal:?}");
        if signal != Signal::KILL {
            assert_eq!(status.code(), Some(130), "{signal:?}");
            assert_eq!(space.stored("tmp"), ["locks"], "{signal:?}");
            assert!(space.stored("tmp/locks").is_empty(), "{signal:?}");
        }
    }
}

#[test]
fn what_a_command_leaves_running_ends_with_it() {
    let space = Space::new();
    let file = space.path("pid");
    let script = format!("sleep 300 & echo $! > {}; echo done > {{outputs.o}}/v", file.display());
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.s]\nuses = 'command'\ncommand = ['sh', '-c', '{script}']\noutputs = {{ o = 'text' }}\n"
        ),
    );
    space.succeed(&["run", "p"]);
    let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    wait_until_gone(Pid::from_raw(pid).unwrap());
}

//! Programs of stages end with the run, also when their supervisor or the run itself is killed.

use crate::space::Space;
use crate::space::live::{Live, process_in, wait_until_gone};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// A stage with this script and these other keys. `{at}` stands for a path beside the pipeline.
fn stage(script: &str, more: &str) -> Space {
    let space = Space::new();
    let script = script.replace("{at}", space.path("").to_str().unwrap());
    let script = serde_json::Value::from(script).to_string();
    space.write(
        "k.toml",
        format!(
            "name = \"k\"\n[stage.a]\nuses = \"command\"\noutputs = {{ o = \"text\" }}\n{more}\n\
             command = [\"sh\", \"-c\", {script}]\n"
        ),
    );
    space
}

fn start(space: &Space) -> Live {
    space.start(&["run", "k"])
}

/// The processes beneath this test's run that run the program `pipe`, by name or by file.
fn pipes(space: &Space, by_name: bool) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let is_ours = |process: &Pid| {
        let folder = format!("/proc/{}", process.as_raw_pid());
        let folder_of_process = std::fs::read_link(format!("{folder}/cwd")).unwrap_or_default();
        let name = std::fs::read_to_string(format!("{folder}/comm")).unwrap_or_default();
        let file = std::fs::read_link(format!("{folder}/exe")).unwrap_or_default();
        folder_of_process.starts_with(space.path("").canonicalize().unwrap())
            && if by_name { name.trim() == "pipe" } else { file.ends_with("pipe") }
    };
    processes.filter(is_ours).collect()
}

fn kill(processes: Vec<Pid>) {
    assert!(!processes.is_empty());
    for process in processes {
        kill_process(process, Signal::KILL).ok();
    }
}

#[test]
fn a_program_ends_when_every_process_named_pipe_is_killed() {
    let space = stage("sleep 300 & echo $! > {at}/process; wait", "");
    let live = start(&space);
    let process = process_in(&space.path("process"));
    kill(pipes(&space, true));
    assert_eq!(live.finish().code, None);
    wait_until_gone(process);
}

#[test]
fn a_program_ends_with_its_supervisor() {
    let space = stage("echo $$ > {at}/process; sleep 300; :", "");
    let live = start(&space);
    let process = process_in(&space.path("process"));
    kill(pipes(&space, false));
    assert_eq!(live.finish().code, None);
    wait_until_gone(process);
}

#[test]
fn a_checkpoint_has_one_writer_after_a_kill() {
    // The first attempt leaves a program behind that its supervisor cannot end, being killed; the second must not meet it.
    let script = "if [ -e {at}/process ]; then grep -q '[)] [RSD]' /proc/$(cat {at}/process)/stat && exit 9; echo x > {outputs.o}/x; exit 0; fi; \
                  setsid -f sh -c \"echo \\$\\$ > {at}/process; exec sleep 300\"; echo {checkpoint}; sleep 300";
    let space = stage(script, "");
    let live = start(&space);
    let process = process_in(&space.path("process"));
    kill(pipes(&space, false));
    assert_eq!(live.finish().code, None);
    let again = start(&space).finish();
    assert_eq!(again.code, Some(0), "{}", again.err);
    wait_until_gone(process);
}

/// A stage whose program leaves its session and then kills its supervisor, the leader of its group.
const ESCAPES: &str = "setsid -f sh -c \"echo \\$\\$ > {at}/process; exec sleep 300\"; \
                       while [ ! -s {at}/process ]; do sleep 0.01; done; \
                       kill -9 $(ps -o pgid= -p $$); sleep 300";

#[test]
fn what_escapes_its_supervisor_is_ended_by_the_timeout_or_before() {
    let space = stage(ESCAPES, "timeout = \"3s\"");
    let begun = Instant::now();
    let ended = start(&space).finish();
    assert!(matches!(ended.code, Some(31 | 33)), "{:?}: {}", ended.code, ended.err);
    assert!(begun.elapsed() < Duration::from_secs(20));
    wait_until_gone(process_in(&space.path("process")));
}

#[test]
fn what_escapes_its_supervisor_is_ended_by_the_first_interrupt() {
    let escapes = ESCAPES.replace("kill -9", "sleep 0.3; kill -9");
    let space = stage(&escapes, "");
    let live = start(&space);
    let process = process_in(&space.path("process"));
    live.signal(Signal::INT);
    assert!(matches!(live.finish().code, Some(130 | 31)));
    wait_until_gone(process);
}

//! Stages as jobs of a real Slurm cluster of one node, which each test starts for itself.
//!
//! Skipped where Slurm is not installed or cannot be started. Memory limits need control groups, which the cluster has not: what
//! is tested of memory is that a job which asks for too much is refused. `PIPE_SOAK=1` adds the time limit of a job, whose
//! shortest value is a minute.

use crate::soak;
use crate::space::live::Live;
use crate::space::{self, Space};
use rustix::process::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Longer than anything here lasts.
const LIMIT: Duration = Duration::from_secs(60);

/// A cluster with a space for a test, which ends with it.
struct Cluster {
    space: Space,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts one, or says why it cannot.
    fn start() -> Option<Self> {
        let cluster = Self { space: Space::new(), folder: tempfile::tempdir().unwrap() };
        let output = cluster.script(&["start"]);
        if !output.status.success() {
            eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
            return None;
        }
        Some(cluster)
    }

    fn script(&self, words: &[&str]) -> Output {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/slurm.sh"));
        command.args(words).arg(self.folder.path()).output().unwrap()
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    /// What one of Slurm's programs prints.
    fn ask(&self, program: &str, words: &[&str]) -> String {
        let output = Command::new(program).args(words).env("SLURM_CONF", self.configuration()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The state and the name of each job of a stage, the oldest first.
    fn jobs(&self, stage: &str) -> Vec<(String, String)> {
        let rows = self.ask("squeue", &["--noheader", "--states=all", "--sort=i", "--format=%i %T %j"]);
        let rows = rows.lines().filter(|row| row.contains(&format!(" pipe-{stage}-")));
        rows.map(|row| {
            let words: Vec<&str> = row.split(' ').collect();
            (words[0].to_owned(), words[1].to_owned())
        })
        .collect()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.space.command(words);
        command.env("SLURM_CONF", self.configuration());
        command
    }

    fn start_run(&self, words: &[&str]) -> Live {
        Live::start(self.command(&[&["run", "p", "--json"], words].concat()))
    }

    /// Writes the pipeline `p`, whose stages run as jobs. Each adds a line to the file `ran`, waits for `seconds`, and writes
    /// its name.
    fn pipeline(&self, stages: &[(&str, &str, &str)], seconds: f64) {
        let mut text = "name = 'p'\nexecutor = 'slurm'\n[slurm]\npoll = '2s'\nlatency = '20s'\n".to_owned();
        for (name, input, more) in stages {
            let inputs = if input.is_empty() { String::new() } else { format!("{input} = '{input}.o'") };
            text += &format!(
                "[stage.{name}]\nuses = 'command'\ninputs = {{ {inputs} }}\noutputs = {{ o = 'text' }}\n{more}\n\
                 command = ['sh', '-c', 'echo {name} >> {0}; echo begun; sleep {seconds}; echo {name} > {{outputs.o}}/f']\n",
                self.space.path("ran").display()
            );
        }
        self.space.write("p.toml", text);
    }

    /// How often a stage has begun.
    fn times(&self, stage: &str) -> usize {
        let ran = std::fs::read_to_string(self.space.path("ran")).unwrap_or_default();
        ran.lines().filter(|line| *line == stage).count()
    }

    /// The record of a stage in the latest run.
    fn record(&self, stage: &str) -> Value {
        let shown = self.space.json(&["show", "latest"]);
        shown["stages"].as_array().unwrap().iter().find(|record| record["stage"] == stage).unwrap().clone()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script(&["stop"]);
    }
}

fn wait_until(condition: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LIMIT, "waited in vain until {condition}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn digests_and_keys_are_those_of_local_runs() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.space.write("quick.toml", space::QUICK);
    let run = |words: &[&str]| {
        let output = cluster.command(&[&["run", "quick"], words].concat()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["--executor", "local"]);
    let local = ["store", "actions"].map(|folder| cluster.space.stored(folder));
    std::fs::rename(cluster.space.path("artifacts"), cluster.space.path("local")).unwrap();
    run(&["--executor", "slurm"]);
    assert_eq!(["store", "actions"].map(|folder| cluster.space.stored(folder)), local);
    assert_eq!(cluster.jobs("metrics").len(), 1);
    assert!(cluster.space.succeed(&["logs", "latest", "metrics"]).out.contains("slurm: job "));
    assert_eq!(cluster.space.stored("tmp/jobs"), Vec::<String>::new(), "nothing is left of jobs that have ended");
}

#[test]
fn ranks_of_a_job_end_as_they_do_here() {
    let Some(cluster) = Cluster::start() else { return };
    if !space::has_program("mpirun") {
        eprintln!("skipped: mpirun of Open MPI is not in PATH");
        return;
    }
    let model = || std::fs::read_link(cluster.space.path("artifacts/p/finetune/model")).unwrap();
    let pipeline = |more: &str| {
        let stage = format!("uses = \"finetune\"\nresources = {{ threads = 1, ranks = 2 }}{more}");
        space::LANGUAGE_MODEL.replace("uses = \"finetune\"", &stage)
    };
    cluster.space.write("quick.toml", space::QUICK);
    cluster.space.write("p.toml", pipeline(""));
    cluster.space.succeed(&["run", "p", "--until", "finetune"]);
    let here = model();
    cluster.space.write("p.toml", pipeline("\nexecutor = \"slurm\""));
    let output = cluster.command(&["run", "p", "--until", "finetune", "--force", "finetune"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(cluster.jobs("finetune").len(), 1);
    assert_eq!(model(), here);
}

/// Six points of a stage that waits a little, so that the run can be killed between.
const POINTS: &str = r#"
name = "p"
executor = "slurm"

[slurm]
poll = "2s"

[stage.a]
uses = "command"
outputs = { o = "text" }
parameters = { k = 0 }
command = ["sh", "-c", "echo {parameters.k} >> RAN; sleep 1; echo {parameters.k} > {outputs.o}/f"]

[sweep]
"a.k" = [1, 2, 3, 4, 5, 6]
"#;

#[test]
fn points_of_a_sweep_are_one_array_that_a_killed_runner_finds_again() {
    let Some(cluster) = Cluster::start() else { return };
    let ran = cluster.space.path("ran");
    cluster.space.write("p.toml", POINTS.replace("RAN", &ran.display().to_string()));
    for delay in [250, 400, 700, 2000] {
        let live = cluster.start_run(&["-j", "6"]);
        std::thread::sleep(Duration::from_millis(delay));
        live.kill();
    }
    let ended = cluster.start_run(&["-j", "6"]).finish();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let mut values: Vec<String> = std::fs::read_to_string(ran).unwrap().lines().map(str::to_owned).collect();
    values.sort();
    assert_eq!(values, ["1", "2", "3", "4", "5", "6"], "each point ran once");
    let names: std::collections::BTreeSet<String> = cluster.jobs("a").into_iter().map(|(_, name)| name).collect();
    let rows = cluster.ask("squeue", &["--noheader", "--array", "--states=all", "--format=%i"]);
    assert!(rows.lines().any(|row| row.trim().ends_with("_0")), "{rows}");
    assert!(names.len() <= 3, "arrays: {names:?}");
    assert!(cluster.space.stored("tmp/jobs").is_empty());
}

#[test]
fn a_killed_runner_is_followed_by_one_that_runs_nothing_twice() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pipeline(&[("a", "", ""), ("b", "a", ""), ("c", "b", "")], 0.5);
    for delay in [20, 60, 150, 400, 1000, 100, 700] {
        let live = cluster.start_run(&[]);
        std::thread::sleep(Duration::from_millis(delay));
        live.kill();
    }
    let ended = cluster.start_run(&[]).finish();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for stage in ["a", "b", "c"] {
        assert_eq!((cluster.times(stage), cluster.jobs(stage).len()), (1, 1), "{stage}");
    }
    assert!(cluster.space.succeed(&["logs", "latest", "c"]).out.contains("begun"));
}

#[test]
fn ctrl_c_cancels_jobs_and_detach_leaves_them() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pipeline(&[("a", "", "")], 4.0);
    for (words, code, state) in [(&[][..], 130, "CANCELLED"), (&["--detach"], 130, "RUNNING")] {
        let mut live = cluster.start_run(words);
        live.wait_for_log("begun");
        live.signal(Signal::INT);
        let ended = live.finish();
        assert_eq!(ended.code, Some(code), "{}", ended.err);
        assert_eq!(cluster.jobs("a").last().unwrap().1, state);
        assert_eq!(
            ended.err.contains("jobs go on that the next run waits for: a"),
            state == "RUNNING",
            "{}",
            ended.err
        );
    }
    assert_eq!(cluster.start_run(&[]).finish().code, Some(0));
    assert_eq!((cluster.times("a"), cluster.jobs("a").len()), (2, 2), "the job that was left was not started again");
}

#[test]
fn a_job_that_is_cancelled_from_outside_is_not_tried_again() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pipeline(&[("a", "", "retries = 2")], 60.0);
    let mut live = cluster.start_run(&[]);
    live.wait_for_log("begun");
    cluster.ask("scancel", &[&cluster.jobs("a")[0].0]);
    let ended = live.finish();
    assert_eq!(ended.code, Some(36), "{}", ended.err);
    assert!(ended.err.contains("its job was cancelled"), "{}", ended.err);
    assert_eq!(cluster.times("a"), 1);
}

#[test]
fn failures_and_timeouts_of_stages_are_those_of_local_runs() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pipeline(&[("a", "", "timeout = '1s'")], 60.0);
    let ended = cluster.start_run(&[]).finish();
    assert_eq!(ended.code, Some(33), "{}", ended.err);
    assert!(ended.err.contains("took longer than its timeout of 1 s"), "{}", ended.err);
    let failing = "name = 'p'\n[stage.a]\nuses = 'command'\noutputs = { o = 'text' }\n\
                   command = ['sh', '-c', 'echo $SECRET; echo no luck; exit 3']\nsecret_env = ['SECRET']\n";
    cluster.space.write("p.toml", failing);
    let mut command = cluster.command(&["run", "p", "--executor", "slurm", "--json"]);
    let ended = Live::start({
        command.env("SECRET", "hunter2-hunter2");
        command
    })
    .finish();
    assert_eq!(ended.code, Some(20), "{}", ended.err);
    assert!(ended.err.contains("exit code 3; the last line it printed: no luck"), "{}", ended.err);
    let log = cluster.space.succeed(&["logs", "latest", "a"]).out;
    assert!(log.contains("***") && !log.contains("hunter2"), "{log}");
}

#[test]
fn a_preempted_job_is_submitted_again() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pipeline(&[("a", "", "resources = { extra = ['--exclusive'] }")], 3.0);
    let mut live = cluster.start_run(&[]);
    live.wait_for_log("begun");
    cluster.ask("sbatch", &["--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 1"]);
    let ended = live.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let states: Vec<String> = cluster.jobs("a").into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["PREEMPTED", "COMPLETED"]);
    assert_eq!(cluster.record("a")["provenance"]["attempts"], 2);
}

#[test]
fn a_job_whose_node_fails_is_submitted_again() {
    let Some(cluster) = Cluster::start() else { return };
    let node = cluster.ask("sinfo", &["--noheader", "--format=%n"]).trim().to_owned();
    let set = |state: &str| {
        cluster.ask("scontrol", &["update", &format!("NodeName={node}"), &format!("State={state}"), "Reason=test"]);
    };
    cluster.pipeline(&[("a", "", "")], 2.0);
    let mut live = cluster.start_run(&[]);
    live.wait_for_log("begun");
    set("DOWN");
    // A node that is only down takes jobs again when its daemon registers; one that is drained does not.
    set("DRAIN");
    live.wait_for_log("the node of its job failed; trying again");
    live.wait_for_log("waits in the queue: ");
    set("RESUME");
    let ended = live.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let states: Vec<String> = cluster.jobs("a").into_iter().map(|(_, state)| state).collect();
    assert_eq!((states[0].as_str(), states.len()), ("NODE_FAIL", 2));
}

#[test]
fn results_count_while_daemons_of_the_cluster_are_away() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pipeline(&[("a", "", ""), ("b", "a", "")], 1.0);
    let mut live = cluster.start_run(&[]);
    live.wait_for_log("begun");
    cluster.script(&["kill", "slurmctld"]);
    cluster.script(&["kill", "slurmd"]);
    live.wait_until("a was not done", |event| event["stage"] == "a" && event["status"] == "done");
    cluster.script(&["restart", "slurmctld"]);
    cluster.script(&["restart", "slurmd"]);
    let ended = live.finish();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!((cluster.times("a"), cluster.times("b")), (1, 1));
}

#[test]
fn a_job_that_the_cluster_cannot_run_is_refused() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.pipeline(&[("a", "", "resources = { memory = '900T' }")], 0.0);
    let ended = cluster.start_run(&[]).finish();
    assert_eq!(ended.code, Some(46), "{}", ended.err);
    assert!(ended.err.contains("Memory specification can not be satisfied"), "{}", ended.err);
    cluster.pipeline(&[("a", "", "resources = { partition = 'none' }")], 0.0);
    let ended = cluster.start_run(&[]).finish();
    assert!(ended.err.contains("invalid partition specified: none"), "{}", ended.err);
    eprintln!("memory limits of running jobs are not tested: the cluster has no control groups");
}

#[test]
fn no_more_jobs_are_in_the_queue_than_may_be() {
    let Some(cluster) = Cluster::start() else { return };
    // Long enough for `squeue` to be asked while one runs, also on a busy machine.
    cluster.pipeline(&[("a", "", ""), ("b", "", ""), ("c", "", "")], 3.0);
    let mut live = cluster.start_run(&["-j", "1"]);
    live.wait_for_log("begun");
    let queued = cluster.ask("squeue", &["--noheader", "--states=pending,running", "--format=%j"]);
    assert_eq!(queued.lines().count(), 1, "{queued}");
    assert_eq!(live.finish().code, Some(0));
    let live = cluster.start_run(&["--force"]);
    wait_until("all three are in the queue", || {
        cluster.ask("squeue", &["--noheader", "--states=pending,running", "--format=%j"]).lines().count() == 3
    });
    assert_eq!(live.finish().code, Some(0));
}

#[test]
fn the_time_limit_of_a_job_is_told_apart() {
    if soak::long().is_none() {
        return eprintln!("skipped: the shortest time limit is a minute; PIPE_SOAK=1 waits for it");
    }
    let Some(cluster) = Cluster::start() else { return };
    cluster.pipeline(&[("a", "", "resources = { time = '1m' }")], 300.0);
    let ended = cluster.start_run(&[]).finish();
    assert_eq!(ended.code, Some(33), "{}", ended.err);
    assert!(ended.err.contains("its job reached its time limit"), "{}", ended.err);
}

#[test]
fn without_slurm_it_is_said_before_anything_runs() {
    let space = Space::new();
    let text = "name = 'p'\n[stage.a]\nuses = 'command'\noutputs = { o = 'text' }\ncommand = ['sh', '-c', 'true']\n";
    space.write("p.toml", text);
    for command in ["plan", "run"] {
        let output = space.command(&[command, "p", "--executor", "slurm"]).env("PATH", "/nowhere").output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(14), "{err}");
        assert!(
            err.contains("a: it asks for the executor slurm, and sbatch, squeue, scancel cannot be found"),
            "{err}"
        );
    }
}

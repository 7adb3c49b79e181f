//! What every executor must keep. A new executor calls [`run`] from a test.

use crate::key::StageName;
use crate::run::executor::log::StageLog;
use crate::run::executor::outcome::outcome;
use crate::run::executor::spec::{LaunchProgram, LaunchResources, LaunchSpec};
use crate::run::executor::{EndState, Executor, Job, JobEnd};
use contract::Event;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than anything here lasts; what goes on after it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the whole suite.
pub(crate) fn run(executor: &dyn Executor) {
    success_and_what_was_printed(executor);
    failures(executor);
    a_timeout_ends_it(executor);
    stopping_ends_it(executor);
    output_waits_for_whoever_takes_it(executor);
    attaching(executor);
}

struct Attempt {
    launch: LaunchSpec,
    log: StageLog,
    _folder: tempfile::TempDir,
}

fn attempt(script: &str, timeout: Option<Duration>) -> Attempt {
    let folder = tempfile::tempdir().unwrap();
    // The log, which grows, is beside it.
    let output = folder.path().join("output");
    std::fs::create_dir(&output).unwrap();
    let launch = LaunchSpec {
        id: format!("suite/{}", folder.path().display()),
        stage: StageName::new("a"),
        program: LaunchProgram::Command { arguments: ["sh", "-c", script].map(str::to_owned).to_vec() },
        folder: folder.path().to_owned(),
        inputs: Vec::new(),
        outputs: std::iter::once(("o".to_owned(), output)).collect(),
        checkpoint: None,
        environment: std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect(),
        secrets: Vec::new(),
        resources: LaunchResources { threads: 1, ..LaunchResources::default() },
        timeout,
        log: folder.path().join("a.log"),
    };
    let log = StageLog::open(&launch.log, &[]).unwrap();
    Attempt { launch, log, _folder: folder }
}

fn watch(job: &dyn Job, attempt: &Attempt) -> (JobEnd, Vec<Event>) {
    let mut events = Vec::new();
    let begun = Instant::now();
    let end = job.events(&attempt.log, &mut |event| {
        events.push(event);
        None
    });
    assert!(begun.elapsed() < LIMIT);
    (end.unwrap(), events)
}

fn execute(executor: &dyn Executor, attempt: &Attempt) -> (JobEnd, Vec<Event>) {
    watch(&*executor.submit(&attempt.launch).unwrap(), attempt)
}

fn success_and_what_was_printed(executor: &dyn Executor) {
    let attempt = attempt("echo one; echo two; echo hidden >&2; echo x > output/made", None);
    let (end, events) = execute(executor, &attempt);
    let lines = ["one", "two"].map(|line| Event::Log { message: line.to_owned() });
    assert_eq!((end.state, events), (EndState::Exited(0), lines.to_vec()));
    assert!(attempt.launch.folder.join("output/made").exists());
    let log = std::fs::read_to_string(&attempt.launch.log).unwrap();
    assert!(log.contains("one\n") && log.contains("hidden\n"), "{log}");
    outcome(&attempt.launch, &attempt.log, end).unwrap();
}

fn failures(executor: &dyn Executor) {
    let cases = [
        ("exit 3", EndState::Exited(3), 20),
        ("kill -TERM $$", EndState::Signalled(15), 31),
        ("kill -KILL $$", EndState::Signalled(9), 31),
    ];
    for (script, state, code) in cases {
        let attempt = attempt(script, None);
        let (end, _) = execute(executor, &attempt);
        assert_eq!(end.state, state, "{script}");
        assert_eq!(outcome(&attempt.launch, &attempt.log, end).unwrap_err().exit_code(), code, "{script}");
    }
}

fn a_timeout_ends_it(executor: &dyn Executor) {
    let attempt = attempt("trap '' TERM INT HUP; sleep 300", Some(Duration::from_millis(200)));
    assert_eq!(execute(executor, &attempt).0.state, EndState::TimedOut);
}

fn stopping_ends_it(executor: &dyn Executor) {
    let attempt = attempt("echo begun; sleep 300 & sleep 300", None);
    let before = executor.submit(&attempt.launch).unwrap();
    before.stop();
    before.stop();
    assert_eq!(watch(&*before, &attempt).0.state, EndState::Stopped);
    let job: Arc<dyn Job> = executor.submit(&attempt.launch).unwrap();
    let other = Arc::clone(&job);
    let end = job.events(&attempt.log, &mut |_| {
        other.stop();
        None
    });
    assert_eq!(end.unwrap().state, EndState::Stopped);
}

fn output_waits_for_whoever_takes_it(executor: &dyn Executor) {
    let attempt = attempt("seq 1 2000", None);
    let (mut taken, mut refusals) = (Vec::new(), 0);
    let end = executor.submit(&attempt.launch).unwrap().events(&attempt.log, &mut |event| {
        if refusals < 50 {
            refusals += 1;
            return Some(event);
        }
        taken.push(event);
        None
    });
    assert_eq!(end.unwrap().state, EndState::Exited(0));
    let lines: Vec<Event> = (1..=2000).map(|number| Event::Log { message: number.to_string() }).collect();
    assert_eq!(taken, lines);
}

/// The job is dropped without its end being waited for, as it is when the runner dies.
fn attaching(executor: &dyn Executor) {
    let attempt = attempt("sleep 0.2; echo x", None);
    let job = executor.submit(&attempt.launch).unwrap();
    let id = executor.id(&attempt.launch);
    assert_eq!(id.is_some(), executor.outlives_runner());
    drop(job);
    let id = id.unwrap_or_else(|| "none".to_owned());
    match executor.attach(&attempt.launch, &id).unwrap() {
        Some(job) => assert_eq!(watch(&*job, &attempt).0.state, EndState::Exited(0)),
        None => assert!(!executor.outlives_runner()),
    }
    assert!(executor.attach(&attempt.launch, "unknown").unwrap().is_none());
}

/// Executors of one process take turns: the local one ends what its own attempts have left, which it cannot tell from what another
/// test has started.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that cargo has built beside the tests; none where only the library was built.
pub(crate) fn program(name: &str) -> Option<std::path::PathBuf> {
    let test = std::env::current_exe().ok()?;
    let path = test.parent().and_then(Path::parent)?.join(name);
    path.is_file().then_some(path)
}

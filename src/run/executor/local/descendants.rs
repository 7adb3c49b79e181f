//! Processes that others have started: how they are found, and ended.

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often one looks for more processes, which may start others meanwhile, before one gives up for now.
const ROUNDS: usize = 1000;

/// Ends all that was started beneath this process, and what that starts meanwhile.
pub(super) fn end_descendants() {
    end(|| beneath(getpid()).into_iter().filter(|process| !has_ended(*process)).collect());
}

/// Ends all processes of an attempt: those with its name in their environment, and all beneath them and beneath `root`.
pub(super) fn end_attempt(root: Pid, mark: &str) {
    end(|| of_attempt(root, mark));
}

/// Ends the children of this process that it has not started itself, with all beneath them: they were started by
/// processes of stages, and nobody waits for them any more.
pub(super) fn end_orphans(is_own: &dyn Fn(Pid) -> bool) {
    let me = getpid();
    let orphans = || children(me).into_iter().filter(|child| !is_own(*child)).collect::<Vec<_>>();
    end(|| {
        let found = orphans();
        let beneath = found.iter().flat_map(|orphan| beneath(*orphan));
        beneath.chain(found.iter().copied()).filter(|process| !has_ended(*process)).collect()
    });
    for orphan in orphans() {
        waitpid(Some(orphan), WaitOptions::NOHANG).ok();
    }
}

/// The processes that hold a lock on a file or folder, this one left out.
pub(super) fn lock_holders(device: u64, inode: u64) -> Vec<Pid> {
    use std::os::unix::fs::MetadataExt as _;
    let holds = |process: &Pid| {
        let folder = format!("/proc/{}", process.as_raw_pid());
        let open = std::fs::read_dir(format!("{folder}/fd")).into_iter().flatten().flatten();
        open.filter(|file| {
            std::fs::metadata(file.path()).is_ok_and(|status| status.dev() == device && status.ino() == inode)
        })
        .any(|file| {
            let about = std::fs::read_to_string(format!("{folder}/fdinfo/{}", file.file_name().display()));
            about.is_ok_and(|about| about.contains("FLOCK"))
        })
    };
    all().into_iter().filter(|process| *process != getpid() && holds(process)).collect()
}

/// Ends processes by killing them until none is found any more.
fn end(running: impl Fn() -> Vec<Pid>) {
    for _ in 0..ROUNDS {
        let running = running();
        if running.is_empty() {
            return;
        }
        for process in running {
            kill_process(process, Signal::KILL).ok();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn of_attempt(root: Pid, mark: &str) -> Vec<Pid> {
    let me = getpid();
    let processes: Vec<(Pid, Status)> =
        all().into_iter().filter_map(|process| Some((process, status(process)?))).collect();
    let mut members: BTreeSet<i32> = processes
        .iter()
        .filter(|(process, _)| *process != me && (*process == root || is_marked(*process, mark)))
        .map(|(process, _)| process.as_raw_pid())
        .collect();
    // A process may come before its parent in the list.
    loop {
        let before = members.len();
        let beneath = processes.iter().filter(|(_, status)| members.contains(&status.parent));
        let beneath: Vec<i32> = beneath.map(|(process, _)| process.as_raw_pid()).collect();
        members.extend(beneath);
        if members.len() == before {
            break;
        }
    }
    let running = processes
        .into_iter()
        .filter(|(process, status)| *process != me && !status.has_ended && members.contains(&process.as_raw_pid()));
    running.map(|(process, _)| process).collect()
}

fn is_marked(process: Pid, mark: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{}/environ", process.as_raw_pid())).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

fn all() -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// All that a process has started, and what that has started.
pub(super) fn beneath(of: Pid) -> Vec<Pid> {
    let mut found = vec![of];
    let mut next = 0;
    while next < found.len() {
        found.extend(children(found[next]));
        next += 1;
    }
    found.split_off(1)
}

fn children(of: Pid) -> Vec<Pid> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", of.as_raw_pid())).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let children: String = children.collect();
    children.split_whitespace().filter_map(|number| Pid::from_raw(number.parse().ok()?)).collect()
}

struct Status {
    parent: i32,
    /// Whether it has ended and waits for its parent to notice.
    has_ended: bool,
}

fn status(process: Pid) -> Option<Status> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid())).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let has_ended = matches!(fields.next()?, "Z" | "X");
    Some(Status { parent: fields.next()?.parse().ok()?, has_ended })
}

fn has_ended(process: Pid) -> bool {
    status(process).is_none_or(|status| status.has_ended)
}

//! Memory of processes: the most that one has had, and whether the system ended some that was out of it.

use rustix::process::Pid;
use std::path::PathBuf;

/// The most memory that a process has had so far, in bytes, where the system reports it.
pub(super) fn peak(process: Pid) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_pid())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// How many processes the system has ended since it was out of memory: on the whole machine, and in our control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfMemoryKills(u64);

impl OutOfMemoryKills {
    /// The number up to now; it never changes where the system does not report it.
    pub(super) fn so_far() -> Self {
        let machine = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
        let group = group_files().iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect::<String>();
        Self(count(&machine) + count(&group))
    }
}

fn count(text: &str) -> u64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix("oom_kill "));
    lines.filter_map(|number| number.trim().parse::<u64>().ok()).sum()
}

/// The files in which versions 1 and 2 of control groups count.
fn group_files() -> Vec<PathBuf> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    groups
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
            match controllers {
                "" => Some(PathBuf::from("/sys/fs/cgroup").join(path).join("memory.events")),
                "memory" => Some(PathBuf::from("/sys/fs/cgroup/memory").join(path).join("memory.oom_control")),
                _ => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_from_the_line_that_has_them() {
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3);
        assert_eq!(count("nr_free_pages 1\noom_kill 12\n"), 12);
        assert_eq!(count(""), 0);
    }
}

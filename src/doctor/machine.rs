//! The machine: what stages can share, and how many files a process may have open.

use crate::doctor::finding::Finding;
use crate::machine::Machine;
use crate::terminal::size;
use rustix::process::{Resource, getrlimit};

/// The findings of this machine.
pub(super) fn examine() -> [Finding; 2] {
    let Machine { host, threads, memory, gpus } = Machine::look();
    let found = format!("{threads} threads, {} memory, {} GPUs", size(memory), gpus.len());
    let machine = Finding::fine("machine", found)
        .with("host", host)
        .with("threads", threads)
        .with("memory", memory)
        .with("gpus", gpus);
    [machine, open_files(getrlimit(Resource::Nofile).current)]
}

/// The limit of open files; none is no limit.
fn open_files(limit: Option<u64>) -> Finding {
    const LEAST: u64 = 1024;
    let Some(limit) = limit else { return Finding::fine("open files", "no limit") };
    let found = format!("at most {limit} for a process");
    let finding = if limit < LEAST {
        Finding::warning("open files", found, format!("raise it with `ulimit -n {LEAST}` before running"))
    } else {
        Finding::fine("open files", found)
    };
    finding.with("limit", limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn few_open_files_are_a_warning() {
        assert_eq!(open_files(Some(256)).level, Level::Warning);
        assert_eq!(open_files(Some(1024)).level, Level::Fine);
        assert_eq!(open_files(None).level, Level::Fine);
    }
}

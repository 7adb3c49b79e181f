//! The executor that runs attempts as processes of this machine, which end with the runner.
//!
//! A worker ends by itself when its standard input closes. A command is started by a supervisor (`pipe supervise`), which
//! ends it, and all that it has started, when its own input closes. This process is the parent of all processes whose own
//! parent has died, so that none escapes: not one that has left its session and killed its supervisor.

pub(super) mod checkpoint;
mod descendants;
mod job;
mod lines;
mod memory;
mod process;
mod supervise;

pub use supervise::{Supervised, supervise};

use crate::error::Result;
use crate::run::executor::spec::LaunchSpec;
use crate::run::executor::{Executor, Job};
use job::LocalJob;
use process::Children;
use rustix::process::{getpid, set_child_subreaper};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The executor.
#[derive(Debug)]
pub(crate) struct Local {
    supervisor: PathBuf,
    children: Children,
}

impl Local {
    /// An executor that starts commands by this supervisor.
    pub(crate) fn new(supervisor: &Path) -> Self {
        // Where the system has no such thing, processes are found by their environment alone.
        let children = Children::join(|| {
            set_child_subreaper(Some(getpid())).ok();
        });
        Self { supervisor: supervisor.to_owned(), children }
    }
}

impl Executor for Local {
    fn id(&self, _launch: &LaunchSpec) -> Option<String> {
        None
    }

    fn submit(&self, launch: &LaunchSpec) -> Result<Arc<dyn Job>> {
        Ok(Arc::new(LocalJob::start(launch, &self.supervisor, &self.children)?))
    }

    fn attach(&self, _launch: &LaunchSpec, _id: &str) -> Result<Option<Arc<dyn Job>>> {
        Ok(None)
    }

    fn is_free(&self, checkpoint: &Path) -> bool {
        checkpoint::is_free(checkpoint)
    }

    fn outlives_runner(&self) -> bool {
        false
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.children.leave(|own| {
            descendants::end_orphans(&|process| own.contains(process));
            set_child_subreaper(None).ok();
        });
    }
}

#[cfg(test)]
#[allow(clippy::print_stderr, reason = "a test says why it skips")]
mod tests {
    use super::*;
    use crate::run::executor::suite;

    #[test]
    fn keeps_what_every_executor_must_keep() {
        match suite::program("pipe") {
            Some(supervisor) => {
                let _turn = suite::turn();
                suite::run(&Local::new(&supervisor));
            }
            None => eprintln!("skipped: pipe is not built beside the tests"),
        }
    }
}

//! Which executor runs a stage. A new executor is a module beside this one, a kind, and a line here.

use crate::error::Result;
use crate::pipeline::{ExecutorKind, SlurmEntry};
use crate::run::executor::Executor;
use crate::run::executor::local::Local;
use crate::run::executor::slurm::Slurm;
use std::cell::OnceCell;
use std::path::Path;

/// The executors of a run. One is made when the first stage needs it.
pub(crate) struct Executors<'a> {
    program: &'a Path,
    slurm_entry: &'a SlurmEntry,
    local: OnceCell<Local>,
    slurm: OnceCell<Slurm>,
}

impl<'a> Executors<'a> {
    /// The executors. `program` is this program, which supervises commands and runs attempts on nodes.
    pub(crate) fn new(program: &'a Path, slurm: &'a SlurmEntry) -> Self {
        Self { program, slurm_entry: slurm, local: OnceCell::new(), slurm: OnceCell::new() }
    }

    /// The executor of that kind.
    ///
    /// # Errors
    /// When this machine lacks what it needs.
    pub(crate) fn get(&self, kind: ExecutorKind) -> Result<&dyn Executor> {
        Ok(match kind {
            ExecutorKind::Local => self.local.get_or_init(|| Local::new(self.program)),
            ExecutorKind::Slurm => self.slurm.get_or_init(|| Slurm::new(self.program, self.slurm_entry)),
        })
    }
}

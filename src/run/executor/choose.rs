//! Which executor runs a stage. A new executor is a module beside this one and a line here.

use crate::run::executor::Executor;
use crate::run::executor::local::Local;
use std::path::Path;

/// The executor of a run. `supervisor` is this program, which supervises the processes of commands.
pub(crate) fn executor(supervisor: &Path) -> Box<dyn Executor> {
    Box::new(Local::new(supervisor))
}

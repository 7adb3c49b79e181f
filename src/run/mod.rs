//! Running what a plan says: the dispatcher decides, executors each run one stage in a process of its own.

mod attempts;
mod dispatcher;
mod hold;
mod interrupt;
mod journal;
mod json;
mod launch;
mod leash;
mod lines;
mod memory;
mod observer;
mod order;
mod process;
mod queue;
mod redact;
mod slots;

pub use dispatcher::{Settings, Summary, run};
pub use interrupt::Interrupt;
pub use json::Json;
pub use leash::leash;
pub use observer::{Ending, Observer};
pub(crate) use slots::Claim;

//! Running what a plan says: the dispatcher decides, executors each run one stage in a process of its own.

mod dispatcher;
mod executor;
mod interrupt;
mod machine;
mod record;
mod slots;

pub use dispatcher::{Settings, Summary, run};
pub use interrupt::Interrupt;
pub use machine::Machine;

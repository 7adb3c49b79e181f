//! The machine: its CPUs, memory and GPUs, and the class of hardware that results are compared by.

pub(crate) mod gpus;
mod hardware;
mod limits;

pub use hardware::Hardware;
pub use limits::Machine;

//! The machine: its CPUs, memory and GPUs, and the class of hardware that results are compared by.

pub(crate) mod gpus;
mod hardware;
mod limits;
mod programs;

pub use hardware::Hardware;
pub use limits::Machine;
pub(crate) use programs::has_program;

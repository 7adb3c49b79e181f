//! Running what a plan says: the dispatcher decides, and an executor runs each attempt at a stage.

mod attempts;
mod checks;
mod dispatcher;
mod executor;
mod interrupt;
mod journal;
mod json;
mod launch;
mod observer;
mod pace;
mod queue;
mod request;
mod settings;
mod slots;
mod starting;
mod submitted;

pub use dispatcher::{Summary, run};
pub use executor::local::{Supervised, supervise};
pub(crate) use executor::slurm::missing_programs;
pub use executor::slurm::{NodeArguments, run_on_node};
pub use interrupt::Interrupt;
pub use json::Json;
pub use observer::{Ending, Observer};
pub use pace::{Pace, pause};
pub use settings::Settings;
pub(crate) use slots::Claim;

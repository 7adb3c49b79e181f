//! A pipeline as its author wrote it: found, read and checked for form, with the place of everything remembered.

mod compare_parse;
mod discover;
mod executor;
mod executor_parse;
mod layer;
mod load;
mod locate;
mod model;
mod number;
mod overrides;
mod parse;
mod paths;
mod remote_parse;
mod search;
mod sweep;
mod sweep_parse;
mod values;

pub use discover::{Discovered, discover};
pub use executor::{ExecutorKind, JobResources, SlurmEntry};
pub use load::{load, profiles};
pub use locate::{Located, locate, project};
pub use model::{CommandEntry, Compare, Pipeline, RemoteEntry, RemoteMode, Resources, Setting, StageEntry};
pub use number::Number;
pub(crate) use overrides::{set, unsigned};
pub(crate) use parse::COMMAND;
pub use parse::{KEYS, parse};
pub use paths::{resolve, variables};
pub use search::{Better, Search};
pub use sweep::{Assignment, Axis, Choice, PointEntry, Sweep};
pub use values::bytes;
pub(crate) use values::{too_long, value_of_argument};

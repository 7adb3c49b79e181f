//! What a stage is: its ports, its parameters, how it runs and how it fails.
//!
//! A stage is a pure function from typed input artifacts and parameters to output folders. It knows nothing of the
//! store, of keys or of other stages. The runner plans and runs stages without knowing what they compute; what it asks
//! of the worker beyond that is in [`questions`]. This crate is all that runner and stages share.

mod agreement;
mod artifact;
mod context;
mod describe;
mod failure;
mod port;
mod protocol;
pub mod questions;
mod stage;

pub use agreement::{Agreement, Relation};
pub use artifact::{ArtifactSchema, FieldSchema};
pub use context::{Context, Progress};
pub use describe::{Description, describe};
pub use failure::{Failure, FailureKind, Result};
pub use port::{InputPort, Kind, OutputPort};
pub use protocol::{Event, Rank, Spec};
pub use schemars;
pub use stage::{Erased, Stage, Threads};

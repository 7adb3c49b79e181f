//! What would run, and why: the graph of a pipeline, the key of each stage, and what the store has for it.

mod agreement;
mod command;
mod graph;
mod join;
mod node;
mod origin;
mod parameter;
mod paths;
mod planner;
mod points;
mod selection;
mod template;

pub use command::CommandLine;
pub use graph::Graph;
pub use node::{Node, Program};
pub use origin::Origin;
pub use parameter::{Expected, Parameter, parameters, parameters_of};
pub use planner::{Decision, Job, Lacks, Outlook, Outputs, Planned, Planner, Reason, outputs_of};
pub use points::Point;
pub use selection::{Selection, SelectionOptions};
pub use template::{Piece, Placeholder, Template};

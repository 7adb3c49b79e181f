//! What the models share: samples, the network, training, decoding and the stage itself.

mod network;
mod report;
mod samples;
mod search;
mod stage;
mod stream;
mod train;

pub(crate) use stage::{outputs, run};

//! Records of runs and results in the forms of other programs.

pub mod mlflow;
pub mod ro_crate;
mod series;
pub mod tensorboard;

//! What a comparison of results is made of.

use crate::plan::Graph;
use crate::report::lock::Lock;
use crate::store::Store;
use std::path::PathBuf;

/// What is compared with what.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The pipeline.
    pub graph: &'a Graph,
    /// What the stages led to before.
    pub reference: &'a Lock,
    /// Where the content of that may be.
    pub store: &'a Store,
    /// Where the stages ran again.
    pub again: &'a Store,
    /// Who knows tensors and tables, where there is anyone.
    pub worker: Option<PathBuf>,
}

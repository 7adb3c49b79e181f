//! What is asked of the thread that runs one stage.

use crate::inputs::StatSnapshot;
use crate::key::{PortName, StageName};
use crate::machine::Hardware;
use crate::plan::{Job, Program};
use crate::run::executor::spec::LaunchResources;
use crate::store::{Lease, NeedsList};
use contract::{Kind, Spec};
use petgraph::graph::NodeIndex;
use std::path::PathBuf;
use std::time::Duration;

/// All that is needed to run one stage and to keep its result.
#[derive(Debug)]
pub(crate) struct ExecutionRequest {
    /// The stage.
    pub(crate) stage: NodeIndex,
    /// Its name in the pipeline.
    pub(crate) name: StageName,
    /// The pipeline, for the record.
    pub(crate) pipeline: String,
    /// What is to be made, and its key.
    pub(crate) job: Job,
    /// What does the work.
    pub(crate) program: Program,
    /// The stage's instructions, but for the folders to write to.
    pub(crate) spec: Spec,
    /// The outputs that it declares.
    pub(crate) ports: Vec<PortName>,
    /// The outputs of a user's program that the worker reads when it ends, with the kinds that they have to be.
    pub(crate) checked: Vec<(PortName, Kind)>,
    /// The folder to write in.
    pub(crate) scratch: PathBuf,
    /// The file for its log.
    pub(crate) log: PathBuf,
    /// The worker.
    pub(crate) worker: PathBuf,
    /// What it may use of the machine.
    pub(crate) resources: LaunchResources,
    /// What it reads, as it was when its digests were taken, or when the stage was about to begin.
    pub(crate) reads: Vec<StatSnapshot>,
    /// Where the run writes down what it needs.
    pub(crate) needs: Option<NeedsList>,
    /// The run, for the record.
    pub(crate) run: String,
    /// The machine's name, for the record.
    pub(crate) host: String,
    /// The class of the hardware, for the record.
    pub(crate) hardware: Hardware,
    /// How often it is tried again after a failure that may pass.
    pub(crate) retries: usize,
    /// How often it is submitted again after the cluster has ended it.
    pub(crate) resubmissions: usize,
    /// How long one attempt may take.
    pub(crate) timeout: Option<Duration>,
    /// The right to run this key, held until the result is kept.
    pub(crate) lease: Lease,
}

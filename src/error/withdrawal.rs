//! Why a cluster ended a job.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a cluster ended a job, or what became of one that wrote no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withdrawal {
    /// A job of higher priority took its place.
    Preempted,
    /// Its node failed or was taken down.
    NodeFailed,
    /// The cluster does not know it any more.
    Lost,
    /// Somebody cancelled it.
    Cancelled,
    /// It reached the time limit of the job.
    TimeLimit,
    /// It ended on its node without writing how.
    Died,
}

impl Withdrawal {
    /// Whether neither the stage nor the user is the reason, so that the attempt is submitted again.
    pub fn is_of_cluster(self) -> bool {
        matches!(self, Self::Preempted | Self::NodeFailed | Self::Lost)
    }

    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Died => 31,
            Self::TimeLimit => 33,
            Self::Preempted => 34,
            Self::NodeFailed | Self::Lost => 35,
            Self::Cancelled => 36,
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Preempted => "run again, or name a partition that is not preempted in resources.partition",
            Self::NodeFailed => "run again; sinfo --list-reasons says which nodes are down",
            Self::Lost => "run again; without accounting Slurm forgets a job after MinJobAge",
            Self::Cancelled => "run again to submit it anew",
            Self::TimeLimit => "raise resources.time or the stage's timeout, or name a partition with a higher limit",
            Self::Died => "it was killed, or its node ran out of memory: raise resources.memory",
        }
    }
}

impl fmt::Display for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preempted => "was ended by the cluster: its job was preempted",
            Self::NodeFailed => "was ended by the cluster: the node of its job failed",
            Self::Lost => "was lost: the cluster does not know its job any more, and it left no result",
            Self::Cancelled => "was ended by the cluster: its job was cancelled",
            Self::TimeLimit => "was ended by the cluster: its job reached its time limit",
            Self::Died => "ended on its node without a result",
        })
    }
}

//! Lists decoded on request by one resident process.

use super::{Lineage, Question};
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Starts a process that decodes lists with the model of a stage until its standard input closes.
///
/// The first line of the standard input is this request, each further line a [`DecodeRequest`]; each line of the standard
/// output is a [`DecodeEvent`]. Requests that wait while others are decoded are decoded together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decode {
    /// The stage that made the ranked lists.
    pub stage: Lineage,
    /// Items that were not there at training, with their codes, as [`super::Tokenize`] writes them.
    pub new_items: Option<PathBuf>,
    /// `auto`, `cpu` or `cuda`.
    pub device: String,
    /// How many threads libtorch uses.
    pub threads: usize,
    /// How many requests are decoded together at most; 1 decodes each by itself.
    pub batch: usize,
}

/// A history for which a list is to be decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecodeRequest {
    /// What the answer names.
    pub id: u64,
    /// The items, oldest first, by number.
    pub history: Vec<u32>,
    /// Items that the list must not have, besides those of the history.
    pub exclude: Vec<u32>,
    /// How many items at most.
    pub count: usize,
    /// Milliseconds from now on after which nobody waits for the answer.
    pub deadline_ms: u64,
}

/// What the process says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum DecodeEvent {
    /// The model is loaded.
    Ready,
    /// A line for people.
    Log {
        /// The line.
        message: String,
    },
    /// The list of a request.
    Decoded {
        /// The request.
        id: u64,
        /// Items with scores, best first.
        items: Vec<(u32, f32)>,
        /// How many requests were decoded with it, itself included.
        batch: usize,
    },
    /// A request whose deadline passed before its turn came.
    Expired {
        /// The request.
        id: u64,
    },
    /// A request that cannot be decoded.
    Refused {
        /// The request.
        id: u64,
        /// Why.
        failure: Failure,
    },
    /// The process cannot go on.
    Failed {
        /// Why.
        failure: Failure,
    },
}

impl Question for Decode {
    const NAME: &'static str = "decode";
    type Answer = DecodeEvent;
}

//! What the runner asks the worker: a request on the standard input, the answer on the standard output, both as JSON.

mod check;
mod compare;
mod convert;
mod decode;
mod difference;
mod doctor;
mod lineage;
mod lists;
mod merge;
mod peek;
mod recognise;
mod recommend;
mod request;
mod service;
mod tokenize;
mod write_table;

use crate::artifact::ArtifactSchema;
use crate::describe::Description;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use check::{Check, Checked};
pub use compare::{Compare, Compared, ComparedPair, Comparison, Pair, RankList};
pub use convert::{Convert, Converted};
pub use decode::{Decode, DecodeEvent, DecodeRequest};
pub use difference::{Difference, Differences, LargestDifference};
pub use doctor::{Cuda, Libraries, Libtorch};
pub use lineage::{Lineage, LineageInput};
pub use lists::{ItemRow, Lists, ListsHead, ListsRow, UserRow};
pub use merge::{Merge, Merged};
pub use peek::{Content, Peek, PeekOutput, PeekedFile, Sample, TensorSummary};
pub use recognise::{Recognise, RecognisedColumn, Recognition};
pub use recommend::{ListSource, NamedItem, Recommend, Recommended, ScoredItem, Whom};
pub use request::{PROTOCOL, Request, parse};
pub use service::Service;
pub use tokenize::{CodeSource, Tokenize, Tokenized, TokenizedItem};
pub use write_table::{TableForm, WriteTable, WrittenTable};

/// Something that the runner asks the worker.
pub trait Question: Serialize + DeserializeOwned {
    /// The subcommand of `pipe-worker`.
    const NAME: &'static str;
    /// What the worker answers.
    type Answer: Serialize + DeserializeOwned;
}

/// What `pipe-worker describe` prints. It takes no request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Described {
    /// The version of the protocol that the worker understands.
    pub protocol: u32,
    /// All stages.
    pub stages: Vec<Description>,
    /// What is in the artifacts that pass between them.
    #[serde(default)]
    pub artifacts: Vec<ArtifactSchema>,
}

#[cfg(test)]
mod tests;

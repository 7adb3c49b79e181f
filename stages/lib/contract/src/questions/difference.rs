//! By how much tensors and tables differ from those of another run, for `pipe reproduce`.

use super::Question;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Compares files of two folders number by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// One folder.
    pub a: PathBuf,
    /// The other folder.
    pub b: PathBuf,
    /// The files to compare, relative to both folders.
    pub files: Vec<PathBuf>,
}

/// The largest difference in each file that has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Differences {
    /// By file, as it was named in the request.
    pub files: BTreeMap<String, LargestDifference>,
}

/// The largest difference between two files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LargestDifference {
    /// Where it is: a tensor, a column, or a path in JSON.
    pub part: String,
    /// The largest absolute difference of two numbers; absent where something other than a number differs.
    pub difference: Option<f64>,
    /// What differs where it is not a number.
    #[serde(default)]
    pub note: Option<String>,
}

impl Question for Difference {
    const NAME: &'static str = "difference";
    type Answer = Differences;
}

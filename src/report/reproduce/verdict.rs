//! What becomes of a stage that ran again.

use crate::key::StageName;
use crate::report::reproduce::findings::Finding;
use std::collections::BTreeSet;

/// What became of a stage that ran again.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Every byte is the same.
    Same,
    /// Numbers differ by no more than the outputs allow; the largest difference.
    Within(f64),
    /// Something differs, though what entered was the same.
    Differs(Vec<Finding>),
    /// Something differs, and so does what entered it, which comes from these stages.
    Follows(BTreeSet<StageName>, Vec<Finding>),
    /// The reference was made on another class of hardware, and this many metrics are what it lets expect.
    Expected(usize),
    /// The reference was made on another class of hardware, and these metrics are not what it lets expect.
    Unexpected(Vec<String>),
    /// The reference was made on another class of hardware, and there are no metrics to compare.
    NotCompared,
}

impl Verdict {
    /// Whether the stage was not reproduced.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Differs(_) | Self::Follows(..) | Self::Unexpected(_))
    }
}

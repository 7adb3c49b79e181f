//! The numbers and names of jobs.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The number of a job: `12`, or `12_3` for element 3 of an array of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct JobId {
    /// The job, or the array.
    pub(super) job: u64,
    /// The element of an array.
    pub(super) element: Option<u32>,
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element {
            None => write!(f, "{}", self.job),
            Some(element) => write!(f, "{}_{element}", self.job),
        }
    }
}

impl FromStr for JobId {
    type Err = std::num::ParseIntError;

    /// Elements that wait together, `12_[0-9]`, are none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((job, element)) = text.split_once('_') else { return Ok(Self { job: text.parse()?, element: None }) };
        Ok(Self { job: job.parse()?, element: Some(element.parse()?) })
    }
}

/// What a job is found by whose number is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JobName {
    /// The name of the job, or of the array.
    pub(super) name: String,
    /// The element of an array.
    pub(super) element: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_shown() {
        for text in ["12", "12_0", "7_345"] {
            assert_eq!(text.parse::<JobId>().unwrap().to_string(), text);
        }
        for text in ["", "12_[0-9]", "12_", "x", "12.batch"] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }
}

//! How far a running stage is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The last step that a running stage reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageProgress {
    /// Steps done.
    pub done: u64,
    /// Steps in all; 0 when that is not known.
    pub total: u64,
    /// What a step is, and what is worth saying beside it, such as the loss.
    pub message: String,
    /// Steps a second.
    #[serde(default)]
    pub rate: Option<f64>,
    /// The seconds that are left at that rate.
    #[serde(default)]
    pub left: Option<f64>,
}

impl StageProgress {
    /// A time in its two largest units, in whole seconds.
    pub fn time(seconds: f64) -> String {
        let seconds = seconds.max(0.0).round() as u64;
        match seconds {
            0..60 => format!("{seconds} s"),
            60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
            _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

impl fmt::Display for StageProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, total, message, rate, left } = self;
        match total {
            0 => write!(f, "step {done}")?,
            total => write!(f, "step {done} of {total} ({:.0} %)", 100.0 * *done as f64 / *total as f64)?,
        }
        if !message.is_empty() {
            write!(f, ", {message}")?;
        }
        // Some stages say themselves how fast they are.
        if message.contains(" left") {
            return Ok(());
        }
        if let Some(rate) = rate {
            if *rate < 0.1 { write!(f, ", {}/step", Self::time(1.0 / rate)) } else { write!(f, ", {rate:.1}/s") }?;
        }
        if let Some(left) = left {
            write!(f, ", {} left", Self::time(*left))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let progress = |total, rate, left| StageProgress { done: 3, total, message: String::new(), rate, left };
        assert_eq!(progress(0, None, None).to_string(), "step 3");
        assert_eq!(
            progress(4, Some(0.01), Some(7300.0)).to_string(),
            "step 3 of 4 (75 %), 1 min 40 s/step, 2 h 01 min left"
        );
    }
}

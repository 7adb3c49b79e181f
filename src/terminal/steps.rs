//! How far a command that goes through the store is: a bar on a terminal, a line from time to time elsewhere.

use crate::run::{Pace, pause};
use crate::store::{StageProgress, Unit, Watch};
use crate::terminal::{print_error, size};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shows the steps of one command on standard error.
#[derive(Debug)]
pub struct Steps {
    command: &'static str,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bar: Option<ProgressBar>,
    pace: Pace,
    done: u64,
    total: u64,
    unit: Unit,
}

impl Steps {
    /// Steps of a command, such as `verify`.
    pub fn new(command: &'static str) -> Self {
        let state = State { bar: None, pace: Pace::new(Instant::now()), done: 0, total: 0, unit: Unit::Things };
        Self { command, pause: pause(), state: Mutex::new(state) }
    }
}

impl Watch for Steps {
    fn begin(&self, total: u64, unit: Unit) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.done, state.total, state.unit) = (0, total, unit);
        if std::io::stderr().is_terminal() {
            let form = if unit == Unit::Bytes {
                "{prefix} {bar:24} {binary_bytes} of {binary_total_bytes}, {eta} left"
            } else {
                "{prefix} {bar:24} {pos} of {len}, {eta} left"
            };
            let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
            state.bar = Some(ProgressBar::new(total).with_style(style).with_prefix(self.command));
        }
    }

    fn step(&self, amount: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += amount;
        if let Some(bar) = &state.bar {
            bar.set_position(state.done);
            if state.done >= state.total {
                bar.finish_and_clear();
            }
            return;
        }
        let (now, done, total) = (Instant::now(), state.done, state.total);
        state.pace.take(now, done, total, "");
        if done < total && state.pace.is_due(now, self.pause) {
            let left = state.pace.last().and_then(|progress| progress.left);
            print_error(format!("{}: {}", self.command, text(done, total, state.unit, left)));
        }
    }
}

fn text(done: u64, total: u64, unit: Unit, left: Option<f64>) -> String {
    let percent = 100.0 * done as f64 / total.max(1) as f64;
    let amount = match unit {
        Unit::Bytes => format!("{} of {}", size(done), size(total)),
        Unit::Things => format!("{done} of {total}"),
    };
    let left = left.map(|left| format!(", {} left", StageProgress::time(left))).unwrap_or_default();
    format!("{amount} ({percent:.0} %){left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_their_units() {
        assert_eq!(text(1 << 20, 4 << 20, Unit::Bytes, Some(90.0)), "1.00 MiB of 4.00 MiB (25 %), 1 min 30 s left");
        assert_eq!(text(3, 4, Unit::Things, None), "3 of 4 (75 %)");
    }
}

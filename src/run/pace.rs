//! How fast a stage goes and how long it still takes, from the steps that it reports.

use crate::store::StageProgress;
use std::time::{Duration, Instant};

/// How often progress is reported where nobody draws bars, unless [`VARIABLE`] says otherwise.
const PAUSE: Duration = Duration::from_secs(30);

/// The variable that says how many seconds lie between two lines of progress.
const VARIABLE: &str = "PIPE_PROGRESS";

/// The pause between two lines of progress: 30 s, or what `PIPE_PROGRESS` says.
pub fn pause() -> Duration {
    let set = std::env::var(VARIABLE).ok().and_then(|text| text.parse::<f64>().ok());
    set.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(PAUSE)
}

/// The progress of one stage that runs.
#[derive(Clone, Debug)]
pub struct Pace {
    /// When something was reported of it last.
    last_report: Instant,
    began: Instant,
    /// Where the count that goes on was first seen, by which the rate is measured.
    first: Option<(Instant, u64)>,
    last: Option<StageProgress>,
}

impl Pace {
    /// A stage that begins now.
    pub fn new(now: Instant) -> Self {
        Self { last_report: now, began: now, first: None, last: None }
    }

    /// Takes a step of `total`, 0 where that is unknown.
    pub fn take(&mut self, now: Instant, done: u64, total: u64, message: &str) {
        let goes_on = self.last.as_ref().is_some_and(|last| last.total == total && last.done <= done);
        let (since, from) = *self.first.get_or_insert((now, done));
        if !goes_on {
            self.first = Some((now, done));
        }
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        let steps = done.saturating_sub(from) as f64;
        let rate = (goes_on && seconds > 0.0 && steps > 0.0).then(|| steps / seconds);
        let left = rate.filter(|_| total > 0).map(|rate| total.saturating_sub(done) as f64 / rate);
        self.last = Some(StageProgress { done, total, message: message.to_owned(), rate, left });
    }

    /// Whether nothing was reported of the stage for `pause`. Then something is reported of it now.
    pub fn is_due(&mut self, now: Instant, pause: Duration) -> bool {
        let is_due = now.saturating_duration_since(self.last_report) >= pause;
        if is_due {
            self.last_report = now;
        }
        is_due
    }

    /// The last step.
    pub fn last(&self) -> Option<&StageProgress> {
        self.last.as_ref()
    }

    /// What is to be reported: the last step, or for how long a stage runs that reports none.
    pub fn text(&self, now: Instant) -> String {
        match &self.last {
            Some(progress) => progress.to_string(),
            None => {
                let seconds = now.saturating_duration_since(self.began).as_secs_f64();
                format!("running for {}", StageProgress::time(seconds))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_since_the_count_began() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(start);
        assert_eq!(pace.text(at(90)), "running for 1 min 30 s");
        pace.take(at(100), 10, 100, "loss 2.0");
        assert_eq!(pace.text(at(100)), "step 10 of 100 (10 %), loss 2.0");
        pace.take(at(110), 30, 100, "loss 1.5");
        assert_eq!(pace.text(at(110)), "step 30 of 100 (30 %), loss 1.5, 2.0/s, 35 s left");
        pace.take(at(120), 5, 50, "second part");
        assert_eq!(pace.last().unwrap().rate, None, "another count begins");
        pace.take(at(130), 6, 50, "second part");
        assert_eq!(pace.last().unwrap().rate, Some(0.1));
    }

    #[test]
    fn progress_is_reported_once_in_a_pause() {
        let start = Instant::now();
        let pause = Duration::from_secs(30);
        let mut pace = Pace::new(start);
        let reported = [10, 29, 30, 31, 59, 60].map(|seconds| pace.is_due(start + Duration::from_secs(seconds), pause));
        assert_eq!(reported, [false, false, true, false, false, true]);
    }
}

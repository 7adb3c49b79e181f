//! Learning rates over the steps of a training.

use std::f64::consts::PI;

/// A linear warm-up to the peak and half a cosine from there to zero.
#[derive(Clone, Copy, Debug)]
pub struct CosineSchedule {
    /// The highest rate.
    pub peak: f64,
    /// Steps of the warm-up.
    pub warmup: u64,
    /// Steps in all.
    pub total: u64,
}

impl CosineSchedule {
    /// A schedule whose warm-up takes that ratio of the steps, rounded up.
    #[must_use]
    pub fn new(peak: f64, warmup_ratio: f64, total: u64) -> Self {
        Self { peak, warmup: (warmup_ratio * total as f64).ceil() as u64, total }
    }

    /// The rate of a step, counted from 0.
    #[must_use]
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let rest = self.total.saturating_sub(self.warmup).max(1);
        let progress = ((step - self.warmup) as f64 / rest as f64).min(1.0);
        self.peak * 0.5 * (1.0 + (PI * progress).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_the_peak_and_falls_to_nothing() {
        let schedule = CosineSchedule::new(2.0, 0.1, 100);
        assert!((schedule.rate(0) - 0.2).abs() < 1e-12);
        assert!((schedule.rate(9) - 2.0).abs() < 1e-12);
        assert!((schedule.rate(10) - 2.0).abs() < 1e-12);
        assert!((schedule.rate(55) - 1.0).abs() < 1e-12);
        assert!(schedule.rate(99) < 0.001);
        assert!(schedule.rate(1000).abs() < 1e-12);
    }
}

//! A histogram without a lock: a thread that is paused while it counts makes no other wait.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many parts of one the sum is kept in.
const PARTS: f64 = 1e9;

/// Counts of values up to each of some bounds. Copies count together.
#[derive(Clone, Debug)]
pub(crate) struct Histogram(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    /// Ascending; the last one is the largest number.
    bounds: Vec<f64>,
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

impl Histogram {
    /// With these bounds, ascending, and one that all values are below.
    pub(crate) fn new(bounds: impl Iterator<Item = f64>) -> Self {
        let bounds: Vec<f64> = bounds.chain([f64::MAX]).collect();
        let counts = bounds.iter().map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts { bounds, counts, sum: AtomicU64::new(0) }))
    }

    /// Counts a value, which is not negative.
    pub(crate) fn observe(&self, value: f64) {
        let Counts { bounds, counts, sum } = &*self.0;
        let place = bounds.partition_point(|bound| *bound < value).min(counts.len() - 1);
        counts[place].fetch_add(1, Ordering::Relaxed);
        sum.fetch_add((value * PARTS) as u64, Ordering::Relaxed);
    }

    /// The sum of the values, their number, and the number of those between each bound and the one before.
    fn read(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let Counts { bounds, counts, sum } = &*self.0;
        let counts: Vec<u64> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let buckets = bounds.iter().copied().zip(counts.iter().copied()).collect();
        (sum.load(Ordering::Relaxed) as f64 / PARTS, counts.iter().sum(), buckets)
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (sum, count, buckets) = self.read();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_below_the_next_bound() {
        let histogram = Histogram::new([1.0, 2.0].into_iter());
        [0.5, 1.0, 1.5, 7.0].into_iter().for_each(|value| histogram.clone().observe(value));
        assert_eq!(histogram.read(), (10.0, 4, vec![(1.0, 2), (2.0, 1), (f64::MAX, 1)]));
    }
}

//! Bootstrap intervals over users (Efron 1979), by percentiles.
//!
//! What is measured of a user takes few distinct values. So instead of drawing users one by one, it is drawn how many of
//! them come from each group of equals: the same distribution, exactly, at a cost that does not grow with the users.

use crate::binomial::Binomial;
use rand::Rng;

/// Ratios of the resamples below and above a 95 % interval.
const TAILS: [f64; 2] = [0.025, 0.975];

/// Groups of users of whom one value or one list of values holds.
#[derive(Debug)]
pub(crate) struct Groups<'a> {
    /// `[groups]` how many users.
    pub(crate) counts: &'a [u64],
    /// `[measures][groups]` the value of each measure.
    pub(crate) values: &'a [Vec<f64>],
}

impl Groups<'_> {
    /// `[measures]` the mean over users, who are as many as given for each group.
    pub(crate) fn means(&self, counts: &[u64]) -> Vec<f64> {
        let users = counts.iter().sum::<u64>() as f64;
        // A sum of nothing is -0.0 in Rust.
        let sum = |values: &Vec<f64>| values.iter().zip(counts).fold(0.0, |sum, (value, &n)| sum + value * n as f64);
        self.values.iter().map(|values| sum(values) / users).collect()
    }

    /// `[measures]` the 95 % interval of the mean, low and high, from that many resamples (at least 1).
    pub(crate) fn intervals(&self, resamples: usize, rng: &mut impl Rng) -> Vec<[f64; 2]> {
        let binomial = Binomial::up_to(self.counts.iter().sum());
        let mut means = vec![Vec::with_capacity(resamples); self.values.len()];
        for _ in 0..resamples {
            let drawn = self.means(&binomial.resample(self.counts, rng));
            means.iter_mut().zip(drawn).for_each(|(means, mean)| means.push(mean));
        }
        let interval = |mut means: Vec<f64>| {
            means.sort_unstable_by(f64::total_cmp);
            TAILS.map(|ratio| quantile(&means, ratio))
        };
        means.into_iter().map(interval).collect()
    }
}

/// The value below which that ratio of the sorted values lies, between two of them by a straight line.
fn quantile(sorted: &[f64], ratio: f64) -> f64 {
    let place = ratio * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn intervals_are_close_to_the_normal_ones() {
        let groups = Groups { counts: &[3_000, 7_000], values: &[vec![1.0, 0.0], vec![5.0, 5.0]] };
        let intervals = groups.intervals(4_000, &mut ChaCha8Rng::seed_from_u64(1));
        let half = 1.96 * (0.3 * 0.7 / 10_000.0_f64).sqrt();
        let [low, high] = intervals[0];
        assert!((low - (0.3 - half)).abs() < 0.1 * half && (high - (0.3 + half)).abs() < 0.1 * half, "{low} {high}");
        assert_eq!(intervals[1], [5.0, 5.0]);
        assert_eq!(groups.means(groups.counts), [0.3, 5.0]);
    }

    #[test]
    fn of_20_intervals_about_19_hold_the_truth() {
        const SAMPLES: usize = 600;
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let covered = (0..SAMPLES).filter(|_| {
            let hits = (0..500).filter(|_| rng.random_bool(0.2)).count() as u64;
            let groups = Groups { counts: &[hits, 500 - hits], values: &[vec![1.0, 0.0]] };
            let [low, high] = groups.intervals(400, &mut rng)[0];
            low <= 0.2 && 0.2 <= high
        });
        let ratio = covered.count() as f64 / SAMPLES as f64;
        assert!((0.91..=0.98).contains(&ratio), "{ratio}");
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[7.0], 0.975), 7.0);
    }
}

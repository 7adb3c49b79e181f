//! The paired randomisation test (Fisher 1935).

use crate::binomial::Binomial;
use rand::Rng;
use std::collections::BTreeMap;

/// The differences of all users, equal ones counted.
#[derive(Debug)]
pub(super) struct Differences {
    /// By a number that orders as the differences do.
    counts: BTreeMap<i64, (f64, u64)>,
}

impl Differences {
    pub(super) fn of(differences: impl Iterator<Item = f64>) -> Self {
        let mut counts = BTreeMap::new();
        for difference in differences {
            // What differs by rounding only is equal: means over lists are of the order of 1.
            const STEPS: f64 = 1e12;
            counts.entry((difference * STEPS).round() as i64).or_insert((difference, 0)).1 += 1;
        }
        Self { counts }
    }

    /// How many users have which difference.
    pub(super) fn groups(&self) -> (Vec<u64>, Vec<f64>) {
        self.counts.values().map(|&(difference, count)| (count, difference)).unzip()
    }

    /// The ratio of random signs, the actual ones among them, that bring the sum at least as far from 0.
    pub(super) fn p(&self, permutations: usize, rng: &mut impl Rng) -> f64 {
        let mut sizes: BTreeMap<i64, (f64, u64)> = BTreeMap::new();
        for (key, (difference, count)) in self.counts.iter().filter(|(key, _)| **key != 0) {
            sizes.entry(key.abs()).or_insert((difference.abs(), 0)).1 += count;
        }
        let binomial = Binomial::up_to(sizes.values().map(|(_, count)| *count).max().unwrap_or(0));
        let actual = self.counts.values().fold(0.0, |sum, (difference, count)| sum + difference * *count as f64).abs();
        // Sums of the same numbers in another order differ by rounding.
        let least = actual * (1.0 - 1e-12) - 1e-12;
        let as_far = (0..permutations).filter(|_| {
            // Of n users n/2 keep their sign on average: the sum of the signs is twice the number that do, less n.
            let signed =
                |(size, count): &(f64, u64)| size * (2.0 * binomial.draw(*count, 0.5, rng) as f64 - *count as f64);
            sizes.values().map(signed).sum::<f64>().abs() >= least
        });
        (1 + as_far.count()) as f64 / (1 + permutations) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    fn p(differences: &[f64]) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        Differences::of(differences.iter().copied()).p(100_000, &mut rng)
    }

    /// The same by trying all signs.
    fn exact(differences: &[f64]) -> f64 {
        let sum = |signs: u32| {
            let signed = (0..).zip(differences).map(|(at, d)| if signs >> at & 1 == 1 { -d } else { *d });
            signed.sum::<f64>().abs()
        };
        let all = 1_u32 << differences.len();
        (0..all).filter(|&signs| sum(signs) >= sum(0) - 1e-12).count() as f64 / f64::from(all)
    }

    #[test]
    fn p_is_the_ratio_among_all_signs() {
        let cases: [&[f64]; 4] = [
            &[1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 0.0, 0.0],
            &[0.5, 0.25, 0.5, -0.125, 0.75, 0.5, 0.5, 0.3, -0.3, 0.1],
            &[1.0, -1.0],
            &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
        ];
        for case in cases {
            let (found, expected) = (p(case), exact(case));
            assert!((found - expected).abs() < 0.006, "{case:?}: {found}, expected {expected}");
        }
    }

    #[test]
    fn equal_models_differ_as_rarely_as_p() {
        const TESTS: usize = 600;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let below = (0..TESTS).filter(|_| {
            let differences: Vec<f64> =
                (0..60).map(|_| f64::from(rng.random_range(0..5_u8)) - f64::from(rng.random_range(0..5_u8))).collect();
            Differences::of(differences.into_iter()).p(400, &mut rng) <= 0.1
        });
        let ratio = below.count() as f64 / TESTS as f64;
        assert!((0.06..=0.14).contains(&ratio), "{ratio}");
    }

    #[test]
    fn no_difference_gives_1() {
        assert_eq!(p(&[0.0; 9]), 1.0);
        assert_eq!(p(&[0.1 + 0.2 - 0.3, 0.0]), 1.0);
    }
}

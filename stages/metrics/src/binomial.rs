//! Binomial and multinomial draws, exact but for the rounding of 64-bit floats.

use rand::Rng;

/// Draws for up to some number of trials.
#[derive(Debug)]
pub(crate) struct Binomial {
    /// `ln n!` for each n.
    ln_factorial: Vec<f64>,
}

impl Binomial {
    /// Prepares draws of at most that many trials.
    pub(crate) fn up_to(trials: u64) -> Self {
        let mut ln_factorial = vec![0.0];
        let mut sum = 0.0;
        for n in 1..=trials {
            sum += (n as f64).ln();
            ln_factorial.push(sum);
        }
        Self { ln_factorial }
    }

    /// How many of `trials` succeed when each does with that probability.
    ///
    /// By inversion from the mode outwards, in a time of about the standard deviation.
    pub(crate) fn draw(&self, trials: u64, probability: f64, rng: &mut impl Rng) -> u64 {
        if trials == 0 || probability <= 0.0 {
            return 0;
        }
        if probability >= 1.0 {
            return trials;
        }
        let odds = probability / (1.0 - probability);
        let mode = (((trials + 1) as f64 * probability) as u64).min(trials);
        let at_mode = self.density(trials, mode, probability);
        let mut left: f64 = rng.random::<f64>() - at_mode;
        let (mut low, mut high) = ((mode, at_mode), (mode, at_mode));
        while left >= 0.0 && (low.0 > 0 || high.0 < trials) {
            if high.0 < trials {
                high.1 *= odds * (trials - high.0) as f64 / (high.0 + 1) as f64;
                high.0 += 1;
                left -= high.1;
                if left < 0.0 {
                    return high.0;
                }
            }
            if low.0 > 0 {
                low.1 *= low.0 as f64 / ((trials - low.0 + 1) as f64 * odds);
                low.0 -= 1;
                left -= low.1;
                if left < 0.0 {
                    return low.0;
                }
            }
        }
        mode
    }

    /// Draws as many times as there are things, with replacement, and counts how often each kind of thing comes;
    /// `counts` says how many things there are of each kind.
    pub(crate) fn resample(&self, counts: &[u64], rng: &mut impl Rng) -> Vec<u64> {
        let mut draws: u64 = counts.iter().sum();
        let mut things = draws;
        let of_kind = |&count: &u64| {
            // The kinds before are drawn already: this one competes with those after it only.
            let drawn = if count == things { draws } else { self.draw(draws, count as f64 / things as f64, rng) };
            draws -= drawn;
            things -= count;
            drawn
        };
        counts.iter().map(of_kind).collect()
    }

    fn density(&self, trials: u64, successes: u64, probability: f64) -> f64 {
        let ln = |n: u64| self.ln_factorial[n as usize];
        let ways = ln(trials) - ln(successes) - ln(trials - successes);
        let failures = (trials - successes) as f64;
        (ways + successes as f64 * probability.ln() + failures * (-probability).ln_1p()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn draws_have_the_probabilities_of_the_formula() {
        const DRAWS: usize = 40_000;
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for (trials, probability) in [(1, 0.3), (7, 0.5), (12, 0.04), (30, 0.9), (400, 0.5)] {
            let binomial = Binomial::up_to(trials);
            let mut counts = vec![0_usize; trials as usize + 1];
            for _ in 0..DRAWS {
                counts[binomial.draw(trials, probability, &mut rng) as usize] += 1;
            }
            for (successes, &count) in (0..).zip(&counts) {
                let density = binomial.density(trials, successes, probability);
                let std = (density * (1.0 - density) / DRAWS as f64).sqrt();
                let ratio = count as f64 / DRAWS as f64;
                let of = format!("{successes} of {trials} at {probability}: {ratio}, expected {density}");
                assert!((ratio - density).abs() <= 5.0 * std + 1.0 / DRAWS as f64, "{of}");
            }
        }
    }

    #[test]
    fn densities_are_those_counted_by_hand_and_add_up() {
        let binomial = Binomial::up_to(4);
        let halves: Vec<f64> = (0..=4).map(|n| binomial.density(4, n, 0.5) * 16.0).collect();
        for (density, ways) in halves.iter().zip([1.0, 4.0, 6.0, 4.0, 1.0]) {
            assert!((density - ways).abs() < 1e-12, "{halves:?}");
        }
        let sum: f64 = (0..=300).map(|n| Binomial::up_to(300).density(300, n, 0.07)).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }

    #[test]
    fn a_resample_keeps_the_number_of_things_and_their_ratios() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let counts = [50, 0, 900, 50];
        let binomial = Binomial::up_to(1000);
        let draws: Vec<Vec<u64>> = (0..4_000).map(|_| binomial.resample(&counts, &mut rng)).collect();
        assert!(draws.iter().all(|draw| draw.iter().sum::<u64>() == 1000 && draw[1] == 0));
        for kind in [0, 2, 3] {
            let ratio = counts[kind] as f64 / 1000.0;
            let values = || draws.iter().map(|draw| draw[kind] as f64);
            let mean = values().sum::<f64>() / draws.len() as f64;
            let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            let expected = 1000.0 * ratio * (1.0 - ratio);
            assert!((mean - 1000.0 * ratio).abs() < 5.0 * (expected / draws.len() as f64).sqrt(), "{kind}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.15, "{kind}: {variance}, expected {expected}");
        }
    }
}

//! What a step minimises: the tokens' loss and the item head's.
//!
//! With H the states at which a next item is asked for, y the code of that item and v the vectors of the item head,
//!
//! `L = token_weight · L_tokens + item_weight · mean over H of [log(exp(h·v_y) + Σ_(j ≠ y) c_j / (K q) · exp(h·v_j)) − h·v_y]`,
//!
//! where K codes are drawn evenly for each step, q = 1 / codes, and c_j is how often code j was drawn (Bengio & Senécal 2008):
//! the expected sum is that over all codes. With at least as many draws as codes the sum is over all of them.

use crate::batch::NextItems;
use contract::Result;
use decoding::ItemHead;
use nn::{Llama, failed};
use rand::Rng as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, TchError, Tensor};

/// The result of libtorch's operators.
type Torch<T> = std::result::Result<T, TchError>;

/// What is minimised, of which model.
#[derive(Debug)]
pub(crate) struct Objective<'a> {
    pub(crate) model: &'a Llama,
    pub(crate) token_weight: f64,
    /// Which part of a token's label goes to all tokens alike, in training.
    pub(crate) label_smoothing: f64,
    /// Without an item head there is none.
    pub(crate) items: Option<ItemObjective<'a>>,
}

/// The item head's part in it.
#[derive(Debug)]
pub(crate) struct ItemObjective<'a> {
    pub(crate) head: &'a ItemHead,
    pub(crate) weight: f64,
    pub(crate) negatives: Negatives,
}

/// The codes that next items are compared with.
#[derive(Debug, PartialEq)]
pub(crate) enum Negatives {
    /// All.
    All,
    /// These, ascending, each with the logarithm of how often it was drawn by how often that was to be expected.
    Drawn { codes: Vec<i64>, corrections: Vec<f32> },
}

impl<'a> Objective<'a> {
    /// The tokens' loss alone.
    #[cfg(test)]
    pub(crate) fn tokens(model: &'a Llama) -> Self {
        Self { model, token_weight: 1.0, label_smoothing: 0.0, items: None }
    }

    /// The input embeddings of tokens, in which whole codes carry their vectors.
    pub(crate) fn embed(&self, ids: &Tensor, items: &[(i64, i64)]) -> Result<Tensor> {
        match &self.items {
            Some(objective) => objective.head.embed(self.model, ids, items),
            None => self.model.embed(ids),
        }
    }
}

impl Negatives {
    /// `count` draws from the codes 0 to `codes`, for that step; all codes where they are no more.
    pub(crate) fn draw(count: usize, codes: i64, seed: u64, step: u64) -> Self {
        if count as i64 >= codes {
            return Self::All;
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // The first streams order the epochs.
        random.set_stream((1 << 32) + step);
        let mut drawn: Vec<i64> = (0..count).map(|_| random.random_range(0..codes)).collect();
        drawn.sort_unstable();
        let expected = count as f64 / codes as f64;
        let groups = drawn.chunk_by(|left, right| left == right);
        let (codes, corrections) = groups.map(|group| (group[0], (group.len() as f64 / expected).ln() as f32)).unzip();
        Self::Drawn { codes, corrections }
    }
}

impl ItemObjective<'_> {
    /// The weighted sum of the cross-entropies of next items after hidden states `[B, T, h]`.
    pub(crate) fn loss(&self, hidden: &Tensor, next: &NextItems) -> Result<Tensor> {
        let failed = || failed("compute the item head's loss");
        let device = hidden.device();
        let numbers = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        let width = hidden.size()[2];
        let rows = || hidden.f_reshape([-1, width])?.f_index_select(0, &numbers(&next.places)?)?.f_to_kind(Kind::Float);
        let rows = rows().map_err(failed())?;
        let codes = numbers(&next.codes).map_err(failed())?;
        let negative_log_p = match &self.negatives {
            Negatives::All => {
                let scores = self.head.scores(&rows)?;
                let all = || scores.f_log_softmax(-1, Kind::Float)?.f_gather(1, &codes.f_unsqueeze(1)?, false)?.f_neg();
                all().map_err(failed())?
            }
            Negatives::Drawn { codes: drawn, corrections } => {
                let positive = self.head.vectors(&codes)?;
                let negative = self.head.vectors(&numbers(drawn).map_err(failed())?)?;
                let sampled = || -> Torch<Tensor> {
                    let positive = rows.f_mul(&positive)?.f_sum_dim_intlist(1, false, None)?;
                    let corrections = Tensor::f_from_slice(corrections)?.f_to_device(device)?;
                    let scores = corrections.f_addmm(&rows, &negative.f_transpose(0, 1)?)?;
                    let all = without(scores, &accidental(&next.codes, drawn), device)?.f_logsumexp(1, false)?;
                    positive.f_logaddexp(&all)?.f_sub(&positive)
                };
                sampled().map_err(failed())?
            }
        };
        let weighted = || {
            let weights = Tensor::f_from_slice(&next.weights)?.f_to_device(device)?;
            negative_log_p.f_view(-1)?.f_dot(&weights)
        };
        weighted().map_err(failed())
    }
}

/// The terms whose own code was drawn, and where it is among those drawn.
fn accidental(codes: &[i64], drawn: &[i64]) -> Vec<(i64, i64)> {
    let of_term = |(term, code): (usize, &i64)| Some((term as i64, drawn.binary_search(code).ok()? as i64));
    codes.iter().enumerate().filter_map(of_term).collect()
}

/// The scores with those places at minus infinity.
fn without(mut scores: Tensor, places: &[(i64, i64)], device: tch::Device) -> Torch<Tensor> {
    if places.is_empty() {
        return Ok(scores);
    }
    let (rows, columns): (Vec<i64>, Vec<i64>) = places.iter().copied().unzip();
    let [rows, columns] = [rows, columns].map(|places| Tensor::f_from_slice(&places)?.f_to_device(device));
    let nothing = Tensor::f_from_slice(&[f32::NEG_INFINITY])?.f_to_device(device)?;
    scores.f_index_put_(&[Some(rows?), Some(columns?)], &nothing, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn the_corrected_sum_is_that_over_all_codes() {
        let exponential = |code: i64| ((code % 7) as f64).exp();
        let expected: f64 = (0..200).map(exponential).sum();
        let steps = 4_000;
        let mut sum = 0.0;
        for step in 0..steps {
            let Negatives::Drawn { codes, corrections } = Negatives::draw(50, 200, 3, step) else { panic!("drawn") };
            assert!(codes.is_sorted_by(|left, right| left < right));
            let terms = codes.iter().zip(corrections);
            sum += terms.map(|(&code, by)| exponential(code) * f64::from(by).exp()).sum::<f64>();
        }
        assert!((sum / steps as f64 / expected - 1.0).abs() < 0.02, "{} of {expected}", sum / steps as f64);
        assert_eq!(Negatives::draw(200, 200, 3, 1), Negatives::All);
    }

    #[test]
    fn minus_infinity_leaves_out_the_terms_own_code() {
        assert_eq!(accidental(&[5, 9, 2], &[2, 3, 9]), [(1, 2), (2, 0)]);
        let scores = without(Tensor::zeros([2, 2], (Kind::Float, Device::Cpu)), &[(1, 0)], Device::Cpu).unwrap();
        assert_eq!(Vec::<f32>::try_from(scores.view(-1)).unwrap(), [0.0, 0.0, f32::NEG_INFINITY, 0.0]);
    }
}

//! The tokens' loss in parts: of a large vocabulary never more than a few million logits are held at once.
//!
//! The loss is a sum over its terms, so the gradient of each part is taken as soon as the part is computed, and its logits go.

use crate::batching::row_multiple;
use contract::Result;
use nn::{Llama, failed};
use tch::{Device, Kind, TchError, Tensor};

/// The result of libtorch's operators.
type Torch<T> = std::result::Result<T, TchError>;

/// How many logits a part has at most, if a single row has not more: 64 MiB in f32.
const MOST_LOGITS: i64 = 1 << 24;

/// How many states have so many logits together: a multiple of those of a row, if they are that many.
pub(crate) fn states_at_once(model: &Llama) -> usize {
    let most = (MOST_LOGITS / model.tokens().max(1)) as usize;
    let multiple = row_multiple(model);
    if most < multiple { most } else { most / multiple * multiple }
}

/// What is to be predicted after R hidden states.
#[derive(Debug)]
pub(crate) struct Targets {
    parts: Vec<Part>,
}

/// The terms of some neighbouring rows.
#[derive(Debug)]
struct Part {
    first: i64,
    rows: i64,
    /// i64 `[terms]`: the row within the part times V, plus the token.
    terms: Tensor,
    /// f32 `[terms]`.
    weights: Tensor,
}

/// A term of the loss: after that row comes that token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    pub(crate) row: i64,
    pub(crate) token: i64,
    pub(crate) weight: f32,
}

impl Targets {
    /// The terms of `rows` hidden states, sorted by row, for `vocabulary` tokens, in parts of at most `at_once` states.
    pub(crate) fn new(terms: &[Term], rows: i64, vocabulary: i64, at_once: usize, device: Device) -> Torch<Self> {
        let at_once = at_once.max(1) as i64;
        let mut parts = Vec::new();
        // Without any row there is one part, and its loss is 0.
        for first in (0..rows.max(1)).step_by(at_once as usize) {
            let end = (first + at_once).min(rows);
            let bound = |row: i64| terms.partition_point(|term| term.row < row);
            let terms = &terms[bound(first)..bound(end)];
            let places: Vec<i64> = terms.iter().map(|term| (term.row - first) * vocabulary + term.token).collect();
            let weights: Vec<f32> = terms.iter().map(|term| term.weight).collect();
            parts.push(Part {
                first,
                rows: end - first,
                terms: Tensor::f_from_slice(&places)?.f_to_device(device)?,
                weights: Tensor::f_from_slice(&weights)?.f_to_device(device)?,
            });
        }
        Ok(Self { parts })
    }

    /// The weighted sum of the terms' cross-entropies over `divisor`, of hidden states `[R, h]`: a scalar. `smoothing` is the part of a
    /// label that goes to all tokens alike.
    ///
    /// With several parts, the gradients of what makes logits of states are added here; those of the states come with the
    /// backward pass of what is returned.
    pub(crate) fn loss(&self, model: &Llama, states: &Tensor, divisor: f64, smoothing: f64) -> Result<Tensor> {
        if self.parts.len() == 1 || !states.requires_grad() {
            let mut sum = Tensor::from(0.0f32).to_device(states.device());
            for part in &self.parts {
                let loss = part.loss(model, states, divisor, smoothing)?;
                sum = sum.f_add(&loss).map_err(failed("compute the loss"))?;
            }
            return Ok(sum);
        }
        let fresh = || states.f_detach()?.f_set_requires_grad(true);
        let fresh = fresh().map_err(failed("compute the loss"))?;
        let mut sum = Tensor::from(0.0f32).to_device(states.device());
        for part in &self.parts {
            let loss = part.loss(model, &fresh, divisor, smoothing)?;
            let add = || {
                loss.f_backward()?;
                sum.f_add(&loss.f_detach()?)
            };
            sum = add().map_err(failed("compute gradients"))?;
        }
        // The value is that of the sum, the gradient that of the states.
        let joined = || {
            let linear = states.f_mul(&fresh.f_grad()?)?.f_sum(Kind::Float)?;
            sum.f_add(&linear.f_sub(&linear.f_detach()?)?)
        };
        joined().map_err(failed("compute the loss"))
    }
}

impl Part {
    fn loss(&self, model: &Llama, states: &Tensor, divisor: f64, smoothing: f64) -> Result<Tensor> {
        let rows = states.f_narrow(0, self.first, self.rows).map_err(failed("compute the loss"))?;
        let log_p = model.logits(&rows)?.f_log_softmax(-1, Kind::Float).map_err(failed("compute the loss"))?;
        let loss = || {
            let mut chosen = log_p.f_view(-1)?.f_index_select(0, &self.terms)?;
            if smoothing > 0.0 {
                let rows = self.terms.f_divide_scalar_mode(log_p.size()[1], "floor")?;
                let of_all = log_p.f_mean_dim([-1_i64].as_slice(), false, Kind::Float)?.f_index_select(0, &rows)?;
                chosen = chosen.f_lerp(&of_all, smoothing)?;
            }
            chosen.f_dot(&self.weights)?.f_neg()?.f_div_scalar(divisor)
        };
        loss().map_err(failed("compute the loss"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::LlamaConfig;
    use serde_json::json;

    /// A LLaMA of one block of width 8 and 11 tokens, with random weights.
    fn small_model() -> Llama {
        let fields = json!({"model_type": "llama", "vocab_size": 11, "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": 1, "num_attention_heads": 2, "tie_word_embeddings": true});
        let config: LlamaConfig = serde_json::from_value(fields).unwrap();
        Llama::random(config, 0.3, Device::Cpu, Kind::Float).unwrap()
    }

    #[test]
    fn parts_have_the_loss_and_the_gradients_of_the_whole() {
        let _turn = crate::loss_tests::alone();
        let terms: Vec<Term> = [(0, 3, 1.0), (0, 4, 2.0), (2, 10, 1.0), (3, 0, 0.5), (4, 7, 1.0)]
            .map(|(row, token, weight)| Term { row, token, weight })
            .to_vec();
        let of_parts = |at_once: usize, smoothing: f64| {
            let mut model = small_model();
            let trained = model.train_all().unwrap();
            for (number, parameter) in trained.iter().enumerate() {
                let values = Tensor::arange(parameter.tensor.numel() as i64, (Kind::Float, Device::Cpu));
                let values = ((values + number as f64).sin() * 0.3).view_as(&parameter.tensor);
                tch::no_grad(|| parameter.tensor.shallow_clone().copy_(&values));
            }
            let states = Tensor::arange(40, (Kind::Float, Device::Cpu)).sin().view([5, 8]).set_requires_grad(true);
            let targets = Targets::new(&terms, 5, 11, at_once, Device::Cpu).unwrap();
            let value = targets.loss(&model, &states, 2.0, smoothing).unwrap();
            let without = tch::no_grad(|| targets.loss(&model, &states.detach(), 2.0, smoothing).unwrap());
            assert!((value.double_value(&[]) - without.double_value(&[])).abs() < 1e-6);
            // A factor behind the loss reaches the states.
            (&value * 3.0).backward();
            (targets.parts.len(), value.double_value(&[]), states.grad(), trained[0].tensor.grad())
        };
        for smoothing in [0.0, 0.1] {
            let (one, whole, of_states, of_rows) = of_parts(5, smoothing);
            assert_eq!(one, 1);
            for (at_once, count) in [(1, 5), (2, 3), (4, 2)] {
                let (parts, value, states, rows) = of_parts(at_once, smoothing);
                assert_eq!(parts, count);
                assert!((value - whole).abs() < 1e-6);
                assert!(states.allclose(&of_states, 1e-5, 1e-6, false));
                // The rows' gradients are taken at once, before any factor.
                assert!((rows * 3.0).allclose(&of_rows, 1e-5, 1e-6, false));
            }
        }
    }

    #[test]
    fn smoothed_labels_have_the_loss_of_libtorch() {
        let _turn = crate::loss_tests::alone();
        let model = small_model();
        let states = Tensor::arange(24, (Kind::Float, Device::Cpu)).sin().view([3, 8]);
        let terms = [(0, 3), (1, 10), (2, 0)].map(|(row, token)| Term { row, token, weight: 1.0 });
        let targets = Targets::new(&terms, 3, 11, 3, Device::Cpu).unwrap();
        let ours = targets.loss(&model, &states, 3.0, 0.2).unwrap().double_value(&[]);
        let labels = Tensor::from_slice(&[3_i64, 10, 0]);
        let logits = model.logits(&states).unwrap();
        let theirs =
            logits.cross_entropy_loss::<&Tensor>(&labels, None, tch::Reduction::Mean, -100, 0.2).double_value(&[]);
        assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs}");
    }
}

//! Attention: who may see whom, and the keys and values kept between calls.

use crate::{Torch, failed};
use contract::Result;
use tch::{Device, Kind, Tensor};

/// Which keys a query may attend to.
#[derive(Debug)]
pub enum AttentionMask {
    /// Each token attends to itself, to those before it in this call, and to all that the cache holds.
    Causal,
    /// Bool `[B, 1, T, S]`, true = may attend; S counts the cached tokens first, then the T of this call. Every row
    /// must have at least one true.
    Explicit(Tensor),
}

/// Keys and values of the tokens seen so far, by block: `[B, key-value heads, S, head width]`.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<Option<(Tensor, Tensor)>>,
}

impl KvCache {
    pub(crate) fn new(layers: usize) -> Self {
        Self { layers: (0..layers).map(|_| None).collect() }
    }

    /// Number of tokens held, S.
    #[must_use]
    pub fn length(&self) -> i64 {
        self.layers.first().and_then(Option::as_ref).map_or(0, |(keys, _)| keys.size()[2])
    }

    /// Keeps the rows of the batch that are named, i64 `[B']`, in that order; a row may be named several times.
    ///
    /// # Errors
    /// When a row does not exist or the device has too little memory.
    pub fn select(&mut self, rows: &Tensor) -> Result<()> {
        for (keys, values) in self.layers.iter_mut().flatten() {
            *keys = keys.f_index_select(0, rows).map_err(failed("select rows of the cache"))?;
            *values = values.f_index_select(0, rows).map_err(failed("select rows of the cache"))?;
        }
        Ok(())
    }

    /// Appends a block's keys and values and returns all of them.
    pub(crate) fn append(&mut self, layer: usize, keys: Tensor, values: Tensor) -> Torch<(Tensor, Tensor)> {
        let all = match self.layers[layer].take() {
            Some((past_keys, past_values)) => {
                (Tensor::f_cat(&[past_keys, keys], 2)?, Tensor::f_cat(&[past_values, values], 2)?)
            }
            None => (keys, values),
        };
        self.layers[layer] = Some((all.0.shallow_clone(), all.1.shallow_clone()));
        Ok(all)
    }
}

/// A mask in the form that the fused kernels take.
pub(crate) enum KernelMask {
    None,
    Causal,
    /// Added to the scores: 0 where a query may attend and -inf elsewhere.
    Added(Tensor),
}

impl KernelMask {
    /// The mask of T tokens after `past` cached ones, for activations of that kind. All blocks share it.
    pub(crate) fn new(mask: &AttentionMask, tokens: i64, past: i64, kind: Kind, device: Device) -> Torch<Self> {
        Ok(match mask {
            AttentionMask::Explicit(mask) => Self::Added(added(mask, kind)?),
            AttentionMask::Causal if tokens == 1 => Self::None,
            AttentionMask::Causal if past == 0 => Self::Causal,
            AttentionMask::Causal => {
                let ones = Tensor::f_ones([1, 1, tokens, past + tokens], (Kind::Bool, device))?;
                Self::Added(added(&ones.f_tril(past)?, kind)?)
            }
        })
    }
}

fn added(mask: &Tensor, kind: Kind) -> Torch<Tensor> {
    let zeros = Tensor::f_zeros(mask.size(), (kind, mask.device()))?;
    zeros.f_masked_fill(&mask.f_logical_not()?, f64::NEG_INFINITY)
}

/// softmax(Q Kᵀ / √width) V for queries `[B, H, T, width]`; keys and values may have fewer heads, each of which then
/// serves as many neighbouring query heads.
pub(crate) fn attend(queries: &Tensor, keys: &Tensor, values: &Tensor, mask: &KernelMask) -> Torch<Tensor> {
    let groups = queries.size()[1] / keys.size()[1];
    let (keys, values) = if groups == 1 {
        (keys.shallow_clone(), values.shallow_clone())
    } else {
        (keys.f_repeat_interleave_self_int(groups, 1, None)?, values.f_repeat_interleave_self_int(groups, 1, None)?)
    };
    let (mask, causal) = match mask {
        KernelMask::None => (None, false),
        KernelMask::Causal => (None, true),
        KernelMask::Added(mask) => (Some(mask), false),
    };
    Tensor::f_scaled_dot_product_attention(queries, &keys, &values, mask, 0.0, causal, None, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attention_is_its_formula_with_shared_key_heads() {
        tch::manual_seed(1);
        let options = (Kind::Double, Device::Cpu);
        let queries = Tensor::randn([2, 4, 3, 8], options);
        let keys = Tensor::randn([2, 2, 5, 8], options);
        let values = Tensor::randn([2, 2, 5, 8], options);
        let mask = KernelMask::new(&AttentionMask::Causal, 3, 2, Kind::Double, Device::Cpu).unwrap();
        let attended = attend(&queries, &keys, &values, &mask).unwrap();
        for head in 0..4 {
            let (query, key, value) = (queries.select(1, head), keys.select(1, head / 2), values.select(1, head / 2));
            let scores = query.matmul(&key.transpose(1, 2)) / 8f64.sqrt();
            let hidden = Tensor::ones([3, 5], (Kind::Bool, Device::Cpu)).tril(2).logical_not();
            let weights = scores.masked_fill(&hidden, f64::NEG_INFINITY).softmax(-1, Kind::Double);
            assert!(attended.select(1, head).allclose(&weights.matmul(&value), 1e-9, 1e-9, false));
        }
    }
}

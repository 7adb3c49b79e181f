//! Layers, with the form and the first weights of BERT's (Devlin et al. 2019), on which RecBole's models stand.

use super::{Dropout, Packed, Store, Torch};
use tch::Tensor;

/// Small enough to change nothing, as in BERT.
const EPSILON: f64 = 1e-12;

/// Scores that softmax turns into 0; not minus infinity, for a row of nothing else would have no sum.
const HIDDEN: f64 = -1e9;

/// `x Wᵀ + b`.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// From `inputs` to `outputs` numbers.
    pub(crate) fn build(store: &mut Store, name: &str, inputs: usize, outputs: usize) -> Torch<Self> {
        let weight = store.normal(&format!("{name}.weight"), &[outputs as i64, inputs as i64])?;
        Ok(Self { weight, bias: store.constant(&format!("{name}.bias"), &[outputs as i64], 0.0)? })
    }

    pub(crate) fn apply(&self, x: &Tensor) -> Torch<Tensor> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}

/// Brings each row to mean 0 and variance 1, then scales and shifts it.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    pub(crate) fn build(store: &mut Store, name: &str, dim: usize) -> Torch<Self> {
        let weight = store.constant(&format!("{name}.weight"), &[dim as i64], 1.0)?;
        Ok(Self { weight, bias: store.constant(&format!("{name}.bias"), &[dim as i64], 0.0)? })
    }

    pub(crate) fn apply(&self, x: &Tensor) -> Torch<Tensor> {
        x.f_layer_norm(self.bias.size(), Some(&self.weight), Some(&self.bias), EPSILON, false)
    }
}

/// Items and their places: `dropout(LayerNorm(E_item + P_place))`, with places counted from the end.
#[derive(Debug)]
pub(crate) struct Embedding {
    positions: Tensor,
    norm: LayerNorm,
}

impl Embedding {
    pub(crate) fn build(store: &mut Store, dim: usize, max_length: usize) -> Torch<Self> {
        let positions = store.normal("positions", &[max_length as i64, dim as i64])?;
        Ok(Self { positions, norm: LayerNorm::build(store, "embedding.norm", dim)? })
    }

    /// `[tokens, dim]`, for items' rows `[rows, dim]`.
    pub(crate) fn apply(&self, table: &Tensor, batch: &Packed, dropout: &mut Dropout) -> Torch<Tensor> {
        let items = table.f_index_select(0, &batch.items)?;
        let x = items.f_add(&self.positions.f_index_select(0, &batch.positions)?)?;
        dropout.apply(&self.norm.apply(&x)?)
    }
}

/// Which items of a sequence an item sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sees {
    /// Itself and those before it.
    Before,
    /// All.
    All,
}

/// `LayerNorm(x + dropout(O · dropout(softmax(Q Kᵀ / √width)) V))`.
#[derive(Debug)]
pub(crate) struct Attention {
    /// Queries, keys and values, one below the other.
    qkv: Linear,
    out: Linear,
    norm: LayerNorm,
    heads: i64,
    sees: Sees,
}

impl Attention {
    pub(crate) fn build(store: &mut Store, name: &str, dim: usize, heads: usize, sees: Sees) -> Torch<Self> {
        Ok(Self {
            qkv: Linear::build(store, &format!("{name}.qkv"), dim, 3 * dim)?,
            out: Linear::build(store, &format!("{name}.out"), dim, dim)?,
            norm: LayerNorm::build(store, &format!("{name}.norm"), dim)?,
            heads: heads as i64,
            sees,
        })
    }

    /// `[tokens, dim]`, or `[targets, dim]` where only those are asked for.
    pub(crate) fn apply(&self, x: &Tensor, batch: &Packed, only_targets: bool, dropout: &mut Dropout) -> Torch<Tensor> {
        let padded = batch.pad(&self.qkv.apply(x)?)?;
        let [sequences, width, columns] = padded.size()[..] else { return Ok(padded) };
        let head_width = columns / 3 / self.heads;
        let split = padded.f_view([sequences, width, 3, self.heads, head_width])?.f_permute([2, 0, 3, 1, 4])?;
        let (queries, keys, values) = (split.f_select(0, 0)?, split.f_select(0, 1)?, split.f_select(0, 2)?);
        let scores = queries.f_matmul(&keys.f_transpose(2, 3)?)?.f_mul_scalar((head_width as f64).powf(-0.5))?;
        let seen = scores.f_masked_fill(&self.hidden(batch, width)?, HIDDEN)?.f_softmax(-1, None)?;
        let mixed = dropout.apply(&seen)?.f_matmul(&values)?.f_transpose(1, 2)?;
        let mixed = batch.unpad(&mixed.f_reshape([sequences, width, columns / 3])?)?;
        let (mixed, x) = if only_targets {
            (mixed.f_index_select(0, &batch.targets)?, x.f_index_select(0, &batch.targets)?)
        } else {
            (mixed, x.shallow_clone())
        };
        self.norm.apply(&dropout.apply(&self.out.apply(&mixed)?)?.f_add(&x)?)
    }

    /// What is not seen, true, to fit `[sequences, heads, width, width]`.
    fn hidden(&self, batch: &Packed, width: i64) -> Torch<Tensor> {
        let padding = batch.padding.f_unsqueeze(1)?.f_unsqueeze(1)?;
        match self.sees {
            Sees::All => Ok(padding),
            Sees::Before => {
                let options = (tch::Kind::Bool, padding.device());
                let later = Tensor::f_ones([width, width], options)?.f_triu(1)?;
                padding.f_logical_or(&later)
            }
        }
    }
}

/// `LayerNorm(x + dropout(W₂ gelu(W₁ x)))`.
#[derive(Debug)]
pub(crate) struct FeedForward {
    up: Linear,
    down: Linear,
    norm: LayerNorm,
}

impl FeedForward {
    pub(crate) fn build(store: &mut Store, name: &str, dim: usize, inner: usize) -> Torch<Self> {
        Ok(Self {
            up: Linear::build(store, &format!("{name}.up"), dim, inner)?,
            down: Linear::build(store, &format!("{name}.down"), inner, dim)?,
            norm: LayerNorm::build(store, &format!("{name}.norm"), dim)?,
        })
    }

    pub(crate) fn apply(&self, x: &Tensor, dropout: &mut Dropout) -> Torch<Tensor> {
        let inner = self.up.apply(x)?.f_gelu("none")?;
        self.norm.apply(&dropout.apply(&self.down.apply(&inner)?)?.f_add(x)?)
    }
}

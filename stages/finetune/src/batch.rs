//! Trees as tensors, and their loss.

use crate::batching::Rows;
use crate::tree::TokenTree;
use contract::Result;
use nn::{AttentionMask, Llama, failed};
use tch::{Device, Kind, TchError, Tensor};

/// B rows of T tokens with trees side by side.
#[derive(Debug)]
pub(crate) struct Batch {
    /// i64 `[B, T]`.
    ids: Tensor,
    /// i64 `[B, T]`.
    positions: Tensor,
    mask: AttentionMask,
    /// i64 `[R]`: the places in `B * T` after which something is to be predicted.
    places: Tensor,
    /// i64 `[terms]`: for each term of the loss, the row of `places` times V, plus the token.
    terms: Tensor,
    /// f32 `[terms]`.
    weights: Tensor,
}

impl Batch {
    /// Lays out trees for a model with `vocabulary` tokens.
    pub(crate) fn new(trees: &[&TokenTree], rows: &Rows, vocabulary: i64, device: Device) -> Result<Self> {
        Layout::new(trees, rows, vocabulary).into_batch(device).map_err(failed("make a batch"))
    }

    /// The weighted sum of the cross-entropies, a scalar.
    pub(crate) fn loss(&self, model: &Llama, train: bool) -> Result<Tensor> {
        self.loss_of(model, &model.forward(&self.ids, &self.positions, &self.mask, None, train)?)
    }

    /// Adds the gradients of the loss over `terms`, and returns it. `by_block` computes the blocks again for theirs.
    pub(crate) fn backward(&self, model: &Llama, terms: f64, by_block: bool) -> Result<Tensor> {
        let mean = |sum: Tensor| sum.f_div_scalar(terms).map_err(failed("compute the loss"));
        if by_block {
            let loss = |hidden: &Tensor| mean(self.loss_of(model, hidden)?);
            return model.backward_by_block(&self.ids, &self.positions, &self.mask, loss);
        }
        let loss = mean(self.loss(model, true)?)?;
        loss.f_backward().map_err(failed("compute gradients"))?;
        Ok(loss)
    }

    fn loss_of(&self, model: &Llama, hidden: &Tensor) -> Result<Tensor> {
        let width = model.config().hidden_size;
        let rows = hidden.f_reshape([-1, width]).and_then(|hidden| hidden.f_index_select(0, &self.places));
        let logits = model.logits(&rows.map_err(failed("compute the loss"))?)?;
        let loss = || -> std::result::Result<Tensor, TchError> {
            let chosen = logits.f_log_softmax(-1, Kind::Float)?.f_view(-1)?.f_index_select(0, &self.terms)?;
            chosen.f_dot(&self.weights)?.f_neg()
        };
        loss().map_err(failed("compute the loss"))
    }
}

/// The same on the host.
struct Layout {
    rows: i64,
    width: i64,
    ids: Vec<i64>,
    positions: Vec<i64>,
    /// `[B, T, T]`, 1 = may attend.
    mask: Vec<u8>,
    /// Whether each row is one chain, in which case the mask is the causal one.
    chains: bool,
    places: Vec<i64>,
    terms: Vec<i64>,
    weights: Vec<f32>,
}

impl Layout {
    fn new(trees: &[&TokenTree], rows: &Rows, vocabulary: i64) -> Self {
        let (count, width) = (rows.rows.len(), rows.width);
        let chains = rows.rows.iter().all(|row| row.len() == 1 && trees[row[0]].is_chain());
        let mut layout = Self {
            rows: count as i64,
            width: width as i64,
            ids: vec![0; count * width],
            positions: vec![0; count * width],
            mask: if chains { Vec::new() } else { vec![0; count * width * width] },
            chains,
            places: Vec::new(),
            terms: Vec::new(),
            weights: Vec::new(),
        };
        for (number, row) in rows.rows.iter().enumerate() {
            let mut offset = 0;
            for &tree in row {
                layout.place(trees[tree], number, offset, vocabulary);
                offset += trees[tree].len();
            }
            if !chains {
                // A query without any key has no softmax; padding sees itself.
                for column in offset..width {
                    layout.mask[(number * width + column) * width + column] = 1;
                }
            }
        }
        layout
    }

    fn place(&mut self, tree: &TokenTree, row: usize, offset: usize, vocabulary: i64) {
        let width = self.width as usize;
        let start = row * width + offset;
        for node in 0..tree.len() {
            self.ids[start + node] = i64::from(tree.tokens[node]);
            self.positions[start + node] = i64::from(tree.depths[node]);
            if self.chains {
                continue;
            }
            let own = (start + node) * width + offset;
            if let Some(parent) = tree.parents[node] {
                let parent = parent as usize;
                let ancestors = (start + parent) * width + offset;
                self.mask.copy_within(ancestors..=ancestors + parent, own);
            }
            self.mask[own + node] = 1;
        }
        for target in &tree.targets {
            let place = (start + target.node as usize) as i64;
            if self.places.last() != Some(&place) {
                self.places.push(place);
            }
            self.terms.push((self.places.len() as i64 - 1) * vocabulary + i64::from(target.token));
            self.weights.push(target.weight);
        }
    }

    fn into_batch(self, device: Device) -> std::result::Result<Batch, TchError> {
        let Self { rows, width, .. } = self;
        let numbers = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        let mask = if self.chains {
            AttentionMask::Causal
        } else {
            let mask = Tensor::f_from_data_size(&self.mask, &[rows, 1, width, width], Kind::Bool)?;
            AttentionMask::Explicit(mask.f_to_device(device)?)
        };
        Ok(Batch {
            ids: numbers(&self.ids)?.f_view([rows, width])?,
            positions: numbers(&self.positions)?.f_view([rows, width])?,
            mask,
            places: numbers(&self.places)?,
            terms: numbers(&self.terms)?,
            weights: Tensor::f_from_slice(&self.weights)?.f_to_device(device)?,
        })
    }
}

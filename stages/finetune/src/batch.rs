//! Trees as tensors, and their loss.

use crate::batching::{Rows, row_multiple};
use crate::objective::Objective;
use crate::targets::{Targets, Term, states_at_once};
use crate::tree::TokenTree;
use contract::Result;
use nn::{AttentionMask, Llama, failed};
use tch::{Kind, TchError, Tensor};

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
    targets: Targets,
    /// The places in `B * T` at which a whole code ends, with its number.
    items: Vec<(i64, i64)>,
    next_items: NextItems,
}

/// The terms of the item head's loss.
#[derive(Debug, Default)]
pub(crate) struct NextItems {
    /// The places in `B * T`.
    pub(crate) places: Vec<i64>,
    /// The numbers of the codes that are to be predicted.
    pub(crate) codes: Vec<i64>,
    pub(crate) weights: Vec<f32>,
}

impl Batch {
    /// Lays out trees for that model.
    pub(crate) fn new(trees: &[&TokenTree], rows: &Rows, model: &Llama) -> Result<Self> {
        Layout::new(trees, rows).filled_up(row_multiple(model)).into_batch(model).map_err(failed("make a batch"))
    }

    /// The weighted sum of the tokens' cross-entropies, a scalar.
    pub(crate) fn loss(&self, objective: &Objective<'_>, train: bool) -> Result<Tensor> {
        let embedded = objective.embed(&self.ids, &self.items)?;
        let hidden = objective.model.forward_embedded(&embedded, &self.positions, &self.mask, None, train)?;
        self.token_loss(objective, &hidden, 1.0, 0.0)
    }

    /// Adds the gradients of the objective for a step with those numbers of terms, and returns its value. `by_block` computes
    /// the blocks again for theirs.
    pub(crate) fn backward(&self, objective: &Objective<'_>, terms: Terms, by_block: bool) -> Result<Tensor> {
        let model = objective.model;
        let embedded = objective.embed(&self.ids, &self.items)?;
        if by_block {
            let value = |hidden: &Tensor| self.value(objective, hidden, terms);
            return model.backward_by_block(&embedded, &self.positions, &self.mask, value);
        }
        let hidden = model.forward_embedded(&embedded, &self.positions, &self.mask, None, true)?;
        let value = self.value(objective, &hidden, terms)?;
        value.f_backward().map_err(failed("compute gradients"))?;
        Ok(value)
    }

    /// The weighted sum of both losses, each the mean of its terms.
    fn value(&self, objective: &Objective<'_>, hidden: &Tensor, terms: Terms) -> Result<Tensor> {
        let mut value: Option<Tensor> = None;
        if objective.token_weight > 0.0 {
            let divisor = terms.tokens / objective.token_weight;
            value = Some(self.token_loss(objective, hidden, divisor, objective.label_smoothing)?);
        }
        if let Some(items) = objective.items.as_ref().filter(|_| !self.next_items.places.is_empty()) {
            let loss = items.loss(hidden, &self.next_items)?.f_div_scalar(terms.items / items.weight);
            let loss = loss.map_err(failed("compute the loss"))?;
            value = Some(match value {
                Some(value) => value.f_add(&loss).map_err(failed("compute the loss"))?,
                None => loss,
            });
        }
        // A part without any term, as a text without an item for the head alone.
        value.map_or_else(|| hidden.f_sum(Kind::Float)?.f_mul_scalar(0.0), Ok).map_err(failed("compute the loss"))
    }

    /// The weighted sum of the tokens' cross-entropies over `divisor`.
    fn token_loss(&self, objective: &Objective<'_>, hidden: &Tensor, divisor: f64, smoothing: f64) -> Result<Tensor> {
        let width = objective.model.config().hidden_size;
        let rows = hidden.f_reshape([-1, width]).and_then(|hidden| hidden.f_index_select(0, &self.places));
        self.targets.loss(objective.model, &rows.map_err(failed("compute the loss"))?, divisor, smoothing)
    }
}

/// How many terms a step's losses have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) tokens: f64,
    pub(crate) items: f64,
}

impl Terms {
    /// Those of all trees of a step.
    pub(crate) fn of(trees: &[&TokenTree]) -> Self {
        Self {
            tokens: trees.iter().map(|tree| tree.terms()).sum(),
            items: trees.iter().map(|tree| tree.item_terms()).sum(),
        }
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
    terms: Vec<Term>,
    items: Vec<(i64, i64)>,
    next_items: NextItems,
}

impl Layout {
    fn new(trees: &[&TokenTree], rows: &Rows) -> Self {
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
            items: Vec::new(),
            next_items: NextItems::default(),
        };
        for (number, row) in rows.rows.iter().enumerate() {
            let mut offset = 0;
            for &tree in row {
                layout.place(trees[tree], number, offset);
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

    fn place(&mut self, tree: &TokenTree, row: usize, offset: usize) {
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
            let row = self.places.len() as i64 - 1;
            self.terms.push(Term { row, token: i64::from(target.token), weight: target.weight });
        }
        let place = |node: u32| (start + node as usize) as i64;
        self.items.extend(tree.items.iter().map(|&(node, code)| (place(node), i64::from(code))));
        for next in &tree.next_items {
            self.next_items.places.push(place(next.node));
            self.next_items.codes.push(i64::from(next.code));
            self.next_items.weights.push(next.weight);
        }
    }

    /// Repeats the last place, without terms, to the next multiple.
    fn filled_up(mut self, multiple: usize) -> Self {
        if let Some(&last) = self.places.last() {
            self.places.resize(self.places.len().next_multiple_of(multiple), last);
        }
        self
    }

    fn into_batch(self, model: &Llama) -> std::result::Result<Batch, TchError> {
        let Self { rows, width, .. } = self;
        let (vocabulary, device) = (model.tokens(), model.device());
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
            targets: Targets::new(&self.terms, self.places.len() as i64, vocabulary, states_at_once(model), device)?,
            items: self.items,
            next_items: self.next_items,
        })
    }
}

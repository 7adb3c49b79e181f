//! A row of weights for each token: the embedding, and the head.

use crate::Torch;
use crate::mapped_rows::MappedRows;
use tch::{Kind, Tensor};

/// How many logits are computed at once where only their sum is kept: 8 MiB in f32, about what the caches of a core hold.
const MOST_LOGITS: i64 = 1 << 21;

/// Rows `[V, h]`, and rows of tokens that were added later, which can be trained while the others stay.
#[derive(Debug)]
pub(crate) struct TokenTable {
    /// `[V, h]`.
    pub(crate) base: Tensor,
    /// The tokens V, V + 1, ...
    pub(crate) added: Option<Added>,
}

/// The rows f32 `[n, h]` of added tokens.
#[derive(Debug)]
pub(crate) enum Added {
    /// Free ones.
    Rows(Tensor),
    /// What a map makes of other vectors.
    Mapped(MappedRows),
}

impl Added {
    pub(crate) fn rows(&self) -> Torch<Tensor> {
        match self {
            Self::Rows(rows) => Ok(rows.shallow_clone()),
            Self::Mapped(mapped) => mapped.rows(),
        }
    }
}

impl TokenTable {
    pub(crate) fn new(base: Tensor) -> Self {
        Self { base, added: None }
    }

    /// Keeps the rows before `first` and adds `count`: their mean plus normal noise.
    pub(crate) fn extend(&mut self, first: i64, count: i64, std: f64) -> Torch<()> {
        self.base = self.base.f_narrow(0, 0, first)?;
        let mean = self.base.f_to_kind(Kind::Float)?.f_mean_dim(0, true, Kind::Float)?;
        let noise = Tensor::f_randn([count, self.base.size()[1]], (Kind::Float, mean.device()))?;
        self.added = Some(Added::Rows(noise.f_mul_scalar(std)?.f_add(&mean)?));
        Ok(())
    }

    /// The rows of tokens `[B, T]`: `[B, T, h]`.
    pub(crate) fn lookup(&self, ids: &Tensor) -> Torch<Tensor> {
        let Some(added) = &self.added else {
            return Tensor::f_embedding(&self.base, ids, -1, false, false);
        };
        let first_added = self.base.size()[0];
        let old = Tensor::f_embedding(&self.base, &ids.f_clamp_max(first_added - 1)?, -1, false, false)?;
        let shifted = ids.f_sub_scalar(first_added)?.f_clamp_min(0)?;
        let new = Tensor::f_embedding(&added.rows()?.f_to_kind(old.kind())?, &shifted, -1, false, false)?;
        new.f_where_self(&ids.f_ge(first_added)?.f_unsqueeze(-1)?, &old)
    }

    /// The product of `[.., h]` with each row: `[.., V + n]`.
    pub(crate) fn scores(&self, hidden: &Tensor) -> Torch<Tensor> {
        let old = hidden.f_linear(&self.base.f_to_kind(hidden.kind())?, None::<&Tensor>)?;
        match &self.added {
            Some(added) => {
                let new = hidden.f_linear(&added.rows()?.f_to_kind(hidden.kind())?, None::<&Tensor>)?;
                Tensor::f_cat(&[old, new], -1)
            }
            None => Ok(old),
        }
    }

    /// log p of those tokens i64 `[n]` after hidden states `[.., h]`: f32 `[.., n]`.
    pub(crate) fn log_probabilities(&self, hidden: &Tensor, tokens: &Tensor) -> Torch<Tensor> {
        let (kind, width) = (hidden.kind(), hidden.size().last().copied().unwrap_or(1));
        let states = hidden.numel() as i64 / width.max(1);
        let at_once = (MOST_LOGITS / states.max(1)).max(1);
        let parts = [Some(self.base.shallow_clone()), self.added.as_ref().map(Added::rows).transpose()?];
        let mut sums = Vec::new();
        for rows in parts.into_iter().flatten() {
            for block in rows.f_split(at_once, 0)? {
                let logits = hidden.f_linear(&block.f_to_kind(kind)?, None::<&Tensor>)?;
                sums.push(logits.f_to_kind(Kind::Float)?.f_logsumexp(-1, true)?);
            }
        }
        let sum = Tensor::f_cat(&sums, -1)?.f_logsumexp(-1, true)?;
        let chosen = self.lookup(tokens)?.f_to_kind(kind)?;
        hidden.f_linear(&chosen, None::<&Tensor>)?.f_to_kind(Kind::Float)?.f_sub(&sum)
    }

    /// The rows of the tokens from `first` on.
    pub(crate) fn rows_from(&self, first: i64) -> Torch<Tensor> {
        match &self.added {
            Some(added) if first == self.base.size()[0] => added.rows(),
            _ => {
                let rows = self.rows()?;
                rows.f_narrow(0, first, rows.size()[0] - first)
            }
        }
    }

    /// All rows, `[V + n, h]`.
    pub(crate) fn rows(&self) -> Torch<Tensor> {
        match &self.added {
            Some(added) => Tensor::f_cat(&[self.base.shallow_clone(), added.rows()?.f_to_kind(self.base.kind())?], 0),
            None => Ok(self.base.shallow_clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn log_probabilities_in_blocks_are_those_of_all_logits() {
        let options = (Kind::Float, Device::Cpu);
        let mut table = TokenTable::new(Tensor::randn([70_000, 4], options));
        table.extend(70_000, 3, 0.5).unwrap();
        let hidden = Tensor::randn([2, 30, 4], options);
        let tokens = Tensor::from_slice(&[0_i64, 69_999, 70_002, 35_000, 7]);
        let expected = table.scores(&hidden).unwrap().log_softmax(-1, Kind::Float).index_select(-1, &tokens);
        let found = table.log_probabilities(&hidden, &tokens).unwrap();
        assert_eq!(found.size(), [2, 30, 5]);
        assert!(found.allclose(&expected, 1e-5, 1e-4, false));
    }
}

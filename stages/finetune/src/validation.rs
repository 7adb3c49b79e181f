//! The loss on held-out questions after each epoch, and the weights that it was lowest with.

use crate::batch::Batch;
use crate::batching::lay_out;
use crate::samples::Samples;
use crate::tree::TokenTree;
use contract::Result;
use nn::{Llama, Parameter, failed};
use tch::{Tensor, no_grad};

/// What is measured after each epoch, and what came out.
#[derive(Debug, Default)]
pub(crate) struct Validation {
    trees: Vec<TokenTree>,
    keeps_best: bool,
    /// The mean loss after each epoch.
    pub(crate) losses: Vec<f64>,
    /// The trained weights of the best epoch, by name; empty where the last ones are kept.
    pub(crate) best: Vec<(String, Tensor)>,
}

impl Validation {
    /// Validation on those samples; none measures nothing.
    pub(crate) fn new(samples: Option<&Samples>, keeps_best: bool) -> Self {
        let groups = samples.iter().flat_map(|samples| &samples.groups);
        Self { trees: groups.map(TokenTree::merge).collect(), keeps_best, ..Self::default() }
    }

    /// Whether there is nothing to measure.
    pub(crate) fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// Measures the model after an epoch, and keeps its weights where they are the best so far.
    pub(crate) fn measure(&mut self, model: &Llama, trained: &[Parameter], memory_tokens: usize) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let loss = no_grad(|| mean_loss(model, &self.trees, memory_tokens))?;
        let is_best = self.losses.iter().all(|before| loss < *before);
        self.losses.push(loss);
        if self.keeps_best && is_best {
            let copy = |parameter: &Parameter| {
                let mut tensor = parameter.tensor.f_empty_like()?;
                tensor.f_copy_(&parameter.tensor)?;
                Ok((parameter.name.clone(), tensor))
            };
            let copies = no_grad(|| trained.iter().map(copy).collect::<std::result::Result<_, tch::TchError>>());
            self.best = copies.map_err(failed("keep the best weights"))?;
        }
        Ok(())
    }

    /// The epoch whose weights are kept, from 1; none where the last one's are.
    pub(crate) fn best_epoch(&self) -> Option<usize> {
        let lowest = |best: usize, epoch: usize| if self.losses[epoch] < self.losses[best] { epoch } else { best };
        (!self.best.is_empty()).then(|| (0..self.losses.len()).fold(0, lowest) + 1)
    }

    /// Puts the best weights into the model, if they are to be kept.
    pub(crate) fn put_back(&self, trained: &[Parameter]) -> Result<()> {
        for (parameter, (_, best)) in trained.iter().zip(&self.best) {
            let mut tensor = parameter.tensor.shallow_clone();
            no_grad(|| tensor.f_copy_(best)).map_err(failed("put the best weights back"))?;
        }
        Ok(())
    }

    /// Takes over what a checkpoint has of it. Says whether the weights are those of the same parameters.
    pub(crate) fn restore(&mut self, losses: &[f64], best: &[(String, Tensor)], trained: &[Parameter]) -> bool {
        let find = |parameter: &Parameter| {
            let (name, tensor) = best.iter().find(|(name, _)| *name == parameter.name)?;
            (tensor.size() == parameter.tensor.size()).then(|| (name.clone(), tensor.shallow_clone()))
        };
        let found: Option<Vec<_>> = if best.is_empty() { Some(Vec::new()) } else { trained.iter().map(find).collect() };
        let Some(found) = found else { return false };
        self.losses = losses.to_vec();
        self.best = found;
        true
    }
}

fn mean_loss(model: &Llama, trees: &[TokenTree], memory_tokens: usize) -> Result<f64> {
    let sizes: Vec<usize> = trees.iter().map(TokenTree::len).collect();
    let all: Vec<&TokenTree> = trees.iter().collect();
    let mut loss = 0.0;
    for rows in lay_out(&sizes, memory_tokens) {
        let batch = Batch::new(&all, &rows, model.tokens(), model.device())?;
        loss += f64::try_from(&batch.loss(model, false)?).map_err(failed("read the loss"))?;
    }
    Ok(loss / trees.iter().map(TokenTree::terms).sum::<f64>())
}

//! What is measured after each epoch, and the weights of the best one: the loss on held-out questions, or the NDCG@10 of lists.

use crate::batch::Batch;
use crate::batching::{pack, row_multiple};
use crate::objective::Objective;
use crate::questions::Questions;
use crate::tree::TokenTree;
use contract::Result;
use nn::{Parameter, failed};
use ranks::Ranks;
use tch::{Tensor, no_grad};

/// What is measured.
#[derive(Debug, Default)]
pub(crate) enum Measure<'a> {
    /// Nothing.
    #[default]
    Nothing,
    /// The mean loss of the answers' tokens; lower is better.
    Loss(Vec<TokenTree>),
    /// The NDCG@10 of ranked lists; higher is better.
    Ndcg(Questions<'a>),
}

/// What is measured after each epoch, and what came out.
#[derive(Debug, Default)]
pub(crate) struct Validation<'a> {
    measure: Measure<'a>,
    keeps_best: bool,
    /// How many epochs in a row without a better measure end the training.
    patience: Option<usize>,
    /// The measure after each epoch.
    pub(crate) values: Vec<f64>,
    /// The trained weights of the best epoch, by name; empty where the last ones are kept.
    pub(crate) best: Vec<(String, Tensor)>,
}

impl<'a> Validation<'a> {
    /// Validation by the loss on those trees; none measures nothing.
    pub(crate) fn by_loss(trees: Vec<TokenTree>, keeps_best: bool) -> Self {
        let measure = if trees.is_empty() { Measure::Nothing } else { Measure::Loss(trees) };
        Self { measure, keeps_best, ..Self::default() }
    }

    /// Validation by lists, of which the best are kept, and training ends after that many epochs without better ones.
    pub(crate) fn by_lists(questions: Questions<'a>, patience: usize) -> Self {
        Self { measure: Measure::Ndcg(questions), keeps_best: true, patience: Some(patience), ..Self::default() }
    }

    /// Whether there is nothing to measure.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.measure, Measure::Nothing)
    }

    /// What is measured, in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self.measure {
            Measure::Nothing | Measure::Loss(_) => "loss",
            Measure::Ndcg(_) => "NDCG@10",
        }
    }

    /// Measures the model after an epoch, each rank on a part, and keeps its weights where they are the best so far.
    pub(crate) fn measure(
        &mut self,
        objective: &Objective<'_>,
        trained: &[Parameter],
        memory_tokens: usize,
        ranks: &Ranks,
    ) -> Result<()> {
        let value = match &self.measure {
            Measure::Nothing => return Ok(()),
            Measure::Loss(trees) => no_grad(|| mean_loss(objective, trees, memory_tokens, ranks))?,
            Measure::Ndcg(questions) => no_grad(|| questions.ndcg(ranks))?,
        };
        let is_best = self.values.iter().all(|&before| self.is_better(value, before));
        self.values.push(value);
        if self.keeps_best && is_best {
            let copy = |parameter: &Parameter| Ok((parameter.name.clone(), parameter.copied()?));
            let copies = trained.iter().map(copy).collect::<std::result::Result<_, tch::TchError>>();
            self.best = copies.map_err(failed("keep the best weights"))?;
        }
        Ok(())
    }

    /// Whether no epoch was better for so long that training ends.
    pub(crate) fn stops(&self) -> bool {
        self.patience.is_some_and(|patience| self.values.len() >= patience + self.best_so_far())
    }

    /// The epoch whose weights are kept, from 1; none where the last one's are.
    pub(crate) fn best_epoch(&self) -> Option<usize> {
        (!self.best.is_empty()).then(|| self.best_so_far())
    }

    /// The best epoch from 1, the first among equals.
    fn best_so_far(&self) -> usize {
        let better = |best: usize, epoch: usize| {
            if self.is_better(self.values[epoch], self.values[best]) { epoch } else { best }
        };
        (0..self.values.len()).fold(0, better) + 1
    }

    fn is_better(&self, value: f64, than: f64) -> bool {
        if matches!(self.measure, Measure::Ndcg(_)) { value > than } else { value < than }
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
    pub(crate) fn restore(&mut self, values: &[f64], best: &[(String, Tensor)], trained: &[Parameter]) -> bool {
        let find = |parameter: &Parameter| {
            let (name, tensor) = best.iter().find(|(name, _)| *name == parameter.name)?;
            (tensor.size() == parameter.tensor.size()).then(|| (name.clone(), tensor.shallow_clone()))
        };
        let found: Option<Vec<_>> = if best.is_empty() { Some(Vec::new()) } else { trained.iter().map(find).collect() };
        let Some(found) = found else { return false };
        self.values = values.to_vec();
        self.best = found;
        true
    }
}

fn mean_loss(objective: &Objective<'_>, trees: &[TokenTree], memory_tokens: usize, ranks: &Ranks) -> Result<f64> {
    let sizes: Vec<usize> = trees.iter().map(TokenTree::len).collect();
    let own: Vec<&TokenTree> = ranks.part_of(&sizes).into_iter().map(|place| &trees[place]).collect();
    let sizes: Vec<usize> = own.iter().map(|tree| tree.len()).collect();
    let model = objective.model;
    let mut loss = 0.0;
    for rows in pack(&sizes, memory_tokens, row_multiple(model)) {
        let batch = Batch::new(&own, &rows, model)?;
        loss += f64::try_from(&batch.loss(objective, false)?).map_err(failed("read the loss"))?;
    }
    let [loss] = ranks.sum_few([loss])?;
    Ok(loss / trees.iter().map(TokenTree::terms).sum::<f64>())
}

//! The loop: a step's trees, their loss, its gradients, the new weights.

use crate::average::Average;
use crate::batch::{Batch, Terms};
use crate::batching::{pack, row_multiple};
use crate::course::{Course, Length};
use crate::curve::Curve;
use crate::memory::tokens_at_once;
use crate::objective::{ItemObjective, Negatives, Objective};
use crate::parameters::Parameters;
use crate::samples::{Sample, Samples};
use crate::tree::TokenTree;
use crate::validation::Validation;
use contract::{Context, Failure, FailureKind, Result};
use decoding::{ItemCodes, ItemHead};
use nn::{
    AdamW, CosineSchedule, Llama, Parameter, TrainingCheckpoints, TrainingState, clip_gradients, failed,
    gradients_or_zeros,
};
use ranks::Ranks;
use std::cell::Cell;
use std::time::{Duration, Instant};
use tch::{Tensor, no_grad};

/// Training on its way: what it works on, and how far it is.
pub(crate) struct Training<'a> {
    learner: Learner<'a>,
    samples: &'a Samples,
    parameters: &'a Parameters,
    /// Tokens that are computed at once.
    memory_tokens: usize,
    seed: u64,
    trees: Vec<TokenTree>,
    course: Course,
    validation: Validation<'a>,
    schedule: CosineSchedule,
    optimizer: AdamW,
    /// The average of the weights that takes their place, where one is asked for.
    average: Option<Average>,
    curve: Curve,
    /// The processes that train together.
    ranks: Ranks,
    /// How long this one has summed gradients with the others, and waited for them.
    summing: Cell<Duration>,
}

/// What learns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learner<'a> {
    pub(crate) model: &'a Llama,
    /// The item head and the codes that it has vectors for, where one is trained.
    pub(crate) items: Option<(&'a ItemHead, &'a ItemCodes<'a>)>,
}

impl<'a> Learner<'a> {
    fn tree<'s>(&self, samples: impl IntoIterator<Item = &'s Sample>) -> TokenTree {
        TokenTree::merge(samples, self.items.map(|(_, codes)| codes))
    }

    /// What is minimised with these negatives.
    fn objective(&self, parameters: &Parameters, negatives: impl FnOnce(i64) -> Negatives) -> Objective<'a> {
        let items = self.items.map(|(head, _)| ItemObjective {
            head,
            weight: parameters.item_weight,
            negatives: negatives(head.codes()),
        });
        let Parameters { token_weight, label_smoothing, .. } = *parameters;
        Objective { model: self.model, token_weight, label_smoothing, items }
    }
}

impl<'a> Training<'a> {
    /// Training that has made no step.
    pub(crate) fn new(
        learner: Learner<'a>,
        trained: Vec<Parameter>,
        samples: &'a Samples,
        validation: Validation<'a>,
        parameters: &'a Parameters,
        seed: u64,
    ) -> Result<Self> {
        let trees: Vec<TokenTree> = samples.groups.iter().map(|group| learner.tree(group)).collect();
        let sizes: Vec<usize> = trees.iter().map(TokenTree::len).collect();
        let course = Course::new(&sizes, parameters, seed, None);
        let curve = Curve {
            plain_tokens: samples.groups.iter().flatten().map(|sample| sample.tokens.len() - 1).sum(),
            merged_tokens: sizes.iter().sum(),
            terms: trees.iter().map(TokenTree::terms).sum(),
            ..Curve::default()
        };
        let schedule = schedule(parameters, &course);
        let average = Average::of(&trained, parameters.weight_average)?;
        let optimizer = AdamW::new(trained, parameters.weight_decay)?;
        let memory_tokens = match parameters.memory_tokens {
            0 => tokens_at_once(learner.model, parameters.gradient_checkpointing),
            given => given,
        };
        Ok(Self {
            learner,
            samples,
            parameters,
            memory_tokens,
            seed,
            trees,
            course,
            validation,
            schedule,
            optimizer,
            average,
            curve,
            ranks: Ranks::alone(),
            summing: Cell::default(),
        })
    }

    /// The same, of which each rank computes a part; all begin with the weights of the first.
    pub(crate) fn shared(self, ranks: &Ranks) -> Result<Self> {
        let trained: Vec<Tensor> =
            self.optimizer.parameters().iter().map(|parameter| parameter.tensor.shallow_clone()).collect();
        no_grad(|| ranks.tensors_from_first(&trained))?;
        Ok(Self { ranks: ranks.clone(), ..self })
    }

    /// The same with epochs of another training's length, and the schedule of all of them, ended after as many as that one found best.
    pub(crate) fn of_length(mut self, length: Length) -> Self {
        let sizes: Vec<usize> = self.trees.iter().map(TokenTree::len).collect();
        self.course = Course::new(&sizes, self.parameters, self.seed, Some(length.passes));
        self.schedule = schedule(self.parameters, &self.course);
        self.course.end_after(length.epochs);
        self
    }

    /// Makes all steps that are left, from the checkpoint on where there is one.
    ///
    /// # Errors
    /// [`FailureKind::Diverged`] when the loss is no number any more.
    pub(crate) fn run(&mut self, context: &Context, mut checkpoints: TrainingCheckpoints) -> Result<()> {
        let total = self.course.steps.len() as u64;
        if let Some(state) = checkpoints.read(context) {
            if self.restore(&state)? {
                context.log(format!("going on from step {} of {total}", self.done()));
            } else {
                context.log("the checkpoint is one of another training, so training begins again");
            }
        }
        self.ranks.agree("the step to go on from", self.done() as u64)?;
        let progress = context.progress(total);
        let (started, begun_at) = (Instant::now(), self.done());
        let (mut tokens, mut terms) = (0, 0.0);
        while let Some(groups) = self.course.steps.get(self.done()).filter(|_| !self.validation.stops()) {
            let trees = groups.iter().map(|&group| &self.trees[group as usize]);
            (tokens, terms) =
                trees.fold((tokens, terms), |(tokens, terms), tree| (tokens + tree.len(), terms + tree.terms()));
            self.step()?;
            if self.course.epoch_ends.contains(&self.done())
                && let Some(value) = self.validation.values.last()
            {
                let (epoch, name) = (self.validation.values.len(), self.validation.name());
                context.log(format!("epoch {epoch}: validation {name} {value:.4}"));
            }
            let done = self.done() as u64;
            let seconds = started.elapsed().as_secs_f64().max(1e-9);
            let left = seconds / (done - begun_at as u64) as f64 * (total - done) as f64;
            let speed = tokens as f64 / seconds;
            progress.set(
                done,
                format!("loss {:.4}, {speed:.0} tokens/s, {:.0} min left", self.curve.recent(), left / 60.0),
            );
            if checkpoints.is_due() && done < total {
                checkpoints.write(&self.state(), context);
            }
        }
        if self.validation.stops() {
            // So that a run that goes on does not choose again.
            checkpoints.write(&self.state(), context);
        }
        let (steps, seconds) = (self.done() - begun_at, started.elapsed().as_secs_f64().max(1e-9));
        context.log(format!("{steps} steps in {seconds:.0} s: {:.0} label tokens a second", terms / seconds));
        if self.ranks.count() > 1 {
            let summing = self.summing.get().as_secs_f64();
            context.log(format!("{summing:.1} s of them to sum gradients over {} ranks and wait", self.ranks.count()));
        }
        Ok(())
    }

    /// Puts the weights into the model that are to be kept, and gives the loss of every step.
    pub(crate) fn finish(mut self) -> Result<Curve> {
        if let Some(average) = &mut self.average {
            average.swap(self.optimizer.parameters())?;
        }
        self.validation.put_back(self.optimizer.parameters())?;
        self.curve.steps_an_epoch = self.course.steps_an_epoch();
        self.curve.passes_an_epoch = self.course.passes;
        self.curve.best_epoch = self.validation.best_epoch();
        self.curve.measured_by_lists = self.validation.name() != "loss";
        self.curve.validation = self.validation.values;
        Ok(self.curve)
    }

    /// How many steps were made.
    pub(crate) fn done(&self) -> usize {
        self.curve.losses.len()
    }

    /// Makes the next step, if one is left; the last one of an epoch is followed by validation.
    pub(crate) fn step(&mut self) -> Result<()> {
        let number = self.done();
        let Some(groups) = self.course.steps.get(number) else { return Ok(()) };
        // What dropout draws depends on the step alone, so that a run that goes on draws the same.
        // Each rank draws for its own trees.
        let draws = (number * self.ranks.count() + self.ranks.rank()) as u64;
        tch::manual_seed(self.seed.wrapping_add((draws + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)).cast_signed());
        let draw = |codes| Negatives::draw(self.parameters.item_negatives, codes, self.seed, number as u64);
        let objective = self.learner.objective(self.parameters, draw);
        let loss = if self.parameters.packing {
            let step: Vec<&TokenTree> = groups.iter().map(|&group| &self.trees[group as usize]).collect();
            self.gradients(&objective, &step)?
        } else {
            let samples = groups.iter().flat_map(|&group| &self.samples.groups[group as usize]);
            let plain: Vec<TokenTree> = samples.map(|sample| self.learner.tree([sample])).collect();
            self.gradients(&objective, &plain.iter().collect::<Vec<_>>())?
        };
        let rate = self.schedule.rate(number as u64);
        if !loss.is_finite() {
            return Err(diverged(number, rate));
        }
        if self.parameters.clip > 0.0 {
            clip_gradients(self.optimizer.parameters(), self.parameters.clip)?;
        }
        self.optimizer.step(rate)?;
        self.curve.losses.push(loss);
        let done = self.done();
        let trained = self.optimizer.parameters();
        if let Some(average) = &mut self.average {
            average.update(trained, done)?;
        }
        if self.course.epoch_ends.contains(&done) {
            self.average.iter_mut().try_for_each(|average| average.swap(trained))?;
            self.validation.measure(&objective, trained, self.memory_tokens, &self.ranks)?;
            self.average.iter_mut().try_for_each(|average| average.swap(trained))?;
        }
        Ok(())
    }

    /// The loss of a step's trees, of which this rank computes its part; the gradients are those of all.
    fn gradients(&self, objective: &Objective<'_>, step: &[&TokenTree]) -> Result<f64> {
        let sizes: Vec<usize> = step.iter().map(|tree| tree.len()).collect();
        let own: Vec<&TokenTree> = self.ranks.part_of(&sizes).into_iter().map(|place| step[place]).collect();
        let by_block = self.parameters.gradient_checkpointing;
        let loss = gradients(objective, &own, Terms::of(step), self.memory_tokens, by_block)?;
        let begun = Instant::now();
        if self.ranks.count() > 1 {
            self.ranks.sum_tensors(&gradients_or_zeros(self.optimizer.parameters())?)?;
        }
        let [loss] = self.ranks.sum_few([loss])?;
        self.summing.set(self.summing.get() + begun.elapsed());
        Ok(loss)
    }

    /// All that is needed to go on from here.
    pub(crate) fn state(&self) -> TrainingState {
        TrainingState {
            losses: self.curve.losses.clone(),
            validation: self.validation.values.clone(),
            best: self.validation.best.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect(),
            tensors: self.optimizer.state().into_iter().chain(self.average.iter().flat_map(Average::state)).collect(),
        }
    }

    /// Goes on from a state. Says whether it is one of this training; if not, nothing is changed.
    pub(crate) fn restore(&mut self, state: &TrainingState) -> Result<bool> {
        let epochs = self.course.epoch_ends.range(..=state.losses.len()).count();
        let expected = if self.validation.is_empty() { 0 } else { epochs };
        if state.losses.len() > self.course.steps.len() || state.validation.len() != expected {
            return Ok(false);
        }
        let copies = state.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
        let (of_average, tensors): (Vec<_>, Vec<_>) = copies.partition(|(name, _)| Average::has(name));
        let steps = i32::try_from(state.losses.len()).unwrap_or(i32::MAX);
        let restored =
            self.average.as_mut().map_or(Ok(of_average.is_empty()), |average| average.restore(&of_average))?
                && self.optimizer.restore(&tensors, steps)?
                && self.validation.restore(&state.validation, &state.best, self.optimizer.parameters());
        if restored {
            self.curve.losses.clone_from(&state.losses);
        }
        Ok(restored)
    }
}

/// Adds the gradients of the trees' part of the mean loss over all `terms` to the parameters, and returns that part.
pub(crate) fn gradients(
    objective: &Objective<'_>,
    trees: &[&TokenTree],
    terms: Terms,
    memory_tokens: usize,
    by_block: bool,
) -> Result<f64> {
    let sizes: Vec<usize> = trees.iter().map(|tree| tree.len()).collect();
    let model = objective.model;
    let mut loss = 0.0;
    for rows in pack(&sizes, memory_tokens, row_multiple(model)) {
        let batch = Batch::new(trees, &rows, model)?;
        let part = batch.backward(objective, terms, by_block)?;
        loss += f64::try_from(&part).map_err(failed("read the loss"))?;
    }
    Ok(loss)
}

/// The learning rates of all steps.
fn schedule(parameters: &Parameters, course: &Course) -> CosineSchedule {
    CosineSchedule::new(parameters.learning_rate, parameters.warmup, course.steps.len() as u64)
}

fn diverged(step: usize, rate: f64) -> Failure {
    Failure::new(
        FailureKind::Diverged,
        format!("the loss of step {} is not a number (learning rate {rate:.2e})", step + 1),
    )
    .hint("lower learning_rate, raise warmup, or lower clip")
}

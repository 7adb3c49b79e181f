//! The stage of every model: choose the number of epochs, train, rank.

use super::Model;
use super::evaluation::{CUTOFF, Evaluator, occurrences, rankings, validation_rankings};
use super::negatives::NegativeSampler;
use super::network::Network;
use super::report::{Choice, Report};
use super::samples::Samples;
use super::train::Training;
use crate::parameters::{ModelParameters as _, Shared};
use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result};
use frames::{Interactions, Rankings, Split, kinds};
use nn::{Trained, passes_of_epoch, thread_pool};
use recommender::{ChoiceSplit, HeldOut, Stopping, Validation};
use tch::Device;

/// The ports of every model.
pub(crate) fn inputs() -> Vec<InputPort> {
    vec![InputPort::required("interactions", "interactions", "Who interacted with what; training rows are learned.")]
}

/// The ports of every model.
pub(crate) fn outputs() -> Vec<OutputPort> {
    vec![
        OutputPort::new("items", "item-embeddings", "`embeddings.safetensors`: `items` [items, dim]."),
        OutputPort::new("rankings", "rankings", "`rankings.parquet`: the top_k items of each user with a test item."),
        OutputPort::new(
            "validation",
            kinds::VALIDATION_RANKINGS,
            "`rankings.parquet`: the top_k items of each user with a held-out item, by the training that has not seen it; \
             no rows where there was none (`stopping = \"epochs\"` without validation items).",
        ),
        OutputPort::new(
            "report",
            "report",
            "`report.json`: sizes, the loss of each epoch, and how the number of epochs was chosen; `loss.svg` and \
             `validation.svg`: the pictures.",
        ),
    ]
}

/// Trains a model and writes its outputs.
pub(crate) fn run<M: Model>(parameters: &M::Parameters, context: &Context) -> Result<()> {
    let shared = parameters.shared();
    shared.check()?;
    parameters.check_own()?;
    let device = nn::start(context)?;
    let interactions = Interactions::read(context.input("interactions")?)?;
    let sequences = interactions.sequences(&[Split::Train]);
    let samples_a_pass = samples::<M>(parameters, &interactions, &sequences).len();
    let stage = Run::<M> { parameters, shared: &shared, context, device, interactions: &interactions, samples_a_pass };
    stage.check()?;
    thread_pool(context)?.install(|| stage.run())
}

/// What sequences of these interactions are learned from.
fn samples<'a, M: Model>(
    parameters: &M::Parameters,
    interactions: &Interactions,
    sequences: &'a [Vec<u32>],
) -> Samples<'a> {
    let max_length = parameters.shared().max_length;
    Samples::new(sequences, M::sampling(parameters), max_length, interactions.dataset.items)
}

struct Run<'a, M: Model> {
    parameters: &'a M::Parameters,
    shared: &'a Shared,
    context: &'a Context,
    device: Device,
    interactions: &'a Interactions,
    /// Of all training items.
    samples_a_pass: usize,
}

impl<M: Model> Run<'_, M> {
    fn check(&self) -> Result<()> {
        let items = self.interactions.dataset.items;
        if items >= 2 {
            return Ok(());
        }
        let message = format!("interactions has {items} items, expected at least 2 to tell apart");
        Err(Failure::new(FailureKind::NothingUsable, message).hint("give more interactions"))
    }

    fn run(&self) -> Result<()> {
        let Shared { epochs, stopping, top_k, .. } = *self.shared;
        let split = ChoiceSplit::of(self.interactions);
        let (mut network, trained, choice, validation) = match (stopping, split) {
            (Stopping::Epochs, split) => {
                let (mut network, trained) = self.train("training", self.interactions, epochs, None)?;
                let split = split.filter(|split| split.held_out == HeldOut::Validation);
                let validation = split.map(|split| self.validation_rankings(&mut network, &split)).transpose()?;
                (network, trained, None, validation.unwrap_or_default())
            }
            (Stopping::Validation, Some(split)) if split.held_out == HeldOut::Validation => {
                let validation = split.validation(CUTOFF);
                let (mut network, trained) = self.train("training", self.interactions, epochs, validation.as_ref())?;
                let choice = Choice::of(HeldOut::Validation, &trained);
                let validation = self.validation_rankings(&mut network, &split)?;
                (network, trained, choice, validation)
            }
            (Stopping::Validation, split) => {
                let (chosen, choice, validation) = self.choose_epochs(split)?;
                let (network, trained) = self.train("training", self.interactions, chosen, None)?;
                (network, trained, choice, validation)
            }
        };
        let sequences = self.interactions.sequences(&[Split::Train]);
        let occurrences = occurrences(&sequences, network.items);
        let lists = rankings(&mut network, self.interactions, &popularity(&occurrences), top_k)?;
        lists.write(self.context.output("rankings"))?;
        validation.write(self.context.output("validation"))?;
        let path = self.context.output("items").join("embeddings.safetensors");
        nn::safetensors_file::write(&path, &[("items".to_owned(), network.item_embeddings()?)])?;
        self.report(&network, &sequences, &occurrences, trained, choice).write(self.context)
    }

    /// The number of epochs after which a training without each user's last training item finds these best, and its lists.
    fn choose_epochs(&self, split: Option<ChoiceSplit>) -> Result<(usize, Option<Choice>, Rankings)> {
        let Some(split) = split else {
            let message = "no user has 2 training items, so none can be held out to choose the number of epochs";
            return Err(Failure::new(FailureKind::NothingUsable, message)
                .hint("give more interactions, or set stopping = \"epochs\""));
        };
        let validation = split.validation(CUTOFF);
        let (mut network, trained) =
            self.train("choice of the epochs", &split.interactions, self.shared.epochs, validation.as_ref())?;
        let lists = self.validation_rankings(&mut network, &split)?;
        self.context.log(format!("trains again on all training items for {} epochs", trained.chosen));
        Ok((trained.chosen, Choice::of(HeldOut::LastTrainingItem, &trained), lists))
    }

    fn validation_rankings(&self, network: &mut Network<M>, split: &ChoiceSplit) -> Result<Rankings> {
        let unknown = popularity(&occurrences(&split.histories(), network.items));
        validation_rankings(network, split, &unknown, self.shared.top_k)
    }

    fn train(
        &self,
        name: &str,
        interactions: &Interactions,
        epochs: usize,
        validation: Option<&Validation>,
    ) -> Result<(Network<M>, Trained)> {
        let items = interactions.dataset.items;
        let sequences = interactions.sequences(&[Split::Train]);
        let samples = samples::<M>(self.parameters, interactions, &sequences);
        if samples.len() == 0 {
            let message =
                format!("none of the {} users has 2 training items, so no item follows another", sequences.len());
            return Err(
                Failure::new(FailureKind::NothingUsable, message).hint("give more interactions, or another holdout")
            );
        }
        let occurrences = occurrences(&sequences, items);
        let negatives = NegativeSampler::new(self.shared, &occurrences);
        let unknown = popularity(&occurrences);
        let evaluator = validation.map(|validation| Evaluator { validation, histories: &sequences, unknown: &unknown });
        let mut network = Network::new(self.parameters, items, self.context.seed(), self.device)?;
        let training = Training {
            samples: &samples,
            negatives: &negatives,
            evaluator: evaluator.as_ref(),
            batch: self.shared.batch,
            passes: self.passes(),
            seed: self.context.seed(),
        };
        let trained = self.shared.epochs(name, epochs).train(&training, &mut network, self.context)?;
        Ok((network, trained))
    }

    /// Passes that an epoch is: in a training without the held-out items as many as in one with all, so that an epoch is the same in both.
    fn passes(&self) -> usize {
        passes_of_epoch(self.samples_a_pass, self.shared.batch, self.shared.epoch_steps)
    }

    fn report(
        &self,
        network: &Network<M>,
        sequences: &[Vec<u32>],
        occurrences: &[u32],
        trained: Trained,
        choice: Option<Choice>,
    ) -> Report {
        let negatives = match NegativeSampler::new(self.shared, occurrences) {
            NegativeSampler::All => network.items,
            NegativeSampler::Shared { count, .. } => count,
            NegativeSampler::Own => 1,
        };
        Report {
            users: sequences.len(),
            items: network.items,
            samples_a_pass: self.samples_a_pass,
            passes_an_epoch: self.passes(),
            users_with_fewer_than_two_training_items: sequences.iter().filter(|items| items.len() < 2).count(),
            items_without_training_users: occurrences.iter().filter(|&&count| count == 0).count(),
            weights: network.size(),
            negatives,
            choice,
            steps: trained.steps,
            epochs: trained.epochs,
        }
    }
}

/// The scores for a user without history: the more frequent an item, the higher.
fn popularity(occurrences: &[u32]) -> Vec<f32> {
    occurrences.iter().map(|&count| (f64::from(count) + 1.0).ln() as f32).collect()
}

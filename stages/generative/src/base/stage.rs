//! The stage of either model: choose the number of epochs, train, rank.

use super::network::Network;
use super::report::{Choice, Report};
use super::samples::Samples;
use super::search::Decoding;
use super::stream::{Purpose, stream};
use super::train::{Evaluator, Training};
use crate::language::Language;
use crate::parameters::Shared;
use contract::{Context, Failure, FailureKind, OutputPort, Result};
use frames::{Interactions, Rankings, Split, kinds, write_json};
use nn::{Trained, passes_of_epoch};
use rand::seq::SliceRandom as _;
use recommender::{ChoiceSplit, HeldOut, Stopping, tested_users};
use tch::Device;

/// The k of the measures by which epochs are chosen.
const CUTOFF: usize = 10;

/// The ports of either model.
pub(crate) fn outputs() -> Vec<OutputPort> {
    vec![
        OutputPort::new(
            "rankings",
            kinds::RANKINGS,
            "`rankings.parquet`: the top_k items of each user with a test item.",
        ),
        OutputPort::new(
            "validation",
            kinds::VALIDATION_RANKINGS,
            "`rankings.parquet`: the top_k items of each user with a held-out item, by the training that has not seen it; \
             no rows where there was none (`stopping = \"epochs\"` without validation items).",
        ),
        OutputPort::new(
            "report",
            kinds::REPORT,
            "`report.json`: sizes, the loss of each epoch, and how the number of epochs was chosen.",
        ),
    ]
}

/// Trains a model of that language and writes its outputs. To be called within `nn::thread_pool`.
pub(crate) fn run(
    language: &Language,
    shared: &Shared,
    interactions: &Interactions,
    device: Device,
    context: &Context,
) -> Result<()> {
    let samples_a_pass = Samples::new(&interactions.sequences(&[Split::Train])).len();
    Run { language, shared, interactions, samples_a_pass, device, context }.run()
}

struct Run<'a> {
    language: &'a Language,
    shared: &'a Shared,
    interactions: &'a Interactions,
    /// Of all training items.
    samples_a_pass: usize,
    device: Device,
    context: &'a Context,
}

/// A network, how it was trained, how its epochs were chosen, and the lists of held-out items.
type Outcome<'a> = (Network<'a>, Trained, Option<Choice>, Rankings);

impl<'a> Run<'a> {
    fn run(&self) -> Result<()> {
        let (mut network, trained, choice, validation) = self.train_and_choose()?;
        let users = tested_users(self.interactions)?;
        let sequences = self.interactions.sequences(&[Split::Train]);
        let unknown = popularity(&sequences, self.interactions.dataset.items);
        let rankings = self.decoding(&unknown).rank(&mut network, &users, &self.interactions.before_test())?;
        rankings.write(self.context.output("rankings"))?;
        validation.write(self.context.output("validation"))?;
        let items = self.interactions.dataset.items;
        let expected = self.shared.top_k.min(items);
        let short_lists = rankings.kept.iter().filter(|list| list.items.len() < expected).count();
        if short_lists > 0 {
            let log = format!("{short_lists} users have fewer than {expected} items: a wider beam finds more");
            self.context.log(log);
        }
        let report = Report {
            users: sequences.len(),
            items,
            levels: self.language.levels(),
            vocabulary: self.language.vocabulary(),
            colliding_items: self.language.colliding_items(),
            samples_a_pass: self.samples_a_pass,
            passes_an_epoch: self.passes(),
            users_with_fewer_than_two_training_items: sequences.iter().filter(|items| items.len() < 2).count(),
            weights: network.size(),
            short_lists,
            choice,
            steps: trained.steps,
            epochs: trained.epochs,
        };
        write_json(self.context.output("report"), "report.json", &report)
    }

    fn train_and_choose(&self) -> Result<Outcome<'a>> {
        let Shared { epochs, stopping, .. } = *self.shared;
        match (stopping, ChoiceSplit::of(self.interactions)) {
            (Stopping::Epochs, split) => {
                let (mut network, trained) = self.train("training", self.interactions, epochs, None)?;
                let split = split.filter(|split| split.held_out == HeldOut::Validation);
                let lists = split.map(|split| self.validation_lists(&mut network, &split)).transpose()?;
                Ok((network, trained, None, lists.unwrap_or_default()))
            }
            (Stopping::Validation, Some(split)) if split.held_out == HeldOut::Validation => {
                let (mut network, trained) = self.train("training", &split.interactions, epochs, Some(&split))?;
                let lists = self.validation_lists(&mut network, &split)?;
                let choice = self.choice(&split, &trained);
                Ok((network, trained, Some(choice), lists))
            }
            (Stopping::Validation, Some(split)) => {
                let name = "choice of the epochs";
                let (mut network, trained) = self.train(name, &split.interactions, epochs, Some(&split))?;
                let lists = self.validation_lists(&mut network, &split)?;
                let choice = self.choice(&split, &trained);
                self.context.log(format!("trains again on all training items for {} epochs", trained.chosen));
                let (network, trained) = self.train("training", self.interactions, trained.chosen, None)?;
                Ok((network, trained, Some(choice), lists))
            }
            (Stopping::Validation, None) => {
                let message = "no user has 2 training items, so none can be held out to choose the number of epochs";
                Err(Failure::new(FailureKind::NothingUsable, message)
                    .hint("give more interactions, or set stopping = \"epochs\""))
            }
        }
    }

    fn train(
        &self,
        name: &str,
        interactions: &Interactions,
        epochs: usize,
        split: Option<&ChoiceSplit>,
    ) -> Result<(Network<'a>, Trained)> {
        let sequences = interactions.sequences(&[Split::Train]);
        let samples = Samples::new(&sequences);
        if samples.len() == 0 {
            let message =
                format!("none of the {} users has 2 training items, so no item follows another", sequences.len());
            return Err(
                Failure::new(FailureKind::NothingUsable, message).hint("give more interactions, or another holdout")
            );
        }
        let unknown = popularity(&sequences, interactions.dataset.items);
        let validation = split.and_then(|split| split.validation(CUTOFF));
        let users = split.map(|split| self.validation_users(split)).unwrap_or_default();
        let evaluator = validation.as_ref().map(|validation| Evaluator {
            validation,
            users: &users,
            histories: &sequences,
            decoding: Decoding { top_k: CUTOFF, ..self.decoding(&unknown) },
        });
        let mut network = Network::new(self.language, self.shared, self.context.seed(), self.device)?;
        let training = Training::new(&samples, self.shared, self.passes(), evaluator.as_ref(), self.context.seed());
        let trained = self.shared.epochs(name, epochs).train(&training, &mut network, self.context)?;
        Ok((network, trained))
    }

    /// Passes that an epoch is: in a training without the held-out items as many as in one with all, so that an epoch is the same in both.
    fn passes(&self) -> usize {
        passes_of_epoch(self.samples_a_pass, self.shared.batch, self.shared.epoch_steps)
    }

    fn decoding<'b>(&self, unknown: &'b [f32]) -> Decoding<'b> {
        Decoding { beam: self.shared.beam, top_k: self.shared.top_k, unknown }
    }

    fn choice(&self, split: &ChoiceSplit, trained: &Trained) -> Choice {
        Choice::of(split.held_out, CUTOFF, self.validation_users(split).len(), trained)
    }

    /// The users that epochs are chosen on, ascending.
    fn validation_users(&self, split: &ChoiceSplit) -> Vec<u32> {
        let mut users = split.validation(CUTOFF).map(|validation| validation.users().to_vec()).unwrap_or_default();
        users.shuffle(&mut stream(self.context.seed(), Purpose::ValidationUsers, 0));
        users.truncate(self.shared.validation_users);
        users.sort_unstable();
        users
    }

    /// The lists of every user with a held-out item, by a network that has not learned it.
    fn validation_lists(&self, network: &mut Network<'_>, split: &ChoiceSplit) -> Result<Rankings> {
        let users = split.validation(CUTOFF).map(|validation| validation.users().to_vec()).unwrap_or_default();
        let histories = split.histories();
        let unknown = popularity(&histories, self.interactions.dataset.items);
        self.decoding(&unknown).rank(network, &users, &histories)
    }
}

/// `[items]` the scores for a user without history: the more frequent an item, the higher.
fn popularity(sequences: &[Vec<u32>], items: usize) -> Vec<f32> {
    let mut counts = vec![0_u32; items];
    for &item in sequences.iter().flatten() {
        counts[item as usize] += 1;
    }
    counts.into_iter().map(|count| (f64::from(count) + 1.0).ln() as f32).collect()
}

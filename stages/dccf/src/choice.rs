//! The training: with the decay and the number of epochs that are given, or with those that held-out items choose.
//!
//! A model is trained with each decay until its NDCG@10 on held-out items no longer rises; the best pair of decay and epoch is chosen.
//! Where `ingest` holds out validation items, the weights of that epoch are kept. Where it does not, each user's last training item
//! is held out, and a training on all training items follows, with as many epochs.

use crate::graph::Graph;
use crate::loss::Objective;
use crate::parameters::Parameters;
use crate::sampler::Sampler;
use crate::train::{Evaluation, Schedule, Trained, Training};
use crate::weights::{Shapes, Weights};
use contract::{Context, Failure, FailureKind, Result};
use frames::{Interactions, Split};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use recommender::{HeldOut, Stopping, Validation, hold_out_last_training_item};
use serde::Serialize;
use tch::Device;

/// The k of the NDCG that chooses.
const CUTOFF: usize = 10;

/// How the decay and the number of epochs were chosen.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    held_out: HeldOut,
    /// The k of `NDCG@k`.
    k: usize,
    /// The chosen factor of the squared norms of embeddings.
    embedding_decay: f64,
    chosen_epoch: usize,
    trainings: Vec<Candidate>,
}

/// A training that was evaluated.
#[derive(Debug, Serialize)]
struct Candidate {
    embedding_decay: f64,
    best_epoch: usize,
    best_ndcg: f64,
    evaluations: Vec<Evaluation>,
}

/// Trains models on interactions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trainer<'a> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) context: &'a Context,
    pub(crate) device: Device,
}

impl Trainer<'_> {
    /// Trains by what the parameters say.
    pub(crate) fn run(&self, interactions: &Interactions) -> Result<(Trained, Option<Choice>)> {
        let Parameters { stopping, embedding_decay, epochs, .. } = *self.parameters;
        let given = |decay, epochs| self.train("training", interactions, decay, epochs, None);
        match (stopping, Validation::of(interactions, CUTOFF)) {
            (Stopping::Epochs, _) => Ok((given(embedding_decay, epochs)?, None)),
            (Stopping::Validation, Some(validation)) => {
                let (trained, choice) = self.choose(interactions, &validation, HeldOut::Validation)?;
                Ok((trained, Some(choice)))
            }
            (Stopping::Validation, None) => {
                let held = hold_out_last_training_item(interactions);
                let Some(validation) = Validation::of(&held, CUTOFF) else {
                    return Err(nothing_to_hold_out());
                };
                let (_, choice) = self.choose(&held, &validation, HeldOut::LastTrainingItem)?;
                let Choice { embedding_decay, chosen_epoch, .. } = choice;
                let told =
                    format!("trains again on all training items for {chosen_epoch} epochs, decay {embedding_decay:e}");
                self.context.log(told);
                Ok((given(embedding_decay, chosen_epoch)?, Some(choice)))
            }
        }
    }

    /// The training with the best decay, with the weights of its best epoch.
    fn choose(
        &self,
        interactions: &Interactions,
        validation: &Validation,
        held_out: HeldOut,
    ) -> Result<(Trained, Choice)> {
        let Parameters { ref embedding_decays, embedding_decay, epochs, .. } = *self.parameters;
        let decays = if embedding_decays.is_empty() { vec![embedding_decay] } else { embedding_decays.clone() };
        let (mut best, mut trainings): (Option<(f64, f64, Trained)>, _) = (None, Vec::new());
        for decay in decays {
            let name = format!("choice, decay {decay:e}");
            let trained = self.train(&name, interactions, decay, epochs, Some(validation))?;
            let of_best = trained.evaluations.iter().find(|one| one.epoch == trained.chosen);
            let ndcg = of_best.map_or(0.0, |one| one.ndcg);
            trainings.push(Candidate {
                embedding_decay: decay,
                best_epoch: trained.chosen,
                best_ndcg: ndcg,
                evaluations: trained.evaluations.clone(),
            });
            if best.as_ref().is_none_or(|(highest, ..)| ndcg > *highest) {
                best = Some((ndcg, decay, trained));
            }
        }
        let Some((_, embedding_decay, trained)) = best else {
            return Err(Failure::new(FailureKind::Conflict, "no decay is given"));
        };
        let choice = Choice { held_out, k: CUTOFF, embedding_decay, chosen_epoch: trained.chosen, trainings };
        Ok((trained, choice))
    }

    /// Trains from the first weights, which are the same each time.
    fn train(
        &self,
        name: &str,
        interactions: &Interactions,
        embedding_decay: f64,
        epochs: usize,
        validation: Option<&Validation>,
    ) -> Result<Trained> {
        let parameters = self.parameters;
        let items = interactions.dataset.items;
        let positives = interactions.sequences(&[Split::Train]);
        let sampler = Sampler::new(&positives, items, parameters.sampling);
        if sampler.is_empty() {
            let message =
                format!("none of {} users has both a training item and an item that is not one", positives.len());
            return Err(
                Failure::new(FailureKind::NothingUsable, message).hint("give more interactions, or another holdout")
            );
        }
        let graph = Graph::new(&positives, items);
        let mut rng = ChaCha8Rng::seed_from_u64(self.context.seed());
        let shapes = Shapes { users: graph.users, items, dim: parameters.dim, intents: parameters.intents };
        let weights = Weights::random(shapes, parameters.initialisation, &mut rng);
        let training = Training {
            graph: &graph,
            sampler: &sampler,
            objective: &Objective::of(parameters, embedding_decay),
            validation,
            name,
            schedule: Schedule {
                epochs,
                batch: parameters.batch,
                learning_rate: parameters.learning_rate as f32,
                evaluate_every: parameters.evaluate_every,
                patience: parameters.patience,
            },
            device: self.device,
        };
        training.run(weights, &mut rng, self.context)
    }
}

fn nothing_to_hold_out() -> Failure {
    let message = "no user has 2 training items, so none can be held out to choose the number of epochs";
    Failure::new(FailureKind::NothingUsable, message).hint("give more interactions, or set stopping = \"epochs\"")
}

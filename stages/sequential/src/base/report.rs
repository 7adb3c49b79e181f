//! The stage's report, and its picture.

use super::evaluation::CUTOFF;
use charts::{Axis, Chart, Line};
use contract::{Context, Result};
use frames::write_json;
use nn::{Epoch, Evaluation, Trained};
use recommender::HeldOut;
use serde::Serialize;

/// `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) users: usize,
    pub(crate) items: usize,
    pub(crate) samples_a_pass: usize,
    /// Passes over the samples that an epoch is.
    pub(crate) passes_an_epoch: usize,
    /// Users whose training sequence has no next item to learn.
    pub(crate) users_with_fewer_than_two_training_items: usize,
    pub(crate) items_without_training_users: usize,
    /// How many numbers are trained.
    pub(crate) weights: usize,
    /// How many items a target is compared with.
    pub(crate) negatives: usize,
    /// How the number of epochs was chosen; absent where it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) choice: Option<Choice>,
    pub(crate) steps: usize,
    /// Of the training whose weights were kept.
    pub(crate) epochs: Vec<Epoch>,
}

/// How the number of epochs was chosen.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    /// Where it is the last training item, a training of its own chose.
    held_out: HeldOut,
    /// The k of `NDCG@k`.
    k: usize,
    chosen_epoch: usize,
    evaluations: Vec<Evaluation>,
    /// Of the training that was evaluated.
    epochs: Vec<Epoch>,
}

impl Choice {
    /// The choice that a training made, if it was evaluated.
    pub(crate) fn of(held_out: HeldOut, trained: &Trained) -> Option<Self> {
        (!trained.evaluations.is_empty()).then(|| Self {
            held_out,
            k: CUTOFF,
            chosen_epoch: trained.chosen,
            evaluations: trained.evaluations.clone(),
            epochs: trained.epochs.clone(),
        })
    }
}

impl Report {
    /// Writes `report.json`, `loss.svg` and, where epochs were evaluated, `validation.svg`.
    pub(crate) fn write(&self, context: &Context) -> Result<()> {
        let folder = context.output("report");
        write_json(folder, "report.json", self)?;
        let losses = |epochs: &[Epoch]| epochs.iter().map(|one| (one.epoch as f64, one.loss)).collect::<Vec<_>>();
        let mut lines = vec![Line { name: "training".to_owned(), points: losses(&self.epochs) }];
        if let Some(choice) = self.choice.as_ref().filter(|choice| choice.held_out == HeldOut::LastTrainingItem) {
            lines.push(Line { name: "choice of the epochs".to_owned(), points: losses(&choice.epochs) });
        }
        chart("Loss", "mean loss of a target", lines).write(&folder.join("loss.svg"))?;
        if let Some(choice) = &self.choice {
            let points = choice.evaluations.iter().map(|one| (one.epoch as f64, one.ndcg)).collect();
            let lines = vec![Line { name: "NDCG@10".to_owned(), points }];
            chart("Held-out items", "NDCG@10", lines).write(&folder.join("validation.svg"))?;
        }
        Ok(())
    }
}

fn chart(title: &'static str, up: &'static str, lines: Vec<Line>) -> Chart {
    let points = || lines.iter().flat_map(|line| &line.points);
    let right = points().map(|point| point.0).fold(2.0, f64::max);
    let top = points().map(|point| point.1).fold(1e-3, f64::max);
    Chart {
        title,
        across: Axis { name: "epoch", range: 1.0..right },
        up: Axis { name: up, range: 0.0..1.05 * top },
        lines,
    }
}

//! What the stages of this crate share: their ports, and the lists and report that they write.

use crate::choice::Tried;
use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result};
use frames::{Interactions, Rankings, kinds, write_json};
use recommender::{ChoiceSplit, HeldOut, Parallel};
use serde::Serialize;

/// The k of the measure by which settings are chosen.
pub(crate) const CUTOFF: usize = 10;

/// The ports of every stage.
pub(crate) fn inputs() -> Vec<InputPort> {
    vec![InputPort::required("interactions", kinds::INTERACTIONS, "Training rows to count and histories to rank for.")]
}

/// The lists that every stage gives.
pub(crate) fn list_outputs() -> Vec<OutputPort> {
    vec![
        OutputPort::new(
            "rankings",
            kinds::RANKINGS,
            "rankings.parquet: the best items of every user with a test item.",
        ),
        OutputPort::new(
            "validation",
            kinds::VALIDATION_RANKINGS,
            "rankings.parquet: the best items of every user with a held-out item, counted without those.",
        ),
    ]
}

/// The ports of stages whose settings are chosen.
pub(crate) fn outputs() -> Vec<OutputPort> {
    let report = OutputPort::new(
        "report",
        kinds::REPORT,
        "report.json: the settings, which items chose them, and the NDCG@10 of all that were tried.",
    );
    list_outputs().into_iter().chain([report]).collect()
}

/// `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report<S> {
    /// What was held out; absent where no user has an item that could be.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out: Option<HeldOut>,
    settings: S,
    /// In order; empty where the settings are as given.
    tried: Vec<Tried<S>>,
}

impl<S> Report<S> {
    pub(crate) fn of(split: Option<&ChoiceSplit>, settings: S, tried: Vec<Tried<S>>) -> Self {
        Self { held_out: split.map(|split| split.held_out), settings, tried }
    }
}

/// A model of all training items, and the same without those that are held out.
#[derive(Debug)]
pub(crate) struct Outcome<'a, M, S> {
    pub(crate) interactions: &'a Interactions,
    pub(crate) split: Option<&'a ChoiceSplit>,
    pub(crate) model: &'a M,
    pub(crate) held_out: Option<&'a M>,
    pub(crate) report: Report<S>,
}

/// Writes lists of `entries` items and the report.
///
/// `score` adds the scores of all items for a history to a vector of zeros.
pub(crate) fn write<M: Sync, S: Serialize + Sync>(
    outcome: &Outcome<'_, M, S>,
    entries: usize,
    context: &Context,
    score: impl Fn(&M, &[u32], &mut [f32]) + Sync,
) -> Result<()> {
    let lists = |model: &M, interactions, split| {
        rank(interactions, split, entries, |history: &[u32], scores: &mut [f32]| score(model, history, scores))
    };
    lists(outcome.model, outcome.interactions, None)?.write(context.output("rankings"))?;
    let validation = match (outcome.held_out, outcome.split) {
        (Some(model), Some(split)) => lists(model, &split.interactions, Some(split))?,
        _ => {
            context
                .log("no user has an item that could be held out: the settings are as given, and validation is empty");
            Rankings::default()
        }
    };
    validation.write(context.output("validation"))?;
    let report = &outcome.report;
    if let Ok(settings) = serde_json::to_string(&report.settings) {
        context.log(format!("{} settings tried; {settings}", report.tried.len()));
    }
    write_json(context.output("report"), "report.json", report)
}

/// The lists of every user with a test item, or with one that a split holds out.
pub(crate) fn rank(
    interactions: &Interactions,
    split: Option<&ChoiceSplit>,
    entries: usize,
    score: impl Fn(&[u32], &mut [f32]) + Sync,
) -> Result<Rankings> {
    let histories = split.map_or_else(|| interactions.before_test(), ChoiceSplit::histories);
    let items = interactions.dataset.items;
    let score = |users: &[u32], scores: &mut [f32]| {
        for (&user, scores) in users.iter().zip(scores.chunks_exact_mut(items)) {
            score(&histories[user as usize], scores);
        }
        Ok(())
    };
    let scorer = Parallel { items, block: 1, score };
    match split {
        Some(split) => split.rank(&scorer, entries),
        None => recommender::rank(&scorer, &recommender::tested_users(interactions)?, &histories, entries),
    }
}

/// Refuses numbers that are not finite or below 0.
pub(crate) fn finite(name: &str, number: f64) -> Result<()> {
    if number.is_finite() && number >= 0.0 {
        return Ok(());
    }
    Err(Failure::new(FailureKind::Conflict, format!("{name} is {number}, expected a finite number of at least 0")))
}

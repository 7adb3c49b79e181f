//! The weight of the support that held-out items choose.

use crate::blocks::Blocks;
use crate::parameters::Parameters;
use crate::ranker::{Ranker, Users};
use contract::{Context, Failure, FailureKind, Result};
use ranks::Ranks;
use recommender::ChoiceSplit;
use serde::Serialize;

/// The k of the measure.
const CUTOFF: usize = 10;

/// How many users are decoded for each weight.
const USERS: usize = 2000;

/// A weight and how well held-out items are found with it.
#[derive(Debug, Serialize)]
pub(crate) struct Tried {
    weight: f64,
    ndcg: f64,
}

/// The weight of the best NDCG@10 of lists for held-out items, the first among equals, and what was tried.
pub(crate) fn choose(
    ranker: &Ranker<'_>,
    split: &ChoiceSplit,
    users: &Users,
    parameters: &Parameters,
    ranks: &Ranks,
    context: &Context,
) -> Result<(f64, Vec<Tried>)> {
    if !users.is_supported() {
        let message = "support_weights are to be chosen from, but validation_support is not bound or has no lists";
        return Err(Failure::new(FailureKind::Conflict, message)
            .hint("bind the output validation of the model whose rankings are bound to support"));
    }
    let (sample, validation) = (users.sample(USERS), split.validation(CUTOFF));
    let mut tried: Vec<Tried> = Vec::new();
    for &weight in &parameters.support_weights {
        let lists = ranker.rank(&sample, weight, Blocks::none(), ranks, context)?;
        let found = validation.as_ref().map(|validation| validation.measure_lists(&lists.excluded, sample.len()));
        // The first rank has the lists, and so the sum has its number.
        let [ndcg] = ranks.sum_few([found.filter(|_| ranks.is_first()).map_or(0.0, |quality| quality.ndcg)])?;
        context.log(format!("support of weight {weight}: NDCG@10 {ndcg:.4} of {} held-out items", sample.len()));
        tried.push(Tried { weight, ndcg });
    }
    let best = (1..tried.len()).fold(0, |best, place| if tried[place].ndcg > tried[best].ndcg { place } else { best });
    Ok((tried[best].weight, tried))
}

//! The weights that held-out items choose.

use crate::candidates::Candidates;
use crate::inputs::{Inputs, by_user};
use crate::normalisation::Normalisation;
use crate::parameters::Parameters;
use contract::{Failure, FailureKind, Result};
use frames::RankedList;
use rayon::prelude::*;
use recommender::{Quality, Validation, tie_order};
use serde::Serialize;

/// The k of the measure by which weights are chosen.
pub(crate) const CUTOFF: usize = 10;

/// How much weight moves at once, in the order in which it is tried.
const STEPS: [f64; 4] = [0.2, 0.1, 0.05, 0.025];

/// Powers of the confidence that are tried.
const POWERS: [f64; 4] = [0.0, 0.5, 1.0, 2.0];

/// How lists are blended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Choice {
    pub(crate) normalisation: Normalisation,
    pub(crate) confidence_power: f64,
    /// By model; their sum is 1 where they were chosen.
    pub(crate) weights: Vec<f64>,
}

impl Choice {
    /// With weights that the parameters give.
    pub(crate) fn given(parameters: &Parameters, weights: Vec<f64>) -> Result<Self> {
        if parameters.normalisation == Normalisation::Best || parameters.confidence {
            let message = "weights are given, so nothing chooses the normalisation or what confidence counts";
            return Err(Failure::new(FailureKind::Conflict, message).hint(
                "set normalisation to one of reciprocal-rank, softmax, z-score and min-max, and confidence = false",
            ));
        }
        Ok(Self { normalisation: parameters.normalisation, confidence_power: 0.0, weights })
    }
}

/// A choice and how well it finds the held-out items.
#[derive(Debug, Clone)]
pub(crate) struct Tried {
    pub(crate) choice: Choice,
    pub(crate) ndcg: f64,
}

/// What the held-out items chose.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) choice: Choice,
    /// Of the blend.
    pub(crate) quality: Quality,
    /// By model.
    pub(crate) models: Vec<Quality>,
    /// The best weights of each normalisation and power.
    pub(crate) tried: Vec<Tried>,
    /// By user, the blend's NDCG@10 less that of the best model, both chosen by the other half of the users.
    pub(crate) gains: Vec<f64>,
}

/// Chooses on all users with a held-out item, and measures the gain on each half with what the other chose.
pub(crate) fn choose(parameters: &Parameters, inputs: &Inputs, validation: &Validation) -> Found {
    let lists: Vec<&[RankedList]> = inputs.validation.iter().map(|rankings| rankings.excluded.as_slice()).collect();
    let singles: Vec<Vec<f64>> = lists.iter().map(|lists| of_lists(lists, validation)).collect();
    let searches: Vec<(Normalisation, Search<'_>)> = parameters
        .normalisation
        .tried()
        .into_iter()
        .map(|normalisation| (normalisation, Search::new(parameters, &lists, normalisation, validation)))
        .collect();
    let powers = if parameters.confidence { &POWERS[..] } else { &POWERS[..1] };
    let best = |users: Users| best_of(&searches, powers, &singles, users);
    let (chosen, tried) = best(Users::All);
    let ndcgs = |choice: &Choice| {
        let search = searches.iter().find(|(normalisation, _)| *normalisation == choice.normalisation);
        search.map(|(_, search)| search.ndcgs(choice, Users::All)).unwrap_or_default()
    };
    let mut gains = vec![0.0; validation.users().len()];
    for (choosing, measured) in [(Users::Even, Users::Odd), (Users::Odd, Users::Even)] {
        let blend = ndcgs(&best(choosing).0.choice);
        let model = &singles[best_model(&singles, validation, choosing)];
        for (place, _) in validation.users().iter().enumerate().filter(|(_, user)| measured.has(**user)) {
            gains[place] = blend[place] - model[place];
        }
    }
    let models = singles.iter().map(|ndcgs| Quality::of(ndcgs)).collect();
    Found { quality: Quality::of(&ndcgs(&chosen.choice)), choice: chosen.choice, models, tried, gains }
}

/// A part of the users.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Users {
    All,
    Even,
    Odd,
}

impl Users {
    /// Users are split by a hash of their number, so that neither half is the earlier ones.
    fn has(self, user: u32) -> bool {
        match self {
            Self::All => true,
            Self::Even => tie_order(user).is_multiple_of(2),
            Self::Odd => !tie_order(user).is_multiple_of(2),
        }
    }
}

/// `[users with a held-out item]` NDCG@10 of one model's lists.
fn of_lists(lists: &[RankedList], validation: &Validation) -> Vec<f64> {
    let of_user = |&user: &u32| {
        let place = lists.binary_search_by_key(&user, |list| list.user);
        place.map_or(0.0, |place| validation.ndcg(user, &lists[place].items))
    };
    validation.users().iter().map(of_user).collect()
}

fn mean(ndcgs: &[f64], validation: &Validation, users: Users) -> f64 {
    let of: Vec<f64> =
        validation.users().iter().zip(ndcgs).filter(|(user, _)| users.has(**user)).map(|(_, ndcg)| *ndcg).collect();
    of.iter().sum::<f64>() / of.len().max(1) as f64
}

fn best_model(singles: &[Vec<f64>], validation: &Validation, users: Users) -> usize {
    let means: Vec<f64> = singles.iter().map(|ndcgs| mean(ndcgs, validation, users)).collect();
    (0..means.len()).fold(0, |best, model| if means[model] > means[best] { model } else { best })
}

fn best_of(
    searches: &[(Normalisation, Search<'_>)],
    powers: &[f64],
    singles: &[Vec<f64>],
    users: Users,
) -> (Tried, Vec<Tried>) {
    let mut tried: Vec<Tried> = Vec::new();
    for (normalisation, search) in searches {
        let first = best_model(singles, search.validation, users);
        for &power in powers {
            tried.push(search.best(*normalisation, power, first, singles.len(), users));
        }
    }
    let best = (1..tried.len()).fold(0, |best, place| if tried[place].ndcg > tried[best].ndcg { place } else { best });
    (tried[best].clone(), tried)
}

/// The candidates of all users with a held-out item among them.
#[derive(Debug)]
struct Search<'a> {
    /// With the user's place among those of the validation.
    candidates: Vec<(usize, Candidates)>,
    validation: &'a Validation,
}

impl<'a> Search<'a> {
    fn new(
        parameters: &Parameters,
        lists: &[&[RankedList]],
        normalisation: Normalisation,
        validation: &'a Validation,
    ) -> Self {
        let of_user = |(user, lists): (u32, Vec<&[(u32, f32)]>)| {
            let place = validation.users().binary_search(&user).ok()?;
            let candidates = Candidates::of(user, &lists, normalisation, parameters.rank_constant);
            candidates.has_any(validation.held_out(user)).then_some((place, candidates))
        };
        Self { candidates: by_user(lists).into_iter().filter_map(of_user).collect(), validation }
    }

    /// `[users with a held-out item]` NDCG@10; 0 for those that are not among `users`.
    fn ndcgs(&self, choice: &Choice, users: Users) -> Vec<f64> {
        let of_user = |(place, candidates): &(usize, Candidates)| {
            let user = candidates.user;
            let ranks = candidates.ranks(&choice.weights, choice.confidence_power, self.validation.held_out(user));
            (*place, self.validation.ndcg_of_ranks(user, ranks.into_iter()))
        };
        let found: Vec<(usize, f64)> =
            self.candidates.par_iter().filter(|(_, candidates)| users.has(candidates.user)).map(of_user).collect();
        let mut ndcgs = vec![0.0; self.validation.users().len()];
        for (place, ndcg) in found {
            ndcgs[place] = ndcg;
        }
        ndcgs
    }

    fn measure(&self, choice: Choice, users: Users) -> Tried {
        let ndcg = mean(&self.ndcgs(&choice, users), self.validation, users);
        Tried { choice, ndcg }
    }

    /// The best weights that moving weight between two models finds, from equal weights and from the best model alone.
    fn best(&self, normalisation: Normalisation, power: f64, first: usize, models: usize, users: Users) -> Tried {
        let start = |weights| self.measure(Choice { normalisation, confidence_power: power, weights }, users);
        let alone = start((0..models).map(|model| f64::from(u8::from(model == first))).collect());
        let equal = start(vec![1.0 / models as f64; models]);
        let mut best = if equal.ndcg > alone.ndcg { equal } else { alone };
        for step in STEPS {
            while let Some(better) = self.better(&best, step, users) {
                best = better;
            }
        }
        best
    }

    /// The best choice that moves one step of weight, where it is better than what there is.
    fn better(&self, now: &Tried, step: f64, users: Users) -> Option<Tried> {
        let models = now.choice.weights.len();
        let mut best: Option<Tried> = None;
        for (from, to) in (0..models).flat_map(|from| (0..models).map(move |to| (from, to))) {
            let moved = step.min(now.choice.weights[from]);
            if from == to || moved < 1e-9 {
                continue;
            }
            let mut choice = now.choice.clone();
            choice.weights[from] -= moved;
            choice.weights[to] += moved;
            let tried = self.measure(choice, users);
            if tried.ndcg > best.as_ref().unwrap_or(now).ndcg {
                best = Some(tried);
            }
        }
        best
    }
}

//! The parameters of the stage.

use crate::normalisation::Normalisation;
use contract::{Failure, FailureKind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of the stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How many items each list has.
    #[schemars(range(min = 1))]
    pub top_k: usize,
    /// How the scores of different models are made comparable.
    pub normalisation: Normalisation,
    /// What is added to a rank with `reciprocal-rank`: the smaller, the more the first places count.
    #[schemars(range(min = 0.0))]
    pub rank_constant: f64,
    /// Whether a model counts more for users of whom its list is surer; held-out items choose by how much.
    pub confidence: bool,
    /// A weight for each model, such as `sasrec=0.7`; empty: held-out items choose.
    pub weights: Vec<String>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            top_k: 20,
            normalisation: Normalisation::Best,
            rank_constant: 10.0,
            confidence: false,
            weights: Vec::new(),
        }
    }
}

impl Parameters {
    pub(crate) fn check(&self) -> Result<()> {
        if self.top_k == 0 {
            return Err(Failure::new(FailureKind::Conflict, "top_k is 0, expected at least 1"));
        }
        if !(self.rank_constant.is_finite() && self.rank_constant >= 0.0) {
            let found = self.rank_constant;
            let message = format!("rank_constant is {found}, expected a finite number of at least 0");
            return Err(Failure::new(FailureKind::Conflict, message));
        }
        Ok(())
    }

    /// The given weights in the order of the labels; none where held-out items choose.
    pub(crate) fn given_weights(&self, labels: &[String]) -> Result<Option<Vec<f64>>> {
        if self.weights.is_empty() {
            return Ok(None);
        }
        let conflict = |message: String| Failure::new(FailureKind::Conflict, message);
        let mut weights: Vec<Option<f64>> = vec![None; labels.len()];
        for given in &self.weights {
            let parsed = given.split_once('=').and_then(|(label, weight)| Some((label, weight.parse::<f64>().ok()?)));
            let Some((label, weight)) = parsed.filter(|(_, weight)| weight.is_finite() && *weight >= 0.0) else {
                return Err(conflict(format!(
                    "weights has '{given}', expected LABEL=NUMBER with a number of at least 0"
                )));
            };
            let place = labels.iter().position(|known| known == label);
            let Some(place) = place.filter(|&place| weights[place].is_none()) else {
                let known = labels.join(", ");
                return Err(conflict(format!("weights has '{given}', expected each label of rankings once: {known}")));
            };
            weights[place] = Some(weight);
        }
        let all: Option<Vec<f64>> = weights.into_iter().collect();
        match all.filter(|all| all.iter().any(|&weight| weight > 0.0)) {
            Some(all) => Ok(Some(all)),
            None => {
                let known = labels.join(", ");
                Err(conflict(format!("weights needs a number for each of {known}, and one of them above 0")))
            }
        }
    }
}

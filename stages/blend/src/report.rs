//! The stage's report.

use crate::choice::{Choice, Found, Tried};
use crate::normalisation::Normalisation;
use recommender::{HeldOut, Quality};
use serde::Serialize;
use std::collections::BTreeMap;

/// `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    normalisation: Normalisation,
    confidence_power: f64,
    weights: BTreeMap<String, f64>,
    /// How the weights were chosen; absent where they are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<ChoiceReport>,
}

/// Of the held-out items, seen items excluded.
#[derive(Debug, Serialize)]
struct ChoiceReport {
    held_out: HeldOut,
    users: usize,
    models: BTreeMap<String, Measures>,
    blend: Measures,
    gain: Gain,
    tried: Vec<TriedReport>,
}

#[derive(Debug, Serialize)]
struct Measures {
    #[serde(rename = "NDCG@10")]
    ndcg: f64,
    #[serde(rename = "HR@10")]
    hr: f64,
}

/// The mean of the users' NDCG@10 less that of the best model, each half of the users with what the other chose.
#[derive(Debug, Serialize)]
struct Gain {
    #[serde(rename = "NDCG@10")]
    ndcg: f64,
    standard_error: f64,
}

#[derive(Debug, Serialize)]
struct TriedReport {
    normalisation: Normalisation,
    confidence_power: f64,
    weights: BTreeMap<String, f64>,
    #[serde(rename = "NDCG@10")]
    ndcg: f64,
}

impl Report {
    /// Of weights that the parameters give.
    pub(crate) fn given(labels: &[String], choice: &Choice) -> Self {
        Self {
            normalisation: choice.normalisation,
            confidence_power: choice.confidence_power,
            weights: named(labels, &choice.weights),
            choice: None,
        }
    }

    /// Of weights that held-out items chose.
    pub(crate) fn chosen(labels: &[String], held_out: HeldOut, users: usize, found: &Found) -> Self {
        let models = labels.iter().cloned().zip(found.models.iter().copied().map(Measures::of)).collect();
        let tried = |Tried { choice, ndcg }: &Tried| TriedReport {
            normalisation: choice.normalisation,
            confidence_power: choice.confidence_power,
            weights: named(labels, &choice.weights),
            ndcg: *ndcg,
        };
        let choice = ChoiceReport {
            held_out,
            users,
            models,
            blend: Measures::of(found.quality),
            gain: Gain::of(&found.gains),
            tried: found.tried.iter().map(tried).collect(),
        };
        Self { choice: Some(choice), ..Self::given(labels, &found.choice) }
    }

    /// What the log says.
    pub(crate) fn lines(&self) -> Vec<String> {
        let weights: Vec<String> = self.weights.iter().map(|(label, weight)| format!("{label} {weight:.3}")).collect();
        let mut lines = vec![format!("weights: {}", weights.join(", "))];
        if let Some(choice) = &self.choice {
            for (label, Measures { ndcg, hr }) in &choice.models {
                lines.push(format!("held-out items, {label}: NDCG@10 {ndcg:.5}, HR@10 {hr:.5}"));
            }
            let (Measures { ndcg, hr }, gain) = (&choice.blend, &choice.gain);
            lines.push(format!("held-out items, blend: NDCG@10 {ndcg:.5}, HR@10 {hr:.5}"));
            let (gain, error) = (gain.ndcg, gain.standard_error);
            lines.push(format!(
                "gain over the best model, chosen by the other half of the users: {gain:+.5} ± {error:.5}"
            ));
        }
        lines
    }
}

impl Measures {
    fn of(quality: Quality) -> Self {
        Self { ndcg: quality.ndcg, hr: quality.hr }
    }
}

impl Gain {
    fn of(gains: &[f64]) -> Self {
        let users = gains.len().max(1) as f64;
        let mean = gains.iter().sum::<f64>() / users;
        let squares: f64 = gains.iter().map(|gain| (gain - mean).powi(2)).sum();
        Self { ndcg: mean, standard_error: (squares / (users - 1.0).max(1.0) / users).sqrt() }
    }
}

fn named(labels: &[String], weights: &[f64]) -> BTreeMap<String, f64> {
    labels.iter().cloned().zip(weights.iter().copied()).collect()
}

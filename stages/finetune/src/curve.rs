//! The loss over the steps.

use crate::new_tokens::Check;
use crate::samples::Samples;
use charts::{Axis, Chart, Line};
use serde_json::{Value, json};

/// The loss of each step, and how much was computed.
#[derive(Debug, Default)]
pub(crate) struct Curve {
    pub(crate) losses: Vec<f64>,
    /// The measure on validation after each epoch; empty without.
    pub(crate) validation: Vec<f64>,
    /// Whether that is the NDCG@10 of lists, else it is the loss.
    pub(crate) measured_by_lists: bool,
    /// The epoch whose weights are kept, where that is not the last.
    pub(crate) best_epoch: Option<usize>,
    pub(crate) steps_an_epoch: usize,
    pub(crate) passes_an_epoch: usize,
    /// Tokens of all samples, each sample on its own, once.
    pub(crate) plain_tokens: usize,
    /// Tokens of a pass after merging.
    pub(crate) merged_tokens: usize,
    /// Terms of the loss in a pass.
    pub(crate) terms: f64,
}

impl Curve {
    /// The mean loss of the last steps.
    pub(crate) fn recent(&self) -> f64 {
        const STEPS: usize = 50;
        let recent = &self.losses[self.losses.len().saturating_sub(STEPS)..];
        recent.iter().sum::<f64>() / recent.len().max(1) as f64
    }

    /// Steps and losses: at most 200 points, each the mean of the steps since the one before.
    fn points(&self) -> Vec<(usize, f64)> {
        const POINTS: usize = 200;
        let width = self.losses.len().div_ceil(POINTS).max(1);
        let mut step = 0;
        let point = |part: &[f64]| {
            step += part.len();
            (step, part.iter().sum::<f64>() / part.len() as f64)
        };
        self.losses.chunks(width).map(point).collect()
    }

    /// The picture: the loss by step, and on validation at the end of each epoch.
    pub(crate) fn chart(&self) -> Chart {
        let line = |name: &str, points: Vec<(f64, f64)>| Line { name: name.to_owned(), points };
        let training = self.points().into_iter().map(|(step, loss)| (step as f64, loss)).collect();
        let ends = (1..).map(|epoch| (epoch * self.steps_an_epoch) as f64);
        let validation: Vec<(f64, f64)> = ends.zip(self.validation.iter().copied()).collect();
        let mut lines = vec![line("training", training)];
        if !validation.is_empty() && !self.measured_by_lists {
            lines.push(line("validation", validation));
        }
        let top = lines.iter().flat_map(|line| &line.points).map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
        Chart {
            title: "Loss",
            across: Axis { name: "step", range: 0.0..self.losses.len().max(1) as f64 },
            up: Axis { name: "cross-entropy of a label token", range: 0.0..top },
            lines,
        }
    }

    /// The report.
    pub(crate) fn report(&self, samples: &Samples, check: &Check) -> Value {
        let point = |(step, loss)| json!({"step": step, "loss": loss});
        let points: Vec<Value> = self.points().into_iter().map(point).collect();
        let measure = if self.measured_by_lists { "ndcg" } else { "loss" };
        let validation: Vec<Value> =
            (1..).zip(&self.validation).map(|(epoch, value)| json!({"epoch": epoch, measure: value})).collect();
        json!({
            "samples": samples.read - samples.dropped,
            "samples_dropped_as_too_long": samples.dropped,
            "groups": samples.groups.len(),
            "steps": self.losses.len(),
            "steps_an_epoch": self.steps_an_epoch,
            "passes_an_epoch": self.passes_an_epoch,
            "loss": self.recent(),
            "plain_tokens": self.plain_tokens,
            "merged_tokens": self.merged_tokens,
            "plain_over_merged": self.plain_tokens as f64 / self.merged_tokens.max(1) as f64,
            "loss_terms": self.terms,
            "tokens": check,
            "curve": points,
            "validation": validation,
            "best_epoch": self.best_epoch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_steps_are_averaged() {
        let mut curve = Curve { losses: vec![9.0; 10], ..Curve::default() };
        curve.losses.extend([1.0; 50]);
        assert!((curve.recent() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn validation_stands_at_the_ends_of_epochs() {
        let curve =
            Curve { losses: vec![2.0; 500], validation: vec![3.0, 2.5], steps_an_epoch: 250, ..Curve::default() };
        let chart = curve.chart();
        assert!(chart.lines[0].points.len() <= 200);
        assert_eq!(chart.lines[1].points, [(250.0, 3.0), (500.0, 2.5)]);
        assert!(chart.svg().unwrap().contains("validation"));
    }
}

//! The Adam optimiser (Kingma and Ba 2015) with β₁ 0.9, β₂ 0.999 and ε 1e-8.

use crate::weights::Weights;
use rayon::prelude::*;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;
const BLOCK: usize = 1 << 14;

/// The moments of the gradient so far.
#[derive(Debug)]
pub(crate) struct Adam {
    learning_rate: f32,
    step: i32,
    first: Weights,
    second: Weights,
}

impl Adam {
    /// An optimiser of weights of those shapes.
    pub(crate) fn new(weights: &Weights, learning_rate: f32) -> Self {
        Self { learning_rate, step: 0, first: weights.zeros_like(), second: weights.zeros_like() }
    }

    /// Takes one step against the gradient.
    pub(crate) fn step(&mut self, weights: &mut Weights, gradient: &Weights) {
        self.step += 1;
        let correction_1 = 1.0 - BETA_1.powi(self.step);
        let correction_2 = 1.0 - BETA_2.powi(self.step);
        let rate = self.learning_rate / correction_1;
        let moments = self.first.zip(gradient).into_iter().zip([
            &mut self.second.nodes,
            &mut self.second.user_intents,
            &mut self.second.item_intents,
        ]);
        let targets = [&mut weights.nodes, &mut weights.user_intents, &mut weights.item_intents];
        for (target, ((first, gradient), second)) in targets.into_iter().zip(moments) {
            let blocks = (
                target.par_chunks_mut(BLOCK),
                first.par_chunks_mut(BLOCK),
                second.par_chunks_mut(BLOCK),
                gradient.par_chunks(BLOCK),
            );
            blocks.into_par_iter().for_each(|(target, first, second, gradient)| {
                for (((w, m), v), g) in target.iter_mut().zip(first).zip(second).zip(gradient) {
                    *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                    *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                    *w -= rate * *m / ((*v / correction_2).sqrt() + EPSILON);
                }
            });
        }
    }
}

//! Which groups each step of a training has, and where its epochs end.

use crate::batching::steps;
use crate::parameters::Parameters;
use nn::passes_of_epoch;
use std::collections::BTreeSet;

/// The steps of a training.
#[derive(Debug)]
pub(crate) struct Course {
    /// The groups of each step.
    pub(crate) steps: Vec<Vec<u32>>,
    /// The numbers of steps after which an epoch is over.
    pub(crate) epoch_ends: BTreeSet<usize>,
    /// How many passes over the samples an epoch is.
    pub(crate) passes: usize,
}

/// How long a training without the held-out items was best, for one with all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) epochs: usize,
    /// How many passes an epoch is, so that it is the same in both.
    pub(crate) passes: usize,
}

impl Course {
    /// All epochs over groups of these sizes; an epoch is `passes` passes, or as many as `epoch_steps` asks for.
    pub(crate) fn new(sizes: &[usize], parameters: &Parameters, seed: u64, passes: Option<usize>) -> Self {
        let mut order = (0..).map(|pass| steps(sizes, parameters.batch_tokens, seed, pass)).peekable();
        let steps_a_pass = order.peek().map_or(0, Vec::len);
        let passes = passes.unwrap_or_else(|| passes_of_epoch(steps_a_pass, 1, parameters.epoch_steps));
        let (mut steps, mut epoch_ends) = (Vec::new(), BTreeSet::new());
        for _ in 0..parameters.epochs {
            steps.extend(order.by_ref().take(passes).flatten());
            epoch_ends.insert(steps.len());
        }
        Self { steps, epoch_ends, passes }
    }

    /// How many steps the first epoch has; the others may have a few more or less.
    pub(crate) fn steps_an_epoch(&self) -> usize {
        self.epoch_ends.first().copied().unwrap_or_default()
    }

    /// Leaves out all epochs behind the first so many.
    pub(crate) fn end_after(&mut self, epochs: usize) {
        if let Some(&end) = epochs.checked_sub(1).and_then(|last| self.epoch_ends.iter().nth(last)) {
            self.steps.truncate(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_enough_passes_for_its_steps() {
        let parameters = Parameters { batch_tokens: 10, epochs: 3, epoch_steps: 5, ..Parameters::default() };
        // Two steps a pass.
        let course = Course::new(&[5; 4], &parameters, 1, None);
        assert_eq!((course.passes, course.steps.len(), course.steps_an_epoch()), (3, 18, 6));
        assert_eq!(course.epoch_ends, BTreeSet::from([6, 12, 18]));
        let seen = |group| course.steps.iter().flatten().filter(|&&other| other == group).count();
        assert_eq!([0, 1, 2, 3].map(seen), [9; 4]);
        // No pass is in the order of another.
        assert!((2..18).step_by(2).any(|pass| course.steps[pass..pass + 2] != course.steps[..2]));
    }

    #[test]
    fn a_second_training_has_the_passes_of_the_first() {
        let parameters = Parameters { batch_tokens: 10, epochs: 3, epoch_steps: 5, ..Parameters::default() };
        // Five steps a pass.
        let mut course = Course::new(&[5; 10], &parameters, 1, Some(3));
        course.end_after(2);
        assert_eq!((course.passes, course.steps.len()), (3, 30));
        course.end_after(0);
        assert_eq!(course.steps.len(), 30);
    }
}

//! When to stop training, by what validation items say.

/// The measure of an epoch's weights on the validation items; higher is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluated {
    /// After which epoch.
    pub epoch: usize,
    /// The measure, such as NDCG.
    pub value: f64,
}

impl Evaluated {
    /// Whether it takes the place of an earlier one as the best; no number never does, and every number takes its.
    fn is_better_than(&self, earlier: &Self) -> bool {
        !(self.value <= earlier.value || self.value.is_nan())
    }
}

/// The evaluations so far, and the weights of the best one. Among equal evaluations the first is the best.
#[derive(Debug)]
pub struct EarlyStopping<W> {
    patience: usize,
    evaluations: Vec<Evaluated>,
    best: Option<(usize, W)>,
}

impl<W> EarlyStopping<W> {
    /// Stops after `patience` evaluations in a row that are not better than the best one.
    #[must_use]
    pub fn new(patience: usize) -> Self {
        Self { patience, evaluations: Vec::new(), best: None }
    }

    /// Goes on behind these evaluations, of the best of which the weights were kept. `None` where there are no weights for evaluations,
    /// or the other way round.
    #[must_use]
    pub fn behind(patience: usize, evaluations: Vec<Evaluated>, weights: Option<W>) -> Option<Self> {
        let better = |best: usize, latest: usize| {
            if evaluations[latest].is_better_than(&evaluations[best]) { latest } else { best }
        };
        let best = (0..evaluations.len()).reduce(better);
        match (best, weights) {
            (Some(best), Some(weights)) => Some(Self { patience, evaluations, best: Some((best, weights)) }),
            (None, None) => Some(Self::new(patience)),
            _ => None,
        }
    }

    /// Whether `patience` evaluations in a row were not better than the best one.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.best.as_ref().is_some_and(|(best, _)| self.evaluations.len() - 1 - best >= self.patience)
    }

    /// Adds an evaluation, and keeps `weights()` where it is the best so far. Returns whether to stop.
    ///
    /// # Errors
    /// When the weights cannot be copied.
    pub fn add<E>(&mut self, found: Evaluated, weights: impl FnOnce() -> Result<W, E>) -> Result<bool, E> {
        let latest = self.evaluations.len();
        self.evaluations.push(found);
        if self.best.as_ref().is_none_or(|(best, _)| found.is_better_than(&self.evaluations[*best])) {
            self.best = Some((latest, weights()?));
        }
        Ok(self.is_over())
    }

    /// The evaluations, in order.
    #[must_use]
    pub fn evaluations(&self) -> &[Evaluated] {
        &self.evaluations
    }

    /// The best evaluation, if there was any.
    #[must_use]
    pub fn best(&self) -> Option<Evaluated> {
        self.best.as_ref().map(|(best, _)| self.evaluations[*best])
    }

    /// The weights of the best evaluation so far, if there was any.
    #[must_use]
    pub fn best_weights(&self) -> Option<&W> {
        self.best.as_ref().map(|(_, weights)| weights)
    }

    /// The same, taken out.
    #[must_use]
    pub fn into_best_weights(self) -> Option<W> {
        self.best.map(|(_, weights)| weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn early_stopping_keeps_the_first_best() {
        let mut stopping = EarlyStopping::new(2);
        let values = [0.1, 0.4, 0.4, 0.2];
        let stops: Vec<bool> = (1..)
            .zip(values)
            .map(|(epoch, value)| stopping.add(Evaluated { epoch, value }, || Ok::<_, Infallible>(epoch * 10)).unwrap())
            .collect();
        assert_eq!(stops, [false, false, false, true]);
        assert_eq!(stopping.best(), Some(Evaluated { epoch: 2, value: 0.4 }));
        assert_eq!(stopping.evaluations().len(), 4);
        assert_eq!(stopping.into_best_weights(), Some(20));
        assert_eq!(EarlyStopping::<u8>::new(1).best(), None);
    }

    #[test]
    fn it_goes_on_behind_evaluations_as_if_it_had_made_them() {
        let values = [f64::NAN, 0.4, f64::NAN, 0.5, 0.5, 0.2];
        let evaluated = |count: usize| (1..).zip(values).take(count).map(|(epoch, value)| Evaluated { epoch, value });
        for made in 0..values.len() {
            let (mut whole, mut stops) = (EarlyStopping::new(2), Vec::new());
            for found in evaluated(values.len()) {
                stops.push(whole.add(found, || Ok::<_, Infallible>(found.epoch)).unwrap());
                if stops.len() == made {
                    let mut resumed =
                        EarlyStopping::behind(2, evaluated(made).collect(), whole.best_weights().copied()).unwrap();
                    let best_of = |stopping: &EarlyStopping<usize>| stopping.best().map(|best| best.epoch);
                    assert_eq!((resumed.is_over(), best_of(&resumed)), (stops[made - 1], best_of(&whole)));
                    for found in evaluated(values.len()).skip(made) {
                        resumed.add(found, || Ok::<_, Infallible>(found.epoch)).unwrap();
                    }
                    assert_eq!(resumed.into_best_weights(), Some(4));
                }
            }
        }
        assert!(EarlyStopping::behind(1, Vec::new(), Some(3)).is_none());
        assert!(EarlyStopping::<u8>::behind(1, evaluated(2).collect(), None).is_none());
    }
}

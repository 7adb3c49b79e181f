//! When to stop training, by what validation items say.

/// The measure of an epoch's weights on the validation items; higher is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluated {
    /// After which epoch.
    pub epoch: usize,
    /// The measure, such as NDCG.
    pub value: f64,
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

    /// Adds an evaluation, and keeps `weights()` where it is the best so far. Returns whether to stop.
    ///
    /// # Errors
    /// When the weights cannot be copied.
    pub fn add<E>(&mut self, found: Evaluated, weights: impl FnOnce() -> Result<W, E>) -> Result<bool, E> {
        let latest = self.evaluations.len();
        self.evaluations.push(found);
        let best = match &self.best {
            Some((best, _)) if found.value <= self.evaluations[*best].value || found.value.is_nan() => *best,
            _ => {
                self.best = Some((latest, weights()?));
                latest
            }
        };
        Ok(latest - best >= self.patience)
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

    /// The weights of the best evaluation, if there was any.
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
}

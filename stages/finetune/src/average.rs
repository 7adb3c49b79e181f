//! A moving average of the trained weights, which is measured and written in their place.
//!
//! After step t, from 1, `a ← d a + (1 − d) w` with `d = min(decay, (1 + t) / (10 + t))`: early weights are soon forgotten.

use contract::Result;
use nn::{Parameter, failed, restore_tensors};
use tch::{Tensor, no_grad};

/// What the names of its tensors begin with in a checkpoint.
const PREFIX: &str = "average.";

/// The average.
#[derive(Debug)]
pub(crate) struct Average {
    decay: f64,
    /// In the order of the trained parameters.
    named: Vec<(String, Tensor)>,
}

impl Average {
    /// The average before any step: the weights themselves. `None` when the decay is 0.
    pub(crate) fn of(trained: &[Parameter], decay: f64) -> Result<Option<Self>> {
        if decay == 0.0 {
            return Ok(None);
        }
        let copy = |parameter: &Parameter| Ok((format!("{PREFIX}{}", parameter.name), parameter.copied()?));
        let named = trained.iter().map(copy).collect::<std::result::Result<_, tch::TchError>>();
        Ok(Some(Self { decay, named: named.map_err(failed("average the weights"))? }))
    }

    /// Takes the weights after a step in, from 1.
    pub(crate) fn update(&mut self, trained: &[Parameter], step: usize) -> Result<()> {
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        let mut take = || {
            self.named
                .iter_mut()
                .zip(trained)
                .try_for_each(|((_, average), parameter)| average.f_lerp_(&parameter.tensor, 1.0 - decay).map(drop))
        };
        no_grad(&mut take).map_err(failed("average the weights"))
    }

    /// Puts the average into the model, and keeps the weights in its place until this is called again.
    pub(crate) fn swap(&mut self, trained: &[Parameter]) -> Result<()> {
        let mut swap = || {
            self.named.iter_mut().zip(trained).try_for_each(|((_, average), parameter)| {
                let mut weights = parameter.tensor.shallow_clone();
                let kept = weights.f_detach_copy()?;
                weights.f_copy_(average)?;
                *average = kept;
                Ok(())
            })
        };
        no_grad(&mut swap).map_err(failed("put the averaged weights into the model"))
    }

    /// Its tensors by name, for a checkpoint.
    pub(crate) fn state(&self) -> Vec<(String, Tensor)> {
        self.named.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    }

    /// Whether a tensor of a checkpoint is of an average.
    pub(crate) fn has(name: &str) -> bool {
        name.starts_with(PREFIX)
    }

    /// Takes over the tensors of a checkpoint. Says whether they are of the same parameters; if not, nothing is changed.
    ///
    /// # Errors
    /// When the tensors cannot be copied.
    pub(crate) fn restore(&mut self, tensors: &[(String, Tensor)]) -> Result<bool> {
        restore_tensors(self.state(), tensors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn parameter(value: f64) -> Parameter {
        let tensor = Tensor::full([2], value, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        Parameter { name: "weight".to_owned(), tensor, decays: false }
    }

    fn set(parameter: &Parameter, value: f64) {
        drop(no_grad(|| parameter.tensor.shallow_clone().fill_(value)));
    }

    #[test]
    fn the_average_follows_the_weights_and_takes_their_place() {
        let trained = [parameter(1.0)];
        assert!(Average::of(&trained, 0.0).unwrap().is_none());
        let mut average = Average::of(&trained, 0.5).unwrap().unwrap();
        let mut expected = 1.0;
        for (step, weight) in [(1, 3.0), (2, 5.0), (30, 2.0)] {
            set(&trained[0], weight);
            average.update(&trained, step).unwrap();
            let decay = f64::min(0.5, (1.0 + step as f64) / (10.0 + step as f64));
            expected = decay * expected + (1.0 - decay) * weight;
        }
        average.swap(&trained).unwrap();
        assert!((trained[0].tensor.double_value(&[0]) - expected).abs() < 1e-6);
        let state = average.state();
        average.swap(&trained).unwrap();
        assert_eq!(trained[0].tensor.double_value(&[0]), 2.0);
        assert!(average.restore(&state).unwrap() && !average.restore(&[]).unwrap());
        average.swap(&trained).unwrap();
        assert_eq!(trained[0].tensor.double_value(&[0]), 2.0, "what the checkpoint held was the weights");
    }
}

//! AdamW with decoupled weight decay (Loshchilov & Hutter, 2019), and clipping of gradients.
//!
//! libtorch's own optimizer does not hand out its state, which a checkpoint needs, so the formula stands here.

use crate::llama::Parameter;
use crate::{Torch, failed};
use contract::Result;
use std::collections::BTreeMap;
use tch::{Kind, Tensor, no_grad};

/// The optimizer of a list of parameters.
#[derive(Debug)]
pub struct AdamW {
    parameters: Vec<Parameter>,
    /// Running means of gradients and of their squares.
    moments: Vec<(Tensor, Tensor)>,
    betas: (f64, f64),
    epsilon: f64,
    weight_decay: f64,
    steps: i32,
}

impl AdamW {
    /// With β = (0.9, 0.999) and ε = 1e-8.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn new(parameters: Vec<Parameter>, weight_decay: f64) -> Result<Self> {
        let fresh = |parameter: &Parameter| -> Torch<(Tensor, Tensor)> {
            let value = parameter.tensor.f_detach()?;
            Ok((value.f_zeros_like()?, value.f_zeros_like()?))
        };
        let moments = parameters.iter().map(fresh).collect::<Torch<_>>().map_err(failed("prepare the optimizer"))?;
        Ok(Self { parameters, moments, betas: (0.9, 0.999), epsilon: 1e-8, weight_decay, steps: 0 })
    }

    /// What is trained.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Moves the parameters against their gradients at that learning rate, and clears the gradients.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn step(&mut self, rate: f64) -> Result<()> {
        self.steps += 1;
        no_grad(|| self.update(rate)).map_err(failed("update the weights"))
    }

    /// How many steps were made.
    #[must_use]
    pub fn steps(&self) -> i32 {
        self.steps
    }

    /// All that a later optimizer of the same parameters needs to go on as this one: each parameter's value and the two
    /// moments of its gradients.
    #[must_use]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let named = self.parameters.iter().zip(&self.moments).flat_map(|(parameter, (mean, square))| {
            let tensors = [("value", &parameter.tensor), ("mean", mean), ("square", square)];
            tensors.map(|(part, tensor)| (format!("{part}.{}", parameter.name), tensor.shallow_clone()))
        });
        named.collect()
    }

    /// Goes on from the state of an optimizer that had made that many steps. Says whether the state is one of the same
    /// parameters; if not, nothing is changed.
    ///
    /// # Errors
    /// When the tensors cannot be copied.
    pub fn restore(&mut self, state: &[(String, Tensor)], steps: i32) -> Result<bool> {
        let restored = restore_tensors(self.state(), state)?;
        if restored {
            self.steps = steps;
        }
        Ok(restored)
    }

    fn update(&mut self, rate: f64) -> Torch<()> {
        let (first, second) = self.betas;
        let mean_correction = 1.0 - first.powi(self.steps);
        let square_correction = 1.0 - second.powi(self.steps);
        for (parameter, (mean, square)) in self.parameters.iter_mut().zip(&mut self.moments) {
            let mut gradient = parameter.tensor.f_grad()?;
            if !gradient.defined() {
                continue;
            }
            drop(mean.f_lerp_(&gradient, 1.0 - first)?);
            drop(square.f_lerp_(&gradient.f_square()?, 1.0 - second)?);
            if parameter.decays && self.weight_decay > 0.0 {
                drop(parameter.tensor.f_mul_scalar_(1.0 - rate * self.weight_decay)?);
            }
            let mut spread = square.f_div_scalar(square_correction)?.f_sqrt()?;
            drop(spread.f_add_scalar_(self.epsilon)?);
            let step = mean.f_div(&spread)?.f_mul_scalar(rate / mean_correction)?;
            drop(parameter.tensor.f_sub_(&step)?);
            drop(gradient.f_zero_()?);
        }
        Ok(())
    }
}

/// Copies tensors over those of one's own that have the same names. Says whether both have the same names, shapes and kinds; if
/// not, nothing is changed.
///
/// # Errors
/// When the tensors cannot be copied.
pub fn restore_tensors(own: Vec<(String, Tensor)>, state: &[(String, Tensor)]) -> Result<bool> {
    let found: BTreeMap<&str, &Tensor> = state.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let fits = |(name, tensor): &(String, Tensor)| {
        found.get(name.as_str()).is_some_and(|found| found.size() == tensor.size() && found.kind() == tensor.kind())
    };
    if own.len() != found.len() || !own.iter().all(fits) {
        return Ok(false);
    }
    no_grad(|| own.into_iter().try_for_each(|(name, mut tensor)| tensor.f_copy_(found[name.as_str()])))
        .map_err(failed("restore tensors"))?;
    Ok(true)
}

/// The gradients of all parameters; of one that has none yet, zeros, which become its gradient.
///
/// # Errors
/// When the device has too little memory.
pub fn gradients_or_zeros(parameters: &[Parameter]) -> Result<Vec<Tensor>> {
    let gradient = |parameter: &Parameter| -> Torch<Tensor> {
        if !parameter.tensor.f_grad()?.defined() {
            // tch cannot set a gradient, so one is made.
            parameter.tensor.f_mul_scalar(0.0)?.f_sum(Kind::Float)?.f_backward()?;
        }
        parameter.tensor.f_grad()
    };
    parameters.iter().map(gradient).collect::<Torch<_>>().map_err(failed("collect the gradients"))
}

/// Scales all gradients down so that their common norm is at most `limit`; returns the norm before.
///
/// # Errors
/// When the device has too little memory.
pub fn clip_gradients(parameters: &[Parameter], limit: f64) -> Result<f64> {
    let clip = || -> Torch<f64> {
        let mut gradients = Vec::new();
        for parameter in parameters {
            let gradient = parameter.tensor.f_grad()?;
            if gradient.defined() {
                gradients.push(gradient);
            }
        }
        let norms =
            gradients.iter().map(|gradient| gradient.f_norm()?.f_to_kind(Kind::Float)).collect::<Torch<Vec<_>>>()?;
        let norm = if norms.is_empty() { 0.0 } else { f64::try_from(Tensor::f_stack(&norms, 0)?.f_norm()?)? };
        if norm > limit {
            for gradient in &mut gradients {
                drop(gradient.f_mul_scalar_(limit / (norm + 1e-6))?);
            }
        }
        Ok(norm)
    };
    no_grad(clip).map_err(failed("clip the gradients"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn parameter(value: f64) -> Parameter {
        let tensor = Tensor::full([1], value, (Kind::Double, Device::Cpu)).set_requires_grad(true);
        Parameter { name: "w".to_owned(), tensor, decays: true }
    }

    #[test]
    fn the_first_steps_are_those_of_the_formula() {
        let tensor = parameter(2.0);
        let weight = tensor.tensor.shallow_clone();
        let mut optimizer = AdamW::new(vec![tensor], 0.1).unwrap();
        let (mut expected, mut mean, mut square) = (2.0f64, 0.0, 0.0);
        for step in 1..=3 {
            (&weight * &weight * 1.5).sum(Kind::Double).backward();
            let gradient = 3.0 * expected;
            mean = 0.9 * mean + 0.1 * gradient;
            square = 0.999 * square + 0.001 * gradient * gradient;
            let (m, v) = (mean / (1.0 - 0.9f64.powi(step)), square / (1.0 - 0.999f64.powi(step)));
            expected = expected * (1.0 - 0.01 * 0.1) - 0.01 * m / (v.sqrt() + 1e-8);
            optimizer.step(0.01).unwrap();
            assert!((f64::try_from(&weight).unwrap() - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_restored_optimizer_goes_on_as_the_first_would_have() {
        let step = |optimizer: &mut AdamW| {
            let weight = &optimizer.parameters()[0].tensor;
            (weight * weight * 1.5).sum(Kind::Double).backward();
            optimizer.step(0.01).unwrap();
        };
        let mut first = AdamW::new(vec![parameter(2.0)], 0.1).unwrap();
        step(&mut first);
        let state: Vec<_> = first.state().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
        let mut second = AdamW::new(vec![parameter(7.0)], 0.1).unwrap();
        assert!(second.restore(&state, first.steps()).unwrap());
        step(&mut first);
        step(&mut second);
        assert_eq!(first.parameters()[0].tensor, second.parameters()[0].tensor);
        assert!(!second.restore(&[], 1).unwrap());
    }

    #[test]
    fn a_parameter_without_a_gradient_gets_zeros() {
        let parameters = [parameter(3.0), parameter(4.0)];
        parameters[0].tensor.sum(Kind::Double).backward();
        let gradients = gradients_or_zeros(&parameters).unwrap();
        assert_eq!(gradients.iter().map(|gradient| gradient.double_value(&[])).collect::<Vec<_>>(), [1.0, 0.0]);
        assert!(parameters[1].tensor.grad().defined());
    }

    #[test]
    fn gradients_are_clipped_together() {
        let parameters = [parameter(3.0), parameter(4.0)];
        for parameter in &parameters {
            (&parameter.tensor * &parameter.tensor * 0.5).sum(Kind::Double).backward();
        }
        assert!((clip_gradients(&parameters, 1.0).unwrap() - 5.0).abs() < 1e-6);
        let gradient = f64::try_from(parameters[0].tensor.grad()).unwrap();
        assert!((gradient - 0.6).abs() < 1e-5);
    }
}

//! The Adam optimiser (Kingma and Ba 2015) with β₁ 0.9, β₂ 0.999 and ε 1e-8.

use super::Torch;
use contract::Result;
use nn::restore_tensors;
use tch::{Tensor, no_grad};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Numbers that are updated together: few enough that they stay in the cache from one operator to the next.
const BLOCK: i64 = 1 << 15;

/// The moments of the gradients so far, one pair for each weight.
#[derive(Debug)]
pub(crate) struct Adam {
    weights: Vec<Tensor>,
    moments: Vec<(Tensor, Tensor)>,
    rate: f64,
    steps: i32,
}

impl Adam {
    /// An optimiser of these weights.
    pub(crate) fn new(weights: &[Tensor], rate: f64) -> Torch<Self> {
        let flat = |weight: &Tensor| weight.f_detach()?.f_view(-1);
        let weights: Vec<Tensor> = weights.iter().map(flat).collect::<Torch<_>>()?;
        let zeros = |weight: &Tensor| Ok((weight.f_zeros_like()?, weight.f_zeros_like()?));
        let moments = weights.iter().map(zeros).collect::<Torch<_>>()?;
        Ok(Self { weights, moments, rate, steps: 0 })
    }

    /// Moves the weights against their gradients, which it overwrites.
    pub(crate) fn step(&mut self, gradients: &[Tensor]) -> Torch<()> {
        self.steps += 1;
        no_grad(|| {
            for ((weight, (mean, square)), gradient) in self.weights.iter().zip(&self.moments).zip(gradients) {
                let gradient = gradient.f_reshape(-1)?;
                let count = weight.size()[0];
                for start in (0..count).step_by(BLOCK as usize) {
                    let length = BLOCK.min(count - start);
                    let block = |tensor: &Tensor| tensor.f_narrow(0, start, length);
                    self.update(block(weight)?, block(mean)?, block(square)?, block(&gradient)?)?;
                }
            }
            Ok(())
        })
    }

    /// All that a later optimiser of the same weights needs to go on as this one: the weights and both moments of their gradients.
    pub(crate) fn state(&self) -> Vec<(String, Tensor)> {
        let named = (0..).zip(self.weights.iter().zip(&self.moments)).flat_map(|(number, (weight, (mean, square)))| {
            let tensors = [("value", weight), ("mean", mean), ("square", square)];
            tensors.map(|(part, tensor): (&str, &Tensor)| (format!("{part}.{number}"), tensor.shallow_clone()))
        });
        named.collect()
    }

    /// Goes on from the state of an optimiser that had made that many steps. Says whether the state is one of the same weights; if not,
    /// nothing is changed.
    pub(crate) fn restore(&mut self, state: &[(String, Tensor)], steps: i32) -> Result<bool> {
        let restored = restore_tensors(self.state(), state)?;
        if restored {
            self.steps = steps;
        }
        Ok(restored)
    }

    fn update(&self, mut weight: Tensor, mut mean: Tensor, mut square: Tensor, mut scratch: Tensor) -> Torch<()> {
        let (first, second) = (1.0 - BETA_1.powi(self.steps), 1.0 - BETA_2.powi(self.steps));
        drop(mean.f_lerp_(&scratch, 1.0 - BETA_1)?);
        drop(scratch.f_square_()?);
        drop(square.f_lerp_(&scratch, 1.0 - BETA_2)?);
        scratch.f_copy_(&square)?;
        drop(scratch.f_sqrt_()?);
        // weight −= rate · (mean / first) / (√(square / second) + ε), with all factors on the side of the divisor.
        drop(scratch.f_mul_scalar_(-first / (self.rate * second.sqrt()))?);
        drop(scratch.f_add_scalar_(-first * EPSILON / self.rate)?);
        drop(weight.f_addcdiv_(&mean, &scratch)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn the_first_steps_are_those_of_the_formula() {
        let weight = Tensor::full([1], 2.0, (Kind::Double, Device::Cpu));
        let mut adam = Adam::new(std::slice::from_ref(&weight), 0.01).unwrap();
        let (mut expected, mut mean, mut square) = (2.0f64, 0.0, 0.0);
        for step in 1..=3 {
            let gradient = 3.0 * expected;
            adam.step(&[&weight * 3.0]).unwrap();
            mean = 0.9 * mean + 0.1 * gradient;
            square = 0.999 * square + 0.001 * gradient * gradient;
            let (m, v) = (mean / (1.0 - 0.9f64.powi(step)), square / (1.0 - 0.999f64.powi(step)));
            expected -= 0.01 * m / (v.sqrt() + 1e-8);
            assert!((weight.double_value(&[0]) - expected).abs() < 1e-12);
        }
    }
}

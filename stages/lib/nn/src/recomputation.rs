//! Gradients without keeping what is inside the blocks (Chen et al., 2016, "Training Deep Nets with Sublinear Memory
//! Cost"): of each block only its input is kept, and the block is computed again on the way back.

use crate::attention::{AttentionMask, KernelMask};
use crate::llama::Llama;
use crate::{Torch, failed};
use contract::Result;
use tch::{Kind, Tensor};

impl Llama {
    /// Adds the gradients of `loss`, a scalar of the last hidden states `[B, T, h]`, to what is trained, and returns it.
    /// Equal to [`Llama::forward_embedded`] and a backward pass, but for what dropout draws.
    ///
    /// # Errors
    /// When shapes do not fit, `loss` fails, or the device has too little memory.
    pub fn backward_by_block(
        &self,
        embedded: &Tensor,
        positions: &Tensor,
        mask: &AttentionMask,
        loss: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let failed = || failed("compute gradients block by block");
        let pass = Pass::new(self, embedded, positions, mask).map_err(failed())?;
        let (input, inputs, last) = pass.forward(embedded).map_err(failed())?;
        let value = loss(&self.normalise(&last, &self.norm).map_err(failed())?)?;
        value.f_backward().map_err(failed())?;
        pass.backward(&input, inputs, &last).map_err(failed())?;
        Ok(value.detach())
    }
}

/// What all blocks of one pass share.
struct Pass<'a> {
    model: &'a Llama,
    rotation: crate::rotary::Rotation,
    mask: KernelMask,
    /// Dropout draws the same when a block is computed again.
    seed: i64,
}

impl<'a> Pass<'a> {
    fn new(model: &'a Llama, embedded: &Tensor, positions: &Tensor, mask: &AttentionMask) -> Torch<Self> {
        let kind = model.precision;
        Ok(Self {
            model,
            rotation: model.rotary.at(positions, kind)?,
            mask: KernelMask::new(mask, embedded.size()[1], 0, kind, model.device())?,
            seed: i64::try_from(Tensor::f_randint(i64::from(i32::MAX), [1], (Kind::Int64, tch::Device::Cpu))?)?,
        })
    }

    fn block(&self, number: usize, input: &Tensor) -> Torch<Tensor> {
        if self.model.dropout > 0.0 || self.model.lora.as_ref().is_some_and(|lora| lora.dropout > 0.0) {
            tch::manual_seed(self.seed.wrapping_add(number as i64));
        }
        self.model.block(&self.model.blocks[number], input, &self.rotation, &self.mask, None, true)
    }

    /// The input of the first block with its graph, the inputs of all blocks without one, and the output of the last.
    fn forward(&self, embedded: &Tensor) -> Torch<(Tensor, Vec<Tensor>, Tensor)> {
        let input = self.model.input(embedded, true)?;
        let mut x = input.f_detach()?;
        let mut inputs = Vec::with_capacity(self.model.blocks.len());
        for number in 0..self.model.blocks.len() {
            let output = tch::no_grad(|| self.block(number, &x))?;
            inputs.push(x.f_set_requires_grad(true)?);
            x = output.f_detach()?;
        }
        Ok((input, inputs, x.f_set_requires_grad(true)?))
    }

    /// Takes the gradient of the last output back to the embedding.
    fn backward(&self, input: &Tensor, inputs: Vec<Tensor>, last: &Tensor) -> Torch<()> {
        let mut gradient = last.f_grad()?;
        for (number, input) in inputs.into_iter().enumerate().rev() {
            propagate(&self.block(number, &input)?, &gradient)?;
            gradient = input.f_grad()?;
        }
        if input.requires_grad() { propagate(input, &gradient) } else { Ok(()) }
    }
}

/// Adds to what `output` was made from the gradient of a loss whose gradient by `output` is known.
fn propagate(output: &Tensor, gradient: &Tensor) -> Torch<()> {
    output.f_mul(gradient)?.f_sum(output.kind())?.f_backward()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llama_config::tests::tiny;
    use crate::{LoraConfig, Parameter};
    use serde_json::json;
    use tch::Device;

    fn batch() -> (Tensor, Tensor) {
        let ids = Tensor::from_slice(&[1i64, 5, 9, 2, 23, 0, 4, 24, 7, 11]).view([2, 5]);
        (ids, Tensor::arange(5, (Kind::Int64, Device::Cpu)).expand([2, 5], false))
    }

    fn loss(model: &Llama, hidden: &Tensor) -> Result<Tensor> {
        Ok(model.logits(hidden)?.log_softmax(-1, Kind::Float).select(2, 3).mean(Kind::Float))
    }

    /// The loss and all gradients of a model that is trained with adapters or whole.
    fn gradients(lora: bool, by_block: bool) -> (f64, Vec<Tensor>) {
        tch::manual_seed(3);
        let mut model = Llama::random(tiny(&json!({})), 0.3, Device::Cpu, Kind::Float).unwrap();
        model.add_tokens(23, 2, 0.1).unwrap();
        let targets = vec!["q_proj".to_owned(), "down_proj".to_owned()];
        let config = LoraConfig { r: 2, alpha: 4.0, dropout: 0.0, target_modules: targets };
        let trained: Vec<Parameter> =
            if lora { model.train_lora(&config).unwrap() } else { model.train_all().unwrap() };
        // Other tests draw from the same generator meanwhile.
        for (number, parameter) in trained.iter().enumerate() {
            let values = Tensor::arange(parameter.tensor.numel() as i64, (Kind::Float, Device::Cpu));
            let values = ((values + number as f64).sin() * 0.3).view_as(&parameter.tensor);
            tch::no_grad(|| parameter.tensor.shallow_clone().copy_(&values));
        }
        let (ids, positions) = batch();
        let mask = AttentionMask::Causal;
        let value = if by_block {
            model
                .backward_by_block(&model.embed(&ids).unwrap(), &positions, &mask, |hidden| loss(&model, hidden))
                .unwrap()
        } else {
            let value = loss(&model, &model.forward(&ids, &positions, &mask, None, true).unwrap()).unwrap();
            value.backward();
            value
        };
        (value.double_value(&[]), trained.iter().map(|parameter| parameter.tensor.grad()).collect())
    }

    #[test]
    fn gradients_equal_those_of_the_plain_way() {
        let ((plain, expected), (value, found)) = (gradients(false, false), gradients(false, true));
        assert!((plain - value).abs() < 1e-6);
        assert!(expected.iter().zip(&found).all(|(a, b)| a.allclose(b, 1e-4, 1e-6, false)));
    }

    #[test]
    fn what_is_not_trained_gets_no_gradient() {
        let (_, found) = gradients(true, true);
        assert!(found.iter().all(|gradient| gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0));
    }
}

//! Linear maps of one input that are computed as one: q, k and v; gate and up.

use crate::Torch;
use crate::lora::Lora;
use tch::{Kind, Tensor};

/// Projections of the same input, stacked, so that one multiplication computes them all.
#[derive(Debug)]
pub(crate) struct Projection {
    /// `[sum of the parts' outputs, inputs]`.
    pub(crate) weight: Tensor,
    /// What is stacked, from the top.
    pub(crate) parts: Vec<Part>,
}

/// One of the stacked projections.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its name in the Hugging Face layout, without `.weight`.
    pub(crate) name: String,
    /// Its outputs.
    pub(crate) outputs: i64,
    /// Its adapter.
    pub(crate) lora: Option<Lora>,
}

impl Projection {
    /// Stacks weights `[outputs, inputs]` by name.
    pub(crate) fn stack(parts: Vec<(String, Tensor)>) -> Torch<Self> {
        let weight = match parts.as_slice() {
            [(_, only)] => only.shallow_clone(),
            several => Tensor::f_cat(&several.iter().map(|(_, weight)| weight).collect::<Vec<_>>(), 0)?,
        };
        let parts =
            parts.into_iter().map(|(name, weight)| Part { name, outputs: weight.size()[0], lora: None }).collect();
        Ok(Self { weight, parts })
    }

    /// `[.., inputs]` to `[.., sum of outputs]`.
    pub(crate) fn forward(&self, x: &Tensor, train: bool) -> Torch<Tensor> {
        let plain = x.f_linear(&self.weight.f_to_kind(x.kind())?, None::<&Tensor>)?;
        let adapters: Vec<&Lora> = self.parts.iter().filter_map(|part| part.lora.as_ref()).collect();
        if adapters.is_empty() {
            return Ok(plain);
        }
        let down = Lora::down_project(&adapters, x, train)?.f_flatten(0, -2)?;
        let output = plain.f_flatten(0, -2)?.f_addmm(&down, &self.up_projection(x.kind())?.f_transpose(0, 1)?)?;
        output.f_view_as(&plain)
    }

    /// The matrices B of all adapters along the diagonal, `[sum of outputs, sum of ranks]`: one product projects all of them up.
    fn up_projection(&self, kind: Kind) -> Torch<Tensor> {
        let b = self.parts.iter().map(|part| match &part.lora {
            Some(lora) => Ok(lora.b.shallow_clone()),
            None => Tensor::f_zeros([part.outputs, 0], (Kind::Float, self.weight.device())),
        });
        Tensor::f_block_diag(&b.collect::<Torch<Vec<_>>>()?)?.f_to_kind(kind)
    }

    /// Adds the adapters to the weight and takes them off.
    pub(crate) fn merge(&mut self) -> Torch<()> {
        let kind = self.weight.kind();
        let mut merged = Vec::with_capacity(self.parts.len());
        for ((_, weight), part) in self.unstack()?.into_iter().zip(&mut self.parts) {
            merged.push(match part.lora.take() {
                Some(lora) => weight.f_to_kind(Kind::Float)?.f_add(&lora.product()?)?.f_to_kind(kind)?,
                None => weight,
            });
        }
        self.weight = Tensor::f_cat(&merged, 0)?;
        Ok(())
    }

    /// The weights by name, `[outputs, inputs]` each.
    pub(crate) fn unstack(&self) -> Torch<Vec<(String, Tensor)>> {
        let sizes: Vec<i64> = self.parts.iter().map(|part| part.outputs).collect();
        let weights = self.weight.f_split_with_sizes(sizes, 0)?;
        Ok(self.parts.iter().zip(weights).map(|(part, weight)| (part.name.clone(), weight)).collect())
    }
}

impl Part {
    /// The name without its path, such as `q_proj`.
    pub(crate) fn short_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }
}

//! Tensors that all ranks sum, or that all have from the first.

use crate::Ranks;
use contract::Result;
use nn::failed;
use tch::{Kind, TchError, Tensor, no_grad};

/// The result of libtorch's operators.
type Torch<T> = std::result::Result<T, TchError>;

/// Numbers that are packed into one tensor, if a tensor alone has not more.
const AT_ONCE: usize = 1 << 24;

impl Ranks {
    /// Puts the sum over all ranks in the place of each tensor. All ranks give tensors of the same sizes, kind f32.
    ///
    /// # Errors
    /// When another rank cannot be reached, or the device has too little memory.
    pub fn sum_tensors(&self, tensors: &[Tensor]) -> Result<()> {
        if self.count() == 1 {
            return Ok(());
        }
        for tensors in packs(tensors) {
            let packed = no_grad(|| pack(tensors)).map_err(failed("pack gradients"))?;
            let summed = if packed.device().is_cuda() {
                self.sum_on_gpus(&packed)?;
                packed
            } else {
                let mut numbers = Vec::<f32>::try_from(&packed).map_err(failed("read gradients"))?;
                self.sum(&mut numbers)?;
                Tensor::f_from_slice(&numbers).map_err(failed("write gradients"))?
            };
            no_grad(|| unpack(&summed, tensors)).map_err(failed("write gradients"))?;
        }
        Ok(())
    }

    /// Gives all ranks the first one's tensors.
    ///
    /// # Errors
    /// When another rank cannot be reached, or the device has too little memory.
    pub fn tensors_from_first(&self, tensors: &[Tensor]) -> Result<()> {
        if !self.is_first() {
            let clear = || tensors.iter().try_for_each(|tensor| tensor.shallow_clone().f_zero_().map(drop));
            no_grad(clear).map_err(failed("clear the weights"))?;
        }
        self.sum_tensors(tensors)
    }
}

/// The tensors in turn, so many at once that they have about as many numbers as are summed at once.
fn packs(tensors: &[Tensor]) -> impl Iterator<Item = &[Tensor]> {
    let mut rest = tensors;
    std::iter::from_fn(move || {
        let mut numbers = 0;
        let fits = |tensor: &&Tensor| {
            numbers += tensor.numel();
            numbers <= AT_ONCE
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (pack, left) = rest.split_at(count);
        rest = left;
        (!pack.is_empty()).then_some(pack)
    })
}

fn pack(tensors: &[Tensor]) -> Torch<Tensor> {
    let flat = tensors.iter().map(|tensor| tensor.f_reshape([-1])).collect::<Torch<Vec<_>>>()?;
    Tensor::f_cat(&flat, 0)?.f_to_kind(Kind::Float)
}

fn unpack(packed: &Tensor, tensors: &[Tensor]) -> Torch<()> {
    let mut begin = 0;
    for tensor in tensors {
        let length = tensor.numel() as i64;
        let own = packed.f_narrow(0, begin, length)?.f_view_as(tensor)?;
        tensor.shallow_clone().f_copy_(&own)?;
        begin += length;
    }
    Ok(())
}

//! Whether a tensor's numbers are finite.

use crate::Torch;
use crate::failed;
use contract::{Failure, Result};
use frames::{NotFinite, Rows, check_finite};
use tch::{Device, Kind, Tensor};

/// Checks that all numbers of a tensor are finite; `failure` makes what is returned when they are not.
///
/// # Errors
/// When a number is NaN or infinite, or the device has too little memory.
pub(crate) fn check_tensor(name: &str, tensor: &Tensor, failure: impl FnOnce(NotFinite) -> Failure) -> Result<()> {
    let all = || -> Torch<bool> { Ok(tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0) };
    if !is_floating(tensor.kind()) || all().map_err(failed("check a tensor"))? {
        return Ok(());
    }
    let values = || -> Torch<Vec<f32>> {
        Vec::try_from(tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view(-1)?)
    };
    let values = values().map_err(failed("check a tensor"))?;
    let columns = tensor.size().last().map_or(1, |&columns| columns.unsigned_abs() as usize);
    check_finite(&format!("tensor '{name}'"), &values, columns, Rows::PLAIN).map_err(failure)
}

fn is_floating(kind: Kind) -> bool {
    matches!(kind, Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double)
}

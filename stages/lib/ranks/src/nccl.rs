//! Sums over the GPUs of ranks, by NVIDIA's NCCL.
//!
//! The library is the one that libtorch for CUDA has loaded.

#![expect(unsafe_code, reason = "NCCL is a C library")]

use crate::Ranks;
use crate::library::Library;
use contract::{Failure, FailureKind, Result};
use std::ffi::{CStr, c_char, c_int, c_void};
use tch::Tensor;

const LIBRARY: &str = "libnccl.so.2";

/// The variables by which Open MPI tells a rank its number on its machine, and a user tells which GPUs there are.
const LOCAL_RANK: &str = "OMPI_COMM_WORLD_LOCAL_RANK";
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// `ncclFloat32` and `ncclSum` of nccl.h.
const FLOAT: c_int = 7;
const SUM: c_int = 0;

/// What ranks find each other by.
#[derive(Clone, Copy)]
#[repr(C)]
struct UniqueId([c_char; 128]);

type Communicator = *mut c_void;
type GetUniqueId = unsafe extern "C" fn(*mut UniqueId) -> c_int;
type Init = unsafe extern "C" fn(*mut Communicator, c_int, UniqueId, c_int) -> c_int;
type AllReduce =
    unsafe extern "C" fn(*const c_void, *mut c_void, usize, c_int, c_int, Communicator, *mut c_void) -> c_int;
type ErrorString = unsafe extern "C" fn(c_int) -> *const c_char;

/// The GPUs of all ranks.
#[derive(Debug)]
pub(crate) struct Nccl {
    communicator: Communicator,
    all_reduce: AllReduce,
    error: ErrorString,
}

// SAFETY: a communicator may be used by any thread, one at a time; ranks call in the same order.
unsafe impl Send for Nccl {}
// SAFETY: the same.
unsafe impl Sync for Nccl {}

/// Leaves this rank the GPU of its number on its machine, of those that are visible.
pub(crate) fn choose_gpu() {
    let number = std::env::var(LOCAL_RANK).ok().and_then(|number| number.parse::<usize>().ok());
    if let Some(own) = own_gpu(&std::env::var(VISIBLE).unwrap_or_default(), number) {
        // SAFETY: the process has no other thread yet.
        unsafe { std::env::set_var(VISIBLE, own) };
    }
}

/// The rank's GPU among the visible ones; none where these are not told.
fn own_gpu(visible: &str, number: Option<usize>) -> Option<&str> {
    let gpus: Vec<&str> = visible.split(',').filter(|gpu| !gpu.is_empty()).collect();
    gpus.get(number? % gpus.len().max(1)).copied()
}

impl Ranks {
    /// Puts the sum over the GPUs of all ranks in the tensor's place: f32, contiguous.
    pub(crate) fn sum_on_gpus(&self, tensor: &Tensor) -> Result<()> {
        let nccl = match self.gpus.get() {
            Some(nccl) => nccl,
            None => {
                let nccl = Nccl::start(self)?;
                self.gpus.get_or_init(|| nccl)
            }
        };
        nccl.sum(tensor)
    }
}

impl Nccl {
    /// Joins the GPUs of all ranks. The first tensor of each rank has made its GPU the current one.
    fn start(ranks: &Ranks) -> Result<Self> {
        // SAFETY: libtorch has loaded the same library.
        let library = unsafe { Library::open(LIBRARY, missing) }?;
        // SAFETY: the types are those of nccl.h 2.
        let (get_id, init, all_reduce, error) = unsafe {
            (
                library.symbol::<GetUniqueId>("ncclGetUniqueId")?,
                library.symbol::<Init>("ncclCommInitRank")?,
                library.symbol::<AllReduce>("ncclAllReduce")?,
                library.symbol::<ErrorString>("ncclGetErrorString")?,
            )
        };
        let mut id = UniqueId([0; 128]);
        if ranks.is_first() {
            // SAFETY: it is written to.
            check(error, unsafe { get_id(&raw mut id) })?;
        }
        let given: Vec<u8> = id.0.iter().map(|byte| byte.cast_unsigned()).collect();
        let taken = ranks.from_first(&given)?;
        id.0.iter_mut().zip(taken).for_each(|(byte, taken)| *byte = taken.cast_signed());
        let mut communicator = std::ptr::null_mut();
        // SAFETY: all ranks call it with the same identifier, each with its own number.
        check(error, unsafe { init(&raw mut communicator, ranks.count() as c_int, id, ranks.rank() as c_int) })?;
        Ok(Self { communicator, all_reduce, error })
    }

    fn sum(&self, tensor: &Tensor) -> Result<()> {
        let place = tensor.data_ptr();
        // libtorch works on the default stream, so this comes behind what it has begun.
        let stream = std::ptr::null_mut();
        // SAFETY: the tensor is contiguous, f32 and as long as said, and lives until the stream's next operations are done.
        let code = unsafe { (self.all_reduce)(place, place, tensor.numel(), FLOAT, SUM, self.communicator, stream) };
        check(self.error, code)
    }
}

fn missing(error: &libloading::Error) -> Failure {
    Failure::new(FailureKind::Device, format!("several GPUs need NCCL, which cannot be loaded: {error}"))
        .hint("use the libtorch that `make libtorch` installs for CUDA, or device = \"cpu\"")
}

fn check(error: ErrorString, code: c_int) -> Result<()> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: NCCL gives a constant string for every code.
    let message = unsafe { CStr::from_ptr(error(code)) };
    Err(Failure::new(FailureKind::Device, format!("NCCL: {}", message.to_string_lossy()))
        .hint("set NCCL_DEBUG=INFO to see why"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_a_machine_take_its_gpus_in_turn() {
        assert_eq!(own_gpu("4,6", Some(1)), Some("6"));
        assert_eq!(own_gpu("4,6", Some(2)), Some("4"));
        assert_eq!(own_gpu("", Some(1)), None);
        assert_eq!(own_gpu("4", None), None);
    }

    #[test]
    fn a_library_that_is_not_there_is_a_failure_of_the_device() {
        if let Err(failure) = Nccl::start(&Ranks::alone()) {
            assert_eq!(failure.kind, FailureKind::Device, "{failure}");
        }
    }
}

//! Ranks that Open MPI's `mpirun` starts. Its library is loaded at run time, so building needs no MPI.

#![expect(unsafe_code, reason = "MPI is a C library")]

use crate::Transport;
use crate::library::Library;
use contract::{Failure, FailureKind, Result};
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Open MPI 4 and 5; MPICH has other handles.
const LIBRARY: &str = "libmpi.so.40";

/// Threads may call MPI, one at a time.
const SERIALIZED: c_int = 2;

/// Bytes that a rank sends at once, to all together; MPI counts in 31 bits.
const AT_ONCE: usize = 1 << 30;

/// A communicator, or a type of data.
type Handle = *const c_void;

type Init = unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_void, c_int, *mut c_int) -> c_int;
type Number = unsafe extern "C" fn(Handle, *mut c_int) -> c_int;
type AllToAll = unsafe extern "C" fn(*const c_void, c_int, Handle, *mut c_void, c_int, Handle, Handle) -> c_int;
type AllToAllV = unsafe extern "C" fn(
    *const c_void,
    *const c_int,
    *const c_int,
    Handle,
    *mut c_void,
    *const c_int,
    *const c_int,
    Handle,
    Handle,
) -> c_int;
type Abort = unsafe extern "C" fn(Handle, c_int) -> c_int;
type Finalize = unsafe extern "C" fn() -> c_int;

/// A rank of `mpirun`.
#[derive(Debug)]
pub(crate) struct Mpi {
    rank: usize,
    count: usize,
    calls: Mutex<Calls>,
}

/// What is called of the library, which is never unloaded.
#[derive(Debug)]
struct Calls {
    all_to_all: AllToAll,
    all_to_all_v: AllToAllV,
    abort: Abort,
    finalize: Finalize,
    world: Handle,
    byte: Handle,
}

// SAFETY: the handles are addresses of variables of the library, which stay, and the lock has one thread call at a time.
unsafe impl Send for Calls {}

impl Mpi {
    /// Begins MPI in this process.
    pub(crate) fn start() -> Result<Self> {
        // Open MPI's own parts look for its symbols.
        // SAFETY: the library only registers itself when it is loaded.
        let library = unsafe { Library::open(LIBRARY, missing) }?;
        // SAFETY: the types are those of mpi.h of Open MPI 4 and 5.
        let (init, rank, count) = unsafe {
            (
                library.symbol::<Init>("MPI_Init_thread")?,
                library.symbol::<Number>("MPI_Comm_rank")?,
                library.symbol::<Number>("MPI_Comm_size")?,
            )
        };
        // SAFETY: the same.
        let calls = unsafe {
            Calls {
                all_to_all: library.symbol("MPI_Alltoall")?,
                all_to_all_v: library.symbol("MPI_Alltoallv")?,
                abort: library.symbol("MPI_Abort")?,
                finalize: library.symbol("MPI_Finalize")?,
                world: library.symbol("ompi_mpi_comm_world")?,
                byte: library.symbol("ompi_mpi_byte")?,
            }
        };
        let (mut given, mut own, mut all) = (0, 0, 0);
        // SAFETY: MPI takes no arguments instead of those of main, and writes one number each to the others.
        let codes = unsafe {
            [
                init(std::ptr::null_mut(), std::ptr::null_mut(), SERIALIZED, &raw mut given),
                rank(calls.world, &raw mut own),
                count(calls.world, &raw mut all),
            ]
        };
        codes.into_iter().try_for_each(check)?;
        Ok(Self { rank: own as usize, count: all as usize, calls: Mutex::new(calls) })
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives each rank a number, and returns what each gave.
    fn numbers(&self, calls: &Calls, given: &[u64]) -> Result<Vec<u64>> {
        const SIZE: c_int = size_of::<u64>() as c_int;
        let mut taken = vec![0_u64; self.count];
        // SAFETY: both have a number for each rank.
        check(unsafe {
            (calls.all_to_all)(
                given.as_ptr().cast(),
                SIZE,
                calls.byte,
                taken.as_mut_ptr().cast(),
                SIZE,
                calls.byte,
                calls.world,
            )
        })?;
        Ok(taken)
    }

    /// One step of an exchange: bytes `begin..end` of each part, as far as it has them.
    fn step(&self, calls: &Calls, parts: &[Vec<u8>], taken: &mut [Vec<u8>], begin: usize, end: usize) -> Result<()> {
        let slice = |length: usize| begin.min(length)..end.min(length);
        // The address of an empty vector is 1, which means MPI_IN_PLACE, so there is a byte more.
        let given: Vec<u8> = parts.iter().flat_map(|part| &part[slice(part.len())]).copied().chain([0]).collect();
        let (given_counts, given_places) = layout(parts.iter().map(|part| slice(part.len()).len()));
        let (counts, places) = layout(taken.iter().map(|part| slice(part.len()).len()));
        let mut buffer = vec![0_u8; counts.iter().map(|&count| count as usize).sum::<usize>() + 1];
        // SAFETY: counts and places are those of bytes in the two buffers.
        check(unsafe {
            (calls.all_to_all_v)(
                given.as_ptr().cast(),
                given_counts.as_ptr(),
                given_places.as_ptr(),
                calls.byte,
                buffer.as_mut_ptr().cast(),
                counts.as_ptr(),
                places.as_ptr(),
                calls.byte,
                calls.world,
            )
        })?;
        for ((part, count), place) in taken.iter_mut().zip(counts).zip(places) {
            let (count, place) = (count as usize, place as usize);
            let length = part.len();
            part[slice(length)].copy_from_slice(&buffer[place..place + count]);
        }
        Ok(())
    }
}

impl Transport for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.count
    }

    fn exchange(&self, parts: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let calls = self.calls();
        let lengths: Vec<u64> = parts.iter().map(|part| part.len() as u64).collect();
        let mut taken: Vec<Vec<u8>> =
            self.numbers(&calls, &lengths)?.iter().map(|&length| vec![0; length as usize]).collect();
        let longest = lengths.iter().max().copied().unwrap_or_default();
        // All have to make as many steps.
        let longest = self.numbers(&calls, &vec![longest; self.count])?.into_iter().max().unwrap_or_default() as usize;
        let step = (AT_ONCE / self.count).max(1);
        for begin in (0..longest).step_by(step) {
            self.step(&calls, parts, &mut taken, begin, begin + step)?;
        }
        Ok(taken)
    }

    fn abort(&self, code: u8) {
        let calls = self.calls();
        // SAFETY: MPI may be told to end at any time.
        unsafe { (calls.abort)(calls.world, c_int::from(code)) };
    }

    fn finish(&self) {
        // SAFETY: nothing of MPI is called afterwards, since the process ends.
        unsafe { (self.calls().finalize)() };
    }
}

/// How many bytes each rank gets or gives, and where they begin.
fn layout(lengths: impl Iterator<Item = usize>) -> (Vec<c_int>, Vec<c_int>) {
    let counts: Vec<c_int> = lengths.map(|length| length as c_int).collect();
    let places = counts.iter().scan(0, |end, count| {
        *end += count;
        Some(*end - count)
    });
    let places = places.collect();
    (counts, places)
}

fn missing(error: &libloading::Error) -> Failure {
    Failure::new(FailureKind::Device, format!("a stage with ranks needs Open MPI, which cannot be loaded: {error}"))
        .hint("install Open MPI 4 or 5 (apt-get install openmpi-bin), or remove ranks from the stage's resources")
}

/// MPI ends the process itself unless it is told otherwise, so this is rare.
fn check(code: c_int) -> Result<()> {
    if code == 0 { Ok(()) } else { Err(Failure::other("reach the other ranks", format!("MPI gave error {code}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other() {
        assert_eq!(layout([3, 0, 5].into_iter()), (vec![3, 0, 5], vec![0, 3, 3]));
    }
}

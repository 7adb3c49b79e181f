//! Ranks: several processes that run one stage together, and what they tell each other.
//!
//! Each rank runs the whole stage and computes its part of what can be split. All ranks call the functions of [`Ranks`] in the same
//! order, with the same sizes; each call returns when all have made it. The first rank alone logs and writes outputs.
//!
//! **Order of summation.** Sums are taken in the order of the ranks, so they have the same bits in every run with as many ranks,
//! and the same on all of them.
//!
//! On CPUs ranks talk by MPI, on GPUs gradients are summed by NCCL. Both libraries are loaded when the first of two or more ranks
//! starts, so a stage that runs alone needs neither.

mod library;
mod mpi;
mod nccl;
mod sum;
mod tensors;
mod threads;

use contract::{Context, Failure, FailureKind, Result};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// This process among those that run a stage together.
#[derive(Clone, Debug)]
pub struct Ranks {
    transport: Arc<dyn Transport>,
    gpus: Arc<OnceLock<nccl::Nccl>>,
}

/// How ranks reach each other.
trait Transport: fmt::Debug + Send + Sync {
    /// The number of this one, from 0.
    fn rank(&self) -> usize;
    /// How many there are.
    fn count(&self) -> usize;
    /// Gives each rank the part in its place, and returns what each rank gave this one, in the order of the ranks.
    fn exchange(&self, parts: &[Vec<u8>]) -> Result<Vec<Vec<u8>>>;
    /// Ends all of them, with that exit code, where they are processes.
    fn abort(&self, _code: u8) {}
    /// Says that this one is done; returns when the others are too, where they are processes.
    fn finish(&self) {}
}

/// The ranks of this process, once it has joined them.
static JOINED: OnceLock<Ranks> = OnceLock::new();

impl Ranks {
    /// Joins the ranks that `mpirun` has started with this process, before it starts any thread.
    ///
    /// Each rank of a machine gets a GPU of its own, as long as there are as many.
    ///
    /// # Errors
    /// When Open MPI's library cannot be loaded or does not start.
    pub fn join() -> Result<Self> {
        nccl::choose_gpu();
        let joined = Self::over(Arc::new(mpi::Mpi::start()?));
        Ok(JOINED.get_or_init(|| joined).clone())
    }

    /// Those that run this stage.
    ///
    /// # Errors
    /// When the stage is to run as one of several ranks and has not joined them.
    pub fn of(context: &Context) -> Result<Self> {
        if context.rank().count == 1 {
            return Ok(Self::alone());
        }
        let message = "a stage is to run as one of several ranks, but was not started by mpirun";
        JOINED.get().cloned().ok_or_else(|| Failure::new(FailureKind::Conflict, message))
    }

    /// A process that runs the stage by itself.
    #[must_use]
    pub fn alone() -> Self {
        Self::over(Arc::new(threads::Alone))
    }

    /// So many ranks that are threads of this process, for tests.
    #[must_use]
    pub fn threads(count: usize) -> Vec<Self> {
        threads::Threads::group(count).into_iter().map(|rank| Self::over(Arc::new(rank))).collect()
    }

    fn over(transport: Arc<dyn Transport>) -> Self {
        Self { transport, gpus: Arc::default() }
    }

    /// The number of this rank, from 0.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.transport.rank()
    }

    /// How many ranks there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.transport.count()
    }

    /// Whether this is the rank that logs and writes.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// The places of the work that is this rank's, of pieces of those sizes: the largest pieces first, each to the rank that has
    /// least. Ascending.
    #[must_use]
    pub fn part_of(&self, sizes: &[usize]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|&place| (std::cmp::Reverse(sizes[place]), place));
        let mut loads = vec![0; self.count()];
        let mut own = Vec::new();
        for place in order {
            let rank = (1..loads.len()).fold(0, |least, rank| if loads[rank] < loads[least] { rank } else { least });
            loads[rank] += sizes[place];
            own.extend((rank == self.rank()).then_some(place));
        }
        own.sort_unstable();
        own
    }

    /// What every rank gives, in the order of the ranks, on all of them.
    ///
    /// # Errors
    /// When another rank cannot be reached.
    pub fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.transport.exchange(&vec![bytes.to_vec(); self.count()])
    }

    /// What every rank gives, in the order of the ranks, on the first one; nothing on the others.
    ///
    /// # Errors
    /// When another rank cannot be reached.
    pub fn gather_on_first(&self, bytes: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        let mut parts = vec![Vec::new(); self.count()];
        parts[0] = bytes;
        let gathered = self.transport.exchange(&parts)?;
        Ok(if self.is_first() { gathered } else { Vec::new() })
    }

    /// What the first rank gives, on all of them.
    ///
    /// # Errors
    /// When another rank cannot be reached.
    pub fn from_first(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let given = if self.is_first() { bytes } else { &[] };
        Ok(self.transport.exchange(&vec![given.to_vec(); self.count()])?.swap_remove(0))
    }

    /// Fails on all ranks unless all give the same number.
    ///
    /// # Errors
    /// When they do not.
    pub fn agree(&self, about: &str, number: u64) -> Result<()> {
        let all = self.gather(&number.to_le_bytes())?;
        if all.iter().all(|other| *other == number.to_le_bytes()) {
            return Ok(());
        }
        let read = |bytes: &Vec<u8>| <[u8; 8]>::try_from(bytes.as_slice()).map(u64::from_le_bytes).unwrap_or_default();
        let numbers: Vec<String> = all.iter().map(|bytes| read(bytes).to_string()).collect();
        let message = format!("the ranks do not agree on {about}: {}", numbers.join(", "));
        Err(Failure::new(FailureKind::Conflict, message)
            .hint("all ranks must see the same files: are they on a file system that all nodes share?"))
    }

    /// Ends all ranks, with that exit code.
    pub fn abort(&self, code: u8) {
        self.transport.abort(code);
    }

    /// Says that this rank is done; returns when all are.
    pub fn finish(&self) {
        self.transport.finish();
    }
}

#[cfg(test)]
mod tests;

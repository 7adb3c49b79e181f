//! The threads of a stage.

use contract::{Context, Failure, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// A pool of as many threads as the stage may use; `pool.install(..)` runs work in it.
///
/// A stage that also uses libtorch takes `nn::thread_pool` instead, in whose threads libtorch works alone.
///
/// # Errors
/// When the system refuses to start a thread.
pub fn thread_pool(context: &Context) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(context.threads())
        .build()
        .map_err(|error| Failure::other("start threads", error))
}

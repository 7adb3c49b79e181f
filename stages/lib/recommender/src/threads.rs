//! The threads of a stage.

use contract::{Context, Failure, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// A pool of as many threads as the stage may use; `pool.install(..)` runs work in it.
///
/// A stage that also uses libtorch calls `tch::set_num_threads(1)` first, or both levels of threads compete.
///
/// # Errors
/// When the system refuses to start a thread.
pub fn thread_pool(context: &Context) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(context.threads())
        .build()
        .map_err(|error| Failure::other("start threads", error))
}

//! What the worker finds of libtorch and CUDA, for `pipe doctor`.

use serde::{Deserialize, Serialize};

/// What `pipe-worker doctor` prints. It takes no request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Libraries {
    /// The libtorch that is loaded.
    pub libtorch: Libtorch,
    /// The CUDA devices that a stage can use.
    pub cuda: Cuda,
}

/// The libtorch that the worker has loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Libtorch {
    /// Its version, where it can be found.
    pub version: Option<String>,
    /// The folder of its libraries.
    pub folder: Option<String>,
    /// The number of threads it uses.
    pub threads: i64,
    /// The math libraries it was built with.
    pub kernels: Vec<String>,
}

/// CUDA as the worker finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cuda {
    /// The number of usable devices.
    pub devices: i64,
    /// Why there are none.
    pub reason: Option<String>,
}

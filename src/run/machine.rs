//! What this machine has to share out among stages.

use std::path::Path;

/// Threads, memory and GPUs of the machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name.
    pub host: String,
    /// How many threads run at once.
    pub threads: usize,
    /// Bytes of memory; 0 where the system does not say.
    pub memory: u64,
    /// NVIDIA GPUs.
    pub gpus: usize,
}

impl Machine {
    /// Looks at the machine.
    pub fn look() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { host, threads, memory: memory(), gpus: gpus() }
    }
}

fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("MemTotal:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The driver lists its GPUs as folders.
fn gpus() -> usize {
    std::fs::read_dir(Path::new("/proc/driver/nvidia/gpus")).map_or(0, Iterator::count)
}

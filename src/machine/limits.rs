//! What this machine has to share out among stages.

use crate::error::{Error, Result};
use crate::machine::gpus;
use crate::pipeline::bytes;

/// Threads, memory and GPUs of the machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name.
    pub host: String,
    /// How many threads run at once.
    pub threads: usize,
    /// Bytes of memory; 0 where the system does not say.
    pub memory: u64,
    /// NVIDIA GPUs, each by the name that `CUDA_VISIBLE_DEVICES` has for it.
    pub gpus: Vec<String>,
}

impl Machine {
    /// Looks at the machine. GPUs that `CUDA_VISIBLE_DEVICES` hides are not there.
    pub fn look() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { host, threads, memory: memory(), gpus: visible_gpus() }
    }

    /// The machine with other amounts, such as `gpus=2,threads=4,memory=8G`, for who shares it with others.
    pub fn with_slots(mut self, slots: &str) -> Result<Self> {
        for slot in slots.split(',').filter(|slot| !slot.is_empty()) {
            let (name, amount) = slot.split_once('=').unwrap_or((slot, ""));
            let count = amount.parse::<usize>().ok();
            match (name, count) {
                ("gpus", Some(count)) => self.take_gpus(count),
                ("threads", Some(count)) if count > 0 => self.threads = count,
                ("memory", _) => self.memory = bytes(amount).ok_or_else(|| unknown(slot))?,
                _ => return Err(unknown(slot)),
            }
        }
        Ok(self)
    }

    /// The first GPUs, with numbers for those that were not seen.
    fn take_gpus(&mut self, count: usize) {
        let seen = self.gpus.len();
        self.gpus.truncate(count);
        self.gpus.extend((seen..count).map(|number| number.to_string()));
    }
}

fn unknown(slot: &str) -> Error {
    Error::Usage {
        message: format!("'{slot}' is no amount of anything that stages share"),
        hint: Some("write --slots gpus=N,threads=N,memory=NG with what pipe may use".to_owned()),
    }
}

fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("MemTotal:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The names that `CUDA_VISIBLE_DEVICES` has, or numbers.
fn visible_gpus() -> Vec<String> {
    if let Ok(visible) = std::env::var("CUDA_VISIBLE_DEVICES") {
        return visible.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    }
    (0..gpus::models().len()).map(|number| number.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_replace_what_was_found() {
        let machine = Machine { host: "h".to_owned(), threads: 8, memory: 1, gpus: vec!["3".to_owned()] };
        let machine = machine.with_slots("gpus=2,threads=4,memory=8G").unwrap();
        assert_eq!((machine.threads, machine.memory), (4, 8 << 30));
        assert_eq!(machine.gpus, ["3", "1"]);
    }

    #[test]
    fn a_slot_of_nothing_is_refused() {
        for slots in ["gpu=2", "threads=0", "memory=8", "threads"] {
            assert!(Machine::look().with_slots(slots).is_err(), "{slots}");
        }
    }
}

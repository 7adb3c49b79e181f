//! Sharing the machine out: a stage starts when its threads, memory and GPUs are free.

use crate::machine::Machine;
use crate::plan::Node;

/// What one stage takes while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Threads, which the worker is told to use.
    pub(crate) threads: usize,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// How many GPUs.
    pub(crate) gpus: usize,
}

impl Claim {
    /// What a stage takes: what the pipeline says, or what the stage declares.
    pub(crate) fn of(node: &Node, machine: &Machine) -> Self {
        let declared = if node.description.all_threads { machine.threads } else { 1 };
        Self {
            threads: node.resources.threads.unwrap_or(declared).max(1),
            memory: node.resources.memory,
            gpus: node.resources.gpus,
        }
    }

    /// What this machine lacks for it, in words; nothing when it fits.
    pub(crate) fn lacks(&self, machine: &Machine) -> Vec<String> {
        let mut lacks = Vec::new();
        if self.gpus > machine.gpus.len() {
            lacks.push(format!("{} GPU(s), this machine has {}", self.gpus, machine.gpus.len()));
        }
        if self.threads > machine.threads {
            lacks.push(format!("{} threads, this machine has {}", self.threads, machine.threads));
        }
        if self.memory > machine.memory && machine.memory > 0 {
            let gibibytes = |bytes: u64| bytes as f64 / (1_u64 << 30) as f64;
            lacks.push(format!(
                "{:.1} GiB of memory, this machine has {:.1}",
                gibibytes(self.memory),
                gibibytes(machine.memory)
            ));
        }
        lacks
    }
}

/// A claim that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// What was claimed.
    pub(crate) claim: Claim,
    /// The GPUs that are the stage's own while it runs.
    pub(crate) gpus: Vec<String>,
}

/// What is free.
#[derive(Debug)]
pub(crate) struct Slots {
    threads: usize,
    memory: u64,
    gpus: Vec<String>,
    stages: usize,
}

impl Slots {
    /// All of the machine, for at most `stages` stages at once.
    pub(crate) fn new(machine: &Machine, stages: usize) -> Self {
        let memory = if machine.memory > 0 { machine.memory } else { u64::MAX };
        Self { threads: machine.threads, memory, gpus: machine.gpus.clone(), stages: stages.max(1) }
    }

    /// Whether no stage can start, whatever it claims.
    pub(crate) fn is_full(&self) -> bool {
        self.stages == 0 || self.threads == 0
    }

    /// Takes a claim if it fits.
    pub(crate) fn take(&mut self, claim: &Claim) -> Option<Grant> {
        let fits = self.stages > 0
            && claim.threads <= self.threads
            && claim.memory <= self.memory
            && claim.gpus <= self.gpus.len();
        fits.then(|| {
            self.stages -= 1;
            self.threads -= claim.threads;
            self.memory -= claim.memory;
            Grant { claim: claim.clone(), gpus: self.gpus.drain(..claim.gpus).collect() }
        })
    }

    /// Gives a grant back.
    pub(crate) fn give_back(&mut self, grant: Grant) {
        self.stages += 1;
        self.threads += grant.claim.threads;
        self.memory += grant.claim.memory;
        self.gpus.extend(grant.gpus);
        self.gpus.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine { host: "h".to_owned(), threads: 2, memory: 10, gpus: vec!["0".to_owned(), "1".to_owned()] }
    }

    #[test]
    fn what_does_not_fit_waits_and_fits_later() {
        let mut slots = Slots::new(&machine(), 4);
        let one = Claim { threads: 1, memory: 6, gpus: 0 };
        let granted = slots.take(&one).unwrap();
        assert_eq!(slots.take(&one), None);
        slots.give_back(granted);
        assert!(slots.take(&one).is_some());
    }

    #[test]
    fn no_gpu_is_given_to_two_stages() {
        let mut slots = Slots::new(&machine(), 4);
        let one = Claim { threads: 1, memory: 0, gpus: 1 };
        let (first, second) = (slots.take(&one).unwrap(), slots.take(&one).unwrap());
        assert_ne!(first.gpus, second.gpus);
        slots.give_back(first.clone());
        assert_eq!(slots.take(&one).unwrap().gpus, first.gpus);
    }

    #[test]
    fn what_can_never_fit_says_what_is_lacking() {
        let claim = Claim { threads: 3, memory: 20 << 30, gpus: 4 };
        let small = Machine { memory: 10 << 30, ..machine() };
        assert_eq!(
            claim.lacks(&small),
            [
                "4 GPU(s), this machine has 2",
                "3 threads, this machine has 2",
                "20.0 GiB of memory, this machine has 10.0"
            ]
        );
    }
}

//! Sharing the machine out: a stage starts when its threads, memory and GPUs are free.

use crate::plan::Node;
use crate::run::machine::Machine;

/// What one stage takes while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Threads, which the worker is told to use.
    pub(crate) threads: usize,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// GPUs.
    pub(crate) gpus: usize,
}

impl Claim {
    /// What a stage takes: what the pipeline says, or what the stage declares, and never more than there is.
    pub(crate) fn of(node: &Node, machine: &Machine) -> Self {
        let declared = if node.description.all_threads { machine.threads } else { 1 };
        Self {
            threads: node.resources.threads.unwrap_or(declared).clamp(1, machine.threads),
            memory: node.resources.memory.min(machine.memory),
            gpus: node.resources.gpus.min(machine.gpus),
        }
    }
}

/// What is free.
#[derive(Debug)]
pub(crate) struct Slots {
    threads: usize,
    memory: u64,
    gpus: usize,
    stages: usize,
}

impl Slots {
    /// All of the machine, for at most `stages` stages at once.
    pub(crate) fn new(machine: &Machine, stages: usize) -> Self {
        Self { threads: machine.threads, memory: machine.memory, gpus: machine.gpus, stages: stages.max(1) }
    }

    /// Takes a claim if it fits.
    pub(crate) fn take(&mut self, claim: Claim) -> bool {
        let fits =
            self.stages > 0 && claim.threads <= self.threads && claim.memory <= self.memory && claim.gpus <= self.gpus;
        if fits {
            self.stages -= 1;
            self.threads -= claim.threads;
            self.memory -= claim.memory;
            self.gpus -= claim.gpus;
        }
        fits
    }

    /// Gives a claim back.
    pub(crate) fn give_back(&mut self, claim: Claim) {
        self.stages += 1;
        self.threads += claim.threads;
        self.memory += claim.memory;
        self.gpus += claim.gpus;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_waits_and_fits_later() {
        let machine = Machine { host: "h".to_owned(), threads: 2, memory: 10, gpus: 0 };
        let mut slots = Slots::new(&machine, 4);
        let one = Claim { threads: 1, memory: 6, gpus: 0 };
        assert!(slots.take(one));
        assert!(!slots.take(one));
        slots.give_back(one);
        assert!(slots.take(one));
    }
}

//! Sharing the machine out: a stage starts when its threads, memory and GPUs are free.

use crate::machine::{Machine, has_program};
use crate::pipeline::ExecutorKind;
use crate::plan::Node;
use crate::run::executor::spec::MPIRUN;
use std::collections::BTreeMap;

/// What one stage takes while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The number of threads that the worker uses.
    pub(crate) threads: usize,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// How many GPUs.
    pub(crate) gpus: usize,
    /// How many processes share them.
    pub(crate) ranks: usize,
}

impl Claim {
    /// What a stage takes: what the pipeline says, or what the stage declares.
    pub(crate) fn of(node: &Node, machine: &Machine) -> Self {
        let declared = if node.description.all_threads { machine.threads } else { 1 };
        Self {
            threads: node.resources.threads.unwrap_or(declared).max(1),
            memory: node.resources.memory,
            gpus: node.resources.gpus,
            ranks: node.ranks(),
        }
    }

    /// The threads of each process.
    pub(crate) fn threads_of_rank(&self) -> usize {
        (self.threads / self.ranks).max(1)
    }

    /// What this machine lacks for it, as messages; nothing when it fits.
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
        if self.ranks > 1 && !has_program(MPIRUN) {
            lacks.push(format!("{MPIRUN} of Open MPI, which starts {} ranks", self.ranks));
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
    /// Whose slots they are.
    executor: ExecutorKind,
}

/// What is free, by executor.
#[derive(Debug)]
pub(crate) struct Pools(BTreeMap<ExecutorKind, Slots>);

impl Pools {
    /// The slots of these executors: the machine for at most `stages` stages at once, a cluster for as many jobs.
    pub(crate) fn new(
        executors: impl Iterator<Item = ExecutorKind>,
        machine: &Machine,
        stages: usize,
        jobs: usize,
    ) -> Self {
        let slots = |executor| match executor {
            ExecutorKind::Local => Slots::new(machine, stages),
            ExecutorKind::Slurm => Slots::of_cluster(jobs),
        };
        Self(executors.map(|executor| (executor, slots(executor))).collect())
    }

    /// Whether no stage can start, whatever it claims.
    pub(crate) fn is_full(&self) -> bool {
        self.0.values().all(Slots::is_full)
    }

    /// Takes a claim if it fits.
    pub(crate) fn take(&mut self, executor: ExecutorKind, claim: &Claim) -> Option<Grant> {
        self.0.get_mut(&executor)?.take(executor, claim)
    }

    /// Gives a grant back.
    pub(crate) fn give_back(&mut self, grant: Grant) {
        if let Some(slots) = self.0.get_mut(&grant.executor) {
            slots.give_back(grant);
        }
    }
}

/// What is free.
#[derive(Debug)]
struct Slots {
    threads: usize,
    memory: u64,
    /// None where a cluster gives GPUs.
    gpus: Option<Vec<String>>,
    stages: usize,
}

impl Slots {
    /// All of the machine, for at most `stages` stages at once.
    fn new(machine: &Machine, stages: usize) -> Self {
        let memory = if machine.memory > 0 { machine.memory } else { u64::MAX };
        Self { threads: machine.threads, memory, gpus: Some(machine.gpus.clone()), stages: stages.max(1) }
    }

    /// A cluster, which shares out its machines itself, for at most `jobs` jobs at once.
    fn of_cluster(jobs: usize) -> Self {
        Self { threads: usize::MAX, memory: u64::MAX, gpus: None, stages: jobs.max(1) }
    }

    fn is_full(&self) -> bool {
        self.stages == 0 || self.threads == 0
    }

    fn take(&mut self, executor: ExecutorKind, claim: &Claim) -> Option<Grant> {
        let fits = self.stages > 0
            && claim.threads <= self.threads
            && claim.memory <= self.memory
            && self.gpus.as_ref().is_none_or(|gpus| claim.gpus <= gpus.len());
        fits.then(|| {
            self.stages -= 1;
            self.threads -= claim.threads;
            self.memory -= claim.memory;
            let gpus = self.gpus.as_mut().map(|gpus| gpus.drain(..claim.gpus).collect()).unwrap_or_default();
            Grant { claim: claim.clone(), gpus, executor }
        })
    }

    fn give_back(&mut self, grant: Grant) {
        self.stages += 1;
        self.threads += grant.claim.threads;
        self.memory += grant.claim.memory;
        if let Some(gpus) = &mut self.gpus {
            gpus.extend(grant.gpus);
            gpus.sort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine { host: "h".to_owned(), threads: 2, memory: 10, gpus: vec!["0".to_owned(), "1".to_owned()] }
    }

    fn local(stages: usize) -> Pools {
        Pools::new(std::iter::once(ExecutorKind::Local), &machine(), stages, 1)
    }

    #[test]
    fn a_cluster_takes_any_claim_for_as_many_jobs_as_it_may_have() {
        let mut slots = Pools::new(ExecutorKind::ALL.into_iter(), &machine(), 1, 2);
        let large = Claim { threads: 500, memory: 1 << 50, gpus: 8, ranks: 1 };
        assert_eq!(slots.take(ExecutorKind::Local, &large), None);
        let first = slots.take(ExecutorKind::Slurm, &large).unwrap();
        assert_eq!(first.gpus, Vec::<String>::new());
        assert!(slots.take(ExecutorKind::Slurm, &large).is_some());
        assert_eq!(slots.take(ExecutorKind::Slurm, &large), None);
        assert!(!slots.is_full(), "this machine is free");
        slots.give_back(first);
        assert!(slots.take(ExecutorKind::Slurm, &large).is_some());
    }

    #[test]
    fn what_does_not_fit_waits_and_fits_later() {
        let mut slots = local(4);
        let one = Claim { threads: 1, memory: 6, gpus: 0, ranks: 1 };
        let granted = slots.take(ExecutorKind::Local, &one).unwrap();
        assert_eq!(slots.take(ExecutorKind::Local, &one), None);
        slots.give_back(granted);
        assert!(slots.take(ExecutorKind::Local, &one).is_some());
    }

    #[test]
    fn no_gpu_is_given_to_two_stages() {
        let mut slots = local(4);
        let one = Claim { threads: 1, memory: 0, gpus: 1, ranks: 1 };
        let (first, second) =
            (slots.take(ExecutorKind::Local, &one).unwrap(), slots.take(ExecutorKind::Local, &one).unwrap());
        assert_ne!(first.gpus, second.gpus);
        slots.give_back(first.clone());
        assert_eq!(slots.take(ExecutorKind::Local, &one).unwrap().gpus, first.gpus);
    }

    #[test]
    fn what_can_never_fit_says_what_is_lacking() {
        let claim = Claim { threads: 3, memory: 20 << 30, gpus: 4, ranks: 1 };
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

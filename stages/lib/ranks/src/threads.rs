//! Ranks without other processes: one alone, and threads of one process, by which tests try what ranks do.

use crate::Transport;
use contract::{Failure, Result};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, Sender, channel};

/// The only rank.
#[derive(Debug)]
pub(crate) struct Alone;

impl Transport for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn count(&self) -> usize {
        1
    }

    fn exchange(&self, parts: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        Ok(parts.to_vec())
    }
}

/// A rank that is a thread.
#[derive(Debug)]
pub(crate) struct Threads {
    rank: usize,
    senders: Vec<Sender<Vec<u8>>>,
    receivers: Mutex<Vec<Receiver<Vec<u8>>>>,
}

impl Threads {
    /// All of them.
    pub(crate) fn group(count: usize) -> Vec<Self> {
        let mut receivers: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        let mut senders: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for senders in &mut senders {
            for receivers in &mut receivers {
                let (sender, receiver) = channel();
                senders.push(sender);
                receivers.push(receiver);
            }
        }
        let ranks = senders.into_iter().zip(receivers).enumerate();
        ranks.map(|(rank, (senders, receivers))| Self { rank, senders, receivers: Mutex::new(receivers) }).collect()
    }
}

impl Transport for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.senders.len()
    }

    fn exchange(&self, parts: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let gone = |_| Failure::other("reach another rank", "its thread has ended");
        for (sender, part) in self.senders.iter().zip(parts) {
            sender.send(part.clone()).map_err(|error| gone(error.to_string()))?;
        }
        let receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        receivers.iter().map(|receiver| receiver.recv().map_err(|error| gone(error.to_string()))).collect()
    }
}

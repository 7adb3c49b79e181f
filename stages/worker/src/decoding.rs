//! A resident process that decodes lists on request, those that wait together.

use crate::new_items::coded::CodedItems;
use contract::questions::{Decode, DecodeEvent, DecodeRequest};
use contract::{Context, Failure, FailureKind, Result, Spec};
use frames::Interactions;
use precache::{Live, LiveModel, LiveRequest};
use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tch::Device;

/// A request and the time when nobody waits for it any more.
type Waiting = (DecodeRequest, Instant);

/// Answers requests until the standard input closes. The request itself was its first line.
///
/// # Errors
/// When the model cannot be loaded.
pub(crate) fn serve(request: &Decode) -> Result<()> {
    let max_history = Interactions::read(request.stage.input("interactions")?)?.dataset.max_history;
    let model = LiveModel::of(&request.stage, max_history)?;
    let new = CodedItems::read(request.new_items.as_deref(), model.codes())?;
    if let Some(message) = new.warning() {
        say(&DecodeEvent::Log { message })?;
    }
    let model = model.with_new_items(&new.codes)?;
    let live = model.load(start(&request.device, request.threads)?)?;
    say(&DecodeEvent::Ready)?;
    let waiting = receive()?;
    // The sender is dropped when the standard input closes.
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        while batch.len() < request.batch.max(1)
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        let now = Instant::now();
        let (due, expired): (Vec<Waiting>, Vec<Waiting>) = batch.into_iter().partition(|(_, until)| *until > now);
        expired.iter().try_for_each(|(request, _)| say(&DecodeEvent::Expired { id: request.id }))?;
        decode(&live, due.into_iter().map(|(request, _)| request).collect())?;
    }
    Ok(())
}

/// A device, with libtorch set up for it.
pub(crate) fn start(device: &str, threads: usize) -> Result<Device> {
    nn::start(&Context::new(Spec {
        uses: "decode".to_owned(),
        parameters: serde_json::Map::new(),
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        seed: 0,
        threads,
        device: device.to_owned(),
        rank: contract::Rank::default(),
        checkpoint: None,
    }))
}

/// Reads requests in a thread of its own, so that they wait here while others are decoded.
fn receive() -> Result<Receiver<Waiting>> {
    let (sender, receiver) = channel();
    let read = move || {
        for line in stdin().lock().lines().map_while(std::result::Result::ok) {
            match serde_json::from_str::<DecodeRequest>(&line) {
                Ok(request) => {
                    let until = Instant::now() + Duration::from_millis(request.deadline_ms);
                    if sender.send((request, until)).is_err() {
                        return;
                    }
                }
                // Whoever sends such a line finds it in the log; it names no request to answer.
                Err(error) => drop(say(&DecodeEvent::Log { message: format!("a line is no request: {error}") })),
            }
        }
    };
    let started = std::thread::Builder::new().name("requests".to_owned()).spawn(read);
    started.map_err(|error| Failure::other("read requests", error))?;
    Ok(receiver)
}

/// Decodes requests together, and one by one where that fails, so that one that cannot be decoded stops no other.
fn decode(live: &Live<'_>, requests: Vec<DecodeRequest>) -> Result<()> {
    if requests.is_empty() {
        return Ok(());
    }
    let batch = requests.len();
    match live.rank(&requests.iter().map(asked).collect::<Vec<_>>()) {
        Ok(lists) => requests
            .iter()
            .zip(lists)
            .try_for_each(|(request, items)| say(&DecodeEvent::Decoded { id: request.id, items, batch })),
        Err(failure) if batch == 1 => say(&DecodeEvent::Refused { id: requests[0].id, failure }),
        Err(_) => requests.into_iter().try_for_each(|request| decode(live, vec![request])),
    }
}

fn asked(request: &DecodeRequest) -> LiveRequest<'_> {
    LiveRequest { history: &request.history, exclude: &request.exclude, count: request.count }
}

fn say(event: &DecodeEvent) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(FailureKind::Output, format!("write an answer: {error}"));
    let line = serde_json::to_string(event).map_err(|error| failed(&error))?;
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| failed(&error))
}

//! `pipe-worker` does the work of one stage, or says which stages there are.
//!
//! - `pipe-worker describe` prints a [`Described`]: ports, parameters and code version of each stage.
//! - `pipe-worker doctor` prints what it finds of libtorch and CUDA, as [`contract::questions::Libraries`].
//! - `pipe-worker check`, `compare`, `convert`, `difference`, `lists`, `merge`, `peek`, `recognise`, `recommend` and `tokenize` each read
//!   one [`contract::questions::Request`] from the standard input, to its end, and print the answer; [`contract::questions`] has the form
//!   of both. `lists` prints several lines.
//! - `pipe-worker decode` reads a request as its first line, then one [`contract::questions::DecodeRequest`] a line, and prints
//!   [`contract::questions::DecodeEvent`]s until the standard input closes.
//! - `pipe-worker stage` reads one line of JSON, a [`contract::questions::Request`] of a [`Spec`], from the standard input and prints
//!   [`Event`]s, one a line; the last is `done` or `failed`. Its exit code is 0, or that of the failure. The
//!   standard input has to stay open meanwhile: when it closes, the runner has gone, and so does the worker.
//! - `mpirun pipe-worker rank` does the same by several processes; the first one has the standard input.

mod allocator;
mod catalogue;
mod checking;
mod decoding;
mod difference;
mod doctor;
mod ending;
mod lists;
mod mkl;
mod model_folder;
mod names;
mod new_items;
mod orphan;
mod panics;
mod peek;
mod rank;
mod recommend;
mod registry;
mod similar;
mod table;
mod whole;

use contract::questions::{
    Check, Compare, Convert, Decode, Described, Difference, Lists, Merge, PROTOCOL, Peek, Question, Recognise,
    Recommend, Tokenize, WriteTable, parse,
};
use contract::{Event, Failure, FailureKind, Result, Spec};
use serde::Serialize;
use std::io::{Read as _, Write as _, stderr, stdin, stdout};

const USAGE: &str = "\
pipe-worker does the work of one stage; the program to call is pipe.

usage:
  pipe-worker describe   print the stages, their ports and parameters as JSON
  pipe-worker doctor     print what is found of libtorch and CUDA as JSON
  pipe-worker check      read an output of another program as its kind says: a request on the standard input
  pipe-worker compare    compare models by the ranks of their users: a request on the standard input, the answer as JSON
  pipe-worker convert    write a language model as a Hugging Face folder: a request on the standard input
  pipe-worker difference print by how much tensors and tables in two folders differ, as JSON
  pipe-worker recommend  recommend items to a user or for a history: a request on the standard input, the answer as JSON
  pipe-worker lists      print all that an online service looks up, as lines of JSON: a request on the standard input
  pipe-worker decode     decode lists on request until the standard input closes; print events
  pipe-worker tokenize   give codes to new items: a request on the standard input, the codes as JSON
  pipe-worker merge      write a tuned model as one plain folder: a request on the standard input
  pipe-worker peek       print a part of what is in outputs: a request on the standard input, the answer as JSON
  pipe-worker table      write a table with identifiers beside numbers to a file: a request on the standard input
  pipe-worker recognise  print what files of interactions would be read as: a request on the standard input, the answer as JSON
  pipe-worker stage      run the stage of the spec on the standard input, which must stay open; print events
  pipe-worker rank       the same as one of several processes that mpirun starts; the first has the standard input
";

/// Called in another way than the usage says.
const WRONG_USAGE: i32 = 2;

fn main() -> ! {
    ending::at_once(exit_code())
}

/// Does what the arguments ask for.
fn exit_code() -> i32 {
    let arguments: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["describe"] => finish(describe()),
        ["doctor"] => finish(print(&doctor::findings())),
        ["stage"] => finish(stage()),
        ["rank"] => rank::run_stage(),
        [Check::NAME] => finish(answer(checking::answer)),
        [Compare::NAME] => finish(answer(metrics::compare::compare)),
        [Convert::NAME] => finish(answer(model_folder::convert)),
        [Difference::NAME] => finish(answer(difference::answer)),
        [Tokenize::NAME] => finish(answer(new_items::answer)),
        [Merge::NAME] => finish(answer(model_folder::merge)),
        [Peek::NAME] => finish(answer(peek::answer)),
        [WriteTable::NAME] => finish(answer(table::answer)),
        [Recommend::NAME] => finish(answer(recommend::answer)),
        [Lists::NAME] => finish(rows()),
        [Decode::NAME] => finish(decode()),
        [Recognise::NAME] => finish(answer(ingest::recognise)),
        ["help" | "--help" | "-h"] => {
            drop(stdout().write_all(USAGE.as_bytes()));
            0
        }
        _ => {
            drop(stderr().write_all(USAGE.as_bytes()));
            WRONG_USAGE
        }
    }
}

fn describe() -> Result<()> {
    let stages: Vec<_> = registry::STAGES.iter().map(|stage| (stage.describe)()).collect();
    print(&Described { protocol: PROTOCOL, stages, artifacts: frames::schemas() })
}

fn print(answer: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(answer).map_err(|error| Failure::other("write the answer", error))?;
    writeln!(stdout(), "{line}").map_err(|error| Failure::other("write the answer", error))
}

/// Answers a request of many rows.
fn rows() -> Result<()> {
    let request = parse(&whole_input()?)?;
    panics::as_failures(|| lists::answer(&request))
}

/// Decodes until the standard input closes.
fn decode() -> Result<()> {
    let mut line = String::new();
    stdin().read_line(&mut line).map_err(|error| Failure::other("read the request", error))?;
    let request = parse(&line)?;
    panics::as_failures(|| decoding::serve(&request))
}

fn whole_input() -> Result<String> {
    let mut text = String::new();
    stdin().read_to_string(&mut text).map_err(|error| Failure::other("read the request", error))?;
    Ok(text)
}

/// Answers the request on the standard input.
fn answer<Q: Question>(answer: fn(&Q) -> Result<Q::Answer>) -> Result<()> {
    let request = parse(&whole_input()?)?;
    panics::as_failures(|| print(&answer(&request)?))
}

fn stage() -> Result<()> {
    let spec: Spec = parse(&first_line()?)?;
    orphan::exit_when_alone()?;
    run(spec)?;
    send(&Event::Done)
}

/// The first line of the standard input.
fn first_line() -> Result<String> {
    let mut line = String::new();
    stdin().read_line(&mut line).map_err(|error| Failure::other("read the spec", error))?;
    Ok(line)
}

/// Runs the stage of a spec.
fn run(spec: Spec) -> Result<()> {
    let stage = registry::STAGES.iter().find(|stage| stage.name == spec.uses).ok_or_else(|| {
        let names: Vec<&str> = registry::STAGES.iter().map(|stage| stage.name).collect();
        let message = format!("there is no stage '{}', expected one of {}", spec.uses, names.join(", "));
        Failure::new(FailureKind::Conflict, message)
    })?;
    panics::as_failures(|| (stage.run)(spec))
}

/// The exit code of a result; a failure is also sent as an event.
fn finish(result: Result<()>) -> i32 {
    let Err(failure) = result else { return 0 };
    let code = failure.kind.exit_code();
    // Whoever no longer listens has the exit code.
    drop(send(&Event::Failed { failure }));
    i32::from(code)
}

fn send(event: &Event) -> Result<()> {
    let line = serde_json::to_string(event).map_err(|error| Failure::other("write an event", error))?;
    writeln!(stdout(), "{line}").map_err(|error| Failure::other("write an event", error))
}

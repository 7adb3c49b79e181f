//! `pipe-remote`: records and artifacts in object storage, for `pipe`, which asks over standard input.
//!
//! Objects beneath the prefix of the URL:
//!
//! ```text
//! records/<key>.json                     a record, as the store has it
//! artifacts/<digest>.json                an artifact's manifest, which appears last
//! segments/<digest>/<upload>/<number>    its content: its files one after the other, cut every 16 MiB
//! uses/<digest>                          when a writer last took an old artifact for its own result
//! leases/<key>.json                      who makes the result of a key
//! quarantine/                            what was found damaged
//! ```

mod artifacts;
mod bucket;
mod collect;
mod credentials;
mod failure;
mod files;
mod leases;
mod open;
mod records;
mod session;

use remote_protocol::PROTOCOL;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [protocol, url, writer] = arguments.as_slice() else {
        return usage("usage: pipe-remote PROTOCOL URL WRITER; `pipe` starts it where a remote is set");
    };
    if *protocol != PROTOCOL.to_string() {
        return usage("pipe and pipe-remote are of different versions: build both from the same sources");
    }
    // Only the first call can install one, and there is no other.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return usage(&format!("the asynchronous runtime cannot be started: {error}")),
    };
    match tokio::task::LocalSet::new().block_on(&runtime, session::serve(url, writer)) {
        Ok(()) => ExitCode::SUCCESS,
        // `pipe` has gone.
        Err(_) => ExitCode::from(29),
    }
}

#[allow(clippy::print_stderr, reason = "it is for a person, or for the log of pipe")]
fn usage(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(2)
}

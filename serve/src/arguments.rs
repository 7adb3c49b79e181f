//! The command line of `pipe-serve`.

use clap::Parser;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Answers over HTTP from the results of a pipeline; started by `pipe serve`.
#[derive(Clone, Debug, Parser)]
#[command(name = "pipe-serve", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// What answers for a user without a cached list, in this order.
    #[arg(long, value_name = "SOURCE,...", value_delimiter = ',')]
    pub(crate) fallback: Vec<Fallback>,
    /// The file with the bearer token that requests must have; all but /health need it.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The device that decodes: auto, cpu or cuda.
    #[arg(long, default_value = "cpu", value_parser = ["auto", "cpu", "cuda"])]
    pub(crate) device: String,
    /// Do not start the decoder; histories are not decoded.
    #[arg(long)]
    pub(crate) no_decoder: bool,
    /// How many threads the decoder uses.
    #[arg(long, value_name = "N", default_value_t = cpus())]
    pub(crate) decoder_threads: usize,
    /// How many requests are decoded together at most; 1 decodes each by itself.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) batch: usize,
    /// How many requests may wait for the decoder; further ones are answered with 503.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) queue: usize,
    /// How long decoding may take; a request that takes longer is answered with 504.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 5000)]
    pub(crate) deadline_ms: u64,
    /// How many threads answer requests.
    #[arg(long, value_name = "N", default_value_t = cpus())]
    pub(crate) threads: usize,
    /// How many MiB of users' rows are held in memory; others are read from disk.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    pub(crate) cache: u64,
    /// How many connections may be open; further ones wait.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub(crate) max_connections: usize,
    /// How long the body of a request may be.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 10)]
    pub(crate) max_body: usize,
    /// How many requests a second are answered; further ones get 429. 0 for any number.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) rate: u32,
    /// How long the headers, and then the whole of a request may take to arrive.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 10_000)]
    pub(crate) read_timeout_ms: u64,
    /// How often to look for lists of a new run; 0 for never. SIGHUP looks at once.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2000)]
    pub(crate) watch_ms: u64,
    /// Log every request, not only those that fail.
    #[arg(long)]
    pub(crate) log_requests: bool,
    /// The command that prints what to serve: `pipe serve PIPELINE --resolve`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) resolve: Vec<OsString>,
}

/// What answers where no cached list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Fallback {
    /// The model decodes the user's history.
    Live,
    /// The items with most training interactions.
    Popular,
}

impl Arguments {
    /// How long decoding may take.
    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// How long a request may take to arrive.
    pub(crate) fn read_timeout(&self) -> Duration {
        Duration::from_millis(self.read_timeout_ms)
    }
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

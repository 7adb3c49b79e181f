//! `pipe logs`: the logs of the stages of a run.

use crate::cli::completion;
use crate::cli::options::{OutputArguments, StoreArguments};
use crate::error::{Error, Result};
use crate::key::RunId;
use crate::store::Store;
use crate::terminal::print_bytes;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Print the logs of the stages of a run.
#[derive(Debug, Args)]
pub(crate) struct LogsArguments {
    #[command(flatten)]
    pub(super) store: StoreArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// The run: its name or a beginning of it, latest, or latest~N; the latest when not given. Or a stage of the latest.
    #[arg(add = ArgValueCandidates::new(completion::runs))]
    pub(super) run: Option<String>,
    /// The stage; all when not given.
    #[arg(add = ArgValueCandidates::new(completion::logged))]
    pub(super) stage: Option<String>,
    /// Go on while the run is alive.
    #[arg(short, long)]
    pub(super) follow: bool,
}

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Prints the logs of a run, and goes on while it is alive if asked to.
pub(super) fn logs(arguments: &LogsArguments) -> Result<()> {
    let store = arguments.store.open()?;
    let (run, stage) = meant(&store, arguments)?;
    let mut reader = Reader {
        folder: store.run_folder(&run),
        stage,
        as_json: arguments.output.json,
        logs: BTreeMap::new(),
        last: None,
    };
    loop {
        // Asked before reading, so that nothing that was written before the end is missed.
        let goes_on = arguments.follow && store.is_alive(&run);
        let is_read = reader.read(!goes_on)?;
        if !goes_on || !is_read {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    match &reader.stage {
        Some(stage) if reader.logs.is_empty() => {
            Err(Error::NoResults(format!("run {run} has no log of a stage '{stage}'")))
        }
        _ => Ok(()),
    }
}

/// The run, and the stage if one is meant. A single name may be a stage of the latest run.
fn meant(store: &Store, arguments: &LogsArguments) -> Result<(RunId, Option<String>)> {
    let Some(first) = &arguments.run else { return Ok((store.find_run("latest")?.run, None)) };
    match store.find_run(first) {
        Ok(record) => Ok((record.run, arguments.stage.clone())),
        Err(error) if arguments.stage.is_some() => Err(error),
        Err(error) => {
            let latest = store.find_run("latest")?;
            let is_stage = latest.stages.iter().any(|stage| stage.stage.as_str() == first)
                || log_of(&store.run_folder(&latest.run), first).is_file();
            if is_stage { Ok((latest.run, Some(first.clone()))) } else { Err(error) }
        }
    }
}

fn log_of(folder: &Path, stage: &str) -> PathBuf {
    folder.join(format!("{stage}.log"))
}

/// The logs in a run's folder, as far as they have been printed.
struct Reader {
    folder: PathBuf,
    stage: Option<String>,
    as_json: bool,
    logs: BTreeMap<String, Log>,
    /// The stage that was printed last.
    last: Option<String>,
}

#[derive(Default)]
struct Log {
    read: u64,
    /// A line whose end has not been written yet.
    begun: Vec<u8>,
}

impl Reader {
    /// Prints what is new: whole lines, and at the end also what has none. False when nobody reads any more.
    fn read(&mut self, is_end: bool) -> Result<bool> {
        for stage in self.stages() {
            let path = log_of(&self.folder, &stage);
            let log = self.logs.entry(stage.clone()).or_default();
            let new = log.read(&path).map_err(|error| Error::io("reading", &path, error))?;
            log.begun.extend(new);
            let end = if is_end {
                Some(log.begun.len())
            } else {
                log.begun.iter().rposition(|byte| *byte == b'\n').map(|end| end + 1)
            };
            let lines: Vec<u8> = log.begun.drain(..end.unwrap_or(0)).collect();
            if !lines.is_empty() && !self.print(&stage, &lines) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The stages that have a log by now, the oldest first.
    fn stages(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let logs = entries.filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().strip_suffix(".log")?.to_owned();
            let begun = entry.metadata().and_then(|status| status.created().or_else(|_| status.modified())).ok();
            self.stage.as_ref().is_none_or(|wanted| *wanted == name).then_some((begun, name))
        });
        let mut logs: Vec<_> = logs.collect();
        logs.sort();
        logs.into_iter().map(|(_, name)| name).collect()
    }

    fn print(&mut self, stage: &str, lines: &[u8]) -> bool {
        let mut out = Vec::new();
        if self.as_json {
            for line in String::from_utf8_lossy(lines).lines() {
                out.extend(format!("{}\n", json!({ "stage": stage, "line": line })).into_bytes());
            }
        } else {
            if self.stage.is_none() && self.last.as_deref() != Some(stage) {
                let gap = if self.last.is_some() { "\n" } else { "" };
                out.extend(format!("{gap}==> {stage} <==\n").into_bytes());
            }
            out.extend(lines);
            if !lines.ends_with(b"\n") {
                out.push(b'\n');
            }
        }
        self.last = Some(stage.to_owned());
        print_bytes(&out)
    }
}

impl Log {
    fn read(&mut self, path: &Path) -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(path)?;
        if file.metadata()?.len() < self.read {
            // It was begun again.
            self.read = 0;
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut new = Vec::new();
        self.read += file.read_to_end(&mut new)? as u64;
        Ok(new)
    }
}

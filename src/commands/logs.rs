//! `pipe logs`: what the stages of a run have said.

use crate::arguments::LogsArguments;
use crate::commands::opened::open_store;
use crate::error::{Error, Result};
use crate::names::closest;
use crate::store::{RunRecord, Store};
use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait before looking again for what was added.
const PAUSE: Duration = Duration::from_millis(100);

/// Prints the logs of a run, and goes on while the run does if asked to.
pub fn logs(arguments: &LogsArguments) -> Result<()> {
    let store = open_store(&arguments.store)?;
    let (run, stage) = meant(&store, arguments)?;
    let mut reader = Reader { folder: store.run_folder(&run.run), stage, read: BTreeMap::new(), last: None };
    reader.check()?;
    loop {
        // Asked before reading, so that nothing which is written meanwhile is left out.
        let goes_on = arguments.follow && store.is_alive(&run.run);
        // Nobody may be reading any more.
        if reader.print()?.is_err() || !goes_on {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
}

/// The run and the stage. A single word may be a stage of the latest run.
fn meant(store: &Store, arguments: &LogsArguments) -> Result<(RunRecord, Option<String>)> {
    let asked = store.run_named(&arguments.run);
    match (asked, &arguments.stage) {
        (Ok(run), stage) => Ok((run, stage.clone())),
        (Err(error), None) => {
            let latest = store.run_named("latest")?;
            if logged(&store.run_folder(&latest.run)).contains_key(&arguments.run) {
                Ok((latest, Some(arguments.run.clone())))
            } else {
                Err(error)
            }
        }
        (Err(error), Some(_)) => Err(error),
    }
}

/// The logs in a run's folder, by stage.
fn logged(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let logs = entries.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path)).collect()
}

/// Reads the logs of a run as they grow.
struct Reader {
    folder: PathBuf,
    stage: Option<String>,
    /// How far each log was read.
    read: BTreeMap<String, u64>,
    /// The stage whose log was printed last.
    last: Option<String>,
}

impl Reader {
    /// Whether the stage that was asked for has a log.
    fn check(&self) -> Result<()> {
        let Some(stage) = &self.stage else { return Ok(()) };
        let logs = logged(&self.folder);
        if logs.contains_key(stage) {
            return Ok(());
        }
        let names: Vec<&str> = logs.keys().map(String::as_str).collect();
        let hint = closest(stage, names.iter().copied())
            .map_or_else(|| format!("it has logs of {}", names.join(", ")), |near| format!("did you mean '{near}'?"));
        Err(Error::Usage { message: format!("stage '{stage}' has no log in this run"), hint: Some(hint) })
    }

    /// Prints what was added since the last call.
    fn print(&mut self) -> Result<std::io::Result<()>> {
        let mut out = std::io::stdout().lock();
        for (stage, path) in logged(&self.folder) {
            if self.stage.as_ref().is_some_and(|wanted| *wanted != stage) {
                continue;
            }
            let from = self.read.get(&stage).copied().unwrap_or(0);
            let added = tail(&path, from).map_err(|error| Error::io("reading", &path, error))?;
            if added.is_empty() {
                continue;
            }
            self.read.insert(stage.clone(), from + added.len() as u64);
            if self.stage.is_none() && self.last.as_ref() != Some(&stage) {
                if let Err(error) = writeln!(out, "==> {stage} <==") {
                    return Ok(Err(error));
                }
                self.last = Some(stage);
            }
            if let Err(error) = out.write_all(&added).and_then(|()| out.flush()) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(()))
    }
}

fn tail(path: &Path, from: u64) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut added = Vec::new();
    file.read_to_end(&mut added)?;
    Ok(added)
}

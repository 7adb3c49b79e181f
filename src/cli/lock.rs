//! `pipe lock`: writes the lock of a pipeline, and `--locked`: compares with it before anything runs.

use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::plan::{Planner, SelectionOptions};
use crate::report::lock::{Lock, LockDifference, differences_from, path_of, text};
use crate::terminal::print_line;
use clap::Args;
use serde_json::json;
use std::io::Write as _;
use std::path::Path;

/// Write the pipeline's lock: what every stage is made of and led to, as a text file for git.
#[derive(Debug, Args)]
pub(crate) struct LockArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// Write nothing; fail when the lock is not what would be written.
    #[arg(long)]
    pub(super) check: bool,
}

/// Writes the lock of the cached results, or checks that the lock file matches them.
pub(super) fn lock(arguments: &LockArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let selection = session.select(&SelectionOptions::default())?;
    let shared = session.store.lock_shared()?;
    let lock = Lock::of(&session.graph, &selection.scope, &session.current(&selection)?, &session.store)?;
    drop(shared);
    let path = path_of(&session.file);
    if arguments.check {
        check(&lock, &path)?;
    } else {
        replace(&path, &text(&lock))?;
    }
    let (stages, outputs) = (lock.stages.len(), lock.stages.values().map(|locked| locked.outputs.len()).sum::<usize>());
    let line = if arguments.pipeline.output.json {
        json!({ "event": "lock", "file": path, "stages": stages, "outputs": outputs, "written": !arguments.check })
            .to_string()
    } else {
        format!("{}: {stages} stages, {outputs} outputs", path.display())
    };
    print_line(&line);
    Ok(())
}

/// Compares what the planner would run with the lock.
///
/// # Errors
/// [`Error::Locked`] when a stage's key would not be the lock's, naming what differs.
pub(super) fn locked(session: &Session, planner: &mut Planner<'_>, as_json: bool) -> Result<Lock> {
    let path = path_of(&session.file);
    let lock = Lock::read(&path)?;
    let missing = planner.missing_files();
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    let found = differences_from(planner, &lock)?;
    if found.is_empty() {
        return Ok(lock);
    }
    if as_json {
        for mut line in found.iter().flat_map(LockDifference::json) {
            line["event"] = "difference".into();
            print_line(&line);
        }
    }
    Err(Error::Locked { lock: path, differences: found.iter().map(ToString::to_string).collect() })
}

/// Compares a lock with the file.
fn check(lock: &Lock, path: &Path) -> Result<()> {
    let there = Lock::read(path)?;
    let (there, now) = (text(&there), text(lock));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let (there, now) = (lines(&there), lines(&now));
    let gone = there.difference(&now).map(|line| format!("- {line}"));
    let come = now.difference(&there).map(|line| format!("+ {line}"));
    let differences: Vec<String> = gone.chain(come).collect();
    if differences.is_empty() { Ok(()) } else { Err(Error::Locked { lock: path.to_owned(), differences }) }
}

/// Replaces a file in one step.
fn replace(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut beside| {
        use std::os::unix::fs::PermissionsExt as _;
        beside.write_all(text.as_bytes())?;
        // Others read it, as every file that goes into git.
        beside.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        beside.persist(path).map_err(|error| error.error).map(drop)
    });
    written.map_err(|error| Error::io("writing", path, error))
}

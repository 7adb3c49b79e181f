//! The remote of a command: from its URL to a store that has it. Nothing is started or asked before it is needed.

use crate::cli::options::RemoteArguments;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::pipeline::{RemoteEntry, RemoteMode};
use crate::store::{Access, Folder, ObjectStorage, RemoteBackend, Store, Traffic};
use crate::terminal::size;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The session, whose store has the remote that is set.
pub(super) fn with_remote(session: Session, arguments: &RemoteArguments) -> Result<Session> {
    let Session { store, remote, .. } = session;
    let store = attach(store, arguments, remote.as_ref())?;
    Ok(Session { store, remote, ..session })
}

/// The store with the remote that the command line, the environment or the pipeline's file names.
pub(super) fn attach(store: Store, arguments: &RemoteArguments, entry: Option<&RemoteEntry>) -> Result<Store> {
    let Some(url) = arguments.remote.as_ref().or_else(|| entry.map(|entry| &entry.url)).filter(|url| !url.is_empty())
    else {
        return Ok(store);
    };
    let named = |name: &String| RemoteMode::ALL.into_iter().find(|mode| mode.name() == name);
    // The mode in the file is that of the URL in the file.
    let of_file = entry.filter(|_| arguments.remote.is_none()).map(|entry| entry.mode);
    let mode = arguments.remote_mode.as_ref().and_then(named).or(of_file).unwrap_or_default();
    let access = match mode {
        RemoteMode::Read => Access::Read,
        RemoteMode::Write => Access::Write,
        RemoteMode::ReadWrite => Access::ReadWrite,
    };
    let backend = backend(url, store.root())?;
    Ok(store.with_remote(backend, access))
}

fn backend(url: &str, root: &Path) -> Result<Arc<dyn RemoteBackend>> {
    let usage = |message: String, hint: &str| Err(Error::Usage { message, hint: Some(hint.to_owned()) });
    const FORMS: &str = "expected s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER";
    if url.contains('@') {
        // It is not repeated: it may have a password.
        return usage(
            "the URL of the remote has credentials in it".to_owned(),
            "credentials come from the environment only",
        );
    }
    match url.split_once("://") {
        Some(("file", folder)) if folder.starts_with('/') => Ok(Arc::new(Folder::new(PathBuf::from(folder)))),
        Some(("s3" | "s3a" | "gs" | "az" | "azure", rest)) if !rest.is_empty() => {
            Ok(Arc::new(ObjectStorage::new(program()?, url.to_owned(), writer(root))))
        }
        _ => usage(format!("'{url}' is no remote"), FORMS),
    }
}

/// The client of object storage: `pipe-remote` beside this program.
fn program() -> Result<PathBuf> {
    if let Some(program) = std::env::var_os("PIPE_REMOTE_PROGRAM") {
        return Ok(program.into());
    }
    let own = std::env::current_exe().map_err(|error| Error::io("reading", Path::new("/proc/self/exe"), error))?;
    Ok(own.with_file_name("pipe-remote"))
}

/// The name of a store among those that push: a push that was stopped goes on under it.
fn writer(root: &Path) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    blake3::hash(format!("{host}\n{}", root.display()).as_bytes()).to_hex()[..16].to_owned()
}

/// How many results came from the remote and went there, as a message; nothing where none did.
pub(super) fn remote_counts(store: &Store) -> Option<String> {
    let remote = store.remote()?;
    let (pulled, pushed) = remote.counts();
    (pulled + pushed > 0)
        .then(|| format!("{pulled} pulled from {url}, {pushed} pushed to it", url = remote.backend().url()))
}

/// What was asked of a server, as text.
pub(super) fn traffic_text(traffic: Option<&Traffic>) -> String {
    traffic.map_or(String::new(), |Traffic { requests, sent, received }| {
        format!(" ({requests} requests, {} sent, {} received)", size(*sent), size(*received))
    })
}

//! A plain folder as a remote backend, such as one on a network file system that several machines mount.
//!
//! Records and artifacts are written beside their place and published by a hard link or a renaming that fails where something
//! is already. Leases are `flock`s, which the file system has to pass on between machines. Who takes an artifact for a result of
//! its own sets the time of its folder, which protects it for the grace period.

use crate::error::{Error, RemoteFault, Result};
use crate::fs::disk::Disk;
use crate::fs::durable;
use crate::fs::lock::FileLock;
use crate::key::{Digest, Key};
use crate::store::backend::copy::copy_artifact;
use crate::store::backend::lease::Lease;
use crate::store::backend::remote::{Amount, RemoteBackend};
use crate::store::backend::{Backend, Listed, Published, PutMode, Transfer};
use crate::store::results::artifact::Artifact;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A folder with `records/`, `artifacts/`, `leases/` and `quarantine/`.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// That folder, which need not exist yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn record_path(&self, key: Key) -> PathBuf {
        self.root.join("records").join(format!("{key}.json"))
    }

    fn artifact_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("artifacts").join(digest.to_string())
    }
}

impl Backend for Folder {
    fn read_record(&self, key: Key) -> Result<Option<Vec<u8>>> {
        let path = self.record_path(key);
        found(fs::read(&path)).map_err(|error| Error::io("reading", &path, error))
    }

    fn publish_record(&self, key: Key, bytes: &[u8], mode: PutMode) -> Result<Published> {
        let path = self.record_path(key);
        let new = beside(&path);
        let published = make_above(&path).and_then(|()| {
            let mut file = fs::File::create(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            match mode {
                PutMode::Create => fs::hard_link(&new, &path).and_then(|()| fs::remove_file(&new)),
                PutMode::Overwrite => fs::rename(&new, &path),
            }
        });
        let published = published.and_then(|()| flush_above(&path)).map(|()| Published::New);
        published.or_else(|error| {
            drop(fs::remove_file(&new));
            if error.kind() == ErrorKind::AlreadyExists {
                return Ok(Published::Present);
            }
            Err(Error::io("writing", &path, error))
        })
    }

    fn delete_record(&self, key: Key) -> Result<bool> {
        let path = self.record_path(key);
        let removed = found(fs::remove_file(&path)).map_err(|error| Error::io("removing", &path, error));
        Ok(removed?.is_some())
    }

    fn list_records(&self) -> Result<Vec<Listed<Key>>> {
        list(&self.root.join("records"), |name| Key::parse(name.strip_suffix(".json")?))
    }

    fn has_artifact(&self, digest: &Digest) -> Result<bool> {
        let path = self.artifact_path(digest);
        let status = found(fs::metadata(&path)).map_err(|error| Error::io("reading", &path, error))?;
        Ok(status.is_some_and(|status| status.is_dir()))
    }

    fn read_artifact(&self, artifact: &Artifact, to: &Path) -> Result<bool> {
        if !self.has_artifact(&artifact.digest)? {
            return Ok(false);
        }
        let path = self.artifact_path(&artifact.digest);
        if let Some(message) = artifact.fault_in(&Disk::default(), &path)? {
            return Err(Error::Remote { url: self.url(), fault: RemoteFault::Damage, message, hint: None });
        }
        copy_artifact(&Disk::default(), artifact, &path, to).map(|()| true)
    }

    fn publish_artifact(&self, artifact: &Artifact, from: &Path, _transfer: Transfer) -> Result<Published> {
        let path = self.artifact_path(&artifact.digest);
        if touch(&path).map_err(|error| Error::io("writing", &path, error))? {
            return Ok(Published::Present);
        }
        let new = beside(&path);
        let copied = make_above(&path).map_err(|error| Error::io("writing", &path, error));
        let copied = copied.and_then(|()| copy_artifact(&Disk::default(), artifact, from, &new));
        let published = copied.and_then(|()| match fs::rename(&new, &path).and_then(|()| flush_above(&path)) {
            Ok(()) => Ok(Published::New),
            // A folder that is not empty is not replaced: another process has published it.
            Err(_) if path.is_dir() => Ok(Published::Present),
            Err(error) => Err(Error::io("writing", &path, error)),
        });
        if !matches!(published, Ok(Published::New)) {
            // It is of no use, and what cannot be removed does no harm.
            drop(fs::remove_dir_all(&new));
        }
        published
    }

    fn delete_artifact(&self, digest: &Digest) -> Result<bool> {
        let path = self.artifact_path(digest);
        let removed = found(fs::remove_dir_all(&path)).map_err(|error| Error::io("removing", &path, error));
        Ok(removed?.is_some())
    }

    fn list_artifacts(&self) -> Result<Vec<Listed<Digest>>> {
        list(&self.root.join("artifacts"), Digest::parse)
    }

    fn lease(&self, key: Key) -> Result<Option<Lease>> {
        let path = self.root.join("leases").join(format!("{key}.lock"));
        make_above(&path).map_err(|error| Error::io("writing", &path, error))?;
        let lock = FileLock::try_take(&Disk::default(), &path)?;
        Ok(lock.map(|lock| Lease::of_lock(lock, Disk::default())))
    }
}

impl RemoteBackend for Folder {
    fn url(&self) -> String {
        format!("file://{}", self.root.display())
    }

    fn quarantine_record(&self, key: Key) -> Result<bool> {
        self.move_to_quarantine(&self.record_path(key))
    }

    fn quarantine_artifact(&self, digest: &Digest) -> Result<bool> {
        self.move_to_quarantine(&self.artifact_path(digest))
    }

    fn collect_artifact(&self, digest: &Digest, grace: Duration) -> Result<bool> {
        let path = self.artifact_path(digest);
        let failed = |error| Error::io("removing", &path, error);
        let is_young = |path: &Path| {
            let modified = fs::metadata(path)?.modified()?;
            Ok(SystemTime::now().duration_since(modified).unwrap_or_default() < grace)
        };
        if found(is_young(&path)).map_err(failed)?.unwrap_or(true) {
            return Ok(false);
        }
        // Whoever takes it for a result sets its time by its name. Under another name nobody does, so it can be looked at.
        let away = beside(&path);
        if found(fs::rename(&path, &away)).map_err(failed)?.is_none() {
            return Ok(false);
        }
        if is_young(&away).map_err(failed)? && fs::rename(&away, &path).is_ok() {
            return Ok(false);
        }
        fs::remove_dir_all(&away).map(|()| true).map_err(failed)
    }

    fn collect_uploads(&self, grace: Duration) -> Result<Amount> {
        let mut amount = Amount::default();
        for folder in [self.root.join("artifacts"), self.root.join("records")] {
            let failed = |error| Error::io("removing", &folder, error);
            for entry in found(fs::read_dir(&folder)).map_err(failed)?.into_iter().flatten() {
                let path = entry.map_err(failed)?.path();
                let is_new = path.extension().is_some_and(|ending| ending == "new");
                let Some(status) = found(fs::metadata(&path)).map_err(failed)?.filter(|_| is_new) else { continue };
                let age = SystemTime::now().duration_since(status.modified().map_err(failed)?).unwrap_or_default();
                if age < grace {
                    continue;
                }
                let removed = if status.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.map_err(failed)?;
                amount.add(status.len());
            }
        }
        Ok(amount)
    }
}

impl Folder {
    fn move_to_quarantine(&self, path: &Path) -> Result<bool> {
        let folder = self.root.join("quarantine");
        let to = folder.join(beside(path).file_name().unwrap_or_default());
        let moved = fs::create_dir_all(&folder).and_then(|()| found(fs::rename(path, &to)));
        moved.map(|moved| moved.is_some()).map_err(|error| Error::io("writing", &to, error))
    }
}

/// Sets the time of a folder to now. Says whether it is there.
fn touch(folder: &Path) -> std::io::Result<bool> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    // This very value may be set by whoever may write to the folder, any other only by its owner.
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    found(utimensat(CWD, folder, &times, AtFlags::empty()).map_err(Into::into)).map(|touched| touched.is_some())
}

/// A name beside a path that no process of any machine uses.
fn beside(path: &Path) -> PathBuf {
    let name = durable::beside(path);
    let host = rustix::system::uname().nodename().to_string_lossy().replace('/', "-");
    name.with_extension(format!("{host}.new"))
}

/// `None` where there is nothing.
fn found<T>(answer: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match answer {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        answer => answer.map(Some),
    }
}

fn make_above(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn flush_above(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |above| fs::File::open(above)?.sync_all())
}

/// What is in a folder, by name; files that are being written have other names.
fn list<N>(folder: &Path, name: impl Fn(&str) -> Option<N>) -> Result<Vec<Listed<N>>> {
    let failed = |error| Error::io("reading", folder, error);
    let mut listed = Vec::new();
    for entry in found(fs::read_dir(folder)).map_err(failed)?.into_iter().flatten() {
        let entry = entry.map_err(failed)?;
        let Some(name) = entry.file_name().to_str().and_then(&name) else { continue };
        let modified = found(entry.metadata().and_then(|status| status.modified())).map_err(failed)?;
        listed.extend(modified.map(|modified| Listed { name, modified }));
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backend::suite;

    #[test]
    fn a_plain_folder_keeps_the_suite() {
        let folder = tempfile::tempdir().unwrap();
        suite::run(&Folder::new(folder.path().join("shared")));
    }
}

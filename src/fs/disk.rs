//! All file-system calls of the store go through this module, so that tests can inject faults.
//!
//! Every step of the store is one [`Operation`]. A [`Watch`] sees each before and after it happens: one that refuses the
//! n-th stands for a full or failing disk, one that notes what was flushed stands for a loss of power. An operation that
//! was interrupted by a signal is done again.

use std::fmt;
use std::fs::Permissions;
use std::io::{ErrorKind, Read as _, Result, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// One step on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A whole file is read.
    Read(&'a Path),
    /// A file is opened to be read.
    Open(&'a Path),
    /// A file's status is looked at.
    Look(&'a Path),
    /// A folder is listed.
    List(&'a Path),
    /// One folder is made.
    MakeFolder(&'a Path),
    /// A file is made, or emptied, and filled.
    Write(&'a Path, &'a [u8]),
    /// Bytes are added to the end of a file.
    Append(&'a Path, &'a [u8]),
    /// What a file holds, or which names a folder has, is flushed to the disk.
    Sync(&'a Path),
    /// The permissions of a file or folder are set.
    SetMode(&'a Path),
    /// A file's content is copied to a new file.
    Copy(&'a Path, &'a Path),
    /// A file or folder gets another name.
    Rename(&'a Path, &'a Path),
    /// A file is removed.
    RemoveFile(&'a Path),
    /// A folder is removed with all that is in it.
    RemoveFolder(&'a Path),
    /// A symbolic link is made.
    Link(&'a Path),
    /// A folder's time is set to now.
    Touch(&'a Path),
    /// A file to be locked is opened, and made if need be.
    Lock(&'a Path),
}

/// Whoever watches the calls, and may refuse them.
pub trait Watch: fmt::Debug + Send + Sync {
    /// Before an operation. An error comes in place of it.
    ///
    /// # Errors
    /// Whatever the disk is to answer.
    fn before(&self, _operation: Operation<'_>) -> Result<()> {
        Ok(())
    }

    /// After an operation that was done.
    fn after(&self, _operation: Operation<'_>) {}
}

/// The disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    watch: Option<Arc<dyn Watch>>,
}

impl Disk {
    /// The disk with someone who watches its calls.
    pub fn watched(watch: Arc<dyn Watch>) -> Self {
        Self { watch: Some(watch) }
    }

    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>> {
        self.perform(Operation::Read(path), || {
            let mut bytes = Vec::new();
            std::fs::File::open(path)?.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }

    pub(crate) fn open(&self, path: &Path) -> Result<std::fs::File> {
        self.perform(Operation::Open(path), || std::fs::File::open(path))
    }

    pub(crate) fn look(&self, path: &Path) -> Result<std::fs::Metadata> {
        self.perform(Operation::Look(path), || std::fs::metadata(path))
    }

    /// The status of a file, folder or link itself.
    pub(crate) fn look_at_itself(&self, path: &Path) -> Result<std::fs::Metadata> {
        self.perform(Operation::Look(path), || std::fs::symlink_metadata(path))
    }

    /// The names in a folder, sorted.
    pub(crate) fn list(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        self.perform(Operation::List(folder), || {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(folder)? {
                found.push(entry?.path());
            }
            found.sort();
            Ok(found)
        })
    }

    pub(crate) fn make_folder(&self, path: &Path) -> Result<()> {
        self.perform(Operation::MakeFolder(path), || match std::fs::create_dir(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made,
        })
    }

    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.perform(Operation::Write(path, bytes), || std::fs::File::create(path)?.write_all(bytes))
    }

    pub(crate) fn append(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.perform(Operation::Append(path, bytes), || {
            std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)
        })
    }

    pub(crate) fn sync(&self, path: &Path) -> Result<()> {
        self.perform(Operation::Sync(path), || std::fs::File::open(path)?.sync_all())
    }

    /// Sets the permissions of a file or folder. A symbolic link is an error and not followed.
    pub(crate) fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        self.perform(Operation::SetMode(path), || open_itself(path)?.set_permissions(Permissions::from_mode(mode)))
    }

    /// Copies a file to a path where nothing is yet, with its content and no more.
    pub(crate) fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        self.perform(Operation::Copy(from, to), || {
            let mut copy = std::fs::OpenOptions::new().write(true).create_new(true).open(to)?;
            std::io::copy(&mut open_itself(from)?, &mut copy).map(drop)
        })
    }

    /// Gives a file or folder another name. A folder that may not be written is made writable first where the system asks
    /// for it, since moving it changes its entry for the folder above.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.perform(Operation::Rename(from, to), || match std::fs::rename(from, to) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied && grant(from) => std::fs::rename(from, to),
            renamed => renamed,
        })
    }

    pub(crate) fn remove_file(&self, path: &Path) -> Result<()> {
        self.perform(Operation::RemoveFile(path), || std::fs::remove_file(path))
    }

    /// Removes a folder with all that is in it, also folders in it that forbid it and that we may change.
    pub(crate) fn remove_folder(&self, path: &Path) -> Result<()> {
        self.perform(Operation::RemoveFolder(path), || match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                grant_all(path);
                std::fs::remove_dir_all(path)
            }
            removed => removed,
        })
    }

    /// Lets us read, change and enter every folder beneath a folder, and it itself.
    pub(crate) fn open_up(&self, folder: &Path) -> Result<()> {
        self.perform(Operation::SetMode(folder), || {
            grant_all(folder);
            Ok(())
        })
    }

    pub(crate) fn link(&self, target: &Path, link: &Path) -> Result<()> {
        self.perform(Operation::Link(link), || std::os::unix::fs::symlink(target, link))
    }

    pub(crate) fn touch(&self, folder: &Path) -> Result<()> {
        self.perform(Operation::Touch(folder), || std::fs::File::open(folder)?.set_modified(SystemTime::now()))
    }

    /// A file to lock, made if it is not there.
    pub(crate) fn lock_file(&self, path: &Path) -> Result<std::fs::File> {
        self.perform(Operation::Lock(path), || {
            std::fs::OpenOptions::new().create(true).truncate(false).write(true).read(true).open(path)
        })
    }

    fn perform<T>(&self, operation: Operation<'_>, work: impl Fn() -> Result<T>) -> Result<T> {
        loop {
            let done = match &self.watch {
                None => work(),
                Some(watch) => watch.before(operation).and_then(|()| work()).inspect(|_| watch.after(operation)),
            };
            match done {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

/// Opens a file or folder that is no symbolic link.
fn open_itself(path: &Path) -> Result<std::fs::File> {
    // Whatever takes its place in the meantime is not waited for.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// What the owner of a folder needs to read, change and enter it.
const OWNER: u32 = 0o700;

/// Gives us what we lack of a folder's permissions. Says whether something was given.
fn grant(folder: &Path) -> bool {
    let Ok(found) = std::fs::symlink_metadata(folder) else { return false };
    let mode = found.permissions().mode();
    found.is_dir()
        && mode & OWNER != OWNER
        && std::fs::set_permissions(folder, Permissions::from_mode((mode | OWNER) & 0o7777)).is_ok()
}

/// Gives us what we lack of the permissions of a folder and of all folders beneath it. Links are not followed.
fn grant_all(folder: &Path) {
    grant(folder);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            grant_all(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// Files that may call the file system themselves: this one, the index, what leaves the store or comes into it, and tests.
    const OWN_CALLS: [&str; 6] =
        ["disk.rs", "index.rs", "results/export.rs", "backend/copy.rs", "backend/folder.rs", "backend/suite.rs"];

    const CHANGES: [&str; 11] = [
        "create_dir",
        "fs::write(",
        "fs::rename",
        "fs::remove_",
        "fs::copy",
        "set_permissions",
        "hard_link",
        "symlink(",
        "File::create",
        "OpenOptions",
        "sync_all",
    ];

    #[test]
    fn the_store_changes_files_only_through_this_module() {
        let folders = ["src/store", "src/fs"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
        let mut read = 0;
        for path in folders.iter().flat_map(|folder| files_beneath(folder)) {
            if OWN_CALLS.iter().any(|own| path.ends_with(own)) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let around = CHANGES.iter().find(|change| code.contains(*change));
            assert_eq!(around, None, "{} calls the file system itself", path.display());
            read += 1;
        }
        assert!(read > 25);
    }

    fn files_beneath(folder: &Path) -> Vec<PathBuf> {
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.flat_map(|path| if path.is_dir() { files_beneath(&path) } else { vec![path] }).collect()
    }
}

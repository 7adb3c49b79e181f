//! Copying an artifact file by file.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::store::results::artifact::Artifact;
use fs_err as fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Copies the files and empty folders of an artifact to a folder, which is made, and flushes the files. Checks no content.
pub(crate) fn copy_artifact(disk: &Disk, artifact: &Artifact, from: &Path, to: &Path) -> Result<()> {
    for file in &artifact.files {
        let (source, copy) = (from.join(&file.path), to.join(&file.path));
        let above = copy.parent().unwrap_or(to);
        fs::create_dir_all(above).map_err(|error| Error::io("writing", above, error))?;
        let mut reader = disk.open(&source).map_err(|error| Error::io("reading", &source, error))?;
        // Nothing is there yet, so that no link can lead elsewhere.
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(if file.executable { 0o777 } else { 0o666 });
        let written = options.open(&copy).and_then(|mut writer| {
            std::io::copy(&mut reader, &mut writer)?;
            writer.sync_all()
        });
        written.map_err(|error| Error::io("writing", &copy, error))?;
    }
    for folder in &artifact.empty_folders {
        let copy = to.join(folder);
        fs::create_dir_all(&copy).map_err(|error| Error::io("writing", &copy, error))?;
    }
    Ok(())
}

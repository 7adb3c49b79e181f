//! Plain copies of results for use without the store.

use crate::error::{Error, Result};
use crate::fs::durable;
use crate::fs::hash::hash_file;
use crate::key::{PortName, StageName};
use crate::store::backend::copy::copy_artifact;
use crate::store::results::action::Action;
use crate::store::results::artifact::Artifact;
use crate::store::{Store, Unit};
use fs_err as fs;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A result that is to be copied.
#[derive(Clone, Debug)]
pub struct Exported {
    /// What the pipeline calls the stage; its folder.
    pub stage: StageName,
    /// The result.
    pub action: Action,
    /// Which of its outputs.
    pub ports: BTreeSet<PortName>,
}

impl Store {
    /// Copies results to `to/STAGE/PORT/`, each stage with its `provenance.json`, all of them or nothing. Every byte is
    /// checked. Gives the number of files and their bytes.
    ///
    /// # Errors
    /// When `to` is there and not an empty folder, or when what is to be copied is damaged.
    pub fn export(&self, results: &[Exported], to: &Path) -> Result<(usize, u64)> {
        let _lock = self.lock_shared()?;
        let to = std::path::absolute(to).map_err(|error| Error::io("writing", to, error))?;
        if fs::symlink_metadata(&to).is_ok() && !is_empty_folder(&to) {
            return Err(Error::Usage {
                message: format!("{} is there already and is not an empty folder", to.display()),
                hint: Some("give a folder that is not there yet".to_owned()),
            });
        }
        let above = to.parent().unwrap_or(&to);
        fs::create_dir_all(above).map_err(|error| Error::io("writing", above, error))?;
        let beside = new_folder_beside(&to)?;
        let copied = self.copy_all(results, &beside).and_then(|amount| {
            self.disk.rename(&beside, &to).map_err(|error| Error::io("writing", &to, error))?;
            durable::sync_folder(&self.disk, above)?;
            Ok(amount)
        });
        copied.inspect_err(|_| {
            // It is of no use, and what cannot be removed does no harm.
            drop(fs::remove_dir_all(&beside));
        })
    }

    fn copy_all(&self, results: &[Exported], to: &Path) -> Result<(usize, u64)> {
        let (mut files, mut bytes) = (0, 0);
        let meant = |result: &Exported| {
            let outputs = result.action.outputs.iter().filter(|(port, _)| result.ports.contains(*port));
            outputs.map(|(_, artifact)| artifact.bytes()).sum::<u64>()
        };
        self.begins(results.iter().map(meant).sum(), Unit::Bytes);
        for result in results {
            let folder = to.join(result.stage.as_str());
            for (port, artifact) in result.action.outputs.iter().filter(|(port, _)| result.ports.contains(*port)) {
                self.copy(artifact, &folder.join(port.as_str()))?;
                self.steps(artifact.bytes());
                files += artifact.files.len();
                bytes = artifact.bytes().saturating_add(bytes);
            }
            write_provenance(result, &folder.join("provenance.json"))?;
        }
        Ok((files, bytes))
    }

    fn copy(&self, artifact: &Artifact, to: &Path) -> Result<()> {
        let from = self.artifact(&artifact.digest);
        copy_artifact(&self.disk, artifact, &from, to)?;
        for file in &artifact.files {
            if hash_file(&self.disk, &to.join(&file.path))? != file.digest {
                return Err(Error::Damaged {
                    message: format!("the content of {} is not what was stored", from.join(&file.path).display()),
                    hint: Some(
                        "move it to quarantine with `pipe cache verify --deep --repair`, and run again".to_owned(),
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Makes a folder with a hidden name beside `path`, where nothing was before.
fn new_folder_beside(path: &Path) -> Result<PathBuf> {
    loop {
        let beside = durable::beside(path);
        match std::fs::create_dir(&beside) {
            // A killed process of the same number left it, or somebody put it there.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("writing", &beside, error)),
            Ok(()) => return Ok(beside),
        }
    }
}

fn write_provenance(result: &Exported, path: &Path) -> Result<()> {
    let Action { key, manifest, outputs, provenance, .. } = &result.action;
    let outputs: serde_json::Map<_, _> = outputs
        .iter()
        .filter(|(port, _)| result.ports.contains(*port))
        .map(|(port, artifact)| (port.to_string(), json!(artifact)))
        .collect();
    let value = json!({ "key": key, "manifest": manifest, "outputs": outputs, "provenance": provenance });
    fs::write(path, format!("{value:#}\n")).map_err(|error| Error::io("writing", path, error))
}

fn is_empty_folder(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

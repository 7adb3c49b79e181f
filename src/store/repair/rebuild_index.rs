//! Reading every external input again, for whoever does not trust what is remembered of them.

use crate::error::{Error, Result};
use crate::inputs::{ExternalInputs, InputCache};
use crate::key::Digest;
use crate::store::{Store, Unit};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;

/// What came of reading every external input again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// The inputs that were read.
    pub inputs: BTreeSet<PathBuf>,
    /// How many files were read.
    pub files: usize,
    /// The inputs that are no longer there, or cannot be read.
    pub left_out: BTreeSet<PathBuf>,
    /// The inputs of which another digest was remembered though nothing showed that they had changed.
    pub wrong: BTreeSet<PathBuf>,
}

impl Store {
    /// Forgets the digests of all external inputs and reads again those that any pipeline is known to have.
    ///
    /// # Errors
    /// When the index cannot be written, or another process does not let go of it.
    pub fn rebuild_index(&self) -> Result<Rebuilt> {
        let index = self.root.join("index");
        let known = InputCache::known_inputs(&index);
        let before: Vec<BTreeMap<PathBuf, Option<Digest>>> =
            known.iter().map(|(pipeline, paths)| remembered(&self.external_inputs(pipeline), paths)).collect();
        self.index().rebuild(&[])?;
        for folder in ["inputs", "folders"].map(|name| index.join(name)) {
            match self.disk.remove_folder(&folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("writing", &folder, error)),
                _ => {}
            }
        }
        let mut rebuilt = Rebuilt::default();
        self.begins(before.iter().map(BTreeMap::len).sum::<usize>() as u64, Unit::Things);
        for (pipeline, before) in known.keys().zip(before) {
            let mut inputs = self.external_inputs(pipeline);
            for (path, before) in before {
                match inputs.digest(&path) {
                    Err(_) => drop(rebuilt.left_out.insert(path)),
                    Ok(now) => {
                        if before.is_some_and(|before| before != now) {
                            rebuilt.wrong.insert(path.clone());
                        }
                        rebuilt.inputs.insert(path);
                    }
                }
                self.steps(1);
            }
            rebuilt.files += inputs.files_read();
            inputs.save();
        }
        Ok(rebuilt)
    }
}

/// What is remembered of inputs as they are now.
fn remembered(inputs: &ExternalInputs, paths: &[PathBuf]) -> BTreeMap<PathBuf, Option<Digest>> {
    paths.iter().map(|path| (path.clone(), inputs.remembered(path).ok().flatten())).collect()
}

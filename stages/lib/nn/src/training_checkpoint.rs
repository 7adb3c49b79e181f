//! Checkpoints: what training needs to go on where it was stopped.
//!
//! A checkpoint is one safetensors file, named by the digest of its content, and `checkpoint.json`, which names it and is
//! written last. A checkpoint that is damaged, or of another training, is none.

use crate::safetensors_file;
use contract::{Context, Failure, Result};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tch::{Kind, Tensor};

/// The version of a checkpoint's format.
const FORMAT: u32 = 3;

/// The file that names the checkpoint.
const INDEX: &str = "checkpoint.json";

/// The tensors with the losses of steps, and of epochs on validation, beside those of the optimizer.
const LOSSES: &str = "losses";
const VALIDATION: &str = "validation";

/// What the names of the best weights so far begin with.
const BEST: &str = "best.";

/// Where training stands.
#[derive(Debug)]
pub struct TrainingState {
    /// The loss of each step so far, or of each epoch where checkpoints stand between epochs.
    pub losses: Vec<f64>,
    /// Each measure on validation so far.
    pub validation: Vec<f64>,
    /// The best weights so far, where they are kept.
    pub best: Vec<(String, Tensor)>,
    /// The weights and the optimizer's tensors.
    pub tensors: Vec<(String, Tensor)>,
}

impl TrainingState {
    /// Where a training stands between two epochs: the loss of each, the measures on validation, the weights of the best one, and
    /// what the network goes on from.
    #[must_use]
    pub fn of_epochs(
        losses: Vec<f64>,
        validation: Vec<f64>,
        best: Option<&[Tensor]>,
        tensors: Vec<(String, Tensor)>,
    ) -> Self {
        let named = |(number, weight): (usize, &Tensor)| (format!("{number:05}"), weight.shallow_clone());
        let best = best.unwrap_or_default().iter().enumerate().map(named).collect();
        Self { losses, validation, best, tensors }
    }

    /// The weights of the best epoch, in the order in which they were given.
    #[must_use]
    pub fn best_weights(&self) -> Option<Vec<Tensor>> {
        let weights = || self.best.iter().map(|(_, weight)| weight.shallow_clone()).collect();
        (!self.best.is_empty()).then(weights)
    }
}

/// The checkpoints of one training.
#[derive(Debug)]
pub struct TrainingCheckpoints {
    folder: Option<PathBuf>,
    pause: Duration,
    last: Instant,
}

#[derive(Debug, Serialize, Deserialize)]
struct Index {
    format: u32,
    digest: String,
}

impl TrainingCheckpoints {
    /// The checkpoints in the context's folder; without one there are none.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        let folder = context.checkpoint().map(Path::to_owned);
        Self { folder, pause: context.checkpoint_pause(), last: Instant::now() }
    }

    /// Those of another training of the same stage, in a folder of that name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        let folder = self.folder.map(|folder| folder.join(name)).filter(|folder| fs::create_dir_all(folder).is_ok());
        Self { folder, ..self }
    }

    /// Whether it is time for the next.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.folder.is_some() && self.last.elapsed() >= self.pause
    }

    /// Writes a checkpoint in place of the last one, where this is the only rank or the first. Training goes on without it when it cannot be written.
    pub fn write(&mut self, state: &TrainingState, context: &Context) {
        let Some(folder) = self.folder.as_deref().filter(|_| context.is_first()) else { return };
        if let Err(failure) = write(folder, state) {
            context.log(format!("no checkpoint was written: {failure}"));
        }
        self.last = Instant::now();
    }

    /// The last checkpoint, if there is one that can be used.
    #[must_use]
    pub fn read(&self, context: &Context) -> Option<TrainingState> {
        let folder = self.folder.as_deref().filter(|folder| index(folder).exists())?;
        match read(folder) {
            Ok(state) => Some(state),
            Err(failure) => {
                context.log(format!("the checkpoint cannot be used, so training begins again: {failure}"));
                None
            }
        }
    }
}

fn index(folder: &Path) -> PathBuf {
    folder.join(INDEX)
}

fn write(folder: &Path, state: &TrainingState) -> Result<()> {
    let beside = folder.join("new.safetensors");
    let own = state.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
    let best = state.best.iter().map(|(name, tensor)| (format!("{BEST}{name}"), tensor.shallow_clone()));
    let mut tensors: Vec<(String, Tensor)> = own.chain(best).collect();
    tensors.push((LOSSES.to_owned(), Tensor::from_slice(&state.losses)));
    tensors.push((VALIDATION.to_owned(), Tensor::from_slice(&state.validation)));
    safetensors_file::write(&beside, &tensors)?;
    let place = || -> io::Result<(PathBuf, String)> {
        fs::File::open(&beside)?.sync_all()?;
        let digest = digest(&beside)?;
        let home = folder.join(format!("{digest}.safetensors"));
        fs::rename(&beside, &home)?;
        Ok((home, digest))
    };
    let (home, digest) = place().map_err(|error| Failure::writing(folder, error))?;
    frames::replace_json(folder, INDEX, &Index { format: FORMAT, digest })?;
    remove_others(folder, &home);
    Ok(())
}

/// Removes older checkpoints. One that cannot be removed only takes space.
fn remove_others(folder: &Path, home: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path != home && path.extension().is_some_and(|extension| extension == "safetensors") {
            drop(fs::remove_file(path));
        }
    }
}

fn read(folder: &Path) -> Result<TrainingState> {
    let path = index(folder);
    let bytes = fs::read(&path).map_err(|error| Failure::reading(&path, error))?;
    let index: Index = serde_json::from_slice(&bytes).map_err(|error| Failure::reading(&path, error))?;
    if index.format != FORMAT {
        return Err(Failure::reading(&path, format!("it has format {}, expected {FORMAT}", index.format)));
    }
    let file = folder.join(format!("{}.safetensors", index.digest));
    if digest(&file).map_err(|error| Failure::reading(&file, error))? != index.digest {
        return Err(Failure::reading(&file, "its content is not what was written"));
    }
    let mut tensors = safetensors_file::read(&file)?;
    let mut numbers = |name| {
        let losses = tensors.remove(name).filter(|losses| losses.kind() == Kind::Double);
        let losses = losses.and_then(|losses| Vec::<f64>::try_from(&losses).ok());
        losses.ok_or_else(|| Failure::reading(&file, format!("it has no {name}")))
    };
    let (losses, validation) = (numbers(LOSSES)?, numbers(VALIDATION)?);
    let mut state = TrainingState { losses, validation, best: Vec::new(), tensors: Vec::new() };
    for (name, tensor) in tensors {
        match name.strip_prefix(BEST) {
            Some(name) => state.best.push((name.to_owned(), tensor)),
            None => state.tensors.push((name, tensor)),
        }
    }
    Ok(state)
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs::File::open(path)?)?;
    Ok(hasher.finalize().to_string())
}

//! Pins: results that are never removed, by a name that a person gave them.

use crate::error::{Error, Result};
use crate::fs::durable;
use crate::key::Key;
use crate::key::{RunId, StageName, is_plain};
use crate::store::Store;
use crate::store::survey::entries::is_half_written;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Results that stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Its name.
    pub name: String,
    /// The pipeline whose results they are.
    pub pipeline: String,
    /// The run whose results they are, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The key of each stage.
    pub keys: BTreeMap<StageName, Key>,
    /// When it was made, in seconds since 1970.
    pub made: u64,
}

impl Store {
    /// All pins, by name.
    ///
    /// # Errors
    /// Also when one cannot be read: then it is not known what has to stay.
    pub fn pins(&self) -> Result<Vec<Pin>> {
        let paths = self.names_in("pins")?;
        paths.iter().filter(|path| !is_half_written(path)).map(|path| self.read_pin(path)).collect()
    }

    /// Writes a pin so that it survives a loss of power. Its results must be there, and its name must be new.
    pub fn pin(&self, pin: &Pin) -> Result<()> {
        // Nothing is removed between the look and the pin.
        let _lock = self.lock_shared()?;
        let gone: Vec<String> = pin
            .keys
            .iter()
            .filter(|(_, key)| !self.action_path(**key).exists())
            .map(|(stage, _)| format!("the result of {stage} is no longer in the store"))
            .collect();
        if !gone.is_empty() {
            return Err(Error::NoResults(gone.join("; ")));
        }
        let path = self.pin_path(&pin.name);
        if path.exists() && self.read_pin(&path)?.keys != pin.keys {
            return Err(Error::Usage {
                message: format!("there is a pin '{}' already, of other results", pin.name),
                hint: Some(format!("choose another --name, or remove it with `pipe pin --remove {}`", pin.name)),
            });
        }
        durable::make_folder(&self.disk, &self.root.join("pins"))?;
        let bytes = serde_json::to_vec_pretty(pin).map_err(|error| Error::io("writing", &path, error.into()))?;
        durable::write(&self.disk, &path, &bytes)
    }

    /// Removes a pin. Says whether there was one.
    pub fn unpin(&self, name: &str) -> Result<bool> {
        let path = self.pin_path(name);
        match self.disk.remove_file(&path) {
            Ok(()) => durable::sync_folder(&self.disk, &self.root.join("pins")).map(|()| true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("writing", &path, error)),
        }
    }

    fn pin_path(&self, name: &str) -> PathBuf {
        self.root.join("pins").join(format!("{name}.json"))
    }

    fn read_pin(&self, path: &std::path::Path) -> Result<Pin> {
        let bytes = self.disk.read(path).map_err(|error| Error::io("reading", path, error))?;
        let damaged = |why: String| Error::Damaged {
            message: format!("{} is not a pin: {why}", path.display()),
            hint: Some("nobody knows what it keeps; remove the file and pin the results again".to_owned()),
        };
        let pin: Pin = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if !is_plain(&pin.name) {
            return Err(damaged(format!(
                "'{}' is not a name of letters, digits, '-' and '_'",
                pin.name.escape_debug()
            )));
        }
        Ok(pin)
    }
}

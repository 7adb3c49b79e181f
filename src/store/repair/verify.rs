//! Looking whether the store is what it says: every record its name's, every artifact whole.

use crate::error::{Error, Result};
use crate::fs::lock::FileLock;
use crate::key::Digest;
use crate::key::Key;
use crate::store::results::action::Action;
use crate::store::results::artifact::Artifact;
use crate::store::runs::needs::is_absence;
use crate::store::survey::entries::{is_half_written, key_of, name_of, saturating_sum};
use crate::store::{Store, Unit};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What was looked at and found.
#[derive(Debug, Default, Serialize)]
pub struct Verification {
    /// How many records were looked at.
    pub records: usize,
    /// How many artifacts were looked at.
    pub artifacts: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged.
    pub damage: Vec<Damage>,
    /// Artifacts that no record names. They do no harm.
    pub unnamed: Vec<Digest>,
}

/// One damaged thing.
#[derive(Debug, Serialize)]
pub struct Damage {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
    /// The results that are of no use because of it.
    pub keys: Vec<Key>,
    /// Where it and its records were moved, if they were.
    pub quarantined: Vec<PathBuf>,
    #[serde(skip)]
    artifact: Option<Artifact>,
}

/// How closely artifacts are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Sizes,
    Bytes,
}

/// An artifact with the keys whose records name it.
type Named = BTreeMap<Digest, (Artifact, Vec<Key>)>;

impl Store {
    /// Looks at all records and artifacts; if `deep`, at every byte. Changes nothing.
    ///
    /// # Errors
    /// When the disk cannot tell, which is no damage.
    pub fn verify(&self, deep: bool) -> Result<Verification> {
        let _lock = self.lock_shared()?;
        let mut found = Verification::default();
        let named = self.verify_records(&mut found)?;
        self.verify_names(&named, &mut found)?;
        let look = if deep { Look::Bytes } else { Look::Sizes };
        found.damage.extend(self.damage_in(named, look)?);
        Ok(found)
    }

    /// Reads every byte of the artifacts of some results, and moves what is damaged to quarantine with its records.
    ///
    /// # Errors
    /// When the disk cannot tell, or something cannot be moved.
    pub fn verify_results<'a>(&self, results: impl IntoIterator<Item = &'a Action>) -> Result<Verification> {
        let mut named = Named::new();
        for action in results {
            for artifact in action.outputs.values() {
                named.entry(artifact.digest).or_insert_with(|| (artifact.clone(), Vec::new())).1.push(action.key);
            }
        }
        let mut found = Verification {
            artifacts: named.len(),
            bytes: saturating_sum(named.values().map(|(artifact, _)| artifact.bytes())),
            damage: self.damage_in(named, Look::Bytes)?,
            ..Verification::default()
        };
        self.repair(&mut found)?;
        Ok(found)
    }

    /// Moves what is damaged still out of the way, so that the next run makes it again. Nothing is deleted.
    pub fn repair(&self, found: &mut Verification) -> Result<()> {
        for damage in &mut found.damage {
            // While nobody else adds anything: what was made good in the meantime stays.
            let _alone = FileLock::wait_alone(&self.disk, &self.lock_path())?;
            match damage.artifact.take() {
                Some(artifact) => self.repair_artifact(&artifact, damage)?,
                None => self.repair_path(damage)?,
            }
        }
        Ok(())
    }

    fn verify_records(&self, found: &mut Verification) -> Result<Named> {
        let mut named = Named::new();
        for path in self.names_in("actions")?.into_iter().filter(|path| !is_half_written(path)) {
            let action = match self.read_record(&path)? {
                None => continue,
                Some(Ok(action)) => action,
                Some(Err(why)) => {
                    found.damage.push(Damage::of(path, why));
                    continue;
                }
            };
            found.records += 1;
            for artifact in action.outputs.into_values() {
                let keys = &mut named.entry(artifact.digest).or_insert_with(|| (artifact, Vec::new())).1;
                // Two outputs may be equal.
                if keys.last() != Some(&action.key) {
                    keys.push(action.key);
                }
            }
        }
        found.artifacts = named.len();
        found.bytes = saturating_sum(named.values().map(|(artifact, _)| artifact.bytes()));
        Ok(named)
    }

    /// A record, or what is wrong with it; nothing when it has gone.
    fn read_record(&self, path: &Path) -> Result<Option<std::result::Result<Action, String>>> {
        let Some(key) = key_of(path) else { return Ok(Some(Err("its name is not that of a record".to_owned()))) };
        let bytes = match self.disk.read(path) {
            Ok(bytes) => bytes,
            Err(error) if is_absence(error.kind()) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::IsADirectory => return Ok(Some(Err("it is a folder".to_owned()))),
            Err(error) => return Err(Error::io("reading", path, error)),
        };
        let decoded = Action::decode(&bytes, key).and_then(|action| {
            let strange = action.outputs.iter().find(|(_, artifact)| artifact.content_digest() != artifact.digest);
            match strange {
                Some((port, _)) => Err(format!("the files of output '{port}' do not give the name of its artifact")),
                None => Ok(action),
            }
        });
        Ok(Some(decoded))
    }

    fn verify_names(&self, named: &Named, found: &mut Verification) -> Result<()> {
        for path in self.names_in("store")? {
            match Digest::parse(&name_of(&path)) {
                None => found.damage.push(Damage::of(path, "it does not belong there".to_owned())),
                Some(digest) if !named.contains_key(&digest) => found.unnamed.push(digest),
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn damage_in(&self, named: Named, look: Look) -> Result<Vec<Damage>> {
        self.begins(saturating_sum(named.values().map(|(artifact, _)| artifact.bytes())), Unit::Bytes);
        let look_at = |(_, (artifact, keys))| self.damage_of(artifact, keys, look);
        let faults: Vec<Option<Damage>> = named.into_par_iter().map(look_at).collect::<Result<_>>()?;
        Ok(faults.into_iter().flatten().collect())
    }

    fn damage_of(&self, artifact: Artifact, keys: Vec<Key>, look: Look) -> Result<Option<Damage>> {
        let path = self.artifact(&artifact.digest);
        let why = match look {
            Look::Sizes => artifact.fault_in(&self.disk, &path)?,
            Look::Bytes => artifact.damage_in(&self.disk, &path)?,
        };
        self.steps(artifact.bytes());
        Ok(why.map(|why| Damage { keys, artifact: Some(artifact), ..Damage::of(path, why) }))
    }

    /// The records first: without the artifact they are of no use, and it may be found missing at any time.
    fn repair_artifact(&self, artifact: &Artifact, damage: &mut Damage) -> Result<()> {
        if artifact.damage_in(&self.disk, &damage.path)?.is_none() {
            return Ok(());
        }
        for path in damage.keys.iter().map(|key| self.action_path(*key)) {
            let names_it = |action: &Action| action.outputs.values().any(|output| output.digest == artifact.digest);
            if matches!(self.read_record(&path)?, Some(Ok(action)) if names_it(&action)) {
                damage.quarantined.push(self.move_to_quarantine(&path)?);
            }
        }
        if damage.path.exists() {
            damage.quarantined.push(self.move_to_quarantine(&damage.path)?);
        }
        Ok(())
    }

    /// A record, or what does not belong among the artifacts.
    fn repair_path(&self, damage: &mut Damage) -> Result<()> {
        let is_record = damage.path.starts_with(self.root.join("actions"));
        let is_good = is_record && matches!(self.read_record(&damage.path)?, Some(Ok(_)));
        if !is_good && std::fs::symlink_metadata(&damage.path).is_ok() {
            damage.quarantined.push(self.move_to_quarantine(&damage.path)?);
        }
        Ok(())
    }
}

impl Damage {
    fn of(path: PathBuf, why: String) -> Self {
        let keys = key_of(&path).into_iter().collect();
        Self { path, why, keys, quarantined: Vec::new(), artifact: None }
    }
}

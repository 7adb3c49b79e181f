//! The record of a stage's result: a key, what it means, and the artifacts that it led to. The truth of the store.

use crate::key::{Key, Manifest};
use crate::key::{PortName, StageName};
use crate::machine::Hardware;
use crate::store::results::artifact::Artifact;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The result of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The version of this record's form.
    pub format: u32,
    /// The key.
    pub key: Key,
    /// What the key is the digest of.
    pub manifest: Manifest,
    /// The artifact of each output.
    pub outputs: BTreeMap<PortName, Artifact>,
    /// How it came about. No part of any identity.
    pub provenance: Provenance,
}

/// Where, when and how long a stage ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The run that made it.
    pub run: String,
    /// The pipeline of that run.
    #[serde(default)]
    pub pipeline: String,
    /// What that pipeline calls the stage.
    #[serde(default)]
    pub stage: Option<StageName>,
    /// How many attempts it took.
    #[serde(default = "once")]
    pub attempts: usize,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The machine.
    pub host: String,
    /// How many threads it was given.
    pub threads: usize,
    /// The device that it was given.
    pub device: String,
    /// The GPUs that were its own.
    #[serde(default)]
    pub gpus: Vec<String>,
    /// The class of hardware; unknown in records of before it was written down.
    #[serde(default)]
    pub hardware: Option<Hardware>,
    /// The largest resident memory of the process, in bytes, where the system reports it.
    pub peak_memory: Option<u64>,
}

fn once() -> usize {
    1
}

/// The form that is written today.
pub const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    seal: String,
    #[serde(borrow)]
    action: &'a RawValue,
}

impl Action {
    /// The record as it is written: the action, and beside it the digest of its very bytes.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let action = RawValue::from_string(serde_json::to_string(self)?)?;
        let seal = blake3::hash(action.get().as_bytes()).to_string();
        let mut bytes = serde_json::to_vec(&Sealed { seal, action: &action })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a record for `key`.
    ///
    /// # Errors
    /// A message, when it is damaged, of another form, or the record of another key.
    pub fn decode(bytes: &[u8], key: Key) -> Result<Self, String> {
        let sealed: Sealed<'_> =
            serde_json::from_slice(bytes).map_err(|error| format!("it is not a record: {error}"))?;
        if blake3::hash(sealed.action.get().as_bytes()).to_string() != sealed.seal {
            return Err("its seal does not match its content".to_owned());
        }
        let action: Self = serde_json::from_str(sealed.action.get()).map_err(|error| error.to_string())?;
        if action.format != FORMAT {
            return Err(format!("it has form {}, expected {FORMAT}", action.format));
        }
        if action.key != key || !action.manifest.has_key(key) {
            return Err("it is the record of another key".to_owned());
        }
        Ok(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn action() -> Action {
        let manifest = Manifest {
            parameters: BTreeMap::from([("rate".to_owned(), 0.1.into())]),
            seed: Some(3),
            ..Manifest::new("ingest", "1")
        };
        Action {
            format: FORMAT,
            key: manifest.key(),
            manifest,
            outputs: BTreeMap::new(),
            provenance: Provenance {
                run: "r".to_owned(),
                pipeline: "p".to_owned(),
                stage: Some(StageName::new("ingest")),
                attempts: 1,
                started: 1,
                seconds: 0.5,
                host: "h".to_owned(),
                threads: 2,
                device: "cpu".to_owned(),
                gpus: Vec::new(),
                hardware: None,
                peak_memory: None,
            },
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was() {
        let action = action();
        assert_eq!(Action::decode(&action.encode().unwrap(), action.key).unwrap(), action);
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let action = action();
        let bytes = action.encode().unwrap();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            if let Ok(read) = Action::decode(&damaged, action.key) {
                assert_eq!(read, action, "byte {place} was flipped and another record was read");
            }
        }
    }

    /// The bytes of a record with this content, under the seal that it should have.
    fn sealed(content: &str) -> Vec<u8> {
        format!("{{\"seal\":\"{}\",\"action\":{content}}}\n", blake3::hash(content.as_bytes())).into_bytes()
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_record(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Action::decode(&bytes, action().key).is_err());
        }

        #[test]
        fn a_changed_record_is_equal_or_refused(
            start in any::<proptest::sample::Index>(),
            length in 0..4_usize,
            other in "[0-9a-z\"{}:,.eE+-]{0,4}",
        ) {
            let action = action();
            let mut content = serde_json::to_string(&action).unwrap();
            let start = start.index(content.len());
            content.replace_range(start..(start + length).min(content.len()), &other);
            if let Ok(read) = Action::decode(&sealed(&content), action.key) {
                prop_assert_eq!(read.manifest.key(), action.key);
                let again = Action::decode(&read.encode().unwrap(), action.key).unwrap();
                prop_assert_eq!(again, read);
            }
        }
    }
}

//! Reading manifests, of every format in which they were ever written.

use crate::key::format_1;
use crate::key::manifest::{CommandFields, Manifest};
use crate::key::{Digest, InputName, Label, PortName};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// A manifest as it is written: with `code` today, with `version` in format 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    stage: String,
    code: Option<String>,
    version: Option<String>,
    command: Option<CommandFields>,
    parameters: BTreeMap<String, Value>,
    seed: Option<u64>,
    inputs: BTreeMap<String, WrittenInput>,
    #[serde(default)]
    files: BTreeMap<Label, Digest>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenInput {
    /// Of format 1, where the label was a part of the name.
    Joined(Digest),
    Labelled(BTreeMap<Label, Digest>),
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?.manifest().map_err(D::Error::custom)
    }
}

impl Written {
    fn manifest(self) -> Result<Manifest, String> {
        let Self { stage, code, version, command, parameters, seed, inputs, files } = self;
        let (mut joined, mut labelled) = (BTreeMap::new(), BTreeMap::new());
        for (name, input) in inputs {
            match input {
                WrittenInput::Joined(digest) => drop(joined.insert(name, digest)),
                WrittenInput::Labelled(labels) => {
                    let port = PortName::try_from(name).map_err(|error| error.to_string())?;
                    let input = |(label, digest)| (InputName { port: port.clone(), label }, digest);
                    labelled.extend(labels.into_iter().map(input));
                }
            }
        }
        match (code, version) {
            (Some(code), None) if joined.is_empty() => {
                Ok(Manifest { stage, code, command, parameters, seed, inputs: labelled, files })
            }
            (None, Some(version)) if labelled.is_empty() && files.is_empty() && command.is_none() => {
                format_1::manifest(stage, version, parameters, seed, joined)
            }
            _ => Err("the fields of a key are of no one format".to_owned()),
        }
    }
}

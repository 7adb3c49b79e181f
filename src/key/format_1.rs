//! Manifests of key format 1, in which every name of a field was one text: they are read, and never written.
//!
//! The parts of a command were parameters with names that no parameter can have, and an input was `PORT` or `PORT.LABEL`,
//! an external file of a command `files.LABEL`.

use crate::key::manifest::{CommandFields, Manifest};
use crate::key::{Digest, FILES, FieldHasher, InputName, Key, KeyField, Label, PortName};
use serde_json::Value;
use std::collections::BTreeMap;

const FORMAT: &str = "pipe-key-1";

const STAGE_OF_COMMANDS: &str = "command";
const ARGUMENTS: &str = "the command";
const OUTPUTS: &str = "the outputs";
const ENVIRONMENT: &str = "env ";

impl Manifest {
    /// Whether a record of this manifest may have this key: the one of today, or the one of format 1.
    pub fn has_key(&self, key: Key) -> bool {
        self.key() == key || self.key_of_format_1() == key
    }

    /// The key that it had in format 1.
    pub(crate) fn key_of_format_1(&self) -> Key {
        let mut hasher = FieldHasher::new(FORMAT);
        for (name, value) in fields(self) {
            hasher.field(name.as_bytes());
            hasher.field(value.as_bytes());
        }
        Key(hasher.finish())
    }
}

fn fields(manifest: &Manifest) -> Vec<(String, String)> {
    let (mut parameters, mut inputs) = (BTreeMap::new(), BTreeMap::new());
    let (mut first, mut seed) = (Vec::new(), None);
    for (field, value) in manifest.fields() {
        match field {
            KeyField::Stage | KeyField::Code => first.push((field.to_string(), value)),
            KeyField::Environment(name) => drop(parameters.insert(format!("{ENVIRONMENT}{name}"), value)),
            KeyField::Parameter(name) => drop(parameters.insert(name, value)),
            KeyField::Command => drop(parameters.insert(ARGUMENTS.to_owned(), value)),
            KeyField::Outputs => drop(parameters.insert(OUTPUTS.to_owned(), value)),
            KeyField::Seed => seed = Some(("seed".to_owned(), value)),
            KeyField::Input(input) => drop(inputs.insert(input.to_string(), value)),
            KeyField::File(label) => drop(inputs.insert(format!("{FILES}.{label}"), value)),
        }
    }
    let parameters = parameters.into_iter().map(|(name, value)| (format!("parameter {name}"), value));
    let inputs = inputs.into_iter().map(|(name, value)| (format!("input {name}"), value));
    first.into_iter().chain(parameters).chain(seed).chain(inputs).collect()
}

/// The manifest that was written in format 1 with these parts.
///
/// # Errors
/// A message, when a part of a command has another form than it had.
pub(crate) fn manifest(
    stage: String,
    code: String,
    mut parameters: BTreeMap<String, Value>,
    seed: Option<u64>,
    joined: BTreeMap<String, Digest>,
) -> Result<Manifest, String> {
    let command = if stage == STAGE_OF_COMMANDS { command(&mut parameters)? } else { None };
    let (mut inputs, mut files) = (BTreeMap::new(), BTreeMap::new());
    for (name, digest) in joined {
        match input(&stage, &name) {
            KeyField::File(label) => drop(files.insert(label, digest)),
            KeyField::Input(input) => drop(inputs.insert(input, digest)),
            _ => {}
        }
    }
    Ok(Manifest { stage, code, command, parameters, seed, inputs, files })
}

/// The field of an input by the name that it had.
pub(crate) fn input(stage: &str, joined: &str) -> KeyField {
    let (port, label) = joined.split_once('.').filter(|(_, label)| !label.is_empty()).unwrap_or((joined, ""));
    if stage == STAGE_OF_COMMANDS && port == FILES && !label.is_empty() {
        return KeyField::File(Label::new(label));
    }
    KeyField::Input(InputName { port: PortName::new(port), label: Label::new(label) })
}

/// Takes the parts of a command out of the parameters.
fn command(parameters: &mut BTreeMap<String, Value>) -> Result<Option<CommandFields>, String> {
    let (arguments, outputs) = match (parameters.remove(ARGUMENTS), parameters.remove(OUTPUTS)) {
        (Some(arguments), Some(outputs)) => (arguments, outputs),
        (None, None) => return Ok(None),
        _ => return Err("a command lacks its arguments or its outputs".to_owned()),
    };
    let list = |value: Value| serde_json::from_value(value).map_err(|error| format!("the parts of a command: {error}"));
    let names: Vec<String> = parameters.keys().filter(|name| name.starts_with(ENVIRONMENT)).cloned().collect();
    let variables = names.into_iter().filter_map(|name| {
        let value = parameters.remove(&name)?;
        Some((name[ENVIRONMENT.len()..].to_owned(), value))
    });
    let environment = variables
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            other => Err(format!("the variable {name} is {other}, expected a string")),
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(CommandFields { arguments: list(arguments)?, outputs: list(outputs)?, environment }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: &str = r#"{"stage":"command","version":"1","parameters":{"env LANGUAGE":"en","rate":0.1,
        "the command":["sh","-c","x"],"the outputs":["o"]},"seed":11,
        "inputs":{"files.text":"2eacf908997728ba564ffe34c4b8e55d22c3c0fb58b58403305f0af80a9cd419",
        "parts.count":"ca5221091676d9efe6da4dd15fc96df5e74c51521c23e7092d4dad32515799e5"}}"#;

    #[test]
    fn the_parts_of_a_command_are_fields_of_their_own() {
        let manifest: Manifest = serde_json::from_str(COMMAND).unwrap();
        let fields: Vec<String> = manifest.fields().iter().map(|(field, _)| field.to_string()).collect();
        assert_eq!(
            fields,
            [
                "stage",
                "code",
                "env LANGUAGE",
                "parameter rate",
                "command",
                "outputs",
                "seed",
                "input parts.count",
                "file text"
            ]
        );
    }

    #[test]
    fn the_key_of_a_written_manifest_is_what_it_was() {
        // The whole of what `first` of tests/golden/format-1 was made of.
        let written = r#"{"stage":"command","version":"1","parameters":{"env LANGUAGE":"en","lines":2,"list":[1,2],"name":"x","rate":0.1,"the command":["sh","-c","head -n {parameters.lines} {inputs.words}/words.txt > {outputs.o}/v; echo {seed} $LANGUAGE >> {outputs.o}/v"],"the outputs":["o"],"wide":true},"seed":11,"inputs":{"words":"4111ea6ad09fe3ba43e9bb5855be1eae62390aa8aab06bccb64ab5340ed19cd5"}}"#;
        let manifest: Manifest = serde_json::from_str(written).unwrap();
        let key_then = "b3c7b56d55fd984149be2663c74ba0f37851003db3335e1063d04ff3b2f14319";
        let key = manifest.key_of_format_1();
        assert_eq!(key.to_string(), key_then);
        assert!(manifest.has_key(key) && manifest.key() != key);
    }

    #[test]
    fn names_with_dots_are_read_with_the_key_that_they_had() {
        for name in ["p", "p.q", "p.q.r", "p.", ".q", "files", "files.", "files.x"] {
            for stage in ["command", "ingest"] {
                let digest = Digest::of(b"x");
                let read = manifest(
                    stage.to_owned(),
                    "1".to_owned(),
                    BTreeMap::new(),
                    None,
                    BTreeMap::from([(name.to_owned(), digest)]),
                );
                let names: Vec<String> = fields(&read.unwrap()).into_iter().map(|(name, _)| name).collect();
                assert_eq!(names, ["stage".to_owned(), "code".to_owned(), format!("input {name}")]);
            }
        }
    }
}

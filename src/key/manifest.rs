//! What identifies a run of a stage, and the digest of it.
//!
//! One function lists the fields of a [`Manifest`]. The key hashes that list, an explanation compares two of them and a
//! lock writes one down, so they can never disagree.

use crate::key::{Difference, Digest, FieldHasher, InputName, KeyField, Label, PortName};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// The version of the list of fields and of its encoding. It changes when equal manifests would no longer mean equal
/// results, or have other keys.
const FORMAT: &str = "pipe-key-2";

/// The identity of one run of one stage. Two runs with one key have one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Digest);

impl Key {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        Digest::parse(text).map(Self)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Everything that decides what a stage makes. Where and how it runs (device, host, threads, time) is not in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    /// The stage, such as `ingest`: what it is, not what a pipeline calls it.
    pub stage: String,
    /// The digest of its code.
    pub code: String,
    /// What is run, for a stage that is a program of the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandFields>,
    /// Its parameters, defaults filled in, each in canonical form.
    pub parameters: BTreeMap<String, Value>,
    /// The seed, for a stage in which something is random.
    pub seed: Option<u64>,
    /// The digest of what is at each input.
    #[serde(serialize_with = "by_port")]
    pub inputs: BTreeMap<InputName, Digest>,
    /// The digest of each external file or folder of a command.
    pub files: BTreeMap<Label, Digest>,
}

/// The fields that only a command has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandFields {
    /// The program and its arguments, as the file has them. Records of earlier versions have the name `words`.
    #[serde(rename = "words")]
    pub arguments: Vec<String>,
    /// The names of its outputs.
    pub outputs: Vec<String>,
    /// Variables of its environment.
    pub environment: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of a stage with that code and nothing else.
    pub fn new(stage: impl Into<String>, code: impl Into<String>) -> Self {
        Self {
            stage: stage.into(),
            code: code.into(),
            command: None,
            parameters: BTreeMap::new(),
            seed: None,
            inputs: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    /// The key: the digest of all fields, each name and value with its length before it.
    pub fn key(&self) -> Key {
        let mut hasher = FieldHasher::new(FORMAT);
        for (field, value) in self.fields() {
            field.hash_into(&mut hasher);
            hasher.field(value.as_bytes());
        }
        Key(hasher.finish())
    }

    /// The fields with their values as text, in one order: what is hashed, compared, and written to a lock.
    pub fn fields(&self) -> Vec<(KeyField, String)> {
        let json = |texts: &[String]| Value::from(texts).to_string();
        let mut fields = vec![(KeyField::Stage, self.stage.clone()), (KeyField::Code, self.code.clone())];
        let environment = self.command.iter().flat_map(|command| &command.environment);
        fields.extend(
            environment.map(|(name, value)| (KeyField::Environment(name.clone()), Value::from(&**value).to_string())),
        );
        let parameters = self.parameters.iter();
        fields.extend(parameters.map(|(name, value)| (KeyField::Parameter(name.clone()), value.to_string())));
        if let Some(command) = &self.command {
            fields.push((KeyField::Command, json(&command.arguments)));
            fields.push((KeyField::Outputs, json(&command.outputs)));
        }
        fields.extend(self.seed.map(|seed| (KeyField::Seed, seed.to_string())));
        fields.extend(self.inputs.iter().map(|(input, digest)| (KeyField::Input(input.clone()), digest.to_string())));
        fields.extend(self.files.iter().map(|(label, digest)| (KeyField::File(label.clone()), digest.to_string())));
        fields
    }

    /// The manifest of those fields; `None` when one is missing, or has a value that it cannot have.
    pub fn of_fields(fields: impl IntoIterator<Item = (KeyField, String)>) -> Option<Self> {
        let (mut stage, mut code, mut arguments, mut outputs, mut seed) = (None, None, None, None, None);
        let (mut environment, mut parameters) = (BTreeMap::new(), BTreeMap::new());
        let (mut inputs, mut files) = (BTreeMap::new(), BTreeMap::new());
        for (field, value) in fields {
            match field {
                KeyField::Stage => stage = Some(value),
                KeyField::Code => code = Some(value),
                KeyField::Environment(name) => {
                    environment.insert(name, serde_json::from_str::<String>(&value).ok()?);
                }
                KeyField::Parameter(name) => drop(parameters.insert(name, serde_json::from_str(&value).ok()?)),
                KeyField::Command => arguments = Some(serde_json::from_str(&value).ok()?),
                KeyField::Outputs => outputs = Some(serde_json::from_str(&value).ok()?),
                KeyField::Seed => seed = Some(value.parse().ok()?),
                KeyField::Input(input) => drop(inputs.insert(input, Digest::parse(&value)?)),
                KeyField::File(label) => drop(files.insert(label, Digest::parse(&value)?)),
            }
        }
        let command = match (arguments, outputs) {
            (Some(arguments), Some(outputs)) => Some(CommandFields { arguments, outputs, environment }),
            (None, None) if environment.is_empty() => None,
            _ => return None,
        };
        Some(Self { stage: stage?, code: code?, command, parameters, seed, inputs, files })
    }

    /// What became different from `old` to this one, in the order of the fields.
    pub fn differences(&self, old: &Self) -> Vec<Difference> {
        let mut values: BTreeMap<KeyField, [Option<String>; 2]> = BTreeMap::new();
        for (side, manifest) in [old, self].into_iter().enumerate() {
            for (field, value) in manifest.fields() {
                values.entry(field).or_default()[side] = Some(value);
            }
        }
        let differing = values.into_iter().filter(|(_, [old, new])| old != new);
        differing.map(|(field, [old, new])| Difference { field, old, new }).collect()
    }
}

/// Writes inputs as a table of ports, each a table of labels.
fn by_port<S: Serializer>(inputs: &BTreeMap<InputName, Digest>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut ports: BTreeMap<&PortName, BTreeMap<&Label, &Digest>> = BTreeMap::new();
    for (InputName { port, label }, digest) in inputs {
        ports.entry(port).or_default().insert(label, digest);
    }
    let mut map = serializer.serialize_map(Some(ports.len()))?;
    for (port, labels) in &ports {
        map.serialize_entry(port, labels)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::is_plain;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    #[test]
    fn a_difference_names_the_field_and_both_values() {
        let manifest = |dim: &str| Manifest {
            parameters: BTreeMap::from([("dim".to_owned(), dim.into())]),
            ..Manifest::new("dccf", "1")
        };
        let text: Vec<String> = manifest("64").differences(&manifest("32")).iter().map(ToString::to_string).collect();
        assert_eq!(text, [r#"parameter dim: "32" → "64""#]);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Into::into),
            (-2..3_i64).prop_map(Into::into),
            prop_oneof![Just(0.0), Just(-0.0), proptest::num::f64::NORMAL].prop_map(|number: f64| number.into()),
            "[a\"\\\\,:]{0,2}".prop_map(Into::into),
        ];
        leaf.prop_recursive(2, 6, 2, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..3).prop_map(Into::into),
                vec(("[a-b]", inner), 0..3)
                    .prop_map(|entries| entries.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    /// Names that meet when they are joined: with dots, with the arguments of other fields, empty.
    fn name() -> impl Strategy<Value = String> {
        let known = ["", "p", "q", "p.q", "files", "files.p", "the command", "env p", "seed", "parameter p"];
        proptest::sample::select(known.to_vec()).prop_map(str::to_owned)
    }

    fn command() -> impl Strategy<Value = CommandFields> {
        (vec(name(), 0..3), vec(name(), 0..2), btree_map(name(), name(), 0..2))
            .prop_map(|(arguments, outputs, environment)| CommandFields { arguments, outputs, environment })
    }

    prop_compose! {
        /// Manifests that are near to each other in every way that two could be taken for one.
        fn manifest()(
            names in [name(), name()],
            command in proptest::option::weighted(0.3, command()),
            parameters in btree_map(name(), value(), 0..3),
            seed in proptest::option::of(0..2_u64),
            inputs in btree_map((name(), name()), 0..2_u8, 0..3),
            files in btree_map(name(), 0..2_u8, 0..2),
        ) -> Manifest {
            let digest = |content: u8| Digest::of(&[content]);
            let [stage, code] = names;
            let input = |((port, label), content): ((String, String), u8)| {
                (InputName { port: PortName::new(port), label: Label::new(label) }, digest(content))
            };
            Manifest {
                stage,
                code,
                command,
                parameters,
                seed,
                inputs: inputs.into_iter().map(input).collect(),
                files: files.into_iter().map(|(label, content)| (Label::new(label), digest(content))).collect(),
            }
        }
    }

    /// A manifest as a record has it. Numbers that compare equal may be written in two ways, such as 0.0 and -0.0.
    fn written(manifest: &Manifest) -> String {
        serde_json::to_string(manifest).unwrap()
    }

    /// Pairs that often differ in nothing but where a name stands.
    fn pair() -> impl Strategy<Value = (Manifest, Manifest)> {
        (manifest(), manifest(), any::<[bool; 7]>()).prop_map(|(one, other, same)| {
            let mut pair = (one.clone(), other);
            if same[0] {
                pair.1.stage = one.stage;
            }
            if same[1] {
                pair.1.code = one.code;
            }
            if same[2] {
                pair.1.command = one.command;
            }
            if same[3] {
                pair.1.parameters = one.parameters;
            }
            if same[4] {
                pair.1.seed = one.seed;
            }
            if same[5] {
                pair.1.inputs = one.inputs;
            }
            if same[6] {
                pair.1.files = one.files;
            }
            pair
        })
    }

    proptest! {
        #[test]
        fn a_manifest_that_is_written_and_read_has_its_key(manifest in manifest()) {
            // Names of inputs become paths, so only plain ones are read.
            let is_label = |label: &Label| label.as_str().is_empty() || is_plain(label.as_str());
            let mut inputs = manifest.inputs.keys();
            let is_safe = inputs.all(|input| is_plain(input.port.as_str()) && is_label(&input.label))
                && manifest.files.keys().all(is_label);
            let read = serde_json::from_str::<Manifest>(&written(&manifest));
            prop_assert_eq!(read.is_ok(), is_safe, "{:?}", read);
            if let Ok(read) = read {
                prop_assert_eq!(read.key(), manifest.key());
            }
            let of_fields = Manifest::of_fields(manifest.fields()).unwrap();
            prop_assert_eq!(of_fields.key(), manifest.key());
            prop_assert!(manifest.has_key(manifest.key()));
        }

        #[test]
        fn equal_keys_mean_equal_manifests((one, other) in pair()) {
            let is_same = written(&one) == written(&other);
            prop_assert_eq!(one.key() == other.key(), is_same, "{:?} and {:?}", one, other);
            prop_assert_eq!(one.differences(&other).is_empty(), is_same, "{:?} and {:?}", one, other);
            prop_assert!(!one.has_key(other.key()) || is_same);
        }

        #[test]
        fn a_number_is_read_to_the_last_bit(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            let written = serde_json::json!({ "z": [number], "a": { "b": number } }).to_string();
            prop_assert_eq!(serde_json::from_str::<Value>(&written).unwrap().to_string(), written);
        }

        #[test]
        fn fields_are_listed_in_their_order_and_once(manifest in manifest()) {
            let fields: Vec<KeyField> = manifest.fields().into_iter().map(|(field, _)| field).collect();
            prop_assert!(fields.is_sorted() && fields.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", fields);
        }
    }
}

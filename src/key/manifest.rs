//! What identifies a run of a stage, and the digest of it.
//!
//! One function lists the facts of a [`Manifest`]. The key hashes that list and the explanation compares two of them, so
//! they can never disagree.

use crate::key::exact;
use crate::key::{Digest, FieldHasher};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The version of the list of facts. It changes when equal manifests would no longer mean equal results.
const FORMAT: &str = "pipe-key-1";

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The stage, such as `ingest`: what it is, not what a pipeline calls it.
    pub stage: String,
    /// The digest of its code.
    pub version: String,
    /// Its parameters, defaults filled in, each in canonical form.
    #[serde(deserialize_with = "crate::key::exact::values")]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The seed, for a stage in which something is random.
    pub seed: Option<u64>,
    /// For each entrance, the digest of the content that enters.
    pub inputs: BTreeMap<String, Digest>,
}

impl Manifest {
    /// The key: the digest of all facts, each name and value with its length before it.
    pub fn key(&self) -> Key {
        let mut hasher = FieldHasher::new(FORMAT);
        for (name, value) in self.facts() {
            hasher.field(name.as_bytes());
            hasher.field(value.as_bytes());
        }
        Key(hasher.finish())
    }

    /// The facts by name, in one order: what is hashed, compared, and written to a lock.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![("stage".to_owned(), self.stage.clone()), ("code".to_owned(), self.version.clone())];
        facts.extend(self.parameters.iter().map(|(name, value)| (format!("parameter {name}"), value.to_string())));
        facts.extend(self.seed.map(|seed| ("seed".to_owned(), seed.to_string())));
        facts.extend(self.inputs.iter().map(|(entrance, digest)| (format!("input {entrance}"), digest.to_string())));
        facts
    }

    /// The manifest of those facts; `None` when one is of no known name, is missing, or has a value that it cannot have.
    pub(crate) fn of_facts(facts: impl IntoIterator<Item = (String, String)>) -> Option<Self> {
        let (mut stage, mut version, mut seed) = (None, None, None);
        let (mut parameters, mut inputs) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in facts {
            match name.split_once(' ') {
                None if name == "stage" => stage = Some(value),
                None if name == "code" => version = Some(value),
                None if name == "seed" => seed = Some(value.parse().ok()?),
                Some(("parameter", name)) => drop(parameters.insert(name.to_owned(), exact::value(&value).ok()?)),
                Some(("input", entrance)) => drop(inputs.insert(entrance.to_owned(), Digest::parse(&value)?)),
                _ => return None,
            }
        }
        Some(Self { stage: stage?, version: version?, parameters, seed, inputs })
    }

    /// What became different from `old` to this one.
    pub fn differences(&self, old: &Self) -> Vec<Difference> {
        let before: BTreeMap<String, String> = old.facts().into_iter().collect();
        let now: BTreeMap<String, String> = self.facts().into_iter().collect();
        let names = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name)));
        names
            .filter(|name| before.get(*name) != now.get(*name))
            .map(|name| Difference { fact: name.clone(), old: before.get(name).cloned(), new: now.get(name).cloned() })
            .collect()
    }
}

/// A fact that differs between two manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name, such as `parameter dim`.
    pub fact: String,
    /// What it was, if it was there.
    pub old: Option<String>,
    /// What it is, if it is there.
    pub new: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, new] = self.short();
        write!(f, "{}: {old} → {new}", self.name())
    }
}

/// How many letters of a value are shown to people.
const SHOWN: usize = 60;

impl Difference {
    /// The fact as people know it. The parts of a command are hashed as parameters, and are none in the file.
    pub fn name(&self) -> &str {
        let parameter = self.fact.strip_prefix("parameter ");
        match parameter {
            Some("the command") => "command",
            Some("the outputs") => "outputs",
            Some(name) if name.starts_with("env ") => name,
            _ => &self.fact,
        }
    }

    /// Both values for people: digests to 12 digits, long ones cut so that the place where they differ is seen.
    fn short(&self) -> [String; 2] {
        let values = [&self.old, &self.new].map(|value| match value {
            None => "none".to_owned(),
            Some(value) => Digest::parse(value).map_or_else(|| value.clone(), |digest| digest.short()),
        });
        let cut = values.each_ref().map(|value| cut_middle(value));
        if cut[0] != cut[1] {
            return cut;
        }
        let same = values[0].chars().zip(values[1].chars()).take_while(|(old, new)| old == new).count();
        values.map(|value| cut_around(&value, same))
    }
}

fn cut_middle(value: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    if letters.len() <= SHOWN {
        return value.to_owned();
    }
    let half = SHOWN / 2;
    letters[..half].iter().chain(&['…']).chain(&letters[letters.len() - half..]).collect()
}

fn cut_around(value: &str, place: usize) -> String {
    let before = place.saturating_sub(SHOWN / 2);
    let shown: String = value.chars().skip(before).take(SHOWN).collect();
    let head = if before > 0 { "…" } else { "" };
    let tail = if before + SHOWN < value.chars().count() { "…" } else { "" };
    format!("{head}{shown}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn manifest(parameters: &[(String, String)], seed: Option<u64>) -> Manifest {
        Manifest {
            stage: "dccf".to_owned(),
            version: "1".to_owned(),
            parameters: parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
            seed,
            inputs: BTreeMap::new(),
        }
    }

    #[test]
    fn a_difference_names_the_fact_and_both_values() {
        let old = manifest(&[("dim".to_owned(), "32".to_owned())], Some(1));
        let new = manifest(&[("dim".to_owned(), "64".to_owned())], Some(1));
        let text: Vec<String> = new.differences(&old).iter().map(ToString::to_string).collect();
        assert_eq!(text, [r#"parameter dim: "32" → "64""#]);
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-2..3_i64).prop_map(Into::into),
            prop_oneof![Just(0.0), Just(-0.0), proptest::num::f64::NORMAL].prop_map(|number: f64| number.into()),
            "[a\"\\\\,:]{0,2}".prop_map(Into::into),
        ];
        leaf.prop_recursive(2, 6, 2, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
                proptest::collection::vec(("[a-b]", inner), 0..3)
                    .prop_map(|entries| entries.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    #[test]
    fn the_parts_of_a_command_are_named_as_in_the_file() {
        let name = |fact: &str| Difference { fact: fact.to_owned(), old: None, new: None }.name().to_owned();
        assert_eq!(name("parameter the command"), "command");
        assert_eq!(name("parameter the outputs"), "outputs");
        assert_eq!(name("parameter env LANG"), "env LANG");
        assert_eq!(name("parameter k"), "parameter k");
    }

    #[test]
    fn long_values_are_cut_where_they_do_not_differ() {
        let long = |middle: &str| format!("{}{middle}{}", "a".repeat(80), "b".repeat(80));
        let difference = Difference { fact: "code".to_owned(), old: Some(long("X")), new: Some(long("Y")) };
        let text = difference.to_string();
        assert!(text.contains('X') && text.contains('Y') && text.chars().count() < 150, "{text}");
        let difference = Difference { fact: "code".to_owned(), old: Some(long("")), new: Some("c".repeat(61)) };
        assert!(difference.to_string().chars().count() < 150, "{difference}");
    }

    proptest! {
        #[test]
        fn a_manifest_that_is_written_and_read_has_its_key(value in value(), other in value()) {
            let with = |value: &serde_json::Value| {
                let parameters = BTreeMap::from([("a".to_owned(), value.clone())]);
                Manifest { parameters, ..manifest(&[], None) }
            };
            let written = serde_json::to_string(&with(&value)).unwrap();
            let read: Manifest = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(read.key(), with(&value).key());
            let of_facts = Manifest::of_facts(with(&value).facts()).unwrap();
            prop_assert_eq!(of_facts.key(), with(&value).key());
            let is_same = written == serde_json::to_string(&with(&other)).unwrap();
            prop_assert_eq!(with(&value).key() == with(&other).key(), is_same);
        }

        #[test]
        fn equal_keys_mean_no_differences(
            a in proptest::collection::vec(("[a-c]{1,2}", "[a-c]{0,2}"), 0..4),
            b in proptest::collection::vec(("[a-c]{1,2}", "[a-c]{0,2}"), 0..4),
            seeds in (proptest::option::of(0..2_u64), proptest::option::of(0..2_u64)),
        ) {
            let (a, b) = (manifest(&a, seeds.0), manifest(&b, seeds.1));
            prop_assert_eq!(a.key() == b.key(), a.differences(&b).is_empty());
            prop_assert_eq!(a.key() == b.key(), a == b);
        }
    }
}

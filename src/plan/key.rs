//! What identifies a run of a stage, and the digest of it.
//!
//! One function lists the facts of a [`Manifest`]. The key hashes that list and the explanation compares two of them, so
//! they can never disagree.

use crate::digest::{Digest, FieldHasher};
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
    #[serde(deserialize_with = "crate::plan::exact::values")]
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

    /// The facts by name, in one order.
    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![("stage".to_owned(), self.stage.clone()), ("code".to_owned(), self.version.clone())];
        facts.extend(self.parameters.iter().map(|(name, value)| (format!("parameter {name}"), value.to_string())));
        facts.extend(self.seed.map(|seed| ("seed".to_owned(), seed.to_string())));
        facts.extend(self.inputs.iter().map(|(entrance, digest)| (format!("input {entrance}"), digest.to_string())));
        facts
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
        write!(f, "{}: {} → {}", self.name(), short(self.old.as_deref()), short(self.new.as_deref()))
    }
}

impl Difference {
    /// The fact's name for people: what every command has is not called a parameter.
    pub fn name(&self) -> &str {
        let name = self.fact.strip_prefix("parameter ").unwrap_or(&self.fact);
        match name.strip_prefix("the ") {
            Some(name) => name,
            None if name.starts_with("env ") => name,
            None => &self.fact,
        }
    }
}

/// A value for people: a digest by its beginning, a long text without its middle.
pub fn short(value: Option<&str>) -> String {
    const LONGEST: usize = 60;
    let Some(value) = value else { return "none".to_owned() };
    if let Some(digest) = Digest::parse(value) {
        return digest.short();
    }
    let letters: Vec<char> = value.chars().collect();
    if letters.len() <= LONGEST {
        return value.to_owned();
    }
    let (head, tail) = (&letters[..LONGEST / 2], &letters[letters.len() - LONGEST / 2 + 1..]);
    head.iter().chain(['…'].iter()).chain(tail).collect()
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

//! What differs between two manifests, for people and for programs.

use crate::key::{Digest, KeyField};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use std::fmt;

/// A field of the key that differs between two manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: KeyField,
    /// What it was, if it was there.
    pub old: Option<String>,
    /// What it is, if it is there.
    pub new: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, new] = self.short();
        write!(f, "{}: {old} → {new}", self.field)
    }
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Difference", 3)?;
        object.serialize_field("field", &self.field.to_string())?;
        object.serialize_field("old", &self.old)?;
        object.serialize_field("new", &self.new)?;
        object.end()
    }
}

/// How many letters of a value are shown to people.
const SHOWN: usize = 60;

impl Difference {
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

    #[test]
    fn long_values_are_cut_where_they_do_not_differ() {
        let long = |middle: &str| format!("{}{middle}{}", "a".repeat(80), "b".repeat(80));
        let difference = Difference { field: KeyField::Code, old: Some(long("X")), new: Some(long("Y")) };
        let text = difference.to_string();
        assert!(text.contains('X') && text.contains('Y') && text.chars().count() < 150, "{text}");
        let difference = Difference { field: KeyField::Code, old: Some(long("")), new: Some("c".repeat(61)) };
        assert!(difference.to_string().chars().count() < 150, "{difference}");
    }
}

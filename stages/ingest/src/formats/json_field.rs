//! A field of a JSON line, whatever type it has.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// A value that borrows its text from the line where it can.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Field<'a> {
    /// Absent, or null.
    #[default]
    Absent,
    /// A string.
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// Another number.
    Number(f64),
    /// A list.
    List(Vec<Self>),
    /// An object, or true or false.
    Other(Value),
}

impl<'a> Field<'a> {
    /// Its text as an identifier: a string that is not empty, or a whole number.
    pub(crate) fn id(self) -> Result<Cow<'a, str>, String> {
        match self {
            Self::Text(text) if !text.is_empty() && !text.contains('\0') => Ok(text),
            Self::Whole(number) => Ok(Cow::Owned(number.to_string())),
            other => Err(other.to_string()),
        }
    }

    /// Whether there is nothing in it, or an empty string or list.
    pub(crate) fn is_absent(&self) -> bool {
        *self == Self::Absent
    }

    /// It as a number.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Its strings: itself, or those of a list.
    pub(crate) fn strings(&self) -> impl Iterator<Item = &str> {
        let one = std::slice::from_ref(self);
        let each = if let Self::List(entries) = self { entries.as_slice() } else { one };
        each.iter().filter_map(|entry| if let Self::Text(text) = entry { Some(&**text) } else { None })
    }

    /// It as a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// The field as JSON, for errors.
impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Text(text) if text.len() > 80 => write!(f, "a string of {} bytes", text.len()),
            Self::Text(text) => write!(f, "{}", Value::from(&**text)),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::List(_) => f.write_str("a list"),
            Self::Other(Value::Object(_)) => f.write_str("an object"),
            Self::Other(value) => write!(f, "{value}"),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyField)
    }
}

struct AnyField;

impl<'de> Visitor<'de> for AnyField {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Field<'de>, E> {
        Ok(Field::Whole(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Field<'de>, E> {
        Ok(i64::try_from(number).map_or(Field::Number(number as f64), Field::Whole))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Field<'de>, E> {
        Ok(Field::Number(number))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Field<'de>, E> {
        Ok(Field::Other(Value::Bool(truth)))
    }

    fn visit_unit<E: Error>(self) -> Result<Field<'de>, E> {
        Ok(Field::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Field<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Field::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Field<'de>, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(entries)).map(Field::Other)
    }
}

//! The metadata: keys and typed values.

use crate::reader::Reader;
use crate::{GgufError, Result};
use std::collections::BTreeMap;

/// A value of the metadata. Numbers of all widths are one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// An unsigned number, or a signed one that is not negative.
    Unsigned(u64),
    /// A negative number.
    Negative(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A text.
    Text(&'a str),
    /// Several values of one type; arrays of arrays are refused.
    Array(Vec<Self>),
}

/// The metadata of a file, by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata<'a> {
    values: BTreeMap<&'a str, Value<'a>>,
}

const TEXT: u32 = 8;
const ARRAY: u32 = 9;

impl<'a> Metadata<'a> {
    /// Reads `count` pairs.
    pub(crate) fn read(reader: &mut Reader<'a>, count: u64) -> Result<Self> {
        // A key's length, a type and a value of one byte.
        const LEAST: u64 = 8 + 4 + 1;
        reader.check(count.saturating_mul(LEAST), &format!("metadata of {count} pairs"))?;
        let mut values = BTreeMap::new();
        for _ in 0..count {
            let at = reader.at();
            let key = reader.string("a key of the metadata")?;
            let kind = reader.u32(key)?;
            let value = match kind {
                ARRAY => read_array(reader, key)?,
                kind => read_value(reader, kind, key)?,
            };
            if values.insert(key, value).is_some() {
                return Err(GgufError::Damaged { problem: format!("the key '{key}' is there twice"), at });
            }
        }
        Ok(Self { values })
    }

    /// A value, if there is one of that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.values.get(key)
    }

    /// A whole number from 0 on, if there is one of that key.
    ///
    /// # Errors
    /// When the value is of another type.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>> {
        self.typed(key, "a whole number from 0 on", |value| match value {
            Value::Unsigned(number) => Some(*number),
            _ => None,
        })
    }

    /// A number, if there is one of that key.
    ///
    /// # Errors
    /// When the value is of another type or not finite.
    pub fn float(&self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a number", |value| match value {
            Value::Float(number) if number.is_finite() => Some(*number),
            Value::Unsigned(number) => Some(*number as f64),
            Value::Negative(number) => Some(*number as f64),
            _ => None,
        })
    }

    /// True or false, if there is one of that key.
    ///
    /// # Errors
    /// When the value is of another type.
    pub fn bool(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "true or false", |value| match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// A string, if there is one of that key.
    ///
    /// # Errors
    /// When the value is of another type.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.typed(key, "a string", |value| match value {
            Value::Text(text) => Some(*text),
            _ => None,
        })
    }

    /// A list, if there is one of that key; `take` says what it wants of each value.
    ///
    /// # Errors
    /// When the value is no list, or `take` does not want one of its values.
    pub fn list<T>(&self, key: &str, expected: &str, take: impl Fn(&Value<'a>) -> Option<T>) -> Result<Option<Vec<T>>> {
        self.typed(key, expected, |value| match value {
            Value::Array(values) => values.iter().map(&take).collect(),
            _ => None,
        })
    }

    /// What `found` makes of an absent value is an error.
    ///
    /// # Errors
    /// When it is absent, or the reading before failed.
    pub fn required<T>(&self, key: &str, found: Result<Option<T>>) -> Result<T> {
        found?.ok_or_else(|| GgufError::Missing { key: key.to_owned() })
    }

    fn typed<T>(&self, key: &str, expected: &str, take: impl FnOnce(&Value<'a>) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let unexpected =
            || GgufError::Unexpected { key: key.to_owned(), found: value.in_words(), expected: expected.to_owned() };
        take(value).map(Some).ok_or_else(unexpected)
    }
}

impl Value<'_> {
    /// The value for a message; a long text is cut.
    fn in_words(&self) -> String {
        const LONGEST: usize = 40;
        match self {
            Self::Unsigned(number) => number.to_string(),
            Self::Negative(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Text(text) if text.chars().count() > LONGEST => {
                format!("\"{}…\"", text.chars().take(LONGEST).collect::<String>())
            }
            Self::Text(text) => format!("\"{text}\""),
            Self::Array(values) => format!("a list of {} values", values.len()),
        }
    }
}

fn read_array<'a>(reader: &mut Reader<'a>, key: &str) -> Result<Value<'a>> {
    let at = reader.at();
    let kind = reader.u32(key)?;
    let count = reader.u64(key)?;
    if kind == ARRAY {
        return Err(GgufError::Damaged { problem: format!("'{key}' is a list of lists"), at });
    }
    let least = if kind == TEXT { 8 } else { width(kind, key, at)? };
    reader.check(count.saturating_mul(least), &format!("'{key}', a list of {count} values,"))?;
    (0..count).map(|_| read_value(reader, kind, key)).collect::<Result<_>>().map(Value::Array)
}

/// The bytes of a value of that type.
fn width(kind: u32, key: &str, at: u64) -> Result<u64> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(GgufError::Damaged { problem: format!("'{key}' has the unknown type {kind}"), at }),
    }
}

fn read_value<'a>(reader: &mut Reader<'a>, kind: u32, key: &str) -> Result<Value<'a>> {
    let at = reader.at();
    let signed = |number: i64| u64::try_from(number).map_or(Value::Negative(number), Value::Unsigned);
    Ok(match kind {
        0 => Value::Unsigned(reader.array::<1>(key)?[0].into()),
        1 => signed(i8::from_le_bytes(reader.array(key)?).into()),
        2 => Value::Unsigned(u16::from_le_bytes(reader.array(key)?).into()),
        3 => signed(i16::from_le_bytes(reader.array(key)?).into()),
        4 => Value::Unsigned(reader.u32(key)?.into()),
        5 => signed(i32::from_le_bytes(reader.array(key)?).into()),
        6 => Value::Float(f32::from_le_bytes(reader.array(key)?).into()),
        7 => match reader.array::<1>(key)?[0] {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            other => {
                return Err(GgufError::Damaged { problem: format!("'{key}' is {other}, expected 0 or 1"), at });
            }
        },
        TEXT => Value::Text(reader.string(key)?),
        10 => Value::Unsigned(reader.u64(key)?),
        11 => signed(i64::from_le_bytes(reader.array(key)?)),
        12 => Value::Float(f64::from_le_bytes(reader.array(key)?)),
        other => {
            return Err(GgufError::Damaged { problem: format!("'{key}' has the unknown type {other}"), at });
        }
    })
}

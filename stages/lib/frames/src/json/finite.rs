//! Finds the numbers of a value that JSON cannot hold: serde_json writes NaN and infinities as `null`.

use serde::ser::{self, Serialize};
use std::fmt::{self, Display};

/// Checks that all numbers of a value are finite; the error names the first that is not and its place.
///
/// # Errors
/// When a number is NaN or infinite, or the value has no JSON form.
pub(super) fn check(value: &impl Serialize) -> Result<(), NoJson> {
    value.serialize(Numbers)
}

/// Where in a value is something that JSON cannot hold.
#[derive(Debug, Default)]
pub(super) struct NoJson {
    /// The fields, keys and indices that lead there, the innermost first.
    place: Vec<String>,
    found: String,
}

impl NoJson {
    fn within(mut self, step: impl Into<String>) -> Self {
        self.place.push(step.into());
        self
    }
}

impl Display for NoJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: String = self.place.iter().rev().map(String::as_str).collect();
        let place = steps.trim_start_matches('.');
        write!(f, "{} is {}, expected a finite number", if place.is_empty() { "the value" } else { place }, self.found)
    }
}

impl std::error::Error for NoJson {}

impl ser::Error for NoJson {
    fn custom<T: Display>(message: T) -> Self {
        Self { place: Vec::new(), found: message.to_string() }
    }
}

/// Visits all numbers of a value and writes nothing.
#[derive(Clone, Copy)]
struct Numbers;

/// Visits what a list or a map holds, and counts it.
struct Inside {
    index: usize,
    key: String,
}

type Checked = Result<(), NoJson>;

fn finite(number: f64) -> Checked {
    if number.is_finite() { Ok(()) } else { Err(NoJson { place: Vec::new(), found: number.to_string() }) }
}

fn inside() -> Inside {
    Inside { index: 0, key: String::new() }
}

macro_rules! passes {
    ($($name:ident: $type:ty),*) => { $(fn $name(self, _: $type) -> Checked { Ok(()) })* };
}

impl ser::Serializer for Numbers {
    type Ok = ();
    type Error = NoJson;
    type SerializeSeq = Inside;
    type SerializeTuple = Inside;
    type SerializeTupleStruct = Inside;
    type SerializeTupleVariant = Inside;
    type SerializeMap = Inside;
    type SerializeStruct = Inside;
    type SerializeStructVariant = Inside;

    passes!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_char: char,
        serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str
    );

    fn serialize_f32(self, number: f32) -> Checked {
        finite(number.into())
    }

    fn serialize_f64(self, number: f64) -> Checked {
        finite(number)
    }

    fn serialize_none(self) -> Checked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Checked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self).map_err(|error| error.within(format!(".{variant}")))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside, NoJson> {
        Ok(inside())
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside, NoJson> {
        Ok(inside())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside, NoJson> {
        Ok(inside())
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Inside, NoJson> {
        Ok(inside())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside, NoJson> {
        Ok(inside())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside, NoJson> {
        Ok(inside())
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Inside, NoJson> {
        Ok(inside())
    }
}

impl Inside {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        let index = self.index;
        self.index += 1;
        value.serialize(Numbers).map_err(|error| error.within(format!("[{index}]")))
    }
}

macro_rules! elements {
    ($($trait:ident: $method:ident),*) => { $(impl ser::$trait for Inside {
        type Ok = ();
        type Error = NoJson;

        fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
            self.element(value)
        }

        fn end(self) -> Checked {
            Ok(())
        }
    })* };
}

elements!(
    SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

macro_rules! fields {
    ($($trait:ident),*) => { $(impl ser::$trait for Inside {
        type Ok = ();
        type Error = NoJson;

        fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Checked {
            value.serialize(Numbers).map_err(|error| error.within(format!(".{name}")))
        }

        fn end(self) -> Checked {
            Ok(())
        }
    })* };
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Inside {
    type Ok = ();
    type Error = NoJson;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Checked {
        let key = serde_json::to_value(key).map_err(ser::Error::custom)?;
        self.key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        value.serialize(Numbers).map_err(|error| error.within(format!(".{}", self.key)))
    }

    fn end(self) -> Checked {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(serde::Serialize)]
    struct Report {
        name: &'static str,
        best: Option<f64>,
        losses: Vec<BTreeMap<String, f32>>,
    }

    fn report(best: Option<f64>, last: f32) -> Report {
        let row = |value| BTreeMap::from([("loss".to_owned(), value)]);
        Report { name: "r", best, losses: vec![row(1.0), row(last)] }
    }

    #[test]
    fn a_number_that_is_not_finite_is_located() {
        let found = |report: Report| check(&report).unwrap_err().to_string();
        assert_eq!(found(report(None, f32::NAN)), "losses[1].loss is NaN, expected a finite number");
        assert_eq!(found(report(Some(f64::NEG_INFINITY), 1.0)), "best is -inf, expected a finite number");
        assert_eq!(check(&f32::INFINITY).unwrap_err().to_string(), "the value is inf, expected a finite number");
    }

    #[test]
    fn absent_and_finite_numbers_pass() {
        assert!(check(&report(None, 1.0)).is_ok());
        assert!(check(&report(Some(f64::MAX), f32::MIN)).is_ok());
        assert!(check(&serde_json::json!({ "a": [1, 2.5, null, "x"], "b": {} })).is_ok());
    }
}

//! Reading JSON values with their numbers to the last bit.
//!
//! serde_json is built to read numbers quickly, and then may miss one of 16 digits by the last bit. A manifest that was
//! written and read has to have its key.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use std::collections::BTreeMap;

/// Reads values by name.
pub(crate) fn values<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let raw = BTreeMap::<String, Box<RawValue>>::deserialize(from)?;
    raw.into_iter().map(|(name, text)| Ok((name, value(text.get()).map_err(D::Error::custom)?))).collect()
}

/// Reads one value.
pub(crate) fn value(text: &str) -> serde_json::Result<Value> {
    let mut read: Value = serde_json::from_str(text)?;
    match &mut read {
        Value::Number(number) if number.is_f64() => {
            if let Some(exact) = text.parse().ok().and_then(Number::from_f64) {
                *number = exact;
            }
        }
        Value::Array(values) => {
            for (place, text) in values.iter_mut().zip(serde_json::from_str::<Vec<&RawValue>>(text)?) {
                *place = value(text.get())?;
            }
        }
        // The order of the names stays.
        Value::Object(entries) => {
            for (name, text) in serde_json::from_str::<BTreeMap<String, &RawValue>>(text)? {
                entries.insert(name, value(text.get())?);
            }
        }
        _ => {}
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_is_read_to_the_last_bit(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            let written = serde_json::json!({ "z": [number], "a": { "b": number } }).to_string();
            prop_assert_eq!(value(&written).unwrap().to_string(), written);
        }
    }
}

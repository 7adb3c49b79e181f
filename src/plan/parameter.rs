//! What a parameter may be: read from the stage's JSON schema, checked against the pipeline, brought to one form.
//!
//! The schemas are those that the stages' own types give, so only the few forms that such types have are understood.

use crate::error::Error;
use crate::key::did_you_mean;
use contract::Description;
use serde_json::{Map, Value};

/// A parameter of a stage.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it may be.
    pub expected: Expected,
    /// Its value when a pipeline says nothing.
    pub default: Value,
    /// What it is for.
    pub about: String,
}

/// The values that a parameter may have.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// A whole number within bounds.
    Integer {
        /// The least.
        least: Option<f64>,
        /// The greatest.
        greatest: Option<f64>,
    },
    /// A number within bounds.
    Number {
        /// The least.
        least: Option<f64>,
        /// The greatest.
        greatest: Option<f64>,
    },
    /// `true` or `false`.
    Boolean,
    /// Any text.
    Text,
    /// One of several choices.
    Choice(Vec<String>),
    /// Any number of values of one kind.
    List(Box<Self>),
    /// A value or nothing; leaving the parameter out is another value.
    Optional(Box<Self>),
    /// Named values of these kinds, of which any may be left out.
    Table(Vec<(String, Self)>),
}

impl Expected {
    /// The value in canonical form, so that equal meaning gives equal keys.
    ///
    /// # Errors
    /// The message, with what was found and what was expected, and the way out where one is near.
    pub fn check(&self, value: &Value) -> Result<Value, (String, Option<String>)> {
        let fault = || (format!("found {}, expected {self}", shown(value)), None);
        match self {
            Self::Integer { least, greatest } => match value.as_f64() {
                Some(number) if value.is_i64() || value.is_u64() => {
                    within(number, *least, *greatest).then(|| value.clone()).ok_or_else(fault)
                }
                _ => Err(fault()),
            },
            Self::Number { least, greatest } => match value.as_f64() {
                Some(number) if within(number, *least, *greatest) => Ok(number.into()),
                _ => Err(fault()),
            },
            Self::Boolean => value.is_boolean().then(|| value.clone()).ok_or_else(fault),
            Self::Text => value.is_string().then(|| value.clone()).ok_or_else(fault),
            Self::Choice(choices) => match value.as_str() {
                Some(found) if choices.iter().any(|choice| choice == found) => Ok(value.clone()),
                Some(found) => Err((fault().0, did_you_mean(found, choices.iter().map(String::as_str)))),
                None => Err(fault()),
            },
            Self::List(each) => match value.as_array() {
                Some(values) => {
                    values.iter().map(|value| each.check(value)).collect::<Result<_, _>>().map(Value::Array)
                }
                None => Err(fault()),
            },
            Self::Optional(inner) => {
                if value.is_null() {
                    Ok(Value::Null)
                } else {
                    inner.check(value)
                }
            }
            Self::Table(entries) => match value.as_object() {
                Some(values) => check_table(entries, values),
                None => Err(fault()),
            },
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bounds = |least: &Option<f64>, greatest: &Option<f64>| match (least, greatest) {
            (Some(least), Some(greatest)) => format!(" from {least} to {greatest}"),
            (Some(least), None) => format!(" of at least {least}"),
            (None, Some(greatest)) => format!(" of at most {greatest}"),
            (None, None) => String::new(),
        };
        match self {
            Self::Integer { least, greatest } => write!(f, "a whole number{}", bounds(least, greatest)),
            Self::Number { least, greatest } => write!(f, "a number{}", bounds(least, greatest)),
            Self::Boolean => f.write_str("true or false"),
            Self::Text => f.write_str("a string"),
            Self::Choice(choices) => {
                let quoted: Vec<String> = choices.iter().map(|choice| format!("\"{choice}\"")).collect();
                write!(f, "one of {}", quoted.join(", "))
            }
            Self::List(each) => write!(f, "a list, each {each}"),
            Self::Optional(inner) => inner.fmt(f),
            Self::Table(entries) => {
                let each: Vec<String> = entries.iter().map(|(name, expected)| format!("{name} = {expected}")).collect();
                write!(f, "a table of {}", each.join(", "))
            }
        }
    }
}

/// A table in canonical form: the entries that are set, in the order of their definition.
fn check_table(entries: &[(String, Expected)], values: &Map<String, Value>) -> Result<Value, (String, Option<String>)> {
    let names = || entries.iter().map(|(name, _)| name.as_str());
    if let Some(unknown) = values.keys().find(|key| !names().any(|name| name == *key)) {
        let expected = names().collect::<Vec<_>>().join(", ");
        return Err((format!("found '{unknown}', expected only {expected}"), did_you_mean(unknown, names())));
    }
    let set = entries.iter().filter_map(|(name, expected)| Some((name, expected, values.get(name)?)));
    let checked = set.filter(|(_, _, value)| !value.is_null()).map(|(name, expected, value)| {
        let value = expected.check(value).map_err(|(message, hint)| (format!("{name}: {message}"), hint))?;
        Ok((name.clone(), value))
    });
    checked.collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

/// The parameters of a stage.
///
/// # Errors
/// [`Error::Worker`], when its schema has a form that no parameter of ours has.
pub fn parameters_of(stage: &Description) -> Result<Vec<Parameter>, Error> {
    let wrong = |message| Error::other_sources(format!("stage '{}' describes itself wrongly: {message}", stage.name));
    parameters(&stage.parameters).map_err(wrong)
}

/// The parameters that a stage's schema describes.
///
/// # Errors
/// In choices, when the schema has a form that no parameter of ours has.
pub fn parameters(schema: &Value) -> Result<Vec<Parameter>, String> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Ok(Vec::new()) };
    let definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    properties
        .iter()
        .map(|(name, property)| {
            let expected = expected(property, &definitions)
                .ok_or_else(|| format!("parameter '{name}' has a schema of unknown form"))?;
            let default = property.get("default").cloned().unwrap_or(Value::Null);
            let default = expected
                .check(&default)
                .map_err(|(message, _)| format!("the default of parameter '{name}' does not fit: {message}"))?;
            let about = property.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(Parameter { name: name.clone(), expected, default, about })
        })
        .collect()
}

fn expected(schema: &Value, definitions: &Map<String, Value>) -> Option<Expected> {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return expected(definitions.get(reference.rsplit('/').next()?)?, definitions);
    }
    if let Some(choices) = choices(schema) {
        return Some(Expected::Choice(choices));
    }
    if let Some([only]) = schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        return expected(only, definitions);
    }
    if let Some(variants) = schema.get("anyOf").and_then(Value::as_array) {
        let is_null = |variant: &&Value| variant.get("type").and_then(Value::as_str) == Some("null");
        let [value] = variants.iter().filter(|variant| !is_null(variant)).collect::<Vec<_>>()[..] else { return None };
        return Some(Expected::Optional(Box::new(expected(value, definitions)?)));
    }
    match schema.get("type")? {
        Value::String(kind) => simple(kind, schema, definitions),
        Value::Array(kinds) => {
            let [kind] = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect::<Vec<_>>()[..]
            else {
                return None;
            };
            Some(Expected::Optional(Box::new(simple(kind, schema, definitions)?)))
        }
        _ => None,
    }
}

fn simple(kind: &str, schema: &Value, definitions: &Map<String, Value>) -> Option<Expected> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (least, greatest) = (bound("minimum"), bound("maximum"));
    Some(match kind {
        "integer" => Expected::Integer { least, greatest },
        "number" => Expected::Number { least, greatest },
        "boolean" => Expected::Boolean,
        "string" => Expected::Text,
        "array" => Expected::List(Box::new(expected(schema.get("items")?, definitions)?)),
        "object" => {
            let properties = schema.get("properties")?.as_object()?;
            let entry = |(name, property): (&String, &Value)| Some((name.clone(), expected(property, definitions)?));
            Expected::Table(properties.iter().map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The choices of a schema that allows only some: `enum`, or `oneOf` with a `const` in each.
fn choices(schema: &Value) -> Option<Vec<String>> {
    let string = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(string).collect();
    }
    let variants = schema.get("oneOf")?.as_array()?;
    let lists: Option<Vec<Vec<String>>> = variants
        .iter()
        .map(|variant| variant.get("const").and_then(string).map(|choice| vec![choice]).or_else(|| choices(variant)))
        .collect();
    Some(lists?.concat())
}

fn within(number: f64, least: Option<f64>, greatest: Option<f64>) -> bool {
    least.is_none_or(|least| number >= least) && greatest.is_none_or(|greatest| number <= greatest)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text \"{text}\""),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(schema: &Value) -> Expected {
        parameters(&json!({ "properties": { "p": schema } })).unwrap().remove(0).expected
    }

    #[test]
    fn a_whole_number_for_a_number_means_the_same() {
        let rate = of(&json!({ "type": "number", "default": 0.5 }));
        assert_eq!(rate.check(&json!(1)), rate.check(&json!(1.0)));
    }

    #[test]
    fn a_number_out_of_bounds_is_refused_with_the_bounds() {
        let levels = of(&json!({ "type": "integer", "minimum": 1, "maximum": 5, "default": 4 }));
        let (message, _) = levels.check(&json!(6)).unwrap_err();
        assert_eq!(message, "found 6, expected a whole number from 1 to 5");
    }

    #[test]
    fn a_misspelt_value_gets_the_right_one() {
        let choice = of(&json!({ "oneOf": [{ "const": "learned" }, { "const": "pca" }], "default": "pca" }));
        assert_eq!(choice.check(&json!("lerned")).unwrap_err().1.unwrap(), "did you mean 'learned'?");
    }

    #[test]
    fn a_table_has_known_entries_in_one_order() {
        let optional = json!({ "type": ["string", "null"] });
        let table =
            of(&json!({ "type": "object", "properties": { "user": optional, "item": optional }, "default": {} }));
        let checked = table.check(&json!({ "item": "sku", "user": "uid" })).unwrap();
        assert_eq!(checked.to_string(), r#"{"user":"uid","item":"sku"}"#);
        assert_eq!(table.check(&json!({ "user": null })).unwrap(), json!({}));
        let (message, hint) = table.check(&json!({ "usr": "uid" })).unwrap_err();
        assert_eq!(message, "found 'usr', expected only user, item");
        assert_eq!(hint.unwrap(), "did you mean 'user'?");
        assert_eq!(table.check(&json!({ "user": 1 })).unwrap_err().0, "user: found 1, expected a string");
    }

    #[test]
    fn nothing_is_a_value_of_an_optional() {
        let optional = of(&json!({ "type": ["integer", "null"], "default": null }));
        assert!(optional.check(&Value::Null).is_ok() && optional.check(&json!(3)).is_ok());
    }
}

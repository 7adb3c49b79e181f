//! The values of a pipeline file: each read as what it has to be, or an error that points at it.

use crate::error::{Error, Result};
use crate::key::{LONGEST_NAME, PortName, StageName, is_plain, suggestion};
use crate::source::{Place, Placed, Source};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// An amount of memory such as `64G`, in bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// The value that stands after `=` in an argument, such as `4`, `"text"` or `[1, 2]`; what is not TOML is taken as a string.
pub(crate) fn value_of_argument(text: &str) -> serde_json::Value {
    let value = DeValue::parse(text.trim()).ok().and_then(|value| to_json(value.get_ref()).ok());
    value.unwrap_or_else(|| text.into())
}

/// Reads values of one source.
pub(super) struct Reader<'a> {
    /// The source that errors point into.
    pub(super) source: &'a Arc<Source>,
}

impl Reader<'_> {
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.source, span)
    }

    pub(super) fn error(&self, span: Range<usize>, message: String, hint: Option<String>) -> Error {
        Error::Syntax { message, place: self.place(span), hint }
    }

    /// An error for a key that is not one of those expected.
    pub(super) fn unknown(&self, key: &Spanned<Cow<'_, str>>, noun: &str, known: &[&str]) -> Error {
        let hint = suggestion(key.get_ref(), known.iter().copied(), "expected one of");
        self.error(key.span(), format!("'{}' is not a key of {noun}", key.get_ref()), Some(hint))
    }

    pub(super) fn mistyped(&self, value: &Spanned<DeValue<'_>>, key: &str, expected: &str) -> Error {
        let found = value.get_ref().type_str();
        self.error(value.span(), format!("'{key}' is of type {found}, expected {expected}"), None)
    }

    /// Checks a name that becomes part of paths, of variables and of names in braces.
    pub(super) fn plain(&self, span: Range<usize>, name: &str, noun: &str) -> Result<()> {
        self.plain_or(span, name, noun, None)
    }

    /// The same with a hint at what to do.
    pub(super) fn plain_or(&self, span: Range<usize>, name: &str, noun: &str, hint: Option<String>) -> Result<()> {
        if is_plain(name) {
            return self.short(span, name, noun);
        }
        let message = format!("'{}' cannot name {noun}: expected letters, digits, '-' and '_'", name.escape_debug());
        Err(self.error(span, message, hint))
    }

    /// Checks that a name fits into the name of a file.
    pub(super) fn short(&self, span: Range<usize>, name: &str, noun: &str) -> Result<()> {
        too_long(name, noun).map_or(Ok(()), |message| Err(self.error(span, message, None)))
    }

    /// The stage and the output that a string `STAGE.OUTPUT` names.
    pub(super) fn output(&self, value: &Spanned<DeValue<'_>>, text: &str) -> Result<(StageName, PortName)> {
        let Some((stage, output)) = text.split_once('.') else {
            let message = format!("'{text}' does not name an output: expected \"STAGE.OUTPUT\"");
            return Err(self.error(value.span(), message, None));
        };
        self.plain(value.span(), stage, "a stage")?;
        self.plain(value.span(), output, "an output")?;
        Ok((StageName::new(stage), PortName::new(output)))
    }

    /// A string and its place.
    pub(super) fn placed(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<Placed<String>> {
        Ok(Placed { value: self.text(value, key)?, place: self.place(value.span()) })
    }

    /// Texts and their places.
    pub(super) fn texts(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<Vec<Placed<String>>> {
        let values = value.get_ref().as_array().ok_or_else(|| self.mistyped(value, key, "a list of strings"))?;
        values.iter().map(|value| self.placed(value, key)).collect()
    }

    /// A time such as `"90s"`, `"30m"`, `"2h"` or `"1d"`.
    pub(super) fn duration(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<Duration> {
        let text = self.text(value, key)?;
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match &text[digits.len()..] {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => 0,
        };
        let seconds =
            digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit)).filter(|seconds| *seconds > 0);
        seconds.map(Duration::from_secs).ok_or_else(|| {
            let message = format!("'{text}' is not a time: expected a number and s, m, h or d, such as \"2h\"");
            self.error(value.span(), message, None)
        })
    }

    /// An amount of memory, in bytes.
    pub(super) fn memory(&self, value: &Spanned<DeValue<'_>>) -> Result<u64> {
        let text = self.text(value, "memory")?;
        bytes(&text).ok_or_else(|| {
            let message =
                format!("'{text}' is not an amount of memory: expected a number and K, M, G or T, such as \"64G\"");
            self.error(value.span(), message, None)
        })
    }

    pub(super) fn count(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<usize> {
        let count = self.unsigned(value, key)?;
        usize::try_from(count).map_err(|_| self.mistyped(value, key, "a count"))
    }

    pub(super) fn unsigned(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<u64> {
        match self.json(value)?.as_u64() {
            Some(number) => Ok(number),
            None => Err(self.mistyped(value, key, "a whole number, zero or more")),
        }
    }

    pub(super) fn text(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<String> {
        let text = value.get_ref().as_str().ok_or_else(|| self.mistyped(value, key, "a string in quotes"))?;
        if text.contains('\0') {
            return Err(self.error(value.span(), NUL.to_owned(), None));
        }
        Ok(text.to_owned())
    }

    pub(super) fn table<'t, 'i>(&self, value: &'t Spanned<DeValue<'i>>, key: &str) -> Result<&'t DeTable<'i>> {
        value.get_ref().as_table().ok_or_else(|| self.mistyped(value, key, "a table"))
    }

    pub(super) fn json(&self, value: &Spanned<DeValue<'_>>) -> Result<serde_json::Value> {
        let json = to_json(value.get_ref()).map_err(|message| self.error(value.span(), message, None))?;
        if has_nul(&json) {
            return Err(self.error(value.span(), NUL.to_owned(), None));
        }
        Ok(json)
    }
}

/// The message about a string that no path, argument or variable can be.
pub(super) const NUL: &str = "there is a NUL character (\\u0000) here: no path, argument or variable can have one";

/// Whether a string in a value has a NUL character.
pub(super) fn has_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(values) => values.iter().any(has_nul),
        serde_json::Value::Object(entries) => entries.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// The error for a name that does not fit into the name of a file.
pub(crate) fn too_long(name: &str, noun: &str) -> Option<String> {
    const SHOWN: usize = 40;
    (name.len() > LONGEST_NAME).then(|| {
        let start: String = name.chars().take(SHOWN).collect();
        format!("'{start}…' is {} bytes long: the name of {noun} has at most {LONGEST_NAME}", name.len())
    })
}

/// The same value in JSON's terms; a date or a number that JSON cannot hold is an error.
fn to_json(value: &DeValue<'_>) -> std::result::Result<serde_json::Value, String> {
    Ok(match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| format!("'{}' does not fit in 64 bits", number.as_str()))?
            .into(),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .ok_or_else(|| format!("'{}' is not a finite number", number.as_str()))?
            .into(),
        DeValue::Boolean(truth) => (*truth).into(),
        DeValue::Datetime(_) => return Err("a date is not the value of anything in a pipeline".to_owned()),
        DeValue::Array(values) => {
            values.iter().map(|value| to_json(value.get_ref())).collect::<std::result::Result<Vec<_>, _>>()?.into()
        }
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| Ok((key.get_ref().to_string(), to_json(value.get_ref())?)))
            .collect::<std::result::Result<serde_json::Map<_, _>, String>>()?
            .into(),
    })
}

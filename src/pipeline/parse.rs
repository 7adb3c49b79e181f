//! From the text of a pipeline file to its form. Every error points at the place and says what was expected.

use crate::error::{Error, Result};
use crate::names::{Entrance, Label, PortName, StageName, closest, is_plain};
use crate::pipeline::model::{Binding, Pipeline, Resources, Setting, StageEntry};
use crate::pipeline::place::{Place, Placed, Source};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Names that the store's own folders have, which no pipeline may take.
const TAKEN: [&str; 6] = ["store", "actions", "index", "runs", "tmp", "set-aside"];

/// Reads the text of a pipeline file.
pub fn parse(source: &Arc<Source>) -> Result<Pipeline> {
    let text = match &**source {
        Source::File { text, .. } | Source::Argument(text) => text,
    };
    let reader = Reader { source };
    let document = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        reader.error(span, error.message().to_owned(), None)
    })?;
    reader.pipeline(document.get_ref())
}

/// Reads one TOML value as it stands after `=`, such as `4`, `"text"` or `[1, 2]`.
pub(super) fn parse_value(text: &str) -> Option<serde_json::Value> {
    let value = DeValue::parse(text).ok()?;
    to_json(value.get_ref()).ok()
}

struct Reader<'a> {
    source: &'a Arc<Source>,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.source, span)
    }

    fn error(&self, span: Range<usize>, message: String, hint: Option<String>) -> Error {
        Error::Syntax { message, place: self.place(span), hint }
    }

    /// An error for a key that is not one of those expected.
    fn unknown(&self, key: &Spanned<std::borrow::Cow<'_, str>>, what: &str, known: &[&str]) -> Error {
        let hint = closest(key.get_ref(), known.iter().copied())
            .map_or_else(|| format!("expected one of {}", known.join(", ")), |name| format!("did you mean '{name}'?"));
        self.error(key.span(), format!("'{}' is not a key of {what}", key.get_ref()), Some(hint))
    }

    fn mistyped(&self, value: &Spanned<DeValue<'_>>, key: &str, expected: &str) -> Error {
        let found = value.get_ref().type_str();
        self.error(value.span(), format!("'{key}' is of type {found}, expected {expected}"), None)
    }

    fn pipeline(&self, table: &DeTable<'_>) -> Result<Pipeline> {
        let (mut name, mut seed, mut stages) = (None, 0, Vec::new());
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => name = Some(self.pipeline_name(value)?),
                "seed" => seed = self.unsigned(value, "seed")?,
                "stage" => {
                    for (name, stage) in self.table(value, "stage")? {
                        stages.push(self.stage(name, stage)?);
                    }
                }
                _ => return Err(self.unknown(key, "a pipeline", &["name", "seed", "stage"])),
            }
        }
        let name = name.ok_or_else(|| {
            self.error(
                0..0,
                "the pipeline has no name".to_owned(),
                Some("begin the file with name = \"...\"".to_owned()),
            )
        })?;
        if stages.is_empty() {
            let hint = Some("add a table [stage.NAME] with uses = \"...\"".to_owned());
            return Err(self.error(0..0, "the pipeline has no stages".to_owned(), hint));
        }
        Ok(Pipeline { name, seed, stages })
    }

    fn pipeline_name(&self, value: &Spanned<DeValue<'_>>) -> Result<String> {
        let name = self.text(value, "name")?;
        if !is_plain(&name) {
            let message = format!("'{name}' cannot be a name: expected letters, digits, '-' and '_'");
            return Err(self.error(value.span(), message, None));
        }
        if TAKEN.contains(&name.as_str()) {
            let message = format!("'{name}' is the name of a folder of the store");
            return Err(self.error(value.span(), message, Some("choose another name".to_owned())));
        }
        Ok(name)
    }

    fn stage(&self, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> Result<StageEntry> {
        let stage = name.get_ref();
        if !is_plain(stage) {
            let message = format!("'{stage}' cannot name a stage: expected letters, digits, '-' and '_'");
            return Err(self.error(name.span(), message, None));
        }
        let mut uses = None;
        let mut entry = StageEntry {
            name: StageName::new(stage.as_ref()),
            place: self.place(name.span()),
            uses: Placed { value: String::new(), place: self.place(name.span()) },
            seed: None,
            inputs: Vec::new(),
            settings: Vec::new(),
            resources: Resources::default(),
        };
        for (key, value) in self.table(value, stage)? {
            match key.get_ref().as_ref() {
                "uses" => uses = Some(Placed { value: self.text(value, "uses")?, place: self.place(value.span()) }),
                "seed" => entry.seed = Some(self.unsigned(value, "seed")?),
                "inputs" => entry.inputs = self.inputs(value)?,
                "resources" => entry.resources = self.resources(value)?,
                key_text => entry.settings.push(Setting {
                    key: Placed { value: key_text.to_owned(), place: self.place(key.span()) },
                    value: Placed { value: self.json(value)?, place: self.place(value.span()) },
                }),
            }
        }
        entry.uses = uses.ok_or_else(|| {
            let hint = Some("say what it is, such as uses = \"ingest\"".to_owned());
            self.error(name.span(), format!("stage '{stage}' has no 'uses'"), hint)
        })?;
        Ok(entry)
    }

    fn inputs(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Binding>> {
        let mut bindings = Vec::new();
        for (port, bound) in self.table(value, "inputs")? {
            match bound.get_ref() {
                DeValue::Table(labels) => {
                    for (label, bound) in labels {
                        bindings.push(self.binding(port, label.get_ref(), label.span(), bound)?);
                    }
                }
                _ => bindings.push(self.binding(port, "", port.span(), bound)?),
            }
        }
        Ok(bindings)
    }

    fn binding(
        &self,
        port: &Spanned<std::borrow::Cow<'_, str>>,
        label: &str,
        span: Range<usize>,
        bound: &Spanned<DeValue<'_>>,
    ) -> Result<Binding> {
        let from = self.text(bound, port.get_ref())?;
        let Some((stage, output)) = from.split_once('.') else {
            let message = format!("'{from}' does not name an output: expected \"STAGE.OUTPUT\"");
            return Err(self.error(bound.span(), message, None));
        };
        Ok(Binding {
            entrance: Entrance { port: PortName::new(port.get_ref().as_ref()), label: Label::new(label) },
            place: self.place(span),
            stage: Placed { value: StageName::new(stage), place: self.place(bound.span()) },
            output: PortName::new(output),
        })
    }

    fn resources(&self, value: &Spanned<DeValue<'_>>) -> Result<Resources> {
        let mut resources = Resources::default();
        for (key, value) in self.table(value, "resources")? {
            match key.get_ref().as_ref() {
                "gpus" => resources.gpus = self.count(value, "gpus")?,
                "threads" => resources.threads = Some(self.count(value, "threads")?),
                "memory" => resources.memory = self.memory(value)?,
                "device" => resources.device = Some(self.device(value)?),
                _ => return Err(self.unknown(key, "'resources'", &["gpus", "threads", "memory", "device"])),
            }
        }
        Ok(resources)
    }

    fn device(&self, value: &Spanned<DeValue<'_>>) -> Result<String> {
        let device = self.text(value, "device")?;
        if ["auto", "cpu", "cuda"].contains(&device.as_str()) {
            return Ok(device);
        }
        Err(self.error(value.span(), format!("there is no device '{device}': expected auto, cpu or cuda"), None))
    }

    fn memory(&self, value: &Spanned<DeValue<'_>>) -> Result<u64> {
        let text = self.text(value, "memory")?;
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match &text[digits.len()..] {
            "K" => 1 << 10,
            "M" => 1 << 20,
            "G" => 1 << 30,
            "T" => 1 << 40,
            _ => 0,
        };
        digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit)).filter(|bytes| *bytes > 0).ok_or_else(
            || {
                let message =
                    format!("'{text}' is not an amount of memory: expected a number and K, M, G or T, such as \"64G\"");
                self.error(value.span(), message, None)
            },
        )
    }

    fn count(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<usize> {
        let count = self.unsigned(value, key)?;
        usize::try_from(count).map_err(|_| self.mistyped(value, key, "a count"))
    }

    fn unsigned(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<u64> {
        match self.json(value)?.as_u64() {
            Some(number) => Ok(number),
            None => Err(self.mistyped(value, key, "a whole number, zero or more")),
        }
    }

    fn text(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<String> {
        value.get_ref().as_str().map(str::to_owned).ok_or_else(|| self.mistyped(value, key, "a text in quotes"))
    }

    fn table<'t, 'i>(&self, value: &'t Spanned<DeValue<'i>>, key: &str) -> Result<&'t DeTable<'i>> {
        value.get_ref().as_table().ok_or_else(|| self.mistyped(value, key, "a table"))
    }

    fn json(&self, value: &Spanned<DeValue<'_>>) -> Result<serde_json::Value> {
        to_json(value.get_ref()).map_err(|message| self.error(value.span(), message, None))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Pipeline> {
        parse(&Arc::new(Source::File { path: "test.toml".into(), text: text.to_owned() }))
    }

    #[test]
    fn stages_keep_the_order_of_the_file() {
        let text = "name = 'a'\n[stage.z]\nuses = 'x'\n[stage.b]\nuses = 'y'\n";
        let names: Vec<String> = parse_text(text).unwrap().stages.iter().map(|stage| stage.name.to_string()).collect();
        assert_eq!(names, ["z", "b"]);
    }

    #[test]
    fn labelled_inputs_are_bindings_of_one_port() {
        let text = "name = 'a'\n[stage.m]\nuses = 'm'\ninputs.rankings = { pipe = 'p.r', dccf = 'd.r' }\n";
        let pipeline = parse_text(text).unwrap();
        let entrances: Vec<String> = pipeline.stages[0].inputs.iter().map(|b| b.entrance.to_string()).collect();
        assert_eq!(entrances, ["rankings.pipe", "rankings.dccf"]);
    }

    #[test]
    fn memory_is_in_bytes() {
        let text = "name = 'a'\n[stage.m]\nuses = 'm'\nresources = { memory = '2G' }\n";
        assert_eq!(parse_text(text).unwrap().stages[0].resources.memory, 2 << 30);
    }

    #[test]
    fn a_misspelt_key_is_pointed_at() {
        let error = parse_text("nmae = 'a'\n").unwrap_err();
        assert_eq!(error.place().unwrap().span, 0..4);
        assert_eq!(error.hint().unwrap(), "did you mean 'name'?");
    }
}

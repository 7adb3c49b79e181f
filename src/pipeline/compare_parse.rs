//! Reads `[compare]`: how the results of a pipeline are compared.

use crate::error::Result;
use crate::pipeline::model::Compare;
use crate::pipeline::number::Number;
use crate::pipeline::values::Reader;
use toml::Spanned;
use toml::de::DeValue;

const KEYS: [&str; 6] = ["paper", "reference", "metrics", "differs", "mean_over", "columns"];

impl Reader<'_> {
    /// The whole table.
    pub(super) fn compare(&self, value: &Spanned<DeValue<'_>>) -> Result<Compare> {
        let mut compare = Compare::default();
        for (key, value) in self.table(value, "compare")? {
            match key.get_ref().as_ref() {
                "paper" => compare.paper = Some(self.text(value, "paper")?),
                "reference" => compare.reference = Some(self.text(value, "reference")?),
                "metrics" => compare.metrics = self.strings(value, "metrics")?,
                "differs" => compare.differs = self.strings(value, "differs")?,
                "mean_over" => compare.mean_over = self.strings(value, "mean_over")?,
                "columns" => {
                    for (name, number) in self.table(value, "columns")? {
                        compare.columns.push((name.get_ref().to_string(), self.number(number, "columns")?));
                    }
                }
                _ => return Err(self.unknown(key, "'compare'", &KEYS)),
            }
        }
        Ok(compare)
    }

    fn strings(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<Vec<String>> {
        Ok(self.texts(value, key)?.into_iter().map(|text| text.value).collect())
    }

    /// `STAGE.OUTPUT:POINTER`, the value of the key `key`.
    pub(super) fn number(&self, value: &Spanned<DeValue<'_>>, key: &str) -> Result<Number> {
        let text = self.text(value, key)?;
        let parts = text.split_once(':').filter(|(output, pointer)| output.contains('.') && !pointer.is_empty());
        let Some((output, pointer)) = parts else {
            let message = format!("'{text}' does not name a number: expected \"STAGE.OUTPUT:NAME\"");
            return Err(self.error(value.span(), message, None));
        };
        let pointer = if pointer.starts_with('/') { pointer.to_owned() } else { format!("/{pointer}") };
        let (stage, output) = self.output(value, output)?;
        Ok(Number { stage, output, pointer })
    }
}

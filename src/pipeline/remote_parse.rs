//! Reads `[remote]`: where results are shared.

use crate::error::Result;
use crate::pipeline::model::{RemoteEntry, RemoteMode};
use crate::pipeline::values::Reader;
use toml::Spanned;
use toml::de::DeValue;

const KEYS: [&str; 2] = ["url", "mode"];

impl Reader<'_> {
    /// The whole table.
    pub(super) fn remote(&self, value: &Spanned<DeValue<'_>>) -> Result<RemoteEntry> {
        let (mut url, mut mode) = (None, None);
        for (key, value) in self.table(value, "remote")? {
            match key.get_ref().as_ref() {
                "url" => url = Some(self.text(value, "url")?),
                "mode" => {
                    let text = self.text(value, "mode")?;
                    let known = RemoteMode::ALL.into_iter().find(|mode| mode.name() == text);
                    let message = || format!("'{text}' is no mode: expected \"read\", \"write\" or \"read-write\"");
                    mode = Some(known.ok_or_else(|| self.error(value.span(), message(), None))?);
                }
                _ => return Err(self.unknown(key, "'remote'", &KEYS)),
            }
        }
        let Some(url) = url else {
            let hint = Some("say where: url = \"s3://BUCKET/PREFIX\" or \"file:///FOLDER\"".to_owned());
            return Err(self.error(value.span(), "'remote' has no 'url'".to_owned(), hint));
        };
        Ok(RemoteEntry { url, mode: mode.unwrap_or_default() })
    }
}

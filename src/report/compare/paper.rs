//! The tables of a paper, as data.

use crate::error::{Error, Result};
use crate::key::suggestion;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// One table, as printed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperTable {
    /// What the paper calls it.
    pub title: String,
    /// What varies in it.
    pub varies: String,
    /// The data set.
    pub data: String,
    /// The size of the model.
    pub model: String,
    /// Whether texts were used.
    pub text: bool,
    /// What the rows of metrics are, that its rows are compared with.
    #[serde(default, rename = "match")]
    pub fits: BTreeMap<String, String>,
    /// Its rows.
    pub rows: Vec<PaperRow>,
}

/// One row of a table.
#[derive(Clone, Debug, Deserialize)]
pub struct PaperRow {
    /// What is printed at its beginning.
    pub name: String,
    /// The point of the sweep that it is.
    point: Option<String>,
    #[serde(default, rename = "match")]
    fits: BTreeMap<String, String>,
    /// Its numbers.
    #[serde(flatten)]
    pub numbers: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Tables {
    table: BTreeMap<String, PaperTable>,
}

impl PaperTable {
    /// Reads one table of a file.
    ///
    /// # Errors
    /// When the file has none of that name; the error lists the names.
    pub fn read(path: &Path, name: &str) -> Result<Self> {
        let text = fs_err::read_to_string(path).map_err(|error| Error::io("reading", path, error))?;
        let mut tables: Tables = toml::from_str(&text).map_err(|error| Error::Usage {
            message: format!("{} has no tables of a paper: {}", path.display(), error.message()),
            hint: None,
        })?;
        tables.table.remove(name).ok_or_else(|| {
            let names: Vec<&str> = tables.table.keys().map(String::as_str).collect();
            let hint = suggestion(name, names.iter().copied(), "there is");
            Error::Usage { message: format!("{} has no table '{name}'", path.display()), hint: Some(hint) }
        })
    }

    /// The row for a line of a comparison. A row that names neither a point nor what it fits is for none.
    pub fn row(&self, point: &str, identity: &[(String, String)]) -> Option<&PaperRow> {
        self.rows.iter().find(|row| {
            let is_placed = row.point.is_some() || !row.fits.is_empty();
            let mut wanted = self.fits.iter().chain(&row.fits);
            is_placed
                && row.point.as_ref().is_none_or(|own| own == point)
                && wanted.all(|(name, text)| identity.iter().all(|(known, own)| known != name || own == text))
        })
    }
}

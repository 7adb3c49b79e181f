//! What was measured, read from artifacts.

use crate::error::Result;
use crate::report::metrics::{self, Row};
use crate::store::{Action, Store};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The file of an artifact with the rank of every user, which the worker reads.
const RANKS: &str = "ranks.parquet";

/// One thing that is compared: a point of a sweep, a run or a pipeline.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Its name without its seed; subjects of one name are one line.
    pub name: String,
    /// What was measured.
    pub rows: Vec<Measured>,
    /// Numbers beside the metrics, by column.
    pub numbers: BTreeMap<String, f64>,
}

/// One row of an artifact of metrics.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was measured: the row's texts, such as the model.
    pub identity: Vec<(String, String)>,
    /// How much: the row's numbers.
    pub numbers: Vec<(String, f64)>,
    /// The folder with the ranks of users that the numbers come from.
    pub ranks: Option<PathBuf>,
}

/// The rows of every artifact of metrics among the results of stages.
pub fn of_actions<'a>(store: &Store, actions: impl IntoIterator<Item = &'a Action>) -> Result<Vec<Measured>> {
    let mut rows = Vec::new();
    for action in actions {
        let with = |file: &str| {
            let folders =
                action.outputs.values().filter(|artifact| artifact.files.iter().any(|own| own.path.as_str() == file));
            folders.map(|artifact| store.artifact(&artifact.digest)).collect::<Vec<_>>()
        };
        let ranks = with(RANKS).into_iter().next();
        for folder in with(&format!("{}.json", metrics::MAIN)) {
            rows.extend(metrics::rows(&folder, metrics::MAIN)?.into_iter().map(|row| measured(row, ranks.as_ref())));
        }
    }
    Ok(rows)
}

fn measured(row: Row, ranks: Option<&PathBuf>) -> Measured {
    let (mut identity, mut numbers) = (Vec::new(), Vec::new());
    for (name, value) in row {
        match (value.as_f64(), value) {
            (Some(number), _) => numbers.push((name, number)),
            (None, Value::String(text)) => identity.push((name, text)),
            _ => {}
        }
    }
    Measured { identity, numbers, ranks: ranks.cloned() }
}

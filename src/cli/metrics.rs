//! `pipe metrics`: prints the tables that a pipeline's stages made. What is in them is the stages' business.

use crate::cli::arguments::MetricsArguments;
use crate::cli::opened::Opened;
use crate::error::{Error, Result};
use crate::key::PortName;
use crate::plan::{Outputs, Selection, Wishes, outputs_of};
use crate::report::metrics::{self, Row};
use crate::terminal::table;
use petgraph::graph::NodeIndex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

/// Prints the metrics of a pipeline.
pub fn metrics(arguments: &MetricsArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let selection = opened.select(&Wishes::default())?;
    // Until they are read, nothing of them goes.
    let _share = opened.store.share()?;
    let current = opened.current(&selection)?;
    let known = current.into_iter().map(|(stage, action)| (stage, outputs_of(&action))).collect();
    let table = arguments.table.as_deref().unwrap_or(metrics::MAIN);
    let rows = rows(&opened, &selection, &known, table)?;
    if rows.is_empty() {
        let pipeline = &opened.graph.pipeline;
        return Err(Error::NoResults(format!(
            "pipeline '{pipeline}' has no metrics yet; `pipe run {pipeline}` makes them"
        )));
    }
    print(&rows, arguments.pipeline.json);
    Ok(())
}

/// The rows of that table of every metrics artifact in the selection, each with the name of its point: of what is known,
/// or else the newest there is.
pub(super) fn rows(
    opened: &Opened,
    selection: &Selection,
    known: &BTreeMap<NodeIndex, Outputs>,
    table: &str,
) -> Result<Vec<Row>> {
    let mut read_of: BTreeMap<(NodeIndex, PortName), Vec<Row>> = BTreeMap::new();
    for (stage, port) in outputs_of_kind(opened, selection) {
        let fresh =
            known.get(&stage).and_then(|outputs| outputs.get(&port)).map(|digest| opened.store.artifact(digest));
        let name = &opened.graph.stages[stage].name;
        let folder = match fresh {
            Some(folder) => folder,
            None => match opened.store.newest_output(&opened.graph.pipeline, name, &port) {
                Some(folder) => {
                    tracing::warn!(
                        "{name} has no cached result; its newest metrics are shown, from before the pipeline changed"
                    );
                    folder
                }
                None => continue,
            },
        };
        read_of.insert((stage, port), metrics::rows(&folder, table)?);
    }
    let mut rows = Vec::new();
    for point in &opened.graph.points {
        let stages: BTreeSet<NodeIndex> = point.stages.values().copied().collect();
        let of_point = read_of.iter().filter(|((stage, _), _)| stages.contains(stage)).flat_map(|(_, rows)| rows);
        let name = || ("point".to_owned(), Value::String(point.name.to_string()));
        rows.extend(of_point.map(|row| std::iter::once(name()).chain(row.clone()).collect::<Row>()));
    }
    Ok(rows)
}

/// Prints rows as a table, or as one JSON array.
pub(super) fn print(rows: &[Row], as_json: bool) {
    if rows.is_empty() && !as_json {
        return;
    }
    let text = if as_json {
        let lines: Vec<String> = rows.iter().map(|row| Value::Object(row.clone()).to_string()).collect();
        format!("[{}]\n", lines.join(",\n "))
    } else {
        table(rows)
    };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
}

fn outputs_of_kind(opened: &Opened, selection: &Selection) -> Vec<(NodeIndex, PortName)> {
    let in_scope = opened.graph.order.iter().copied().filter(|stage| selection.scope.contains(stage));
    in_scope
        .flat_map(|stage| {
            let outputs = opened.graph.stages[stage].description.outputs.iter();
            outputs
                .filter(|output| output.kind.0 == metrics::KIND)
                .map(move |output| (stage, PortName::new(&output.name)))
        })
        .collect()
}

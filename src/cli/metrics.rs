//! `pipe metrics`: prints the tables that a pipeline's stages made. What is in them is the stages' business.

use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::key::PortName;
use crate::plan::{Outputs, Selection, SelectionOptions, outputs_of};
use crate::report::metrics::{self, Row};
use crate::report::summary::{Summary, SummaryLine};
use crate::terminal::{Align, Columns, print, table, width};
use clap::Args;
use petgraph::graph::NodeIndex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Print the metrics of a pipeline again.
#[derive(Debug, Args)]
pub(crate) struct MetricsArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// Every row and every metric, not only HR@10 and NDCG@10 of each model.
    #[arg(long)]
    pub(super) full: bool,
    /// Another table of the metrics, such as intervals, by_length or by_item.
    #[arg(long, value_name = "NAME")]
    pub(super) table: Option<String>,
}

/// Prints the metrics of a pipeline.
pub(super) fn metrics(arguments: &MetricsArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let selection = session.select(&SelectionOptions::default())?;
    // Until they are read, nothing of them goes.
    let _lock = session.store.lock_shared()?;
    let current = session.current(&selection)?;
    let known = current.into_iter().map(|(stage, action)| (stage, outputs_of(&action))).collect();
    let table = arguments.table.as_deref().unwrap_or(metrics::MAIN);
    let rows = rows(&session, &selection, &known, table)?;
    if rows.is_empty() {
        let pipeline = &session.graph.pipeline;
        return Err(Error::NoResults(format!(
            "pipeline '{pipeline}' has no metrics yet; `pipe run {pipeline}` makes them"
        )));
    }
    let is_whole = arguments.full || arguments.table.is_some() || arguments.pipeline.output.json;
    print_metrics(&rows, is_whole, arguments.pipeline.output.json);
    Ok(())
}

/// The rows of that table of every metrics artifact in the selection, each with the name of its point: of what is known,
/// or else the newest there is.
pub(super) fn rows(
    session: &Session,
    selection: &Selection,
    known: &BTreeMap<NodeIndex, Outputs>,
    table: &str,
) -> Result<Vec<Row>> {
    let mut read_of: BTreeMap<(NodeIndex, PortName), Vec<Row>> = BTreeMap::new();
    for (stage, port) in outputs_of_kind(session, selection) {
        let fresh =
            known.get(&stage).and_then(|outputs| outputs.get(&port)).map(|digest| session.store.artifact(digest));
        let name = &session.graph.stages[stage].name;
        let folder = match fresh {
            Some(folder) => folder,
            None => match session.store.newest_output(&session.graph.pipeline, name, &port) {
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
    for point in &session.graph.points {
        let stages: BTreeSet<NodeIndex> = point.stages.values().copied().collect();
        let of_point = read_of.iter().filter(|((stage, _), _)| stages.contains(stage)).flat_map(|(_, rows)| rows);
        let name = || ("point".to_owned(), Value::String(point.name.to_string()));
        rows.extend(of_point.map(|row| std::iter::once(name()).chain(row.clone()).collect::<Row>()));
    }
    Ok(rows)
}

/// Prints rows of metrics: all of them, or a line for each model.
pub(super) fn print_metrics(rows: &[Row], is_whole: bool, as_json: bool) {
    match Summary::of(rows).filter(|_| !is_whole) {
        Some(summary) => print(&text(&summary)),
        None => print_rows(rows, as_json),
    }
}

/// A summary as a table, with what its lines have in common below.
fn text(summary: &Summary) -> String {
    let row = |line: &SummaryLine| {
        let mut cells = vec![line.point.clone(), line.model.clone()];
        cells.extend(line.values.iter().map(|value| match value {
            Some((value, is_best)) => format!("{value:.4}{}", if *is_best { "*" } else { " " }),
            None => String::new(),
        }));
        cells
    };
    let is_swept = summary.lines.iter().any(|line| !line.point.is_empty());
    let first = usize::from(!is_swept);
    let head = [
        &["point".to_owned(), "model".to_owned()],
        &summary.metrics.iter().map(|name| format!("{name} ")).collect::<Vec<_>>()[..],
    ]
    .concat();
    let align = |place| if place < 2 { Align::Left } else { Align::Right };
    let columns = Columns {
        align: (first..head.len()).map(align).collect(),
        rows: summary.lines.iter().map(|line| row(line)[first..].to_vec()).collect(),
        head: head[first..].to_vec(),
        gaps: Vec::new(),
    };
    let users = summary.users.map(|users| format!("{users} users"));
    let mut notes: Vec<String> = summary.common.iter().cloned().chain(users).collect();
    notes.insert(0, "* the best".to_owned());
    if summary.left_out > 0 {
        notes.push(format!("--full shows {} more rows and all metrics", summary.left_out));
    } else {
        notes.push("--full shows all metrics".to_owned());
    }
    format!("{}{}\n", columns.set(width()), notes.join("; "))
}

/// Prints rows as a table, or as one JSON array.
pub(super) fn print_rows(rows: &[Row], as_json: bool) {
    if rows.is_empty() && !as_json {
        return;
    }
    let text = if as_json {
        let lines: Vec<String> = rows.iter().map(|row| Value::Object(row.clone()).to_string()).collect();
        format!("[{}]\n", lines.join(",\n "))
    } else {
        table(rows)
    };
    print(&text);
}

fn outputs_of_kind(session: &Session, selection: &Selection) -> Vec<(NodeIndex, PortName)> {
    let in_scope = session.graph.order.iter().copied().filter(|stage| selection.scope.contains(stage));
    in_scope
        .flat_map(|stage| {
            let outputs = session.graph.stages[stage].description.outputs.iter();
            outputs
                .filter(|output| output.kind.0 == metrics::KIND)
                .map(move |output| (stage, PortName::new(&output.name)))
        })
        .collect()
}

//! `pipe graph`: draws a pipeline's graph.

use crate::cli::options::PipelineArguments;
use crate::cli::session::Session;
use crate::error::Result;
use crate::plan::SelectionOptions;
use crate::report::graph::Drawing;
use crate::terminal::print;
use clap::{Args, ValueEnum};

/// Draw the graph of a pipeline: what uses what, and what would run.
#[derive(Debug, Args)]
pub(crate) struct GraphArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// How it is drawn: for a terminal, for Graphviz, for Mermaid, or as a picture.
    #[arg(long, value_enum, default_value_t = GraphFormat::Text, conflicts_with = "json")]
    pub(super) format: GraphFormat,
}

/// The forms that a graph can be drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Rows and lanes for a terminal.
    Text,
    /// The language of Graphviz.
    Dot,
    /// The language of Mermaid, for Markdown.
    Mermaid,
    /// A picture for browsers and documents.
    Svg,
}

/// Prints the graph with what would become of each stage. What is missing is drawn as such and is no failure.
pub(super) fn graph(arguments: &GraphArguments) -> Result<()> {
    let session = Session::open(&arguments.pipeline)?;
    let selection = session.select(&SelectionOptions::default())?;
    let plan = session.planner(&selection).plan()?;
    let here = std::env::current_dir().unwrap_or_default();
    let drawing = Drawing::of(&session.graph, &plan, &here);
    let text = if arguments.pipeline.output.json {
        format!("{}\n", drawing.json())
    } else {
        match arguments.format {
            GraphFormat::Text => drawing.text(),
            GraphFormat::Dot => drawing.dot(),
            GraphFormat::Mermaid => drawing.mermaid(),
            GraphFormat::Svg => drawing.svg()?,
        }
    };
    print(&text);
    Ok(())
}

//! `pipe graph`: draws a pipeline's graph.

use crate::cli::arguments::{GraphArguments, GraphFormat};
use crate::cli::opened::Opened;
use crate::error::Result;
use crate::plan::Wishes;
use crate::report::graph::Drawing;
use crate::terminal::coloured;
use std::io::Write as _;

/// Prints the graph with what would become of each stage. What is missing is drawn as such and is no failure.
pub fn graph(arguments: &GraphArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let selection = opened.select(&Wishes::default())?;
    let plan = opened.planner(&selection).plan()?;
    let here = std::env::current_dir().unwrap_or_default();
    let drawing = Drawing::of(&opened.graph, &plan, &here);
    let text = if arguments.pipeline.json {
        format!("{}\n", drawing.json())
    } else {
        match arguments.format {
            GraphFormat::Text => drawing.text(coloured(&std::io::stdout())),
            GraphFormat::Dot => drawing.dot(),
            GraphFormat::Mermaid => drawing.mermaid(),
            GraphFormat::Svg => drawing.svg()?,
        }
    };
    // Nobody may be reading any more.
    drop(std::io::stdout().write_all(text.as_bytes()));
    Ok(())
}

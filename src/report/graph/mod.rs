//! A pipeline's graph as a picture: its stages, external inputs, what goes from where to where, and what would
//! become of each stage.

mod dot;
mod drawing;
mod json;
mod made;
mod mermaid;
mod style;
mod svg;
mod text;

pub use drawing::Drawing;

use crate::error::Result;
use crate::key::InputName;
use crate::plan::{Graph, Origin, Planned};
use drawing::{Edge, Kind, Node};
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Drawing {
    /// The drawing of a planned graph. Paths beneath `here` are shown relative to it.
    pub fn of(graph: &Graph, plan: &[Planned], here: &Path) -> Self {
        let mut drawing = Self { pipeline: graph.pipeline.clone(), nodes: Vec::new(), edges: Vec::new() };
        let mut stages: BTreeMap<NodeIndex, usize> = BTreeMap::new();
        let mut files: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for planned in plan {
            let stage = &graph.stages[planned.stage];
            let sources: Vec<(&InputName, usize, Option<String>)> = stage
                .inputs
                .iter()
                .map(|(input_name, origin)| match origin {
                    Origin::Output { stage, port } => (input_name, stages[stage], Some(port.to_string())),
                    Origin::External(path) => {
                        let file = *files.entry(path.clone()).or_insert_with(|| drawing.add_file(path, here));
                        (input_name, file, None)
                    }
                })
                .collect();
            let to = drawing.nodes.len();
            let uses = stage.description.name.clone();
            let kind = Kind::Stage { uses, state: planned.outlook.state(), reason: planned.outlook.reason() };
            drawing.nodes.push(Node { name: stage.name.to_string(), kind });
            stages.insert(planned.stage, to);
            drawing.edges.extend(sources.into_iter().map(|(input_name, from, output)| Edge {
                from,
                to,
                output,
                input_name: input_name.to_string(),
            }));
        }
        drawing
    }

    /// A picture for a terminal, a row for each stage.
    pub fn text(&self) -> String {
        text::draw(self)
    }

    /// The graph for Graphviz.
    pub fn dot(&self) -> String {
        dot::draw(self)
    }

    /// The graph for Mermaid, which many sites show within Markdown.
    pub fn mermaid(&self) -> String {
        mermaid::draw(self)
    }

    /// A picture for browsers and documents.
    ///
    /// # Errors
    /// When the graph cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        svg::draw(self)
    }

    /// Nodes and edges for programs.
    pub fn json(&self) -> serde_json::Value {
        json::draw(self)
    }

    fn add_file(&mut self, path: &Path, here: &Path) -> usize {
        let name = path.strip_prefix(here).unwrap_or(path).display().to_string();
        self.nodes.push(Node { name, kind: Kind::External });
        self.nodes.len() - 1
    }
}

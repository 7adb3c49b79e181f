//! A pipeline's graph as a picture: its stages, the files from outside, what goes from where to where, and what would
//! become of each stage.

mod dot;
mod json;
mod mermaid;
mod style;
mod svg;
mod text;

use crate::error::Result;
use crate::key::Entrance;
use crate::plan::{Graph, Origin, Planned};
use crate::store::StageState;
use petgraph::graph::NodeIndex;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use style::Style;

/// A graph with the state of each of its stages, ready to be drawn.
#[derive(Debug)]
pub struct Drawing {
    /// The pipeline's name.
    pipeline: String,
    /// Stages and outside files, each after everything that it uses.
    nodes: Vec<Node>,
    /// What enters the stages, in the order of the stages.
    edges: Vec<Edge>,
}

/// A stage, or a file or folder outside the store.
#[derive(Debug)]
struct Node {
    /// The stage's name, or the path.
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Stage { uses: String, state: StageState, reason: String },
    Outside,
}

/// Something that a stage takes.
#[derive(Debug)]
struct Edge {
    from: usize,
    to: usize,
    /// The output that it is; outside files have none.
    output: Option<String>,
    entrance: String,
}

impl Drawing {
    /// The drawing of a planned graph. Paths beneath `here` are shown relative to it.
    pub fn of(graph: &Graph, plan: &[Planned], here: &Path) -> Self {
        let mut drawing = Self { pipeline: graph.pipeline.clone(), nodes: Vec::new(), edges: Vec::new() };
        let mut stages: BTreeMap<NodeIndex, usize> = BTreeMap::new();
        let mut files: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for planned in plan {
            let stage = &graph.stages[planned.stage];
            let sources: Vec<(&Entrance, usize, Option<String>)> = stage
                .inputs
                .iter()
                .map(|(entrance, origin)| match origin {
                    Origin::Output { stage, port } => (entrance, stages[stage], Some(port.to_string())),
                    Origin::Outside(path) => {
                        let file = *files.entry(path.clone()).or_insert_with(|| drawing.add_file(path, here));
                        (entrance, file, None)
                    }
                })
                .collect();
            let to = drawing.nodes.len();
            let uses = stage.description.name.clone();
            let kind = Kind::Stage { uses, state: planned.outlook.state(), reason: planned.outlook.reason() };
            drawing.nodes.push(Node { name: stage.name.to_string(), kind });
            stages.insert(planned.stage, to);
            drawing.edges.extend(sources.into_iter().map(|(entrance, from, output)| Edge {
                from,
                to,
                output,
                entrance: entrance.to_string(),
            }));
        }
        drawing
    }

    /// A picture for a terminal, a row for each stage, with colours if `coloured`.
    pub fn text(&self, coloured: bool) -> String {
        text::draw(self, coloured)
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
    /// When the graph cannot be laid out.
    pub fn svg(&self) -> Result<String> {
        svg::draw(self)
    }

    /// Nodes and edges for programs.
    pub fn json(&self) -> serde_json::Value {
        json::draw(self)
    }

    fn add_file(&mut self, path: &Path, here: &Path) -> usize {
        let name = path.strip_prefix(here).unwrap_or(path).display().to_string();
        self.nodes.push(Node { name, kind: Kind::Outside });
        self.nodes.len() - 1
    }
}

impl Node {
    /// A name that every language of pictures takes: stages may be called `end` or `node`, which some do not.
    fn id(&self, place: usize) -> String {
        match self.kind {
            Kind::Stage { .. } => format!("stage{place}"),
            Kind::Outside => format!("file{place}"),
        }
    }

    fn style(&self) -> Style {
        Style::of(&self.kind)
    }

    /// The lines of its label: the stage and, where it is called otherwise, what it uses.
    fn label(&self) -> Vec<String> {
        match &self.kind {
            Kind::Stage { uses, .. } => vec![self.name.clone(), format!("uses {uses}")],
            Kind::Outside => vec![self.name.clone()],
        }
    }
}

impl Edge {
    fn label(&self) -> String {
        self.output.as_ref().map_or_else(|| self.entrance.clone(), |output| format!("{output} → {}", self.entrance))
    }
}

/// A state and its reason in one sentence.
fn sentence(state: StageState, reason: &str) -> String {
    match state {
        StageState::Waiting => format!("{state} {reason}"),
        _ if reason.is_empty() => state.to_string(),
        _ => format!("{state}: {reason}"),
    }
}

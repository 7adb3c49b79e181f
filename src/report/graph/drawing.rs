//! The parts of a picture of a graph: nodes, edges, and what is written on them.

use crate::store::StageState;

/// A graph with the state of each of its stages, ready to be drawn.
#[derive(Debug)]
pub struct Drawing {
    /// The pipeline's name.
    pub(super) pipeline: String,
    /// Stages and external inputs, each after everything that it uses.
    pub(super) nodes: Vec<Node>,
    /// What enters the stages, in the order of the stages.
    pub(super) edges: Vec<Edge>,
}

/// A stage, or an external input.
#[derive(Debug)]
pub(super) struct Node {
    /// The stage's name, or the path.
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Stage { uses: String, state: StageState, reason: String },
    External,
}

/// Something that a stage takes.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The output that it is; external inputs have none.
    pub(super) output: Option<String>,
    pub(super) input_name: String,
}

impl Node {
    /// A name that every language of pictures takes: stages may be called `end` or `node`, which some do not.
    pub(super) fn id(&self, place: usize) -> String {
        match self.kind {
            Kind::Stage { .. } => format!("stage{place}"),
            Kind::External => format!("file{place}"),
        }
    }

    /// The lines of its label: the stage and, where it is called otherwise, what it uses.
    pub(super) fn label(&self) -> Vec<String> {
        match &self.kind {
            Kind::Stage { uses, .. } => vec![self.name.clone(), format!("uses {uses}")],
            Kind::External => vec![self.name.clone()],
        }
    }
}

impl Edge {
    pub(super) fn label(&self) -> String {
        self.output.as_ref().map_or_else(|| self.input_name.clone(), |output| format!("{output} → {}", self.input_name))
    }
}

/// A state and its reason in one sentence.
pub(super) fn sentence(state: StageState, reason: &str) -> String {
    match state {
        StageState::Waiting => format!("{state} {reason}"),
        _ if reason.is_empty() => state.to_string(),
        _ => format!("{state}: {reason}"),
    }
}

//! The graph of a pipeline: its stages, at all points, joined by what enters them.

use crate::error::Result;
use crate::pipeline::Pipeline;
use crate::plan::agreement;
use crate::plan::join::order;
use crate::plan::node::{Known, Node};
use crate::plan::points::{Point, merge, pick};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};
use std::collections::BTreeSet;
use std::path::Path;

/// A pipeline's stages and how they depend on each other.
#[derive(Debug)]
pub struct Graph {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stages; an edge leads from a stage to one that uses its output.
    pub stages: DiGraph<Node, ()>,
    /// The stages, each after those that it uses; otherwise in the order of the file.
    pub order: Vec<NodeIndex>,
    /// The points of the sweep; one without a name where there is no sweep.
    pub points: Vec<Point>,
}

impl Graph {
    /// Checks a pipeline and joins the stages of those points of its sweep that `picks` name, or of all.
    /// Paths in arguments are relative to `folder`, those in a file to the file's own.
    pub fn build(pipeline: &Pipeline, picks: &[String], known: &Known, folder: &Path) -> Result<Self> {
        let (stages, points) = merge(pipeline, &pick(pipeline, picks)?, known, folder)?;
        agreement::check(pipeline, &stages)?;
        let order = order(pipeline, &stages)?;
        Ok(Self { pipeline: pipeline.name.clone(), stages, order, points })
    }

    /// The nodes that a name means: one, or a stage at all its points.
    pub fn find(&self, name: &str) -> Vec<NodeIndex> {
        let named = |index: &NodeIndex| {
            let node = &self.stages[*index];
            node.name.as_str() == name || node.stage.as_str() == name
        };
        self.order.iter().copied().filter(named).collect()
    }

    /// The names of the stages in the file, in order.
    pub fn stage_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for index in &self.order {
            let name = self.stages[*index].stage.as_str();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// A stage and everything that uses what it makes, directly or not.
    pub fn downstream(&self, from: NodeIndex) -> BTreeSet<NodeIndex> {
        let mut found = BTreeSet::new();
        let mut walk = Dfs::new(&self.stages, from);
        while let Some(next) = walk.next(&self.stages) {
            found.insert(next);
        }
        found
    }

    /// A stage and everything that it needs, directly or not.
    pub fn upstream(&self, of: NodeIndex) -> BTreeSet<NodeIndex> {
        let reversed = Reversed(&self.stages);
        let mut found = BTreeSet::new();
        let mut walk = Dfs::new(reversed, of);
        while let Some(next) = walk.next(reversed) {
            found.insert(next);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::parse;
    use crate::source::Source;
    use contract::{Description, InputPort, OutputPort};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// A stage that turns artifacts of one kind into others of that kind.
    fn stage(name: &str) -> (String, Arc<Description>) {
        let description = Description {
            name: name.to_owned(),
            about: String::new(),
            version: "1".to_owned(),
            seeded: false,
            all_threads: false,
            checkpoints: false,
            ranks: false,
            inputs: vec![InputPort::optional("from", "rows", ""), InputPort::optional("more", "rows", "").many()],
            outputs: vec![OutputPort::new("to", "rows", "")],
            parameters: serde_json::json!({}),
            agreements: Vec::new(),
        };
        (name.to_owned(), Arc::new(description))
    }

    fn build(text: &str) -> Result<Graph> {
        let source = Arc::new(Source::File { path: "test.toml".into(), text: text.to_owned() });
        Graph::build(&parse(&source)?, &[], &BTreeMap::from([stage("s")]), Path::new("/"))
    }

    fn chain(bindings: &[(&str, &str)]) -> String {
        let stages = bindings.iter().map(|(name, input)| {
            let input = if input.is_empty() { String::new() } else { format!("inputs = {{ from = '{input}.to' }}\n") };
            format!("[stage.{name}]\nuses = 's'\n{input}")
        });
        format!("name = 't'\n{}", stages.collect::<String>())
    }

    #[test]
    fn stages_are_sorted_by_dependency() {
        let graph = build(&chain(&[("c", "b"), ("b", "a"), ("a", ""), ("free", "")])).unwrap();
        let names: Vec<&str> = graph.order.iter().map(|index| graph.stages[*index].name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "free"]);
    }

    #[test]
    fn a_circle_is_named_from_stage_to_stage() {
        let error = build(&chain(&[("a", "c"), ("b", "a"), ("c", "b"), ("d", "")])).unwrap_err();
        assert_eq!(error.exit_code(), 12);
        let message = error.to_string();
        assert!(
            message.contains("a → b → c → a") || message.contains("b → c → a → b") || message.contains("c → a → b → c"),
            "{message}"
        );
    }

    #[test]
    fn a_stage_that_uses_itself_is_a_circle() {
        assert!(build(&chain(&[("a", "a")])).unwrap_err().to_string().contains("a → a"));
    }

    #[test]
    fn downstream_and_upstream_are_opposite_walks() {
        let graph = build(&chain(&[("a", ""), ("b", "a"), ("c", "b")])).unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| graph.find(name)[0]);
        assert_eq!(graph.downstream(b), BTreeSet::from([b, c]));
        assert_eq!(graph.upstream(b), BTreeSet::from([a, b]));
    }

    #[test]
    fn a_port_for_many_needs_labels() {
        let text = "name = 't'\n[stage.a]\nuses = 's'\n[stage.b]\nuses = 's'\ninputs = { more = 'a.to' }\n";
        assert!(build(text).unwrap_err().to_string().contains("each with a label"));
    }
}

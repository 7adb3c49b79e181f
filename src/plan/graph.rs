//! The graph of a pipeline: its stages joined by what enters them, checked against what the stages say of themselves.

use crate::error::{Error, Result};
use crate::key::{Entrance, StageName};
use crate::pipeline::{Pipeline, StageEntry};
use crate::plan::command::ANY_KIND;
use crate::plan::node::{Known, Node, Origin, node, suggestion};
use crate::plan::points::{Point, pick, weave};
use crate::source::Place;
use contract::{Description, InputPort};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};
use std::collections::{BTreeMap, BTreeSet};
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
        let (stages, points) = weave(pipeline, &pick(pipeline, picks)?, known, folder)?;
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

/// The stages of one pipeline, joined, and their order.
pub(super) fn base(pipeline: &Pipeline, known: &Known, folder: &Path) -> Result<(DiGraph<Node, ()>, Vec<NodeIndex>)> {
    let mut stages = DiGraph::new();
    let mut named = BTreeMap::new();
    for entry in &pipeline.stages {
        let node = node(entry, pipeline.seed, known, folder)?;
        named.insert(entry.name.clone(), stages.add_node(node));
    }
    for entry in &pipeline.stages {
        join(entry, &mut stages, &named)?;
    }
    for entry in &pipeline.stages {
        check_required(entry, &stages[named[&entry.name]])?;
    }
    let order = order(pipeline, &stages)?;
    Ok((stages, order))
}

/// Joins what the entry binds, checking that both ends exist and are of one kind.
fn join(entry: &StageEntry, stages: &mut DiGraph<Node, ()>, named: &BTreeMap<StageName, NodeIndex>) -> Result<()> {
    let to = named[&entry.name];
    for binding in &entry.inputs {
        let port = input_port(entry, &stages[to].description, &binding.entrance, &binding.place)?;
        let fault =
            |message: String, hint| Error::Graph { message, place: binding.stage.place.clone(), hint: Some(hint) };
        let from = *named.get(&binding.stage.value).ok_or_else(|| {
            let names = named.keys().map(StageName::as_str);
            let hint = suggestion(binding.stage.value.as_str(), "the stages are", names);
            fault(format!("there is no stage '{}' in this pipeline", binding.stage.value), hint)
        })?;
        let outputs = &stages[from].description.outputs;
        let output = outputs.iter().find(|output| output.name == binding.output.as_str()).ok_or_else(|| {
            let names = outputs.iter().map(|output| output.name.as_str());
            let hint = suggestion(binding.output.as_str(), "its outputs are", names);
            fault(format!("stage '{}' has no output '{}'", binding.stage.value, binding.output), hint)
        })?;
        if output.kind != port.kind && port.kind.0 != ANY_KIND {
            let message = format!(
                "'{}' takes {}, but {}.{} is {}",
                binding.entrance, port.kind.0, binding.stage.value, binding.output, output.kind.0
            );
            return Err(fault(message, outputs_of_kind(stages, &port)));
        }
        if stages[to].inputs.contains_key(&binding.entrance) {
            return Err(fault(format!("'{}' is bound twice", binding.entrance), "keep one of the two".to_owned()));
        }
        let origin = Origin::Output { stage: from, port: binding.output.clone() };
        stages[to].inputs.insert(binding.entrance.clone(), origin);
        // Looking from the user's side is quick also where one output has thousands of users.
        if stages.neighbors_directed(to, Direction::Incoming).all(|used| used != from) {
            stages.add_edge(from, to, ());
        }
    }
    Ok(())
}

/// The outputs in the pipeline that could have been meant.
fn outputs_of_kind(stages: &DiGraph<Node, ()>, port: &InputPort) -> String {
    let fitting: Vec<String> = stages
        .node_weights()
        .flat_map(|node| {
            let outputs = node.description.outputs.iter().filter(|output| output.kind == port.kind);
            outputs.map(|output| format!("{}.{}", node.name, output.name))
        })
        .collect();
    if fitting.is_empty() {
        format!("no stage of this pipeline makes {}", port.kind.0)
    } else {
        format!("of that kind there is {}", fitting.join(", "))
    }
}

fn input_port(entry: &StageEntry, description: &Description, entrance: &Entrance, place: &Place) -> Result<InputPort> {
    let fault = |message: String, hint: Option<String>| Error::Graph { message, place: place.clone(), hint };
    let port = description.inputs.iter().find(|port| port.name == entrance.port.as_str()).ok_or_else(|| {
        let names = description.inputs.iter().map(|port| port.name.as_str());
        let hint = suggestion(entrance.port.as_str(), "its inputs are", names);
        fault(format!("stage '{}' has no input '{}'", entry.uses.value, entrance.port), Some(hint))
    })?;
    match (port.many, entrance.label.as_str().is_empty()) {
        (true, true) => {
            let hint = format!("write inputs.{} = {{ LABEL = \"STAGE.OUTPUT\" }}", port.name);
            Err(fault(format!("'{}' takes several artifacts, each with a label", port.name), Some(hint)))
        }
        (false, false) => Err(fault(format!("'{}' takes one artifact, without a label", port.name), None)),
        _ => Ok(port.clone()),
    }
}

fn check_required(entry: &StageEntry, node: &Node) -> Result<()> {
    let bound: BTreeSet<&str> = node.inputs.keys().map(|entrance| entrance.port.as_str()).collect();
    match node.description.inputs.iter().find(|port| port.required && !bound.contains(port.name.as_str())) {
        None => Ok(()),
        Some(port) => Err(Error::Graph {
            message: format!("stage '{}' needs its input '{}' ({})", entry.name, port.name, port.kind.0),
            place: entry.place.clone(),
            hint: Some(format!(
                "bind it with inputs = {{ {} = \"STAGE.OUTPUT\" }}; it is for this: {}",
                port.name,
                port.doc.trim_end_matches('.').to_lowercase()
            )),
        }),
    }
}

/// Orders the stages so that each comes after those that it uses, the file's order deciding among the free ones.
fn order(pipeline: &Pipeline, stages: &DiGraph<Node, ()>) -> Result<Vec<NodeIndex>> {
    let mut order = Vec::with_capacity(stages.node_count());
    let mut needs: Vec<usize> =
        stages.node_indices().map(|index| stages.neighbors_directed(index, Direction::Incoming).count()).collect();
    let mut free: BTreeSet<NodeIndex> = stages.node_indices().filter(|index| needs[index.index()] == 0).collect();
    while let Some(next) = free.pop_first() {
        order.push(next);
        for user in stages.neighbors(next) {
            needs[user.index()] -= 1;
            if needs[user.index()] == 0 {
                free.insert(user);
            }
        }
    }
    if order.len() == stages.node_count() {
        return Ok(order);
    }
    let Some(first) = petgraph::algo::tarjan_scc(stages)
        .into_iter()
        .find(|component| component.len() > 1 || component.iter().any(|index| stages.contains_edge(*index, *index)))
    else {
        return Ok(order);
    };
    let mut names: Vec<String> = first.iter().rev().map(|index| stages[*index].name.to_string()).collect();
    names.extend(names.first().cloned());
    let place = first
        .iter()
        .map(|index| index.index())
        .min()
        .and_then(|at| pipeline.stages.get(at))
        .map(|entry| entry.place.clone());
    let Some(place) = place else { return Ok(order) };
    Err(Error::Graph {
        message: format!("the stages use each other in a circle: {}", names.join(" → ")),
        place,
        hint: Some("remove one of these inputs".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::parse;
    use crate::source::Source;
    use contract::OutputPort;
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
            inputs: vec![InputPort::optional("from", "rows", ""), InputPort::optional("more", "rows", "").many()],
            outputs: vec![OutputPort::new("to", "rows", "")],
            parameters: serde_json::json!({}),
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
    fn a_stage_comes_after_those_that_it_uses_wherever_it_stands_in_the_file() {
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

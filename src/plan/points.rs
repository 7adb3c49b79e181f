//! The points of a sweep in one graph: what has the same content at several points is one node.

use crate::error::{Error, Result};
use crate::key::{Digest, PointName, StageName, suggestion};
use crate::pipeline::{Assignment, Pipeline, PointEntry, Setting, StageEntry, set, too_long, unsigned};
use crate::plan::join::base;
use crate::plan::node::{Known, Node, node};
use crate::plan::origin::Origin;
use crate::source::Place;
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// A point of a sweep; a pipeline without a sweep is one, with an empty name.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its name.
    pub name: PointName,
    /// What it sets, by `seed`, `STAGE.seed` or `STAGE.PARAMETER`.
    pub settings: Vec<(String, Value)>,
    /// Its stages, by their name in the file.
    pub stages: BTreeMap<StageName, NodeIndex>,
}

/// The points of a pipeline that `picks` name; all of them when it names none.
///
/// A pick is a point's name, or some of the terms of it: `seed=1` is every point with that seed.
pub(super) fn pick(pipeline: &Pipeline, picks: &[String]) -> Result<Vec<PointEntry>> {
    let Some(sweep) = &pipeline.sweep else {
        let point = |place: &Place| PointEntry { name: PointName::new(""), place: place.clone(), choices: Vec::new() };
        return match (picks.first(), pipeline.stages.first()) {
            (None, Some(entry)) => Ok(vec![point(&entry.place)]),
            (Some(pick), _) => Err(Error::Usage {
                message: format!("pipeline '{}' has no point '{pick}': it has no sweep", pipeline.name),
                hint: Some("leave --point away".to_owned()),
            }),
            (None, None) => Ok(Vec::new()),
        };
    };
    let points = sweep.points()?;
    if let Some(nothing) = picks.iter().find(|pick| !points.iter().any(|point| is_picked(point, pick))) {
        let names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
        let hint = suggestion(nothing, names.iter().copied(), "its points are");
        let message = format!("pipeline '{}' has no point '{nothing}'", pipeline.name);
        return Err(Error::Usage { message, hint: Some(hint) });
    }
    Ok(points.into_iter().filter(|point| picks.is_empty() || picks.iter().any(|pick| is_picked(point, pick))).collect())
}

fn is_picked(point: &PointEntry, pick: &str) -> bool {
    let terms: BTreeSet<&str> = point.name.as_str().split(',').collect();
    point.name.as_str() == pick || pick.split(',').all(|term| terms.contains(term))
}

/// The graph of some points, in their order, each stage after those that it uses.
pub(super) fn merge(
    pipeline: &Pipeline,
    points: &[PointEntry],
    known: &Known,
    folder: &Path,
) -> Result<(DiGraph<Node, ()>, Vec<Point>)> {
    let Some(first) = points.first() else { return Ok((DiGraph::new(), Vec::new())) };
    let mut with_first = pipeline.clone();
    for assignment in first.assignments() {
        assign(&mut with_first, assignment)?;
    }
    let (stages, order) = base(&with_first, known, folder)?;
    if pipeline.sweep.is_none() {
        let named = order.iter().map(|index| (stages[*index].stage.clone(), *index)).collect();
        return Ok((stages, vec![Point { name: first.name.clone(), settings: Vec::new(), stages: named }]));
    }
    let mut expansion =
        Expansion { pipeline, known, folder, stages: DiGraph::new(), merged: HashMap::new(), names: HashMap::new() };
    let merged = points.iter().map(|point| expansion.point(point, &stages, &order)).collect::<Result<_>>()?;
    Ok((expansion.stages, merged))
}

/// Sets something in a whole pipeline.
fn assign(pipeline: &mut Pipeline, assignment: &Assignment) -> Result<()> {
    let target = &assignment.target.value;
    let Some((stage, _)) = target.split_once('.') else {
        pipeline.seed = unsigned(&assignment.value)?;
        return Ok(());
    };
    let at = pipeline.stages.iter().position(|entry| entry.name.as_str() == stage);
    match at.and_then(|at| pipeline.stages.get_mut(at)) {
        Some(entry) => assign_to(entry, assignment),
        None => Err(no_stage(pipeline, stage, assignment)),
    }
}

fn no_stage(pipeline: &Pipeline, stage: &str, assignment: &Assignment) -> Error {
    let names: Vec<&str> = pipeline.stages.iter().map(|entry| entry.name.as_str()).collect();
    let hint = suggestion(stage, names.iter().copied(), "its stages are");
    let target = &assignment.target.value;
    Error::Parameter {
        message: format!("pipeline '{}' has no stage '{stage}', so '{target}' names nothing", pipeline.name),
        place: assignment.target.place.clone(),
        hint: Some(hint),
    }
}

fn assign_to(entry: &mut StageEntry, assignment: &Assignment) -> Result<()> {
    let mut key = assignment.target.clone();
    key.value = key.value.split_once('.').map_or_else(String::new, |(_, key)| key.to_owned());
    set(entry, Setting { key, value: assignment.value.clone() })
}

struct Expansion<'a> {
    pipeline: &'a Pipeline,
    known: &'a Known,
    folder: &'a Path,
    stages: DiGraph<Node, ()>,
    /// The node of each identity.
    merged: HashMap<Digest, NodeIndex>,
    names: HashMap<StageName, NodeIndex>,
}

impl Expansion<'_> {
    fn point(&mut self, point: &PointEntry, base: &DiGraph<Node, ()>, order: &[NodeIndex]) -> Result<Point> {
        self.check_stages(point)?;
        let seed = point.assignments().find(|assignment| assignment.target.value == "seed");
        let seed = seed.map_or(Ok(self.pipeline.seed), |assignment| unsigned(&assignment.value))?;
        let mut made: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        // The choices that a stage or something before it depends on.
        let mut touched: BTreeMap<NodeIndex, BTreeSet<usize>> = BTreeMap::new();
        let mut stages = BTreeMap::new();
        for index in order {
            let below = &base[*index];
            let mut node = self.own(point, below, seed)?;
            let mut touches = touches(point, &node, self.entry(&below.stage));
            for (input_name, origin) in &below.inputs {
                if let Origin::Output { stage, port } = origin {
                    touches.extend(touched.get(stage).into_iter().flatten());
                    let stage = made.get(stage).copied().unwrap_or(*stage);
                    node.inputs.insert(input_name.clone(), Origin::Output { stage, port: port.clone() });
                }
            }
            node.name = name(&below.stage, point, &touches);
            if let Some(message) = too_long(node.name.as_str(), "a stage at a point") {
                let hint = Some("give the stage or the point a shorter name".to_owned());
                return Err(Error::Syntax { message, place: point.place.clone(), hint });
            }
            let merged = self.merge(node, point)?;
            made.insert(*index, merged);
            touched.insert(*index, touches);
            stages.insert(below.stage.clone(), merged);
        }
        let settings = point.assignments().map(|own| (own.target.value.clone(), own.value.value.clone())).collect();
        Ok(Point { name: point.name.clone(), settings, stages })
    }

    /// A misspelt stage is found here, a misspelt parameter when the stage's node is made.
    fn check_stages(&self, point: &PointEntry) -> Result<()> {
        for assignment in point.assignments() {
            if let Some((stage, _)) = assignment.target.value.split_once('.')
                && self.pipeline.stages.iter().all(|entry| entry.name.as_str() != stage)
            {
                return Err(no_stage(self.pipeline, stage, assignment));
            }
        }
        Ok(())
    }

    fn entry(&self, stage: &StageName) -> Option<&StageEntry> {
        self.pipeline.stages.iter().find(|entry| entry.name == *stage)
    }

    /// The stage as it is at this point, without what enters from other stages.
    fn own(&self, point: &PointEntry, below: &Node, seed: u64) -> Result<Node> {
        let Some(entry) = self.entry(&below.stage) else { return Ok(below.clone()) };
        let mut entry = entry.clone();
        for assignment in point.assignments().filter(|assignment| is_of(assignment, &below.stage)) {
            assign_to(&mut entry, assignment)?;
        }
        node(&entry, seed, self.known, self.folder)
    }

    fn merge(&mut self, node: Node, point: &PointEntry) -> Result<NodeIndex> {
        let identity = node.identity();
        if let Some(same) = self.merged.get(&identity) {
            return Ok(*same);
        }
        if self.names.contains_key(&node.name) {
            return Err(Error::Syntax {
                message: format!("two points have the name of '{}', with different settings", node.name),
                place: point.place.clone(),
                hint: Some("give each point a name of its own".to_owned()),
            });
        }
        let users: BTreeSet<NodeIndex> = node
            .inputs
            .values()
            .filter_map(|origin| if let Origin::Output { stage, .. } = origin { Some(*stage) } else { None })
            .collect();
        let name = node.name.clone();
        let index = self.stages.add_node(node);
        for used in users {
            self.stages.add_edge(used, index, ());
        }
        self.merged.insert(identity, index);
        self.names.insert(name, index);
        Ok(index)
    }
}

fn is_of(assignment: &Assignment, stage: &StageName) -> bool {
    assignment.target.value.split_once('.').is_some_and(|(own, _)| own == stage.as_str())
}

/// The choices of a point that say something of this stage itself.
fn touches(point: &PointEntry, node: &Node, entry: Option<&StageEntry>) -> BTreeSet<usize> {
    let takes_seed = node.seed.is_some() && entry.is_none_or(|entry| entry.seed.is_none());
    let says =
        |assignment: &Assignment| is_of(assignment, &node.stage) || assignment.target.value == "seed" && takes_seed;
    let choices = point.choices.iter().enumerate();
    choices.filter(|(_, choice)| choice.assignments.iter().any(says)).map(|(at, _)| at).collect()
}

/// `finetune@tasks.negatives=3`, or the plain name for a stage that nothing touches.
fn name(stage: &StageName, point: &PointEntry, touches: &BTreeSet<usize>) -> StageName {
    let labels: Vec<String> = touches.iter().map(|at| point.choices[*at].label()).collect();
    StageName::at(stage, &labels.join(","))
}

#[cfg(test)]
mod tests {
    use crate::pipeline::parse;
    use crate::plan::Graph;
    use crate::source::Source;
    use contract::{Description, InputPort, OutputPort};
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    const CHAIN: &str = "name = 't'\n[stage.a]\nuses = 's'\n[stage.b]\nuses = 's'\nk = 1\ninputs = { from = 'a.to' }\n[stage.c]\nuses = 's'\ninputs = { from = 'b.to' }\n";

    fn graph(sweep: &str, picks: &[&str]) -> crate::error::Result<Graph> {
        let description = Description {
            name: "s".to_owned(),
            about: String::new(),
            version: "1".to_owned(),
            seeded: true,
            all_threads: false,
            checkpoints: false,
            ranks: false,
            inputs: vec![InputPort::optional("from", "rows", "")],
            outputs: vec![OutputPort::new("to", "rows", "")],
            parameters: serde_json::json!({ "properties": { "k": { "type": "integer", "default": 1 } } }),
            agreements: Vec::new(),
        };
        let source = Arc::new(Source::File { path: "test.toml".into(), text: format!("{CHAIN}[sweep]\n{sweep}\n") });
        let picks: Vec<String> = picks.iter().map(|pick| (*pick).to_owned()).collect();
        Graph::build(
            &parse(&source)?,
            &picks,
            &BTreeMap::from([("s".to_owned(), Arc::new(description))]),
            Path::new("/"),
        )
    }

    fn names(graph: &Graph) -> Vec<String> {
        graph.order.iter().map(|index| graph.stages[*index].name.to_string()).collect()
    }

    #[test]
    fn what_no_axis_touches_is_one_node() {
        let graph = graph("'b.k' = [1, 2]", &[]).unwrap();
        assert_eq!(names(&graph), ["a", "b@b.k=1", "c@b.k=1", "b@b.k=2", "c@b.k=2"]);
        assert_eq!(graph.points.len(), 2);
    }

    #[test]
    fn points_that_differ_in_nothing_share_their_nodes() {
        // The parameter is 1 also where the point does not set it.
        let graph =
            graph("points = [{ name = 'as-it-is' }, { name = 'one', 'b.k' = 1 }, { name = 'two', 'b.k' = 2 }]", &[]);
        assert_eq!(names(&graph.unwrap()), ["a", "b", "c", "b@two", "c@two"]);
    }

    #[test]
    fn a_seed_changes_every_seeded_stage() {
        let all = graph("'b.k' = [1, 2]\nseed = [1, 2]", &[]).unwrap();
        assert_eq!((all.order.len(), all.points.len()), (2 + 4 + 4, 4));
        let picked = graph("'b.k' = [1, 2]\nseed = [1, 2]", &["seed=2"]).unwrap();
        assert_eq!(
            picked.points.iter().map(|point| point.name.as_str()).collect::<Vec<_>>(),
            ["b.k=1,seed=2", "b.k=2,seed=2"]
        );
        assert_eq!(graph("'b.k' = [1]", &["b.k=3"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn an_axis_that_names_nothing_is_pointed_at() {
        let stage = graph("'d.k' = [1]", &[]).unwrap_err();
        assert!(stage.to_string().contains("no stage 'd'") && stage.place().is_some(), "{stage}");
        let parameter = graph("'b.l' = [1]", &[]).unwrap_err();
        assert!(parameter.to_string().contains("no parameter 'l'") && parameter.place().is_some(), "{parameter}");
    }
}

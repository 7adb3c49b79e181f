//! `pipe tokenize`: codes for items that were not there at training.
//!
//! The worker knows how codes are made and reads the tables; here is known which stage made the codes that the pipeline
//! has now, and everything upstream of it.

use crate::arguments::TokenizeArguments;
use crate::commands::metrics::print;
use crate::commands::opened::Opened;
use crate::error::{Error, Result};
use crate::plan::{Origin, Wishes};
use crate::store::Action;
use crate::worker;
use petgraph::graph::NodeIndex;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;

/// The kind of artifact that gives codes.
const KIND: &str = "codebook";

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    item: String,
    codes: Vec<u32>,
    from: String,
    collides_with: Vec<u32>,
}

/// Gives codes to new items.
pub fn tokenize(arguments: &TokenizeArguments) -> Result<()> {
    let opened = Opened::open(&arguments.pipeline)?;
    let stage = stage(&opened, arguments.stage.as_deref())?;
    let name = opened.graph.stages[stage].name.as_str().to_owned();
    let selection = opened.select(&Wishes { until: Some(name.clone()), ..Wishes::default() })?;
    // Until the answer is there, nothing of them goes.
    let _share = opened.store.share()?;
    let current = opened.current(&selection)?;
    if !current.contains_key(&stage) {
        let pipeline = &arguments.pipeline.pipeline;
        return Err(Error::NoResults(format!(
            "'{name}' has no result that is up to date; run `pipe run {pipeline} --until {name}` first"
        )));
    }
    let request = json!({
        "stage": made(&opened, stage, &current),
        "items": arguments.items,
        "output": arguments.output,
        "device": arguments.device,
    });
    let answer: Answer = worker::question(&opened.worker, "tokenize", &request)?;
    match &arguments.output {
        Some(output) if !arguments.pipeline.json => {
            // Nobody may be reading any more.
            drop(writeln!(std::io::stdout(), "{} are in {}", summary(&answer.items), output.display()));
        }
        _ => print(&answer.items.iter().map(row).collect::<Vec<_>>(), arguments.pipeline.json),
    }
    Ok(())
}

/// The stage that is named, or the only one that makes a codebook.
fn stage(opened: &Opened, named: Option<&str>) -> Result<NodeIndex> {
    let makes =
        |stage: &NodeIndex| opened.graph.stages[*stage].description.outputs.iter().any(|output| output.kind.0 == KIND);
    if let Some(name) = named {
        let one = opened.one(name)?;
        return makes(&one).then_some(one).ok_or_else(|| Error::Usage {
            message: format!("stage '{name}' makes no codebook"),
            hint: Some("leave --stage out to have it found".to_owned()),
        });
    }
    let found: Vec<NodeIndex> = opened.graph.order.iter().copied().filter(makes).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::Usage {
            message: format!("pipeline '{}' has no stage that makes a codebook", opened.graph.pipeline),
            hint: Some("name a pipeline with a stage that uses codebook".to_owned()),
        }),
        several => {
            let names: Vec<&str> = several.iter().map(|stage| opened.graph.stages[*stage].name.as_str()).collect();
            Err(Error::Usage {
                message: format!("{} stages make a codebook", several.len()),
                hint: Some(format!("pick one with --stage or --point: {}", names.join(", "))),
            })
        }
    }
}

/// A stage with what it was given and what it made, and the same of every stage upstream. Those of `current` are whole:
/// a stage is in it only with all that it uses.
fn made(opened: &Opened, stage: NodeIndex, current: &BTreeMap<NodeIndex, Box<Action>>) -> Value {
    let node = &opened.graph.stages[stage];
    let folder = |stage: &NodeIndex, port| {
        let artifact = current.get(stage).and_then(|action| action.outputs.get(port));
        artifact.map(|artifact| opened.store.artifact(&artifact.digest))
    };
    let mut inputs: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (entrance, origin) in &node.inputs {
        let input = match origin {
            Origin::Outside(path) => json!({ "path": path, "made_by": null }),
            Origin::Output { stage, port } => {
                json!({ "path": folder(stage, port), "made_by": made(opened, *stage, current) })
            }
        };
        inputs.entry(entrance.port.as_str()).or_default().push(input);
    }
    let ports = current.get(&stage).into_iter().flat_map(|action| action.outputs.keys());
    let outputs: BTreeMap<&str, _> = ports.map(|port| (port.as_str(), folder(&stage, port))).collect();
    json!({
        "name": node.name.as_str(),
        "uses": node.description.name,
        "parameters": node.parameters,
        "inputs": inputs,
        "outputs": outputs,
    })
}

fn row(item: &Item) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("item".to_owned(), item.item.clone().into());
    for (level, code) in (1..).zip(&item.codes) {
        row.insert(format!("code_{level}"), (*code).into());
    }
    row.insert("from".to_owned(), item.from.clone().into());
    row.insert("collides_with".to_owned(), item.collides_with.clone().into());
    row
}

fn summary(items: &[Item]) -> String {
    let from = |source: &str| items.iter().filter(|item| item.from == source).count();
    let collide = items.iter().filter(|item| !item.collides_with.is_empty()).count();
    format!(
        "the codes of {} items ({} from an embedding, {} from text; {collide} collide with an item in use)",
        items.len(),
        from("embedding"),
        from("text"),
    )
}

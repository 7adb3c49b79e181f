//! Small data in the form of the real sets, and a pipeline of the repository over it.

use super::{Outcome, Space, repository};
use serde_json::{Map, Value, json};

const ITEMS: usize = 60;

/// The settings of a language model that is trained from nothing in a moment.
pub(crate) const TINY_LANGUAGE_MODEL: [&str; 6] =
    ["llm.vocabulary=300", "llm.hidden=16", "llm.layers=1", "llm.heads=2", "llm.kv_heads=2", "llm.intermediate=32"];

/// A folder of data with the names of Instruments' and Toys' files: users who walk around a ring of items.
pub(crate) fn walkers() -> Space {
    let space = Space::new();
    let walk = |user: usize| (0..8).map(|place| (user * 7 + place) % ITEMS).collect::<Vec<_>>();
    let sequences: Map<String, Value> = (0..90).map(|user| (user.to_string(), json!(walk(user)))).collect();
    let sequences = Value::Object(sequences).to_string();
    let ids: String = (0..ITEMS).map(|item| format!("B{item:04}\t{item}\n")).collect();
    let text = |item: usize| json!({ "title": format!("toy {item} of box {}", item / 6), "description": "", "categories": "" });
    let texts: Map<String, Value> = (0..ITEMS).map(|item| (item.to_string(), text(item))).collect();
    space.write("data/instruments/Instruments.inter.json", &sequences);
    space.write("data/instruments/Instruments.item2id", ids);
    space.write("data/toys2014/Toys.inter.json", sequences);
    space.write("data/toys2014/Toys.item.json", Value::Object(texts).to_string());
    space
}

/// `pipe COMMAND` on a pipeline of the repository, with data, models and store of the folder.
pub(crate) fn pipe(space: &Space, command: &str, pipeline: &str, arguments: &[&str]) -> Outcome {
    let file = repository().join("pipelines").join(pipeline);
    let store = space.path("artifacts");
    let mut program = space.command(&[command, file.to_str().unwrap(), "--store", store.to_str().unwrap()]);
    // The paper's tables are beside the repository's pipelines.
    program.current_dir(repository()).args(arguments).env("PIPE_DATA", space.path("data"));
    program.env("PIPE_MODELS", space.path("models"));
    Outcome::of(&program.output().unwrap())
}

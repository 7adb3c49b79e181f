//! The paper's Table 1 as pipelines: all of its profiles plan, and a run on small data stands beside the paper's rows.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use serde_json::{Value, json};
use space::{Outcome, Space, repository};

const ITEMS: usize = 60;

/// A folder of data with the names of Instruments' and Toys' files: users who walk around a ring of items.
fn walkers() -> Space {
    let space = Space::new();
    let walk = |user: usize| (0..8).map(|place| (user * 7 + place) % ITEMS).collect::<Vec<_>>();
    let sequences: serde_json::Map<String, Value> = (0..90).map(|user| (user.to_string(), json!(walk(user)))).collect();
    let sequences = Value::Object(sequences).to_string();
    let ids: String = (0..ITEMS).map(|item| format!("B{item:04}\t{item}\n")).collect();
    let text = |item: usize| json!({ "title": format!("toy {item} of box {}", item / 6), "description": "", "categories": "" });
    let texts: serde_json::Map<String, Value> = (0..ITEMS).map(|item| (item.to_string(), text(item))).collect();
    space.write("data/instruments/Instruments.inter.json", &sequences);
    space.write("data/instruments/Instruments.item2id", ids);
    space.write("data/toys2014/Toys.inter.json", sequences);
    space.write("data/toys2014/Toys.item.json", Value::Object(texts).to_string());
    space
}

fn pipe(space: &Space, command: &str, pipeline: &str, arguments: &[&str]) -> Outcome {
    let file = repository().join("pipelines").join(pipeline);
    let store = space.path("artifacts");
    let mut program = space.command(&[command, file.to_str().unwrap(), "--store", store.to_str().unwrap()]);
    // The paper's tables are beside the repository's pipelines.
    program.current_dir(repository()).args(arguments).env("PIPE_DATA", space.path("data"));
    Outcome::of(&program.output().unwrap())
}

#[test]
fn every_profile_plans() {
    let space = walkers();
    for (pipeline, profile, code) in [
        // 14: all is right but for the paper's data, the weights of LLaMA-7B and a GPU.
        ("tables/1.toml", None, 14),
        ("tables/1.toml", Some("arts"), 14),
        ("tables/1.toml", Some("instruments"), 14),
        ("lc-rec.toml", Some("games"), 14),
        ("tables/1.toml", Some("small"), 0),
        ("tables/1.toml", Some("toys"), 0),
        ("lc-rec.toml", None, 0),
        ("embeddings.toml", None, 0),
        ("embeddings.toml", Some("instruments"), 0),
    ] {
        let arguments: Vec<&str> = profile.iter().flat_map(|profile| ["--profile", profile]).collect();
        let plan = pipe(&space, "plan", pipeline, &arguments);
        assert_eq!(plan.code, code, "{pipeline} {profile:?}: {}{}", plan.out, plan.err);
    }
}

fn small<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["--profile", "small"], arguments].concat()
}

/// The settings that make every stage quick.
const QUICK: [&str; 21] = [
    "llm.vocabulary=300",
    "llm.hidden=16",
    "llm.layers=1",
    "llm.heads=2",
    "llm.kv_heads=2",
    "llm.intermediate=32",
    "dccf.epochs=1",
    "sasrec.epochs=2",
    "bert4rec.epochs=1",
    "fmlp.epochs=1",
    "gru4rec.epochs=1",
    "tiger.epochs=1",
    "p5.epochs=1",
    "codebook.codes=8",
    "codebook.epochs=2",
    "tiger-codes.codes=8",
    "lc-codebook.codes=8",
    "lc-codebook.epochs=2",
    "lc-codebook.hidden=[32]",
    "finetune.epochs=1",
    "lc-finetune.epochs=1",
];

#[test]
fn the_rows_of_the_paper_stand_beside_all_of_its_models() {
    let space = walkers();
    let arguments: Vec<&str> = QUICK.iter().flat_map(|setting| ["--set", setting]).collect();
    let run = pipe(&space, "run", "tables/1.toml", &small(&arguments));
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let compared = pipe(&space, "compare", "tables/1.toml", &small(&["--where", "seen=kept", "--where", "hits=item"]));
    assert_eq!(compared.code, 0, "{}", compared.err);
    let row = |model: &str| compared.out.lines().find(|line| line.split_whitespace().any(|word| word == model));
    for (model, paper) in [
        ("sasrec", "0.0714"),
        ("bert4rec", "0.0797"),
        ("fmlp", "0.1016"),
        ("dccf", "0.0929"),
        ("p5", "0.1023"),
        ("lc-rec", "0.1225"),
        ("pipe", "0.1268"),
    ] {
        let row = row(model).unwrap_or_else(|| panic!("{model} is not compared:\n{}", compared.out));
        assert!(row.contains(paper), "{model} has not the paper's {paper}: {row}");
    }
    for model in ["lc-rec-per-level", "tiger", "gru4rec", "blend", "item-knn", "markov-chain", "popularity"] {
        assert!(row(model).is_some(), "{model} is not compared:\n{}", compared.out);
    }
    assert!(compared.out.contains("Different here: a LLaMA of 0.9 million weights"), "{}", compared.out);
}

//! The paper's Table 1 as pipelines: all of its profiles plan, and a run on small data stands beside the paper's rows.

use crate::space::walkers::{TINY_LANGUAGE_MODEL, pipe, walkers};

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

/// The settings that make every other stage quick.
const QUICK: [&str; 15] = [
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
    let arguments: Vec<&str> =
        TINY_LANGUAGE_MODEL.iter().chain(&QUICK).flat_map(|setting| ["--set", setting]).collect();
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

//! The paper's Tables 3, 6, 7 and 8 as pipelines: all of them plan, and on small data the paper's rows stand beside ours.

use crate::space::Space;
use crate::space::walkers::{pipe, walkers};
use crate::tiny_model;

/// The settings that make every stage quick, of those that a table does not vary.
const QUICK: [&str; 6] = [
    "dccf.epochs=1",
    "sasrec.epochs=1",
    "fmlp.epochs=1",
    "codebook.codes=8",
    "codebook.epochs=2",
    "tasks.negative_histories=longest",
];

/// Small data, and a small model in the place of SmolLM2.
fn with_model() -> Space {
    let space = walkers();
    space.write("models/smollm2-135m/tiny.gguf", tiny_model::tiny());
    space
}

fn run_and_compare(pipeline: &str, settings: &[&str]) -> String {
    let space = with_model();
    let settings: Vec<&str> = QUICK.iter().chain(settings).flat_map(|setting| ["--set", setting]).collect();
    let arguments = [&["--profile", "small"], &settings[..]].concat();
    let run = pipe(&space, "run", pipeline, &arguments);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let seen = ["--where", "seen=kept", "--where", "hits=item"];
    let compared = pipe(&space, "compare", pipeline, &[&arguments[..], &seen].concat());
    assert_eq!(compared.code, 0, "{}", compared.err);
    compared.out
}

/// The line of a point and a model.
fn row<'a>(table: &'a str, point: &str, model: &str) -> &'a str {
    let is_row = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next() == Some(point) && words.next() == Some(model)
    };
    table.lines().find(is_row).unwrap_or_else(|| panic!("no {model} at {point}:\n{table}"))
}

#[test]
fn every_table_plans_at_both_scales() {
    let space = with_model();
    for table in ["3-components", "6-language-models", "7-initialisation", "8-behaviour-only"] {
        let pipeline = format!("tables/{table}.toml");
        // 14: all is right but for the paper's data, the weights of LLaMA-7B and a GPU.
        let plan = pipe(&space, "plan", &pipeline, &[]);
        assert_eq!(plan.code, 14, "{table}: {}{}", plan.out, plan.err);
        let small = pipe(&space, "plan", &pipeline, &["--profile", "small"]);
        assert_eq!(small.code, 0, "{table}: {}{}", small.out, small.err);
    }
    assert_eq!(pipe(&space, "plan", "toys-smollm2.toml", &[]).code, 0);
}

#[test]
fn components_stand_beside_the_papers_table_3() {
    let table = run_and_compare("tables/3-components.toml", &["finetune.epochs=1"]);
    for (point, paper) in
        [("encoder-decoder", "0.1197"), ("no-alignment", "0.1264"), ("no-negatives", "0.1195"), ("whole", "0.1274")]
    {
        assert!(row(&table, point, "pipe").contains(paper), "{table}");
    }
    assert!(table.contains("Different here: 3,000 users of Toys"), "{table}");
}

#[test]
fn a_random_a_pretrained_and_two_real_models_are_compared() {
    let table = run_and_compare(
        "tables/6-language-models.toml",
        &[
            "llm.vocabulary=300",
            "llm.hidden=16",
            "llm.heads=2",
            "llm.kv_heads=2",
            "llm.intermediate=32",
            "llm.pretrain_length=32",
        ],
    );
    for point in ["random", "corpus", "smollm2-8", "smollm2"] {
        row(&table, point, "pipe");
    }
}

#[test]
fn initialisations_stand_beside_the_papers_table_7() {
    let table = run_and_compare("tables/7-initialisation.toml", &["finetune.epochs=1"]);
    for (point, paper) in [("mlp-2", "0.1152"), ("mlp-3", "0.1168"), ("mean", "0.1274")] {
        assert!(row(&table, &format!("finetune.new_tokens={point}"), "pipe").contains(paper), "{table}");
    }
}

#[test]
fn behaviour_alone_stands_beside_the_papers_table_8() {
    let quick = [
        "finetune.epochs=1",
        "p5.epochs=1",
        "lc-codebook.codes=8",
        "lc-codebook.epochs=2",
        "lc-codebook.hidden=[32]",
        "lc-finetune.epochs=1",
    ];
    let table = run_and_compare("tables/8-behaviour-only.toml", &quick);
    assert!(row(&table, "behaviour", "pipe").contains("0.1132"), "{table}");
    assert!(row(&table, "with-text", "pipe").contains("0.1274"), "{table}");
    for (model, paper) in [("dccf", "0.0882"), ("p5", "0.0789"), ("lc-rec", "0.1044")] {
        let line = table.lines().find(|line| line.split_whitespace().any(|word| word == model)).unwrap();
        assert!(line.contains(paper), "{model}: {table}");
    }
}

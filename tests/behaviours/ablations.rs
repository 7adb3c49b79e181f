//! Each switch of an ablation changes what it says and nothing else: which stages have to run again.

use crate::space::{Space, repository};
use std::fmt::Write as _;

/// The switch, and what it stands for.
const SWITCHES: &[(&str, &str)] = &[
    ("codebook.llm_alignment=false", "without alignment with the language model (Table 3, w/o LA)"),
    ("codebook.encoder_decoder=true", "an encoder and decoder around the codes (Table 3, ED)"),
    ("codebook.collisions=\"resolve\"", "colliding items parted as LC-Rec does"),
    ("codebook.projection=\"pca\"", "texts projected by principal components"),
    ("codebook.levels=1", "one token an item (Table 5)"),
    ("tasks.negatives=0", "without negative samples (Table 4)"),
    ("tasks.text=false", "without text to item"),
    ("tasks.query=false", "without query to item"),
    ("tasks.next_item=false", "without the next item"),
    ("tasks.item_text=true", "with LC-Rec's item to text"),
    ("tasks.text_history=true", "with LC-Rec's histories of text"),
    ("tasks.directions=\"both\"", "reversed sequences as well"),
    ("finetune.train=\"lora\"", "adapters instead of all weights"),
    ("finetune.new_tokens=\"mlp-2\"", "new tokens from the codebook's vectors (Table 7)"),
    ("finetune.packing=false", "nothing shared between samples"),
    ("finetune.end_token=true", "loss on the end token"),
    ("finetune.label_smoothing=0.1", "labels of which every token has a part"),
    ("finetune.weight_average=0.999", "a moving average of the weights"),
    ("precache.beam=10", "narrower beams"),
    ("metrics.cutoffs=[1, 5, 10, 20]", "other cutoffs"),
];

const SMALLER: [&str; 14] = [
    "--set",
    "sample.users=120",
    "--set",
    "sample.items=60",
    "--set",
    "dccf.epochs=2",
    "--set",
    "codebook.epochs=3",
    "--set",
    "codebook.codes=8",
    "--set",
    "finetune.epochs=1",
    "--set",
    "llm.layers=1",
];

/// A line of the table: what the plan says with the switch.
fn line(space: &Space, pipeline: &str, switch: &str, meaning: &str) -> String {
    let plan =
        space.succeed(&[&["plan", pipeline, "--store", "store", "--json"], &SMALLER[..], &["--set", switch]].concat());
    let with = |status: &str| {
        let events = plan.events();
        let stages = events.iter().filter(|event| event["status"] == status);
        stages.map(|event| event["stage"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (runs, after) = (with("run"), with("waiting"));
    let own = switch.split('.').next().unwrap();
    assert_eq!(runs, [own], "{switch} changes one stage, its own");
    let cached = plan.events().iter().filter(|event| event["status"] == "cached").count();
    format!("| `{switch}` | {meaning} | {} | {} | {cached} |\n", runs.join(", "), after.join(", "))
}

#[test]
fn a_switch_changes_its_own_stage_and_what_follows() {
    let space = Space::new();
    let file = repository().join("pipelines/sample.toml");
    let pipeline = file.to_str().unwrap();
    space.succeed(&[&["run", pipeline, "--store", "store"], &SMALLER[..]].concat());
    let mut table =
        "| switch | what it leaves out or adds | run | after | cached |\n|---|---|---|---|---:|\n".to_owned();
    for (switch, meaning) in SWITCHES {
        table.write_str(&line(&space, pipeline, switch, meaning)).unwrap();
    }
    let docs = repository().join("docs/reference/ablations.md");
    let text = std::fs::read_to_string(&docs).unwrap();
    let (before, rest) = text.split_once("<!-- table -->\n").unwrap();
    let (found, behind) = rest.split_once("<!-- end -->").unwrap();
    if std::env::var_os("PIPE_UPDATE").is_some() {
        std::fs::write(&docs, format!("{before}<!-- table -->\n{table}<!-- end -->{behind}")).unwrap();
    } else {
        assert_eq!(found, table, "write it anew: PIPE_UPDATE=1 cargo test --workspace --test behaviours ablations::");
    }
}

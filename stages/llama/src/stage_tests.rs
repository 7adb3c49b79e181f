//! The stage as a whole: a model from nothing, one that is cut from another, and one that is pretrained.

use crate::SmallLlama;
use contract::{Erased, FailureKind, Result, Spec};
use frames::Items;
use nn::Llama;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Device, Kind};

/// Libtorch's random numbers are the process's, so tests that need them take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The parameters of a model that is made in no time.
fn tiny(other: &Value) -> Value {
    let mut parameters = json!({"vocabulary": 300, "hidden": 16, "layers": 2, "heads": 2, "kv_heads": 1, "intermediate": 24,
        "pretrain_length": 16, "pretrain_batch_tokens": 64, "pretrain_learning_rate": 1e-2});
    for (name, value) in other.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    parameters
}

/// Runs the stage into the folder `output` with inputs by port.
fn run(folder: &Path, output: &str, parameters: &Value, inputs: &[(&str, &str)]) -> Result<()> {
    let output = folder.join(output);
    std::fs::create_dir_all(&output).unwrap();
    let bound = inputs.iter().map(|(port, place)| ((*port).to_owned(), [(String::new(), folder.join(place))].into()));
    (Erased::of::<SmallLlama>().run)(Spec {
        uses: "llama".into(),
        parameters: parameters.as_object().unwrap().clone(),
        inputs: bound.collect(),
        outputs: [("model".to_owned(), output)].into(),
        seed: 4,
        threads: 1,
        device: "cpu".into(),
        rank: contract::Rank::default(),
        checkpoint: None,
    })
}

fn load(folder: &Path, name: &str) -> Llama {
    Llama::load(&folder.join(name), Device::Cpu, Kind::Float).unwrap()
}

fn weights(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name).join("model.safetensors")).unwrap()
}

/// A catalogue of items with much the same titles.
fn write_items(folder: &Path) {
    let count = 60;
    let title = |item: usize| format!("a lute of wood number {} with a bow for the player", item % 7);
    let items = Items {
        id: (0..count).map(|item| format!("B{item}")).collect(),
        title: (0..count).map(title).collect(),
        description: vec![String::new(); count],
        brand: vec![String::new(); count],
        categories: vec![String::new(); count],
    };
    std::fs::create_dir_all(folder.join("items")).unwrap();
    items.write(&folder.join("items")).unwrap();
}

#[test]
fn a_base_is_cut_to_its_first_blocks() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, "base", &tiny(&json!({})), &[]).unwrap();
    run(folder, "whole", &tiny(&json!({"layers": 0})), &[("base", "base")]).unwrap();
    assert_eq!(weights(folder, "whole"), weights(folder, "base"));
    run(folder, "cut", &tiny(&json!({"layers": 1})), &[("base", "base")]).unwrap();
    assert_eq!(load(folder, "cut").config().num_hidden_layers, 1);
    assert!(weights(folder, "cut").len() < weights(folder, "base").len());
    assert_eq!(load(folder, "cut").token_rows().unwrap().0, load(folder, "base").token_rows().unwrap().0);
    run(folder, "unused", &tiny(&json!({"use_base": false})), &[("base", "base")]).unwrap();
    assert_eq!(weights(folder, "unused"), weights(folder, "base"), "a model from nothing, of the same seed");
    let failure = run(folder, "more", &tiny(&json!({"layers": 3})), &[("base", "base")]).unwrap_err();
    assert!(failure.kind == FailureKind::Conflict && failure.message.contains("has 2 blocks"), "{failure}");
}

#[test]
fn pretraining_lowers_the_loss_of_held_out_texts_and_repeats_its_bytes() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_items(folder);
    let inputs = [("items", "items")];
    run(folder, "random", &tiny(&json!({})), &inputs).unwrap();
    for output in ["first", "second"] {
        run(folder, output, &tiny(&json!({"pretrain_epochs": 3})), &inputs).unwrap();
    }
    assert_eq!(weights(folder, "first"), weights(folder, "second"));
    let loss = |name: &str| crate::pretraining::loss_of_text(&folder.join(name), "a lute of wood with a bow").unwrap();
    let (before, after) = (loss("random"), loss("first"));
    assert!(after < before - 1.0, "{before} to {after}");
}

#[test]
fn pretraining_without_texts_is_refused() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let failure = run(folder.path(), "none", &tiny(&json!({"pretrain_epochs": 1})), &[]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NothingUsable, "{failure}");
    assert!(failure.hint.unwrap().contains("pretrain_epochs = 0"));
}

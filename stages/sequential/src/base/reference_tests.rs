//! A forward pass and a training step of each model are those of RecBole, and of the authors' code for FMLP-Rec.
//!
//! `PIPE_REFERENCE_PYTHON` names a Python that has torch and recbole; without it `python3` is tried. RecBole has no FMLP-Rec:
//! its equations are computed with `torch.fft` and RecBole's feed-forward layer, and `PIPE_FMLP_REC` may name a checkout of
//! the authors' code (`git clone https://github.com/Woeee/FMLP-Rec`), which is then compared too.

use super::negatives::Negatives;
use super::network::Network;
use super::samples::Sample;
use super::stream::{Purpose, stream};
use super::{Model, Store};
use crate::bert4rec::{Bert4recModel, Bert4recParameters};
use crate::fmlp::{FmlpModel, FmlpParameters};
use crate::sasrec::{SasrecModel, SasrecParameters};
use nn::TrainedNetwork as _;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tch::{Device, Kind, Tensor};

/// How far any number may differ.
const TOLERANCE: f64 = 1e-4;
const ITEMS: u32 = 40;
const LENGTH: usize = 8;
const SEED: u64 = 3;

fn python() -> Option<String> {
    let named = std::env::var("PIPE_REFERENCE_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    match Command::new(&python).args(["-c", "import torch, recbole, safetensors"]).output() {
        Ok(output) if output.status.success() => Some(python),
        _ if named.is_some() => panic!("PIPE_REFERENCE_PYTHON is {python}, which lacks torch, recbole or safetensors"),
        _ => {
            eprintln!(
                "skipped: {python} lacks torch or recbole; PIPE_REFERENCE_PYTHON may name a Python that has them"
            );
            None
        }
    }
}

/// Items other than 0, which RecBole takes for padding.
fn sequence(number: u32, length: usize) -> Vec<u32> {
    (0..length as u32).map(|place| 1 + (7 * number + 3 * place + place * place) % (ITEMS - 1)).collect()
}

/// Left-padded rows `[sequences, LENGTH]` of the latest items.
fn padded(sequences: &[Vec<u32>]) -> Tensor {
    let mut rows = Vec::new();
    for items in sequences {
        let latest = &items[items.len().saturating_sub(LENGTH)..];
        rows.extend(std::iter::repeat_n(0_i64, LENGTH - latest.len()));
        rows.extend(latest.iter().map(|&item| i64::from(item)));
    }
    Tensor::from_slice(&rows).view([-1, LENGTH as i64])
}

/// `[targets, 3]` the row, the place in it, and the item that is to be found there.
fn targets(samples: &[Sample]) -> Tensor {
    let of = |(row, sample): (i64, &Sample)| {
        let start = (LENGTH - sample.items.len()) as i64;
        let at = sample.at.iter().zip(&sample.targets);
        at.map(|(&at, &item)| [row, start + i64::from(at), i64::from(item)]).collect::<Vec<_>>()
    };
    let rows: Vec<i64> = (0..).zip(samples).flat_map(of).flatten().collect();
    Tensor::from_slice(&rows).view([-1, 3])
}

/// The names of a model's weights, in the order of the network's.
fn names<M: Model>(parameters: &M::Parameters) -> Vec<String> {
    use crate::parameters::ModelParameters as _;
    let mut store = Store::random(stream(SEED, Purpose::Weights, 0), Device::Cpu);
    drop(store.table(ITEMS as usize + M::EXTRA_ROWS, parameters.shared().dim, M::EXTRA_COLUMNS).unwrap());
    drop(M::build(parameters, &mut store).unwrap());
    store.into_weights().into_iter().map(|(name, _)| name).collect()
}

/// Weights that none of a model's parts is indifferent to.
fn drawn(first: &[Tensor]) -> Vec<Tensor> {
    tch::manual_seed(11);
    first.iter().map(|weight| weight + weight.randn_like() * 0.2).collect()
}

/// Writes what our model makes of the samples, and asks the script what its peer makes of them.
fn compare<M: Model>(python: &str, peer: &str, parameters: &M::Parameters, samples: &[Sample], histories: &[Vec<u32>]) {
    let mut network = Network::<M>::new(parameters, ITEMS as usize, SEED, Device::Cpu).unwrap();
    let names = names::<M>(parameters);
    let weights = drawn(&network.copy_weights().unwrap());
    network.set_weights(&weights).unwrap();
    let known: Vec<&[u32]> = histories.iter().map(Vec::as_slice).collect();
    let mut scores = vec![0.0; known.len() * ITEMS as usize];
    network.scores(&known, &[], &mut scores).unwrap();

    let loss = network.accumulate(samples, &Negatives::All).unwrap();
    let gradients: Vec<Tensor> = network.gradients().iter().map(Tensor::copy).collect();
    network.step(samples, &Negatives::All).unwrap();
    let after = network.copy_weights().unwrap();

    let sequences: Vec<Vec<u32>> = samples.iter().map(|sample| sample.items.clone()).collect();
    let mut tensors = vec![
        ("sequences".to_owned(), padded(&sequences)),
        ("targets".to_owned(), targets(samples)),
        ("histories".to_owned(), padded(histories)),
        ("scores".to_owned(), Tensor::from_slice(&scores).view([-1, i64::from(ITEMS)])),
        ("loss".to_owned(), Tensor::from_slice(&[loss]).to_kind(Kind::Float)),
    ];
    for (kind, values) in [("weight", &weights), ("gradient", &gradients), ("after", &after)] {
        tensors.extend(names.iter().zip(values).map(|(name, value)| (format!("{kind}.{name}"), value.shallow_clone())));
    }
    let folder = tempfile::tempdir().unwrap();
    let case = folder.path().join("case.safetensors");
    nn::safetensors_file::write(&case, &tensors).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recbole_peer.py");
    let output = Command::new(python).arg(script).arg(peer).arg(&case).output().unwrap();
    assert!(output.status.success(), "{peer}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let answer: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    eprintln!("{peer}: {answer}");
    for quantity in ["scores", "loss", "gradients", "step"] {
        let difference = answer[quantity].as_f64().unwrap();
        assert!(difference < TOLERANCE, "{peer}: {quantity} differ by {difference:e}");
    }
    assert_eq!(answer["weights"], names.len(), "every weight is compared");
    assert!(answer["compared_of_step"].as_f64().unwrap() > 0.8, "{peer}: most weights have a gradient");
}

/// Histories of all lengths, two of them longer than the window.
fn histories() -> Vec<Vec<u32>> {
    (1..=LENGTH as u32 + 2).map(|length| sequence(length, length as usize)).collect()
}

#[test]
fn sasrec_computes_and_learns_as_that_of_recbole() {
    let Some(python) = python() else { return };
    let parameters = SasrecParameters {
        dim: 16,
        layers: 2,
        heads: 2,
        inner: 24,
        dropout: 0.0,
        max_length: LENGTH,
        learning_rate: 1e-3,
        ..Default::default()
    };
    let sample = |number: u32| {
        let items = sequence(number, 2 + number as usize % (LENGTH - 1));
        let target = |place: usize| items.get(place + 1).copied().unwrap_or(1 + number);
        let targets = (0..items.len()).map(target).collect();
        Sample { at: (0..items.len() as u32).collect(), targets, items }
    };
    let samples: Vec<Sample> = (0..11).map(sample).collect();
    compare::<SasrecModel>(&python, "sasrec", &parameters, &samples, &histories());
}

#[test]
fn bert4rec_computes_and_learns_as_that_of_recbole() {
    let Some(python) = python() else { return };
    let parameters = Bert4recParameters {
        dim: 16,
        layers: 2,
        heads: 2,
        inner: 24,
        dropout: 0.0,
        max_length: LENGTH,
        learning_rate: 1e-3,
        ..Default::default()
    };
    let sample = |number: u32| {
        // RecBole takes a target at place 0 for padding.
        let mut items = sequence(number, 3 + number as usize % (LENGTH - 3));
        let last = items.len() as u32 - 1;
        let at = if number.is_multiple_of(2) { vec![last] } else { vec![1, last] };
        let targets = at.iter().map(|&at| std::mem::replace(&mut items[at as usize], ITEMS)).collect();
        Sample { items, at, targets }
    };
    let samples: Vec<Sample> = (0..11).map(sample).collect();
    compare::<Bert4recModel>(&python, "bert4rec", &parameters, &samples, &histories());
}

/// Sequences without padding, for padded places of the authors' code have positions that pass through the filters.
#[test]
fn fmlp_computes_and_learns_as_its_equations() {
    let Some(python) = python() else { return };
    let parameters = FmlpParameters {
        dim: 16,
        layers: 2,
        inner: 64,
        dropout: 0.0,
        max_length: LENGTH,
        learning_rate: 1e-3,
        ..Default::default()
    };
    let last = LENGTH as u32 - 1;
    let sample = |number: u32| Sample { items: sequence(number, LENGTH), at: vec![last], targets: vec![1 + number] };
    let samples: Vec<Sample> = (0..11).map(sample).collect();
    let full: Vec<Vec<u32>> = (0..6).map(|number| sequence(number, LENGTH)).collect();
    compare::<FmlpModel>(&python, "fmlp", &parameters, &samples, &full);
    match std::env::var("PIPE_FMLP_REC") {
        Ok(_) => compare::<FmlpModel>(&python, "fmlp-authors", &parameters, &samples, &full),
        Err(_) => eprintln!("the authors' code was not compared: PIPE_FMLP_REC may name a checkout of it"),
    }
}

//! Loss, gradients and a step of Adam are those of an independent implementation in PyTorch, `tests/reference.py`.
//!
//! `PIPE_REFERENCE_PYTHON` names a Python that has PyTorch; without it `python3` is tried.

use super::*;
use crate::adam::Adam;
use crate::parameters::{ContrastMean, Initialisation, Sampling};
use crate::sampler::Sampler;
use crate::weights::{Shapes, Weights};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SHAPES: Shapes = Shapes { users: 40, items: 30, dim: 32, intents: 12 };
const LEARNING_RATE: f32 = 1e-3;
/// The largest difference, divided by the largest number of the matrix.
const TOLERANCE: f64 = 1e-5;

/// The form of the paper, and that of the library.
fn objectives() -> [(&'static str, Objective); 2] {
    let parameters = Parameters { dim: SHAPES.dim, intents: SHAPES.intents, ..Default::default() };
    let paper = Objective::of(&parameters, parameters.embedding_decay);
    let library = Objective {
        embedding_decay: 0.0,
        intent_decay: 0.0,
        weight_decay: 1e-4,
        contrast_weight: 1e-2,
        contrast_mean: ContrastMean::Users,
        temperature: 0.2,
        ..paper
    };
    [("paper", paper), ("library", library)]
}

/// `[users]` random items; user 3 and the last item are in no pair.
fn positives(rng: &mut ChaCha8Rng) -> Vec<Vec<u32>> {
    let mut of_user = |user| {
        let count = if user == 3 { 0 } else { rng.random_range(1..9) };
        (0..count).map(|_| rng.random_range(0..SHAPES.items as u32 - 1)).collect()
    };
    (0..SHAPES.users).map(&mut of_user).collect()
}

/// A Python with PyTorch, or `None` with a printed reason.
fn python() -> Option<String> {
    let named = std::env::var("PIPE_REFERENCE_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    match Command::new(&python).args(["-c", "import torch; print(torch.__version__)"]).output() {
        Ok(output) if output.status.success() => {
            eprintln!("PyTorch {}", String::from_utf8_lossy(&output.stdout).trim());
            Some(python)
        }
        _ if named.is_some() => panic!("PIPE_REFERENCE_PYTHON is {python}, which has no PyTorch"),
        _ => {
            eprintln!("skipped: {python} has no PyTorch; PIPE_REFERENCE_PYTHON may name a Python that has it");
            None
        }
    }
}

fn ask(python: &str, request: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference.py");
    let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn named(weights: &Weights) -> [(&'static str, &[f32], usize); 3] {
    [
        ("nodes", &weights.nodes, SHAPES.dim),
        ("user_intents", &weights.user_intents, SHAPES.intents),
        ("item_intents", &weights.item_intents, SHAPES.intents),
    ]
}

fn rows(weights: &Weights) -> Value {
    let matrix = |(name, values, columns): (&str, &[f32], usize)| {
        (name.to_owned(), values.chunks_exact(columns).map(|row| json!(row)).collect::<Value>())
    };
    named(weights).into_iter().map(matrix).collect()
}

/// The largest difference from `expected`, divided by its largest number in each matrix.
fn difference(found: &Weights, expected: &Value) -> f64 {
    let of_matrix = |(name, values, _): (&str, &[f32], usize)| {
        let expected: Vec<Vec<f64>> = serde_json::from_value(expected[name].clone()).unwrap();
        let expected = expected.concat();
        assert_eq!(values.len(), expected.len());
        let largest = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let differences = values.iter().zip(&expected).map(|(found, expected)| (f64::from(*found) - expected).abs());
        differences.fold(0.0_f64, f64::max) / largest
    };
    named(found).into_iter().map(of_matrix).fold(0.0, f64::max)
}

fn request(objective: &Objective, positives: &[Vec<u32>], weights: &Weights, batch: &sampler::Batch) -> Value {
    let pairs: Vec<[u32; 2]> =
        (0..).zip(positives).flat_map(|(user, items)| items.iter().map(move |&item| [user, item])).collect();
    json!({
        "users": SHAPES.users,
        "items": SHAPES.items,
        "pairs": pairs,
        "settings": {
            "layers": objective.layers,
            "learning_rate": LEARNING_RATE,
            "embedding_decay": objective.embedding_decay,
            "intent_decay": objective.intent_decay,
            "weight_decay": objective.weight_decay,
            "contrast_weight": objective.contrast_weight,
            "contrast_mean": objective.contrast_mean,
            "temperature": objective.temperature,
        },
        "weights": rows(weights),
        "batch": { "users": batch.users, "positives": batch.positives, "negatives": batch.negatives },
    })
}

#[test]
fn a_training_step_is_that_of_pytorch() {
    let Some(python) = python() else { return };
    for (seed, (name, objective)) in (1..).zip(objectives()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let positives = positives(&mut rng);
        let graph = Graph::new(&positives, SHAPES.items);
        let mut weights = Weights::random(SHAPES, Initialisation::XavierUniform, &mut rng);
        let batch = Sampler::new(&positives, SHAPES.items, Sampling::Users).epoch(64, &mut rng).next().unwrap();
        let expected = ask(&python, &request(&objective, &positives, &weights, &batch));

        let (terms, gradient) = objective.loss_and_gradient(&graph, &weights, &batch).unwrap();
        Adam::new(&weights, LEARNING_RATE).step(&mut weights, &gradient);
        let loss = expected["loss"].as_f64().unwrap();
        let differences = [
            ("the loss", (terms.total() - loss).abs() / loss),
            ("the gradients", difference(&gradient, &expected["gradients"])),
            ("the weights after a step", difference(&weights, &expected["weights"])),
        ];
        eprintln!("{name}: {differences:?}");
        for (quantity, difference) in differences {
            assert!(difference <= TOLERANCE, "{name}: {quantity} differ by {difference:e}");
        }
    }
}

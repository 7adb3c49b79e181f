//! The form of tensors has the loss, the gradient and the steps of the form of rows.

use super::*;
use crate::adam::Adam;
use crate::parameters::{ContrastMean, Initialisation, Sampling};
use crate::sampler::Sampler;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

const USERS: usize = 700;
const ITEMS: usize = 310;
const RATE: f32 = 1e-3;

fn objective() -> Objective {
    Objective {
        dim: 32,
        layers: 2,
        embedding_decay: 2.5e-3,
        intent_decay: 5e-3,
        weight_decay: 1e-4,
        contrast_weight: 0.1,
        contrast_mean: ContrastMean::Users,
        temperature: 0.5,
    }
}

/// Users with up to seven items; user 3 and the last item are in no pair.
fn positives() -> Vec<Vec<u32>> {
    let items = |user: usize| (0..user % 8).map(move |n| ((user * 31 + n * n * 17) % (ITEMS - 1)) as u32);
    (0..USERS).map(|user| if user == 3 { Vec::new() } else { items(user).collect() }).collect()
}

fn assert_close(found: &[f32], expected: &[f32], quantity: &str) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= 1e-5 * largest, "{quantity} at {place}: {found} instead of {expected}");
    }
}

#[test]
fn loss_and_gradient_equal_those_of_rows() {
    let (positives, objective) = (positives(), objective());
    let graph = Graph::new(&positives, ITEMS);
    let sampler = Sampler::new(&positives, ITEMS, Sampling::Pairs);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let shapes = Shapes { users: USERS, items: ITEMS, dim: 32, intents: 16 };
    let weights = Weights::random(shapes, Initialisation::XavierUniform, &mut rng);
    // More rows than one block of similarities has.
    let batch = sampler.epoch(2_000, &mut rng).next().unwrap();
    let (terms, gradient) = objective.loss_and_gradient(&graph, &weights, &batch).unwrap();
    let model = TensorModel::new(&graph, &objective, &weights, RATE, Device::Cpu).unwrap();
    let found = model.backward(&batch).unwrap();
    let pairs = [
        (found.bpr, terms.bpr),
        (found.embedding_decay, terms.embedding_decay),
        (found.intent_decay, terms.intent_decay),
        (found.weight_decay, terms.weight_decay),
        (found.contrast, terms.contrast),
    ];
    for (found, expected) in pairs {
        assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{found} instead of {expected}");
    }
    assert_close(&values(&model.nodes.grad()).unwrap(), &gradient.nodes, "nodes");
    assert_close(&values(&model.user_intents.grad()).unwrap(), &gradient.user_intents, "user intents");
    assert_close(&values(&model.item_intents.grad()).unwrap(), &gradient.item_intents, "item intents");
    let (_, sum) = objective.forward(&graph, &weights).unwrap();
    assert_close(&model.embeddings().unwrap(), &sum, "embeddings");
}

#[test]
fn a_step_of_adam_equals_that_of_rows() {
    let (positives, objective) = (positives(), objective());
    let graph = Graph::new(&positives, ITEMS);
    let sampler = Sampler::new(&positives, ITEMS, Sampling::Users);
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let shapes = Shapes { users: USERS, items: ITEMS, dim: 32, intents: 16 };
    let mut weights = Weights::random(shapes, Initialisation::XavierNormal, &mut rng);
    let batch = sampler.epoch(1_000, &mut rng).next().unwrap();
    let mut model = TensorModel::new(&graph, &objective, &weights, RATE, Device::Cpu).unwrap();
    model.step(&batch).unwrap();
    let (_, gradient) = objective.loss_and_gradient(&graph, &weights, &batch).unwrap();
    let before = weights.clone();
    Adam::new(&weights, RATE).step(&mut weights, &gradient);
    let found = model.weights().unwrap();
    // Adam's first step only has the gradient's sign, so rows that the batch barely touches may differ by more.
    let (mut far, mut moved) = (0, 0);
    for ((found, expected), before) in found.nodes.iter().zip(&weights.nodes).zip(&before.nodes) {
        moved += usize::from(expected != before);
        far += usize::from((found - expected).abs() > 0.02 * RATE);
    }
    assert!(moved > found.nodes.len() / 2 && far * 1_000 < moved, "{far} of {moved} differ");
}

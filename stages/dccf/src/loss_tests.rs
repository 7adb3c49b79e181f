//! The hand-written gradient against the automatic one of the plain formula.

use super::*;
use crate::matrix::{tensor, values};
use crate::parameters::Initialisation;
use crate::weights::Shapes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tch::{Kind, Tensor};

const DIM: usize = 5;

const OBJECTIVE: Objective = Objective {
    dim: DIM,
    layers: 2,
    embedding_decay: 0.01,
    intent_decay: 0.02,
    weight_decay: 0.03,
    contrast_weight: 0.3,
    contrast_mean: ContrastMean::Users,
    temperature: 0.7,
};

/// The propagation matrix with these weights `[n, n]`, its rows divided by their sums; rows of zeros stay zero.
fn by_row(weights: &Tensor) -> Tensor {
    let sums = weights.sum_dim_intlist([1_i64].as_slice(), true, Kind::Double);
    weights / sums.where_self(&sums.gt(0.0), &Tensor::ones_like(&sums))
}

fn unit(rows: &Tensor) -> Tensor {
    let squares = (rows * rows).sum_dim_intlist([1_i64].as_slice(), true, Kind::Double);
    // Rows of isolated nodes are zero, where a root has no gradient.
    rows / squares.where_self(&squares.gt(0.0), &Tensor::ones_like(&squares)).sqrt()
}

fn random(users: usize, items: usize, intents: usize, seed: u64) -> Weights {
    let shapes = Shapes { users, items, dim: DIM, intents };
    Weights::random(shapes, Initialisation::XavierNormal, &mut ChaCha8Rng::seed_from_u64(seed))
}

fn info_nce(p: &Tensor, q: &Tensor, temperature: f64) -> Tensor {
    let logits = unit(p).matmul(&unit(q).transpose(0, 1)) / temperature;
    -logits.log_softmax(1, Kind::Double).diagonal(0, 0, 1).mean(Kind::Double)
}

fn indices(numbers: &[u32], offset: usize) -> Tensor {
    Tensor::from_slice(&numbers.iter().map(|&number| i64::from(number) + offset as i64).collect::<Vec<_>>())
}

/// The loss as written in the crate's documentation, dense and in double precision.
fn plain(objective: &Objective, adjacency: &Tensor, weights: &[Tensor; 3], batch: &Batch, users: usize) -> Tensor {
    let [nodes, user_intents, item_intents] = weights;
    let degrees = adjacency.sum_dim_intlist([1_i64].as_slice(), true, Kind::Double);
    let root = degrees.clamp_min(1.0).sqrt().reciprocal();
    let graph = adjacency * &root * root.transpose(0, 1);
    let items = nodes.size()[0] - users as i64;
    let mix = |x: &Tensor, c: &Tensor| x.matmul(c).softmax(1, Kind::Double).matmul(&c.transpose(0, 1));
    let sides = contrasted(&Graph::new(&vec![vec![]; users], items as usize), batch)
        .map(|side| Tensor::from_slice(&side.iter().map(|&node| node as i64).collect::<Vec<_>>()));

    let (mut x, mut sum, mut contrast) = (nodes.shallow_clone(), nodes * 1.0, Tensor::from(0.0));
    for _ in 0..objective.layers {
        let z = graph.matmul(&x);
        let user_h = mix(&x.narrow(0, 0, users as i64), user_intents);
        let h = Tensor::cat(&[user_h, mix(&x.narrow(0, users as i64, items), item_intents)], 0);
        let adaptive = |view: &Tensor| {
            let cosine = unit(view).matmul(&unit(view).transpose(0, 1));
            by_row(&(adjacency * (cosine + 1.0) / 2.0)).matmul(&x)
        };
        let (b, t) = (adaptive(&z), adaptive(&h));
        for side in &sides {
            // The items' terms are divided by the number of users.
            let weight = side.size()[0] as f64 / sides[0].size()[0] as f64;
            for view in [&h, &b, &t] {
                let nce = info_nce(&z.index_select(0, side), &view.index_select(0, side), objective.temperature);
                contrast += nce * weight;
            }
        }
        x = z + h + b + t + x;
        sum += &x;
    }
    let columns = [indices(&batch.users, 0), indices(&batch.positives, users), indices(&batch.negatives, users)];
    let [user, positive, negative] = columns.each_ref().map(|column| sum.index_select(0, column));
    let margin = (user * (negative - positive)).sum_dim_intlist([1_i64].as_slice(), false, Kind::Double);
    let norms: Tensor = columns.iter().map(|column| nodes.index_select(0, column).square().sum(Kind::Double)).sum();
    let all: Tensor = weights.iter().map(|matrix| matrix.square().sum(Kind::Double)).sum();
    let intents = user_intents.square().sum(Kind::Double) + item_intents.square().sum(Kind::Double);
    margin.softplus().mean(Kind::Double)
        + norms * f64::from(objective.embedding_decay)
        + intents * f64::from(objective.intent_decay)
        + all * f64::from(objective.weight_decay)
        + contrast * f64::from(objective.contrast_weight)
}

fn assert_gradient_is_the_automatic_one(positives: &[Vec<u32>], items: usize, batch: &Batch) {
    let users = positives.len();
    let graph = Graph::new(positives, items);
    let mut weights = random(users, items, 4, 3);
    weights.nodes.iter_mut().for_each(|value| *value *= 2.0);
    let (terms, gradient) = OBJECTIVE.loss_and_gradient(&graph, &weights, batch).unwrap();

    let mut adjacency = vec![0.0_f64; (users + items) * (users + items)];
    for node in 0..users + items {
        for &other in graph.neighbours(node) {
            adjacency[node * (users + items) + other as usize] = 1.0;
        }
    }
    let adjacency = Tensor::from_slice(&adjacency).view([(users + items) as i64, -1]);
    let leaves = [(&weights.nodes, DIM), (&weights.user_intents, 4), (&weights.item_intents, 4)]
        .map(|(matrix, columns)| tensor(matrix, columns).unwrap().to_kind(Kind::Double).set_requires_grad(true));
    let loss = plain(&OBJECTIVE, &adjacency, &leaves, batch, users);
    loss.backward();

    let expected = loss.double_value(&[]);
    assert!((terms.total() - expected).abs() < 1e-5 * expected, "loss {} instead of {expected}", terms.total());
    let found = [&gradient.nodes, &gradient.user_intents, &gradient.item_intents];
    for (leaf, found) in leaves.iter().zip(found) {
        let expected = values(&leaf.grad()).unwrap();
        let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1e-4 * largest, "at {place}: {found} instead of {expected}");
        }
    }
}

#[test]
fn gradient_is_the_automatic_one_of_the_plain_formula() {
    let positives = [vec![0, 1, 4], vec![1, 2], vec![0, 2, 3], vec![4, 3, 1, 0]];
    let batch = Batch { users: vec![0, 1, 1, 3, 2], positives: vec![1, 2, 2, 0, 3], negatives: vec![2, 0, 4, 2, 1] };
    assert_gradient_is_the_automatic_one(&positives, 5, &batch);
}

#[test]
fn isolated_nodes_have_finite_gradients_too() {
    // User 1 and items 3 and 4 have no edge; item 3 is a negative.
    let positives = [vec![0, 1], vec![], vec![1, 2]];
    let batch = Batch { users: vec![0, 2, 2], positives: vec![1, 2, 1], negatives: vec![3, 3, 0] };
    assert_gradient_is_the_automatic_one(&positives, 5, &batch);
}

#[test]
fn contrast_in_several_blocks_is_the_contrast_in_one() {
    let weights = random(600, 600, 2, 5);
    let (p, q) = weights.nodes.split_at(600 * DIM);
    let (p, q) = (Units::of(p, DIM).rows, Units::of(q, DIM).rows);
    let found = crate::contrast::info_nce(&p, &q, DIM, 0.5).unwrap();
    let [p, q] = [p, q].map(|rows| tensor(&rows, DIM).unwrap().to_kind(Kind::Double).set_requires_grad(true));
    let logits = p.matmul(&q.transpose(0, 1)) / 0.5;
    let loss = -logits.log_softmax(1, Kind::Double).diagonal(0, 0, 1).mean(Kind::Double);
    loss.backward();
    assert!((found.loss - loss.double_value(&[])).abs() < 1e-5);
    for (found, leaf) in [(found.of_p, p), (found.of_q, q)] {
        let difference = tensor(&found, DIM).unwrap() - leaf.grad();
        assert!(difference.abs().max().double_value(&[]) < 1e-7);
    }
}

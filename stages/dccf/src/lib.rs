//! `dccf`: embeddings of users and items from behaviour alone (Ren et al. 2023, "Disentangled Contrastive
//! Collaborative Filtering"), the collaborative side of the paper's alignment tokenization.
//!
//! With users and items as nodes, `A` the adjacency of the training pairs, `D` its degrees and
//! `G = D^-1/2 A D^-1/2`, each of `layers` layers computes from `X_l` (`X_0` is trained):
//!
//! * `Z = G X_l`, the graph view;
//! * `H = softmax(X_l C) Cᵀ`, the intent view, with intents `C_u` for users and `C_i` for items, both trained;
//! * `B = M_Z X_l` and `T = M_H X_l`, the adaptive views: `M_V` weighs each edge by
//!   `a(h,t) = (cos(V_h, V_t) + 1) / 2`, normalised by row;
//! * `X_(l+1) = Z + H + B + T + X_l`.
//!
//! The final embeddings are `F = Σ_l X_l`; a score is `F_u · F_i`, and `F_i` is the embedding of item i.
//!
//! The loss of a batch of triples (user u, positive i, negative j) is the mean of `softplus(F_u·F_j − F_u·F_i)`, plus
//! `embedding_decay × Σ` of the squared norms of the triples' rows of `X_0`, plus `intent_decay ×` the squared norms of
//! `C_u` and `C_i`, plus `contrast_weight × Σ [N(Z,H) + N(Z,B) + N(Z,T)]` over layers, on the batch's unique users and on
//! its unique positive items, where N is InfoNCE with rows of length 1. Adam takes the steps.
//!
//! On the CPU forward and backward are written by hand over compressed sparse rows; dense products go through libtorch in
//! blocks of rows. They run in parallel over disjoint rows and with sums in a fixed order, so results do not depend on the
//! number of threads. On a GPU the same loss is made of libtorch's operations ([`tensors`]).

mod adam;
mod contrast;
mod graph;
mod intent;
mod layer;
mod loss;
mod matrix;
mod model;
mod parameters;
mod propagation;
mod ranking;
mod sampler;
mod tensors;
mod train;
mod vectors;
mod weights;

pub use parameters::Parameters;

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Embeddings, EmbeddingsOf, Interactions, Split, kinds, write_json};
use graph::Graph;
use loss::Objective;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use ranking::FinalEmbeddings;
use recommender::Validation;
use sampler::Sampler;
use serde::Serialize;
use tch::Device;
use train::{Epoch, Evaluation, Schedule, Trained, Training};
use weights::{Shapes, Weights};

/// The stage `dccf`.
#[derive(Debug)]
pub struct Dccf;

#[derive(Debug, Serialize)]
struct Report {
    users: usize,
    items: usize,
    training_pairs: usize,
    users_without_training_items: usize,
    items_without_training_users: usize,
    steps: usize,
    epochs: Vec<Epoch>,
    /// Absent where no item is held out for validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<ValidationReport>,
}

#[derive(Debug, Serialize)]
struct ValidationReport {
    /// The k of `NDCG@k`.
    k: usize,
    /// The epoch whose weights were kept.
    chosen_epoch: usize,
    evaluations: Vec<Evaluation>,
}

impl Stage for Dccf {
    const NAME: &'static str = "dccf";
    const ABOUT: &'static str = "Learns embeddings of users and items from behaviour, and ranks items by them.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![InputPort::required(
            "interactions",
            kinds::INTERACTIONS,
            "Who interacted with what; training rows are learned.",
        )]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new("items", kinds::ITEM_EMBEDDINGS, "`embeddings.safetensors`: `items` [items, dim]."),
            OutputPort::new("users", kinds::USER_EMBEDDINGS, "`embeddings.safetensors`: `users` [users, dim]."),
            OutputPort::new(
                "rankings",
                kinds::RANKINGS,
                "`rankings.parquet`: the top_k items of each user with a test item.",
            ),
            OutputPort::new(
                "report",
                kinds::REPORT,
                "`report.json`: sizes, the loss of each epoch, and the NDCG of validation items.",
            ),
        ]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        parameters.check()?;
        let device = nn::start(context)?;
        // Blocks are spread over our own threads; a second level inside libtorch would only contend with them.
        let pool = nn::thread_pool(context)?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        pool.install(|| run(&parameters, context, &interactions, device))
    }
}

fn run(parameters: &Parameters, context: &Context, interactions: &Interactions, device: Device) -> Result<()> {
    let positives = interactions.sequences(&[Split::Train]);
    let items = interactions.dataset.items;
    let graph = Graph::new(&positives, items);
    let sampler = Sampler::new(&positives, items, parameters.sampling);
    if sampler.is_empty() {
        return Err(Failure::new(
            FailureKind::NothingUsable,
            format!("none of {} users has both a training item and an item that is not one", positives.len()),
        )
        .hint("give more interactions, or another holdout"));
    }
    let objective = Objective::of(parameters);
    let validation = Validation::of(interactions, parameters.top_k);
    let training = Training {
        graph: &graph,
        sampler: &sampler,
        objective: &objective,
        validation: validation.as_ref(),
        schedule: Schedule::of(parameters),
        device,
    };
    let shapes = Shapes { users: graph.users, items, dim: parameters.dim, intents: parameters.intents };
    let mut rng = ChaCha8Rng::seed_from_u64(context.seed());
    let weights = Weights::random(shapes, parameters.initialisation, &mut rng);
    let trained = training.run(weights, &mut rng, context)?;
    let (_, sum) = objective.forward(&graph, &trained.weights)?;
    let dim = parameters.dim;
    let (users, items) = sum.split_at(graph.users * dim);
    let write = |port: &str, values: &[f32], of: EmbeddingsOf| {
        let embeddings = Embeddings { dim, values: values.to_vec() };
        embeddings.write(context.output(port), of, None).map_err(|failure| match failure.kind {
            FailureKind::Diverged => failure.hint(format!("take a learning_rate below {}", parameters.learning_rate)),
            _ => failure,
        })
    };
    write("users", users, EmbeddingsOf::Users)?;
    write("items", items, EmbeddingsOf::Items)?;
    let embeddings = FinalEmbeddings { dim, users, items };
    let tested = recommender::tested_users(interactions)?;
    recommender::rank(&embeddings, &tested, &interactions.before_test(), parameters.top_k)?
        .write(context.output("rankings"))?;
    write_json(context.output("report"), "report.json", &report(&graph, &sampler, trained, parameters.top_k))
}

fn report(graph: &Graph, sampler: &Sampler, trained: Trained, k: usize) -> Report {
    let Trained { epochs, steps, evaluations, chosen: chosen_epoch, .. } = trained;
    Report {
        users: graph.users,
        items: graph.items,
        training_pairs: sampler.pairs(),
        users_without_training_items: (0..graph.users).filter(|&user| graph.neighbours(user).is_empty()).count(),
        items_without_training_users: (graph.users..graph.nodes())
            .filter(|&node| graph.neighbours(node).is_empty())
            .count(),
        steps,
        epochs,
        validation: (!evaluations.is_empty()).then_some(ValidationReport { k, chosen_epoch, evaluations }),
    }
}

impl Objective {
    fn of(parameters: &Parameters) -> Self {
        Self {
            dim: parameters.dim,
            layers: parameters.layers,
            embedding_decay: parameters.embedding_decay as f32,
            intent_decay: parameters.intent_decay as f32,
            weight_decay: parameters.weight_decay as f32,
            contrast_weight: parameters.contrast_weight as f32,
            contrast_mean: parameters.contrast_mean,
            temperature: parameters.temperature,
        }
    }
}

impl Schedule {
    fn of(parameters: &Parameters) -> Self {
        Self {
            epochs: parameters.epochs,
            batch: parameters.batch,
            learning_rate: parameters.learning_rate as f32,
            evaluate_every: parameters.evaluate_every,
            patience: parameters.patience,
        }
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "reference_tests.rs"]
mod reference;

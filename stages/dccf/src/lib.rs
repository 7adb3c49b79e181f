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
mod choice;
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

use choice::{Choice, Trainer};
use contract::{Context, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Embeddings, EmbeddingsOf, Interactions, Split, kinds, write_json};
use graph::Graph;
use loss::Objective;
use ranking::FinalEmbeddings;
use serde::Serialize;
use std::ops::Range;
use tch::Device;
use train::{Epoch, Trained};

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
    /// How the decay and the number of epochs were chosen; absent where they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<Choice>,
    steps: usize,
    /// Of the training whose weights were kept.
    epochs: Vec<Epoch>,
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
                "`report.json`: sizes, the loss of each epoch, and how the decay and the number of epochs were chosen.",
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
    let (trained, choice) = Trainer { parameters, context, device }.run(interactions)?;
    let positives = interactions.sequences(&[Split::Train]);
    let graph = Graph::new(&positives, interactions.dataset.items);
    let (_, sum) = Objective::of(parameters, parameters.embedding_decay).forward(&graph, &trained.weights)?;
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
    write_json(
        context.output("report"),
        "report.json",
        &report(&graph, positives.iter().map(Vec::len).sum(), trained, choice),
    )
}

fn report(graph: &Graph, training_pairs: usize, trained: Trained, choice: Option<Choice>) -> Report {
    let isolated = |nodes: Range<usize>| nodes.filter(|&node| graph.neighbours(node).is_empty()).count();
    Report {
        users: graph.users,
        items: graph.items,
        training_pairs,
        users_without_training_items: isolated(0..graph.users),
        items_without_training_users: isolated(graph.users..graph.nodes()),
        choice,
        steps: trained.steps,
        epochs: trained.epochs,
    }
}

impl Objective {
    fn of(parameters: &Parameters, embedding_decay: f64) -> Self {
        Self {
            dim: parameters.dim,
            layers: parameters.layers,
            embedding_decay: embedding_decay as f32,
            intent_decay: parameters.intent_decay as f32,
            weight_decay: parameters.weight_decay as f32,
            contrast_weight: parameters.contrast_weight as f32,
            contrast_mean: parameters.contrast_mean,
            temperature: parameters.temperature,
        }
    }
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "reference_tests.rs"]
mod reference;

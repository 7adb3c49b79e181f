//! `cooccurrence`: embeddings of items from the company that they keep in users' sequences.
//!
//! 1. `c_ij`: how often two items stand within `window` steps of each other in training sequences, each time counted by
//!    1 / distance;
//! 2. `M_ij = max(0, ln( c_ij Σ_k n_k^s / (n_i n_j^s) ))`, the positive pointwise mutual information;
//! 3. `M ≈ U Σ Vᵀ`, its largest `dim` singular values, or all of fewer; the embedding of item i is row i of `U Σ^power`.
//!
//! What word vectors trained by prediction factorise implicitly, this does in the open (Levy & Goldberg 2014). It needs
//! no training and, unlike a graph of users and items, it knows the order of a sequence. An item that was near no other
//! has a row of zeros.

mod association;
mod counts;
mod decomposition;
#[cfg(test)]
mod tests;

pub use counts::{SparseRows, windowed_counts};

use association::positive_information;
use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use decomposition::decompose;
use frames::{Embeddings, EmbeddingsOf, Interactions, Split, kinds, write_json};
use nn::failed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use recommender::hold_out_last_training_item;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// The stage `cooccurrence`.
#[derive(Debug)]
pub struct Cooccurrence;

/// Parameters of `cooccurrence`. Defaults are those that Levy, Goldberg & Dagan (2015) found best for words.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Length of an embedding; of fewer items it is their number, for they have no more singular values.
    #[schemars(range(min = 1))]
    pub dim: usize,
    /// How many steps apart two items of a sequence may stand to count as near.
    #[schemars(range(min = 1))]
    pub window: usize,
    /// The power s of the frequency of contexts; below 1 it raises that of rare ones.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub smoothing: f64,
    /// The power of the singular values in the embedding.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub power: f64,
    /// Subspace iterations.
    pub iterations: usize,
    /// Whether each user's last training item is left out, so that what is learned from these embeddings can be validated on it.
    /// Where `ingest` holds out validation items they are left out anyway.
    pub hold_out: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { dim: 64, window: 5, smoothing: 0.75, power: 0.5, iterations: 10, hold_out: false }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    items: usize,
    /// Items that were near no other, whose embeddings are zeros.
    items_alone: usize,
    /// Pairs with positive information.
    pairs: usize,
    /// The ratio of the sum of squares of the matrix that the embeddings keep.
    explained: f64,
    singular_values: Vec<f32>,
}

impl Stage for Cooccurrence {
    const NAME: &'static str = "cooccurrence";
    const ABOUT: &'static str = "Embeds items by which others stand near them in users' sequences.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![InputPort::required("interactions", kinds::INTERACTIONS, "Who interacted with what; training rows count.")]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new("items", kinds::ITEM_EMBEDDINGS, "`embeddings.safetensors`: `items` [items, dim]."),
            OutputPort::new(
                "report",
                kinds::REPORT,
                "`report.json`: sizes, singular values, the ratio of the variance that they explain.",
            ),
        ]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        // Rows are spread over our own threads; a second level inside libtorch would only contend with them.
        let pool = nn::thread_pool(context)?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        parameters.check()?;
        let holds_out = parameters.hold_out && !interactions.split.contains(&Split::Validation);
        let interactions = if holds_out { hold_out_last_training_item(&interactions) } else { interactions };
        pool.install(|| run(&parameters, context, &interactions))
    }
}

impl Parameters {
    fn check(&self) -> Result<()> {
        let conflict = |message: String, hint: &str| Err(Failure::new(FailureKind::Conflict, message).hint(hint));
        if self.dim == 0 {
            return conflict("dim is 0, expected at least 1".to_owned(), "64 is usual");
        }
        if self.window == 0 {
            return conflict("window is 0, expected at least 1".to_owned(), "5 is usual");
        }
        for (name, value) in [("smoothing", self.smoothing), ("power", self.power)] {
            if !(0.0..=1.0).contains(&value) {
                return conflict(format!("{name} is {value}, expected 0 to 1"), "leave it out for the default");
            }
        }
        Ok(())
    }
}

fn run(parameters: &Parameters, context: &Context, interactions: &Interactions) -> Result<()> {
    let items = interactions.dataset.items;
    let counts = windowed_counts(&interactions.sequences(&[Split::Train]), items, parameters.window);
    let matrix = positive_information(&counts, parameters.smoothing);
    let pairs = matrix.iter().map(Vec::len).sum();
    if pairs == 0 {
        let message = format!("none of {items} items stands near another in a training sequence");
        return Err(
            Failure::new(FailureKind::NothingUsable, message).hint("give more interactions, or another holdout")
        );
    }
    let dim = parameters.dim.min(items);
    let found = decompose(&matrix, dim, parameters.iterations, &mut ChaCha8Rng::seed_from_u64(context.seed()))?;
    let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value).powi(2)).sum::<f64>();
    let report = Report {
        items,
        items_alone: counts.iter().filter(|row| row.is_empty()).count(),
        pairs,
        explained: squares(&mut found.values.iter().copied())
            / squares(&mut matrix.iter().flatten().map(|entry| entry.1)),
        singular_values: found.values.clone(),
    };
    context.log(format!(
        "{pairs} pairs of {items} items, {} of them near no other; {dim} dimensions keep {:.1} % of the squares",
        report.items_alone,
        100.0 * report.explained,
    ));
    let weights: Vec<f32> = found.values.iter().map(|value| value.powf(parameters.power as f32)).collect();
    let embeddings = Tensor::f_from_slice(&weights)
        .and_then(|weights| found.left.f_mul(&weights))
        .map_err(failed("weigh the embeddings"))?;
    let values: Vec<f32> = embeddings
        .f_contiguous()
        .and_then(|embeddings| Vec::try_from(embeddings.f_view(-1)?))
        .map_err(failed("read the embeddings"))?;
    Embeddings { dim, values }.write(context.output("items"), EmbeddingsOf::Items, None)?;
    write_json(context.output("report"), "report.json", &report)
}

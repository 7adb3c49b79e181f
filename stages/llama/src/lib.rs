//! A small language model from nothing, in the Hugging Face layout.
//!
//! The paper tunes LLaMA-7B. Where no checkpoint is at hand, this stage makes a model of the same architecture: a
//! byte-level BPE tokenizer (Sennrich et al., 2016) trained on the corpus, which is the prompt templates of all tasks, the
//! items' texts and the reviews, and a LLaMA whose weights are drawn from a normal distribution with standard deviation 0.02, as
//! `transformers` does. The stages after it see no difference. Its weights know nothing, so the fine-tuning has to
//! train all of them.

mod corpus;
mod folder;
mod vocabulary;

use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use frames::kinds;
use nn::Llama;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};

/// Makes a tokenizer and a small LLaMA.
#[derive(Debug)]
pub struct SmallLlama;

/// The parameters of [`SmallLlama`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The most tokens of the tokenizer; a small corpus fills fewer. 260 are the bytes and the special tokens.
    #[schemars(range(min = 260))]
    pub vocabulary: usize,
    /// Width of the model.
    #[schemars(range(min = 2))]
    pub hidden: i64,
    /// Number of blocks.
    #[schemars(range(min = 1))]
    pub layers: i64,
    /// Attention heads.
    #[schemars(range(min = 1))]
    pub heads: i64,
    /// Heads of keys and values, a divisor of the attention heads.
    #[schemars(range(min = 1))]
    pub kv_heads: i64,
    /// Width inside the feed-forward blocks.
    #[schemars(range(min = 1))]
    pub intermediate: i64,
    /// The longest sequence that the model is meant for, in tokens.
    #[schemars(range(min = 1))]
    pub context_length: i64,
    /// Whether the head is the embedding.
    pub tie_embeddings: bool,
    /// The base of the rotary frequencies.
    #[schemars(range(min = 1.0))]
    pub rope_theta: f64,
    /// The standard deviation of the initial weights.
    #[schemars(range(min = 0.0))]
    pub initializer_range: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            vocabulary: 4096,
            hidden: 128,
            layers: 4,
            heads: 4,
            kv_heads: 4,
            intermediate: 384,
            context_length: 2048,
            tie_embeddings: true,
            rope_theta: 10_000.0,
            initializer_range: 0.02,
        }
    }
}

impl Stage for SmallLlama {
    const NAME: &'static str = "llama";
    const ABOUT: &'static str = "Trains a tokenizer on the corpus and initialises a small LLaMA.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::One;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::optional(
                "items",
                kinds::ITEMS,
                "Titles, descriptions and categories for the tokenizer's corpus.",
            ),
            InputPort::optional("reviews", kinds::REVIEWS, "Reviews for the tokenizer's corpus."),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![OutputPort::new("model", kinds::LANGUAGE_MODEL, "A Hugging Face folder: config, weights and tokenizer.")]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        nn::start(context)?;
        let corpus = corpus::gather(context)?;
        let tokenizer = vocabulary::train(&corpus, parameters.vocabulary)?;
        let tokens = tokenizer.get_vocab_size(true);
        context.log(format!("tokenizer: {tokens} tokens from {} texts", corpus.len()));
        let config = folder::model_config(&parameters, tokens)?;
        // Libtorch draws other numbers on a GPU, and the model should be the same everywhere.
        tch::manual_seed(context.seed().cast_signed());
        let model = Llama::random(config, parameters.initializer_range, Device::Cpu, Kind::Float)?;
        let output = context.output("model");
        model.save(output)?;
        folder::write_tokenizer(output, &tokenizer, parameters.context_length)
    }
}

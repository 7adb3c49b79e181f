//! A small language model, from nothing or of a pretrained one, in the Hugging Face layout.
//!
//! The paper tunes LLaMA-7B. Where no checkpoint is at hand, this stage makes a model of the same architecture: a
//! byte-level BPE tokenizer (Sennrich et al., 2016) trained on the corpus, which is the prompt templates of all tasks, the
//! items' texts and the reviews, and a LLaMA whose weights are drawn from a normal distribution with standard deviation 0.02, as
//! `transformers` does. The stages after it see no difference. Its weights know nothing, so the fine-tuning has to
//! train all of them.
//!
//! With `base` the model is a pretrained one with its tokenizer, and `layers = N` keeps its first N blocks and the final norm, so that
//! a small machine can tune it. With `pretrain_epochs` either is first trained on the texts of items and reviews: the loss is the mean of
//! −log p(token | tokens before it in a window of `pretrain_length` tokens).

mod corpus;
mod folder;
mod pretraining;
#[cfg(test)]
mod stage_tests;
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
    /// Whether the model is `base`, where that is bound; else it is one from nothing, so that both can be compared.
    pub use_base: bool,
    /// The most tokens of the tokenizer, as all sizes without `base`; a small corpus fills fewer. 260 are the bytes and the special tokens.
    #[schemars(range(min = 260))]
    pub vocabulary: usize,
    /// Width of the model.
    #[schemars(range(min = 2))]
    pub hidden: i64,
    /// Number of blocks: of `base` the first ones are kept. With 0 all of them, or 4 without `base`.
    #[schemars(range(min = 0))]
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
    /// How often each text of items and reviews is seen before any fine-tuning; 0 for no pretraining.
    pub pretrain_epochs: u32,
    /// The highest learning rate of the pretraining; it falls to zero along a cosine.
    #[schemars(range(min = 0.0))]
    pub pretrain_learning_rate: f64,
    /// Tokens of a window of the pretraining.
    #[schemars(range(min = 2))]
    pub pretrain_length: usize,
    /// Tokens of a step of the pretraining; a step has at least one window.
    #[schemars(range(min = 1))]
    pub pretrain_batch_tokens: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            use_base: true,
            vocabulary: 4096,
            hidden: 128,
            layers: 0,
            heads: 4,
            kv_heads: 4,
            intermediate: 384,
            context_length: 2048,
            tie_embeddings: true,
            rope_theta: 10_000.0,
            initializer_range: 0.02,
            pretrain_epochs: 0,
            pretrain_learning_rate: 1e-3,
            pretrain_length: 128,
            pretrain_batch_tokens: 4096,
        }
    }
}

impl Stage for SmallLlama {
    const NAME: &'static str = "llama";
    const ABOUT: &'static str =
        "Initialises a small LLaMA with a tokenizer of the corpus, or cuts a pretrained one, and pretrains it.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::optional(
                "items",
                kinds::ITEMS,
                "Titles, descriptions and categories for the tokenizer's corpus.",
            ),
            InputPort::optional("reviews", kinds::REVIEWS, "Reviews for the tokenizer's corpus."),
            InputPort::optional(
                "base",
                kinds::LANGUAGE_MODEL,
                "A pretrained model: a Hugging Face folder or a GGUF file.",
            )
            .or_path(),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![OutputPort::new("model", kinds::LANGUAGE_MODEL, "A Hugging Face folder: config, weights and tokenizer.")]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        let device = nn::start(context)?;
        let output = context.output("model");
        match context.optional_input("base").filter(|_| parameters.use_base) {
            Some(base) => nn::write_hugging_face(base, (parameters.layers > 0).then_some(parameters.layers), output)?,
            None => initialise(&parameters, context)?,
        }
        if parameters.pretrain_epochs > 0 {
            pretraining::pretrain(output, &corpus::texts(context)?, &parameters, context, device)?;
        }
        Ok(())
    }
}

/// Writes a model with random weights.
fn initialise(parameters: &Parameters, context: &Context) -> Result<()> {
    let corpus = corpus::gather(context)?;
    let tokenizer = vocabulary::train(&corpus, parameters.vocabulary)?;
    let tokens = tokenizer.get_vocab_size(true);
    context.log(format!("tokenizer: {tokens} tokens from {} texts", corpus.len()));
    let config = folder::model_config(parameters, tokens)?;
    // Libtorch draws other numbers on a GPU, and the model should be the same everywhere.
    let model = nn::with_seed(context.seed(), || {
        Llama::random(config, parameters.initializer_range, Device::Cpu, Kind::Float)
    })?;
    let output = context.output("model");
    model.save(output)?;
    folder::write_tokenizer(output, &tokenizer, parameters.context_length)
}

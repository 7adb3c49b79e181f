//! What the language model makes of an item's text, E^LLM of the paper's Eq. 3: the average of the input-layer
//! embeddings of the tokens of title and description.
//!
//! An item without text gets the average of those that have some, so that it pulls its codes nowhere in particular;
//! how many there are is logged.

mod pooling;

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::Items;
use nn::safetensors_file;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Embeds the items' texts.
#[derive(Debug)]
pub struct TextEmbedding;

/// The parameters of [`TextEmbedding`]: there are none.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {}

impl Stage for TextEmbedding {
    const NAME: &'static str = "text";
    const ABOUT: &'static str =
        "Averages the language model's input embeddings over each item's title and description.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("items", "items", "Titles and descriptions."),
            InputPort::required("llm", "language-model", "The language model whose embedding is averaged.").or_path(),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![OutputPort::new("embeddings", "text-embeddings", "embeddings.safetensors: items, f32 [items, h].")]
    }

    fn run(_: Parameters, context: &Context) -> Result<()> {
        nn::start(context)?;
        let items = Items::read(context.input("items")?)?;
        let llm = context.input("llm")?;
        let tokenizer = nn::read_tokenizer(llm)?;
        let embedding = nn::read_embedding(llm)?;
        let tokens = pooling::tokens(&items, &tokenizer)?;
        let without = tokens.iter().filter(|tokens| tokens.is_empty()).count();
        if without == tokens.len() {
            return Err(Failure::new(FailureKind::NothingUsable, "no item has a title or a description")
                .hint("leave this stage out: the codebook works without text"));
        }
        if without > 0 {
            context.log(format!("{without} of {} items have no text and get the average of the others", tokens.len()));
        }
        let averages = pooling::averages(&embedding, &tokens)?;
        safetensors_file::write(
            &context.output("embeddings").join("embeddings.safetensors"),
            &[("items".to_owned(), averages)],
        )
    }
}

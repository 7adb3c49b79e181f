//! What the language model makes of an item's text, E^LLM of the paper's Eq. 3: the average of the input-layer
//! embeddings of the tokens of title and description, or of the last hidden states at them.
//!
//! An item without text gets zeros; how many there are is logged. Equal texts are embedded once, and an item's vector
//! does not depend on the items beside it.

mod embedder;
mod hidden;
mod parameters;
mod pooling;

pub use embedder::{Embedder, text_of};
pub use parameters::{Layer, Parameters};

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::Items;
use nn::safetensors_file;

/// Embeds the items' texts.
#[derive(Debug)]
pub struct TextEmbedding;

impl Stage for TextEmbedding {
    const NAME: &'static str = "text";
    const ABOUT: &'static str = "Averages what the language model makes of each item's title and description.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("items", "items", "Titles and descriptions."),
            InputPort::required("llm", "language-model", "The language model whose vectors are averaged.").or_path(),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![OutputPort::new("embeddings", "text-embeddings", "embeddings.safetensors: items, f32 [items, h].")]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        let device = nn::start(context)?;
        let items = Items::read(context.input("items")?)?;
        let texts: Vec<String> = items
            .title
            .iter()
            .zip(&items.description)
            .map(|(title, description)| text_of(title, description))
            .collect();
        let without = texts.iter().filter(|text| text.is_empty()).count();
        if without == texts.len() {
            return Err(Failure::new(FailureKind::NothingUsable, "no item has a title or a description")
                .hint("leave this stage out: the codebook works without text"));
        }
        if without > 0 {
            context.log(format!("{without} of {} items have no text and get zeros", texts.len()));
        }
        let embedder = Embedder::open(context.input("llm")?, &parameters, device)?;
        let progress = context.progress(texts.len() as u64);
        let vectors = embedder.embed(&texts, |done| progress.set(done as u64, "texts"))?;
        safetensors_file::write(
            &context.output("embeddings").join("embeddings.safetensors"),
            &[("items".to_owned(), vectors)],
        )
    }
}

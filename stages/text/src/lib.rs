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
use frames::{Embeddings, EmbeddingsOf, Items, kinds};
use nn::failed;
use std::path::Path;
use tch::Tensor;

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
            InputPort::required("items", kinds::ITEMS, "Titles and descriptions."),
            InputPort::required("llm", kinds::LANGUAGE_MODEL, "The language model whose vectors are averaged.")
                .or_path(),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new("embeddings", kinds::TEXT_EMBEDDINGS, "embeddings.safetensors: items, f32 [items, h]."),
            OutputPort::new(
                "items",
                kinds::ITEM_EMBEDDINGS,
                "The same vectors as embeddings of the items, for codes of text alone.",
            ),
        ]
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
        write(&vectors, &items.id, context.output("embeddings"))?;
        write(&vectors, &items.id, context.output("items"))
    }
}

/// Writes the vectors `[items, h]`, f32 on the CPU.
fn write(vectors: &Tensor, ids: &[String], folder: &Path) -> Result<()> {
    let dim = vectors.size()[1].unsigned_abs() as usize;
    let values: Vec<f32> = vectors
        .f_contiguous()
        .and_then(|vectors| Vec::try_from(vectors.f_view(-1)?))
        .map_err(failed("read the vectors"))?;
    Embeddings { dim, values }.write(folder, EmbeddingsOf::Items, Some(ids)).map_err(|failure| match failure.kind {
        FailureKind::Diverged => failure.hint("the weights of the language model are too large: use another model"),
        _ => failure,
    })
}

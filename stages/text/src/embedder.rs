//! Texts to vectors, by the settings of the stage: for its items, and for new ones that have to be embedded alike.

use crate::hidden::{GPU_TOKENS, last_hidden};
use crate::parameters::{Layer, Parameters};
use crate::pooling;
use contract::{Failure, Result};
use nn::{Llama, failed};
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Kind, Tensor};
use tokenizers::Tokenizer;

/// A language model, ready to embed texts.
#[derive(Debug)]
pub struct Embedder {
    tokenizer: Tokenizer,
    model: Model,
    max_tokens: usize,
}

#[derive(Debug)]
enum Model {
    /// The input embedding `[V, h]` alone.
    Input(Tensor),
    /// All of it.
    Last(Box<Llama>),
}

/// The text of an item: its title, then its description.
#[must_use]
pub fn text_of(title: &str, description: &str) -> String {
    format!("{title} {description}").trim().to_owned()
}

impl Embedder {
    /// Reads of a model's folder what the parameters need of it.
    ///
    /// # Errors
    /// When a parameter or the folder is not usable, or the device has too little memory.
    pub fn open(llm: &Path, parameters: &Parameters, device: Device) -> Result<Self> {
        parameters.check()?;
        let model = match parameters.layer {
            Layer::Input => {
                let embedding = nn::read_embedding(llm)?;
                Model::Input(embedding.f_to_device(device).map_err(failed("place the embedding on the device"))?)
            }
            Layer::Last => {
                let kind = if device.is_cuda() { Kind::BFloat16 } else { Kind::Float };
                Model::Last(Box::new(Llama::load(llm, device, kind)?))
            }
        };
        Ok(Self { tokenizer: nn::read_tokenizer(llm)?, model, max_tokens: parameters.max_tokens })
    }

    /// The vectors of texts, f32 `[texts, h]` on the CPU; those of empty texts are zero. Equal texts are embedded once.
    ///
    /// # Errors
    /// When the tokenizer belongs to another model, or the device has too little memory.
    pub fn embed(&self, texts: &[String], report: impl FnMut(usize)) -> Result<Tensor> {
        let mut place_of: BTreeMap<&str, i64> = BTreeMap::new();
        let mut distinct: Vec<&str> = Vec::new();
        let mut places = Vec::with_capacity(texts.len());
        for text in texts {
            let place = *place_of.entry(text).or_insert_with(|| {
                distinct.push(text);
                distinct.len() as i64 - 1
            });
            places.push(place);
        }
        let tokens = self.tokens(distinct)?;
        let vectors = match &self.model {
            Model::Input(embedding) => pooling::averages(embedding, &tokens)?,
            Model::Last(model) => last_hidden(model, &tokens, GPU_TOKENS, report)?,
        };
        Tensor::f_from_slice(&places)
            .and_then(|places| vectors.f_to_device(Device::Cpu)?.f_index_select(0, &places))
            .map_err(failed("gather the texts' vectors"))
    }

    /// The tokens of each text, without special tokens; none where it is empty.
    fn tokens(&self, texts: Vec<&str>) -> Result<Vec<Vec<i64>>> {
        let encodings = self
            .tokenizer
            .encode_batch_fast(texts, false)
            .map_err(|error| Failure::other("tokenize the items' texts", error))?;
        let first = |ids: &[u32]| ids.iter().take(self.max_tokens).copied().map(i64::from).collect();
        Ok(encodings.iter().map(|encoding| first(encoding.get_ids())).collect())
    }
}

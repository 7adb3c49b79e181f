//! Codes for items that were not there at training: from an embedding, or from text through the projection.

use crate::projection::Linear;
use crate::quantizer::Quantizer;
use crate::rows::Rows;
use contract::{Failure, FailureKind, Result};
use frames::Codes;
use nn::failed;
use std::collections::BTreeMap;
use std::path::Path;
use tch::Tensor;

/// A trained codebook, ready to give codes.
#[derive(Debug)]
pub struct Tokenizer {
    quantizer: Quantizer,
    projection: Option<Linear>,
}

impl Tokenizer {
    /// Reads `codebook.safetensors` of a folder.
    ///
    /// # Errors
    /// When the file is damaged, or its codebook has one level, in which only the items of the training have codes.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("codebook.safetensors");
        let mut tensors = nn::safetensors_file::read(&path)?;
        let quantizer = Quantizer::take(&mut tensors)
            .map_err(|failure| Failure { message: format!("{}: {}", path.display(), failure.message), ..failure })?;
        if quantizer.levels() == 1 {
            return Err(Failure::new(
                FailureKind::Conflict,
                "the codebook has one level: each item is a token of its own, so a new item cannot have a code",
            )
            .hint("train one with levels = 2 or more"));
        }
        Ok(Self { quantizer, projection: projection(&mut tensors) })
    }

    /// The length of an item's embedding, d.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.quantizer.dim()
    }

    /// Whether it can give codes from text.
    #[must_use]
    pub fn has_projection(&self) -> bool {
        self.projection.is_some()
    }

    /// Codes of embeddings `[items, d]`.
    ///
    /// # Errors
    /// When their length is not d.
    pub fn from_embeddings(&self, embeddings: &Tensor) -> Result<Codes> {
        let rows = Rows::of(embeddings)?;
        check_length("embeddings", rows.dim, self.dim())?;
        self.quantizer.codes(&rows)
    }

    /// Codes of text embeddings `[items, h]`, projected to the codes' dimension.
    ///
    /// # Errors
    /// When there is no projection, or their length is not h.
    pub fn from_text(&self, text: &Tensor) -> Result<Codes> {
        let Some(projection) = &self.projection else {
            return Err(Failure::new(
                FailureKind::Conflict,
                "the codebook was trained without text and has no projection",
            )
            .hint("give embeddings, or train it with llm_alignment = true"));
        };
        check_length("text embeddings", Rows::of(text)?.dim, projection.weight.size()[0].unsigned_abs() as usize)?;
        Ok(self.quantizer.codes_of_text(&projected(text, projection)?))
    }
}

/// Text embeddings in the codes' dimension.
pub(crate) fn projected(text: &Tensor, projection: &Linear) -> Result<Rows> {
    Rows::of(&projection.apply(text).map_err(failed("project the text"))?)
}

fn projection(tensors: &mut BTreeMap<String, Tensor>) -> Option<Linear> {
    Some(Linear { weight: tensors.remove("projection")?, bias: tensors.remove("bias")? })
}

fn check_length(noun: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let message = format!("{noun} have {found} numbers, the codebook was trained on {expected}");
    Err(Failure::new(FailureKind::Conflict, message).hint("make them with the model that the codebook was trained on"))
}

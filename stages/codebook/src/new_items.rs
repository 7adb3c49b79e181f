//! Codes for items that were not there at training: from an embedding, or from text through the learned projection.

use crate::assignment::Nearest;
use crate::projection::Linear;
use crate::rows::Rows;
use crate::tokenize::tokenize;
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

/// How a vector becomes codes.
#[derive(Debug)]
pub(crate) enum Quantizer {
    /// Eq. 1 and 2: the nearest code of each level, of what the levels before leave. The codes of each level, `[C, d]`.
    Cascade(Vec<Rows>),
}

impl Quantizer {
    /// The codes of each row.
    pub(crate) fn codes(&self, rows: &Rows) -> Codes {
        match self {
            Self::Cascade(levels) => tokenize(rows, levels).0,
        }
    }

    /// The codes of each projected text: at each level the one with the highest cosine, which is the measure that the
    /// projection is trained by (L^L of Eq. 3). It says nothing of a text's length, so distances and residuals mean
    /// nothing here: by distance, texts would all fall to the shortest codes.
    pub(crate) fn codes_of_text(&self, projected: &Rows) -> Codes {
        match self {
            Self::Cascade(levels) => {
                let directions = unit(projected);
                let nearest =
                    |level: &Rows| Nearest::new(&unit(level)).of(&directions).into_iter().map(|one| one.0).collect();
                Codes { levels: levels.iter().map(nearest).collect() }
            }
        }
    }

    /// The length of the vectors that it takes, d.
    fn dim(&self) -> usize {
        match self {
            Self::Cascade(levels) => levels.first().map_or(0, |level| level.dim),
        }
    }
}

impl Tokenizer {
    /// Reads `codebook.safetensors` of a folder.
    ///
    /// # Errors
    /// When the file is damaged, or its codebook has one level, in which only the items of the training have codes.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("codebook.safetensors");
        let mut tensors = nn::safetensors_file::read(&path)?;
        let levels: Vec<Rows> = (1..)
            .map_while(|level| tensors.remove(&format!("level_{level}")))
            .map(|tensor| Rows::of(&tensor))
            .collect::<Result<_>>()?;
        match levels.len() {
            0 => Err(Failure::new(
                FailureKind::MissingField,
                format!("{} has no tensor 'level_1'; it has {:?}", path.display(), tensors.keys()),
            )),
            1 => Err(Failure::new(
                FailureKind::Conflict,
                "the codebook has one level: each item is a token of its own, so a new item cannot have a code",
            )
            .hint("train one with levels = 2 or more")),
            _ => Ok(Self { quantizer: Quantizer::Cascade(levels), projection: projection(&mut tensors) }),
        }
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
        Ok(self.quantizer.codes(&rows))
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

/// Rows of length 1; those of length 0 as they are. Among them the nearest is that of the highest cosine.
fn unit(rows: &Rows) -> Rows {
    let mut unit = rows.clone();
    for row in unit.values.chunks_exact_mut(rows.dim) {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            row.iter_mut().for_each(|value| *value /= length);
        }
    }
    unit
}

fn check_length(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let message = format!("{what} have {found} numbers, the codebook was trained on {expected}");
    Err(Failure::new(FailureKind::Conflict, message).hint("make them with the model that the codebook was trained on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_gets_the_codes_of_its_direction_and_an_embedding_the_nearest() {
        let level = Rows { dim: 2, values: vec![10.0, 0.0, 0.0, 1.0] };
        let quantizer = Quantizer::Cascade(vec![level.clone(), level]);
        let row = Rows { dim: 2, values: vec![0.2, 0.1] };
        assert_eq!(quantizer.codes_of_text(&row).of(0), [0, 0]);
        assert_eq!(quantizer.codes(&row).of(0), [1, 1]);
    }
}

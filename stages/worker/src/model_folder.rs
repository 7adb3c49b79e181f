//! Language models as plain folders, for `pipe export`.

use crate::whole;
use contract::questions::{Convert, Converted, Merge, Merged};
use contract::{Failure, Result};
use std::path::Path;

/// Writes a tuned model. Says how large it is, and whether an adapter was merged.
///
/// # Errors
/// When base and adapter do not fit, or the folder cannot be written.
pub(crate) fn merge(request: &Merge) -> Result<Merged> {
    let (base, tuned) = (request.stage.input("llm")?, request.stage.output("model")?);
    let (is_adapter, bytes) = whole::folder(&request.output, |folder| {
        let is_adapter = nn::write_merged(base, tuned, folder)?;
        copy_item_head(tuned, folder)?;
        Ok(is_adapter)
    })?;
    Ok(Merged { is_adapter, bytes })
}

/// Writes a language model. Says how large it is.
///
/// # Errors
/// When the model cannot be read or is not supported, or the folder cannot be written.
pub(crate) fn convert(request: &Convert) -> Result<Converted> {
    let ((), bytes) = whole::folder(&request.output, |folder| nn::write_hugging_face(&request.model, None, folder))?;
    Ok(Converted { bytes })
}

/// Copies the vectors of an item head, which a model folder has beside the weights of the language model.
fn copy_item_head(model: &Path, folder: &Path) -> Result<()> {
    let head = model.join(decoding::ITEM_HEAD);
    if head.is_file() {
        std::fs::copy(&head, folder.join(decoding::ITEM_HEAD)).map_err(|error| Failure::writing(folder, error))?;
    }
    Ok(())
}

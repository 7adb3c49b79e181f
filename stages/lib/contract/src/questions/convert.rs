//! A language model as a Hugging Face folder, for `pipe export model`.

use super::Question;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Writes a language model, such as a GGUF file, as a Hugging Face folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convert {
    /// The file or folder of the model.
    pub model: PathBuf,
    /// The folder to write, which does not exist yet.
    pub output: PathBuf,
}

/// A model that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Converted {
    /// The size of the folder, in bytes.
    pub bytes: u64,
}

impl Question for Convert {
    const NAME: &'static str = "convert";
    type Answer = Converted;
}

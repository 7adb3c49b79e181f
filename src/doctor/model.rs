//! The small language model that `make model` fetches.

use crate::doctor::finding::Finding;
use crate::pipeline;
use std::path::{Path, PathBuf};

/// The folder of the model, in that of all models.
const FOLDER: &str = "smollm2-135m";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
/// Its size in bytes; `scripts/model.sh` checks its digest as well.
const BYTES: u64 = 98_362_432;
const FETCH: &str = "`make model` fetches it (93 MB)";

/// Whether the model is where pipelines look for it.
pub(super) fn examine() -> Finding {
    let models = std::env::var_os("PIPE_MODELS").map(PathBuf::from);
    match models.map_or_else(|| pipeline::project().map(|project| project.join(".models")), Ok) {
        Ok(models) => examine_in(&models),
        Err(error) => Finding::warning("model", error.to_string(), "set PIPE_MODELS to the folder of the models"),
    }
}

fn examine_in(models: &Path) -> Finding {
    let path = models.join(FOLDER).join(FILE);
    let bytes = path.metadata().ok().filter(std::fs::Metadata::is_file).map(|status| status.len());
    let place = path.display().to_string();
    let finding = match bytes {
        // Only some pipelines need it.
        None => Finding::fine("model", format!("SmolLM2-135M is not in {}; {FETCH}", models.display())),
        Some(BYTES) => Finding::fine("model", format!("SmolLM2-135M, {place}")),
        Some(bytes) => {
            let found = format!("{place} has {bytes} bytes, expected {BYTES}");
            Finding::warning("model", found, format!("remove it; {FETCH}"))
        }
    };
    finding.with("path", place).with("bytes", bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_model_is_absent_whole_or_of_another_size() {
        let models = tempfile::tempdir().unwrap();
        let absent = examine_in(models.path());
        assert!(absent.level == Level::Fine && absent.found.contains("`make model` fetches it"), "{absent:?}");
        let path = models.path().join(FOLDER).join(FILE);
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "GGUF").unwrap();
        let cut = examine_in(models.path());
        assert!(cut.level == Level::Warning && cut.found.contains("has 4 bytes, expected 98362432"), "{cut:?}");
        // A sparse file takes no room.
        std::fs::File::options().write(true).open(&path).unwrap().set_len(BYTES).unwrap();
        assert_eq!(examine_in(models.path()).found, format!("SmolLM2-135M, {}", path.display()));
    }
}

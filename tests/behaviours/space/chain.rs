//! A pipeline of quick commands whose every output can be told from its parameters.

use super::Space;
use std::path::PathBuf;

/// `base` writes its word, `double` writes it twice, `size` writes its length.
pub(crate) const CHAIN: &str = r#"
name = "chain"

[stage.base]
uses = "command"
command = ["sh", "-c", "printf '%s' {parameters.word} > {outputs.text}/text"]
parameters = { word = "a" }
outputs = { text = "text" }

[stage.double]
uses = "command"
command = ["sh", "-c", "cat {inputs.from}/text {inputs.from}/text > {outputs.text}/text; printf x > {outputs.mark}/mark"]
inputs = { from = "base.text" }
outputs = { text = "text", mark = "mark" }

[stage.size]
uses = "command"
command = ["sh", "-c", "wc -c < {inputs.from}/text > {outputs.size}/size"]
inputs = { from = "double.text" }
outputs = { size = "size" }
"#;

/// A folder with that pipeline as `chain.toml`.
pub(crate) fn chain() -> Space {
    let space = Space::new();
    space.write("chain.toml", CHAIN);
    space
}

/// The argument that sets the word.
pub(crate) fn word(word: &str) -> String {
    format!("base.word={word}")
}

/// The folder of an output.
pub(crate) fn folder(space: &Space, target: &str, set: &[&str]) -> PathBuf {
    let outcome = space.succeed(&[&["cache", "path", "chain", target], set].concat());
    PathBuf::from(outcome.out.trim_end())
}

//! Prompts as tokens, by group.

use crate::conflict;
use crate::parameters::Parameters;
use contract::{Failure, FailureKind, Result};
use frames::{Prompt, TaskKind};
use nn::LlamaConfig;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use tokenizers::{Encoding, Tokenizer};

/// A question and its answer in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) tokens: Vec<u32>,
    /// Where the answer begins, at least 1.
    pub(crate) label: usize,
    /// Whether the answer is the next item of a history.
    pub(crate) asks_next_item: bool,
}

/// All samples that are not too long.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Samples of a group, in the order of the groups' numbers; a large group is several.
    pub(crate) groups: Vec<Vec<Sample>>,
    /// How many samples were read.
    pub(crate) read: usize,
    /// How many were too long.
    pub(crate) dropped: usize,
    /// Tokens that occur in a sample.
    pub(crate) seen: HashSet<u32>,
}

impl Samples {
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} samples in {} groups, {} dropped as too long",
            self.read - self.dropped,
            self.groups.len(),
            self.dropped
        )
    }
}

/// Encodes prompts. The question gets the tokenizer's special tokens (LLaMA's begin), the answer none.
pub(crate) fn encode(
    prompts: &[Prompt],
    tokenizer: &Tokenizer,
    config: &LlamaConfig,
    parameters: &Parameters,
) -> Result<Samples> {
    const PART: usize = 20_000;
    let end = if parameters.end_token { Some(end_token(config)?) } else { None };
    let mut groups: BTreeMap<u32, Vec<Sample>> = BTreeMap::new();
    let mut samples = Samples { read: prompts.len(), ..Samples::default() };
    for part in prompts.chunks(PART) {
        let questions = encode_all(tokenizer, part.iter().map(|prompt| prompt.prompt.as_str()).collect(), true)?;
        let answers = encode_all(tokenizer, part.iter().map(|prompt| prompt.label.as_str()).collect(), false)?;
        for ((prompt, question), answer) in part.iter().zip(&questions).zip(&answers) {
            let label = question.get_ids().len();
            if label == 0 || answer.get_ids().is_empty() {
                let message = format!("a prompt of group {} has no tokens in its question or answer", prompt.group);
                return Err(Failure::new(FailureKind::NothingUsable, message));
            }
            let tokens = [question.get_ids(), answer.get_ids(), end.as_slice()].concat();
            if tokens.len() > parameters.max_tokens {
                samples.dropped += 1;
                continue;
            }
            samples.seen.extend(&tokens);
            let asks_next_item = prompt.kind == TaskKind::NextItem;
            groups.entry(prompt.group).or_default().push(Sample { tokens, label, asks_next_item });
        }
    }
    samples.groups = groups.into_values().flat_map(split).collect();
    if samples.groups.is_empty() {
        let message = format!("none of {} samples has at most {} tokens", samples.read, parameters.max_tokens);
        return Err(Failure::new(FailureKind::NothingUsable, message).hint("raise max_tokens"));
    }
    Ok(samples)
}

/// Cuts a group's samples where its tree would grow too large: attention costs the square of a tree's size, so beyond
/// this it costs more than what is shared saves. The loss is the same.
fn split(group: Vec<Sample>) -> Vec<Vec<Sample>> {
    const LARGE: usize = 512;
    let mut parts: Vec<Vec<Sample>> = Vec::new();
    let mut size = 0;
    for sample in group {
        let new = match parts.last().and_then(|part| part.last()) {
            None => sample.tokens.len(),
            Some(before) => {
                let pairs = before.tokens.iter().zip(&sample.tokens);
                sample.tokens.len() - pairs.take_while(|(a, b)| a == b).count()
            }
        };
        match parts.last_mut() {
            Some(part) if size + new <= LARGE => {
                size += new;
                part.push(sample);
            }
            _ => {
                size = sample.tokens.len();
                parts.push(vec![sample]);
            }
        }
    }
    parts
}

fn encode_all(tokenizer: &Tokenizer, texts: Vec<&str>, special: bool) -> Result<Vec<Encoding>> {
    tokenizer.encode_batch_fast(texts, special).map_err(|error| Failure::other("tokenize the prompts", error))
}

fn end_token(config: &LlamaConfig) -> Result<u32> {
    let id = match config.other.get("eos_token_id") {
        Some(Value::Array(several)) => several.first().and_then(Value::as_u64),
        Some(value) => value.as_u64(),
        None => None,
    };
    id.and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| conflict("end_token is set, but config.json of the model has no eos_token_id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_group_is_cut_and_loses_no_sample() {
        let sample = |first: u32, length: u32| Sample {
            tokens: (first..first + length).collect(),
            label: 1,
            asks_next_item: true,
        };
        let group = vec![sample(0, 300), sample(0, 400), sample(1000, 200), sample(2000, 50)];
        let parts = split(group.clone());
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(parts.concat(), group);
    }
}

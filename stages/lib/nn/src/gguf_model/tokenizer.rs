//! The tokenizer in the metadata of a GGUF file.

use super::config::EMBEDDING;
use super::{failure, unsupported};
use crate::sentencepiece;
use contract::{Failure, FailureKind, Result};
use gguf::{Gguf, GgufError, Value};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::path::Path;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

/// The kind of a token that stands for no text.
const CONTROL: u64 = 3;
/// The kind of a token that a user added.
const USER_DEFINED: u64 = 4;

/// How Llama 3 cuts a text before its pairs of bytes are merged.
const LLAMA_3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// The vocabulary of a file.
struct Vocabulary<'a> {
    tokens: Vec<&'a str>,
    kinds: Vec<u64>,
}

/// The tokenizer that the `tokenizers` library would have of the model.
///
/// # Errors
/// When a field is absent or of no use, tokens are there twice or more than the embedding has rows, or the tokenizer is of
/// a kind that is not read.
pub(crate) fn read_tokenizer(path: &Path, gguf: &Gguf<'_>) -> Result<Tokenizer> {
    let read = |error: GgufError| failure(path, &error);
    let metadata = gguf.metadata();
    let model = metadata.required("tokenizer.ggml.model", metadata.text("tokenizer.ggml.model")).map_err(read)?;
    let vocabulary = vocabulary(path, gguf)?;
    let cuts = metadata.text("tokenizer.ggml.pre").map_err(read)?.unwrap_or("default");
    let mut tokenizer = match model {
        "gpt2" => byte_level(path, gguf, &vocabulary, cuts)?,
        "llama" => pieces(path, gguf, &vocabulary)?,
        other => {
            let message = format!("tokenizer.ggml.model is {other}, which is not read; expected gpt2 or llama");
            return Err(unsupported(path, &message).hint("take the model's Hugging Face folder"));
        }
    };
    // llama.cpp has these where the file does not say.
    let begins = metadata.bool("tokenizer.ggml.add_bos_token").map_err(read)?;
    if begins.unwrap_or(model == "llama" || cuts == "llama-bpe") {
        let id = metadata.unsigned("tokenizer.ggml.bos_token_id").map_err(read)?.unwrap_or(1);
        let begin = vocabulary.tokens.get(id as usize).ok_or_else(|| {
            unsupported(path, &format!("tokenizer.ggml.bos_token_id is {id}, of {} tokens", vocabulary.tokens.len()))
        })?;
        let template = TemplateProcessing::builder()
            .try_single(format!("{begin} $A"))
            .map_err(|error| Failure::reading(path, error))?
            .special_tokens(vec![((*begin).to_owned(), id as u32)])
            .build()
            .map_err(|error| Failure::reading(path, error))?;
        tokenizer.with_post_processor(Some(template));
    }
    Ok(tokenizer)
}

fn vocabulary<'a>(path: &Path, gguf: &Gguf<'a>) -> Result<Vocabulary<'a>> {
    const TOKENS: &str = "tokenizer.ggml.tokens";
    const KINDS: &str = "tokenizer.ggml.token_type";
    let read = |error: GgufError| failure(path, &error);
    let metadata = gguf.metadata();
    let text = |value: &Value<'a>| match value {
        Value::Text(text) => Some(*text),
        _ => None,
    };
    let number = |value: &Value<'a>| match value {
        Value::Unsigned(number) => Some(*number),
        _ => None,
    };
    let tokens = metadata.required(TOKENS, metadata.list(TOKENS, "a list of texts", text)).map_err(read)?;
    let kinds = metadata.list(KINDS, "a list of kinds", number).map_err(read)?.unwrap_or_else(|| vec![1; tokens.len()]);
    if kinds.len() != tokens.len() {
        let message = format!("{KINDS} has {} entries, {TOKENS} has {}", kinds.len(), tokens.len());
        return Err(unsupported(path, &message));
    }
    let rows = gguf.tensor(EMBEDDING).and_then(|tensor| tensor.shape().first().copied()).unwrap_or(0);
    if tokens.len() as u64 > rows {
        let message = format!("the tokenizer has {} tokens, {EMBEDDING} has {rows} rows", tokens.len());
        return Err(unsupported(path, &message).hint("the tokenizer belongs to another model"));
    }
    Ok(Vocabulary { tokens, kinds })
}

/// Byte-level BPE.
fn byte_level(path: &Path, gguf: &Gguf<'_>, vocabulary: &Vocabulary<'_>, cuts: &str) -> Result<Tokenizer> {
    const MERGES: &str = "tokenizer.ggml.merges";
    let metadata = gguf.metadata();
    let pair = |value: &Value<'_>| match value {
        Value::Text(text) => text.split_once(' ').map(|(left, right)| [left.to_owned(), right.to_owned()]),
        _ => None,
    };
    let merges = metadata.required(MERGES, metadata.list(MERGES, "a list of pairs with a space between", pair));
    let merges = merges.map_err(|error| failure(path, &error))?;
    let numbered: HashMap<&str, usize> = vocabulary.tokens.iter().copied().zip(0..).collect();
    if numbered.len() < vocabulary.tokens.len() {
        let twice = vocabulary.tokens.len() - numbered.len();
        return Err(unsupported(path, &format!("{twice} tokens are there twice")).hint("fetch the file again"));
    }
    let Some(pre_tokenizer) = pre_tokenizer(cuts) else {
        let message =
            format!("tokenizer.ggml.pre is {cuts}, which is not read; expected smollm, llama-bpe, gpt-2 or default");
        return Err(unsupported(path, &message).hint("take the model's Hugging Face folder"));
    };
    let tokenizer: std::result::Result<Tokenizer, _> = serde_json::from_value(json!({
        "version": "1.0",
        "pre_tokenizer": pre_tokenizer,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": numbered, "merges": merges, "ignore_merges": cuts == "llama-bpe"},
    }));
    let mut tokenizer = tokenizer.map_err(|error| Failure::reading(path, error))?;
    let of_kind = |kind: u64| {
        let chosen = vocabulary.tokens.iter().zip(&vocabulary.kinds).filter(move |(_, one)| **one == kind);
        chosen.map(move |(token, _)| AddedToken::from(*token, kind == CONTROL).normalized(false)).collect::<Vec<_>>()
    };
    tokenizer.add_special_tokens(&of_kind(CONTROL));
    tokenizer.add_tokens(&of_kind(USER_DEFINED));
    Ok(tokenizer)
}

/// How a text is cut before its pairs of bytes are merged, by llama.cpp's name for it.
fn pre_tokenizer(cuts: &str) -> Option<Json> {
    let bytes = |use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex});
    let sequence = |first: Json, bytes: Json| json!({"type": "Sequence", "pretokenizers": [first, bytes]});
    match cuts {
        "default" | "gpt-2" => Some(bytes(true)),
        "smollm" => Some(sequence(json!({"type": "Digits", "individual_digits": true}), bytes(true))),
        "llama-bpe" => {
            let pattern = json!({"Regex": LLAMA_3});
            let split = json!({"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false});
            Some(sequence(split, bytes(false)))
        }
        _ => None,
    }
}

/// SentencePiece's pairs of bytes, ranked by the scores of the pieces.
fn pieces(path: &Path, gguf: &Gguf<'_>, vocabulary: &Vocabulary<'_>) -> Result<Tokenizer> {
    const SCORES: &str = "tokenizer.ggml.scores";
    let read = |error: GgufError| failure(path, &error);
    let metadata = gguf.metadata();
    let score = |value: &Value<'_>| match value {
        Value::Float(score) => Some(*score as f32),
        _ => None,
    };
    let scores = metadata.required(SCORES, metadata.list(SCORES, "a list of numbers", score)).map_err(read)?;
    if scores.len() != vocabulary.tokens.len() {
        let message = format!("{SCORES} has {} entries for {} tokens", scores.len(), vocabulary.tokens.len());
        return Err(Failure::new(FailureKind::Conflict, format!("{}: {message}", path.display())));
    }
    let prepends = metadata.bool("tokenizer.ggml.add_space_prefix").map_err(read)?;
    let pieces = vocabulary.tokens.iter().zip(&scores).zip(&vocabulary.kinds);
    let pieces = pieces.map(|((text, &score), &kind)| (*text, score, i32::try_from(kind).unwrap_or(0)));
    sentencepiece::from_pieces(pieces, prepends).map_err(|error| Failure::reading(path, error))
}

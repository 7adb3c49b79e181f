//! The tokenizer: byte-level BPE with LLaMA's special tokens.

use contract::{Failure, FailureKind, Result};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

/// Stands for what no token covers; bytes cover everything, so it is never needed.
pub(crate) const UNKNOWN: (&str, u32) = ("<unk>", 0);
/// Begins every sequence.
pub(crate) const BEGIN: (&str, u32) = ("<s>", 1);
/// Ends a text.
pub(crate) const END: (&str, u32) = ("</s>", 2);
/// Fills rows of a batch.
pub(crate) const PADDING: (&str, u32) = ("<pad>", 3);

/// Trains a tokenizer of at most `tokens` tokens. All bytes are tokens, and each digit stays its own.
pub(crate) fn train(corpus: &[String], tokens: usize) -> Result<Tokenizer> {
    let special = [UNKNOWN, BEGIN, END, PADDING];
    let smallest = special.len() + ByteLevel::alphabet().len();
    if tokens < smallest {
        return Err(Failure::new(
            FailureKind::Conflict,
            format!("vocabulary is {tokens}, expected at least {smallest} for the bytes and special tokens"),
        ));
    }
    let mut tokenizer = Tokenizer::new(BPE::default());
    let digits = Digits::new(true);
    let bytes = ByteLevel::new(false, true, true);
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![digits.into(), bytes.into()])));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let mut trainer = TrainerWrapper::from(
        BpeTrainer::builder()
            .vocab_size(tokens)
            .min_frequency(2)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(special.map(|(text, _)| AddedToken::from(text, true)).to_vec())
            .build(),
    );
    let failed = |error| Failure::other("train the tokenizer", error);
    tokenizer.train(&mut trainer, corpus.iter()).map_err(failed)?;
    let begin = format!("{} $A", BEGIN.0);
    let template = TemplateProcessing::builder()
        .try_single(begin.as_str())
        .map_err(|error| Failure::other("train the tokenizer", error))?
        .special_tokens(vec![BEGIN])
        .build()
        .map_err(|error| Failure::other("train the tokenizer", error))?;
    tokenizer.with_post_processor(Some(template));
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> Vec<String> {
        ["the user has a lute", "the user has a lute too", "which lute has the user", "1234 1234"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn every_text_comes_back_and_begins_as_llama_has_it() {
        let tokenizer = train(&corpus(), 300).unwrap();
        for (text, id) in [UNKNOWN, BEGIN, END, PADDING] {
            assert_eq!(tokenizer.token_to_id(text), Some(id));
        }
        for text in ["the user has", " naïve 木 \u{0}\n", "12"] {
            let ids = tokenizer.encode(text, true).unwrap().get_ids().to_vec();
            assert_eq!(ids[0], BEGIN.1);
            assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
        }
        assert_eq!(tokenizer.encode("1234", false).unwrap().len(), 4);
        assert!(tokenizer.encode("the user has", false).unwrap().len() < 12);
    }

    #[test]
    fn the_same_corpus_gives_the_same_bytes() {
        let text = || train(&corpus(), 280).unwrap().to_string(true).unwrap();
        assert_eq!(text(), text());
        assert_eq!(train(&corpus(), 270).unwrap().get_vocab_size(true), 270);
        assert_eq!(train(&corpus(), 100).unwrap_err().kind, FailureKind::Conflict);
    }
}

//! Histories as prompts, and these as tokens.

use contract::{Failure, FailureKind, Result};
use frames::Codes;
use prompts::{PromptTemplate, item_texts, next_item_prompt};
use tokenizers::Tokenizer;

/// Writes histories as the tokens that the model is given.
#[derive(Debug)]
pub(crate) struct PromptEncoder {
    tokenizer: Tokenizer,
    /// Each item as text.
    texts: Vec<String>,
    template: PromptTemplate,
    variant: u64,
}

impl PromptEncoder {
    /// Of the items of these codes.
    ///
    /// # Errors
    /// When the tokenizer cannot be set up.
    pub(crate) fn new(mut tokenizer: Tokenizer, codes: &Codes, template: PromptTemplate, variant: u64) -> Result<Self> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| Failure::other("switch truncation off", error))?;
        Ok(Self { tokenizer, texts: item_texts(codes), template, variant })
    }

    /// The tokens of each history, of which the newest `max_history` items count.
    ///
    /// # Errors
    /// When the tokenizer gives no tokens for one.
    pub(crate) fn encode(&self, histories: &[&[u32]], max_history: usize) -> Result<Vec<Vec<i64>>> {
        let prompt = |history: &&[u32]| {
            let newest = &history[history.len().saturating_sub(max_history)..];
            let items: Vec<&str> = newest.iter().map(|&item| self.texts[item as usize].as_str()).collect();
            next_item_prompt(self.template, self.variant, &items)
        };
        let encodings = self
            .tokenizer
            .encode_batch_fast(histories.iter().map(prompt).collect(), true)
            .map_err(|error| Failure::other("split the prompts into tokens", error))?;
        let tokens = |(number, encoding): (usize, tokenizers::Encoding)| {
            let ids: Vec<i64> = encoding.get_ids().iter().copied().map(i64::from).collect();
            if ids.is_empty() {
                let message = format!("the tokenizer gives no token for prompt {number}");
                return Err(Failure::new(FailureKind::Conflict, message));
            }
            Ok(ids)
        };
        encodings.into_iter().enumerate().map(tokens).collect()
    }
}

//! The users' prompts as tokens.

use contract::{Failure, FailureKind, Result};
use frames::Codes;
use prompts::{PromptTemplate, inference_prompt, item_texts};
use tokenizers::Tokenizer;

/// A user and the tokens that the model is given.
#[derive(Debug)]
pub(crate) struct UserPrompt {
    /// The user.
    pub(crate) user: u32,
    /// The tokens of the prompt.
    pub(crate) ids: Vec<i64>,
}

/// The prompts of `users`, whose histories are cut to the newest `max_history` items; sorted by length, then by user.
pub(crate) fn encode(
    mut tokenizer: Tokenizer,
    codes: &Codes,
    users: Vec<u32>,
    histories: &[Vec<u32>],
    max_history: usize,
    template: PromptTemplate,
) -> Result<Vec<UserPrompt>> {
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| Failure::other("switch truncation off", error))?;
    let texts = item_texts(codes);
    let prompt = |&user: &u32| {
        let history = &histories[user as usize];
        let newest = &history[history.len().saturating_sub(max_history)..];
        let items: Vec<&str> = newest.iter().map(|&item| texts[item as usize].as_str()).collect();
        inference_prompt(template, &items)
    };
    let encodings = tokenizer
        .encode_batch_fast(users.iter().map(prompt).collect(), true)
        .map_err(|error| Failure::other("split the prompts into tokens", error))?;
    let mut prompts = Vec::with_capacity(users.len());
    for (user, encoding) in users.into_iter().zip(encodings) {
        let ids: Vec<i64> = encoding.get_ids().iter().copied().map(i64::from).collect();
        if ids.is_empty() {
            let message = format!("the tokenizer gives no token for the prompt of user {user}");
            return Err(Failure::new(FailureKind::Conflict, message));
        }
        prompts.push(UserPrompt { user, ids });
    }
    prompts.sort_by_key(|prompt| (prompt.ids.len(), prompt.user));
    Ok(prompts)
}

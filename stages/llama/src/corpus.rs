//! The texts that the tokenizer and the model are trained on.

use contract::{Context, Result};
use frames::{Items, Reviews};

/// The prompt templates of all tasks, and the texts of items and reviews where they are bound.
pub(crate) fn gather(context: &Context) -> Result<Vec<String>> {
    let mut corpus = prompts::template_corpus();
    if let Some(folder) = context.optional_input("items") {
        let items = Items::read(folder)?;
        corpus.extend([items.title, items.description, items.categories].into_iter().flatten());
    }
    if let Some(folder) = context.optional_input("reviews") {
        corpus.extend(Reviews::read(folder)?.text);
    }
    corpus.retain(|text| !text.is_empty());
    Ok(corpus)
}

/// The texts that the model is pretrained on: titles and descriptions of items, and reviews, where they are bound.
pub(crate) fn texts(context: &Context) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    if let Some(folder) = context.optional_input("items") {
        let items = Items::read(folder)?;
        let pairs = items.title.iter().zip(&items.description);
        texts.extend(pairs.map(|(title, description)| format!("{title} {description}").trim().to_owned()));
    }
    if let Some(folder) = context.optional_input("reviews") {
        texts.extend(Reviews::read(folder)?.text);
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts)
}

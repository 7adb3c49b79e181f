//! Prompt templates: how an item is written, and how each task of the paper asks for one.
//!
//! Training and inference call the same functions, so that a model is asked what it was tuned on. An item is always
//! its code tokens, never its number: in some published data the numbers tell what comes next.

mod history;
mod lc_rec;
mod text;
mod token;

pub use frames::TaskKind;
pub use history::{INFERENCE_VARIANT, PromptTemplate, VARIANT_COUNT, negative_prompt, next_item_prompt};
pub use lc_rec::{
    description_question, next_description_prompt, next_title_prompt, preference_prompt, title_question, titles_prompt,
};
pub use text::{query_prompt, text_prompt};
pub use token::{code_token, code_tokens, item_text, item_texts, parse_code_token};

/// The number that chooses the variant of a group's prompts: pass it to the functions that write prompts.
///
/// It depends on the seed and the group alone (a user, an item), so that all prompts of a group have one variant,
/// and therefore a common beginning.
#[must_use]
pub fn variant(seed: u64, group: u32) -> u64 {
    // The 64-bit finaliser of MurmurHash3: every bit of both numbers reaches every bit of the result.
    let mut bits = seed.rotate_left(32) ^ u64::from(group).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        bits = (bits ^ (bits >> 33)).wrapping_mul(factor);
    }
    bits ^ (bits >> 33)
}

/// All prompt templates of the paper's tasks, unfilled: the text that a tokenizer is trained on.
#[must_use]
pub fn template_corpus() -> Vec<String> {
    history::corpus().chain(text::corpus()).map(str::to_owned).collect()
}

/// The one of `variants` that the number chooses.
fn choose<T: Copy>(variants: &[T], variant: u64) -> T {
    variants[(variant % variants.len() as u64) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_of_a_variant_is_stable_and_uses_all() {
        assert_eq!(variant(2024, 7), variant(2024, 7));
        assert_ne!(variant(2024, 7), variant(2025, 7));
        let mut counts = [0; 6];
        for group in 0..6_000 {
            counts[choose(&[0, 1, 2, 3, 4, 5], variant(2024, group))] += 1;
        }
        assert!(counts.iter().all(|&count| (900..1100).contains(&count)), "{counts:?}");
    }

    #[test]
    fn the_corpus_covers_every_word_of_every_prompt() {
        let corpus = template_corpus().join(" ");
        for choice in 0..24 {
            let prompts = [
                next_item_prompt(PromptTemplate::Question, choice, &[]),
                negative_prompt(PromptTemplate::Continuation, choice, &["<a_1>"]),
                text_prompt(choice, "Lute", "Wooden"),
                text_prompt(choice, "Lute", ""),
                query_prompt(choice, "Lute"),
            ];
            for word in prompts.iter().flat_map(|prompt| prompt.split(|c: char| !c.is_alphabetic())) {
                assert!(["Lute", "Wooden", "a"].contains(&word) || corpus.contains(word), "{word}");
            }
        }
    }
}

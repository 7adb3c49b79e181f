//! Questions that start from text: which item has this title and description, and which one answers this query.

use crate::choose;

/// Text of a prompt, in order: fixed words, or a place that is filled.
enum Part {
    Words(&'static str),
    Title,
    Description,
    Query,
}

use Part::{Description, Query, Title, Words};

/// With title and description; the first is the paper's.
const DESCRIBED: [&[Part]; 4] = [
    &[
        Words("An item is called "),
        Title,
        Words(" and described as "),
        Description,
        Words(", can you tell me which item it is?"),
    ],
    &[Words("Find the item named "), Title, Words(". Its maker says: "), Description],
    &[Words("Title: "), Title, Words(". Description: "), Description, Words(". Item:")],
    &[Words("What is sold as "), Title, Words(" with the words "), Description, Words("? Give the item.")],
];

/// With a title alone.
const TITLED: [&[Part]; 3] = [
    &[Words("An item is called "), Title, Words(", can you tell me which item it is?")],
    &[Words("Title: "), Title, Words(". Item:")],
    &[Words("Which item goes by the name "), Title, Words("?")],
];

/// With the words of a user, for which the paper takes a review; the first is the paper's.
const ASKED: [&[Part]; 4] = [
    &[
        Words("You meet a user's query: "),
        Query,
        Words(". Please respond to this user by selecting an appropriate item"),
    ],
    &[Words("Someone writes: "), Query, Words(". Which item would serve them?")],
    &[Words("Pick the item that these words are about: "), Query],
    &[Words("A customer tells us "), Query, Words(". Offer one item.")],
];

/// The prompt that asks for the item with this title and description (the paper's text alignment). An empty
/// description is not mentioned.
#[must_use]
pub fn text_prompt(variant: u64, title: &str, description: &str) -> String {
    let variants: &[&[Part]] = if description.is_empty() { &TITLED } else { &DESCRIBED };
    fill(choose(variants, variant), title, description, "")
}

/// The prompt that asks for an item in answer to the words of a user.
#[must_use]
pub fn query_prompt(variant: u64, query: &str) -> String {
    fill(choose(&ASKED, variant), "", "", query)
}

pub(crate) fn corpus() -> impl Iterator<Item = &'static str> {
    let all = DESCRIBED.iter().chain(&TITLED).chain(&ASKED);
    all.flat_map(|parts| parts.iter()).filter_map(|part| match part {
        Words(words) => Some(*words),
        Title | Description | Query => None,
    })
}

fn fill(parts: &[Part], title: &str, description: &str, query: &str) -> String {
    let part = |part: &Part| match part {
        Words(words) => *words,
        Title => without_end(title),
        Description => without_end(description),
        Query => without_end(query),
    };
    parts.iter().map(part).collect()
}

/// The text without the marks at its end, since the variant goes on behind it.
fn without_end(text: &str) -> &str {
    text.trim().trim_end_matches(['.', ',', ';', ':', '!', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variants_are_the_papers() {
        assert_eq!(
            text_prompt(0, "Lute strings.", "Nylon, medium."),
            "An item is called Lute strings and described as Nylon, medium, can you tell me which item it is?"
        );
        assert_eq!(
            query_prompt(0, "Sounds warm!"),
            "You meet a user's query: Sounds warm. Please respond to this user by selecting an appropriate item"
        );
    }

    #[test]
    fn every_variant_holds_what_it_is_filled_with() {
        for variant in 0..12 {
            let prompt = text_prompt(variant, "Lute", "Wooden");
            assert!(prompt.contains("Lute") && prompt.contains("Wooden"), "{prompt}");
            assert!(text_prompt(variant, "Lute", "").contains("Lute"));
            assert!(query_prompt(variant, "warm").contains("warm"));
        }
    }
}

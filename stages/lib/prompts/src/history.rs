//! Questions after a user's history: which item comes next, and which one the user would not want.

use crate::choose;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a prompt presents a user's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PromptTemplate {
    /// As in the paper: the question follows the history, in one of several variants.
    #[default]
    Question,
    /// The history follows a fixed lead and the next item follows directly, so that each shorter history is the
    /// beginning of the longer one and training reads it once.
    Continuation,
}

/// A variant of the question: the text before the history, and the text after it that asks for the next or an unwanted item.
#[derive(Clone, Copy)]
struct Variant {
    before: &'static str,
    next: &'static str,
    hate: &'static str,
}

/// The first is the paper's example of training, with its "hate" of the negative task; the second the paper's prompt
/// of inference. Both questions of a variant share what stands before them.
const VARIANTS: [Variant; 6] = [
    Variant {
        before: "Here is the item interaction history of the user: ",
        next: ", what to recommend to the user next?",
        hate: ", what will user hate next?",
    },
    Variant {
        before: "The user has interacted with ",
        next: " in chronological order. Can you predict the next possible item that the user may expect?",
        hate: " in chronological order. Can you predict the next possible item that the user may hate?",
    },
    Variant {
        before: "Oldest first, these are the things someone took an interest in: ",
        next: ". Which item do they turn to after these?",
        hate: ". Which item would they turn away from now?",
    },
    Variant {
        before: "A shopper has picked ",
        next: " one after another. Name the item picked after them.",
        hate: " one after another. Name an item that will not be picked.",
    },
    Variant {
        before: "Given that a customer chose ",
        next: " so far, suggest a fitting item.",
        hate: " so far, name an item that does not fit.",
    },
    Variant {
        before: "This is a list in order of time: ",
        next: ". Continue it with the item that its owner will like.",
        hate: ". Give an item that its owner will dislike.",
    },
];

/// What stands between two items of a history in a question, as in LC-Rec.
const BETWEEN: &str = ", ";
/// What stands for the history of a user without one, in a question.
const NOTHING: &str = "no item yet";
/// What stands before a history that is continued.
const LEAD: &str = "Items in order of time:";
/// What follows a history that is not to be continued: the next item is an unwanted one.
const HATE: &str = " hate:";

/// The prompt that asks for the next item after `history`, a list of [`item_text`](crate::item_text)s.
#[must_use]
pub fn next_item_prompt(template: PromptTemplate, variant: u64, history: &[&str]) -> String {
    match template {
        PromptTemplate::Question => {
            let Variant { before, next, .. } = choose(&VARIANTS, variant);
            question(before, history, next)
        }
        PromptTemplate::Continuation => continuation(history, ""),
    }
}

/// The prompt that asks what the user would not want after `history` (the paper's negative sampling task).
#[must_use]
pub fn negative_prompt(template: PromptTemplate, variant: u64, history: &[&str]) -> String {
    match template {
        PromptTemplate::Question => {
            let Variant { before, hate, .. } = choose(&VARIANTS, variant);
            question(before, history, hate)
        }
        PromptTemplate::Continuation => continuation(history, HATE),
    }
}

/// The variant of the question with which the paper asks a tuned model.
pub const INFERENCE_VARIANT: u64 = 1;

/// How many variants the question has.
pub const VARIANT_COUNT: u64 = VARIANTS.len() as u64;

pub(crate) fn corpus() -> impl Iterator<Item = &'static str> {
    VARIANTS.iter().flat_map(|one| [one.before, one.next, one.hate]).chain([BETWEEN, NOTHING, LEAD, HATE])
}

fn question(before: &str, history: &[&str], after: &str) -> String {
    if history.is_empty() {
        return [before, NOTHING, after].concat();
    }
    let items: usize = history.iter().map(|item| item.len() + BETWEEN.len()).sum();
    let mut prompt = String::with_capacity(before.len() + items + after.len());
    prompt.push_str(before);
    for (place, item) in history.iter().enumerate() {
        prompt.push_str(if place == 0 { "" } else { BETWEEN });
        prompt.push_str(item);
    }
    prompt.push_str(after);
    prompt
}

fn continuation(history: &[&str], after: &str) -> String {
    let items: usize = history.iter().map(|item| item.len()).sum();
    let mut prompt = String::with_capacity(LEAD.len() + items + after.len());
    prompt.push_str(LEAD);
    prompt.extend(history.iter().copied());
    prompt.push_str(after);
    prompt
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: [&str; 3] = ["<a_1><b_2>", "<a_3><b_4>", "<a_5><b_6>"];

    #[test]
    fn the_first_variant_is_the_papers() {
        assert_eq!(
            next_item_prompt(PromptTemplate::Question, 0, &HISTORY[..2]),
            "Here is the item interaction history of the user: <a_1><b_2>, <a_3><b_4>, what to recommend to the user next?"
        );
        assert_eq!(
            negative_prompt(PromptTemplate::Question, 0, &HISTORY[..1]),
            "Here is the item interaction history of the user: <a_1><b_2>, what will user hate next?"
        );
    }

    #[test]
    fn a_model_is_asked_in_the_words_of_the_paper() {
        let asked = next_item_prompt(PromptTemplate::Question, INFERENCE_VARIANT, &HISTORY[..1]);
        let expected = "The user has interacted with <a_1><b_2> in chronological order. Can you predict the next possible item that \
                        the user may expect?";
        assert_eq!(asked, expected);
    }

    #[test]
    fn a_continued_history_begins_with_each_shorter_one_and_its_answer() {
        let long = next_item_prompt(PromptTemplate::Continuation, 1, &HISTORY);
        for length in 0..3 {
            let short = next_item_prompt(PromptTemplate::Continuation, 1, &HISTORY[..length]) + HISTORY[length];
            assert!(long.starts_with(&short), "{long} does not begin with {short}");
        }
        assert!(negative_prompt(PromptTemplate::Continuation, 1, &HISTORY).starts_with(&long));
    }

    #[test]
    fn both_questions_of_a_variant_share_the_history() {
        for variant in 0..6 {
            let next = next_item_prompt(PromptTemplate::Question, variant, &HISTORY);
            let hate = negative_prompt(PromptTemplate::Question, variant, &HISTORY);
            let end = next.find(HISTORY[2]).unwrap() + HISTORY[2].len();
            assert_eq!(next[..end], hate[..end]);
            assert_ne!(next, hate);
        }
    }

    #[test]
    fn a_user_without_history_can_be_asked() {
        let asked = next_item_prompt(PromptTemplate::Question, INFERENCE_VARIANT, &[]);
        assert!(asked.starts_with("The user has interacted with no item yet in"), "{asked}");
        assert_eq!(next_item_prompt(PromptTemplate::Continuation, 0, &[]), LEAD);
    }
}

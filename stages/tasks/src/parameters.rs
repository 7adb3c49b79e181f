//! What can be set.

use prompts::PromptTemplate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The parameters of the stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// The prompt template of a history: `question` as in the paper, or `continuation`, where each shorter history is the
    /// beginning of the longer one. Give the stage `precache` the same one.
    pub prompt_template: PromptTemplate,
    /// Whether to ask for the next item.
    pub next_item: bool,
    /// Whether to ask for the item behind a title and description. Without `items` there is no such sample.
    pub text: bool,
    /// Whether `text` and `item_text` ask about items without a training row too: their text is known before anyone chooses them.
    pub text_of_new_items: bool,
    /// Whether to ask for the item behind a review. Without `reviews` there is no such sample.
    pub query: bool,
    /// How many reviews are drawn for `query` at most; 0 for all.
    pub query_samples: usize,
    /// Whether to ask for title and description of an item, a task of LC-Rec. Without `items` there is no such sample.
    pub item_text: bool,
    /// Whether to join histories and text, a task of LC-Rec: titles before an item, items before a title or description.
    pub text_history: bool,
    /// How many samples of `text_history` are drawn at most; 0 for all.
    pub text_history_samples: usize,
    /// Whether to ask for what users prefer, a task of LC-Rec. Needs `preferences` and `users`.
    pub preference: bool,
    /// Negative samples for each positive one: the r of the paper's ratio 1:r.
    #[schemars(range(max = 100))]
    pub negatives: u32,
    /// Which training items of a user are labels of the next-item task: `every` one after the first, or the last one
    /// alone (`longest`).
    pub histories: Histories,
    /// Behind which of these histories negative samples are asked for: `every` one, or the `longest` of each user.
    pub negative_histories: Histories,
    /// Where a history begins that is longer than the data's `max_history` allows: at the most recent items (`sliding`),
    /// or at every half of `max_history` (`anchored`), so that the histories of a long sequence share their beginnings.
    pub windows: Windows,
    /// Which way training sequences are read: `forward` in time, or in `both` directions, where each sequence is
    /// repeated in reverse, so that what was chosen close together is learned in either order.
    pub directions: Directions,
    /// Whether to write `choice` and `choice_questions`: the samples that are left without each user's last training item, and
    /// the questions about these items. Where `ingest` holds out validation items there are none.
    pub hold_out: bool,
    /// How many items a history must have to be asked about.
    pub min_history: usize,
    /// How many words of a description are kept. 0 leaves descriptions out.
    pub description_words: usize,
    /// How many words of a review are kept.
    #[schemars(range(min = 1))]
    pub query_words: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            prompt_template: PromptTemplate::Question,
            next_item: true,
            text: true,
            text_of_new_items: true,
            query: true,
            query_samples: 0,
            item_text: false,
            text_history: false,
            text_history_samples: 0,
            preference: false,
            negatives: 3,
            histories: Histories::Every,
            negative_histories: Histories::Every,
            windows: Windows::Sliding,
            directions: Directions::Forward,
            hold_out: false,
            min_history: 1,
            description_words: 64,
            query_words: 48,
        }
    }
}

/// Which beginnings of a user's training sequence are histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Histories {
    /// Every one.
    Every,
    /// The longest: all training items but the last.
    Longest,
}

/// Where a history begins when the sequence before its label is longer than a history may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Windows {
    /// At the item that makes it as long as it may be.
    Sliding,
    /// At a multiple of half of that length, the first that makes it short enough.
    Anchored,
}

/// Which way training sequences are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Directions {
    /// In the order of time.
    Forward,
    /// In the order of time and reversed.
    Both,
}

impl Windows {
    /// The oldest item of the history before `label`, which may have `longest` items.
    pub(crate) fn oldest(self, label: usize, longest: usize) -> usize {
        let excess = label.saturating_sub(longest);
        match self {
            Self::Sliding => excess,
            Self::Anchored => excess.next_multiple_of((longest / 2).max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchored_histories_share_beginnings_and_are_never_too_long() {
        for label in 0..100 {
            let oldest = Windows::Anchored.oldest(label, 20);
            assert!(oldest.is_multiple_of(10) && label - oldest <= 20 && (label <= 20 || label - oldest > 10));
        }
        assert_eq!(Windows::Sliding.oldest(25, 20), 5);
    }
}

//! The tasks of LC-Rec (Zheng et al., 2024), that the paper leaves out: text about items and users as
//! the answer, and histories of titles. The variants are ours.

use crate::choose;

/// What is asked about an item: words before it and behind it.
type Around = (&'static str, &'static str);

const TITLE_OF: [Around; 4] = [
    ("What is the item ", " called?"),
    ("Give the title of ", "."),
    ("Under which name is ", " sold?"),
    ("Item ", ". Title:"),
];

const DESCRIPTION_OF: [Around; 4] = [
    ("How is the item ", " described?"),
    ("Tell a customer what ", " is."),
    ("What does its maker say of ", "?"),
    ("Item ", ". Description:"),
];

const AFTER_TITLES: [Around; 4] = [
    ("A user chose items with these titles, oldest first: ", ". Which item comes next?"),
    ("Titles of what a shopper bought, in order of time: ", ". Name the item bought after them."),
    ("Someone took an interest in ", ", one after another. Pick the item that follows."),
    ("History of titles: ", ". Next item:"),
];

const NEXT_TITLE: [Around; 3] = [
    ("After the items ", ", what is the title of the next one?"),
    ("A user went through ", ". What is the item called that they turn to now?"),
    ("History: ", ". Title of the next item:"),
];

const NEXT_DESCRIPTION: [Around; 3] = [
    ("After the items ", ", how would you describe the next one?"),
    ("A user went through ", ". Describe the item that they turn to now."),
    ("History: ", ". Description of the next item:"),
];

const PREFERENCE: [Around; 4] = [
    ("What does a user like who chose ", "?"),
    ("From the items ", " tell what their owner prefers."),
    ("Sum up the taste behind this history: ", "."),
    ("History: ", ". Preference:"),
];

const BETWEEN: &str = ", ";

/// Asks for the title of an item, which is given by its tokens.
#[must_use]
pub fn title_question(variant: u64, item: &str) -> String {
    around(choose(&TITLE_OF, variant), item)
}

/// Asks for the description of an item, which is given by its tokens.
#[must_use]
pub fn description_question(variant: u64, item: &str) -> String {
    around(choose(&DESCRIPTION_OF, variant), item)
}

/// Asks for the item after others that are given by their titles.
#[must_use]
pub fn titles_prompt(variant: u64, titles: &[&str]) -> String {
    around(choose(&AFTER_TITLES, variant), &titles.join(BETWEEN))
}

/// Asks for the title of the item after a history.
#[must_use]
pub fn next_title_prompt(variant: u64, history: &[&str]) -> String {
    around(choose(&NEXT_TITLE, variant), &history.join(BETWEEN))
}

/// Asks for the description of the item after a history.
#[must_use]
pub fn next_description_prompt(variant: u64, history: &[&str]) -> String {
    around(choose(&NEXT_DESCRIPTION, variant), &history.join(BETWEEN))
}

/// Asks for what a user with this history likes.
#[must_use]
pub fn preference_prompt(variant: u64, history: &[&str]) -> String {
    around(choose(&PREFERENCE, variant), &history.join(BETWEEN))
}

fn around((before, behind): Around, middle: &str) -> String {
    [before, middle, behind].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Prompt = fn(u64) -> String;

    #[test]
    fn prompt_variants_are_distinct_and_complete() {
        let asked: [(Prompt, usize); 6] = [
            (|variant| title_question(variant, "<a_1>"), 4),
            (|variant| description_question(variant, "<a_1>"), 4),
            (|variant| titles_prompt(variant, &["<a_1>", "<a_2>"]), 4),
            (|variant| next_title_prompt(variant, &["<a_1>", "<a_2>"]), 3),
            (|variant| next_description_prompt(variant, &["<a_1>", "<a_2>"]), 3),
            (|variant| preference_prompt(variant, &["<a_1>", "<a_2>"]), 4),
        ];
        let mut all = std::collections::BTreeSet::new();
        for (prompt, count) in asked {
            let texts: std::collections::BTreeSet<String> = (0..12).map(prompt).collect();
            assert_eq!(texts.len(), count);
            assert!(texts.iter().all(|text| text.contains("<a_1>")));
            all.extend(texts);
        }
        assert_eq!(all.len(), 22);
    }
}

//! Samples of the tasks of LC-Rec: text about an item, histories of titles, and what users prefer.

use crate::parameters::Parameters;
use crate::report::Reason;
use crate::text::{AskedItem, asked_items, drawn, first_words};
use crate::{Material, Samples};
use frames::Items;
use prompts::{TaskKind, variant};

/// Adds a question for the title, and one for the description, of each item that has it.
pub(crate) fn add_item_texts(samples: &mut Samples, material: &Material, parameters: &Parameters, seed: u64) {
    if !parameters.item_text {
        return;
    }
    for AskedItem { title, description, codes } in asked_items(material, parameters, &mut samples.report) {
        let group = samples.next_group();
        let variant = variant(seed, group);
        samples.add(group, TaskKind::ItemText, prompts::title_question(variant, codes), title.trim());
        let description = first_words(description, parameters.description_words);
        if !description.is_empty() {
            samples.add(group, TaskKind::ItemText, prompts::description_question(variant, codes), &description);
        }
    }
}

/// Adds questions that join histories and text: titles before an item, and items before a title or a description. A
/// history has one of the three, by turns.
pub(crate) fn add_text_histories(samples: &mut Samples, material: &Material, parameters: &Parameters, seed: u64) {
    if !parameters.text_history {
        return;
    }
    let Some(items) = &material.items else {
        samples.report.leave_out(Reason::ItemsNotBound);
        return;
    };
    let histories = material.sequences.iter().flat_map(|sequence| {
        let first = parameters.min_history.max(1);
        (first..sequence.len()).map(move |label| (sequence, label))
    });
    let histories: Vec<(&Vec<u32>, usize)> = histories.collect();
    for (place, form) in
        drawn(histories.len(), parameters.text_history_samples, seed).into_iter().zip(FORMS.iter().cycle())
    {
        let (sequence, label) = histories[place];
        let oldest = parameters.windows.oldest(label, material.max_history);
        let group = samples.next_group();
        let sample =
            form.write(material, items, &sequence[oldest..label], sequence[label], parameters, variant(seed, group));
        match sample {
            Some((prompt, answer)) => samples.add(group, TaskKind::TextHistory, prompt, &answer),
            None => samples.report.leave_out(Reason::NoTitle),
        }
    }
}

/// Adds a question for each text about what a user prefers, after all that the user trained on.
pub(crate) fn add_preferences(samples: &mut Samples, material: &Material, parameters: &Parameters, seed: u64) {
    if !parameters.preference {
        return;
    }
    let Some(preferences) = &material.preferences else {
        samples.report.leave_out(Reason::PreferencesNotBound);
        return;
    };
    for (sequence, texts) in material.sequences.iter().zip(preferences) {
        if sequence.len() < parameters.min_history.max(1) {
            continue;
        }
        let oldest = parameters.windows.oldest(sequence.len(), material.max_history);
        let history = texts_of(material, &sequence[oldest..]);
        for text in texts.iter().filter(|text| !text.trim().is_empty()) {
            let group = samples.next_group();
            let prompt = prompts::preference_prompt(variant(seed, group), &history);
            samples.add(group, TaskKind::Preference, prompt, text.trim());
        }
    }
}

/// The ways in which a history and text are joined.
#[derive(Clone, Copy)]
enum Form {
    TitlesToItem,
    ItemsToTitle,
    ItemsToDescription,
}

const FORMS: [Form; 3] = [Form::TitlesToItem, Form::ItemsToTitle, Form::ItemsToDescription];

impl Form {
    /// Question and answer, if the items have the text that they need.
    fn write(
        self,
        material: &Material,
        items: &Items,
        history: &[u32],
        label: u32,
        parameters: &Parameters,
        variant: u64,
    ) -> Option<(String, String)> {
        let title = |item: u32| Some(items.title[item as usize].trim()).filter(|title| !title.is_empty());
        let codes = || texts_of(material, history);
        match self {
            Self::TitlesToItem => {
                let titles = history.iter().map(|&item| title(item)).collect::<Option<Vec<_>>>()?;
                Some((prompts::titles_prompt(variant, &titles), material.item_texts[label as usize].clone()))
            }
            Self::ItemsToTitle => Some((prompts::next_title_prompt(variant, &codes()), title(label)?.to_owned())),
            Self::ItemsToDescription => {
                let description = first_words(&items.description[label as usize], parameters.description_words);
                let answer = if description.is_empty() { title(label)?.to_owned() } else { description };
                Some((prompts::next_description_prompt(variant, &codes()), answer))
            }
        }
    }
}

fn texts_of<'a>(material: &'a Material, history: &[u32]) -> Vec<&'a str> {
    history.iter().map(|&item| material.item_texts[item as usize].as_str()).collect()
}

//! Samples from text: titles and descriptions of items, and users' reviews.

use crate::parameters::Parameters;
use crate::report::{Reason, Report};
use crate::{Material, Samples};
use prompts::{TaskKind, query_prompt, text_prompt, variant};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Adds a sample for each item that has a title.
pub(crate) fn add_texts(samples: &mut Samples, material: &Material, parameters: &Parameters, seed: u64) {
    if !parameters.text {
        return;
    }
    for AskedItem { title, description, codes } in asked_items(material, parameters, &mut samples.report) {
        let group = samples.next_group();
        let description = first_words(description, parameters.description_words);
        let prompt = text_prompt(variant(seed, group), title, &description);
        samples.add(group, TaskKind::Text, prompt, codes);
    }
}

/// An item whose text is asked about.
#[derive(Debug)]
pub(crate) struct AskedItem<'a> {
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    /// Its codes as text.
    pub(crate) codes: &'a str,
}

/// The items that have a title and, with `text_of_new_items` off, a training row; others are reported.
pub(crate) fn asked_items<'a>(
    material: &'a Material,
    parameters: &Parameters,
    report: &mut Report,
) -> Vec<AskedItem<'a>> {
    let Some(items) = &material.items else {
        report.leave_out(Reason::ItemsNotBound);
        return Vec::new();
    };
    let mut asked = Vec::new();
    for (place, codes) in material.item_texts.iter().enumerate() {
        let (title, description) = (&items.title[place], &items.description[place]);
        if !parameters.text_of_new_items && !material.is_trained[place] {
            report.leave_out(Reason::NewItem);
        } else if title.trim().is_empty() {
            report.leave_out(Reason::NoTitle);
        } else {
            asked.push(AskedItem { title, description, codes });
        }
    }
    asked
}

/// Adds a sample for each review of a training interaction.
pub(crate) fn add_queries(samples: &mut Samples, material: &Material, parameters: &Parameters, seed: u64) {
    if !parameters.query {
        return;
    }
    let Some(reviews) = &material.reviews else {
        samples.report.leave_out(Reason::ReviewsNotBound);
        return;
    };
    let mut usable = Vec::new();
    for ((&user, &item), text) in reviews.user.iter().zip(&reviews.item).zip(&reviews.text) {
        let trained = material.sequences.get(user as usize).is_some_and(|sequence| sequence.contains(&item));
        if !trained {
            samples.report.leave_out(Reason::HeldOutReview);
        } else if text.trim().is_empty() {
            samples.report.leave_out(Reason::EmptyReview);
        } else {
            usable.push((item, text));
        }
    }
    for place in drawn(usable.len(), parameters.query_samples, seed) {
        let (item, text) = usable[place];
        let group = samples.next_group();
        let prompt = query_prompt(variant(seed, group), &first_words(text, parameters.query_words));
        samples.add(group, TaskKind::Query, prompt, &material.item_texts[item as usize]);
    }
}

pub(crate) fn first_words(text: &str, count: usize) -> String {
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

/// At most `most` of `count` places, ascending; all where `most` is 0.
pub(crate) fn drawn(count: usize, most: usize, seed: u64) -> Vec<usize> {
    if most == 0 || most >= count {
        return (0..count).collect();
    }
    let mut places = rand::seq::index::sample(&mut ChaCha8Rng::seed_from_u64(seed), count, most).into_vec();
    places.sort_unstable();
    places
}

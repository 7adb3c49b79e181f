//! Samples from users' sequences: the next item, and items that the user would not want.

use crate::parameters::{Directions, Histories, Parameters};
use crate::report::Reason;
use crate::{Material, Samples};
use frames::Prompts;
use prompts::{TaskKind, negative_prompt, next_item_prompt, variant};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use recommender::UserItems;

/// Adds the samples of all users; user u is group u; a reversed sequence is a group of its own after those.
pub(crate) fn add(samples: &mut Samples, material: &Material, parameters: &Parameters, seed: u64) {
    for (user, sequence) in (0_u32..).zip(&material.sequences) {
        let group = samples.next_group();
        if sequence.len() <= parameters.min_history {
            samples.report.leave_out(Reason::ShortHistory);
            continue;
        }
        let items = UserItems::new(sequence, material.item_texts.len());
        // A random stream for each user, so that one user's draws do not depend on another's sequence.
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(u64::from(user));
        let user = User { group, variant: variant(seed, user), sequence };
        user.add_all(samples, material, parameters, |count| items.draw_distinct(count as usize, &mut random));
    }
    if parameters.directions == Directions::Both {
        add_reversed(samples, material, parameters, seed);
    }
}

/// Adds the next-item samples of each sequence, reversed. What a user did not want has no order, so there
/// are no negatives.
fn add_reversed(samples: &mut Samples, material: &Material, parameters: &Parameters, seed: u64) {
    for (user, sequence) in (0_u32..).zip(&material.sequences) {
        if sequence.len() > parameters.min_history {
            let sequence: Vec<u32> = sequence.iter().rev().copied().collect();
            let user = User { group: samples.next_group(), variant: variant(seed, user), sequence: &sequence };
            user.add_all(samples, material, parameters, |_| Vec::new());
        }
    }
}

/// The next-item question about each validation item, after all that the user trained on.
pub(crate) fn validation(material: &Material, parameters: &Parameters, seed: u64) -> Prompts {
    let mut samples = Samples::default();
    for ((user, sequence), held_out) in (0_u32..).zip(&material.sequences).zip(&material.validation) {
        let group = samples.next_group();
        if sequence.len() < parameters.min_history.max(1) {
            continue;
        }
        for &item in held_out {
            let whole = [sequence.as_slice(), &[item]].concat();
            let user = User { group, variant: variant(seed, user), sequence: &whole };
            user.add(&mut samples, material, parameters, sequence.len(), &[]);
        }
    }
    Prompts(samples.prompts)
}

struct User<'a> {
    group: u32,
    variant: u64,
    sequence: &'a [u32],
}

impl User<'_> {
    /// Adds the samples of every history that is asked about, with as many negatives as `draw` is asked for.
    fn add_all(
        &self,
        samples: &mut Samples,
        material: &Material,
        parameters: &Parameters,
        mut draw: impl FnMut(u32) -> Vec<u32>,
    ) {
        let last = self.sequence.len() - 1;
        let first = match parameters.histories {
            Histories::Every => parameters.min_history,
            Histories::Longest => last,
        };
        for label in first..=last {
            let asks_negative = parameters.negative_histories == Histories::Every || label == last;
            let negatives = if asks_negative { draw(parameters.negatives) } else { Vec::new() };
            self.add(samples, material, parameters, label, &negatives);
        }
    }

    /// Adds the positive sample whose label is the item at `label`, and the `negatives` behind the same history.
    fn add(
        &self,
        samples: &mut Samples,
        material: &Material,
        parameters: &Parameters,
        label: usize,
        negatives: &[u32],
    ) {
        let text = |item: u32| material.item_texts[item as usize].as_str();
        let oldest = parameters.windows.oldest(label, material.max_history);
        let history: Vec<&str> = self.sequence[oldest..label].iter().map(|&item| text(item)).collect();
        if parameters.next_item {
            let prompt = next_item_prompt(parameters.prompt_template, self.variant, &history);
            samples.add(self.group, TaskKind::NextItem, prompt, text(self.sequence[label]));
        }
        if !negatives.is_empty() {
            let prompt = negative_prompt(parameters.prompt_template, self.variant, &history);
            for &item in negatives {
                samples.add(self.group, TaskKind::Negative, prompt.clone(), text(item));
            }
        }
    }
}

//! Samples from users' sequences: the next item, and items that the user would not want.

use crate::negatives::Negatives;
use crate::parameters::{Histories, Parameters};
use crate::report::Reason;
use crate::{Material, Samples};
use frames::Prompts;
use prompts::{TaskKind, negative_prompt, next_item_prompt, wording};

/// Adds the samples of all users; user u is group u.
pub(crate) fn add(samples: &mut Samples, material: &Material, parameters: &Parameters, seed: u64) {
    for (user, sequence) in (0_u32..).zip(&material.sequences) {
        let group = samples.next_group();
        let last = sequence.len().saturating_sub(1);
        if sequence.len() <= parameters.min_history {
            samples.report.leave_out(Reason::ShortHistory);
            continue;
        }
        let first = match parameters.histories {
            Histories::Every => parameters.min_history,
            Histories::Longest => last,
        };
        let mut negatives = Negatives::of_user(sequence, material.item_texts.len(), seed, user);
        let user = User { group, wording: wording(seed, user), sequence };
        for label in first..sequence.len() {
            let asks_negative = parameters.negative_histories == Histories::Every || label == last;
            let drawn = if asks_negative { negatives.draw(parameters.negatives) } else { Vec::new() };
            user.add(samples, material, parameters, label, &drawn);
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
            let user = User { group, wording: wording(seed, user), sequence: &whole };
            user.add(&mut samples, material, parameters, sequence.len(), &[]);
        }
    }
    Prompts(samples.prompts)
}

struct User<'a> {
    group: u32,
    wording: u64,
    sequence: &'a [u32],
}

impl User<'_> {
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
            let prompt = next_item_prompt(parameters.phrasing, self.wording, &history);
            samples.add(self.group, TaskKind::NextItem, prompt, text(self.sequence[label]));
        }
        if !negatives.is_empty() {
            let prompt = negative_prompt(parameters.phrasing, self.wording, &history);
            for &item in negatives {
                samples.add(self.group, TaskKind::Negative, prompt.clone(), text(item));
            }
        }
    }
}

//! The account of what was written and what was left out.

use prompts::TaskKind;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// The paper's own tasks, which are told of even where they give no sample.
const PAPERS: [TaskKind; 4] = [TaskKind::NextItem, TaskKind::Negative, TaskKind::Text, TaskKind::Query];

/// How many samples of each kind there are, and what was left out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// By kind; a kind without samples is listed with 0.
    #[serde(serialize_with = "by_word")]
    samples: BTreeMap<TaskKind, u64>,
    /// Users, texts and queries.
    pub(crate) groups: u32,
    /// How often something was left out, by reason.
    left_out: BTreeMap<Reason, u64>,
}

/// Why something gave no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// A user with too few training items for a history and a label.
    ShortHistory,
    /// The text task is on, and no items are bound.
    ItemsNotBound,
    /// The query task is on, and no reviews are bound.
    ReviewsNotBound,
    /// An item without a training row, and `text_of_new_items` is off.
    NewItem,
    /// An item without a title.
    NoTitle,
    /// A review of an interaction that is not a training interaction.
    HeldOutReview,
    /// A review without words.
    EmptyReview,
    /// The preference task is on, and no preferences or users are bound.
    PreferencesNotBound,
}

impl Default for Report {
    fn default() -> Self {
        Self { samples: TaskKind::ALL.map(|kind| (kind, 0)).into(), groups: 0, left_out: BTreeMap::new() }
    }
}

impl Report {
    pub(crate) fn count(&mut self, kind: TaskKind) {
        *self.samples.entry(kind).or_default() += 1;
    }

    pub(crate) fn leave_out(&mut self, reason: Reason) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    /// The same for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let is_told = |kind: TaskKind, count: u64| count > 0 || PAPERS.contains(&kind);
        let told = self.samples.iter().filter(|&(&kind, &count)| is_told(kind, count));
        let samples: Vec<String> = told.map(|(kind, count)| format!("{count} {}", kind.as_str())).collect();
        let left_out = self.left_out.iter().map(|(reason, count)| match reason {
            Reason::ShortHistory => format!("left out: {count} users with too few training items"),
            Reason::ItemsNotBound => "no text samples: no items are bound".to_owned(),
            Reason::ReviewsNotBound => "no query samples: no reviews are bound".to_owned(),
            Reason::NewItem => format!("left out: the text of {count} items without a training row"),
            Reason::NoTitle => format!("left out: {count} items without a title"),
            Reason::HeldOutReview => format!("left out: {count} reviews of interactions that are held out"),
            Reason::EmptyReview => format!("left out: {count} reviews without words"),
            Reason::PreferencesNotBound => "no preference samples: preferences and users are not both bound".to_owned(),
        });
        std::iter::once(format!("samples: {}", samples.join(", "))).chain(left_out).collect()
    }
}

fn by_word<S: Serializer>(samples: &BTreeMap<TaskKind, u64>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(samples.iter().map(|(kind, count)| (kind.as_str(), count)))
}

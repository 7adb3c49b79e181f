//! Adding a row to a batch: the threshold of ratings, cleaning, and the text of a summary and a review.

use crate::clean::clean_text;
use crate::parameters::{Cleaning, Parameters};
use crate::table::Batch;
use crate::time::Time;
use std::borrow::Cow;

/// A row as it was read.
#[derive(Debug)]
pub(super) struct ReviewRow<'a> {
    /// The original identifier of the user.
    pub(super) user: &'a str,
    /// The original identifier of the item.
    pub(super) item: &'a str,
    /// When; `None` where the form has no times.
    pub(super) time: Option<Time>,
    /// The rating; only looked at where a threshold is set.
    pub(super) rating: Option<f64>,
    /// The headline, where the form has one.
    pub(super) summary: Written<'a>,
    /// The text.
    pub(super) text: Written<'a>,
}

/// A text of a row.
#[derive(Debug)]
pub(super) enum Written<'a> {
    /// The form has none.
    None,
    /// The row has none.
    Absent,
    /// As published; not cleaned.
    Text(Cow<'a, str>),
}

impl ReviewRow<'_> {
    /// Counts the row, and adds it unless it rates too low.
    pub(super) fn add_to(&self, batch: &mut Batch, parameters: &Parameters) {
        let seen = &mut batch.seen;
        seen.read += 1;
        if let Some(time) = self.time {
            seen.count_time(time.seconds);
            seen.times_in_finer_units += usize::from(time.is_finer);
        }
        let is_empty = |written: &Written<'_>, cleaned: &str| cleaned.is_empty() && !matches!(written, Written::None);
        let (summary, text) = (self.summary.cleaned(parameters.cleaning), self.text.cleaned(parameters.cleaning));
        seen.without_summary += usize::from(is_empty(&self.summary, &summary));
        seen.without_text += usize::from(is_empty(&self.text, &text));
        seen.with_empty_text += usize::from(text.is_empty() && matches!(self.text, Written::Text(_)));
        if parameters.min_rating > 0.0 && self.rating.is_some_and(|rating| rating < parameters.min_rating) {
            seen.rated_too_low += 1;
            return;
        }
        batch.users.push(self.user);
        batch.items.push(self.item);
        batch.times.push(self.time.map_or(0, |time| time.seconds));
        let start = batch.texts.start();
        let joined = batch.texts.open();
        join(&summary, &text, joined);
        if let Some(most) = parameters.max_text
            && let Some((end, _)) = joined[start..].char_indices().nth(most)
        {
            joined.truncate(start + end);
            seen.texts_cut += 1;
        }
        batch.texts.end();
    }
}

impl Written<'_> {
    /// The text, cleaned; empty where there is none.
    fn cleaned(&self, cleaning: Cleaning) -> Cow<'_, str> {
        match self {
            Self::Text(text) => clean_text(text, cleaning),
            Self::None | Self::Absent => Cow::Borrowed(""),
        }
    }
}

/// Appends a summary and a review text as one string.
fn join(summary: &str, text: &str, joined: &mut String) {
    joined.push_str(summary);
    if !summary.is_empty() && !text.is_empty() {
        joined.push_str(if summary.ends_with(['.', '!', '?']) { " " } else { ". " });
    }
    joined.push_str(text);
}

//! What one block of a file gives: rows in columns, counts, and the rows that could not be read.

use crate::source::BadRow;
use crate::table::Strings;
use serde::Serialize;

/// The rows of a block.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Original identifiers of users.
    pub(crate) users: Strings,
    /// Original identifiers of items.
    pub(crate) items: Strings,
    /// Seconds since 1970, or the number of the row where the form has no time.
    pub(crate) times: Vec<i64>,
    /// What users wrote, cleaned.
    pub(crate) texts: Strings,
    /// What was seen.
    pub(crate) seen: Seen,
    /// The rows that could not be read.
    pub(crate) bad: Vec<BadRow>,
}

/// Counts of what readers see, over all rows read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    /// Rows in the files, without those that could not be read.
    pub(crate) read: usize,
    /// Rows that rate below `min_rating`.
    pub(crate) rated_too_low: usize,
    /// Rows whose text is absent or empty.
    pub(crate) without_text: usize,
    /// Rows whose text is there and empty.
    pub(crate) with_empty_text: usize,
    /// Rows without a summary, or with an empty one.
    pub(crate) without_summary: usize,
    /// Rows whose text was cut at `max_text`.
    pub(crate) texts_cut: usize,
    /// Rows whose time is a whole day.
    pub(crate) whole_day_times: usize,
    /// Rows whose time is finer than seconds: milliseconds, microseconds or nanoseconds.
    pub(crate) times_in_finer_units: usize,
    /// Rows whose time is before 1970.
    pub(crate) times_before_1970: usize,
}

impl Batch {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }
}

impl Seen {
    /// Counts a time in seconds.
    pub(crate) fn count_time(&mut self, time: i64) {
        const SECONDS_A_DAY: i64 = 86_400;
        self.whole_day_times += usize::from(time % SECONDS_A_DAY == 0);
        self.times_before_1970 += usize::from(time < 0);
    }

    /// Adds the counts of another block.
    pub(crate) fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.rated_too_low += other.rated_too_low;
        self.without_text += other.without_text;
        self.with_empty_text += other.with_empty_text;
        self.without_summary += other.without_summary;
        self.texts_cut += other.texts_cut;
        self.whole_day_times += other.whole_day_times;
        self.times_in_finer_units += other.times_in_finer_units;
        self.times_before_1970 += other.times_before_1970;
    }
}

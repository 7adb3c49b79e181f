//! Checks of what was read, each a sentence where it fails.

use crate::report::{Report, Source};

impl Report {
    /// The checks that fail.
    pub(super) fn checks(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut check = |fails: bool, warning: String| {
            if fails {
                warnings.push(warning);
            }
        };
        if let Source::Raw { reviews, metadata } = &self.source {
            for (noun, rows) in [("rows", &reviews.bad_rows), ("lines of metadata", &metadata.bad_rows)] {
                check(rows.skipped > 0, format!("{} {noun} could not be read and were skipped", rows.skipped));
                check(rows.damaged_files > 0, format!("{} files could not be read to their end", rows.damaged_files));
            }
            check(
                !reviews.has_times,
                "the files have no times: the order of lines was taken as the order of time".to_owned(),
            );
            check(reviews.times_before_1970 > 0, format!("{} rows have a time before 1970", reviews.times_before_1970));
            // Some times in another unit than the others are an error in the data; all are its unit.
            let finer = reviews.times_in_finer_units;
            check(
                finer > 0 && finer < reviews.read,
                format!("{finer} of {} rows have a time in a finer unit than seconds", reviews.read),
            );
        }
        let result = &self.result;
        if let Some(leakage) = &self.leakage {
            let tied = leakage.test_item_tied_in_time;
            check(
                result.test == 0,
                format!("no user has a test item: {} users have too few interactions", result.users_that_only_train),
            );
            check(
                leakage.test_item_in_history > 0,
                format!(
                    "{} test items are in the history of their user: do not exclude seen items",
                    leakage.test_item_in_history
                ),
            );
            check(
                leakage.test_item_before_history > 0,
                format!("{} test items are older than the history of their user", leakage.test_item_before_history),
            );
            check(
                leakage.next_number_hit_rate > 0.05 && result.items > 100,
                format!(
                    "ID leak: the number after the last item's is the test item for {:.1} % of users",
                    100.0 * leakage.next_number_hit_rate
                ),
            );
            check(
                10 * tied > 3 * result.test && result.test > 0,
                format!(
                    "{tied} of {} test items have the same time as the item before: a hash decided which of them tests",
                    result.test
                ),
            );
        }
        warnings
    }
}

//! Some of the users, the same ones on every machine.

use crate::table::Table;
use contract::Result;
use serde::Serialize;

/// What a sample of the users left out; all 0 where all are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    /// Users with interactions that are not in the sample.
    pub(crate) users: usize,
    /// Their interactions.
    pub(crate) interactions: usize,
}

/// Keeps the users of smallest hash, as many as are wanted; all where there are no more, or no number is given. Rows must be
/// ordered, which puts users in the order of their hashes.
pub(crate) fn keep_sample(table: &mut Table, wanted: Option<usize>) -> Result<LeftOut> {
    let mut left_out = LeftOut::default();
    let Some(mut left) = wanted else { return Ok(left_out) };
    table.drop_rows(|rows| {
        let mut kept = 0;
        for sequence in rows.sequences() {
            if left > 0 {
                left -= 1;
                kept = sequence.end;
            } else {
                left_out.users += 1;
                left_out.interactions += sequence.len();
            }
        }
        rows.truncate(kept);
    })?;
    Ok(left_out)
}

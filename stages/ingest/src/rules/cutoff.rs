//! The split at a time that is the same for all users.

use crate::parameters::{Holdout, Parameters};
use crate::rules::LeftOut;
use crate::table::Table;
use crate::time;
use contract::{Failure, FailureKind, Result};
use frames::Split;

/// The times from which on interactions validate and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cutoffs {
    validation: Option<i64>,
    test: i64,
}

impl Cutoffs {
    /// The cut-offs that the parameters name, if they split by time.
    pub(crate) fn of(parameters: &Parameters) -> Result<Option<Self>> {
        let conflict = |message: String, hint: &str| Err(Failure::new(FailureKind::Conflict, message).hint(hint));
        let Parameters { holdout, test_from, validation_from, .. } = parameters;
        if *holdout != Holdout::Time {
            return match test_from.as_ref().or(validation_from.as_ref()) {
                None => Ok(None),
                Some(_) => {
                    let message =
                        format!("test_from and validation_from mean nothing with holdout = \"{}\"", holdout.as_str());
                    conflict(message, "set holdout = \"time\", or leave them out")
                }
            };
        }
        let seconds = |name: &str, text: &String| {
            time::of_text(text).map(|time| time.seconds).ok_or_else(|| {
                let message = format!("{name} is \"{text}\", expected {}", time::EXPECTED);
                Failure::new(FailureKind::Conflict, message)
            })
        };
        let Some(test) = test_from else {
            return conflict(
                "holdout is \"time\", but test_from is not set".into(),
                "set it to a date such as \"2018-01-31\"",
            );
        };
        let test = seconds("test_from", test)?;
        let validation = validation_from.as_ref().map(|text| seconds("validation_from", text)).transpose()?;
        if validation.is_some_and(|validation| validation >= test) {
            return conflict("validation_from is not before test_from".into(), "validation comes before the test");
        }
        Ok(Some(Self { validation, test }))
    }

    /// What a row of that time is used for.
    pub(crate) fn split(self, time: i64) -> Split {
        match self.validation {
            _ if time >= self.test => Split::Test,
            Some(validation) if time >= validation => Split::Validation,
            _ => Split::Train,
        }
    }

    /// Drops users without a row that trains: nothing is known of them before the test. Rows must be ordered.
    pub(crate) fn drop_unknown_users(self, table: &mut Table) -> Result<LeftOut> {
        let mut left_out = LeftOut::default();
        table.drop_rows(|rows| {
            let mut is_kept = vec![true; rows.len()];
            for sequence in rows.sequences().filter(|sequence| self.split(rows.time[sequence.start]) != Split::Train) {
                left_out.users += 1;
                left_out.interactions += sequence.len();
                is_kept[sequence].fill(false);
            }
            rows.retain(|_, row| is_kept[row]);
        })?;
        Ok(left_out)
    }
}

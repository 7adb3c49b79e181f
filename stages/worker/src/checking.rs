//! Outputs of users' programs, read as the stages that take them would.

use contract::questions::{Check, Checked};
use contract::{Failure, FailureKind, Result};
use frames::{Rankings, kinds};

/// Reads the output. The answer says what its readers change.
///
/// # Errors
/// When it is not what its kind says, with the first faults of all rows, or its kind is not one of [`Check::KINDS`].
pub(crate) fn answer(request: &Check) -> Result<Checked> {
    let Check { kind, folder } = request;
    let notes = match kind.0.as_str() {
        kinds::RANKINGS | kinds::VALIDATION_RANKINGS => Rankings::read_noted(folder)?.1,
        other => {
            let message = format!("outputs of kind '{other}' are not checked, expected {}", Check::KINDS.join(" or "));
            return Err(Failure::new(FailureKind::Conflict, message));
        }
    };
    Ok(Checked { notes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Kind;

    #[test]
    fn every_kind_that_is_asked_about_is_known() {
        let folder = tempfile::tempdir().unwrap();
        for kind in Check::KINDS {
            let request = Check { kind: Kind(kind.to_owned()), folder: folder.path().to_owned() };
            let failure = answer(&request).unwrap_err();
            assert!(failure.message.contains("rankings.parquet"), "{failure}");
        }
        let other = Check { kind: Kind("report".to_owned()), folder: folder.path().to_owned() };
        assert_eq!(answer(&other).unwrap_err().kind, FailureKind::Conflict);
    }
}

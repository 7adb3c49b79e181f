//! JSON files beside the tables.

mod finite;

use contract::{Failure, FailureKind, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::path::Path;

/// Writes `value` as indented JSON with a final newline to the file `name` in `folder`.
///
/// # Errors
/// When a number is NaN or infinite, the value has no JSON form, or the file cannot be written.
pub fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    let path = folder.join(name);
    finite::check(value).map_err(|error| Failure::new(FailureKind::Diverged, format!("{name}: {error}")))?;
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Failure::writing(&path, error))?;
    text.push('\n');
    fs_err::create_dir_all(folder).map_err(|error| Failure::writing(folder, error))?;
    fs_err::write(&path, text).map_err(|error| Failure::writing(&path, error))
}

/// Reads a JSON file of a known shape.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs_err::read_to_string(path).map_err(|error| Failure::reading(path, error))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new(FailureKind::MissingField, format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_with_nan_is_refused_and_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let failure = write_json(folder.path(), "report.json", &[("loss", f64::NAN)]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Diverged);
        assert_eq!(failure.message, "report.json: [0][1] is NaN, expected a finite number");
        assert!(!folder.path().join("report.json").exists());
    }
}

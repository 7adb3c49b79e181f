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

/// Writes a value as `name` in a folder, in place of an older one: whenever the process or the machine stops, one of the two is there,
/// whole.
///
/// # Errors
/// When the file cannot be written.
pub fn replace_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    let next = folder.join(format!("{name}.new"));
    let replace = || -> std::io::Result<()> {
        fs_err::write(&next, serde_json::to_vec(value)?)?;
        fs_err::File::open(&next)?.sync_all()?;
        fs_err::rename(&next, folder.join(name))?;
        fs_err::File::open(folder)?.sync_all()
    };
    replace().map_err(|error| Failure::writing(folder, error))
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

    #[test]
    fn a_file_that_is_replaced_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        for number in [1, 2] {
            replace_json(folder.path(), "index.json", &[number]).unwrap();
        }
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["index.json"]);
        assert_eq!(std::fs::read_to_string(folder.path().join("index.json")).unwrap(), "[2]");
        assert!(replace_json(&folder.path().join("gone"), "index.json", &[1]).is_err());
    }
}

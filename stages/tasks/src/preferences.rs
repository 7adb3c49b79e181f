//! What users prefer, in words, from a file as LC-Rec publishes it.

use contract::{Failure, FailureKind, Result};
use frames::Users;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
struct File {
    /// By the user's original identifier.
    user_explicit_preference: BTreeMap<String, Vec<String>>,
}

/// The texts about each user; none for a user that the file does not have.
///
/// # Errors
/// When the file is absent or of another form, or has no user of the data.
pub(crate) fn read(path: &Path, users: &Users) -> Result<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::reading(path, error))?;
    let mut file: File = serde_json::from_str(&text).map_err(|error| {
        Failure::reading(path, error).hint("expected {\"user_explicit_preference\": {\"user\": [\"text\", ...]}}")
    })?;
    let found = file.user_explicit_preference.len();
    let texts: Vec<Vec<String>> =
        users.id.iter().map(|id| file.user_explicit_preference.remove(id).unwrap_or_default()).collect();
    if texts.iter().all(Vec::is_empty) {
        let message = format!("{}: none of its {found} users is in the data", path.display());
        return Err(Failure::new(FailureKind::Conflict, message)
            .hint("its users must be named as in the file that ingest read"));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_other_users_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("user.json");
        let users = Users { id: vec!["7".into(), "x".into()] };
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path, &users)
        };
        let texts = read(r#"{"user_explicit_preference": {"x": ["warm sound"]}, "user_vague_intention": {}}"#).unwrap();
        assert_eq!(texts, [vec![], vec!["warm sound".to_owned()]]);
        let failure = read(r#"{"user_explicit_preference": {"y": ["cold"]}}"#).unwrap_err();
        assert!(failure.message.contains("none of its 1 users"), "{failure}");
        assert_eq!(read(r#"{"x": ["warm"]}"#).unwrap_err().kind, FailureKind::DamagedFile);
    }
}

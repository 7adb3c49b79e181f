//! A path that always stays beneath the folder that it is joined to.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// A path of normal components with `/` between them: never absolute, never with `..`, `.`, an empty part or NUL.
///
/// Records are data that others may have written, so every path in one is of this type: joined to a folder it names
/// something beneath that folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelativePath(String);

/// A string that is no path beneath a folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a path beneath a folder: {why}", text.escape_debug())]
pub struct UnsafePath {
    text: String,
    why: &'static str,
}

impl RelativePath {
    /// Checks a string.
    ///
    /// # Errors
    /// When it is empty, absolute, or has a part that is empty, `.` or `..`, or a NUL.
    pub fn parse(text: impl Into<String>) -> Result<Self, UnsafePath> {
        let text = text.into();
        match fault(&text) {
            None => Ok(Self(text)),
            Some(why) => Err(UnsafePath { text, why }),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a string is no name of one file or folder; nothing when it is.
pub(crate) fn component_fault(text: &str) -> Option<&'static str> {
    match text {
        "" => Some("a part of it is empty"),
        "." | ".." => Some("a part of it is '.' or '..'"),
        _ if text.contains('/') => Some("it has a '/'"),
        _ if text.contains('\0') => Some("it has a NUL"),
        _ => None,
    }
}

fn fault(text: &str) -> Option<&'static str> {
    match text {
        "" => Some("it is empty"),
        _ if text.starts_with('/') => Some("it is absolute"),
        _ => text.split('/').find_map(component_fault),
    }
}

impl TryFrom<String> for RelativePath {
    type Error = UnsafePath;

    fn try_from(text: String) -> Result<Self, UnsafePath> {
        Self::parse(text)
    }
}

impl From<RelativePath> for String {
    fn from(path: RelativePath) -> Self {
        path.0
    }
}

impl AsRef<Path> for RelativePath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    #[test]
    fn paths_that_lead_out_of_a_folder_are_refused() {
        for text in
            ["", "/", "/etc/passwd", "..", "../a", "a/../../b", "a/..", ".", "./a", "a//b", "a/", "a\0b", "a/./b"]
        {
            assert!(RelativePath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ordinary_paths_are_accepted() {
        for text in ["a", "a/b", ".hidden", "a/..b", "a b/c\\d", "ä/…", "..."] {
            assert_eq!(RelativePath::parse(text).unwrap().as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn a_path_that_is_accepted_joins_beneath_every_folder(text in "[a./\\x00]{0,8}") {
            if let Ok(path) = RelativePath::parse(text) {
                let joined = Path::new("/root/folder").join(&path);
                let below = joined.strip_prefix("/root/folder").unwrap();
                prop_assert!(below.components().count() > 0);
                prop_assert!(below.components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}

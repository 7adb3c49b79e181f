//! Paths in a pipeline file: `${NAME}` and `${NAME:-default}` are variables of the environment.

use std::env::VarError;
use std::path::{Path, PathBuf};

/// The path that `text` means: variables replaced, then relative to `folder`, the pipeline file's own. A variable's value
/// is the user's, so at the start of a path it is relative to where the user is, and it is taken as it is: what looks like
/// a variable in it is not replaced again.
///
/// # Errors
/// With a message, when a variable has neither value nor default, or a value that is not UTF-8, or a brace is not closed.
pub fn resolve(text: &str, folder: &Path) -> Result<PathBuf, String> {
    let mut path = String::new();
    // The text of the file that is left to read. It becomes shorter with each variable.
    let mut rest = text.to_owned();
    while let Some(start) = rest.find("${") {
        let inside = rest[start + 2..].to_owned();
        let length = closing_brace(&inside).ok_or_else(|| format!("the brace of '${{{inside}' is not closed"))?;
        let (variable, after) = (&inside[..length], &inside[length + 1..]);
        let (name, default) =
            variable.split_once(":-").map_or((variable, None), |(name, default)| (name, Some(default)));
        path += &rest[..start];
        match (value(name)?, default) {
            (Some(value), _) if path.is_empty() => {
                let absolute = std::path::absolute(&value).map_err(|error| format!("{name}={value}: {error}"))?;
                path += absolute.to_str().ok_or_else(|| format!("{name}={value}: the current folder is not UTF-8"))?;
                rest = after.to_owned();
            }
            (Some(value), _) => {
                path += &value;
                rest = after.to_owned();
            }
            (None, Some(default)) => rest = format!("{default}{after}"),
            (None, None) => return Err(format!("the environment has no variable {name}")),
        }
    }
    path += &rest;
    Ok(tidy(&folder.join(path)))
}

/// The value of a variable; `None` for one that is not set, or empty.
fn value(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(value)) => {
            Err(format!("the value of the variable {name} is not UTF-8: '{}'", value.to_string_lossy()))
        }
    }
}

/// Where the brace of a variable is closed, past those of variables in its default.
fn closing_brace(inside: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, letter) in inside.char_indices() {
        match letter {
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            '{' if inside[..at].ends_with('$') => open += 1,
            _ => {}
        }
    }
    None
}

/// The same path without `.` and, where nothing but names comes before, without `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir
                if tidy
                    .components()
                    .next_back()
                    .is_some_and(|last| matches!(last, std::path::Component::Normal(_))) =>
            {
                tidy.pop();
            }
            part => tidy.push(part),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_relative_to_the_file() {
        let path = resolve("${PIPE_TEST_NOT_SET:-../data}/a.gz", Path::new("/house/pipelines")).unwrap();
        assert_eq!(path, Path::new("/house/data/a.gz"));
    }

    #[test]
    fn a_default_may_hold_a_variable_with_a_default() {
        let path =
            resolve("${PIPE_TEST_NOT_SET:-${PIPE_TEST_NOR_THIS:-../data}/b}/a.gz", Path::new("/house/pipelines"));
        assert_eq!(path.unwrap(), Path::new("/house/data/b/a.gz"));
    }

    #[test]
    fn many_variables_within_each_other_are_a_path() {
        let depth = 10_000;
        let text = format!("{}a{}", "${PIPE_TEST_NOT_SET:-".repeat(depth), "}".repeat(depth));
        assert_eq!(resolve(&text, Path::new("/")).unwrap(), Path::new("/a"));
    }

    #[test]
    fn a_variable_without_value_or_default_is_named() {
        let message = resolve("${PIPE_TEST_NOT_SET}/a.gz", Path::new("/house")).unwrap_err();
        assert_eq!(message, "the environment has no variable PIPE_TEST_NOT_SET");
    }

    #[test]
    fn an_open_brace_is_an_error() {
        assert!(resolve("${HOME", Path::new("/house")).is_err());
    }
}

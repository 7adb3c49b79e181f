//! Paths in a pipeline file: `${NAME}` and `${NAME:-default}` are variables of the environment.

use std::path::{Path, PathBuf};

/// The path that `text` means: variables replaced, then relative to `folder`, the pipeline file's own. A variable's value
/// is the user's, so it is relative to where the user is.
///
/// # Errors
/// With a message, when a variable has neither value nor default, or a brace is not closed.
pub fn resolve(text: &str, folder: &Path) -> Result<PathBuf, String> {
    let Some(start) = text.find("${") else { return Ok(tidy(&folder.join(text))) };
    let Some(length) = text[start..].find('}') else {
        return Err(format!("the brace of '{}' is not closed", &text[start..]));
    };
    let inside = &text[start + 2..start + length];
    let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
    let (before, after) = (&text[..start], &text[start + length + 1..]);
    let whole = match (std::env::var(name).ok().filter(|value| !value.is_empty()), default) {
        (Some(value), _) => {
            let absolute = std::path::absolute(&value).map_err(|error| format!("{name}={value}: {error}"))?;
            format!("{before}{}{after}", absolute.display())
        }
        (None, Some(default)) => format!("{before}{default}{after}"),
        (None, None) => return Err(format!("the environment has no variable {name}")),
    };
    resolve(&whole, folder)
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
    fn a_variable_without_value_or_default_is_named() {
        let message = resolve("${PIPE_TEST_NOT_SET}/a.gz", Path::new("/house")).unwrap_err();
        assert_eq!(message, "the environment has no variable PIPE_TEST_NOT_SET");
    }

    #[test]
    fn an_open_brace_is_an_error() {
        assert!(resolve("${HOME", Path::new("/house")).is_err());
    }
}

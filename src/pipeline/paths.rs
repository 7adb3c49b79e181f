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
    let not_closed = || format!("a brace of '{text}' is not closed");
    let (mut path, mut rest) = (String::new(), text);
    // How many variables have no value, and their default is being read.
    let mut defaults = 0_usize;
    loop {
        let variable = rest.find("${").unwrap_or(rest.len());
        if let Some(end) = rest[..variable].find('}').filter(|_| defaults > 0) {
            path += &rest[..end];
            rest = &rest[end + 1..];
            defaults -= 1;
            continue;
        }
        path += &rest[..variable];
        let Some(inside) = rest.get(variable + 2..) else { break };
        let end = inside.find('}').ok_or_else(not_closed)?;
        let (name, default) = match inside[..end].split_once(":-") {
            Some((name, _)) => (name, Some(&inside[name.len() + 2..])),
            None => (&inside[..end], None),
        };
        rest = match (value(name)?, default) {
            (None, None) => return Err(format!("the environment has no variable {name}")),
            (None, Some(default)) => {
                defaults += 1;
                default
            }
            (Some(value), default) => {
                path += &if path.is_empty() { absolute(name, &value)? } else { value };
                let skipped = default.map_or(Some(&inside[end..]), |default| default.get(closing_brace(default)?..));
                &skipped.ok_or_else(not_closed)?[1..]
            }
        };
    }
    if defaults > 0 { Err(not_closed()) } else { Ok(tidy(&folder.join(path))) }
}

/// The values of the variables in a path, for messages: `PIPE_DATA is /data`, or `PIPE_DATA is not set`.
pub fn variables(text: &str) -> Option<String> {
    let names = text.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next());
    let mut descriptions: Vec<String> = Vec::new();
    for name in names {
        let description = match std::env::var_os(name).filter(|value| !value.is_empty()) {
            Some(value) => format!("{name} is {}", Path::new(&value).display()),
            None => format!("{name} is not set"),
        };
        if !descriptions.contains(&description) {
            descriptions.push(description);
        }
    }
    (!descriptions.is_empty()).then(|| descriptions.join(", "))
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

/// The path that begins with the value of that variable, from where the user is.
fn absolute(name: &str, value: &str) -> Result<String, String> {
    let path = std::path::absolute(value).map_err(|error| format!("{name}={value}: {error}"))?;
    path.into_os_string().into_string().map_err(|_| format!("{name}={value}: the current folder is not UTF-8"))
}

/// Where the brace of a variable is closed, past those of variables in its default.
fn closing_brace(default: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, letter) in default.char_indices() {
        match letter {
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            '{' if default[..at].ends_with('$') => open += 1,
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
        let path = resolve("${PIPE_TEST_NOT_SET:-../data}/a.gz", Path::new("/home/pipelines")).unwrap();
        assert_eq!(path, Path::new("/home/data/a.gz"));
    }

    #[test]
    fn a_default_may_hold_a_variable_with_a_default() {
        let path = resolve("${PIPE_TEST_NOT_SET:-${PIPE_TEST_NOR_THIS:-../data}/b}/a.gz", Path::new("/home/pipelines"));
        assert_eq!(path.unwrap(), Path::new("/home/data/b/a.gz"));
    }

    #[test]
    fn many_variables_within_each_other_are_a_path() {
        let depth = 10_000;
        let text = format!("{}a{}", "${PIPE_TEST_NOT_SET:-".repeat(depth), "}".repeat(depth));
        assert_eq!(resolve(&text, Path::new("/")).unwrap(), Path::new("/a"));
    }

    #[test]
    fn a_variable_without_value_or_default_is_named() {
        let message = resolve("${PIPE_TEST_NOT_SET}/a.gz", Path::new("/home")).unwrap_err();
        assert_eq!(message, "the environment has no variable PIPE_TEST_NOT_SET");
    }

    #[test]
    fn a_value_replaces_a_default_with_variables() {
        let home = std::env::var("HOME").unwrap();
        let path = resolve("a/${HOME:-${PIPE_TEST_NOT_SET:-x}/y}/b}", Path::new("/home")).unwrap();
        assert_eq!(path, Path::new("/home/a").join(format!("{home}/b}}").trim_start_matches('/')));
    }

    #[test]
    fn an_open_brace_is_an_error() {
        for text in ["${HOME", "${HOME:-x", "${PIPE_TEST_NOT_SET:-x", "${PIPE_TEST_NOT_SET:-${HOME:-}", "${"] {
            assert!(resolve(text, Path::new("/home")).unwrap_err().contains("is not closed"), "{text}");
        }
    }
}

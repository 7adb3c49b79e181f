//! The little that is read of a `Cargo.toml`: which dependencies it names and where they are.

use std::path::PathBuf;

/// One line of a table of dependencies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The name by which the crate is known.
    pub(crate) name: String,
    /// The folder of a path dependency, as written.
    pub(crate) path: Option<PathBuf>,
}

/// The dependencies in the table `[table]` of a manifest, whether written as `x = ...`, `x.workspace = true` or as a
/// table of its own, `[table.x]`.
pub(crate) fn dependencies(manifest: &str, table: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(|c: char| c == ']' || c.is_whitespace());
            inside = header == table;
            if let Some(name) = header.strip_prefix(table).and_then(|rest| rest.strip_prefix('.')) {
                found.push(Dependency { name: name.to_owned(), path: None });
            }
        } else if inside && let Some(dependency) = dependency(line) {
            found.push(dependency);
        }
    }
    found
}

/// The name of the package.
pub(crate) fn package_name(manifest: &str) -> Option<String> {
    let (_, package) = manifest.split_once("[package]")?;
    package.lines().find_map(|line| value_of(line, "name"))
}

fn dependency(line: &str) -> Option<Dependency> {
    if line.starts_with('#') {
        return None;
    }
    let (left, right) = line.split_once('=')?;
    let name = left.split('.').next()?.trim().trim_matches('"').to_owned();
    let path = right.trim().trim_matches(|c| c == '{' || c == '}').split(',').find_map(|part| value_of(part, "path"));
    Some(Dependency { name, path: path.map(PathBuf::from) })
}

/// The string behind `key = "..."`.
pub(crate) fn value_of(line: &str, key: &str) -> Option<String> {
    let right = line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?;
    Some(right.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[package]
name = "tasks"

[dependencies]
# frames = "not this one"
frames.workspace = true
nn = { path = "../nn", features = ["a"] }
rand = "0.9"

[dependencies.tch]
version = "0.24"

[dev-dependencies]
tempfile = "3"
"#;

    #[test]
    fn every_way_of_writing_a_dependency_is_read() {
        let found = dependencies(MANIFEST, "dependencies");
        let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["frames", "nn", "rand", "tch"]);
        assert_eq!(found[1].path, Some(PathBuf::from("../nn")));
        assert_eq!(package_name(MANIFEST).as_deref(), Some("tasks"));
    }
}

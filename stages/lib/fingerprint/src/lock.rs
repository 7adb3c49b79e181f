//! `Cargo.lock`: which version of a library a crate is built with.

use crate::manifest::value_of;
use std::collections::BTreeMap;

/// The packages of a `Cargo.lock`.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    packages: Vec<Package>,
}

#[derive(Debug, Default)]
struct Package {
    name: String,
    version: String,
    /// As written: `name`, or `name version` where several versions are locked.
    dependencies: Vec<String>,
}

impl Lock {
    /// Reads the text of a `Cargo.lock`.
    pub(crate) fn parse(text: &str) -> Self {
        let packages = text.split("[[package]]").skip(1).map(|block| {
            let mut package = Package::default();
            for line in block.lines().map(str::trim) {
                if let Some(name) = value_of(line, "name") {
                    package.name = name;
                } else if let Some(version) = value_of(line, "version") {
                    package.version = version;
                } else if let Some(dependency) = line.strip_prefix('"') {
                    package.dependencies.push(dependency.trim_end_matches([',', '"']).to_owned());
                }
            }
            package
        });
        Self { packages: packages.collect() }
    }

    /// The version of each of the `libraries` with which the crate `of` is built. A library that is not locked is
    /// left out: cargo itself would refuse to build.
    pub(crate) fn versions(&self, of: &str, libraries: &[String]) -> BTreeMap<String, String> {
        libraries.iter().filter_map(|name| Some((name.clone(), self.version(of, name)?))).collect()
    }

    fn version(&self, of: &str, library: &str) -> Option<String> {
        let dependencies = &self.packages.iter().find(|package| package.name == of)?.dependencies;
        let mut written = dependencies.iter().filter_map(|dependency| {
            let (name, version) = dependency.split_once(' ').unwrap_or((dependency, ""));
            (name == library).then_some(version)
        });
        match written.next()? {
            "" => self.packages.iter().find(|package| package.name == library).map(|found| found.version.clone()),
            version => Some(version.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_locked_twice_has_the_version_in_use() {
        let lock = Lock::parse(
            r#"
[[package]]
name = "rand"
version = "0.8.5"

[[package]]
name = "rand"
version = "0.9.2"

[[package]]
name = "tch"
version = "0.24.0"

[[package]]
name = "tasks"
version = "0.1.0"
dependencies = [
 "rand 0.9.2",
 "tch",
]
"#,
        );
        let found = lock.versions("tasks", &["rand".to_owned(), "tch".to_owned(), "absent".to_owned()]);
        assert_eq!(found, BTreeMap::from([("rand", "0.9.2"), ("tch", "0.24.0")].map(|(a, b)| (a.into(), b.into()))));
    }
}

//! The crates of the workspace and what each depends on.

use crate::lock::Lock;
use crate::manifest;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

/// Libraries whose version cannot change what a stage computes or writes.
const WITHOUT_EFFECT: [&str; 4] = ["fs-err", "schemars", "serde", "thiserror"];

/// A workspace: the folder of its `Cargo.lock`, and its crates that others may depend on.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the workspace.
    pub(crate) root: PathBuf,
    members: BTreeMap<String, PathBuf>,
    lock: Lock,
}

/// A crate of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The crate's name.
    pub(crate) name: String,
    /// The crate's folder.
    pub(crate) folder: PathBuf,
    /// The libraries outside the workspace that it names as dependencies, with the versions it is built with.
    pub(crate) libraries: BTreeMap<String, String>,
    uses: Vec<PathBuf>,
}

impl Workspace {
    /// The workspace that holds the crate in `folder`.
    pub(crate) fn around(folder: &Path) -> Result<Self> {
        let root = folder
            .ancestors()
            .find(|ancestor| ancestor.join("Cargo.lock").is_file())
            .ok_or_else(|| Error::other(format!("no Cargo.lock in {} or above it", folder.display())))?;
        let members = manifest::dependencies(&read(&root.join("Cargo.toml"))?, "workspace.dependencies")
            .into_iter()
            .filter_map(|one| Some((one.name, root.join(one.path?))))
            .collect();
        Ok(Self { root: root.to_owned(), members, lock: Lock::parse(&read(&root.join("Cargo.lock"))?) })
    }

    /// The crate in `folder` and every crate of the workspace that it depends on, sorted by name.
    pub(crate) fn crates_behind(&self, folder: &Path) -> Result<Vec<Member>> {
        let mut found: BTreeMap<String, Member> = BTreeMap::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            let member = self.member(&folder)?;
            if !found.contains_key(&member.name) {
                open.extend(member.uses.iter().cloned());
                found.insert(member.name.clone(), member);
            }
        }
        Ok(found.into_values().collect())
    }

    fn member(&self, folder: &Path) -> Result<Member> {
        let path = folder.join("Cargo.toml");
        let text = read(&path)?;
        let name = manifest::package_name(&text)
            .ok_or_else(|| Error::other(format!("{} names no package", path.display())))?;
        let (mut uses, mut libraries) = (Vec::new(), Vec::new());
        for dependency in manifest::dependencies(&text, "dependencies") {
            match (dependency.path, self.members.get(&dependency.name)) {
                (Some(path), _) => uses.push(folder.join(path)),
                (None, Some(member)) => uses.push(member.clone()),
                (None, None) => libraries.push(dependency.name),
            }
        }
        libraries.retain(|library| !WITHOUT_EFFECT.contains(&library.as_str()));
        let mut libraries = self.lock.versions(&name, &libraries);
        if libraries.contains_key("tch") {
            libraries.append(&mut self.lock.versions("tch", &["torch-sys".to_owned()]));
        }
        Ok(Member { name, folder: folder.to_owned(), libraries, uses })
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))
}

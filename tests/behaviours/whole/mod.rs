//! Whether a store is whole: every record can be read, and every artifact holds the bytes that it is named by.

use pipe::fs::Disk;
use pipe::key::Digest;
use pipe::key::Key;
use pipe::key::{FileEntry, RelativePath};
use pipe::store::{Artifact, Lookup, Store};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Fails when anything in the store is there only in part. Gives how many records it has.
pub(crate) fn assert_whole(root: &Path) -> usize {
    let store = Store::new(root.to_owned());
    let keys = names(&root.join("actions"));
    for name in &keys {
        let key = Key::parse(name.trim_end_matches(".json")).unwrap_or_else(|| panic!("{name} is no record"));
        match store.lookup(key).unwrap() {
            Lookup::Cached(action) => action.outputs.values().for_each(|artifact| {
                let damage = artifact.damage_in(&Disk::default(), &store.artifact(&artifact.digest)).unwrap();
                assert_eq!(damage, None, "an artifact of {key} is damaged");
            }),
            other => panic!("the record of {key}: {other:?}"),
        }
    }
    for name in names(&root.join("store")) {
        let digest = content(&root.join("store").join(&name)).digest;
        assert_eq!(digest.to_string(), name, "an artifact holds something else than its name says");
    }
    keys.len()
}

/// A folder as the artifact that it would be.
fn content(folder: &Path) -> Artifact {
    let (mut files, mut empty_folders) = (Vec::new(), Vec::new());
    add_content(folder, "", &mut files, &mut empty_folders);
    Artifact::of(files, empty_folders)
}

fn add_content(folder: &Path, above: &str, files: &mut Vec<FileEntry>, empty_folders: &mut Vec<RelativePath>) {
    let names = names(folder);
    if names.is_empty() {
        empty_folders.push(RelativePath::parse(above.trim_end_matches('/')).unwrap());
    }
    for name in names {
        let (whole, path) = (folder.join(&name), format!("{above}{name}"));
        if whole.is_dir() {
            add_content(&whole, &format!("{path}/"), files, empty_folders);
        } else {
            let executable = std::fs::metadata(&whole).unwrap().permissions().mode() & 0o100 != 0;
            let bytes = std::fs::read(whole).unwrap();
            let (path, digest) = (RelativePath::parse(path).unwrap(), Digest::from(blake3::hash(&bytes)));
            files.push(FileEntry { path, size: bytes.len() as u64, digest, executable });
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    // What a kill has left of a file that was being written has a hidden name, and nobody reads it.
    names.retain(|name| !(name.starts_with('.') && name.ends_with(".new")));
    names.sort();
    names
}

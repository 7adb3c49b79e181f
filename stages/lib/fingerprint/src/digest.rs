//! The digest itself.

use crate::workspace::Member;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

/// How many hexadecimal digits a version has: 64 bits, ample to tell apart the versions of one stage.
const DIGITS: usize = 16;

/// The version of a stage made of these crates, whatever their order. `torch` is the file that names libtorch's
/// version, if there is one.
///
/// # Errors
/// When a source cannot be read.
pub(crate) fn stage_version(crates: &[Member], torch: Option<&Path>) -> Result<String> {
    let mut crates: Vec<&Member> = crates.iter().collect();
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hasher = blake3::Hasher::new();
    for one in crates {
        add(&mut hasher, one.name.as_bytes());
        for (library, version) in &one.libraries {
            add(&mut hasher, library.as_bytes());
            add(&mut hasher, version.as_bytes());
        }
        let sources = sources(&one.folder.join("src"))?;
        hasher.update(&(sources.len() as u64).to_le_bytes());
        for (name, path) in sources {
            add(&mut hasher, name.as_bytes());
            add(&mut hasher, &read(&path)?);
        }
    }
    if let Some(torch) = torch {
        add(&mut hasher, &read(torch)?);
    }
    let mut version = hasher.finalize().to_hex().to_string();
    version.truncate(DIGITS);
    Ok(version)
}

/// Length first, so that no two lists of parts give the same bytes.
fn add(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

/// All files below `folder` as (path inside it with forward slashes, path), sorted.
fn sources(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut open = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| naming(&folder, &error))? {
            let entry = entry?;
            let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push((name, entry.path()));
            } else {
                files.push((name, entry.path()));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| naming(path, &error))
}

fn naming(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;
    use tempfile::TempDir;

    const LOCK: &str = "[[package]]\nname = \"tch\"\nversion = \"0.24.0\"\n\n\
                        [[package]]\nname = \"serde\"\nversion = \"1.0.0\"\n\n\
                        [[package]]\nname = \"stage\"\nversion = \"0.1.0\"\ndependencies = [\n \"shared\",\n]\n\n\
                        [[package]]\nname = \"shared\"\nversion = \"0.1.0\"\ndependencies = [\n \"serde\",\n \"tch\",\n]\n";

    /// A workspace of `stage`, which uses `shared`, which uses `tch`; and `unrelated`, which nothing uses.
    fn workspace() -> TempDir {
        let root = tempfile::tempdir().unwrap();
        put(
            &root,
            "Cargo.toml",
            "[workspace.dependencies]\nstage = { path = \"stage\" }\nshared = { path = \"shared\" }\n\
             unrelated = { path = \"unrelated\" }\ntch = \"0.24\"\n",
        );
        put(&root, "Cargo.lock", LOCK);
        let dependencies = [
            ("stage", "[dependencies]\nshared.workspace = true\n\n[dev-dependencies]\nunrelated.workspace = true\n"),
            ("shared", "[dependencies]\ntch.workspace = true\nserde = \"1\"\n"),
            ("unrelated", ""),
        ];
        for (name, dependencies) in dependencies {
            put(&root, &format!("{name}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\n\n{dependencies}"));
            put(&root, &format!("{name}/src/lib.rs"), "//! A crate.\n");
        }
        root
    }

    fn put(root: &TempDir, path: &str, text: &str) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn version(root: &TempDir) -> String {
        let folder = root.path().join("stage");
        let crates = Workspace::around(&folder).unwrap().crates_behind(&folder).unwrap();
        stage_version(&crates, None).unwrap()
    }

    #[test]
    fn the_same_sources_elsewhere_have_the_same_version() {
        let here = version(&workspace());
        assert_eq!(here, version(&workspace()));
        assert_eq!(here.len(), DIGITS);
    }

    #[test]
    fn a_changed_source_changes_the_version() {
        let root = workspace();
        let first = version(&root);
        put(&root, "stage/src/lib.rs", "//! Another crate.\n");
        let second = version(&root);
        put(&root, "shared/src/deep/inside.rs", "");
        let third = version(&root);
        assert!(first != second && second != third && first != third);
    }

    #[test]
    fn unrelated_crates_do_not_change_the_version() {
        let root = workspace();
        let first = version(&root);
        put(&root, "unrelated/src/lib.rs", "//! Changed.\n");
        put(&root, "stage/tests/whole.rs", "//! A test.\n");
        assert_eq!(first, version(&root));
    }

    #[test]
    fn only_libraries_that_may_change_results_count() {
        let root = workspace();
        let first = version(&root);
        put(&root, "Cargo.lock", &LOCK.replace("1.0.0", "1.0.1"));
        assert_eq!(first, version(&root));
        put(&root, "Cargo.lock", &LOCK.replace("0.24.0", "0.24.1"));
        assert_ne!(first, version(&root));
    }

    #[test]
    fn the_order_in_which_crates_are_found_does_not_matter() {
        let root = workspace();
        let folder = root.path().join("stage");
        let mut crates = Workspace::around(&folder).unwrap().crates_behind(&folder).unwrap();
        let first = stage_version(&crates, None).unwrap();
        crates.reverse();
        assert_eq!(crates.len(), 2);
        assert_eq!(first, stage_version(&crates, None).unwrap());
    }

    #[test]
    fn moving_text_from_one_file_to_the_next_changes_the_version() {
        let root = workspace();
        put(&root, "stage/src/a.rs", "xy");
        put(&root, "stage/src/b.rs", "z");
        let first = version(&root);
        put(&root, "stage/src/a.rs", "x");
        put(&root, "stage/src/b.rs", "yz");
        assert_ne!(first, version(&root));
    }
}

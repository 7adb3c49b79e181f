//! An artifact: a folder, named by the digest of its sorted list of files with their sizes and contents.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::hash::hash_file;
use crate::fs::walk::{Kind, Links, listed_beneath};
use crate::key::Digest;
use crate::key::{ArtifactHasher, FileEntry, RelativePath};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// An artifact's name and what it consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Artifact {
    /// The digest of the list of files and empty folders.
    pub digest: Digest,
    /// The files, sorted by path.
    pub files: Vec<FileEntry>,
    /// The folders in which there is nothing, sorted by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty_folders: Vec<RelativePath>,
}

/// An artifact as a record has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    digest: Digest,
    files: Vec<FileEntry>,
    #[serde(default)]
    empty_folders: Vec<RelativePath>,
}

/// No file system has a larger file.
const LARGEST: u64 = i64::MAX.unsigned_abs();

impl TryFrom<Unchecked> for Artifact {
    type Error = String;

    fn try_from(unchecked: Unchecked) -> std::result::Result<Self, String> {
        let Unchecked { digest, files, empty_folders } = unchecked;
        if !files.is_sorted_by(|a, b| a.path < b.path) || !empty_folders.is_sorted_by(|a, b| a < b) {
            return Err("the files of an artifact are not sorted, or one is listed twice".to_owned());
        }
        let total = files.iter().try_fold(0_u64, |total, file| total.checked_add(file.size));
        if total.is_none_or(|total| total > LARGEST) {
            return Err(format!("the files of an artifact have more than {LARGEST} bytes"));
        }
        Ok(Self { digest, files, empty_folders })
    }
}

impl Artifact {
    /// The artifact of those files and empty folders.
    pub fn of(mut files: Vec<FileEntry>, mut empty_folders: Vec<RelativePath>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        empty_folders.sort();
        let mut artifact = Self { digest: ArtifactHasher::new().finish(), files, empty_folders };
        artifact.digest = artifact.content_digest();
        artifact
    }

    /// The digest that its list of files and empty folders has.
    pub fn content_digest(&self) -> Digest {
        let mut hasher = ArtifactHasher::new();
        for entry in self.walk_order() {
            match entry {
                Entry::File(file) => hasher.add_file(file.path.as_str(), file.size, &file.digest, file.executable),
                Entry::EmptyFolder(path) => hasher.add_empty_folder(path.as_str()),
            }
        }
        hasher.finish()
    }

    /// The bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |total, file| total.saturating_add(file.size))
    }

    /// What is wrong with the artifact's folder, looking at names, sizes and permissions only.
    ///
    /// # Errors
    /// When the disk cannot tell, which is no fault of the artifact.
    pub fn fault_in(&self, disk: &Disk, folder: &Path) -> Result<Option<String>> {
        let absent = |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory);
        let files = self.files.iter().map(Entry::File);
        for entry in files.chain(self.empty_folders.iter().map(Entry::EmptyFolder)) {
            let path = folder.join(entry.path());
            match disk.look(&path) {
                Ok(found) => {
                    if let Some(fault) = entry.fault(&found) {
                        return Ok(Some(format!("{} {fault}", path.display())));
                    }
                }
                Err(error) if absent(error.kind()) => return Ok(Some(format!("{} is not there", path.display()))),
                Err(error) => return Err(Error::io("reading", &path, error)),
            }
        }
        Ok(None)
    }

    /// What is wrong with the artifact's folder, reading every byte and looking for what does not belong to it.
    ///
    /// # Errors
    /// When the disk cannot tell, which is no fault of the artifact.
    pub fn damage_in(&self, disk: &Disk, folder: &Path) -> Result<Option<String>> {
        if let Some(fault) = self.fault_in(disk, folder)? {
            return Ok(Some(fault));
        }
        for file in &self.files {
            let path = folder.join(&file.path);
            if hash_file(disk, &path)? != file.digest {
                return Ok(Some(format!("the content of {} is not what was stored", path.display())));
            }
            let found = disk.look(&path).map_err(|error| Error::io("reading", &path, error))?;
            if (Kind::of(&found) == Kind::Executable) != file.executable {
                return Ok(Some(format!("{} has become executable", path.display())));
            }
        }
        match listed_beneath(folder, Links::Refuse)? {
            Err(message) => Ok(Some(message)),
            Ok(found) => {
                let strange = self.stranger(&found).map(|listed| folder.join(listed));
                Ok(strange.map(|path| format!("{} does not belong to it", path.display())))
            }
        }
    }

    /// The folders in it, inner ones first, ending with the outermost, `""`.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let listed: Vec<String> = self.walk_order().into_iter().map(Entry::listed).collect();
        folders_of(&listed).into_iter().map(Path::to_owned).collect()
    }

    /// The first of the listed paths, in the order of a walk, that is not the artifact's.
    fn stranger<'a>(&self, listed: &'a [String]) -> Option<&'a str> {
        let mut own = self.walk_order().into_iter().map(Entry::listed).peekable();
        listed.iter().map(String::as_str).find(|listed| {
            while own.next_if(|own| own.as_str() < *listed).is_some() {}
            own.next_if(|own| own == listed).is_none()
        })
    }

    /// Its files and empty folders in the order of a walk.
    fn walk_order(&self) -> Vec<Entry<'_>> {
        let files = self.files.iter().map(Entry::File);
        let mut entries: Vec<Entry<'_>> = files.chain(self.empty_folders.iter().map(Entry::EmptyFolder)).collect();
        if !self.empty_folders.is_empty() {
            entries.sort_by_cached_key(|entry| entry.listed());
        }
        entries
    }
}

/// The folders that contain files and empty folders, and these, inner ones first, ending with the outermost, `""`.
pub(crate) fn folders_of(listed: &[String]) -> Vec<&Path> {
    let above = |listed: &'_ String| usize::from(!listed.ends_with('/'));
    let mut folders: Vec<&Path> =
        listed.iter().flat_map(|listed| Path::new(listed).ancestors().skip(above(listed))).collect();
    folders.sort_by_key(|folder| (std::cmp::Reverse(folder.components().count()), folder.to_owned()));
    folders.dedup();
    folders
}

/// Something that an artifact lists.
#[derive(Clone, Copy)]
enum Entry<'a> {
    File(&'a FileEntry),
    EmptyFolder(&'a RelativePath),
}

impl<'a> Entry<'a> {
    fn path(self) -> &'a RelativePath {
        match self {
            Self::File(file) => &file.path,
            Self::EmptyFolder(path) => path,
        }
    }

    /// Its path as a walk lists it.
    fn listed(self) -> String {
        match self {
            Self::File(file) => file.path.to_string(),
            Self::EmptyFolder(path) => format!("{path}/"),
        }
    }

    /// What is wrong with it, by what the system says of it.
    fn fault(self, found: &std::fs::Metadata) -> Option<String> {
        match self {
            Self::File(file) if found.len() != file.size || !found.is_file() => {
                Some(format!("has {} bytes, expected {}", found.len(), file.size))
            }
            Self::File(file) if file.executable && Kind::of(found) != Kind::Executable => {
                Some("is not executable any more".to_owned())
            }
            Self::EmptyFolder(_) if !found.is_dir() => Some("is not a folder".to_owned()),
            Self::File(_) | Self::EmptyFolder(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What an artifact may list, as a walk orders it.
    fn contents() -> impl Strategy<Value = (Vec<FileEntry>, Vec<RelativePath>)> {
        let entry = ("[ab]{1,2}", 0..3_u8, 0..2_u64, any::<bool>());
        proptest::collection::btree_map("[abc./]{1,3}", entry, 0..4).prop_map(|all| {
            let (mut files, mut empty_folders) = (Vec::new(), Vec::new());
            for (path, (content, kind, size, executable)) in all {
                let Ok(path) = RelativePath::parse(path) else { continue };
                match kind {
                    0 => empty_folders.push(path),
                    _ => files.push(FileEntry { path, size, digest: Digest::of(content.as_bytes()), executable }),
                }
            }
            (files, empty_folders)
        })
    }

    proptest! {
        #[test]
        fn equal_digests_mean_equal_contents(a in contents(), b in contents()) {
            let (one, other) = (Artifact::of(a.0, a.1), Artifact::of(b.0, b.1));
            prop_assert_eq!(one.digest == other.digest, one == other);
        }

        #[test]
        fn an_artifact_reads_back_as_it_was(contents in contents()) {
            let artifact = Artifact::of(contents.0, contents.1);
            let text = serde_json::to_string(&artifact).unwrap();
            prop_assert_eq!(serde_json::from_str::<Artifact>(&text).unwrap(), artifact);
        }

        #[test]
        fn the_first_path_too_many_is_found(contents in contents(), more in "[abc]{1,2}/?") {
            let artifact = Artifact::of(contents.0, contents.1);
            let mut listed: Vec<String> = artifact.walk_order().into_iter().map(Entry::listed).collect();
            prop_assert_eq!(artifact.stranger(&listed), None);
            if !listed.contains(&more) {
                listed.push(more.clone());
                listed.sort();
                prop_assert_eq!(artifact.stranger(&listed), Some(more.as_str()));
            }
        }
    }

    #[test]
    fn an_artifact_of_plain_files_has_the_digest_of_format_1() {
        let file = |path: &str, content: &[u8]| FileEntry {
            path: RelativePath::parse(path).unwrap(),
            size: content.len() as u64,
            digest: Digest::of(content),
            executable: false,
        };
        let artifact = Artifact::of(vec![file("b/c", b"2"), file("a", b"")], Vec::new());
        let mut hasher = crate::key::FieldHasher::new("pipe-artifact-1");
        for (path, content) in [("a", b"".as_slice()), ("b/c", b"2")] {
            hasher.field(path.as_bytes());
            hasher.field(&(content.len() as u64).to_le_bytes());
            hasher.field(Digest::of(content).as_bytes());
        }
        assert_eq!(artifact.digest, hasher.finish());
        assert!(!serde_json::to_string(&artifact).unwrap().contains("e\":false"), "and its record is as it was");
    }

    #[test]
    fn what_no_folder_can_hold_is_no_artifact() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let file = |path: &str, size: u64| format!(r#"{{"path":"{path}","size":{size},"digest":"{two}"}}"#);
        let read = |files: &[String]| {
            serde_json::from_str::<Artifact>(&format!(r#"{{"digest":"{one}","files":[{}]}}"#, files.join(",")))
        };
        assert!(read(&[file("a", 1), file("b", 1)]).is_ok());
        for path in ["../a", "/a", "a/../b", "", "a//b"] {
            assert!(read(&[file(path, 1)]).unwrap_err().to_string().contains("beneath a folder"), "{path}");
        }
        assert!(read(&[file("b", 1), file("a", 1)]).is_err(), "not sorted");
        assert!(read(&[file("a", 1), file("a", 1)]).is_err(), "twice the same");
        assert!(read(&[file("a", u64::MAX)]).is_err());
        assert!(read(&[file("a", LARGEST), file("b", 1)]).is_err());
    }
}

//! The files and folders outside the store that stages read, as the test knows them and as they are on the disk.

use std::collections::BTreeMap;
use std::path::Path;

/// How many files there are, and how many folders.
const COUNT: usize = 2;

/// The files and folders.
#[derive(Clone, Debug)]
pub(crate) struct World {
    files: Vec<String>,
    folders: Vec<BTreeMap<String, String>>,
}

impl World {
    /// Files and folders with something in them.
    pub(crate) fn new() -> Self {
        let folder = |number: usize| BTreeMap::from([("a".to_owned(), format!("in {number}"))]);
        Self { files: vec!["x".to_owned(); COUNT], folders: (0..COUNT).map(folder).collect() }
    }

    /// The path of a file.
    pub(crate) fn file(&self, which: usize) -> String {
        format!("out/x{}", which % COUNT)
    }

    /// The path of a folder.
    pub(crate) fn folder(&self, which: usize) -> String {
        format!("out/d{}", which % COUNT)
    }

    /// What a file holds.
    pub(crate) fn content(&self, which: usize) -> &str {
        &self.files[which % COUNT]
    }

    /// The files in a folder with what they hold.
    pub(crate) fn listing(&self, which: usize) -> BTreeMap<String, String> {
        self.folders[which % COUNT].clone()
    }

    /// Gives a file this content.
    pub(crate) fn set(&mut self, which: usize, content: &str) {
        content.clone_into(&mut self.files[which % COUNT]);
    }

    /// Gives a file in a folder this content, or removes it.
    pub(crate) fn set_in(&mut self, which: usize, name: &str, content: Option<&str>) {
        let folder = &mut self.folders[which % COUNT];
        match content {
            Some(content) => drop(folder.insert(name.to_owned(), content.to_owned())),
            None => drop(folder.remove(name)),
        }
    }

    /// Writes what is not on the disk yet. A file that has its content is left alone.
    pub(crate) fn write(&self, root: &Path) {
        let put = |path: &Path, content: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if std::fs::read_to_string(path).ok().as_deref() != Some(content) {
                std::fs::write(path, content).unwrap();
            }
        };
        for (which, content) in self.files.iter().enumerate() {
            put(&root.join(self.file(which)), content);
        }
        for (which, listing) in self.folders.iter().enumerate() {
            let folder = root.join(self.folder(which));
            std::fs::create_dir_all(&folder).unwrap();
            for entry in std::fs::read_dir(&folder).unwrap().flatten() {
                if !listing.contains_key(entry.file_name().to_str().unwrap()) {
                    std::fs::remove_file(entry.path()).unwrap();
                }
            }
            listing.iter().for_each(|(name, content)| put(&folder.join(name), content));
        }
    }
}

//! What was in an external folder when it was hashed, so that a later run can name the files that changed.
//!
//! A listing is `index/listings/<digest of the folder>`, in the format of `b3sum`: a digest, two spaces and a path on each
//! line, sorted by path. It is derived: without it an explanation names the folder instead of the file.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::durable;
use crate::fs::walk::Found;
use crate::key::Digest;
use fs_err as fs;
use std::fmt;
use std::io::{BufRead as _, BufReader, BufWriter, Lines};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

/// What became of one file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added(String),
    /// It is gone.
    Removed(String),
    /// Its content is another.
    Changed(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(path) => write!(f, "{path} added"),
            Self::Removed(path) => write!(f, "{path} removed"),
            Self::Changed(path) => write!(f, "{path} changed"),
        }
    }
}

/// What changed in an external folder between two of its digests, by path and one after another.
/// `None` when one of the listings is not there.
pub fn listing_changes(index: &Path, old: Digest, new: Digest) -> Option<Changes> {
    let folder = index.join("listings");
    Some(Changes { old: Listing::open(&folder, old)?, new: Listing::open(&folder, new)? })
}

/// The changes from one listing to another. It holds one line of each.
#[derive(Debug)]
pub struct Changes {
    old: Listing,
    new: Listing,
}

impl Iterator for Changes {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        loop {
            let (old, new) = (self.old.0.peek(), self.new.0.peek());
            let order = match (old, new) {
                (None, None) => return None,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((_, old)), Some((_, new))) => old.cmp(new),
            };
            match order {
                std::cmp::Ordering::Less => return self.old.0.next().map(|(_, path)| Change::Removed(path)),
                std::cmp::Ordering::Greater => return self.new.0.next().map(|(_, path)| Change::Added(path)),
                std::cmp::Ordering::Equal => {
                    let (before, now) = (self.old.0.next()?, self.new.0.next()?);
                    if before.0 != now.0 {
                        return Some(Change::Changed(now.1));
                    }
                }
            }
        }
    }
}

/// The lines of a listing.
struct Listing(Peekable<Rows>);

impl Listing {
    fn open(folder: &Path, digest: Digest) -> Option<Self> {
        let file = fs::File::open(folder.join(digest.to_string())).ok()?;
        Some(Self(Rows(BufReader::new(file).lines()).peekable()))
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listing")
    }
}

/// Each line as a digest and a path. A line that cannot be read ends them.
struct Rows(Lines<BufReader<fs::File>>);

impl Iterator for Rows {
    type Item = (String, String);

    fn next(&mut self) -> Option<(String, String)> {
        let line = self.0.next()?.ok()?;
        let (digest, path) = line.trim_start_matches('\\').split_once("  ")?;
        let path = if line.starts_with('\\') { unescape(path) } else { path.to_owned() };
        Some((digest.to_owned(), path))
    }
}

/// A listing that is being written. A failure is logged, and the listing is then given up.
pub(crate) struct ListingWriter {
    folder: PathBuf,
    file: Option<BufWriter<tempfile::NamedTempFile>>,
}

impl ListingWriter {
    /// Begins a listing that will be a file of `folder`.
    pub(crate) fn begin(folder: PathBuf) -> Self {
        let mut writer = Self { folder, file: None };
        let begun = durable::make_folder(&Disk::default(), &writer.folder).and_then(|()| {
            tempfile::NamedTempFile::new_in(&writer.folder).map_err(|error| Error::io("writing", &writer.folder, error))
        });
        writer.file = writer.unless_failed(begun.map(BufWriter::new));
        writer
    }

    /// Adds files, which come in the order of their paths.
    pub(crate) fn add(&mut self, files: &[Found], digests: &[Digest]) {
        let Some(mut file) = self.file.take() else { return };
        let written =
            files.iter().zip(digests).try_for_each(|(found, digest)| write_row(&mut file, digest, &found.listed));
        let written = written.map_err(|error| Error::io("writing", &self.folder, error));
        self.file = self.unless_failed(written.map(|()| file));
    }

    /// Puts the listing in its place.
    pub(crate) fn finish(mut self, digest: Digest) {
        let Some(file) = self.file.take() else { return };
        let path = self.folder.join(digest.to_string());
        let kept = file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| {
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        });
        self.unless_failed(kept.map_err(|error| Error::io("writing", &path, error)));
    }

    fn unless_failed<T>(&self, result: Result<T>) -> Option<T> {
        result.inspect_err(|error| tracing::debug!("{} is left without a listing: {error}", self.folder.display())).ok()
    }
}

fn write_row(file: &mut impl std::io::Write, digest: &Digest, path: &str) -> std::io::Result<()> {
    if path.contains(['\\', '\n', '\r']) {
        let escaped = path.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        writeln!(file, "\\{digest}  {escaped}")
    } else {
        writeln!(file, "{digest}  {path}")
    }
}

fn unescape(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                _ => '\\',
            },
            letter => letter,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::status::FileStatus;
    use crate::fs::walk::Kind;

    fn write(index: &Path, name: &str, files: &[(&str, &str)]) -> Digest {
        let digest_of = |content: &str| Digest::from(blake3::hash(content.as_bytes()));
        let status = FileStatus::of(Path::new("/")).unwrap();
        let found: Vec<Found> = files
            .iter()
            .map(|(path, _)| Found { listed: (*path).to_owned(), path: PathBuf::from(path), status, kind: Kind::File })
            .collect();
        let digests: Vec<Digest> = files.iter().map(|(_, content)| digest_of(content)).collect();
        let mut writer = ListingWriter::begin(index.join("listings"));
        writer.add(&found, &digests);
        writer.finish(digest_of(name));
        digest_of(name)
    }

    #[test]
    fn added_removed_and_changed_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index");
        let old = write(&index, "old", &[("a", "1"), ("b/c", "1"), ("b\n\\\\n", "1"), ("d", "1")]);
        let new = write(&index, "new", &[("a", "1"), ("b/c", "2"), ("b\n\\\\n", "2"), ("e", "1")]);
        let changes: Vec<Change> = listing_changes(&index, old, new).unwrap().collect();
        let changed = |path: &str| Change::Changed(path.to_owned());
        assert_eq!(
            changes,
            [changed("b/c"), changed("b\n\\\\n"), Change::Removed("d".to_owned()), Change::Added("e".to_owned())]
        );
        assert_eq!(listing_changes(&index, new, new).unwrap().count(), 0);
        assert!(listing_changes(&index, old, Digest::from(blake3::hash(b"never seen"))).is_none());
    }

    #[test]
    fn a_listing_that_cannot_be_written_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index");
        std::fs::write(&index, "in the way").unwrap();
        let digest = write(&index, "name", &[("a", "1")]);
        assert!(listing_changes(&index, digest, digest).is_none());
    }
}

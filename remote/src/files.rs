//! An artifact's files as one string of bytes, one after the other, which is cut into segments.

use crate::session::local;
use remote_protocol::{Contents, Failure, FailureKind};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The bytes of a segment; the last one of an artifact may have fewer.
pub(crate) const SEGMENT: u64 = 16 << 20;

/// How many segments that many bytes are. There is always one, so that what is empty is an object as well.
pub(crate) fn segments(bytes: u64) -> u64 {
    bytes.div_ceil(SEGMENT).max(1)
}

/// Makes the folders and files of an artifact, each file with its size and without content.
///
/// # Errors
/// When something is there already, so that no link can lead elsewhere.
pub(crate) fn make(contents: &Contents, folder: &Path) -> Result<(), Failure> {
    let make_folder = |path: &Path| fs::create_dir_all(path).map_err(|error| local("writing", path, &error));
    make_folder(folder)?;
    for empty in &contents.empty_folders {
        make_folder(&folder.join(empty))?;
    }
    for file in &contents.files {
        let path = folder.join(&file.path);
        make_folder(path.parent().unwrap_or(folder))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(if file.executable { 0o777 } else { 0o666 });
        let made = options.open(&path).and_then(|opened| opened.set_len(file.size));
        made.map_err(|error| local("writing", &path, &error))?;
    }
    Ok(())
}

/// Writes a segment into the files that it belongs to.
pub(crate) fn write(contents: &Contents, folder: &Path, number: u64, bytes: &[u8]) -> Result<(), Failure> {
    each_part(contents, number, bytes.len() as u64, |path, at, range| {
        let path = folder.join(path);
        let opened = OpenOptions::new().write(true).open(&path);
        let written = opened.and_then(|file| file.write_all_at(&bytes[range], at));
        written.map_err(|error| local("writing", &path, &error))
    })
}

/// Reads the whole of an artifact, segment by segment, and checks that it is what its digests say.
pub(crate) struct Reader {
    contents: Contents,
    folder: std::path::PathBuf,
    number: u64,
    hashers: Vec<blake3::Hasher>,
}

impl Reader {
    pub(crate) fn new(contents: Contents, folder: &Path) -> Self {
        let hashers = contents.files.iter().map(|_| blake3::Hasher::new()).collect();
        Self { contents, folder: folder.to_owned(), number: 0, hashers }
    }

    /// The number of the next segment.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next segment; `None` after the last one.
    ///
    /// # Errors
    /// When a file is not what it should be. The last segments are given only after all files were found right.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let (total, number) = (self.contents.bytes(), self.number);
        if number >= segments(total) {
            return Ok(None);
        }
        self.number += 1;
        let length = (total - number * SEGMENT).min(SEGMENT);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let (folder, hashers, files) = (&self.folder, &mut self.hashers, &self.contents.files);
        each_part(&self.contents, number, length, |path, at, range| {
            let whole = folder.join(path);
            let part = &mut bytes[range];
            File::open(&whole)
                .and_then(|file| file.read_exact_at(part, at))
                .map_err(|error| local("reading", &whole, &error))?;
            if let Ok(index) = files.binary_search_by(|file| file.path.as_str().cmp(path)) {
                hashers[index].update(part);
            }
            Ok(())
        })?;
        if self.number == segments(total) {
            self.check()?;
        }
        Ok(Some(bytes))
    }

    fn check(&self) -> Result<(), Failure> {
        for (file, hasher) in self.contents.files.iter().zip(&self.hashers) {
            let path = self.folder.join(&file.path);
            let found = fs::metadata(&path).map_err(|error| local("reading", &path, &error))?;
            if found.len() != file.size || hasher.finalize().to_string() != file.digest {
                let message = format!("the content of {} is not what was stored; it is not published", path.display());
                return Err(Failure::new(FailureKind::Local, message));
            }
        }
        Ok(())
    }
}

/// Calls `part` for each file that a segment has a part of: its path, where the part begins in it, and where in the segment.
fn each_part(
    contents: &Contents,
    number: u64,
    length: u64,
    mut part: impl FnMut(&str, u64, std::ops::Range<usize>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (first, end) = (number * SEGMENT, number * SEGMENT + length);
    let mut begin = 0;
    for file in &contents.files {
        let (from, to) = (first.max(begin), end.min(begin + file.size));
        if from < to {
            let range = usize::try_from(from - first).unwrap_or(0)..usize::try_from(to - first).unwrap_or(0);
            part(&file.path, from - begin, range)?;
        }
        begin += file.size;
    }
    Ok(())
}

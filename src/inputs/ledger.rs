//! What is remembered of the files in one folder outside the store: of each, in the order of a walk, the status that it had
//! and the digest of its content. Reading and writing it holds one file's line in memory, however many there are.
//!
//! A ledger is `index/folders/<digest of the folder's path>`. Each line carries a checksum, and one that does not fit ends
//! the ledger: what comes after it is read again.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::durable;
use crate::fs::walk::Found;
use crate::key::Digest;
use fs_err as fs;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// One file as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    listed: String,
    status: [u8; 16],
    content: Digest,
}

/// A status that no file has, for files that may still change without showing it.
const UNSETTLED: [u8; 16] = [0; 16];

/// No path of the system is longer.
const LONGEST: usize = 1 << 16;

/// A ledger that is read along with a walk.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: Option<BufReader<fs::File>>,
    next: Option<Line>,
}

impl Ledger {
    /// The ledger of `folder` among the ledgers in `ledgers`; an empty one where there is none.
    pub(crate) fn open(ledgers: &Path, folder: &Path) -> Self {
        let file = fs::File::open(place(ledgers, folder)).ok().map(BufReader::new);
        let mut ledger = Self { file, next: None };
        ledger.advance();
        ledger
    }

    /// The digest of a file whose status has stayed. Files have to be asked for in the order of a walk.
    pub(crate) fn digest(&mut self, file: &Found) -> Option<Digest> {
        while self.next.as_ref().is_some_and(|line| line.listed < file.listed) {
            self.advance();
        }
        let line = self.next.as_ref().filter(|line| line.listed == file.listed)?;
        (line.status == file.status.short() && line.status != UNSETTLED).then_some(line.content)
    }

    fn advance(&mut self) {
        self.next = self.file.as_mut().and_then(read_line);
        if self.next.is_none() {
            self.file = None;
        }
    }
}

/// A ledger that is being written. It may be lost, so a failure only ends it.
#[derive(Debug)]
pub(crate) struct LedgerWriter {
    place: PathBuf,
    file: Option<BufWriter<tempfile::NamedTempFile>>,
}

impl LedgerWriter {
    /// Begins a ledger of `folder` among those in `ledgers`.
    pub(crate) fn begin(ledgers: &Path, folder: &Path) -> Self {
        let place = place(ledgers, folder);
        let begun = durable::make_folder(&Disk::default(), ledgers).and_then(|()| {
            tempfile::NamedTempFile::new_in(ledgers).map_err(|error| Error::io("writing", ledgers, error))
        });
        let file = unless_failed(&place, begun.map(BufWriter::new));
        Self { place, file }
    }

    /// Adds the next file. One that is not settled is noted so that it is read again.
    pub(crate) fn add(&mut self, file: &Found, content: Digest, is_settled: bool) {
        let Some(mut writer) = self.file.take() else { return };
        let status = if is_settled { file.status.short() } else { UNSETTLED };
        let line = Line { listed: file.listed.clone(), status, content };
        let written = writer.write_all(&encode(&line)).map_err(|error| Error::io("writing", &self.place, error));
        self.file = unless_failed(&self.place, written.map(|()| writer));
    }

    /// Puts the ledger in its place.
    pub(crate) fn finish(self) {
        let Some(writer) = self.file else { return };
        let kept = writer
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.persist(&self.place).map(drop).map_err(|error| error.error))
            .map_err(|error| Error::io("writing", &self.place, error));
        unless_failed(&self.place, kept);
    }
}

fn unless_failed<T>(place: &Path, result: Result<T>) -> Option<T> {
    result.inspect_err(|error| tracing::debug!("{} is not written: {error}", place.display())).ok()
}

fn place(ledgers: &Path, folder: &Path) -> PathBuf {
    ledgers.join(Digest::from(blake3::hash(folder.as_os_str().as_encoded_bytes())).to_string())
}

fn encode(line: &Line) -> Vec<u8> {
    let length = u32::try_from(line.listed.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(line.listed.as_bytes());
    bytes.extend(line.status);
    bytes.extend(line.content.as_bytes());
    bytes.extend(checksum(&bytes));
    bytes
}

fn read_line(file: &mut BufReader<fs::File>) -> Option<Line> {
    let mut length = [0; 4];
    file.read_exact(&mut length).ok()?;
    let listed = usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| *length <= LONGEST)?;
    let mut bytes = length.to_vec();
    bytes.resize(4 + listed + 16 + 32 + 8, 0);
    file.read_exact(&mut bytes[4..]).ok()?;
    let (line, sum) = bytes.split_at(bytes.len() - 8);
    if checksum(line) != sum {
        return None;
    }
    let (path, rest) = line[4..].split_at(listed);
    let (status, content) = rest.split_at(16);
    Some(Line {
        listed: String::from_utf8(path.to_vec()).ok()?,
        status: status.try_into().ok()?,
        content: Digest::from_slice(content)?,
    })
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::status::Status;
    use crate::fs::walk::Kind;

    fn found(folder: &Path, name: &str) -> Found {
        let path = folder.join(name);
        std::fs::write(&path, name).unwrap();
        Found { listed: name.to_owned(), status: Status::of(&path).unwrap(), path, kind: Kind::File }
    }

    fn content(name: &str) -> Digest {
        blake3::hash(name.as_bytes()).into()
    }

    #[test]
    fn files_are_found_again_in_order_and_unsettled_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let ledgers = tempfile::tempdir().unwrap();
        let files = ["a", "b", "d"].map(|name| found(folder.path(), name));
        let mut writer = LedgerWriter::begin(ledgers.path(), folder.path());
        for file in &files {
            writer.add(file, content(&file.listed), file.listed != "b");
        }
        writer.finish();
        let mut ledger = Ledger::open(ledgers.path(), folder.path());
        assert_eq!(ledger.digest(&files[0]), Some(content("a")));
        assert_eq!(ledger.digest(&files[1]), None);
        assert_eq!(ledger.digest(&found(folder.path(), "c")), None);
        assert_eq!(ledger.digest(&files[2]), Some(content("d")));
        assert_eq!(ledger.digest(&found(folder.path(), "e")), None);
    }

    #[test]
    fn no_flipped_byte_gives_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let ledgers = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| found(folder.path(), name));
        let mut writer = LedgerWriter::begin(ledgers.path(), folder.path());
        files.iter().for_each(|file| writer.add(file, content(&file.listed), true));
        writer.finish();
        let path = place(ledgers.path(), folder.path());
        let whole = std::fs::read(&path).unwrap();
        for byte in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[byte] ^= 0x10;
            std::fs::write(&path, damaged).unwrap();
            let mut ledger = Ledger::open(ledgers.path(), folder.path());
            for file in &files {
                assert!(ledger.digest(file).is_none_or(|digest| digest == content(&file.listed)), "byte {byte}");
            }
        }
    }
}

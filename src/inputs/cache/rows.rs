//! The one format in which digests of external inputs are remembered: a row has a name, the status that was seen, and the
//! digest of the content.
//!
//! A table is a file of rows, read and written one at a time. Each row carries a checksum, and one that does not fit ends
//! the table: a wrong digest would make a wrong key, and a lost one only costs reading the input again.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::fs::durable;
use crate::fs::status::Seen;
use crate::key::Digest;
use fs_err as fs;
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// An input, or a file of one, as it was when its content was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The path of an input, or that of a file in its folder.
    pub(crate) name: Vec<u8>,
    /// The digest of its status.
    pub(crate) seen: Seen,
    /// The digest of its content.
    pub(crate) content: Digest,
}

/// No path of the system is longer.
const LONGEST: usize = 1 << 16;

const SEEN: usize = 16;
const CONTENT: usize = 32;
const CHECKSUM: usize = 8;

impl Row {
    /// The row in bytes: the length of the name, the name, the status, the content, and a checksum of all these.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.name.len()).unwrap_or(u32::MAX);
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(&self.name);
        bytes.extend(self.seen.0);
        bytes.extend(self.content.as_bytes());
        bytes.extend(checksum(&bytes));
        bytes
    }

    /// The next row; `None` at the end, and where it is not what was written.
    pub(crate) fn read(bytes: &mut impl Read) -> Option<Self> {
        let mut length = [0; 4];
        bytes.read_exact(&mut length).ok()?;
        let name = usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| *length <= LONGEST)?;
        let mut row = length.to_vec();
        row.resize(4 + name + SEEN + CONTENT + CHECKSUM, 0);
        bytes.read_exact(&mut row[4..]).ok()?;
        let (row, sum) = row.split_at(row.len() - CHECKSUM);
        if checksum(row) != sum {
            return None;
        }
        let (name, rest) = row[4..].split_at(name);
        let (seen, content) = rest.split_at(SEEN);
        Some(Self { name: name.to_vec(), seen: Seen(seen.try_into().ok()?), content: Digest::from_slice(content)? })
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&blake3::hash(bytes).as_bytes()[..CHECKSUM]);
    sum
}

/// The rows of a table, one after another; none where there is no table.
#[derive(Debug)]
pub(crate) struct Rows(Option<BufReader<fs::File>>);

impl Rows {
    /// The rows of the table at `path`.
    pub(crate) fn open(path: &Path) -> Self {
        Self(fs::File::open(path).ok().map(BufReader::new))
    }
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let row = self.0.as_mut().and_then(Row::read);
        if row.is_none() {
            self.0 = None;
        }
        row
    }
}

/// A table that is being written. It may be lost, so a failure only ends it.
#[derive(Debug)]
pub(crate) struct TableWriter {
    path: PathBuf,
    file: Option<BufWriter<tempfile::NamedTempFile>>,
}

impl TableWriter {
    /// Begins the table that will be at `path`.
    pub(crate) fn begin(path: PathBuf) -> Self {
        let folder = path.parent().unwrap_or(Path::new("."));
        let begun = durable::make_folder(&Disk::default(), folder).and_then(|()| {
            // As the user's umask has it: others who share the store may read it.
            let mode = std::fs::Permissions::from_mode(0o666);
            let file = tempfile::Builder::new().permissions(mode).tempfile_in(folder);
            file.map_err(|error| Error::io("writing", folder, error))
        });
        let file = unless_failed(&path, begun.map(BufWriter::new));
        Self { path, file }
    }

    /// Adds the next row.
    pub(crate) fn add(&mut self, row: &Row) {
        let Some(mut writer) = self.file.take() else { return };
        let written = writer.write_all(&row.encode()).map_err(|error| Error::io("writing", &self.path, error));
        self.file = unless_failed(&self.path, written.map(|()| writer));
    }

    /// Puts the table in its place.
    pub(crate) fn finish(self) {
        let Some(writer) = self.file else { return };
        let kept = writer
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.persist(&self.path).map(drop).map_err(|error| error.error))
            .map_err(|error| Error::io("writing", &self.path, error));
        unless_failed(&self.path, kept);
    }
}

fn unless_failed<T>(path: &Path, result: Result<T>) -> Option<T> {
    result.inspect_err(|error| tracing::debug!("{} is not written: {error}", path.display())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Row {
        let content: Digest = blake3::hash(name.as_bytes()).into();
        Row { name: name.as_bytes().to_vec(), seen: Seen([7; SEEN]), content }
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner/table");
        let rows = ["", "a", "b/c"].map(row);
        let mut writer = TableWriter::begin(path.clone());
        rows.iter().for_each(|row| writer.add(row));
        writer.finish();
        assert_eq!(Rows::open(&path).collect::<Vec<_>>(), rows);
        assert_eq!(Rows::open(&folder.path().join("none")).count(), 0);
    }

    #[test]
    fn no_flipped_byte_gives_another_row() {
        let rows = ["a", "b"].map(row);
        let whole: Vec<u8> = rows.iter().flat_map(Row::encode).collect();
        for byte in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[byte] ^= 1 << bit;
                let mut left = damaged.as_slice();
                let read: Vec<Row> = std::iter::from_fn(|| Row::read(&mut left)).collect();
                assert!(rows.starts_with(&read), "bit {bit} of byte {byte}");
            }
        }
    }

    #[test]
    fn a_table_cut_short_has_its_first_rows() {
        let rows = ["a", "b"].map(row);
        let whole: Vec<u8> = rows.iter().flat_map(Row::encode).collect();
        for end in 0..=whole.len() {
            let mut left = &whole[..end];
            let read: Vec<Row> = std::iter::from_fn(|| Row::read(&mut left)).collect();
            assert_eq!(read, rows[..end / (whole.len() / 2)]);
        }
    }
}

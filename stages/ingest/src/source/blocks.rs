//! Blocks of whole lines.

use crate::source::BadRow;
use crate::source::files::{damaged, open};
use contract::{Failure, Result};
use memchr::{memchr, memchr_iter, memchr2_iter, memrchr};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How many bytes a block has at least, unless the file ends.
const BLOCK: usize = 1 << 20;
/// The longest line that is read. Longer ones are bad rows.
const LONGEST_LINE: usize = 256 << 20;

/// What some programs put before text in UTF-8.
const UTF_8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// How a file is divided into lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Every line break ends a line.
    Plain,
    /// Line breaks between quotes are text.
    Quoted,
}

/// Some whole lines of a file.
#[derive(Debug)]
pub(crate) struct Block {
    /// Which of the files.
    pub(crate) file: usize,
    /// The number of the first line, from 1.
    pub(crate) first_line: u64,
    /// The lines, each with its line break, but perhaps the last.
    pub(crate) bytes: Vec<u8>,
    /// Lines that are too long to be read.
    pub(crate) too_long: Vec<BadRow>,
}

impl Block {
    /// Whether the file begins here.
    pub(crate) fn is_first(&self) -> bool {
        self.first_line == 1
    }

    /// Its lines with their numbers, without line breaks.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut rest = self.bytes.as_slice();
        let lines = std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            rest = end.map_or(&[], |end| &rest[end + 1..]);
            Some(line)
        });
        (self.first_line..).zip(lines)
    }
}

/// Reads a file block by block.
pub(crate) struct Blocks {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    file: usize,
    lines: Lines,
    /// What was read after the last whole line.
    carry: Vec<u8>,
    next_line: u64,
    is_at_start: bool,
    /// What ended reading, told after the lines before it.
    failure: Option<Failure>,
}

impl Blocks {
    /// Opens the file that is number `file` of all.
    pub(crate) fn open(path: &Path, file: usize, lines: Lines) -> Result<Self> {
        let reader = open(path)?;
        let path = path.to_owned();
        Ok(Self { path, reader, file, lines, carry: Vec::new(), next_line: 1, is_at_start: true, failure: None })
    }

    /// The number of the line after the last block.
    pub(crate) fn line(&self) -> u64 {
        self.next_line
    }

    /// The next block, or `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read on. What was read before, whole lines, is in the blocks before.
    pub(crate) fn next(&mut self) -> Result<Option<Block>> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut bytes = std::mem::take(&mut self.carry);
        let mut search = Search { lines: self.lines, scanned: 0, is_quoted: false, end: None };
        loop {
            let read = self.fill(&mut bytes);
            if std::mem::take(&mut self.is_at_start) && bytes.starts_with(UTF_8_MARK) {
                bytes.drain(..UTF_8_MARK.len());
            }
            search.go_on(&bytes);
            match read {
                Ok(0) if bytes.is_empty() => return Ok(None),
                Ok(0) => {
                    let end = bytes.len();
                    return Ok(Some(self.block(bytes, end)));
                }
                Ok(_) => {}
                Err(error) => {
                    let Some(end) = search.end else { return Err(self.damaged(&error)) };
                    // The whole lines first.
                    let block = self.block(bytes, end);
                    self.failure = Some(self.damaged(&error));
                    return Ok(Some(block));
                }
            }
            if let Some(end) = search.end.filter(|_| bytes.len() >= BLOCK) {
                return Ok(Some(self.block(bytes, end)));
            }
            if bytes.len() > LONGEST_LINE {
                return self.pass_over(bytes).map(Some);
            }
        }
    }

    /// Reads up to a block more.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> std::io::Result<usize> {
        let before = bytes.len();
        bytes.reserve(BLOCK);
        self.reader.by_ref().take(BLOCK as u64).read_to_end(bytes)?;
        Ok(bytes.len() - before)
    }

    fn block(&mut self, mut bytes: Vec<u8>, end: usize) -> Block {
        self.carry = bytes.split_off(end);
        let first_line = self.next_line;
        self.next_line += memchr_iter(b'\n', &bytes).count() as u64;
        Block { file: self.file, first_line, bytes, too_long: Vec::new() }
    }

    /// Passes over a line that is too long, to its end or the end of the file.
    fn pass_over(&mut self, mut bytes: Vec<u8>) -> Result<Block> {
        let problem = format!("the line is longer than {} MiB, expected at most that", LONGEST_LINE >> 20);
        let too_long = vec![BadRow::malformed(self.next_line, problem)];
        let first_line = self.next_line;
        loop {
            bytes.clear();
            let read = self.fill(&mut bytes).map_err(|error| self.damaged(&error))?;
            if let Some(end) = memchr(b'\n', &bytes) {
                self.carry = bytes.split_off(end + 1);
                break;
            }
            if read == 0 {
                break;
            }
        }
        self.next_line += 1;
        Ok(Block { file: self.file, first_line, bytes: Vec::new(), too_long })
    }

    fn damaged(&self, error: &std::io::Error) -> Failure {
        damaged(&self.path, self.next_line - 1, error)
    }
}

/// Looks for the end of the last whole line.
struct Search {
    lines: Lines,
    scanned: usize,
    is_quoted: bool,
    end: Option<usize>,
}

impl Search {
    /// Looks at the bytes that were added.
    fn go_on(&mut self, bytes: &[u8]) {
        let new = &bytes[self.scanned..];
        let may_be_quoted = self.lines == Lines::Quoted && (self.is_quoted || memchr(b'"', new).is_some());
        if may_be_quoted {
            for at in memchr2_iter(b'"', b'\n', new) {
                if new[at] == b'"' {
                    self.is_quoted = !self.is_quoted;
                } else if !self.is_quoted {
                    self.end = Some(self.scanned + at + 1);
                }
            }
        } else if let Some(at) = memrchr(b'\n', new) {
            self.end = Some(self.scanned + at + 1);
        }
        self.scanned = bytes.len();
    }
}

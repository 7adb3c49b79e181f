//! JSON lines, gzipped or not, one at a time.

use contract::{Failure, FailureKind, Result};
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A file of JSON objects, one a line, read in constant memory.
pub(crate) struct JsonLines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: u64,
    bytes: Vec<u8>,
}

impl JsonLines {
    /// Opens a file; it is taken as gzipped when it starts like one.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(|error| Failure::reading(path, error))?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let gzipped = file.fill_buf().map_err(|error| Failure::reading(path, error))?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead> = if gzipped {
            let decoder: Box<dyn Read> = Box::new(MultiGzDecoder::new(file));
            Box::new(BufReader::with_capacity(1 << 16, decoder))
        } else {
            Box::new(file)
        };
        Ok(Self { path: path.to_owned(), reader, line: 0, bytes: Vec::new() })
    }

    /// The next object, or `None` at the end; empty lines are passed over.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        loop {
            self.bytes.clear();
            let read = self.reader.read_until(b'\n', &mut self.bytes).map_err(|error| self.damaged(&error))?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            if !self.bytes.trim_ascii().is_empty() {
                return serde_json::from_slice(&self.bytes).map(Some).map_err(|error| self.malformed(&error));
            }
        }
    }

    /// The text in `field` of the current line, which must be there and not be empty.
    pub(crate) fn text(&self, field: &str, value: Option<Value>) -> Result<String> {
        match value {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            found => Err(self.missing(field, "a string", found)),
        }
    }

    /// The whole number in `field` of the current line, which must be there.
    pub(crate) fn whole_number(&self, field: &str, value: Option<Value>) -> Result<i64> {
        value.as_ref().and_then(Value::as_i64).ok_or_else(|| self.missing(field, "a whole number", value))
    }

    /// The number in `field` of the current line, which must be there.
    pub(crate) fn number(&self, field: &str, value: Option<Value>) -> Result<f64> {
        value.as_ref().and_then(Value::as_f64).ok_or_else(|| self.missing(field, "a number", value))
    }

    fn place(&self) -> String {
        format!("{}, line {}", self.path.display(), self.line)
    }

    fn damaged(&self, error: &std::io::Error) -> Failure {
        let what = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => "the file is truncated".to_owned(),
            _ => error.to_string(),
        };
        let message = format!("{}: cannot read on after line {}: {what}", self.path.display(), self.line);
        Failure::new(FailureKind::DamagedFile, message).hint("fetch the file again and compare its size")
    }

    fn malformed(&self, error: &serde_json::Error) -> Failure {
        let text = String::from_utf8_lossy(&self.bytes);
        let excerpt: String = text.trim().chars().take(80).collect();
        let message = format!("{}: not a JSON object: {error}; it starts with: {excerpt}", self.place());
        Failure::new(FailureKind::MalformedRow, message)
            .hint("expected one JSON object a line, as in the Amazon 2018 files")
    }

    fn missing(&self, field: &str, expected: &str, found: Option<Value>) -> Failure {
        let found = found.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
        let message = format!("{}: field '{field}' holds {found}, expected {expected}", self.place());
        Failure::new(FailureKind::MissingField, message).hint("is this the right file for this port?")
    }
}

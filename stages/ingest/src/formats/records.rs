//! Records of fields between delimiters, read from bytes in memory.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr_iter;

/// The records of some bytes.
pub(crate) struct Records<'a> {
    reader: Reader,
    input: &'a [u8],
    line: u64,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

/// A record: its line and its fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The line that it begins on.
    pub(crate) line: u64,
    fields: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Records<'a> {
    /// The records of bytes that begin with line `first_line`. Where fields may be quoted, quotes keep delimiters and line
    /// breaks.
    pub(crate) fn new(input: &'a [u8], delimiter: u8, is_quoted: bool, first_line: u64) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).quoting(is_quoted).build();
        Self { reader, input, line: first_line, fields: vec![0; 1 << 10], ends: vec![0; 32] }
    }

    /// The next record; lines without anything are passed over.
    pub(crate) fn next(&mut self) -> Option<Record<'_>> {
        self.pass_empty_lines();
        let line = self.line;
        let (mut written, mut fields) = (0, 0);
        loop {
            let (output, ends) = (&mut self.fields[written..], &mut self.ends[fields..]);
            let (result, read, wrote, ended) = self.reader.read_record(self.input, output, ends);
            self.line += memchr_iter(b'\n', &self.input[..read]).count() as u64;
            self.input = &self.input[read..];
            (written, fields) = (written + wrote, fields + ended);
            match result {
                // The reader is told of the end by an input without bytes, which the next turn gives.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.fields.resize(2 * self.fields.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => {
                    return Some(Record { line, fields: &self.fields[..written], ends: &self.ends[..fields] });
                }
                ReadRecordResult::End => return None,
            }
        }
    }

    fn pass_empty_lines(&mut self) {
        while let Some((&first, rest)) = self.input.split_first().filter(|(first, _)| matches!(first, b'\n' | b'\r')) {
            self.line += u64::from(first == b'\n');
            self.input = rest;
        }
    }
}

impl<'a> Record<'a> {
    /// The number of fields.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field at an index; empty beyond the last.
    pub(crate) fn get(&self, index: usize) -> &'a [u8] {
        let Some(&end) = self.ends.get(index) else { return &[] };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.fields[start..end]
    }

    /// All fields.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).map(move |index| self.get(index))
    }

    /// All fields as text, for messages and names.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_line_they_begin_on() {
        let long = "x".repeat(5_000);
        let text = format!("a,b\r\n\r\n\"c\nd\",\"e\"\"f\"\n,\n{long},{long}");
        let mut records = Records::new(text.as_bytes(), b',', true, 7);
        let mut found = Vec::new();
        while let Some(record) = records.next() {
            found.push((record.line, record.texts()));
        }
        let expected = [(7, ["a", "b"]), (9, ["c\nd", "e\"f"]), (11, ["", ""]), (12, [long.as_str(), long.as_str()])];
        assert_eq!(found, expected.map(|(line, fields)| (line, fields.map(str::to_owned).to_vec())));
        assert!(Records::new(b"\n\r\n", b',', true, 1).next().is_none());
    }
}

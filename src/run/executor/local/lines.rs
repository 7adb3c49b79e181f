//! The lines of a stream, as it is read.

use crate::run::executor::redact::Redactor;

/// The longest line, in bytes. A longer one is shown in pieces, so that a stream without line ends needs no memory.
const LONGEST: usize = 1 << 20;

/// What has been read of a line whose end has not come yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Adds what was read and gives the lines that have become whole. Bytes that are not UTF-8 are replaced.
    pub(super) fn add(&mut self, read: &[u8], redactor: &Redactor) -> Vec<String> {
        let mut lines = Vec::new();
        let mut parts = read.split(|byte| *byte == b'\n');
        self.rest.extend_from_slice(parts.next().unwrap_or_default());
        for part in parts {
            lines.push(text(&std::mem::replace(&mut self.rest, part.to_vec())));
        }
        if self.rest.len() > LONGEST {
            let whole = text(&self.rest);
            let cut = redactor.cut(&whole);
            lines.push(whole[..cut].to_owned());
            self.rest = whole.as_bytes()[cut..].to_vec();
        }
        lines
    }

    /// What is left at the end of the stream.
    pub(super) fn end(&mut self) -> Option<String> {
        (!self.rest.is_empty()).then(|| text(&std::mem::take(&mut self.rest)))
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_wherever_a_read_ends() {
        let stream = "one\r\n\ntwo ñ\nthree";
        for size in 1..stream.len() {
            let (mut lines, redactor) = (Lines::default(), Redactor::new(&[]));
            let mut found: Vec<String> =
                stream.as_bytes().chunks(size).flat_map(|read| lines.add(read, &redactor)).collect();
            found.extend(lines.end());
            assert_eq!(found, ["one", "", "two ñ", "three"]);
        }
    }

    #[test]
    fn pieces_of_a_long_line_never_split_a_secret() {
        let (mut lines, redactor) = (Lines::default(), Redactor::new(&["hunter2".to_owned()]));
        let stream = "x".repeat(LONGEST - 3) + "hunter2" + &"y".repeat(LONGEST);
        let mut found: Vec<String> =
            stream.as_bytes().chunks(LONGEST).flat_map(|read| lines.add(read, &redactor)).collect();
        found.extend(lines.end());
        assert!(found.len() > 1 && found.iter().all(|piece| piece.len() <= 2 * LONGEST));
        let shown: String = found.iter().map(|piece| redactor.redact(piece)).collect();
        assert_eq!(shown, stream.replace("hunter2", "***"));
    }
}

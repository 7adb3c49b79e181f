//! A file that another machine adds lines to, read as far as it is there.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// How much is read at once, in bytes.
const CHUNK: u64 = 1 << 16;

/// The file.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    read: u64,
    /// What was read of a line whose end has not come yet.
    rest: Vec<u8>,
}

impl Tail {
    /// The file, from its beginning.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, read: 0, rest: Vec::new() }
    }

    /// How many bytes were read.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read
    }

    /// The next lines that are whole, at most some; none when there is nothing new. A file that cannot be read now may be
    /// read later.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let mut new = Vec::new();
        // Opened each time: a network file system then asks for what is new.
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.take(CHUNK).read_to_end(&mut new)
        });
        self.read += read.unwrap_or(0) as u64;
        self.rest.append(&mut new);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        String::from_utf8_lossy(&whole[..end]).split('\n').map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn lines_come_whole_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(folder.path().join("log"));
        assert!(tail.lines().is_empty(), "it is not there yet");
        let mut file = File::create(folder.path().join("log")).unwrap();
        write!(file, "one\n\ntw").unwrap();
        assert_eq!(tail.lines(), ["one", ""]);
        assert!(tail.lines().is_empty());
        writeln!(file, "o").unwrap();
        assert_eq!(tail.lines(), ["two"]);
        assert_eq!(tail.read_bytes(), 9);
    }
}

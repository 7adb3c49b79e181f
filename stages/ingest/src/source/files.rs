//! The files behind a port, opened as plain bytes whatever they are compressed with.

use contract::{Failure, FailureKind, Result};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::{Path, PathBuf};

/// The files behind a port, in order of their names.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The files.
    pub(crate) paths: Vec<PathBuf>,
}

impl Files {
    /// The files of paths: themselves, and of folders the files whose name matches `pattern`.
    pub(crate) fn of(paths: &[PathBuf], pattern: Option<&str>) -> Result<Self> {
        let pattern = pattern.map(glob::Pattern::new).transpose().map_err(|error| {
            let message = format!("files = \"{}\" is not a pattern: {error}", pattern.unwrap_or_default());
            Failure::new(FailureKind::Conflict, message).hint("an asterisk stands for any characters, such as *.csv.gz")
        })?;
        let mut files = Vec::new();
        for path in paths {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let before = files.len();
            for entry in fs_err::read_dir(path)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_wanted = pattern.as_ref().map_or(!name.starts_with('.'), |pattern| pattern.matches(&name));
                if is_wanted && entry.path().is_file() {
                    files.push(entry.path());
                }
            }
            if files.len() == before {
                let message = format!("{} holds no file to read, expected at least one", path.display());
                return Err(Failure::new(FailureKind::NothingUsable, message).hint("does `files` match their names?"));
            }
        }
        files.sort();
        Ok(Self { paths: files })
    }

    /// The first file.
    pub(crate) fn first(&self) -> &Path {
        self.paths.first().map_or(Path::new(""), PathBuf::as_path)
    }
}

/// A file as plain bytes: gzip and zstd are decompressed.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>> {
    const CAPACITY: usize = 1 << 17;
    let failed = |error: std::io::Error| Failure::reading(path, error);
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let file = BufReader::with_capacity(CAPACITY, file);
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(Bounded::new(MultiGzDecoder::new(file), size)),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            Box::new(Bounded::new(zstd::stream::read::Decoder::with_buffer(file).map_err(failed)?, size))
        }
        _ => Box::new(file),
    })
}

/// The first bytes of a file, decompressed; a file that is damaged later gives what is before.
pub(crate) fn head(path: &Path, bytes: usize) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let read = open(path)?.take(bytes as u64).read_to_end(&mut head);
    match read {
        // Without a whole line there is nothing to read.
        Err(error) if !head.contains(&b'\n') => Err(damaged(path, 0, &error)),
        _ if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) => {
            let message = format!("{}: the file is UTF-16, expected UTF-8", path.display());
            Err(Failure::new(FailureKind::DamagedFile, message).hint("convert it: iconv -f UTF-16 -t UTF-8"))
        }
        _ => Ok(head),
    }
}

/// The failure of a file that cannot be read on after a line.
pub(super) fn damaged(path: &Path, line: u64, error: &std::io::Error) -> Failure {
    let problem = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the file is truncated".to_owned(),
        _ => error.to_string(),
    };
    let message = format!("{}: cannot read on after line {line}: {problem}", path.display());
    Failure::new(FailureKind::DamagedFile, message).hint(
        "fetch the file again and compare its size; on_bad_row = \"skip\" takes the whole lines before the damage",
    )
}

/// Decompressed bytes, as long as they are not too many for the size of the file.
struct Bounded<R> {
    inner: R,
    read: u64,
    most: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R, compressed: u64) -> Self {
        /// Less than this is never too much.
        const ALWAYS: u64 = 1 << 30;
        /// Reviews and tables have a tenth of this.
        const MOST_RATIO: u64 = 300;
        Self { inner, read: 0, most: compressed.saturating_mul(MOST_RATIO).max(ALWAYS) }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.read > self.most {
            let message = format!(
                "it expands to more than {} MiB, over 300 times its size, as a decompression bomb does",
                self.most >> 20
            );
            return Err(std::io::Error::other(message));
        }
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decompression_bomb_ends_with_an_error() {
        let mut bomb = Bounded { inner: std::io::repeat(b' '), read: 0, most: 1_000_000 };
        let error = std::io::copy(&mut bomb, &mut std::io::sink()).unwrap_err();
        assert!(error.to_string().contains("as a decompression bomb does"), "{error}");
    }

    #[test]
    fn a_folder_gives_its_files_by_name_and_pattern() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c.txt", ".hidden"] {
            fs_err::write(folder.path().join(name), "x").unwrap();
        }
        let names = |pattern| {
            let files = Files::of(&[folder.path().to_owned()], pattern).unwrap();
            files.paths.iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["a.csv", "b.csv", "c.txt"]);
        assert_eq!(names(Some("*.csv")), ["a.csv", "b.csv"]);
        let none = Files::of(&[folder.path().to_owned()], Some("*.gz")).unwrap_err();
        assert_eq!(none.kind, FailureKind::NothingUsable);
    }
}

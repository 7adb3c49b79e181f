//! The digest of one file, at the speed of the machine.
//!
//! BLAKE3 is a tree over the file's bytes, so each thread reads and hashes its own leaves and nobody waits for a buffer
//! of another's. A thread has one buffer of [`PIECE`] bytes, whatever the size of the file.

use crate::error::{Error, Result};
use crate::fs::disk::Disk;
use crate::key::Digest;
use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};
use std::cell::RefCell;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The part of the tree that one thread takes at a time.
const LEAF: u64 = 1 << 20;

/// What a thread reads and hashes at a time: it stays in the CPU's L2 cache between the two.
const PIECE: usize = 128 << 10;

/// What all threads work on together. Windows are read one after another, so a disk is read nearly in order.
const WINDOW: u64 = 256 << 20;

/// The digest of a file's content.
pub(crate) fn hash_file(disk: &Disk, path: &Path) -> Result<Digest> {
    disk.open(path).and_then(hash_open_file).map_err(|error| Error::io("reading", path, error))
}

/// The digest of the content of a file that is open.
pub(crate) fn hash_open_file(mut file: fs::File) -> io::Result<Digest> {
    let size = file.metadata()?.len();
    if size > LEAF {
        match halves(&file, 0, size) {
            Ok((left, right)) => return Ok(merge_subtrees_root(&left, &right, Mode::Hash).into()),
            // It has become shorter, so it is read as it is now. Whoever asked sees that its status changed.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    let mut hasher = Hasher::new();
    hasher.update_reader(&mut file)?;
    Ok(hasher.finalize().into())
}

/// The chaining values of the two halves of a part of the file, which is longer than a leaf.
fn halves(file: &fs::File, offset: u64, length: u64) -> io::Result<(ChainingValue, ChainingValue)> {
    let middle = left_subtree_len(length);
    let left = || subtree(file, offset, middle);
    let right = || subtree(file, offset + middle, length - middle);
    if length > WINDOW {
        return Ok((left()?, right()?));
    }
    let (left, right) = rayon::join(left, right);
    Ok((left?, right?))
}

fn subtree(file: &fs::File, offset: u64, length: u64) -> io::Result<ChainingValue> {
    if length <= LEAF {
        return leaf(file, offset, usize::try_from(length).unwrap_or(usize::MAX));
    }
    let (left, right) = halves(file, offset, length)?;
    Ok(merge_subtrees_non_root(&left, &right, Mode::Hash))
}

fn leaf(file: &fs::File, offset: u64, length: usize) -> io::Result<ChainingValue> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
    }
    BUFFER.with_borrow_mut(|buffer| {
        let mut hasher = Hasher::new();
        hasher.set_input_offset(offset);
        let mut read = 0;
        while read < length {
            let piece = &mut buffer[..PIECE.min(length - read)];
            file.read_exact_at(piece, offset + read as u64)?;
            hasher.update(piece);
            read += piece.len();
        }
        Ok(hasher.finalize_non_root())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_blake3s_for_every_shape_of_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..9 * LEAF).map(|place| (place % 251) as u8).collect();
        for size in [0, 1, 1024, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF, 3 * LEAF + 17, 8 * LEAF, 8 * LEAF + 1025] {
            let content = &content[..usize::try_from(size).unwrap()];
            fs::write(&path, content).unwrap();
            assert_eq!(
                hash_file(&Disk::default(), &path).unwrap(),
                Digest::from(blake3::hash(content)),
                "{size} bytes"
            );
        }
    }

    #[test]
    fn a_file_of_several_windows_is_hashed_as_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // Holes read as zeros and take no space.
        file.as_file().set_len(2 * WINDOW + LEAF + 1025).unwrap();
        let mut hasher = Hasher::new();
        hasher.update_reader(fs::File::open(file.path()).unwrap()).unwrap();
        assert_eq!(hash_file(&Disk::default(), file.path()).unwrap(), Digest::from(hasher.finalize()));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = hash_file(&Disk::default(), Path::new("/nowhere/at-all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at-all"), "{error}");
    }
}

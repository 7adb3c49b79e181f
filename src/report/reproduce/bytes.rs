//! Where two files begin to differ.

use crate::error::{Error, Result};
use fs_err as fs;
use std::io::Read as _;
use std::path::Path;

/// The offset of the first byte that differs, counted from 0; the length of the shorter file when it is the beginning of
/// the longer one. `None` for equal files.
pub(super) fn first_difference(a: &Path, b: &Path) -> Result<Option<u64>> {
    const BLOCK: usize = 1 << 20;
    let open = |path: &Path| fs::File::open(path).map_err(|error| Error::io("reading", path, error));
    let (mut one, mut other) = (open(a)?, open(b)?);
    let (mut ones, mut others) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
    let mut offset = 0_u64;
    loop {
        for (path, file, block) in [(a, &mut one, &mut ones), (b, &mut other, &mut others)] {
            block.clear();
            file.take(BLOCK as u64).read_to_end(block).map_err(|error| Error::io("reading", path, error))?;
        }
        let same = ones.iter().zip(&others).take_while(|(one, other)| one == other).count();
        if same < ones.len().max(others.len()) {
            return Ok(Some(offset + same as u64));
        }
        if ones.is_empty() {
            return Ok(None);
        }
        offset += same as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_offset_is_that_of_the_first_other_byte(
            before in prop_oneof![0..5_usize, (1 << 20) - 2..(1 << 20) + 3_usize],
            after in 0..3_usize,
            kind in 0..3_u8,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let (a, b) = (folder.path().join("a"), folder.path().join("b"));
            let one = vec![7; before + 1 + after];
            let mut other = one.clone();
            match kind {
                0 => other[before] = 8,
                1 => other.truncate(before),
                _ => {}
            }
            std::fs::write(&a, &one).unwrap();
            std::fs::write(&b, &other).unwrap();
            let expected = (kind < 2).then_some(before as u64);
            prop_assert_eq!(first_difference(&a, &b).unwrap(), expected);
            prop_assert_eq!(first_difference(&b, &a).unwrap(), expected);
        }
    }
}

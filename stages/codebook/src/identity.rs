//! One level: every item is a token of its own, so that the original items are what the language model reads (Table 5).

use crate::rows::Rows;
use frames::Codes;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A code for each item and the codebook of it, in which a code's vector is its item's embedding: nothing is left over.
///
/// Codes are in a random order, so that they tell nothing that the items' numbers may tell.
pub(crate) fn identity(items: &Rows, seed: u64) -> (Codes, Rows) {
    let mut item_of_code: Vec<usize> = (0..items.len()).collect();
    item_of_code.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut code_of_item = vec![0; items.len()];
    for (code, &item) in (0..).zip(&item_of_code) {
        code_of_item[item] = code;
    }
    (Codes { levels: vec![code_of_item] }, items.select(&item_of_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_codes_are_unique_and_seeded() {
        let items = Rows { dim: 1, values: (0..30).map(|n| n as f32).collect() };
        let (codes, book) = identity(&items, 1);
        for (item, &code) in codes.levels[0].iter().enumerate() {
            assert_eq!(book.row(code as usize), items.row(item));
        }
        let mut sorted = codes.levels[0].clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..30).collect::<Vec<u32>>());
        assert_ne!(sorted, codes.levels[0]);
        assert_eq!(identity(&items, 1).0, codes);
        assert_ne!(identity(&items, 2).0, codes);
    }
}

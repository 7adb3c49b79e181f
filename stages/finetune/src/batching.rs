//! Which trees are computed together.

use nn::Llama;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use tch::Kind;

/// The groups of each step of an epoch: shuffled, then taken until a step has `batch_tokens` tokens.
pub(crate) fn steps(sizes: &[usize], batch_tokens: usize, seed: u64, epoch: u32) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..sizes.len() as u32).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(u64::from(epoch));
    order.shuffle(&mut random);
    let mut steps = Vec::new();
    let (mut step, mut tokens) = (Vec::new(), 0);
    for group in order {
        let size = sizes[group as usize];
        if !step.is_empty() && tokens + size > batch_tokens {
            steps.push(std::mem::take(&mut step));
            tokens = 0;
        }
        step.push(group);
        tokens += size;
    }
    steps.push(step);
    steps
}

/// Rows that are computed together, each with the indices of its trees, all of one width.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// The width of the rows, padding included.
    pub(crate) width: usize,
    pub(crate) rows: Vec<Vec<usize>>,
}

/// Of what number the tokens of a row, and the states that logits are made of, are a multiple: in bf16 a CPU's matrix products are compiled
/// for each number of rows, which takes longer than a few rows more.
pub(crate) fn row_multiple(model: &Llama) -> usize {
    if model.precision() == Kind::BFloat16 { 64 } else { 1 }
}

/// Packs trees of those sizes into parts of at most `memory_tokens` tokens, if a tree alone has not more.
///
/// Trees are sorted by size. A part's rows are as wide as its longest tree, to the next multiple of `multiple`, and shorter trees
/// fill what is left of them (first fit, decreasing).
pub(crate) fn pack(sizes: &[usize], memory_tokens: usize, multiple: usize) -> Vec<Rows> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&tree| (std::cmp::Reverse(sizes[tree]), tree));
    let mut parts: Vec<Rows> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    for tree in order {
        let size = sizes[tree];
        if let Some(part) = parts.last_mut() {
            if let Some(row) = free.iter().position(|&room| room >= size) {
                part.rows[row].push(tree);
                free[row] -= size;
                continue;
            }
            if (part.rows.len() + 1) * part.width <= memory_tokens {
                part.rows.push(vec![tree]);
                free.push(part.width - size);
                continue;
            }
        }
        let width = size.next_multiple_of(multiple);
        parts.push(Rows { width, rows: vec![vec![tree]] });
        free = vec![width - size];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_has_every_group_once_in_another_order() {
        let sizes = [5, 7, 3, 9, 30, 2, 8];
        let flat = |epoch| steps(&sizes, 12, 1, epoch).concat();
        for step in steps(&sizes, 12, 1, 0) {
            assert!(step.len() == 1 || step.iter().map(|&group| sizes[group as usize]).sum::<usize>() <= 12);
        }
        let mut all = flat(0);
        assert_eq!(all, flat(0));
        assert_ne!(all, flat(1));
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn short_trees_fill_the_rows_of_long_ones() {
        assert_eq!(pack(&[4, 10, 6, 3], 30, 1), [Rows { width: 10, rows: vec![vec![1], vec![2, 0], vec![3]] }]);
        assert_eq!(pack(&[4, 10, 6, 3], 32, 16), [Rows { width: 16, rows: vec![vec![1, 2], vec![0, 3]] }]);
        let parts = pack(&[4, 10, 6, 3], 10, 1);
        assert_eq!(parts[1], Rows { width: 6, rows: vec![vec![2]] });
        let mut trees: Vec<usize> = parts.into_iter().flat_map(|part| part.rows).flatten().collect();
        trees.sort_unstable();
        assert_eq!(trees, [0, 1, 2, 3]);
    }
}

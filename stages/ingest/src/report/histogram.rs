//! Counts of things by their size.

use serde::Serialize;

/// How many things have a size within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Bar {
    /// The least size.
    pub(super) from: usize,
    /// The greatest size.
    pub(super) to: usize,
    /// How many have such a size.
    pub(super) count: usize,
}

/// Bars of `(size, how many)`, with bounds of 1, 2 and 5 times powers of ten, without those at the ends that are empty.
pub(super) fn histogram(sizes: impl Iterator<Item = (usize, usize)>) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for (size, count) in sizes.filter(|(size, _)| *size > 0) {
        while bars.last().is_none_or(|bar| bar.to < size) {
            let from = bars.last().map_or(1, |bar| bar.to + 1);
            bars.push(Bar { from, to: next(from) - 1, count: 0 });
        }
        let at = bars.partition_point(|bar| bar.to < size);
        bars[at].count += count;
    }
    let empty = bars.iter().take_while(|bar| bar.count == 0).count();
    bars.split_off(empty)
}

/// The bound after one that is 1, 2 or 5 times a power of ten.
fn next(bound: usize) -> usize {
    let power = 10_usize.pow(bound.ilog10());
    match bound / power {
        1 => 2 * power,
        2 => 5 * power,
        _ => 10 * power,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_into_bars_that_grow() {
        let bars = histogram([(5, 2), (9, 1), (30, 4), (6, 1)].into_iter());
        let expected = [(5, 9, 4), (10, 19, 0), (20, 49, 4)].map(|(from, to, count)| Bar { from, to, count });
        assert_eq!(bars, expected);
        assert_eq!(histogram(std::iter::empty()), []);
    }
}

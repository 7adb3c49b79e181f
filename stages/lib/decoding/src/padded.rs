//! Prompts of unequal length in one batch: padding stands before the shorter ones, and nothing attends to it.

use recommender::beam::{Fed, ancestors};

/// The lengths of a batch of prompts.
#[derive(Debug)]
pub(crate) struct Padded {
    /// The length of the longest prompt, which all rows have.
    pub(crate) length: usize,
    /// By user, how many tokens of padding stand before the prompt.
    padding: Vec<usize>,
}

impl Padded {
    /// The layout of prompts.
    pub(crate) fn of(prompts: &[&[i64]]) -> Self {
        let length = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        Self { length, padding: prompts.iter().map(|prompt| length - prompt.len()).collect() }
    }

    /// How many prompts there are.
    pub(crate) fn users(&self) -> usize {
        self.padding.len()
    }

    /// Where the prompt of a user starts in the rows laid out one after the other.
    pub(crate) fn start(&self, user: usize) -> usize {
        user * self.length + self.padding[user]
    }

    /// The tokens `[users, length]`; token 0 is the padding.
    pub(crate) fn ids(&self, prompts: &[&[i64]]) -> Vec<i64> {
        let row = |(prompt, &padding): (&&[i64], &usize)| [&vec![0; padding], *prompt].concat();
        prompts.iter().zip(&self.padding).flat_map(row).collect()
    }

    /// The positions `[users, length]`: each prompt begins at 0.
    pub(crate) fn positions(&self) -> Vec<i64> {
        let row = |&padding: &usize| (0..self.length as i64).map(move |place| (place - padding as i64).max(0));
        self.padding.iter().flat_map(row).collect()
    }

    /// The mask `[users, length, length]`: a token sees itself and those of its prompt before it. `None` without padding, where
    /// that is the causal mask.
    pub(crate) fn mask(&self) -> Option<Vec<bool>> {
        if self.padding.iter().all(|&padding| padding == 0) {
            return None;
        }
        let length = self.length;
        let mut mask = vec![false; self.users() * length * length];
        for (number, row) in mask.chunks_mut(length).enumerate() {
            let (padding, place) = (self.padding[number / length], number % length);
            // Padding sees itself, since a row without any true has no softmax.
            row[padding.min(place)..=place].fill(true);
        }
        Some(mask)
    }

    /// The positions `[users, width]` of beams at a level behind the prompts.
    pub(crate) fn positions_behind(&self, level: usize, width: usize) -> Vec<i64> {
        let row = |&padding: &usize| std::iter::repeat_n((self.length - padding + level) as i64, width);
        self.padding.iter().flat_map(row).collect()
    }

    /// The mask `[users, width, S]` by which a beam sees the prompt, its ancestors and itself.
    pub(crate) fn mask_behind(&self, beams: &[Vec<Fed<'_>>], widths: &[usize]) -> Vec<bool> {
        let mut mask = ancestors(beams, widths, self.length);
        let (width, seen) = (widths.last().copied().unwrap_or(0), self.length + widths.iter().sum::<usize>());
        for (rows, &padding) in mask.chunks_mut(width * seen).zip(&self.padding) {
            rows.chunks_mut(seen).for_each(|row| row[..padding].fill(false));
        }
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_stands_before_the_shorter_prompt_and_nothing_else_sees_it() {
        let prompts: [&[i64]; 2] = [&[7, 8, 9], &[5]];
        let padded = Padded::of(&prompts);
        assert_eq!(padded.ids(&prompts), [7, 8, 9, 0, 0, 5]);
        assert_eq!(padded.positions(), [0, 1, 2, 0, 0, 0]);
        assert_eq!((padded.start(0), padded.start(1)), (0, 5));
        assert_eq!(padded.positions_behind(1, 2), [4, 4, 2, 2]);
        let (yes, no) = (true, false);
        let first = [[yes, no, no], [yes, yes, no], [yes, yes, yes]];
        let second = [[yes, no, no], [no, yes, no], [no, no, yes]];
        assert_eq!(padded.mask().unwrap(), [first.concat(), second.concat()].concat());
        assert_eq!(Padded::of(&prompts[..1]).mask(), None);
        let one = |path| vec![Fed { column: 0, path }];
        let behind = padded.mask_behind(&[one(&[0]), one(&[0])], &[1]);
        assert_eq!(behind, [yes, yes, yes, yes, no, no, yes, yes]);
    }
}

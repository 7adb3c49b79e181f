//! The codes of all items by trained codebooks.

use crate::assignment::{Nearest, subtract};
use crate::rows::Rows;
use frames::Codes;

/// Eq. 1 and 2 for all items: the nearest code of each level, of what the levels before leave.
pub(crate) fn tokenize(items: &Rows, levels: &[Rows]) -> Codes {
    let mut residual = items.clone();
    let of_level = |level: &Rows| {
        let assigned = Nearest::new(level).of(&residual);
        subtract(&mut residual, level, &assigned);
        assigned.into_iter().map(|one| one.0).collect()
    };
    Codes { levels: levels.iter().map(of_level).collect() }
}

/// The mean squared length of what is left of the items after each level of their codes.
pub(crate) fn residuals(items: &Rows, codes: &Codes, levels: &[Rows]) -> Vec<f64> {
    let mut residual = items.clone();
    let of_level = |(level, codes): (&Rows, &Vec<u32>)| {
        for (item, &code) in codes.iter().enumerate() {
            let part = level.row(code as usize);
            residual.row_mut(item).iter_mut().zip(part).for_each(|(value, part)| *value -= part);
        }
        residual.mean_squared_length()
    };
    levels.iter().zip(&codes.levels).map(of_level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_works_on_what_is_left() {
        let items = Rows { dim: 1, values: vec![1.25, 4.75] };
        let levels = [Rows { dim: 1, values: vec![1.0, 5.0] }, Rows { dim: 1, values: vec![-0.25, 0.25] }];
        let codes = tokenize(&items, &levels);
        assert_eq!(codes.levels, [[0, 1], [1, 0]]);
        assert_eq!(residuals(&items, &codes, &levels), [0.0625, 0.0]);
    }
}

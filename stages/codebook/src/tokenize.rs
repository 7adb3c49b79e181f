//! The codes of all items by codebooks.

use crate::assignment::{Nearest, only_codes, subtract};
use crate::parameters::LastLevel;
use crate::rows::Rows;
use crate::sinkhorn::sinkhorn;
use frames::Codes;

/// Eq. 1 and 2 for all items: the nearest code of each level, of what the levels before leave.
pub(crate) fn tokenize(items: &Rows, levels: &[Rows]) -> Codes {
    codes_in_training(items, levels, LastLevel::Nearest)
}

/// The same, where the last level may choose its codes for all items at once.
pub(crate) fn codes_in_training(items: &Rows, levels: &[Rows], last_level: LastLevel) -> Codes {
    let mut residual = items.clone();
    let of_level = |(place, level): (usize, &Rows)| {
        let codes = match last_level {
            LastLevel::Sinkhorn if place + 1 == levels.len() => sinkhorn(&residual, level),
            _ => only_codes(&Nearest::new(level).of(&residual)),
        };
        subtract(&mut residual, level, &codes);
        codes
    };
    Codes { levels: levels.iter().enumerate().map(of_level).collect() }
}

/// What is left of the items after the first `levels` of their codes.
pub(crate) fn residual(items: &Rows, codes: &Codes, levels: &[Rows]) -> Rows {
    let mut residual = items.clone();
    levels.iter().zip(&codes.levels).for_each(|(level, codes)| subtract(&mut residual, level, codes));
    residual
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
        assert_eq!(residual(&items, &codes, &levels[..1]).values, [0.25, -0.25]);
        assert_eq!(residual(&items, &codes, &levels).values, [0.0, 0.0]);
    }
}

//! Items that have all codes in common, and LC-Rec's way to part them (Zheng et al. 2023).

use crate::rows::Rows;
use crate::sinkhorn::sinkhorn;
use frames::Codes;
use std::collections::BTreeMap;

/// The most iterations. What then still collides stays so.
const ITERATIONS: usize = 20;

/// Chooses the last code of colliding items anew, by optimal transport within each group that collides. `inputs` are what
/// the levels before the last leave of the items.
pub(crate) fn resolve(codes: &mut Codes, inputs: &Rows, last: &Rows) {
    for _ in 0..ITERATIONS {
        let groups = colliding(codes);
        let Some(level) = codes.levels.last_mut() else { return };
        if groups.is_empty() {
            return;
        }
        for group in groups {
            let chosen = sinkhorn(&inputs.select(&group), last);
            group.iter().zip(chosen).for_each(|(&item, code)| level[item] = code);
        }
    }
}

/// The groups of items with the same codes, in the order of these.
pub(crate) fn colliding(codes: &Codes) -> Vec<Vec<usize>> {
    let mut owners: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
    (0..codes.items()).for_each(|item| owners.entry(codes.of(item)).or_default().push(item));
    owners.into_values().filter(|items| items.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collisions_are_split_in_the_last_level() {
        let inputs = Rows { dim: 1, values: vec![0.0, 0.1, 0.2, 7.0] };
        let last = Rows { dim: 1, values: vec![0.1, 1.0, -1.0, 7.0] };
        let mut codes = Codes { levels: vec![vec![5, 5, 5, 5], vec![0, 0, 0, 3]] };
        resolve(&mut codes, &inputs, &last);
        assert!(colliding(&codes).is_empty(), "{codes:?}");
        assert_eq!((codes.levels[0].clone(), codes.levels[1][3]), (vec![5; 4], 3));
    }

    #[test]
    fn equal_items_cannot_be_parted() {
        let inputs = Rows { dim: 1, values: vec![0.5, 0.5] };
        let mut codes = Codes { levels: vec![vec![1, 1], vec![0, 0]] };
        resolve(&mut codes, &inputs, &Rows { dim: 1, values: vec![0.0, 1.0] });
        assert_eq!(colliding(&codes), [[0, 1]]);
    }
}

//! Two ways to part items that have all codes in common: LC-Rec's (Zheng et al. 2023), and the nearest codes that are free.

use crate::assignment::Nearest;
use crate::rows::Rows;
use crate::sinkhorn::sinkhorn;
use frames::Codes;
use std::collections::{BTreeMap, BTreeSet};

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

/// Gives each colliding item but one the nearest last code that no item with the same first codes has. `inputs` are what
/// the levels before the last leave of the items. Collisions stay only where more items share their first codes than the
/// last level has codes.
pub(crate) fn move_to_free_codes(codes: &mut Codes, inputs: &Rows, last: &Rows) {
    let groups = colliding(codes);
    let Some((level, before)) = codes.levels.split_last_mut() else { return };
    let first_codes = |item: usize| before.iter().map(|level| level[item]).collect::<Vec<_>>();
    let mut taken: BTreeMap<Vec<u32>, Vec<bool>> = BTreeMap::new();
    for (item, &code) in level.iter().enumerate() {
        taken.entry(first_codes(item)).or_insert_with(|| vec![false; last.len()])[code as usize] = true;
    }
    let nearest = Nearest::new(last);
    let mut distances = Vec::new();
    for group in groups {
        let Some(taken) = taken.get_mut(&first_codes(group[0])) else { continue };
        let own = level[group[0]] as usize;
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for &item in &group {
            nearest.distances(inputs.row(item), &mut distances);
            let free = (0..last.len()).filter(|&code| code == own || !taken[code]);
            pairs.extend(free.map(|code| (distances[code], item, code)));
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
        // The code that they share is free for the first of them.
        taken[own] = false;
        let mut moved = BTreeSet::new();
        for (_, item, code) in pairs {
            if !taken[code] && moved.insert(item) {
                taken[code] = true;
                level[item] = code as u32;
            }
        }
        taken[own] = true;
    }
}

/// The groups of items with the same codes, in the order of these.
fn colliding(codes: &Codes) -> Vec<Vec<usize>> {
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
    fn colliding_items_take_the_nearest_free_codes() {
        // The third code is taken by an item that does not collide; the last item has other first codes.
        let inputs = Rows { dim: 1, values: vec![0.15, 0.0, 0.0, 0.9, 0.0] };
        let last = Rows { dim: 1, values: vec![0.1, 3.0, 1.0, -2.0] };
        let mut codes = Codes { levels: vec![vec![5, 5, 5, 5, 6], vec![0, 0, 0, 2, 0]] };
        move_to_free_codes(&mut codes, &inputs, &last);
        assert_eq!(codes.levels[1], [0, 3, 1, 2, 0]);
        let mut crowded = Codes { levels: vec![vec![5; 5], vec![0; 5]] };
        move_to_free_codes(&mut crowded, &inputs, &last);
        assert_eq!(colliding(&crowded).concat().len(), 2);
    }

    #[test]
    fn equal_items_cannot_be_parted() {
        let inputs = Rows { dim: 1, values: vec![0.5, 0.5] };
        let mut codes = Codes { levels: vec![vec![1, 1], vec![0, 0]] };
        resolve(&mut codes, &inputs, &Rows { dim: 1, values: vec![0.0, 1.0] });
        assert_eq!(colliding(&codes), [[0, 1]]);
    }
}

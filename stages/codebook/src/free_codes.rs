//! Codes of its own for each item: those that have all codes in common take the nearest ones that are free.

use crate::assignment::Nearest;
use crate::collisions::colliding;
use crate::rows::Rows;
use crate::tokenize::{residual, tokenize};
use frames::Codes;
use std::collections::{BTreeMap, BTreeSet};

/// Parts items with all codes in common; `items` are the vectors that the levels quantize. Where more items share their first codes
/// than the levels behind can tell apart, the nearest ones keep these codes, and the others take the nearest with room. Collisions stay
/// only where there are more items than codes of all levels together.
pub(crate) fn take_free_codes(codes: &mut Codes, items: &Rows, levels: &[Rows]) {
    let Some((last, before)) = levels.split_last() else { return };
    for level in 0..before.len() {
        make_room(codes, items, levels, level);
    }
    take_last_codes(codes, &residual(items, codes, before), last);
}

/// Moves items away from codes of a level that more of them share, after the same first codes, than the levels behind can tell apart.
fn make_room(codes: &mut Codes, items: &Rows, levels: &[Rows], level: usize) {
    let (own_level, behind) = (&levels[level], &levels[level + 1..]);
    let room = behind.iter().map(Rows::len).fold(1_usize, usize::saturating_mul);
    let mut owners: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
    for item in 0..codes.items() {
        owners.entry(codes.of(item)[..=level].to_vec()).or_default().push(item);
    }
    let mut counts: BTreeMap<Vec<u32>, usize> =
        owners.iter().map(|(first, items)| (first.clone(), items.len())).collect();
    owners.retain(|_, items| items.len() > room);
    if owners.is_empty() {
        return;
    }
    let inputs = residual(items, codes, &levels[..level]);
    let nearest = Nearest::new(own_level);
    let distances = |item: usize| {
        let mut found = Vec::new();
        nearest.distances(inputs.row(item), &mut found);
        found
    };
    for (mut first, mut crowd) in owners {
        let own = first[level] as usize;
        crowd.sort_by_cached_key(|&item| (distances(item)[own].to_bits(), item));
        for item in crowd.split_off(room) {
            let distances = distances(item);
            let mut has_room = |code: &usize| {
                first[level] = *code as u32;
                counts.get(&first).is_none_or(|&count| count < room)
            };
            let free = (0..own_level.len()).filter(|code| has_room(code));
            let Some(code) = free.min_by(|&a, &b| distances[a].total_cmp(&distances[b])) else { break };
            first[level] = code as u32;
            *counts.entry(first.clone()).or_default() += 1;
            let mut rest = inputs.select(&[item]);
            rest.row_mut(0).iter_mut().zip(own_level.row(code)).for_each(|(rest, value)| *rest -= value);
            codes.levels[level][item] = code as u32;
            let chosen = tokenize(&rest, behind);
            codes.levels[level + 1..].iter_mut().zip(chosen.levels).for_each(|(codes, chosen)| codes[item] = chosen[0]);
        }
    }
}

/// Gives each colliding item but one the nearest last code that no item with the same first codes has. `inputs` are what
/// the levels before the last leave of the items.
fn take_last_codes(codes: &mut Codes, inputs: &Rows, last: &Rows) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colliding_items_take_the_nearest_free_last_codes() {
        // The third code is taken by an item that does not collide; the last item has other first codes.
        let inputs = Rows { dim: 1, values: vec![0.15, 0.0, 0.0, 0.9, 0.0] };
        let last = Rows { dim: 1, values: vec![0.1, 3.0, 1.0, -2.0] };
        let mut codes = Codes { levels: vec![vec![5, 5, 5, 5, 6], vec![0, 0, 0, 2, 0]] };
        take_last_codes(&mut codes, &inputs, &last);
        assert_eq!(codes.levels[1], [0, 3, 1, 2, 0]);
        let mut crowded = Codes { levels: vec![vec![5; 5], vec![0; 5]] };
        take_last_codes(&mut crowded, &inputs, &last);
        assert_eq!(colliding(&crowded).concat().len(), 2);
    }

    #[test]
    fn equal_items_have_codes_of_their_own_as_long_as_there_are_any() {
        let level = Rows { dim: 1, values: vec![0.0, 1.0, -1.0] };
        let levels = [level.clone(), level.clone(), level];
        for count in [4, 10, 27] {
            let items = Rows { dim: 1, values: vec![0.1; count] };
            let mut codes = tokenize(&items, &levels);
            take_free_codes(&mut codes, &items, &levels);
            assert_eq!(colliding(&codes), Vec::<Vec<usize>>::new(), "{count} items: {codes:?}");
            // The first three have the nearest first two codes.
            assert_eq!(codes.levels[0][..3], [0; 3]);
            assert_eq!(codes.levels[1][..3], [0; 3]);
        }
        let items = Rows { dim: 1, values: vec![0.1; 30] };
        let mut codes = tokenize(&items, &levels);
        take_free_codes(&mut codes, &items, &levels);
        let used: BTreeSet<Vec<u32>> = (0..30).map(|item| codes.of(item)).collect();
        assert_eq!(used.len(), 27);
    }

    #[test]
    fn items_that_nobody_shares_codes_with_keep_theirs() {
        let level = Rows { dim: 1, values: vec![0.0, 10.0] };
        let levels = [level.clone(), level];
        let items = Rows { dim: 1, values: vec![0.0, 0.0, 0.0, 10.0] };
        let mut codes = tokenize(&items, &levels);
        take_free_codes(&mut codes, &items, &levels);
        assert_eq!(codes.levels, [[0, 0, 1, 1], [0, 1, 1, 0]]);
    }
}

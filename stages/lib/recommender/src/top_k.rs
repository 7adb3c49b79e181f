//! The order of items, best first, with a fixed order among equals.

use std::cmp::Ordering;

/// The documented order among items of equal score: the smaller first.
///
/// It is splitmix64 of the item's number, never the number itself: in some published data numbers were handed out in
/// order of first appearance, so that the number tells what was bought next.
#[must_use]
pub fn tie_order(item: u32) -> u64 {
    let mut bits = u64::from(item).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The `k` items of highest score (`scores[item]`) that are not skipped, best first; ties by [`tie_order`].
///
/// An item whose score is not a number is never ranked. Time is linear in the number of items.
#[must_use]
pub fn top_k(scores: &[f32], k: usize, skip: impl Fn(u32) -> bool) -> Vec<(u32, f32)> {
    if k == 0 {
        return Vec::new();
    }
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(2 * k.min(scores.len()));
    let mut worst_kept: Option<(u32, f32)> = None;
    for (item, &score) in (0..).zip(scores) {
        let candidate = (item, score);
        // Nearly all scores are below those kept, which one comparison tells.
        let beaten = worst_kept.is_some_and(|worst| score < worst.1 || best_first(&candidate, &worst).is_gt());
        if beaten || score.is_nan() || skip(item) {
            continue;
        }
        best.push(candidate);
        if best.len() == k.saturating_mul(2) {
            best.select_nth_unstable_by(k - 1, best_first);
            best.truncate(k);
            worst_kept = best.last().copied();
        }
    }
    best.sort_unstable_by(best_first);
    best.truncate(k);
    best
}

/// The order of ranked lists: the higher score first, and [`tie_order`] among items of equal score.
#[must_use]
pub fn best_first(left: &(u32, f32), right: &(u32, f32)) -> Ordering {
    // Not total_cmp: 0 and -0 are equal scores.
    let by_score = right.1.partial_cmp(&left.1).unwrap_or(Ordering::Equal);
    by_score.then_with(|| tie_order(left.0).cmp(&tie_order(right.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_among_equals_is_splitmix64() {
        // The first outputs of the published generator seeded with 0 and 1.
        assert_eq!(tie_order(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(tie_order(1), 0x910a_2dec_8902_5cc1);
    }

    #[test]
    fn the_best_come_first_and_equals_by_tie_order() {
        let scores = [0.5, 2.0, f32::NAN, 2.0, -1.0];
        let items = |k| top_k(&scores, k, |item| item == 0).into_iter().map(|(item, _)| item).collect::<Vec<_>>();
        let mut equals = vec![1, 3];
        equals.sort_by_key(|&item| tie_order(item));
        assert_eq!(items(2), equals);
        assert_eq!(items(9), [equals, vec![4]].concat());
        assert!(items(0).is_empty());
    }

    #[test]
    fn it_agrees_with_sorting_everything() {
        let scores: Vec<f32> = (0..5_000).map(|item| (tie_order(item) % 97) as f32).collect();
        let mut all: Vec<(u32, f32)> = (0..).zip(scores.iter().copied()).filter(|&(item, _)| item % 3 != 0).collect();
        all.sort_by(best_first);
        for k in [1, 20, 700] {
            assert_eq!(top_k(&scores, k, |item| item % 3 == 0), all[..k]);
        }
    }
}

//! How much of the nearest neighbourhoods in the embedding survives in the codes: for pairs of items, how many first
//! codes they share against the cosine of their embeddings.

use crate::rows::Rows;
use frames::Codes;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::Serialize;

/// Items whose neighbours are looked for, at most.
const ANCHORS: usize = 1000;

/// Neighbours of an anchor.
const NEAREST: usize = 10;

/// Intervals of the cosine from −1 to 1.
const INTERVALS: usize = 20;

/// The nearest items of a sample of items, beside items drawn at random.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Neighbourhoods {
    /// Items whose neighbours were looked for.
    pub anchors: usize,
    /// Each anchor with each of its nearest items by cosine.
    pub nearest: Pairs,
    /// Each anchor with as many items drawn at random.
    pub random: Pairs,
}

/// What pairs of items have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Pairs {
    /// Their number.
    pub pairs: usize,
    /// Mean cosine of their embeddings.
    pub mean_cosine: f64,
    /// Mean number of first codes that they share.
    pub mean_shared_levels: f64,
    /// Ratio of the pairs that have the first n codes in common, for n = 1 to N.
    pub shared: Vec<f64>,
    /// The same by cosine, for the intervals that have pairs.
    pub by_cosine: Vec<Interval>,
}

/// The pairs whose cosine is in an interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Interval {
    /// The lowest cosine.
    pub from: f64,
    /// The cosine that all stay below.
    pub to: f64,
    /// Pairs in it.
    pub pairs: usize,
    /// Mean number of first codes that they share.
    pub mean_shared_levels: f64,
}

/// A pair: the cosine of its embeddings, and how many first codes it shares.
type Pair = (f32, usize);

impl Neighbourhoods {
    /// Looks at the neighbours of at most 1,000 items drawn by the seed. Each is compared with all items, of which only
    /// its nearest are kept.
    pub(crate) fn of(codes: &Codes, items: &Rows, seed: u64) -> Self {
        // A stream of its own, so that training draws the same numbers whatever is reported.
        const STREAM: u64 = 2;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        let mut anchors: Vec<usize> = (0..items.len()).collect();
        anchors.shuffle(&mut rng);
        anchors.truncate(ANCHORS);
        let directions = items.unit();
        let near: Vec<Vec<(usize, f32)>> = anchors.par_iter().map(|&anchor| nearest(&directions, anchor)).collect();
        let mut pairs = (Vec::new(), Vec::new());
        for (&anchor, near) in anchors.iter().zip(&near) {
            for &(item, cosine) in near {
                pairs.0.push((cosine, shared_levels(codes, anchor, item)));
                // Any other item, all alike.
                let other = (anchor + rng.random_range(1..items.len() as u64) as usize) % items.len();
                pairs.1.push((cosine_of(&directions, anchor, other), shared_levels(codes, anchor, other)));
            }
        }
        let levels = codes.levels.len();
        Self { anchors: anchors.len(), nearest: Pairs::of(&pairs.0, levels), random: Pairs::of(&pairs.1, levels) }
    }
}

impl Pairs {
    fn of(pairs: &[Pair], levels: usize) -> Self {
        let mean = |sum: f64| if pairs.is_empty() { 0.0 } else { sum / pairs.len() as f64 };
        let sharing = |level| pairs.iter().filter(|pair| pair.1 >= level).count() as f64;
        Self {
            pairs: pairs.len(),
            mean_cosine: mean(pairs.iter().map(|pair| f64::from(pair.0)).sum()),
            mean_shared_levels: mean(pairs.iter().map(|pair| pair.1 as f64).sum()),
            shared: (1..=levels).map(|level| mean(sharing(level))).collect(),
            by_cosine: by_cosine(pairs),
        }
    }
}

fn by_cosine(pairs: &[Pair]) -> Vec<Interval> {
    let mut sums = [(0_usize, 0_usize); INTERVALS];
    for &(cosine, shared) in pairs {
        let place = (((cosine + 1.0) / 2.0 * INTERVALS as f32) as usize).min(INTERVALS - 1);
        sums[place].0 += 1;
        sums[place].1 += shared;
    }
    let edge = |place: usize| (2 * place) as f64 / INTERVALS as f64 - 1.0;
    let interval = |(place, (pairs, shared)): (usize, (usize, usize))| Interval {
        from: edge(place),
        to: edge(place + 1),
        pairs,
        mean_shared_levels: shared as f64 / pairs as f64,
    };
    sums.into_iter().enumerate().filter(|(_, sum)| sum.0 > 0).map(interval).collect()
}

/// The nearest items with their cosines; among equals the lowest number wins.
fn nearest(directions: &Rows, anchor: usize) -> Vec<(usize, f32)> {
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(NEAREST + 1);
    for item in (0..directions.len()).filter(|&item| item != anchor) {
        let cosine = cosine_of(directions, anchor, item);
        if best.len() == NEAREST && best.last().is_some_and(|last| cosine <= last.1) {
            continue;
        }
        let place = best.partition_point(|one| one.1 >= cosine);
        best.insert(place, (item, cosine));
        best.truncate(NEAREST);
    }
    best
}

fn cosine_of(directions: &Rows, one: usize, other: usize) -> f32 {
    directions.row(one).iter().zip(directions.row(other)).map(|(a, b)| a * b).sum()
}

fn shared_levels(codes: &Codes, one: usize, other: usize) -> usize {
    codes.levels.iter().take_while(|level| level[one] == level[other]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four directions, each held by six items, which share the first code.
    fn quarters() -> (Codes, Rows) {
        let of_item = |item: usize| {
            let angle = (item % 4) as f32 * std::f32::consts::FRAC_PI_2 + (item / 4) as f32 * 0.01;
            [angle.cos() * (1 + item) as f32, angle.sin() * (1 + item) as f32]
        };
        let items = Rows { dim: 2, values: (0..24).flat_map(of_item).collect() };
        let levels = vec![(0..24).map(|item| item % 4).collect(), (0..24).collect()];
        (Codes { levels }, items)
    }

    #[test]
    fn near_items_share_codes_and_random_ones_do_by_chance() {
        let (codes, items) = quarters();
        let found = Neighbourhoods::of(&codes, &items, 5);
        assert_eq!((found.anchors, found.nearest.pairs, found.random.pairs), (24, 240, 240));
        // Five of an item's ten nearest are in its own quarter.
        assert_eq!(found.nearest.shared, [0.5, 0.0]);
        assert_eq!(found.nearest.mean_shared_levels, 0.5);
        let last = found.nearest.by_cosine.last().unwrap();
        assert_eq!((last.to, last.pairs, last.mean_shared_levels), (1.0, 120, 1.0));
        assert!(found.random.shared[0] < 0.4 && found.random.mean_cosine < found.nearest.mean_cosine);
        assert_eq!(Neighbourhoods::of(&codes, &items, 5), found);
        assert_ne!(Neighbourhoods::of(&codes, &items, 6).random, found.random);
    }

    #[test]
    fn one_item_has_no_neighbours() {
        let one = Rows { dim: 1, values: vec![2.0] };
        let found = Neighbourhoods::of(&Codes { levels: vec![vec![0]] }, &one, 1);
        assert_eq!((found.anchors, found.nearest.pairs, found.nearest.mean_cosine), (1, 0, 0.0));
        assert!(found.random.by_cosine.is_empty());
    }
}

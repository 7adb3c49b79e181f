//! The rule by which results go: a pure function from what is known of them to those that go.

use crate::key::Digest;
use crate::key::Key;
use std::collections::{BTreeMap, BTreeSet};

/// A result, as the rule sees it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) key: Key,
    /// When it was used last, in seconds since 1970.
    pub(crate) used: u64,
    pub(crate) artifacts: BTreeSet<Digest>,
    /// Whether one of the runs that are to be kept used it.
    pub(crate) in_kept_runs: bool,
    /// Whether it is pinned or needed, so that it never goes.
    pub(crate) protected: bool,
}

/// What is to be kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rule {
    /// Whether those that no kept run used may go.
    pub(crate) by_runs: bool,
    /// Those that were used since then stay, in seconds since 1970; those before may go.
    pub(crate) since: Option<u64>,
    /// The most bytes that may stay.
    pub(crate) max_size: Option<u64>,
}

/// The results that go, least recently used first. `sizes` are the artifacts', and `beside` is what else stays, in bytes.
pub(crate) fn retire(
    candidates: &[Candidate],
    sizes: &BTreeMap<Digest, u64>,
    beside: u64,
    rule: &Rule,
) -> BTreeSet<Key> {
    let mut out = BTreeSet::new();
    if rule.by_runs || rule.since.is_some() {
        let stays = |one: &Candidate| {
            one.protected || rule.by_runs && one.in_kept_runs || rule.since.is_some_and(|since| one.used >= since)
        };
        out.extend(candidates.iter().filter(|one| !stays(one)).map(|one| one.key));
    }
    if let Some(max_size) = rule.max_size {
        let left: Vec<&Candidate> = candidates.iter().filter(|one| !out.contains(&one.key)).collect();
        out.extend(fit(left, sizes, beside, max_size));
    }
    out
}

/// The least recently used that have to go so that the others fit.
fn fit(mut left: Vec<&Candidate>, sizes: &BTreeMap<Digest, u64>, beside: u64, max_size: u64) -> Vec<Key> {
    let size = |digest: &Digest| sizes.get(digest).copied().unwrap_or(0);
    let mut names: BTreeMap<Digest, usize> = BTreeMap::new();
    for digest in left.iter().flat_map(|one| &one.artifacts) {
        *names.entry(*digest).or_default() += 1;
    }
    // Records may make sizes up, so that their sum is more than 64 bits hold.
    let mut total = names.keys().map(|digest| u128::from(size(digest))).sum::<u128>() + u128::from(beside);
    left.sort_by_key(|one| (one.used, one.key));
    let mut out = Vec::new();
    for one in left.into_iter().filter(|one| !one.protected) {
        if total <= u128::from(max_size) {
            break;
        }
        for digest in &one.artifacts {
            if let Some(count) = names.get_mut(digest) {
                *count -= 1;
                // An artifact that another result names as well stays.
                total -= if *count == 0 { u128::from(size(digest)) } else { 0 };
            }
        }
        out.push(one.key);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(number: u8) -> Digest {
        Digest::from(blake3::hash(&[number]))
    }

    /// Results with few artifacts, so that they share some, and few times, so that some are equal.
    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let one = (0..6_u64, proptest::collection::btree_set(0..8_u8, 0..3), any::<bool>(), any::<bool>());
        proptest::collection::vec(one, 0..12).prop_map(|all| {
            let candidate = |(place, (used, artifacts, in_kept_runs, protected)): (usize, _)| {
                let artifacts: BTreeSet<u8> = artifacts;
                let key = Key(Digest::from(blake3::hash(format!("key {place}").as_bytes())));
                Candidate { key, used, artifacts: artifacts.into_iter().map(digest).collect(), in_kept_runs, protected }
            };
            all.into_iter().enumerate().map(candidate).collect()
        })
    }

    fn rules() -> impl Strategy<Value = Rule> {
        (any::<bool>(), proptest::option::of(0..7_u64), proptest::option::of(0..150_u64))
            .prop_map(|(by_runs, since, max_size)| Rule { by_runs, since, max_size })
    }

    fn sizes() -> BTreeMap<Digest, u64> {
        (0..8_u8).map(|number| (digest(number), u64::from(number) * 7 + 1)).collect()
    }

    fn total(candidates: &[Candidate], out: &BTreeSet<Key>) -> u64 {
        let kept = candidates.iter().filter(|one| !out.contains(&one.key));
        let artifacts: BTreeSet<Digest> = kept.flat_map(|one| one.artifacts.iter().copied()).collect();
        artifacts.iter().map(|digest| sizes()[digest]).sum()
    }

    proptest! {
        #[test]
        fn what_is_protected_never_goes(all in candidates(), rule in rules(), beside in 0..50_u64) {
            let out = retire(&all, &sizes(), beside, &rule);
            prop_assert!(all.iter().filter(|one| one.protected).all(|one| !out.contains(&one.key)));
        }

        #[test]
        fn what_stays_fits_unless_all_of_it_is_protected(all in candidates(), rule in rules(), beside in 0..50_u64) {
            let out = retire(&all, &sizes(), beside, &rule);
            if let Some(max_size) = rule.max_size {
                let only_protected = all.iter().filter(|one| !out.contains(&one.key)).all(|one| one.protected);
                prop_assert!(only_protected || total(&all, &out) + beside <= max_size);
            }
        }

        #[test]
        fn the_older_goes_before_the_newer(all in candidates(), max_size in 0..150_u64) {
            let out = retire(&all, &sizes(), 0, &Rule { max_size: Some(max_size), ..Rule::default() });
            let free = || all.iter().filter(|one| !one.protected);
            let newest_gone = free().filter(|one| out.contains(&one.key)).map(|one| one.used).max();
            let oldest_left = free().filter(|one| !out.contains(&one.key)).map(|one| one.used).min();
            if let (Some(gone), Some(left)) = (newest_gone, oldest_left) {
                prop_assert!(gone <= left);
            }
        }

        #[test]
        fn no_more_goes_than_has_to(all in candidates(), max_size in 0..150_u64) {
            let out = retire(&all, &sizes(), 0, &Rule { max_size: Some(max_size), ..Rule::default() });
            let last = all.iter().filter(|one| out.contains(&one.key)).max_by_key(|one| (one.used, one.key));
            if let Some(last) = last {
                let without: BTreeSet<Key> = out.iter().copied().filter(|key| *key != last.key).collect();
                prop_assert!(total(&all, &without) > max_size);
            }
        }

        #[test]
        fn runs_and_days_keep_what_either_keeps(all in candidates(), since in 0..7_u64) {
            let out = retire(&all, &sizes(), 0, &Rule { by_runs: true, since: Some(since), max_size: None });
            for one in &all {
                prop_assert_eq!(out.contains(&one.key), !one.protected && !one.in_kept_runs && one.used < since);
            }
        }

        #[test]
        fn without_options_nothing_goes(all in candidates(), beside in 0..50_u64) {
            prop_assert!(retire(&all, &sizes(), beside, &Rule::default()).is_empty());
        }
    }
}

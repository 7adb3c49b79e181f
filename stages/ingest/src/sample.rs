//! Some of the users, the same ones on every machine.

use crate::digest;
use serde::Serialize;
use std::collections::HashSet;

/// What a sample of the users left out; all 0 where all are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    /// Users with interactions that are not in the sample.
    pub(crate) users: usize,
    /// Their interactions.
    pub(crate) interactions: usize,
}

/// The `wanted` identifiers of smallest hash; all where there are no more, or no number is wanted.
pub(crate) fn choose<'a>(ids: impl Iterator<Item = &'a str>, wanted: Option<usize>) -> HashSet<&'a str> {
    let Some(wanted) = wanted else { return ids.collect() };
    let mut ordered: Vec<&str> = ids.collect();
    ordered.sort_by_cached_key(|id| digest::of_id(id));
    ordered.truncate(wanted);
    ordered.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_samples_contain_smaller_ones() {
        let ids: Vec<String> = (0..50).map(|n| format!("user {n}")).collect();
        let forwards = || ids.iter().map(String::as_str);
        let ten = choose(forwards(), Some(10));
        assert_eq!(ten.len(), 10);
        assert_eq!(choose(forwards().rev(), Some(10)), ten);
        assert!(ten.is_subset(&choose(forwards(), Some(20))));
        assert_ne!(ten, forwards().take(10).collect());
        assert_eq!(choose(forwards(), Some(51)).len(), 50);
        assert_eq!(choose(forwards(), None).len(), 50);
    }
}

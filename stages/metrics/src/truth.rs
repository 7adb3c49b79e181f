//! What was held out, and where lists have it.

use contract::{Failure, FailureKind, Result};
use frames::{Codes, Hits, Interactions, NO_ITEM, RankedList, Rankings, Seen, Split, UserRank};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What was held out, and which items share their codes.
pub(crate) struct Truth {
    /// `[users]` the test items.
    targets: Vec<Vec<u32>>,
    /// `[users]` the number of training interactions.
    history: Vec<u32>,
    /// `[users]` the number of distinct items before the test: those that a list without seen items leaves out.
    known: Vec<usize>,
    /// `[items]` the number of training interactions.
    count: Vec<u32>,
    /// `[items]` a number that items of equal codes share; the item itself where there are no codes.
    code: Vec<u32>,
}

impl Truth {
    pub(crate) fn new(interactions: &Interactions, codes: Option<&Codes>) -> Result<Self> {
        let targets = interactions.sequences(&[Split::Test]);
        if targets.iter().all(Vec::is_empty) {
            let message =
                format!("none of the {} users has a test item, so there is nothing to measure", targets.len());
            return Err(Failure::new(FailureKind::NothingUsable, message)
                .hint("a user needs 3 interactions to have one held out; check the filters of ingest"));
        }
        let items = interactions.dataset.items;
        let code = match codes {
            None => (0..).take(items).collect(),
            Some(codes) => {
                recommender::same_ingest(("interactions", items), ("codes", codes.items()))?;
                number_codes(codes)
            }
        };
        let history = interactions.sequences(&[Split::Train]).iter().map(|items| items.len() as u32).collect();
        let known = interactions.before_test().iter().map(|items| items.iter().collect::<HashSet<_>>().len()).collect();
        Ok(Self { targets, history, known, count: interactions.training_counts(), code })
    }

    /// How many users have a test item: the denominator of every measure.
    pub(crate) fn users(&self) -> usize {
        self.targets.iter().filter(|items| !items.is_empty()).count()
    }

    /// Whether some user has several test items.
    pub(crate) fn several(&self) -> bool {
        self.targets.iter().any(|items| items.len() > 1)
    }

    /// How many users have a test item but no list.
    pub(crate) fn users_without_list(&self, lists: &[RankedList]) -> usize {
        self.users() - lists.iter().filter(|list| !self.targets[list.user as usize].is_empty()).count()
    }

    /// Refuses lists of users or items that the interactions do not have.
    pub(crate) fn check(&self, label: &str, rankings: &Rankings) -> Result<()> {
        let (users, items) = (self.targets.len(), self.code.len());
        let refuse = |noun: &str, found: u32, known: usize| {
            let message = format!("rankings '{label}' have {noun} {found}, the interactions only {known} {noun}s");
            Err(Failure::new(FailureKind::Conflict, message).hint("both must come from the same ingest"))
        };
        for list in [Seen::Kept, Seen::Excluded].into_iter().flat_map(|seen| rankings.lists(seen)) {
            if list.user as usize >= users {
                return refuse("user", list.user, users);
            }
            if let Some(&(item, _)) = list.items.iter().find(|(item, _)| *item as usize >= items && *item != NO_ITEM) {
                return refuse("item", item, items);
            }
        }
        Ok(())
    }

    /// Refuses lists that end before the largest cutoff although there are more items to list.
    ///
    /// Hits beyond the end of such lists would count as misses, so a measure at that cutoff would be too low.
    pub(crate) fn check_length(&self, label: &str, rankings: &Rankings, cutoff: u32) -> Result<()> {
        for seen in [Seen::Kept, Seen::Excluded] {
            let Some(longest) = rankings.lists(seen).iter().max_by_key(|list| list.items.len()) else { continue };
            let length = longest.items.len();
            let left_out = if seen == Seen::Excluded { self.known[longest.user as usize] } else { 0 };
            if length < cutoff as usize && length + left_out < self.code.len() {
                let message = format!(
                    "cutoffs has {cutoff}, but the lists of '{label}' with seen items {} end after {length} of {} \
                     items: hits beyond would count as misses",
                    seen.as_str(),
                    self.code.len()
                );
                let hint =
                    format!("set top_k of the stage that makes '{label}' to {cutoff} or more, or remove the cutoff");
                return Err(Failure::new(FailureKind::Conflict, message).hint(hint));
            }
        }
        Ok(())
    }

    /// The ranks of every user that has a test item, in the order of users.
    pub(crate) fn ranks(&self, lists: &[RankedList], hits: Hits) -> Vec<UserRank> {
        let wanted: Vec<Vec<u32>> =
            self.targets.iter().map(|items| self.entries(items.iter().copied(), hits).flatten().collect()).collect();
        let mut ranks: Vec<Vec<Option<u32>>> = wanted.iter().map(|entries| vec![None; entries.len()]).collect();
        for list in lists {
            ranks[list.user as usize] = self.ranks_in(list, &wanted[list.user as usize], hits);
        }
        let users = (0_u32..).zip(ranks).zip(&self.history).filter(|((_, ranks), _)| !ranks.is_empty());
        users.map(|((user, ranks), &history)| UserRank { user, history, ranks }).collect()
    }

    /// The same ranks of items, of those test items alone that have at least `start` training interactions and fewer than `end`.
    pub(crate) fn of_counts(&self, users: &[UserRank], start: u32, end: Option<u32>) -> Vec<UserRank> {
        let fits = |item: u32| {
            let count = self.count[item as usize];
            count >= start && end.is_none_or(|end| count < end)
        };
        let of_user = |user: &UserRank| {
            let targets = self.entries(self.targets[user.user as usize].iter().copied(), Hits::Item).flatten();
            let ranks = targets.zip(&user.ranks).filter(|&(item, _)| fits(item)).map(|(_, &rank)| rank).collect();
            UserRank { ranks, ..user.clone() }
        };
        users.iter().map(of_user).filter(|user| !user.ranks.is_empty()).collect()
    }

    /// For each cutoff the ratio of all items, or of all codes in use, that are in anybody's first so many places.
    pub(crate) fn coverage(&self, lists: &[RankedList], hits: Hits, cutoffs: &[u32]) -> Vec<f64> {
        let mut best = vec![u32::MAX; self.code.len()];
        for list in lists {
            for (place, entry) in (1..).zip(self.entries(listed(list), hits)) {
                let Some(entry) = entry else { continue };
                let best = &mut best[entry as usize];
                *best = place.min(*best);
            }
        }
        let all = match hits {
            Hits::Item => self.code.len(),
            Hits::Code => self.code.iter().collect::<HashSet<_>>().len(),
        };
        let ratio = |&cutoff: &u32| best.iter().filter(|&&place| place <= cutoff).count() as f64 / all as f64;
        cutoffs.iter().map(ratio).collect()
    }

    /// For each of the `wanted` items or codes its place in the list.
    fn ranks_in(&self, list: &RankedList, wanted: &[u32], hits: Hits) -> Vec<Option<u32>> {
        let entries = self.entries(listed(list), hits).zip(1..);
        let places: HashMap<u32, u32> = entries.filter_map(|(entry, place)| Some((entry?, place))).collect();
        wanted.iter().map(|entry| places.get(entry).copied()).collect()
    }

    /// What counts among these items, in their order, each once: they themselves, or their codes. A place without an item
    /// counts as a place.
    fn entries(&self, items: impl Iterator<Item = u32>, hits: Hits) -> impl Iterator<Item = Option<u32>> {
        let mut known = HashSet::new();
        let entry = move |item: u32| match hits {
            _ if item == NO_ITEM => None,
            Hits::Item => Some(item),
            Hits::Code => Some(self.code[item as usize]),
        };
        items.map(entry).filter(move |entry| entry.is_none_or(|entry| known.insert(entry)))
    }
}

fn listed(list: &RankedList) -> impl Iterator<Item = u32> {
    list.items.iter().map(|&(item, _)| item)
}

fn number_codes(codes: &Codes) -> Vec<u32> {
    let mut numbers = BTreeMap::new();
    (0..codes.items())
        .map(|item| {
            let next = numbers.len() as u32;
            *numbers.entry(codes.of(item)).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(user: u32, items: &[u32]) -> RankedList {
        RankedList { user, items: items.iter().map(|&item| (item, 0.0)).collect() }
    }

    #[test]
    fn ranks_and_coverage_are_of_items_or_of_distinct_codes() {
        // Items 0 and 1 share their codes, and so do 2 and 3.
        let codes = Codes { levels: vec![vec![5, 5, 6, 6, 6], vec![0, 0, 1, 1, 2]] };
        let targets = vec![vec![3], vec![4], vec![], vec![1, 4, 0]];
        let truth = Truth {
            targets,
            history: vec![9, 8, 7, 6],
            known: vec![0; 4],
            count: vec![0, 4, 0, 1, 9],
            code: number_codes(&codes),
        };
        let lists = [list(0, &[0, 1, 2, 3]), list(1, &[0, 2]), list(2, &[1]), list(3, &[4, 0])];
        let ranks = |hits| truth.ranks(&lists, hits).into_iter().map(|found| found.ranks).collect::<Vec<_>>();
        assert_eq!(ranks(Hits::Item), [vec![Some(4)], vec![None], vec![None, Some(1), Some(2)]]);
        assert_eq!(ranks(Hits::Code), [vec![Some(2)], vec![None], vec![Some(2), Some(1)]]);
        let users: Vec<_> = truth.ranks(&lists, Hits::Item).iter().map(|found| (found.user, found.history)).collect();
        assert_eq!(users, [(0, 9), (1, 8), (3, 6)]);
        let of_counts = |start, end| {
            let found = truth.of_counts(&truth.ranks(&lists, Hits::Item), start, end);
            found.into_iter().map(|found| (found.user, found.ranks)).collect::<Vec<_>>()
        };
        assert_eq!(of_counts(0, Some(1)), [(3, vec![Some(2)])]);
        assert_eq!(of_counts(1, Some(9)), [(0, vec![Some(4)]), (3, vec![None])]);
        assert_eq!(of_counts(9, None), [(1, vec![None]), (3, vec![Some(1)])]);
        assert_eq!((truth.users(), truth.users_without_list(&lists[..2])), (3, 1));
        assert_eq!(truth.coverage(&lists, Hits::Item, &[1, 2, 9]), [0.6, 0.8, 1.0]);
        assert_eq!(truth.coverage(&lists, Hits::Code, &[1, 2]), [2.0 / 3.0, 1.0]);
        assert_eq!(truth.coverage(&[], Hits::Item, &[1]), [0.0]);
    }

    #[test]
    fn an_empty_rank_counts_as_a_miss() {
        let codes = Codes { levels: vec![vec![5, 5, 6]] };
        let truth = Truth {
            targets: vec![vec![1]],
            history: vec![3],
            known: vec![0],
            count: vec![0; 3],
            code: number_codes(&codes),
        };
        let lists = [list(0, &[NO_ITEM, 0, NO_ITEM, 1])];
        let rankings = Rankings { kept: lists.to_vec(), excluded: Vec::new() };
        assert!(truth.check("one", &rankings).is_ok());
        assert_eq!(truth.ranks(&lists, Hits::Item)[0].ranks, [Some(4)]);
        assert_eq!(truth.ranks(&lists, Hits::Code)[0].ranks, [Some(2)]);
        assert_eq!(truth.coverage(&lists, Hits::Item, &[2, 4]), [1.0 / 3.0, 2.0 / 3.0]);
    }
}

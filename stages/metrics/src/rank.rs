//! The rank of what was held out.

use contract::{Failure, FailureKind, Result};
use frames::{Codes, Interactions, RankedList, Rankings, Seen};
use std::collections::{BTreeMap, BTreeSet};

/// What counts as a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hits {
    /// The test item itself.
    Item,
    /// Any item with the test item's codes.
    Code,
}

impl Hits {
    /// The word in the table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Code => "code",
        }
    }
}

/// What was held out, and which items share their codes.
pub(crate) struct Truth {
    /// `[users]` the test item, where there is one.
    targets: Vec<Option<u32>>,
    /// `[items]` a number that items of equal codes share; the item itself where there are no codes.
    code: Vec<u32>,
}

impl Truth {
    pub(crate) fn new(interactions: &Interactions, codes: Option<&Codes>) -> Result<Self> {
        let targets = interactions.targets();
        if targets.iter().all(Option::is_none) {
            let message =
                format!("none of the {} users has a test item, so there is nothing to measure", targets.len());
            return Err(Failure::new(FailureKind::NothingUsable, message)
                .hint("a user needs 3 interactions to have one held out; check the filters of ingest"));
        }
        let items = interactions.dataset.items;
        let code = match codes {
            None => (0..).take(items).collect(),
            Some(codes) if codes.items() == items => number_codes(codes),
            Some(codes) => {
                let message = format!("codes are of {} items, interactions of {items}", codes.items());
                return Err(Failure::new(FailureKind::Conflict, message).hint("both must come from the same ingest"));
            }
        };
        Ok(Self { targets, code })
    }

    /// How many users have a test item: the denominator of every measure.
    pub(crate) fn users(&self) -> usize {
        self.targets.iter().flatten().count()
    }

    /// How many users have a test item but no list.
    pub(crate) fn users_without_list(&self, lists: &[RankedList]) -> usize {
        self.users() - lists.iter().filter(|list| self.targets[list.user as usize].is_some()).count()
    }

    /// Refuses lists of users or items that the interactions do not have.
    pub(crate) fn check(&self, label: &str, rankings: &Rankings) -> Result<()> {
        let (users, items) = (self.targets.len(), self.code.len());
        let refuse = |what: &str, found: u32, known: usize| {
            let message = format!("rankings '{label}' have {what} {found}, the interactions only {known} {what}s");
            Err(Failure::new(FailureKind::Conflict, message).hint("both must come from the same ingest"))
        };
        for list in [Seen::Kept, Seen::Excluded].into_iter().flat_map(|seen| rankings.lists(seen)) {
            if list.user as usize >= users {
                return refuse("user", list.user, users);
            }
            if let Some(&(item, _)) = list.items.iter().find(|(item, _)| *item as usize >= items) {
                return refuse("item", item, items);
            }
        }
        Ok(())
    }

    /// The ranks from 1 of the test items that stand in their user's list; lists of users without one are passed over.
    pub(crate) fn ranks(&self, lists: &[RankedList], hits: Hits) -> Vec<usize> {
        lists.iter().filter_map(|list| self.rank(list, hits)).collect()
    }

    fn rank(&self, list: &RankedList, hits: Hits) -> Option<usize> {
        let target = self.targets[list.user as usize]?;
        let place = match hits {
            Hits::Item => list.items.iter().position(|&(item, _)| item == target)?,
            Hits::Code => {
                let wanted = self.code[target as usize];
                let codes = list.items.iter().map(|&(item, _)| self.code[item as usize]);
                let better: BTreeSet<u32> = codes.clone().take_while(|&code| code != wanted).collect();
                codes.into_iter().any(|code| code == wanted).then_some(better.len())?
            }
        };
        Some(place + 1)
    }
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
    fn ranks_are_of_items_or_of_distinct_codes() {
        // Items 0 and 1 share their codes, and so do 2 and 3.
        let codes = Codes { levels: vec![vec![5, 5, 6, 6, 6], vec![0, 0, 1, 1, 2]] };
        let truth = Truth { targets: vec![Some(3), Some(4), None, Some(1)], code: number_codes(&codes) };
        let lists = [list(0, &[0, 1, 2, 3]), list(1, &[0, 2]), list(2, &[1]), list(3, &[4, 0])];
        assert_eq!(truth.ranks(&lists, Hits::Item), vec![4]);
        assert_eq!(truth.ranks(&lists, Hits::Code), vec![2, 2]);
        assert_eq!((truth.users(), truth.users_without_list(&lists[..2])), (3, 1));
    }
}

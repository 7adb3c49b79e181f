//! The users that both sides of a comparison have.

use crate::measure::Measure;
use contract::questions::RankList;
use contract::{Failure, FailureKind, Result};
use frames::{Measured, Ranks, UserRank};
use std::collections::{BTreeMap, BTreeSet};

/// The ranks of one side, list by list.
#[derive(Debug)]
pub(super) struct Side {
    lists: Vec<BTreeMap<u32, UserRank>>,
}

/// Users with their ranks on both sides.
#[derive(Debug)]
pub(super) struct Pairing {
    pub(super) users: Vec<PairedUser>,
    pub(super) only_a: usize,
    pub(super) only_b: usize,
    pub(super) unlike: usize,
}

/// One user's ranks on both sides, by list.
#[derive(Debug)]
pub(super) struct PairedUser {
    a: Vec<UserRank>,
    b: Vec<UserRank>,
}

impl Side {
    pub(super) fn read(lists: &[RankList]) -> Result<Self> {
        if lists.is_empty() {
            return Err(Failure::new(FailureKind::Conflict, "a side has no ranks, expected at least one list"));
        }
        Ok(Self { lists: lists.iter().map(read).collect::<Result<_>>()? })
    }

    fn user(&self, user: u32) -> Option<Vec<UserRank>> {
        self.lists.iter().map(|list| list.get(&user).cloned()).collect()
    }

    fn users(&self) -> BTreeSet<u32> {
        self.lists.iter().flat_map(|list| list.keys().copied()).collect()
    }
}

fn read(list: &RankList) -> Result<BTreeMap<u32, UserRank>> {
    let wanted = measured(list)?;
    let ranks = Ranks::read(&list.ranks)?;
    let found = ranks.of.iter().find(|(measured, _)| *measured == wanted);
    let Some((_, users)) = found else {
        let name = |measured: &Measured| {
            format!("{} ({}, {})", measured.model, measured.seen.as_str(), measured.hits.as_str())
        };
        let known: Vec<String> = ranks.of.iter().map(|(measured, _)| name(measured)).collect();
        let (folder, wanted) = (list.ranks.display(), name(&wanted));
        let message = format!("{folder} has no ranks of {wanted}; it has {}", known.join(", "));
        return Err(Failure::new(FailureKind::Conflict, message));
    };
    Ok(users.iter().map(|found| (found.user, found.clone())).collect())
}

/// The rows to read, from the columns and values of the request.
fn measured(list: &RankList) -> Result<Measured> {
    let columns = list.measured.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    serde_json::from_value(serde_json::Value::Object(columns)).map_err(|error| {
        let message = format!("the ranks of {} cannot be selected: {error}", list.ranks.display());
        Failure::new(FailureKind::Conflict, message).hint("expected values for model, seen and hits")
    })
}

impl Pairing {
    pub(super) fn of(a: &Side, b: &Side) -> Self {
        let (users_a, users_b) = (a.users(), b.users());
        let mut pairing = Self { users: Vec::new(), only_a: 0, only_b: 0, unlike: 0 };
        for &user in users_a.intersection(&users_b) {
            let (Some(of_a), Some(of_b)) = (a.user(user), b.user(user)) else { continue };
            let length = of_a[0].history;
            pairing.unlike += usize::from(of_a.iter().chain(&of_b).any(|found| found.history != length));
            pairing.users.push(PairedUser { a: of_a, b: of_b });
        }
        pairing.only_a = users_a.len() - pairing.users.len();
        pairing.only_b = users_b.len() - pairing.users.len();
        pairing
    }
}

impl PairedUser {
    /// What the user adds to both sides, each averaged over its lists.
    pub(super) fn values(&self, measure: Measure) -> (f64, f64) {
        let mean = |lists: &[UserRank]| {
            lists.iter().fold(0.0, |sum, list| sum + measure.gain(&list.ranks)) / lists.len() as f64
        };
        (mean(&self.a), mean(&self.b))
    }
}

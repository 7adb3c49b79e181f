//! The lists of all models.

use contract::{Context, Failure, FailureKind, Result};
use frames::{Interactions, NO_ITEM, RankedList, Rankings};
use std::collections::BTreeMap;

/// The models' lists, in the order of their labels.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) labels: Vec<String>,
    pub(crate) rankings: Vec<Rankings>,
    /// Empty where none is bound.
    pub(crate) validation: Vec<Rankings>,
}

impl Inputs {
    /// Reads all lists, and refuses those that do not belong to the interactions or to each other.
    pub(crate) fn read(interactions: &Interactions, context: &Context) -> Result<Self> {
        let read = |port: &str| {
            let mut labels = Vec::new();
            let mut all = Vec::new();
            for (label, folder) in context.labelled_inputs(port) {
                let rankings = Rankings::read(&folder)?;
                check(&format!("{port}.{label}"), &rankings, interactions)?;
                labels.push(label);
                all.push(rankings);
            }
            Ok::<_, Failure>((labels, all))
        };
        let (labels, rankings) = read("rankings")?;
        let (of_validation, validation) = read("validation")?;
        if !of_validation.is_empty() && of_validation != labels {
            let (found, expected) = (of_validation.join(", "), labels.join(", "));
            let message = format!("validation has the labels {found}, rankings has {expected}");
            return Err(Failure::new(FailureKind::Conflict, message).hint("bind both ports of the same models"));
        }
        Ok(Self { labels, rankings, validation })
    }

    /// Refuses what no weights can be chosen by.
    pub(crate) fn check_validation(&self) -> Result<()> {
        if self.validation.is_empty() {
            let message = "nothing is bound to validation, so nothing chooses the weights";
            return Err(Failure::new(FailureKind::Conflict, message)
                .hint("bind the output `validation` of each model, or give `weights`"));
        }
        let empty = self.labels.iter().zip(&self.validation).find(|(_, lists)| lists.excluded.is_empty());
        let Some((label, _)) = empty else { return Ok(()) };
        let message =
            format!("validation.{label} has no lists with seen items excluded, so nothing chooses its weight");
        Err(Failure::new(FailureKind::NothingUsable, message)
            .hint("train that model with `stopping = \"validation\"`, or give `weights`"))
    }
}

pub(crate) fn nothing_held_out() -> Failure {
    let message = "no user has a validation item or 2 training items, so nothing chooses the weights";
    Failure::new(FailureKind::NothingUsable, message).hint("give more interactions, or `weights`")
}

/// Each user that any model has a list for, ascending, with every model's list; empty where it has none.
pub(crate) fn by_user<'a>(models: &[&'a [RankedList]]) -> BTreeMap<u32, Vec<&'a [(u32, f32)]>> {
    let mut users: BTreeMap<u32, Vec<&[(u32, f32)]>> = BTreeMap::new();
    for (model, lists) in models.iter().enumerate() {
        for list in *lists {
            users.entry(list.user).or_insert_with(|| vec![&[]; models.len()])[model] = &list.items;
        }
    }
    users
}

fn check(name: &str, rankings: &Rankings, interactions: &Interactions) -> Result<()> {
    let (users, items) = (interactions.dataset.users, interactions.dataset.items);
    for list in rankings.kept.iter().chain(&rankings.excluded) {
        let item = list.items.iter().map(|item| item.0).filter(|&item| item != NO_ITEM).max().unwrap_or(0);
        if list.user as usize >= users || item as usize >= items {
            let message = format!(
                "{name} has user {} and item {item}, 'interactions' has {users} users and {items} items",
                list.user
            );
            return Err(Failure::new(FailureKind::Conflict, message).hint("both must come from the same ingest"));
        }
    }
    Ok(())
}

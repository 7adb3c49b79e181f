//! Names of users and items behind a stage that made ranked lists.

use crate::new_items::coded::CodedItems;
use contract::questions::{Lineage, NamedItem};
use contract::{Failure, FailureKind, Result};
use frames::{Interactions, Items, Users};
use std::collections::{HashMap, HashSet};

/// The interactions that a stage ranked by, and what its users and items are called.
pub(crate) struct Catalogue {
    /// The interactions.
    pub(crate) interactions: Interactions,
    /// The texts of items.
    pub(crate) items: Items,
    /// `[users]` the original identifiers.
    pub(crate) users: Vec<String>,
}

impl Catalogue {
    /// Reads what the stage was given. Where interactions come from no stage with names, numbers stand for identifiers.
    ///
    /// # Errors
    /// When a file cannot be read, or names and interactions differ in number.
    pub(crate) fn read(stage: &Lineage) -> Result<Self> {
        let interactions = Interactions::read(stage.input("interactions")?)?;
        let producer = stage.producer("interactions")?;
        let folder = |port: &str| producer.and_then(|producer| producer.outputs.get(port));
        let (known_items, known_users) = (interactions.dataset.items, interactions.dataset.users);
        let items = match folder("items") {
            Some(folder) => Items::read(folder)?,
            None => without_texts(known_items),
        };
        let users = match folder("users") {
            Some(folder) => Users::read(folder)?.id,
            None => (0..known_users).map(|user| user.to_string()).collect(),
        };
        for (noun, names, known) in [("items", items.id.len(), known_items), ("users", users.len(), known_users)] {
            if names != known {
                let message = format!("there are {names} names of {noun}, but the interactions have {known} {noun}");
                return Err(Failure::new(FailureKind::Conflict, message));
            }
        }
        Ok(Self { interactions, items, users })
    }

    /// The same with new items behind the others.
    ///
    /// # Errors
    /// When one has the identifier of another.
    pub(crate) fn with_new(mut self, new: &CodedItems) -> Result<Self> {
        let known: HashSet<&str> = self.items.id.iter().map(String::as_str).collect();
        if let Some(id) = new.ids.iter().find(|id| known.contains(id.as_str())) {
            let message = format!("the new item '{id}' is an item of the dataset");
            return Err(Failure::new(FailureKind::Conflict, message).hint("leave it out of the new items"));
        }
        self.items.id.extend(new.ids.iter().cloned());
        self.items.title.extend(new.titles.iter().cloned());
        for column in [&mut self.items.description, &mut self.items.brand, &mut self.items.categories] {
            column.resize(self.items.id.len(), String::new());
        }
        Ok(self)
    }

    /// An item with its names.
    pub(crate) fn named(&self, item: u32) -> NamedItem {
        let place = item as usize;
        NamedItem { item, id: self.items.id[place].clone(), title: self.items.title[place].clone() }
    }

    /// The number of the user of that identifier.
    ///
    /// # Errors
    /// When there is none; the hint has identifiers like it.
    pub(crate) fn user(&self, id: &str) -> Result<u32> {
        let found = self.users.iter().position(|user| user == id);
        found.map(|user| user as u32).ok_or_else(|| unknown("user", id, &self.users))
    }

    /// The numbers of the items of those identifiers.
    ///
    /// # Errors
    /// When there is no such item; the hint has identifiers like it.
    pub(crate) fn item_numbers(&self, ids: &[String]) -> Result<Vec<u32>> {
        let numbers: HashMap<&str, u32> = self.items.id.iter().map(String::as_str).zip(0..).collect();
        let number = |id: &String| numbers.get(id.as_str()).copied();
        ids.iter().map(|id| number(id).ok_or_else(|| unknown("item", id, &self.items.id))).collect()
    }
}

fn without_texts(items: usize) -> Items {
    let empty = || vec![String::new(); items];
    let id = (0..items).map(|item| item.to_string()).collect();
    Items { id, title: empty(), description: empty(), brand: empty(), categories: empty() }
}

/// The failure of an identifier that the dataset does not have.
fn unknown(noun: &str, id: &str, known: &[String]) -> Failure {
    let near = known.iter().map(|other| (strsim::normalized_levenshtein(id, other), other));
    let near = near.filter(|(similarity, _)| *similarity >= 0.7).max_by(|one, other| one.0.total_cmp(&other.0));
    let hint = match (near, known.first()) {
        (Some((_, near)), _) => format!("did you mean '{near}'?"),
        (None, Some(first)) => {
            format!("identifiers of {noun}s are like '{first}': `pipe peek PIPELINE ingest.{noun}s` lists some")
        }
        (None, None) => format!("the dataset has no {noun}s"),
    };
    let message = format!("there is no {noun} '{id}' among {} {noun}s", known.len());
    Failure::new(FailureKind::Conflict, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_identifier_is_answered_with_one_like_it() {
        let known = ["A1B2C3".to_owned(), "B7".to_owned()];
        let hint = |id: &str| unknown("user", id, &known).hint.unwrap();
        assert_eq!(hint("A1B2C4"), "did you mean 'A1B2C3'?");
        assert!(hint("zzz").starts_with("identifiers of users are like 'A1B2C3'"));
        assert_eq!(unknown("item", "x", &[]).hint.unwrap(), "the dataset has no items");
    }
}

//! All items in memory: by number, by original identifier, and by words of the title.

use contract::questions::{ItemRow, ListsHead};
use std::collections::HashMap;

/// The items of a result.
#[derive(Debug)]
pub(crate) struct Catalogue {
    items: Vec<ItemRow>,
    numbers: HashMap<String, u32>,
    /// Identifier and title of each item, as the fields of a JSON object.
    fields: Vec<Box<str>>,
    /// Titles in small letters.
    searched: Vec<String>,
    popular: Vec<u32>,
}

impl Catalogue {
    /// Of these items, in the order of their numbers. Numbers of items that do not exist are dropped.
    pub(crate) fn new(items: Vec<ItemRow>, head: &ListsHead) -> Self {
        let numbers = items.iter().map(|item| item.id.clone()).zip(0..).collect();
        let searched = items.iter().map(|item| item.title.to_lowercase()).collect();
        let popular = head.popular.iter().copied().filter(|&item| (item as usize) < items.len()).collect();
        let fields = items.iter().map(fields).collect();
        Self { numbers, fields, searched, popular, items }
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The item of that number, if there is one.
    pub(crate) fn item(&self, number: u32) -> Option<&ItemRow> {
        self.items.get(number as usize)
    }

    /// `"id":"...","title":"..."` of an item, if there is one.
    pub(crate) fn fields(&self, number: u32) -> &str {
        self.fields.get(number as usize).map_or("\"id\":\"\",\"title\":\"\"", |fields| fields)
    }

    /// The number of the item of that original identifier, if there is one.
    pub(crate) fn number(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// The items with most training interactions first.
    pub(crate) fn popular(&self) -> &[u32] {
        &self.popular
    }

    /// The first items whose title has all of these words, the popular ones first.
    pub(crate) fn search(&self, words: &str, count: usize) -> Vec<u32> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let matches = |item: &u32| words.iter().all(|word| self.searched[*item as usize].contains(word));
        self.popular.iter().copied().filter(matches).take(count).collect()
    }

    /// Whether the item is of that category, at any level.
    pub(crate) fn is_of(&self, item: u32, category: &str) -> bool {
        let categories = self.item(item).map_or("", |item| item.categories.as_str());
        categories.split(',').any(|known| known.trim().eq_ignore_ascii_case(category))
    }
}

fn fields(item: &ItemRow) -> Box<str> {
    // A string is always JSON.
    let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
    format!("\"id\":{},\"title\":{}", text(&item.id), text(&item.title)).into()
}

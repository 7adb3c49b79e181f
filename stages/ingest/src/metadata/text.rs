//! What is known of an item.

use crate::clean::cut;

/// The texts of one item, cleaned; unknown ones are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text {
    /// The title.
    pub(crate) title: String,
    /// The description.
    pub(crate) description: String,
    /// The brand.
    pub(crate) brand: String,
    /// Categories from wide to narrow, joined by commas.
    pub(crate) categories: String,
}

/// The text of an item of which nothing is known.
static UNKNOWN: Text =
    Text { title: String::new(), description: String::new(), brand: String::new(), categories: String::new() };

/// The texts of all items; without metadata nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct ItemTexts(Vec<Text>);

impl ItemTexts {
    /// What is known of an item.
    pub(crate) fn get(&self, item: usize) -> &Text {
        self.0.get(item).unwrap_or(&UNKNOWN)
    }
}

impl FromIterator<Text> for ItemTexts {
    fn from_iter<I: IntoIterator<Item = Text>>(texts: I) -> Self {
        Self(texts.into_iter().collect())
    }
}

impl Text {
    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes of each text the longer one, and of two as long the one that sorts first: the order of lines decides nothing.
    pub(crate) fn merge(&mut self, other: Self) {
        let merge = |mine: &mut String, theirs: String| {
            let is_better = (theirs.len(), std::cmp::Reverse(&theirs)) > (mine.len(), std::cmp::Reverse(mine));
            if is_better {
                *mine = theirs;
            }
        };
        merge(&mut self.title, other.title);
        merge(&mut self.description, other.description);
        merge(&mut self.brand, other.brand);
        merge(&mut self.categories, other.categories);
    }

    /// Cuts texts that have more characters than `most`, and says how many it cut.
    pub(crate) fn cut(&mut self, most: Option<usize>) -> usize {
        let texts = [&mut self.title, &mut self.description, &mut self.brand, &mut self.categories];
        texts.into_iter().map(|text| usize::from(cut(text, most))).sum()
    }
}

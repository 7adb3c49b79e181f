//! What is known of an item.

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

impl Text {
    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes from `other` what is still unknown here.
    pub(crate) fn fill_from(&mut self, other: Self) {
        let fill = |mine: &mut String, theirs: String| {
            if mine.is_empty() {
                *mine = theirs;
            }
        };
        fill(&mut self.title, other.title);
        fill(&mut self.description, other.description);
        fill(&mut self.brand, other.brand);
        fill(&mut self.categories, other.categories);
    }
}

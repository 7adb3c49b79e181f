//! Many strings one after another in one allocation.

/// Strings by index.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    bytes: String,
    ends: Vec<usize>,
}

impl Strings {
    /// Adds a string.
    pub(crate) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.end();
    }

    /// The string that is being added, at the end of what is there; [`Strings::end`] completes it.
    pub(crate) fn open(&mut self) -> &mut String {
        &mut self.bytes
    }

    /// Completes the string that is being added.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// Where the string that is being added begins.
    pub(crate) fn start(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The number of strings.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The string at an index.
    pub(crate) fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// All strings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }
}

//! The questions and answers a language model is tuned on.

use crate::parquet::{Table, column, write};
use contract::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

const TABLE: &str = "prompts.parquet";

/// The task that a prompt belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Which item comes next.
    NextItem,
    /// Which item the user would not want.
    Negative,
    /// Which item has this text.
    Text,
    /// Which item a user with this history and this query wants.
    Query,
    /// What an item is called, or how it is described.
    ItemText,
    /// A history and text joined: titles before an item, or items before a title or a description.
    TextHistory,
    /// What a user prefers.
    Preference,
}

impl TaskKind {
    /// All tasks.
    pub const ALL: [Self; 7] =
        [Self::NextItem, Self::Negative, Self::Text, Self::Query, Self::ItemText, Self::TextHistory, Self::Preference];

    /// Its name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NextItem => "next-item",
            Self::Negative => "negative",
            Self::Text => "text",
            Self::Query => "query",
            Self::ItemText => "item-text",
            Self::TextHistory => "text-history",
            Self::Preference => "preference",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Prompts that share a beginning have the same group.
    pub group: u32,
    /// The task.
    pub kind: TaskKind,
    /// The question; items in it are their code tokens, such as `<a_12><b_3>`.
    pub prompt: String,
    /// The answer.
    pub label: String,
}

/// All questions and answers, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompts(pub Vec<Prompt>);

impl Prompts {
    /// Reads `prompts.parquet` of a folder.
    ///
    /// # Errors
    /// When the file is missing or damaged, or a column is missing, of another type, or holds an unknown task.
    pub fn read(folder: &Path) -> Result<Self> {
        let table = Table::read(folder, TABLE)?;
        let group = table.u32("group")?;
        let kind = table.enumeration(
            "kind",
            TaskKind::parse,
            "next-item, negative, text, query, item-text, text-history or preference",
        )?;
        let (prompt, label) = (table.text("prompt")?, table.text("label")?);
        let rows = group.into_iter().zip(kind).zip(prompt).zip(label);
        Ok(Self(rows.map(|(((group, kind), prompt), label)| Prompt { group, kind, prompt, label }).collect()))
    }

    /// Writes `prompts.parquet` to a folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let group: Vec<u32> = self.0.iter().map(|row| row.group).collect();
        let kind: Vec<&str> = self.0.iter().map(|row| row.kind.as_str()).collect();
        let prompt: Vec<&str> = self.0.iter().map(|row| row.prompt.as_str()).collect();
        let label: Vec<&str> = self.0.iter().map(|row| row.label.as_str()).collect();
        let columns =
            vec![column("group", group), column("kind", kind), column("prompt", prompt), column("label", label)];
        write(folder, TABLE, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_survives_and_an_unknown_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let of = |(group, kind)| Prompt { group, kind, prompt: "<a_1>?".into(), label: "<a_2>".into() };
        let prompts = Prompts((0..).zip(TaskKind::ALL).map(of).collect());
        prompts.write(folder.path()).unwrap();
        assert_eq!(Prompts::read(folder.path()).unwrap(), prompts);

        let columns = vec![column("group", vec![0_u32]), column("kind", vec!["guess"])];
        write(folder.path(), TABLE, columns).unwrap();
        let failure = Prompts::read(folder.path()).unwrap_err();
        assert!(failure.message.contains("row 0: kind is 'guess', expected next-item, negative"), "{failure}");
    }
}

//! A comparison for a terminal.

use crate::report::compare::layout::{Entry, Layout};
use crate::report::compare::table::Comparison;

impl Comparison {
    /// A table in columns; `*` marks the best.
    pub fn text(&self) -> String {
        let layout = Layout::of(self);
        let cells: Vec<Vec<String>> = {
            let room: Vec<usize> = (0..layout.head.len())
                .map(|place| layout.rows.iter().map(|row| marks(&row[place]).chars().count()).max().unwrap_or(0))
                .collect();
            let set = |row: &Vec<Entry>| row.iter().zip(&room).map(|(entry, room)| cell(entry, *room)).collect();
            layout.rows.iter().map(set).collect()
        };
        let width = |place: usize| {
            let lengths = cells.iter().map(|row| row[place].chars().count());
            lengths.chain([layout.head[place].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..layout.head.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().enumerate().map(|(place, text)| {
                let width = widths[place];
                if place < layout.texts { format!("{text:<width$}") } else { format!("{text:>width$}") }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let mut text = line(&layout.head);
        for (place, row) in cells.iter().enumerate() {
            if place == layout.baselines && place > 0 {
                text += "\n";
            }
            text += &line(row);
        }
        let best = if layout.rows.iter().flatten().any(|entry| entry.best) { "\n* the best\n" } else { "\n" };
        text + best + &layout.notes.iter().map(|note| format!("{note}\n")).collect::<String>()
    }
}

/// The marks have places of their own, so that numbers stand under each other.
fn cell(entry: &Entry, room: usize) -> String {
    if entry.text.is_empty() {
        return String::new();
    }
    format!("{}{:<room$}", entry.text, marks(entry))
}

fn marks(entry: &Entry) -> String {
    format!("{}{}", if entry.best { "*" } else { "" }, entry.mark)
}

//! A comparison for a terminal.

use crate::report::compare::layout::{Entry, Layout};
use crate::report::compare::table::Comparison;
use crate::terminal::{Align, Columns, width};

impl Comparison {
    /// A table in columns; `*` marks the best. On a terminal no line is wider than it.
    pub fn text(&self) -> String {
        let layout = Layout::of(self);
        let room: Vec<usize> = (0..layout.head.len())
            .map(|place| layout.rows.iter().map(|row| marks(&row[place]).chars().count()).max().unwrap_or(0))
            .collect();
        let set = |row: &Vec<Entry>| row.iter().zip(&room).map(|(entry, room)| cell(entry, *room)).collect();
        let align = |place| if place < layout.texts { Align::Left } else { Align::Right };
        let columns = Columns {
            align: (0..layout.head.len()).map(align).collect(),
            rows: layout.rows.iter().map(set).collect(),
            gaps: (layout.baselines > 0).then_some(layout.baselines).into_iter().collect(),
            head: layout.head,
        };
        let best = if layout.rows.iter().flatten().any(|entry| entry.best) { "\n* the best\n" } else { "\n" };
        let notes = layout.notes.iter().map(|note| format!("{note}\n")).collect::<String>();
        columns.set(width()) + best + &notes
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

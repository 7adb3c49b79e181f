//! A comparison as a table of Markdown.

use crate::report::compare::layout::Layout;
use crate::report::compare::table::Comparison;

impl Comparison {
    /// A table of GitHub's Markdown, the best in bold.
    pub fn markdown(&self) -> String {
        let layout = Layout::of(self);
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = row(layout.head.iter().map(|name| escape(name)).collect());
        let rule = |place: usize| if place < layout.texts { "---" } else { "---:" };
        text += &row((0..layout.head.len()).map(|place| rule(place).to_owned()).collect());
        for entries in &layout.rows {
            let cell = |entry: &crate::report::compare::layout::Entry| {
                let inner = escape(&entry.text);
                let bold = if entry.best { format!("**{inner}**") } else { inner };
                bold + entry.mark
            };
            text += &row(entries.iter().map(cell).collect());
        }
        text + "\n" + &layout.notes.iter().map(|note| format!("{}  \n", escape(note))).collect::<String>()
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '|' | '*' | '_' | '`' | '<' | '[' => escaped.extend(['\\', c]),
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(c),
        }
    }
    escaped
}

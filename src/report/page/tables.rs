//! Tables: each with a caption and headers, and sorted by a click on a header.

use maud::{Markup, html};

/// A text of more letters wraps.
const LONG: usize = 32;

/// A cell.
#[derive(Debug)]
pub(super) enum Cell {
    /// A text; the first cell of a row is its header.
    Text(String),
    /// A number as it is shown, and by which the rows are sorted.
    Number(String, f64),
    /// Anything else, and the text by which the rows are sorted.
    Markup(Markup, String),
    /// Nothing.
    Empty,
}

/// A table. `head` has the name of each column.
pub(super) fn table(caption: &str, head: &[String], rows: Vec<Vec<Cell>>) -> Markup {
    let is_number = |column: usize| rows.iter().any(|row| matches!(row.get(column), Some(Cell::Number(..))));
    let numbers: Vec<bool> = (0..head.len()).map(is_number).collect();
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead {
                    tr {
                        @for (name, is_number) in head.iter().zip(&numbers) {
                            th scope="col" class=[is_number.then_some("number")] { button type="button" { (name) } }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr { @for (column, cell) in row.into_iter().enumerate() { (set(cell, column)) } }
                    }
                }
            }
        }
    }
}

fn set(cell: Cell, column: usize) -> Markup {
    match cell {
        Cell::Text(text) if column == 0 => html! { th scope="row" { (text) } },
        Cell::Text(text) => html! { td class=[(text.chars().count() > LONG).then_some("long")] { (text) } },
        Cell::Number(text, value) => html! { td.number data-value=(value) { (text) } },
        Cell::Markup(markup, text) => html! { td data-value=(text) { (markup) } },
        Cell::Empty => html! { td {} },
    }
}

/// A number with four places.
pub(super) fn metric(value: f64) -> Cell {
    Cell::Number(format!("{value:.4}"), value)
}

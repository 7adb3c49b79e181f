//! Tables as text: fields between commas, tabs or another character, a row a line.

use crate::formats::columns::Places;
use crate::formats::json_lines::excerpt;
use crate::formats::records::{Record, Records};
use crate::formats::review::{ReviewRow, Written};
use crate::parameters::Parameters;
use crate::source::{BadRow, Block, Lines};
use crate::table::Batch;
use crate::time;
use std::borrow::Cow;

/// How a file is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What is between fields.
    pub(super) delimiter: u8,
    /// Whether a field may be in double quotes, with line breaks in it.
    pub(super) is_quoted: bool,
    /// Whether the first row has the names of the columns.
    pub(super) has_header: bool,
    /// The names of the columns, or their numbers from 1.
    pub(super) names: Vec<String>,
    /// How many fields a row has.
    pub(super) width: usize,
    /// Which field is what.
    pub(super) places: Places,
}

impl Layout {
    /// What ends a line.
    pub(super) fn lines(&self) -> Lines {
        if self.is_quoted { Lines::Quoted } else { Lines::Plain }
    }

    /// Reads a block of rows.
    pub(super) fn parse(&self, block: &Block, parameters: &Parameters) -> Batch {
        let mut batch = Batch { bad: block.too_long.clone(), ..Batch::default() };
        let mut records = Records::new(&block.bytes, self.delimiter, self.is_quoted, block.first_line);
        if self.has_header && block.is_first() {
            records.next();
        }
        while let Some(record) = records.next() {
            let added = self.add(record, &mut batch, parameters);
            batch.bad.extend(added.err());
        }
        batch
    }

    fn add(&self, record: Record<'_>, batch: &mut Batch, parameters: &Parameters) -> Result<(), BadRow> {
        let line = record.line;
        if record.len() != self.width {
            let whole = record.iter().collect::<Vec<_>>().join(&self.delimiter);
            let (found, expected) = (record.len(), self.width);
            let problem = format!("found {found} fields, expected {expected}; it starts with: {}", excerpt(&whole));
            return Err(BadRow::malformed(line, problem));
        }
        let field = |place: usize| record.get(place);
        let missing = |place: usize, expected: &str| {
            let found = match excerpt(field(place)) {
                nothing if nothing.is_empty() => "nothing".to_owned(),
                found => format!("'{found}'"),
            };
            BadRow::missing(line, &self.names[place], &found, expected)
        };
        let text = |place: usize| {
            std::str::from_utf8(field(place)).map(str::trim).map_err(|_| {
                let problem = format!("field '{}' is not UTF-8: {}", self.names[place], excerpt(field(place)));
                BadRow::malformed(line, problem)
            })
        };
        let id = |place: usize| {
            text(place).and_then(|id| {
                let is_id = !id.is_empty() && !id.contains('\0');
                if is_id { Ok(id) } else { Err(missing(place, "an identifier")) }
            })
        };
        let Places { user, item, time, rating, text: review } = self.places;
        let (user, item) = (id(user)?, id(item)?);
        let time = match time {
            Some(place) => Some(time::of_text(text(place)?).ok_or_else(|| missing(place, time::EXPECTED))?),
            None => None,
        };
        let rating = match rating.filter(|_| parameters.min_rating > 0.0) {
            Some(place) => Some(text(place)?.parse().map_err(|_| missing(place, "a number"))?),
            None => None,
        };
        let review = match review {
            Some(place) => Written::Text(Cow::Borrowed(text(place)?)),
            None => Written::None,
        };
        ReviewRow { user, item, time, rating, summary: Written::None, text: review }.add_to(batch, parameters);
        Ok(())
    }
}

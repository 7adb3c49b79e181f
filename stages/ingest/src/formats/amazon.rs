//! The Amazon forms of 2018 (Ni et al. 2019) and 2023 (Hou et al. 2024): reviews as JSON lines.

use crate::formats::json_field::Field;
use crate::formats::json_lines::parse_lines;
use crate::formats::review::{ReviewRow, Written};
use crate::parameters::Parameters;
use crate::source::{BadRow, Block};
use crate::table::Batch;
use crate::time;
use serde::Deserialize;
use std::borrow::Cow;

/// A review of 2014 or 2018.
#[derive(Deserialize)]
struct Review2018<'a> {
    #[serde(borrow, default)]
    asin: Field<'a>,
    #[serde(borrow, default, rename = "reviewerID")]
    reviewer: Field<'a>,
    #[serde(borrow, default, rename = "unixReviewTime")]
    time: Field<'a>,
    #[serde(borrow, default)]
    overall: Field<'a>,
    #[serde(borrow, default)]
    summary: Field<'a>,
    #[serde(borrow, default, rename = "reviewText")]
    text: Field<'a>,
}

/// A review of 2023. Variants of a product, such as colours, have one `parent_asin`, which its metadata has too.
#[derive(Deserialize)]
struct Review2023<'a> {
    #[serde(borrow, default)]
    parent_asin: Field<'a>,
    #[serde(borrow, default)]
    user_id: Field<'a>,
    #[serde(borrow, default)]
    timestamp: Field<'a>,
    #[serde(borrow, default)]
    rating: Field<'a>,
    #[serde(borrow, default)]
    title: Field<'a>,
    #[serde(borrow, default)]
    text: Field<'a>,
}

/// A review of either form, with the names of its fields for errors.
struct Review<'a> {
    item: Field<'a>,
    user: Field<'a>,
    time: Field<'a>,
    rating: Field<'a>,
    summary: Field<'a>,
    text: Field<'a>,
    names: [&'static str; 4],
}

impl<'a> From<Review2018<'a>> for Review<'a> {
    fn from(review: Review2018<'a>) -> Self {
        Self {
            item: review.asin,
            user: review.reviewer,
            time: review.time,
            rating: review.overall,
            summary: review.summary,
            text: review.text,
            names: ["asin", "reviewerID", "unixReviewTime", "overall"],
        }
    }
}

impl<'a> From<Review2023<'a>> for Review<'a> {
    fn from(review: Review2023<'a>) -> Self {
        Self {
            item: review.parent_asin,
            user: review.user_id,
            time: review.timestamp,
            rating: review.rating,
            summary: review.title,
            text: review.text,
            names: ["parent_asin", "user_id", "timestamp", "rating"],
        }
    }
}

/// Reads a block of reviews of 2018.
pub(super) fn parse_2018(block: &Block, parameters: &Parameters) -> Batch {
    parse::<Review2018<'_>>(block, parameters, "expected one JSON object a line, as in the Amazon 2018 files")
}

/// Reads a block of reviews of 2023.
pub(super) fn parse_2023(block: &Block, parameters: &Parameters) -> Batch {
    parse::<Review2023<'_>>(block, parameters, "expected one JSON object a line, as in the Amazon 2023 files")
}

fn parse<'a, T: Deserialize<'a> + Into<Review<'a>>>(
    block: &'a Block,
    parameters: &Parameters,
    expected: &'static str,
) -> Batch {
    let mut batch = Batch::default();
    let mut bad = Vec::new();
    parse_lines(block, &mut bad, expected, |line, value: T| value.into().add_to(&mut batch, line, parameters));
    batch.bad = bad;
    batch
}

impl<'a> Review<'a> {
    fn add_to(self, batch: &mut Batch, line: u64, parameters: &Parameters) -> Result<(), BadRow> {
        let [item, user, time, rating] = self.names;
        let missing = |field: &str, found: &str, expected: &str| BadRow::missing(line, field, found, expected);
        let id = "a string or a whole number";
        let item = self.item.id().map_err(|found| missing(item, &found, id))?;
        let user = self.user.id().map_err(|found| missing(user, &found, id))?;
        let time = match &self.time {
            Field::Whole(number) => Some(time::of_number(*number)),
            Field::Number(number) => time::of_float(*number),
            Field::Text(text) => time::of_text(text),
            _ => None,
        }
        .ok_or_else(|| missing(time, &self.time.to_string(), time::EXPECTED))?;
        let rates = parameters.min_rating > 0.0;
        let rating = if rates {
            let found = || missing(rating, &self.rating.to_string(), "a number");
            Some(self.rating.number().ok_or_else(found)?)
        } else {
            None
        };
        let (summary, text) = (written(self.summary), written(self.text));
        ReviewRow { user: &user, item: &item, time: Some(time), rating, summary, text }.add_to(batch, parameters);
        Ok(())
    }
}

/// A string itself, the strings of a list joined by spaces; other values are as good as absent.
fn written(field: Field<'_>) -> Written<'_> {
    match field {
        Field::Text(text) => Written::Text(text),
        Field::List(_) => Written::Text(Cow::Owned(field.strings().collect::<Vec<_>>().join(" "))),
        _ => Written::Absent,
    }
}

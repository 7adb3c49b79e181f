//! How the delimited forms are laid out: RecBole, MovieLens, Amazon ratings, and any CSV.

use crate::formats::columns::{Places, places};
use crate::formats::delimited::Layout;
use crate::formats::records::Records;
use crate::parameters::{Columns, Format, Parameters};
use crate::time;
use contract::{Failure, FailureKind, Result};
use std::path::Path;

/// The first rows of a file, in fields.
type Rows = Vec<Vec<String>>;

/// The layout of a file of that form, from its first bytes.
pub(super) fn layout(path: &Path, head: &str, format: Format, parameters: &Parameters) -> Result<Layout> {
    match format {
        Format::Recbole => recbole(path, head, parameters),
        Format::Movielens => movielens(path, head, parameters),
        Format::AmazonRatings => amazon_ratings(path, head, parameters),
        _ => table(path, head, parameters),
    }
}

/// The delimited form of a file, if it has one of its own.
pub(super) fn form(head: &str) -> Format {
    let first = head.lines().next().unwrap_or_default();
    if is_recbole(first) {
        return Format::Recbole;
    }
    let is_movielens_header = first.trim_end() == MOVIELENS_HEADER;
    if is_movielens_header || first.contains("::") || is_u_data(head) {
        return Format::Movielens;
    }
    let rows = rows(head, b',', true);
    let is_ratings = rows.iter().all(|row| row.len() == 4 && is_number(&row[2]) && is_number(&row[3]));
    if is_ratings && !rows.is_empty() && (all_asins(&rows, 0) != all_asins(&rows, 1)) {
        return Format::AmazonRatings;
    }
    Format::Csv
}

const MOVIELENS_HEADER: &str = "userId,movieId,rating,timestamp";

/// Atomic files of RecBole: the header says the type of each column, such as `user_id:token`.
fn recbole(path: &Path, head: &str, parameters: &Parameters) -> Result<Layout> {
    let first = head.lines().next().unwrap_or_default();
    let names: Vec<String> =
        first.trim_end().split('\t').map(|name| name.split(':').next().unwrap_or_default().to_owned()).collect();
    let places = places(path, &names, &parameters.columns)?;
    Ok(Layout { delimiter: b'\t', is_quoted: false, has_header: true, width: names.len(), names, places })
}

fn is_recbole(first: &str) -> bool {
    const TYPES: [&str; 4] = ["token", "float", "token_seq", "float_seq"];
    let is_typed = |name: &str| name.split_once(':').is_some_and(|(_, kind)| TYPES.contains(&kind));
    first.trim_end().split('\t').all(is_typed)
}

/// `ratings.csv`, `u.data` with tabs, or `ratings.dat` with `::`, each user, item, rating, time.
fn movielens(path: &Path, head: &str, parameters: &Parameters) -> Result<Layout> {
    let first = head.lines().next().unwrap_or_default();
    if first.contains("::") {
        // Two colons are two delimiters with an empty field between them.
        let names = ["user", "", "item", "", "rating", "", "timestamp"].map(str::to_owned).to_vec();
        let places = Places { user: 0, item: 2, time: Some(6), rating: Some(4), text: None };
        return Ok(Layout { delimiter: b':', is_quoted: false, has_header: false, width: 7, names, places });
    }
    if is_u_data(head) {
        let places = Places { user: 0, item: 1, time: Some(3), rating: Some(2), text: None };
        let names = ["user", "item", "rating", "timestamp"].map(str::to_owned).to_vec();
        return Ok(Layout { delimiter: b'\t', is_quoted: false, has_header: false, width: 4, names, places });
    }
    table(path, head, parameters)
}

fn is_u_data(head: &str) -> bool {
    let rows = rows(head, b'\t', false);
    !rows.is_empty() && rows.iter().all(|row| row.len() == 4 && row.iter().all(|field| field.parse::<u64>().is_ok()))
}

/// Ratings without reviews: user and item in either order, rating, time. Those of 2018 begin with the item, earlier ones with
/// the user; items are the column that has ten letters and digits throughout.
fn amazon_ratings(path: &Path, head: &str, parameters: &Parameters) -> Result<Layout> {
    let rows = rows(head, b',', true);
    if rows.first().is_some_and(|row| !row.iter().any(|field| is_number(field))) {
        return table(path, head, parameters);
    }
    let (user, item) = match (all_asins(&rows, 0), all_asins(&rows, 1)) {
        (true, false) => (1, 0),
        (false, true) => (0, 1),
        _ => {
            let message = format!(
                "{}: cannot tell users from items: expected product numbers in one of the first two columns",
                path.display()
            );
            return Err(Failure::new(FailureKind::MissingField, message)
                .hint("format = \"csv\" with columns = { user = \"1\", item = \"2\", rating = \"3\", time = \"4\" } says which is which"));
        }
    };
    let names =
        if user == 0 { ["user", "item", "rating", "timestamp"] } else { ["item", "user", "rating", "timestamp"] };
    let places = Places { user, item, time: Some(3), rating: Some(2), text: None };
    let names = names.map(str::to_owned).to_vec();
    Ok(Layout { delimiter: b',', is_quoted: true, has_header: false, width: 4, names, places })
}

fn all_asins(rows: &Rows, column: usize) -> bool {
    let is_asin = |id: &str| {
        let begins = id.starts_with("B0") || id.starts_with(|first: char| first.is_ascii_digit());
        id.len() == 10 && begins && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    rows.iter().all(|row| row.get(column).is_some_and(|field| is_asin(field)))
}

/// Any table: the delimiter that occurs most in the first line, with a header unless a field of it is a number or a date.
fn table(path: &Path, head: &str, parameters: &Parameters) -> Result<Layout> {
    let first = head.lines().next().unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|&byte| byte == delimiter).count();
    let delimiter =
        [b',', b'\t', b';', b'|'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
    let rows = rows(head, delimiter, true);
    let Some(row) = rows.first().filter(|row| row.len() > 1) else {
        let message = format!("{}: found one column, expected at least a user and an item", path.display());
        return Err(Failure::new(FailureKind::MissingField, message)
            .hint("columns are separated by commas, tabs, semicolons or bars"));
    };
    let has_header = parameters.header.unwrap_or_else(|| !row.iter().any(|field| is_number(field) || is_date(field)));
    let width = row.len();
    let (names, places) = if has_header {
        let names: Vec<String> = row.iter().map(|name| name.trim().to_owned()).collect();
        let places = places(path, &names, &parameters.columns)?;
        (names, places)
    } else {
        let names: Vec<String> = (1..=width).map(|number| number.to_string()).collect();
        let asked = if parameters.columns == Columns::default() { by_number(row) } else { parameters.columns.clone() };
        let places = places(path, &names, &asked)?;
        (names, places)
    };
    Ok(Layout { delimiter, is_quoted: true, has_header, names, width, places })
}

/// The usual order of columns without names: user, item, then time, or rating and time.
fn by_number(row: &[String]) -> Columns {
    /// More than any rating, less than any time since 1973 in seconds.
    const BETWEEN: f64 = 1e8;
    let is_time = |field: &String| is_date(field) || field.trim().parse::<f64>().is_ok_and(|number| number > BETWEEN);
    let time = row.iter().skip(2).position(is_time).map(|place| place + 2);
    let rating = (2..row.len()).find(|&place| Some(place) != time && is_number(&row[place]));
    let number = |place: usize| Some((place + 1).to_string());
    Columns {
        user: number(0),
        item: number(1),
        time: time.and_then(number),
        rating: rating.and_then(number),
        text: None,
    }
}

fn is_number(field: &str) -> bool {
    field.trim().parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_date(field: &str) -> bool {
    time::of_text(field).is_some()
}

/// The first rows that are whole.
fn rows(head: &str, delimiter: u8, is_quoted: bool) -> Rows {
    const ROWS: usize = 100;
    let mut records = Records::new(head.as_bytes(), delimiter, is_quoted, 1);
    std::iter::from_fn(|| records.next().map(|record| record.texts())).take(ROWS).collect()
}

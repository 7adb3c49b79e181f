//! Which form a file has, from its first bytes.

use crate::formats::amazon;
use crate::formats::delimited::Layout;
use crate::formats::json_lines::excerpt;
use crate::formats::layouts::{form, layout};
use crate::formats::parquet::{self, ParquetLayout};
use crate::parameters::{Format, Parameters};
use crate::source::{Block, Lines, head};
use crate::table::Batch;
use contract::{Failure, FailureKind, Result};
use serde_json::{Map, Value};
use std::path::Path;

/// How many bytes of a file are looked at.
const LOOKED_AT: usize = 1 << 18;

/// What a file was recognised as.
#[derive(Debug)]
pub(crate) struct Recognised {
    /// Its form.
    pub(crate) format: Format,
    /// What reads it.
    pub(crate) reader: Reader,
}

/// What reads a file.
#[derive(Debug)]
pub(crate) enum Reader {
    /// Amazon reviews of 2018.
    Amazon2018,
    /// Amazon reviews of 2023.
    Amazon2023,
    /// A table as text.
    Delimited(Layout),
    /// A Parquet file.
    Parquet(ParquetLayout),
    /// Sequences, which have ports and a reader of their own.
    Sequences,
}

impl Reader {
    /// Whether what it reads has times.
    pub(crate) fn has_times(&self) -> bool {
        match self {
            Self::Amazon2018 | Self::Amazon2023 => true,
            Self::Delimited(layout) => layout.places.time.is_some(),
            Self::Parquet(layout) => layout.places.time.is_some(),
            Self::Sequences => false,
        }
    }

    /// What ends a line of it.
    pub(crate) fn lines(&self) -> Lines {
        if let Self::Delimited(layout) = self { layout.lines() } else { Lines::Plain }
    }

    /// Reads a block of lines. Forms that are not lines have none.
    pub(crate) fn parse(&self, block: &Block, parameters: &Parameters) -> Batch {
        match self {
            Self::Amazon2018 => amazon::parse_2018(block, parameters),
            Self::Amazon2023 => amazon::parse_2023(block, parameters),
            Self::Delimited(layout) => layout.parse(block, parameters),
            Self::Parquet(_) | Self::Sequences => Batch::default(),
        }
    }

    /// What each column is used as, by the names in the file.
    pub(crate) fn columns(&self) -> Vec<(&'static str, String)> {
        let named = |names: &[String], roles: Vec<(&'static str, usize)>| {
            roles.into_iter().map(|(role, place)| (role, names[place].clone())).collect()
        };
        let fixed = |names: [&str; 6]| {
            let roles = ["user", "item", "time", "rating", "summary", "text"];
            roles.into_iter().zip(names.map(str::to_owned)).collect()
        };
        match self {
            Self::Amazon2018 => fixed(["reviewerID", "asin", "unixReviewTime", "overall", "summary", "reviewText"]),
            Self::Amazon2023 => fixed(["user_id", "parent_asin", "timestamp", "rating", "title", "text"]),
            Self::Delimited(layout) => named(&layout.names, layout.places.roles()),
            Self::Parquet(layout) => named(&layout.names, layout.places.roles()),
            Self::Sequences => Vec::new(),
        }
    }

    /// The names of all columns of a table, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Delimited(layout) => layout.names.clone(),
            Self::Parquet(layout) => layout.names.clone(),
            _ => self.columns().into_iter().map(|(_, name)| name).collect(),
        }
    }
}

/// Recognises a file, or takes the form that the parameters name.
///
/// # Errors
/// When it has no form that is known, or lacks a column.
pub(crate) fn recognise(path: &Path, parameters: &Parameters) -> Result<Recognised> {
    let bytes = head(path, LOOKED_AT)?;
    let text = whole_lines(&bytes);
    let format = match parameters.format {
        Some(format) => format,
        None => format_of(path, &bytes, &text)?,
    };
    let reader = match format {
        Format::Amazon2018 => Reader::Amazon2018,
        Format::Amazon2023 => Reader::Amazon2023,
        Format::Parquet => Reader::Parquet(parquet::layout(path, &parameters.columns)?),
        Format::LcRec => Reader::Sequences,
        _ => Reader::Delimited(layout(path, &text, format, parameters)?),
    };
    let rates = !matches!(&reader, Reader::Delimited(layout) if layout.places.rating.is_none());
    if parameters.min_rating > 0.0 && !rates {
        let message =
            format!("min_rating is {}, but {} has no column of ratings", parameters.min_rating, path.display());
        return Err(Failure::new(FailureKind::Conflict, message).hint("name it: columns = { rating = \"...\" }"));
    }
    Ok(Recognised { format, reader })
}

fn format_of(path: &Path, bytes: &[u8], text: &str) -> Result<Format> {
    if bytes.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    match text.trim_start().chars().next() {
        None => {
            let message = format!("{}: the file is empty, expected interactions", path.display());
            Err(Failure::new(FailureKind::NothingUsable, message).hint("is it the right one?"))
        }
        Some('{') => json_format(text).ok_or_else(|| {
            let content = "JSON whose fields are of no form that is known";
            unknown(path, content, bytes)
                .hint("format = \"amazon-2018\" or \"amazon-2023\" names the form; or convert it to CSV or Parquet")
        }),
        Some('[') => Err(unknown(path, "a JSON list", bytes)
            .hint("one JSON object a line can be read: jq -c '.[]' FILE makes it so")),
        Some(_) => Ok(form(text)),
    }
}

/// The form of JSON lines by their fields, or of one object of sequences.
fn json_format(text: &str) -> Option<Format> {
    /// A line may be damaged; one of these is not.
    const TRIED: usize = 20;
    let has = |fields: &Map<String, Value>, names: &[&str]| names.iter().all(|name| fields.contains_key(*name));
    for line in text.lines().filter(|line| !line.trim().is_empty()).take(TRIED) {
        let Ok(Value::Object(fields)) = serde_json::from_str(line) else { continue };
        if has(&fields, &["user_id", "parent_asin"]) {
            return Some(Format::Amazon2023);
        }
        if has(&fields, &["reviewerID"]) || has(&fields, &["asin", "unixReviewTime"]) {
            return Some(Format::Amazon2018);
        }
    }
    // The whole file may be one line: a key, then a list.
    let mut rest = text.trim_start().strip_prefix('{')?.trim_start().strip_prefix('"')?;
    rest = rest.split_once('"')?.1.trim_start().strip_prefix(':')?.trim_start();
    rest.starts_with('[').then_some(Format::LcRec)
}

fn unknown(path: &Path, content: &str, bytes: &[u8]) -> Failure {
    let message = format!(
        "{}: found {content}, expected Amazon reviews, a RecBole, MovieLens, CSV or Parquet file; it starts with: {}",
        path.display(),
        excerpt(bytes)
    );
    Failure::new(FailureKind::MalformedRow, message)
}

/// The text of the lines that are whole, without a mark of UTF-8; a single line as far as it was read.
fn whole_lines(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let whole = match bytes.iter().rposition(|&byte| byte == b'\n') {
        Some(end) if bytes.len() >= LOOKED_AT - 3 => &bytes[..=end],
        _ => bytes,
    };
    String::from_utf8_lossy(whole).into_owned()
}

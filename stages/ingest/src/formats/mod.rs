//! Readers of interactions, one form of file each. All give the same [`Batch`]es.

mod amazon;
mod columns;
mod delimited;
mod json_field;
mod json_lines;
mod layouts;
mod parquet;
mod recognise;
mod records;
mod review;

pub(crate) use json_field::Field;
pub(crate) use json_lines::parse_lines;
pub(crate) use recognise::{Recognised, recognise};
pub(crate) use records::Records;

use crate::parameters::{Format, Parameters};
use crate::source::{BadRows, Block, Blocks, Files, Lines, Outcome, read_blocks};
use crate::table::{Batch, Seen};
use contract::{Failure, FailureKind, Result};
use serde::Serialize;
use std::path::Path;

/// What was recognised of the files and seen in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ReadCounts {
    /// The form of the files.
    pub(crate) format: &'static str,
    /// How many files there are.
    pub(crate) files: usize,
    /// Whether the files have times. Without, the order of lines is the order of time.
    pub(crate) has_times: bool,
    /// Counts of rows.
    pub(crate) seen: Seen,
    /// The rows that could not be read.
    pub(crate) bad_rows: BadRows,
}

/// Reads all files and gives their rows to `take`, batch by batch in the order of the files.
///
/// # Errors
/// When the form cannot be recognised, a file cannot be read, or a row is bad and bad rows are errors.
pub(crate) fn read(
    files: &Files,
    parameters: &Parameters,
    threads: usize,
    take: &mut dyn FnMut(Batch) -> Result<()>,
) -> Result<ReadCounts> {
    let recognised: Vec<Recognised> =
        files.paths.iter().map(|path| recognise(path, parameters)).collect::<Result<_>>()?;
    let format = one_format(files, &recognised)?;
    if format == Format::LcRec {
        let message =
            format!("{} has sequences of the LC-Rec family, which have a port of their own", files.first().display());
        return Err(Failure::new(FailureKind::Conflict, message).hint("bind it to `sequences`"));
    }
    let mut counts = ReadCounts {
        format: format.as_str(),
        files: files.paths.len(),
        has_times: recognised.iter().all(|recognised| recognised.reader.has_times()),
        ..Default::default()
    };
    let mut take_counted = |mut batch: Batch, path: &Path, counts: &mut ReadCounts| {
        counts.seen.add(&batch.seen);
        counts.bad_rows.add(std::mem::take(&mut batch.bad), path, parameters.on_bad_row)?;
        if !counts.has_times {
            let first = (counts.seen.read - batch.seen.read) as i64;
            batch.times = (first..).take(batch.len()).collect();
        }
        take(batch)
    };
    if format == Format::Parquet {
        for (path, recognised) in files.paths.iter().zip(&recognised) {
            parquet::read(path, recognised, parameters, &mut |batch| take_counted(batch, path, &mut counts))?;
        }
        return Ok(counts);
    }
    let lines = recognised.first().map_or(Lines::Plain, |recognised| recognised.reader.lines());
    let parse = |block: &Block| recognised[block.file].reader.parse(block, parameters);
    read_blocks(files, lines, threads, &parse, &mut |file, outcome| {
        let path = &files.paths[file];
        match outcome {
            Outcome::Parsed(batch) => take_counted(batch, path, &mut counts),
            Outcome::Damaged(line, failure) => counts.bad_rows.add_damage(failure, path, line, parameters.on_bad_row),
            Outcome::Unreadable(failure) => Err(failure),
        }
    })?;
    Ok(counts)
}

/// The first rows of a file.
pub(crate) fn first_rows(path: &Path, recognised: &Recognised, parameters: &Parameters) -> Result<Batch> {
    let mut first = Batch::default();
    if recognised.format == Format::Parquet {
        parquet::read(path, recognised, parameters, &mut |batch| {
            if first.len() == 0 {
                first = batch;
            }
            Ok(())
        })?;
    } else if let Some(block) = Blocks::open(path, 0, recognised.reader.lines())?.next()? {
        first = recognised.reader.parse(&block, parameters);
    }
    Ok(first)
}

/// The form of all files, which must be one.
fn one_format(files: &Files, recognised: &[Recognised]) -> Result<Format> {
    let first = recognised.first().map_or(Format::Csv, |recognised| recognised.format);
    match recognised.iter().position(|recognised| recognised.format != first) {
        None => Ok(first),
        Some(other) => {
            let message = format!(
                "{} has the form {}, but {} has the form {}",
                files.first().display(),
                first.as_str(),
                files.paths[other].display(),
                recognised[other].format.as_str()
            );
            Err(Failure::new(FailureKind::Conflict, message)
                .hint("bind files of one form; files = \"*.csv\" chooses some of a folder"))
        }
    }
}

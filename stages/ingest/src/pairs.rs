//! Pairs of user and item that come with a split of their own.

use crate::inputs::Inputs;
use crate::metadata::ItemTexts;
use crate::parameters::{Parameters, Repeats};
use crate::raw::Gathered;
use crate::rules::{LeftOut, NewItems, Numbers, keep_sample, order};
use crate::table::{Interaction, Table};
use contract::{Failure, FailureKind, Result};
use frames::Split;
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;

/// The ports of the pairs, with what each is used for, in the order of a user's rows.
const PORTS: [(&str, Split); 3] =
    [("train_pairs", Split::Train), ("validation_pairs", Split::Validation), ("test_pairs", Split::Test)];

/// What became of the pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PairCounts {
    /// Pairs in the files.
    pub(crate) read: usize,
    /// Users in the files.
    pub(crate) users_read: usize,
    /// Pairs left out because their file has them already.
    pub(crate) dropped_repeated: usize,
    /// What was left out because the user is not in the sample.
    pub(crate) left_out_by_sample: LeftOut,
}

/// Pairs as they are read.
struct Pairs {
    table: Table,
    /// The port that has a pair of user and item, by their indexes.
    found: HashMap<(u32, u32), &'static str>,
    counts: PairCounts,
}

/// Reads the files that are bound.
pub(crate) fn gather(
    inputs: &Inputs,
    parameters: &Parameters,
    threads: usize,
    table: Table,
) -> Result<(Gathered, PairCounts)> {
    let mut pairs = Pairs { table, found: HashMap::new(), counts: PairCounts::default() };
    for (port, split) in PORTS.into_iter().filter(|(port, _)| inputs.has(port)) {
        let path = inputs.file(port)?;
        pairs.read(&path, port, split)?;
        if pairs.table.len() == 0 {
            return Err(Failure::new(FailureKind::NothingUsable, format!("{}: not one pair", path.display())));
        }
    }
    let Pairs { mut table, mut counts, .. } = pairs;
    counts.users_read = table.users.len();
    order(&mut table, Repeats::Keep, threads)?;
    counts.left_out_by_sample = keep_sample(&mut table, parameters.users)?;
    let new_items = NewItems::hold_out(&mut table, parameters)?;
    let numbers = Numbers::of(&table, &new_items)?;
    Ok((Gathered { table, numbers, texts: ItemTexts::default(), new_items }, counts))
}

impl Pairs {
    /// Reads lines of `user<TAB>item`; a pair's place in the files is its time.
    fn read(&mut self, path: &Path, port: &'static str, split: Split) -> Result<()> {
        let text = fs_err::read_to_string(path).map_err(|error| Failure::reading(path, error))?;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let malformed = |problem: String| {
                Failure::new(FailureKind::MalformedRow, format!("{}, line {number}: {problem}", path.display()))
            };
            let fields = line
                .split_once('\t')
                .filter(|(user, item)| !user.is_empty() && !item.trim_end().is_empty() && !item.contains('\t'));
            let Some((user, item)) = fields else {
                return Err(malformed(format!("found '{line}', expected user<TAB>item")));
            };
            let item = item.trim_end();
            self.counts.read += 1;
            let pair = (self.table.users.index(user), self.table.items.index(item));
            match self.found.insert(pair, port) {
                None => {
                    let time = self.table.len() as i64;
                    self.table.push(&Interaction { user, item, time, text: "", split: Some(split) })?;
                }
                Some(first) if first == port => self.counts.dropped_repeated += 1,
                Some(first) => {
                    let problem = format!("found user {user} with item {item}, which {first} has too");
                    return Err(malformed(format!("{problem}, expected each pair in one file")));
                }
            }
        }
        Ok(())
    }
}

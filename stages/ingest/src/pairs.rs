//! Pairs of user and item that come with a split of their own.

use crate::Parameters;
use crate::gathered::{Gathered, Row};
use crate::report::Source;
use crate::sample::{LeftOut, choose};
use crate::texts::Text;
use contract::{Context, Failure, FailureKind, Result};
use frames::Split;
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;

/// The ports of the pairs, with what each is used for, in the order of a user's rows.
pub(crate) const PORTS: [(&str, Split); 3] =
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

/// Identifiers in the order in which they came first.
#[derive(Debug, Default)]
struct Index {
    ids: Vec<String>,
    of: HashMap<String, usize>,
}

impl Index {
    fn index(&mut self, id: &str) -> usize {
        if let Some(&index) = self.of.get(id) {
            return index;
        }
        self.of.insert(id.to_owned(), self.ids.len());
        self.ids.push(id.to_owned());
        self.ids.len() - 1
    }
}

/// Pairs as they are read.
#[derive(Debug, Default)]
struct Pairs {
    users: Index,
    items: Index,
    rows: Vec<Row>,
    /// The port that has a pair of user and item.
    found: HashMap<(usize, usize), &'static str>,
    counts: PairCounts,
}

/// Reads the files that are bound.
pub(crate) fn gather(parameters: &Parameters, context: &Context) -> Result<(Gathered, Source)> {
    let mut pairs = Pairs::default();
    for (port, split) in PORTS.into_iter().filter(|(port, _)| context.optional_input(port).is_some()) {
        pairs.read(&context.input_file(port)?, port, split)?;
    }
    let Pairs { users, items, mut rows, mut counts, .. } = pairs;
    if !rows.iter().any(|row| row.split == Some(Split::Train)) {
        let path = context.input_file("train_pairs")?;
        return Err(Failure::new(FailureKind::NothingUsable, format!("{}: not one pair", path.display())));
    }
    counts.users_read = users.ids.len();
    let chosen = choose(users.ids.iter().map(String::as_str), parameters.users);
    let before = rows.len();
    rows.retain(|row| chosen.contains(users.ids[row.user].as_str()));
    counts.left_out_by_sample = LeftOut { users: users.ids.len() - chosen.len(), interactions: before - rows.len() };
    drop(chosen);
    let texts = items.ids.iter().map(|_| Text::default()).collect();
    let gathered = Gathered { users: users.ids, items: items.ids, texts, rows, published_numbers: None };
    Ok((gathered, Source::Pairs { pairs: counts }))
}

impl Pairs {
    /// Reads lines of `user<TAB>item`; a user's place in the file is the time.
    fn read(&mut self, path: &Path, port: &'static str, split: Split) -> Result<()> {
        let text = fs_err::read_to_string(path).map_err(|error| Failure::reading(path, error))?;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let malformed = |what: String| {
                Failure::new(FailureKind::MalformedRow, format!("{}, line {number}: {what}", path.display()))
            };
            let fields = line
                .split_once('\t')
                .filter(|(user, item)| !user.is_empty() && !item.trim_end().is_empty() && !item.contains('\t'));
            let Some((user, item)) = fields else {
                return Err(malformed(format!("found '{line}', expected user<TAB>item")));
            };
            self.counts.read += 1;
            let (user_index, item_index) = (self.users.index(user), self.items.index(item.trim_end()));
            match self.found.insert((user_index, item_index), port) {
                None => {
                    let (time, review) = (self.rows.len() as i64, String::new());
                    self.rows.push(Row { user: user_index, item: item_index, time, review, split: Some(split) });
                }
                Some(first) if first == port => self.counts.dropped_repeated += 1,
                Some(first) => {
                    let what = format!("found user {user} with item {}, which {first} has too", item.trim_end());
                    return Err(malformed(format!("{what}, expected each pair in one file")));
                }
            }
        }
        Ok(())
    }
}

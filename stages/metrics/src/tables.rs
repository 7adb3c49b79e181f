//! The rows of the tables: measures, their intervals, and measures by the length of the history or the frequency of the test item.

use crate::bootstrap::Groups;
use crate::measure::Measure;
use frames::{Measured, UserRank};
use rand::Rng;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A row of columns that depend on the cutoffs.
pub(crate) type Row = Map<String, Value>;

/// A measure with its 95 % interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Interval {
    #[serde(flatten)]
    measured: Measured,
    metric: String,
    value: f64,
    low: f64,
    high: f64,
}

/// The ranks of users that were measured alike.
#[derive(Debug)]
pub(crate) struct Scores<'a> {
    measured: &'a Measured,
    measures: &'a [Measure],
    users: &'a [UserRank],
}

impl<'a> Scores<'a> {
    pub(crate) fn new(measured: &'a Measured, measures: &'a [Measure], users: &'a [UserRank]) -> Self {
        Self { measured, measures, users }
    }

    /// The row of all users, without coverage.
    pub(crate) fn row(&self) -> Row {
        let mut row = self.heading();
        row.insert("users".into(), self.users.len().into());
        row.extend(self.means(self.users.iter()));
        row
    }

    /// A row for each measure, from that many resamples of the users; none from 0.
    pub(crate) fn intervals(&self, resamples: usize, rng: &mut impl Rng) -> Vec<Interval> {
        if resamples == 0 {
            return Vec::new();
        }
        let (counts, values) = self.groups(self.users.iter());
        let groups = Groups { counts: &counts, values: &values };
        let intervals = groups.intervals(resamples, rng).into_iter();
        let rows = self.measures.iter().zip(groups.means(&counts)).zip(intervals);
        rows.map(|((measure, value), [low, high])| Interval {
            measured: self.measured.clone(),
            metric: measure.to_string(),
            value,
            low,
            high,
        })
        .collect()
    }

    /// A row for each range of history lengths that the edges bound.
    pub(crate) fn by_length(&self, edges: &[u32]) -> Vec<Row> {
        self.by_range(edges, |start, end| {
            let fits = |user: &&UserRank| user.history >= start && end.is_none_or(|end| user.history < end);
            self.users.iter().filter(fits).cloned().collect()
        })
    }

    /// A row for each range that the edges bound, of the ranks that `of_range` gives; a range without any has no measures.
    pub(crate) fn by_range(&self, edges: &[u32], of_range: impl Fn(u32, Option<u32>) -> Vec<UserRank>) -> Vec<Row> {
        let starts = std::iter::once(0).chain(edges.iter().copied());
        let ends = edges.iter().copied().map(Some).chain([None]);
        let row = |(start, end): (u32, Option<u32>)| {
            let users = of_range(start, end);
            let mut row = self.heading();
            row.insert("at_least".into(), start.into());
            row.insert("below".into(), end.into());
            row.insert("users".into(), users.len().into());
            if !users.is_empty() {
                row.extend(self.means(users.iter()));
            }
            row
        };
        starts.zip(ends).map(row).collect()
    }

    fn heading(&self) -> Row {
        let Measured { model, seen, hits } = self.measured;
        let words = [("model", model.as_str()), ("seen", seen.as_str()), ("hits", hits.as_str())];
        words.into_iter().map(|(name, word)| (name.to_owned(), word.into())).collect()
    }

    fn means<'u>(&self, users: impl Iterator<Item = &'u UserRank>) -> impl Iterator<Item = (String, Value)> {
        let (counts, values) = self.groups(users);
        let means = Groups { counts: &counts, values: &values }.means(&counts);
        self.measures.iter().zip(means).map(|(measure, mean)| (measure.to_string(), mean.into()))
    }

    /// Users of equal ranks, and what each measure gives for it.
    fn groups<'u>(&self, users: impl Iterator<Item = &'u UserRank>) -> (Vec<u64>, Vec<Vec<f64>>) {
        let mut counts: BTreeMap<Vec<Option<u32>>, u64> = BTreeMap::new();
        for user in users {
            let mut ranks = user.ranks.clone();
            ranks.sort_unstable();
            *counts.entry(ranks).or_default() += 1;
        }
        let gains = |measure: &Measure| counts.keys().map(|ranks| measure.gain(ranks)).collect();
        (counts.values().copied().collect(), self.measures.iter().map(gains).collect())
    }
}

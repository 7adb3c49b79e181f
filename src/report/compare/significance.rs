//! Whether differences to the reference are more than chance, asked of the worker, which reads every user's rank.

use crate::report::compare::line::{Line, Significance};
use crate::report::compare::statistics::holm;
use crate::report::compare::table::Comparison;
use contract::questions::{self, Compare, Compared, Pair, RankList};
use std::collections::BTreeMap;

/// A request to the worker, and the lines that its pairs are about.
#[derive(Debug)]
pub struct Request {
    /// What is sent to the worker.
    pub compare: Compare,
    lines: Vec<usize>,
}

/// What to ask about a comparison: every line that has ranks against its line of the reference. Nothing when there are no
/// such lines.
pub fn requests(comparison: &Comparison) -> Option<Request> {
    let (mut pairs, mut lines) = (Vec::new(), Vec::new());
    let metrics = &comparison.columns[comparison.numbers..];
    for (place, line) in comparison.all().enumerate() {
        if let Some(base) = comparison.reference.of(line, comparison.all())
            && !base.ranks.is_empty()
            && !line.ranks.is_empty()
        {
            pairs.push(Pair { a: side(line), b: side(base), metrics: metrics.to_vec() });
            lines.push(place);
        }
    }
    (!pairs.is_empty() && !metrics.is_empty()).then(|| Request { compare: Compare::new(pairs), lines })
}

fn side(line: &Line) -> Vec<RankList> {
    let measured: BTreeMap<String, String> = line.identity.iter().cloned().collect();
    line.ranks.iter().map(|ranks| RankList { ranks: ranks.clone(), measured: measured.clone() }).collect()
}

/// Puts the worker's answer into the comparison, corrected over the lines of one family for each metric.
/// Lines that were measured on other users than the reference stay without.
///
/// # Errors
/// A message, when it is not an answer to the request, or some users are not those of the reference.
pub fn apply(comparison: &mut Comparison, request: &Request, answer: Compared) -> Result<(), String> {
    if answer.pairs.len() != request.lines.len() {
        return Err(format!("it has {} answers to {} questions", answer.pairs.len(), request.lines.len()));
    }
    let mut unlike = Vec::new();
    for (pair, place) in answer.pairs.into_iter().zip(&request.lines) {
        if pair.unlike > 0 {
            unlike.extend(comparison.all().nth(*place).map(|line| line.subject.clone()));
            continue;
        }
        for (metric, test) in pair.metrics {
            if let Some(cell) = comparison.line_mut(*place).and_then(|line| line.cells.get_mut(&metric)) {
                let questions::Comparison { difference, low, high, p, .. } = test;
                cell.significance =
                    Some(Significance { users: pair.users as u64, difference, low, high, p, adjusted: p });
            }
        }
    }
    correct(comparison);
    unlike.dedup();
    let names = unlike.join(", ");
    if names.is_empty() {
        Ok(())
    } else {
        Err(format!("the users of {names} are not those of {}", comparison.reference))
    }
}

fn correct(comparison: &mut Comparison) {
    let mut families: BTreeMap<_, Vec<(usize, f64)>> = BTreeMap::new();
    for (place, line) in comparison.all().enumerate() {
        for (metric, cell) in &line.cells {
            if let Some(found) = &cell.significance {
                families.entry((metric.clone(), comparison.reference.family(line))).or_default().push((place, found.p));
            }
        }
    }
    for ((metric, _), members) in families {
        let adjusted = holm(&members.iter().map(|(_, p)| *p).collect::<Vec<_>>());
        for ((place, _), adjusted) in members.iter().zip(adjusted) {
            let cell = comparison.line_mut(*place).and_then(|line| line.cells.get_mut(&metric));
            if let Some(found) = cell.and_then(|cell| cell.significance.as_mut()) {
                found.adjusted = adjusted;
            }
        }
    }
}

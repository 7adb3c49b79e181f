//! The raw Amazon 2018 form.

use crate::Parameters;
use crate::clean::clean;
use crate::digest;
use crate::gathered::{Gathered, Row};
use crate::k_core::{Dropped, keep_core};
use crate::lines::JsonLines;
use crate::metadata::{MetadataCounts, read_metadata};
use crate::report::Source;
use crate::sample::{LeftOut, choose};
use contract::{Context, Failure, FailureKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// What became of the reviews.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ReviewCounts {
    /// Reviews in the file.
    pub(crate) read: usize,
    /// Reviews that became interactions.
    pub(crate) kept: usize,
    /// Reviews dropped because they rate below `min_rating`.
    pub(crate) dropped_rated_too_low: usize,
    /// Reviews dropped because the same user reviewed the same item before.
    pub(crate) dropped_repeated: usize,
    /// Reviews that were left out because their user is not in the sample.
    pub(crate) left_out_by_sample: LeftOut,
    /// Reviews dropped because their user or item has too few.
    pub(crate) dropped_by_core: Dropped,
    /// Reviews read that have no `reviewText`.
    pub(crate) without_text: usize,
    /// Reviews read that have no `summary`.
    pub(crate) without_summary: usize,
    /// Reviews read whose time is a whole day.
    pub(crate) whole_day_times: usize,
}

#[derive(Deserialize)]
struct Review {
    asin: Option<Value>,
    #[serde(rename = "reviewerID")]
    reviewer: Option<Value>,
    #[serde(rename = "unixReviewTime")]
    time: Option<Value>,
    overall: Option<Value>,
    summary: Option<Value>,
    #[serde(rename = "reviewText")]
    text: Option<Value>,
}

/// Identifiers in order of first appearance.
#[derive(Default)]
struct Ids {
    index: HashMap<String, usize>,
    ids: Vec<String>,
}

impl Ids {
    fn index(&mut self, id: String) -> usize {
        let next = self.ids.len();
        *self.index.entry(id).or_insert_with_key(|id| {
            self.ids.push(id.clone());
            next
        })
    }
}

/// Reads reviews and metadata, orders, filters, and cleans them.
pub(crate) fn gather(parameters: &Parameters, context: &Context) -> Result<(Gathered, Source)> {
    let path = context.input_file("reviews")?;
    let mut counts = ReviewCounts::default();
    let (users, items, mut rows) = read_reviews(&path, parameters, &mut counts, context)?;
    drop_repeated(&mut rows, &users, &items, &mut counts);
    counts.left_out_by_sample = keep_sample(&mut rows, &users, parameters.users);
    counts.dropped_by_core = keep_core(&mut rows, parameters.min_user_interactions, parameters.min_item_interactions);
    counts.kept = rows.len();
    if rows.is_empty() {
        return Err(nothing_left(&path, &counts, parameters));
    }
    let mut wanted = vec![false; items.len()];
    for row in &rows {
        wanted[row.item] = true;
    }
    let metadata = match context.optional_input("metadata") {
        Some(_) => Some(context.input_file("metadata")?),
        None => None,
    };
    let wanted: Vec<Option<&str>> =
        items.iter().zip(wanted).map(|(id, wanted)| wanted.then_some(id.as_str())).collect();
    let (texts, metadata) = match metadata {
        Some(path) => read_metadata(&path, &wanted)?,
        None => (vec![Default::default(); items.len()], MetadataCounts::default()),
    };
    let gathered = Gathered { users, items, texts, rows, published_numbers: None };
    Ok((gathered, Source::Raw { reviews: counts, metadata }))
}

fn read_reviews(
    path: &Path,
    parameters: &Parameters,
    counts: &mut ReviewCounts,
    context: &Context,
) -> Result<(Vec<String>, Vec<String>, Vec<Row>)> {
    const SECONDS_A_DAY: i64 = 86_400;
    const STEP: usize = 20_000;
    let (mut users, mut items) = (Ids::default(), Ids::default());
    let mut rows = Vec::new();
    let progress = context.progress(0);
    let mut lines = JsonLines::open(path)?;
    while let Some(review) = lines.next::<Review>()? {
        counts.read += 1;
        // The number of reviews is not known beforehand, so that the counter cannot tell which steps to pass over.
        if counts.read.is_multiple_of(STEP) {
            progress.set(counts.read as u64, "reviews");
        }
        let item = lines.text("asin", review.asin)?;
        let user = lines.text("reviewerID", review.reviewer)?;
        let time = lines.whole_number("unixReviewTime", review.time)?;
        let (summary, text) = (clean(review.summary.as_ref()), clean(review.text.as_ref()));
        counts.without_summary += usize::from(summary.is_empty());
        counts.without_text += usize::from(text.is_empty());
        counts.whole_day_times += usize::from(time % SECONDS_A_DAY == 0);
        if parameters.min_rating > 0.0 && lines.number("overall", review.overall)? < parameters.min_rating {
            counts.dropped_rated_too_low += 1;
            continue;
        }
        let review = join(&summary, &text);
        rows.push(Row { user: users.index(user), item: items.index(item), time, review, split: None });
    }
    Ok((users.ids, items.ids, rows))
}

/// A summary and a review text as one string.
fn join(summary: &str, text: &str) -> String {
    match (summary.is_empty(), text.is_empty()) {
        (true, _) => text.to_owned(),
        (_, true) => summary.to_owned(),
        _ if summary.ends_with(['.', '!', '?']) => format!("{summary} {text}"),
        _ => format!("{summary}. {text}"),
    }
}

/// Orders all rows by time and then by hash, and keeps the first of each user and item.
fn drop_repeated(rows: &mut Vec<Row>, users: &[String], items: &[String], counts: &mut ReviewCounts) {
    // A stable sort: of several reviews of one item on one day, the first in the file stays.
    rows.sort_by_cached_key(|row| (row.time, digest::of_pair(&users[row.user], &items[row.item])));
    let before = rows.len();
    let mut known = HashSet::with_capacity(before);
    rows.retain(|row| known.insert((row.user, row.item)));
    counts.dropped_repeated = before - rows.len();
}

/// Keeps the rows of that many users.
fn keep_sample(rows: &mut Vec<Row>, users: &[String], wanted: Option<usize>) -> LeftOut {
    // Rows of some users may all be rated too low: those are not there to be chosen.
    let with_rows: HashSet<usize> = rows.iter().map(|row| row.user).collect();
    let chosen = choose(with_rows.iter().map(|&user| users[user].as_str()), wanted);
    let before = rows.len();
    rows.retain(|row| chosen.contains(users[row.user].as_str()));
    LeftOut { users: with_rows.len() - chosen.len(), interactions: before - rows.len() }
}

fn nothing_left(path: &Path, counts: &ReviewCounts, parameters: &Parameters) -> Failure {
    let core = &counts.dropped_by_core;
    let message = format!(
        "{}: none of {} reviews is left: {} rated below {}, {} repeated, {} of users outside the sample, {} of users with fewer than {} interactions, \
         {} of items with fewer than {}",
        path.display(),
        counts.read,
        counts.dropped_rated_too_low,
        parameters.min_rating,
        counts.dropped_repeated,
        counts.left_out_by_sample.interactions,
        core.rows_of_rare_users,
        parameters.min_user_interactions,
        core.rows_of_rare_items,
        parameters.min_item_interactions,
    );
    let hint = match counts.read {
        0 => "the file holds no reviews: is it the right one?",
        _ => "lower min_user_interactions, min_item_interactions or min_rating, or take more users",
    };
    Failure::new(FailureKind::NothingUsable, message).hint(hint)
}

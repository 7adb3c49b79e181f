//! Which list a user or a history gets: the cached one, one decoded live, or the popular items, in the declared order.

use crate::app::App;
use crate::arguments::Fallback;
use crate::decoder::{Asked, DecodeError};
use crate::generation::Generation;
use crate::http::{Problem, ProblemKind};
use crate::store::{StoreError, UserRecord};
use contract::questions::ListSource;

/// How a list is cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut {
    /// How many items at most.
    pub(crate) count: usize,
    /// How many items to leave out at the top.
    pub(crate) offset: usize,
    /// Items that must not be recommended, by number.
    pub(crate) exclude: Vec<u32>,
    /// The category that items must be of.
    pub(crate) category: Option<String>,
}

/// A list with its source.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Where it comes from.
    pub(crate) source: ListSource,
    /// Items with scores, best first, from the offset on; popular items have none.
    pub(crate) items: Vec<(u32, Option<f32>)>,
    /// Whether the list goes on.
    pub(crate) has_more: bool,
}

/// The list of a user.
///
/// # Errors
/// When the user is unknown or has no list, and no fallback makes one.
pub(crate) async fn for_user(app: &App, generation: &Generation, id: &str, cut: &Cut) -> Result<Found, Problem> {
    let record = user(generation, id)?;
    if let Some(UserRecord { list, .. }) = &record
        && !list.is_empty()
    {
        return Ok(found(
            app,
            generation,
            ListSource::Cached,
            list.iter().map(|&(item, score)| (item, Some(score))),
            cut,
        ));
    }
    let mut problem = match &record {
        Some(_) => {
            Problem::new(ProblemKind::NoList, format!("'{}' made no list for user '{id}'", generation.service.model))
        }
        None => Problem::new(ProblemKind::UnknownUser, format!("there is no user '{id}'")),
    };
    let history = record.map(|record| record.history);
    for fallback in &app.arguments.fallback {
        match (fallback, &history) {
            // There is nothing to decode for.
            (Fallback::Live, None) => {}
            (Fallback::Live, Some(history)) => match for_history(app, generation, history.clone(), cut).await {
                Ok(found) => return Ok(found),
                Err(failed) => problem = failed,
            },
            (Fallback::Popular, _) => return Ok(popular(app, generation, history.as_deref().unwrap_or_default(), cut)),
        }
    }
    Err(problem)
}

/// The list of a history, decoded live.
///
/// # Errors
/// When this service cannot decode, or not in time.
pub(crate) async fn for_history(
    app: &App,
    generation: &Generation,
    history: Vec<u32>,
    cut: &Cut,
) -> Result<Found, Problem> {
    let decoder = generation.decoder.as_ref().map_err(|reason| Problem::new(ProblemKind::NotLive, reason.clone()))?;
    // A list of one category is filtered out of a longer one.
    let room = if cut.category.is_some() { generation.catalogue.len() } else { cut.offset + cut.count + 1 };
    let asked = Asked { history, exclude: cut.exclude.clone(), count: room };
    let list = decoder.decode(asked).await.map_err(|error| Problem::new(kind_of(&error), error.to_string()))?;
    Ok(found(app, generation, ListSource::Live, list.into_iter().map(|(item, score)| (item, Some(score))), cut))
}

/// The popular items that are not in a history.
pub(crate) fn popular(app: &App, generation: &Generation, history: &[u32], cut: &Cut) -> Found {
    let items = generation.catalogue.popular().iter().filter(|item| !history.contains(item));
    found(app, generation, ListSource::Popular, items.map(|&item| (item, None)), cut)
}

/// A user's row.
///
/// # Errors
/// When the store is damaged.
pub(crate) fn user(generation: &Generation, id: &str) -> Result<Option<UserRecord>, Problem> {
    generation.store.user(id).map_err(|error: StoreError| {
        tracing::error!("{error}");
        Problem::new(ProblemKind::StoreDamaged, error.to_string())
    })
}

/// The numbers of items.
///
/// # Errors
/// When one is unknown.
pub(crate) fn item_numbers(generation: &Generation, ids: &[String]) -> Result<Vec<u32>, Problem> {
    let number = |id: &String| {
        let unknown = || Problem::new(ProblemKind::UnknownItem, format!("there is no item '{id}'"));
        generation.catalogue.number(id).ok_or_else(unknown)
    };
    ids.iter().map(number).collect()
}

fn found(
    app: &App,
    generation: &Generation,
    source: ListSource,
    items: impl Iterator<Item = (u32, Option<f32>)>,
    cut: &Cut,
) -> Found {
    app.metrics.list(source);
    let is_meant = |(item, _): &(u32, Option<f32>)| {
        let of_category = |category: &String| generation.catalogue.is_of(*item, category);
        !cut.exclude.contains(item) && cut.category.as_ref().is_none_or(of_category)
    };
    let known = items.filter(|(item, _)| (*item as usize) < generation.catalogue.len());
    let mut left = known.filter(is_meant).skip(cut.offset);
    let items: Vec<_> = left.by_ref().take(cut.count).collect();
    let has_more = left.next().is_some();
    Found { source, items, has_more }
}

fn kind_of(error: &DecodeError) -> ProblemKind {
    match error {
        DecodeError::QueueFull(_) => ProblemKind::QueueFull,
        DecodeError::Deadline(_) => ProblemKind::Deadline,
        DecodeError::Lost => ProblemKind::DecoderLost,
        DecodeError::Refused(_) => ProblemKind::InvalidBody,
    }
}

//! Items for one user or one history, for `pipe recommend`.

use crate::catalogue::Catalogue;
use crate::decoding::start;
use crate::new_items::coded::CodedItems;
use contract::questions::{ListSource, Recommend, Recommended, ScoredItem, Whom};
use contract::{Failure, FailureKind, Result};
use frames::{Codes, NO_ITEM, Rankings};
use precache::{LiveModel, LiveRequest};

/// The list that was made for a user, or one that is decoded for a history.
///
/// # Errors
/// When user or item are unknown, the user has no list, or the history cannot be decoded.
pub(crate) fn answer(request: &Recommend) -> Result<Recommended> {
    let new = match &request.new_items {
        None => CodedItems::default(),
        path => CodedItems::read(path.as_deref(), &Codes::read(request.stage.input("codes")?)?)?,
    };
    let catalogue = Catalogue::read(&request.stage)?.with_new(&new)?;
    let exclude = catalogue.item_numbers(&request.exclude)?;
    let (source, history, list) = match &request.whom {
        Whom::User(id) => {
            let user = catalogue.user(id)?;
            let history = std::mem::take(&mut catalogue.interactions.before_test()[user as usize]);
            (ListSource::Cached, history, cached(request, user, id)?)
        }
        Whom::History(ids) => {
            let history = catalogue.item_numbers(ids)?;
            let model = LiveModel::of(&request.stage, catalogue.interactions.dataset.max_history)?;
            let model = model.with_new_items(&new.codes)?;
            let device = start(&request.device, std::thread::available_parallelism().map_or(1, usize::from))?;
            let asked = LiveRequest { history: &history, exclude: &exclude, count: request.count };
            let list = model.load(device)?.rank(&[asked])?.into_iter().flatten().collect();
            (ListSource::Live, history, list)
        }
    };
    let listed = list.into_iter().filter(|(item, _)| *item != NO_ITEM && !exclude.contains(item));
    let items = listed.take(request.count).zip(1..);
    Ok(Recommended {
        source,
        history: history.into_iter().map(|item| catalogue.named(item)).collect(),
        items: items.map(|((item, score), rank)| ScoredItem { rank, item: catalogue.named(item), score }).collect(),
    })
}

fn cached(request: &Recommend, user: u32, id: &str) -> Result<Vec<(u32, f32)>> {
    let rankings = Rankings::read(request.stage.output("rankings")?)?;
    let list = rankings.excluded.into_iter().find(|list| list.user == user);
    list.map(|list| list.items).ok_or_else(|| {
        let message = format!("'{}' made no list for user '{id}', who has no test item", request.stage.name);
        let hint = if request.stage.uses == "precache" {
            "set users = \"all\" in precache and run again, or give --history"
        } else {
            "name a precache stage with users = \"all\" with --model"
        };
        Failure::new(FailureKind::NothingUsable, message).hint(hint)
    })
}

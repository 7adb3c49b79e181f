//! All that an online service looks up, one row a line, for `pipe serve`.

use crate::catalogue::Catalogue;
use crate::new_items::coded::CodedItems;
use crate::similar::{nearest_by_codes, nearest_by_embedding};
use contract::questions::{ItemRow, Lineage, Lists, ListsHead, ListsRow, UserRow};
use contract::{Failure, FailureKind, Result};
use frames::{Codes, Embeddings, EmbeddingsOf, ExcludedLists, NO_ITEM, Split};
use precache::LiveModel;
use std::io::{BufWriter, Write, stdout};

/// Writes the rows to the standard output.
///
/// # Errors
/// When a result cannot be read, or the output closes.
pub(crate) fn answer(request: &Lists) -> Result<()> {
    let codes = codes(&request.stage)?;
    let new = new_items(request, codes.as_ref())?;
    let catalogue = Catalogue::read(&request.stage)?.with_new(&new)?;
    let mut out = BufWriter::new(stdout().lock());
    let max_history = catalogue.interactions.dataset.max_history;
    let head = ListsHead {
        items: catalogue.items.id.len() as u32,
        max_history,
        popular: popular(&catalogue),
        not_live: LiveModel::of(&request.stage, max_history)
            .and_then(|model| model.with_new_items(&new.codes))
            .err()
            .map(|failure| failure.message),
    };
    write(&mut out, &ListsRow::Head(head))?;
    let codes = codes.map(|mut codes| {
        codes.extend(&new.codes);
        codes
    });
    write_items(&mut out, &catalogue, codes.as_ref(), request)?;
    write_users(&mut out, catalogue, ExcludedLists::open(request.stage.output("rankings")?)?)?;
    out.flush().map_err(|error| unwritable(&error))
}

/// Items by their number of training interactions, ties in [`recommender::tie_order`].
fn popular(catalogue: &Catalogue) -> Vec<u32> {
    let mut counts = vec![0_u32; catalogue.interactions.dataset.items];
    let training = catalogue.interactions.item.iter().zip(&catalogue.interactions.split);
    training.filter(|(_, split)| **split == Split::Train).for_each(|(&item, _)| counts[item as usize] += 1);
    let mut items: Vec<u32> = (0..).take(counts.len()).collect();
    items.sort_by_key(|&item| (std::cmp::Reverse(counts[item as usize]), recommender::tie_order(item)));
    items
}

/// The codes of the items of training, where the stage ranks by codes.
fn codes(stage: &Lineage) -> Result<Option<Codes>> {
    match stage.inputs.contains_key("codes") {
        true => Codes::read(stage.input("codes")?).map(Some),
        false => Ok(None),
    }
}

fn new_items(request: &Lists, codes: Option<&Codes>) -> Result<CodedItems> {
    match (codes, &request.new_items) {
        (Some(codes), path) => CodedItems::read(path.as_deref(), codes),
        (None, None) => Ok(CodedItems::default()),
        (None, Some(_)) => {
            let message = format!("'{}' ranks without codes, so new items cannot be served", request.stage.name);
            Err(Failure::new(FailureKind::Conflict, message).hint("name a precache stage with --model"))
        }
    }
}

fn write_items(out: &mut impl Write, catalogue: &Catalogue, codes: Option<&Codes>, request: &Lists) -> Result<()> {
    let embeddings = embeddings(&request.stage, catalogue.interactions.dataset.items)?;
    let by_codes = codes.map(|codes| nearest_by_codes(codes, request.similar));
    let by_embedding = embeddings.map(|items| nearest_by_embedding(&items, request.similar)).transpose()?;
    let items = &catalogue.items;
    for item in 0..items.id.len() {
        // New items have no embedding.
        let of =
            |lists: &Option<Vec<Vec<u32>>>| lists.iter().find_map(|lists| lists.get(item).cloned()).unwrap_or_default();
        let row = ItemRow {
            id: items.id[item].clone(),
            title: items.title[item].clone(),
            brand: items.brand[item].clone(),
            categories: items.categories[item].clone(),
            codes: codes.map(|codes| codes.of(item)).unwrap_or_default(),
            by_embedding: of(&by_embedding),
            by_codes: of(&by_codes),
        };
        write(out, &ListsRow::Item(row))?;
    }
    Ok(())
}

/// The embeddings that the codes were made from, where the codes come from a stage that takes some.
fn embeddings(stage: &Lineage, items: usize) -> Result<Option<Embeddings>> {
    let codebook = match stage.inputs.get("codes") {
        Some(_) => stage.producer("codes")?,
        None => None,
    };
    let Some(bound) = codebook.and_then(|codebook| codebook.inputs.get("items")).and_then(|inputs| inputs.first())
    else {
        return Ok(None);
    };
    // A codebook that takes items of another form, such as texts, has no embeddings to compare by.
    Ok(Embeddings::read(&bound.path, EmbeddingsOf::Items).ok().filter(|embeddings| embeddings.len() == items))
}

/// Users and lists both come in the order of users' numbers.
fn write_users(out: &mut impl Write, catalogue: Catalogue, mut lists: ExcludedLists) -> Result<()> {
    let histories = catalogue.interactions.before_test();
    let users = catalogue.users.len() as u64;
    let mut next = lists.next_list()?;
    for ((number, id), history) in (0..).zip(catalogue.users).zip(histories) {
        let mut list = Vec::new();
        if let Some(of_user) = next.take_if(|list| list.user == number) {
            list.extend(of_user.items.into_iter().filter(|(item, _)| *item != NO_ITEM));
            next = lists.next_list()?;
        }
        write(out, &ListsRow::User(UserRow { id, history, list }))?;
    }
    if let Some(list) = next {
        let message = format!("the lists have user {}, the interactions {users}", list.user);
        return Err(Failure::new(FailureKind::Conflict, message));
    }
    write(out, &ListsRow::End { users })
}

fn write(out: &mut impl Write, row: &ListsRow) -> Result<()> {
    serde_json::to_writer(&mut *out, row).map_err(|error| unwritable(&error))?;
    out.write_all(b"\n").map_err(|error| unwritable(&error))
}

fn unwritable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Output, format!("write the lists: {error}"))
}

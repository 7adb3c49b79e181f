//! The processed form: sequences of item numbers.

use crate::Parameters;
use crate::clean::clean;
use crate::gathered::{Gathered, Row};
use crate::report::Source;
use crate::sample::{LeftOut, choose};
use crate::texts::Text;
use contract::{Context, Failure, FailureKind, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// What became of the sequences.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SequenceCounts {
    /// Interactions in the file.
    pub(crate) read: usize,
    /// Users in the file.
    pub(crate) users_read: usize,
    /// Users left out because their sequence is empty.
    pub(crate) users_without_items: usize,
    /// What was left out because the user is not in the sample; all others are kept.
    pub(crate) left_out_by_sample: LeftOut,
    /// Interactions kept with an item that the same user had before.
    pub(crate) repeated: usize,
    /// Items with an identifier or a text but no interaction; they are left out.
    pub(crate) items_without_interactions: usize,
}

#[derive(Deserialize)]
struct ItemText {
    title: Option<Value>,
    description: Option<Value>,
    brand: Option<Value>,
    categories: Option<Value>,
}

/// Reads sequences, and identifiers and texts of the items where they are bound.
pub(crate) fn gather(parameters: &Parameters, context: &Context) -> Result<(Gathered, Source)> {
    let path = context.input_file("sequences")?;
    let sequences: BTreeMap<String, Vec<u32>> = read_json(&path, "{\"user\": [item, ...]} with whole numbers")?;
    let bound = |port| context.optional_input(port).map(|_| context.input_file(port)).transpose();
    let ids = bound("item_ids")?.map(|path| Ok::<_, Failure>((read_item_ids(&path)?, path))).transpose()?;
    let texts: BTreeMap<String, ItemText> = match bound("item_text")? {
        Some(path) => read_json(&path, "{\"item\": {\"title\": ..., \"description\": ...}}")?,
        None => BTreeMap::new(),
    };
    let mut counts = SequenceCounts { users_read: sequences.len(), ..Default::default() };
    let mut gathered = Gathered::default();
    let with_items = sequences.iter().filter(|(_, sequence)| !sequence.is_empty());
    let chosen = choose(with_items.map(|(user, _)| user.as_str()), parameters.users);
    let mut numbers: Vec<u32> = Vec::new();
    let mut index: HashMap<u32, usize> = HashMap::new();
    for (user, sequence) in &sequences {
        counts.read += sequence.len();
        if sequence.is_empty() {
            counts.users_without_items += 1;
            continue;
        }
        if !chosen.contains(user.as_str()) {
            counts.left_out_by_sample.users += 1;
            counts.left_out_by_sample.interactions += sequence.len();
            continue;
        }
        let mut had = HashSet::new();
        for (position, &number) in (0_i64..).zip(sequence) {
            counts.repeated += usize::from(!had.insert(number));
            let item = *index.entry(number).or_insert_with(|| {
                numbers.push(number);
                numbers.len() - 1
            });
            let (user, review) = (gathered.users.len(), String::new());
            gathered.rows.push(Row { user, item, time: position, review, split: None });
        }
        gathered.users.push(user.clone());
    }
    if gathered.rows.is_empty() {
        let message = format!("{}: {} users and not one interaction", path.display(), counts.users_read);
        return Err(Failure::new(FailureKind::NothingUsable, message));
    }
    let named = ids.as_ref().map_or(0, |(ids, _)| ids.len()).max(texts.len());
    counts.items_without_interactions = named.saturating_sub(numbers.len());
    gathered.items = identifiers(&numbers, ids.as_ref().map(|(ids, path)| (ids, path.as_path())))?;
    gathered.texts =
        numbers.iter().map(|number| texts.get(&number.to_string()).map_or_else(Text::default, text)).collect();
    gathered.published_numbers = Some(numbers.into_iter().map(i64::from).collect());
    Ok((gathered, Source::Processed { sequences: counts }))
}

fn text(published: &ItemText) -> Text {
    Text {
        title: clean(published.title.as_ref()),
        description: clean(published.description.as_ref()),
        brand: clean(published.brand.as_ref()),
        categories: clean(published.categories.as_ref()),
    }
}

/// The original identifiers of those numbers; the number itself where no identifiers are known.
fn identifiers(numbers: &[u32], ids: Option<(&HashMap<u32, String>, &Path)>) -> Result<Vec<String>> {
    let Some((ids, path)) = ids else { return Ok(numbers.iter().map(ToString::to_string).collect()) };
    let of = |number: &u32| {
        ids.get(number).cloned().ok_or_else(|| {
            let message = format!("{}: no line for item {number}, which occurs in the sequences", path.display());
            Failure::new(FailureKind::Conflict, message).hint("sequences and item_ids must be of the same data set")
        })
    };
    numbers.iter().map(of).collect()
}

/// Reads lines of `original<TAB>number`.
fn read_item_ids(path: &Path) -> Result<HashMap<u32, String>> {
    let text = fs_err::read_to_string(path).map_err(|error| Failure::reading(path, error))?;
    let mut ids = HashMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let malformed = |what: String| {
            Failure::new(FailureKind::MalformedRow, format!("{}, line {}: {what}", path.display(), number + 1))
        };
        let parsed = line.split_once('\t').and_then(|(id, index)| Some((id, index.trim().parse::<u32>().ok()?)));
        let Some((id, index)) = parsed else {
            return Err(malformed(format!("found '{line}', expected original<TAB>number")));
        };
        if ids.insert(index, id.to_owned()).is_some() {
            return Err(malformed(format!("item {index} has a second identifier '{id}', expected one")));
        }
    }
    Ok(ids)
}

fn read_json<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T> {
    let text = fs_err::read(path).map_err(|error| Failure::reading(path, error))?;
    serde_json::from_slice(&text).map_err(|error| {
        let kind = if error.is_eof() { FailureKind::DamagedFile } else { FailureKind::MalformedRow };
        Failure::new(kind, format!("{}: {error}, expected {expected}", path.display()))
    })
}

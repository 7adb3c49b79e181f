//! The processed form of the LC-Rec family: sequences of item numbers, `X.inter.json`, with texts in `X.item.json`.

use crate::clean::{clean, python_list};
use crate::formats::Field;
use crate::inputs::Inputs;
use crate::metadata::Text;
use crate::parameters::{Cleaning, Parameters, Repeats};
use crate::raw::Gathered;
use crate::rules::{LeftOut, NewItems, Numbers, keep_sample, order};
use crate::table::{Interaction, Table};
use contract::{Failure, FailureKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
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

/// The form of a file of sequences, for errors.
const EXPECTED: &str = "{\"user\": [item, ...]} with whole numbers";

#[derive(Deserialize)]
struct ItemText<'a> {
    #[serde(borrow, default)]
    title: Field<'a>,
    #[serde(borrow, default)]
    description: Field<'a>,
    #[serde(borrow, default)]
    brand: Field<'a>,
    #[serde(borrow, default)]
    categories: Field<'a>,
}

/// Reads sequences, and identifiers and texts of the items where they are bound.
pub(crate) fn gather(
    inputs: &Inputs,
    parameters: &Parameters,
    threads: usize,
    mut table: Table,
) -> Result<(Gathered, SequenceCounts)> {
    let path = inputs.file("sequences")?;
    let bytes = fs_err::read(&path).map_err(|error| Failure::reading(&path, error))?;
    let sequences: BTreeMap<String, Vec<u32>> = parse(&path, &bytes, EXPECTED)?;
    let ids =
        inputs.optional_file("item_ids")?.map(|path| Ok::<_, Failure>((read_item_ids(&path)?, path))).transpose()?;
    let text_path = inputs.optional_file("item_text")?;
    let text_bytes = match &text_path {
        Some(path) => fs_err::read(path).map_err(|error| Failure::reading(path, error))?,
        None => b"{}".to_vec(),
    };
    let expected = "{\"item\": {\"title\": ..., \"description\": ...}}";
    let texts: BTreeMap<String, ItemText<'_>> = parse(text_path.as_deref().unwrap_or(&path), &text_bytes, expected)?;

    let mut counts = SequenceCounts { users_read: sequences.len(), ..Default::default() };
    let mut numbers = Published::default();
    for (user, sequence) in &sequences {
        counts.read += sequence.len();
        counts.users_without_items += usize::from(sequence.is_empty());
        for (position, &number) in (0_i64..).zip(sequence) {
            let item = identifier(number, ids.as_ref().map(|(ids, path)| (ids, path.as_path())))?;
            table.push(&Interaction { user, item: &item, time: position, text: "", split: None })?;
            numbers.set(&table, &item, number);
        }
    }
    if counts.read == 0 {
        let message = format!("{}: {} users and not one interaction", path.display(), counts.users_read);
        return Err(Failure::new(FailureKind::NothingUsable, message));
    }
    order(&mut table, Repeats::Keep, threads)?;
    counts.left_out_by_sample = keep_sample(&mut table, parameters.users)?;
    let new_items = NewItems::hold_out(&mut table, parameters)?;
    let numbered = Numbers::of(&table, &new_items)?;
    let named = ids.as_ref().map_or(0, |(ids, _)| ids.len()).max(texts.len());
    counts.items_without_interactions = named.saturating_sub(numbered.items.len());
    let text = |&item: &u32| {
        let number = numbers.of[item as usize].to_string();
        let mut text = texts.get(&number).map_or_else(Text::default, |published| text(published, parameters.cleaning));
        text.cut(parameters.max_text);
        text
    };
    let texts = numbered.items.iter().map(text).collect();
    table.published_numbers = Some(numbers.of);
    Ok((Gathered { table, numbers: numbered, texts, new_items }, counts))
}

/// The first sequences of a file.
pub(crate) fn first(path: &Path, wanted: usize) -> Result<Vec<(String, Vec<u32>)>> {
    let bytes = fs_err::read(path).map_err(|error| Failure::reading(path, error))?;
    let sequences: BTreeMap<String, Vec<u32>> = parse(path, &bytes, EXPECTED)?;
    Ok(sequences.into_iter().take(wanted).collect())
}

/// The published number of each item, by its index in the table.
#[derive(Default)]
struct Published {
    of: Vec<i64>,
}

impl Published {
    fn set(&mut self, table: &Table, item: &str, number: u32) {
        if self.of.len() < table.items.len() {
            debug_assert_eq!(table.items.get(self.of.len() as u32), item);
            self.of.push(i64::from(number));
        }
    }
}

fn text(published: &ItemText<'_>, cleaning: Cleaning) -> Text {
    Text {
        title: clean(&published.title, cleaning),
        description: joined(&published.description, " ", cleaning),
        brand: clean(&published.brand, cleaning),
        categories: joined(&published.categories, ",", cleaning),
    }
}

/// A text; where it is a list as Python prints it, the strings of the list.
fn joined(field: &Field<'_>, separator: &str, cleaning: Cleaning) -> String {
    match field.text().and_then(python_list) {
        Some(entries) => clean(&Field::Text(entries.join(separator).into()), cleaning),
        None => clean(field, cleaning),
    }
}

/// The original identifier of a number; the number itself where no identifiers are known.
fn identifier(number: u32, ids: Option<(&HashMap<u32, String>, &Path)>) -> Result<String> {
    let Some((ids, path)) = ids else { return Ok(number.to_string()) };
    ids.get(&number).cloned().ok_or_else(|| {
        let message = format!("{}: no line for item {number}, which occurs in the sequences", path.display());
        Failure::new(FailureKind::Conflict, message).hint("sequences and item_ids must be of the same data set")
    })
}

/// Reads lines of `original<TAB>number`.
fn read_item_ids(path: &Path) -> Result<HashMap<u32, String>> {
    let text = fs_err::read_to_string(path).map_err(|error| Failure::reading(path, error))?;
    let mut ids = HashMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let malformed = |problem: String| {
            Failure::new(FailureKind::MalformedRow, format!("{}, line {}: {problem}", path.display(), number + 1))
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

fn parse<'a, T: Deserialize<'a>>(path: &Path, bytes: &'a [u8], expected: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let kind = if error.is_eof() { FailureKind::DamagedFile } else { FailureKind::MalformedRow };
        Failure::new(kind, format!("{}: {error}, expected {expected}", path.display()))
    })
}

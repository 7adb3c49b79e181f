//! What is published of items: titles, descriptions, brands and categories.

mod json;
mod table;
mod text;

pub(crate) use text::{ItemTexts, Text};

use crate::parameters::Parameters;
use crate::source::{BadRow, BadRows, Block, Files, Lines, Outcome, head, read_blocks};
use crate::table::{Ids, Strings};
use contract::Result;
use serde::Serialize;

/// What was found in the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct MetadataCounts {
    /// Lines in the file.
    pub(crate) read: usize,
    /// Lines of an item that has another line too; of each text the longest stays.
    pub(crate) repeated: usize,
    /// Lines of items without interactions; they are left out.
    pub(crate) of_other_items: usize,
    /// Titles that are pieces of a web page; they are dropped.
    pub(crate) page_fragment_titles: usize,
    /// Lines whose `rank` is a string.
    pub(crate) rank_as_text: usize,
    /// Lines whose `rank` is a list.
    pub(crate) rank_as_list: usize,
    /// Lines with a line break in a key of `details`.
    pub(crate) line_breaks_in_details: usize,
    /// Lines whose `price` is a string that is not empty.
    pub(crate) price_as_text: usize,
    /// ItemTexts that were cut at `max_text`.
    pub(crate) texts_cut: usize,
    /// The lines that could not be read.
    pub(crate) bad_rows: BadRows,
}

/// The texts of some items.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// `[items]` what is known of each.
    pub(crate) texts: Vec<Text>,
    /// `[items]` whether there is a line of it.
    pub(crate) has_line: Vec<bool>,
    /// What was found.
    pub(crate) counts: MetadataCounts,
}

/// What a block of lines gives.
#[derive(Debug, Default)]
struct Lined {
    /// The identifiers of all lines.
    ids: Strings,
    /// The texts of the wanted items.
    texts: Vec<(u32, Text)>,
    counts: MetadataCounts,
    bad: Vec<BadRow>,
}

/// Which items are wanted, and where their texts go.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The items.
    pub(crate) ids: &'a Ids,
    /// `[ids]` the place of each item's text; `u32::MAX` where none is wanted.
    pub(crate) places: &'a [u32],
    /// The number of texts.
    pub(crate) items: usize,
}

/// Reads the texts of the wanted items, at their places.
pub(crate) fn read_metadata(
    files: &Files,
    wanted: Wanted<'_>,
    parameters: &Parameters,
    threads: usize,
) -> Result<Metadata> {
    const LOOKED_AT: usize = 1 << 16;
    let Wanted { items, .. } = wanted;
    let mut metadata = Metadata {
        texts: vec![Text::default(); items],
        has_line: vec![false; items],
        counts: MetadataCounts::default(),
    };
    let layouts =
        files.paths.iter().map(|path| table::layout(path, &head(path, LOOKED_AT)?)).collect::<Result<Vec<_>>>()?;
    let lines = layouts.first().and_then(|layout| layout.as_ref()).map_or(Lines::Plain, table::Layout::lines);
    let mut known = Ids::default();
    let parse = |block: &Block| match &layouts[block.file] {
        Some(layout) => layout.parse(block, wanted, parameters),
        None => json::parse(block, wanted, parameters),
    };
    read_blocks(files, lines, threads, &parse, &mut |file, outcome| {
        let path = &files.paths[file];
        let counts = &mut metadata.counts;
        match outcome {
            Outcome::Parsed(lined) => {
                counts.add(&lined.counts);
                counts.bad_rows.add(lined.bad, path, parameters.on_bad_row)?;
                for id in lined.ids.iter() {
                    let before = known.len();
                    known.index(id);
                    counts.repeated += usize::from(known.len() == before);
                }
                for (place, text) in lined.texts {
                    metadata.has_line[place as usize] = true;
                    metadata.texts[place as usize].merge(text);
                }
                Ok(())
            }
            Outcome::Damaged(line, failure) => counts.bad_rows.add_damage(failure, path, line, parameters.on_bad_row),
            Outcome::Unreadable(failure) => Err(failure),
        }
    })?;
    Ok(metadata)
}

impl Wanted<'_> {
    /// Where the text of an item goes, if it is wanted.
    fn place(&self, id: &str) -> Option<u32> {
        let place = self.places[self.ids.find(id)? as usize];
        (place != u32::MAX).then_some(place)
    }
}

impl Lined {
    /// Adds a line of an item; its text is made only where it is wanted.
    fn add(&mut self, id: &str, wanted: Wanted<'_>, parameters: &Parameters, text: impl FnOnce() -> Text) {
        self.counts.read += 1;
        self.ids.push(id);
        match wanted.place(id) {
            Some(place) => {
                let mut text = text();
                self.counts.texts_cut += text.cut(parameters.max_text);
                self.texts.push((place, text));
            }
            None => self.counts.of_other_items += 1,
        }
    }
}

impl MetadataCounts {
    /// Adds the counts of another block.
    fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.of_other_items += other.of_other_items;
        self.page_fragment_titles += other.page_fragment_titles;
        self.rank_as_text += other.rank_as_text;
        self.rank_as_list += other.rank_as_list;
        self.line_breaks_in_details += other.line_breaks_in_details;
        self.price_as_text += other.price_as_text;
        self.texts_cut += other.texts_cut;
    }
}

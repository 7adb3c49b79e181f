//! From what is published to the tables that every other stage reads.
//!
//! Interactions come in many forms (`formats`), which all become one table, from files that are read in blocks of whole
//! lines by one thread and parsed by others. Sequences that somebody has ordered (`sequences`, LC-Rec's `X.inter.json`) and
//! pairs that somebody has split (`train_pairs`, ...) become the same table. What is done to it:
//!
//! * **Order.** A user's rows are ordered by time, then by a hash of the original user and item. Many users have
//!   several items on one day, and no finer time is published; so the same input gives the same split on every machine,
//!   whatever the order of its files and lines. Processed sequences keep their own order, and their position is their time;
//!   pairs keep that of their files.
//! * **Filters** (raw only). Rows rated below `min_rating` go; of several rows of one item by one user the first
//!   stays, unless `repeats` says otherwise; then users and items with too few interactions go, again and again until none is
//!   left (a k-core).
//! * **Sample.** With `users = n` only the n users stay whose original identifier has the smallest hash: the same on every
//!   machine, and part of every larger sample. It is taken right before the k-core.
//! * **New items.** With `new_items = r` that ratio of the items, those whose original identifier has the smallest hash, keeps only rows
//!   that test: for training they are not there, and yet they are in the catalogue. This comes right after the k-core.
//! * **Numbers.** Users and items are numbered by the sorted hash of their original identifier. Numbers handed out in
//!   order of first appearance tell which item came next.
//! * **Split.** The last item of a user tests; with `last-two` the one before it validates; with `time` all from one time on
//!   tests. Users with fewer than three interactions only train. Pairs keep the split that they come with, in which a user may
//!   have several test items.
//! * **Text** is cleaned: lists joined, tags removed, entities decoded, titles that are pieces of a web page dropped.
//!   Items without metadata stay, with empty text.
//!
//! The report counts every row read and what became of it, and looks for leaks of the test item.

mod clean;
mod digest;
mod formats;
mod inputs;
mod metadata;
mod pairs;
mod parameters;
mod preview;
mod raw;
mod report;
mod rules;
mod sequences;
mod source;
mod table;

mod time;
mod write;

pub use parameters::{Cleaning, Columns, Format, Holdout, MissingMetadata, OnBadRow, Parameters, Repeats};
pub use preview::recognise;

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::kinds;
use inputs::Inputs;
use report::{Report, Source};
use std::path::Path;
use table::Table;
use write::{Folders, write_ids, write_rows};

/// Reads published data and writes numbered, ordered, split tables.
#[derive(Debug)]
pub struct Ingest;

/// Takes how many rows were read so far.
type Progressing<'a> = &'a dyn Fn(usize);

impl Stage for Ingest {
    const NAME: &'static str = "ingest";
    const ABOUT: &'static str =
        "Reads interactions in many forms, processed sequences, or split pairs, and numbers, orders and splits them.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        let optional = |name, kind, doc| InputPort::optional(name, kind, doc).or_path();
        let several = |name, kind, doc| InputPort::optional(name, kind, doc).or_paths();
        vec![
            several(
                "reviews",
                kinds::AMAZON_REVIEWS,
                "Raw reviews of Amazon, or any other form that `interactions` takes.",
            ),
            several(
                "interactions",
                "raw-interactions",
                "Interactions: Amazon 2018 or 2023, RecBole, MovieLens, CSV, TSV or Parquet; gzip, zstd or plain.",
            ),
            several(
                "metadata",
                kinds::AMAZON_METADATA,
                "Titles, descriptions, brands and categories: Amazon's JSON lines, RecBole's .item, MovieLens' movies, CSV.",
            ),
            optional("sequences", "sequences", "Processed sequences: X.inter.json, {\"user\": [item, ...]} in order."),
            optional(
                "item_ids",
                "item-ids",
                "Original identifiers of processed items: X.item2id, `original<TAB>number`.",
            ),
            optional("item_text", "item-text", "Texts of processed items: X.item.json, {\"item\": {\"title\": ...}}."),
            optional("train_pairs", "pairs", "Pairs to learn from: `user<TAB>item`."),
            optional("validation_pairs", "pairs", "Pairs to make choices on: `user<TAB>item`."),
            optional("test_pairs", "pairs", "Pairs to be measured on: `user<TAB>item`."),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new(
                "interactions",
                kinds::INTERACTIONS,
                "interactions.parquet and dataset.json, whole sequences.",
            ),
            OutputPort::new("users", kinds::USERS, "users.parquet: the original identifier of each user."),
            OutputPort::new("items", kinds::ITEMS, "items.parquet: identifier, title, description, brand, categories."),
            OutputPort::new(
                "reviews",
                kinds::REVIEWS,
                "reviews.parquet: what users wrote; no row where nothing was written.",
            ),
            OutputPort::new(
                "report",
                kinds::REPORT,
                "report.json and report.html: rows read, kept and dropped, by reason; leaks looked for.",
            ),
        ]
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        let inputs = Inputs::of(context, parameters.files.clone());
        let folders = Folders {
            interactions: context.output("interactions"),
            users: context.output("users"),
            items: context.output("items"),
            reviews: context.output("reviews"),
        };
        let counter = context.progress(0);
        // The number of rows is not known beforehand, so that the counter cannot tell which steps to pass over.
        let progress = |rows: usize| counter.set(rows as u64, "rows");
        let report = ingest(&inputs, &parameters, context.threads(), folders.reviews, Some(folders), &progress)?;
        for line in report.lines() {
            context.log(line);
        }
        report.write(context.output("report"))?;
        match report.warnings() {
            [first, rest @ ..] if parameters.strict => {
                let message =
                    format!("{first}{}", rest.iter().map(|warning| format!("; {warning}")).collect::<String>());
                Err(Failure::new(FailureKind::Conflict, message)
                    .hint("strict is true, so that a warning of the report is an error"))
            }
            _ => Ok(()),
        }
    }
}

/// Reads what is bound and writes the outputs; without folders it only reports. Rows and texts wait in a file without a
/// name in `scratch`.
fn ingest(
    inputs: &Inputs,
    parameters: &Parameters,
    threads: usize,
    scratch: &Path,
    folders: Option<Folders<'_>>,
    progress: Progressing<'_>,
) -> Result<Report> {
    inputs.check()?;
    check(parameters, inputs)?;
    let table = Table::new(scratch)?;
    let (mut gathered, source) = if inputs.has("sequences") {
        let (gathered, sequences) = sequences::gather(inputs, parameters, threads, table)?;
        (gathered, Source::Processed { sequences })
    } else if inputs.has("train_pairs") {
        let (gathered, pairs) = pairs::gather(inputs, parameters, threads, table)?;
        (gathered, Source::Pairs { pairs })
    } else {
        let (gathered, reviews, metadata) = raw::gather(inputs, parameters, threads, table, progress)?;
        (gathered, Source::Raw { reviews: Box::new(reviews), metadata })
    };
    let cutoffs = rules::Cutoffs::of(parameters)?;
    gathered.table.forget_digests();
    let raw::Gathered { table, numbers, texts, .. } = &mut gathered;
    let (dataset, observed) = write_rows(table, numbers, parameters, cutoffs, folders)?;
    if let Some(folders) = folders {
        write_ids(table, numbers, texts, folders)?;
    }
    Ok(Report::new(&gathered, &dataset, &observed, source))
}

/// Refuses parameters that contradict each other.
fn check(parameters: &Parameters, inputs: &Inputs) -> Result<()> {
    if parameters.users == Some(0) {
        return Err(Failure::new(FailureKind::Conflict, "users is 0, expected at least 1")
            .hint("leave it out to take all users"));
    }
    if !(0.0..=0.9).contains(&parameters.new_items) {
        let message = format!("new_items is {}, expected 0 to 0.9", parameters.new_items);
        return Err(Failure::new(FailureKind::Conflict, message).hint("0.05 makes one item in twenty new"));
    }
    let is_cut = rules::Cutoffs::of(parameters)?.is_some();
    match ["sequences", "train_pairs"].into_iter().find(|port| is_cut && inputs.has(port)) {
        None => Ok(()),
        Some(port) => {
            let message = format!("holdout is \"time\", but {port} have no times");
            Err(Failure::new(FailureKind::Conflict, message)
                .hint("bind interactions with times, or hold out the last item"))
        }
    }
}

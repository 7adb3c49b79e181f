//! From what is published to the tables that every other stage reads.
//!
//! Three forms come in: the raw Amazon 2018 one (`reviews`, `metadata`: gzipped, a JSON object a line), the processed
//! one (`sequences`, `item_ids`, `item_text`: `X.inter.json`, `X.item2id`, `X.item.json`), and pairs that somebody has
//! split already (`train_pairs`, `validation_pairs`, `test_pairs`: `user<TAB>item`). What is done to them:
//!
//! * **Order.** A user's rows are ordered by time, then by a hash of the original user and item. Many users have
//!   several items on one day, and no finer time is published; so the same input gives the same split on every machine.
//!   Processed sequences keep their own order, and their position is their time; pairs keep that of their files.
//! * **Filters** (raw only). Rows rated below `min_rating` go; of several reviews of one item by one user the first
//!   stays; then users and items with too few interactions go, again and again until none is left (a k-core).
//! * **Sample.** With `users = n` only the n users stay whose original identifier has the smallest hash: the same on every
//!   machine, and part of every larger sample. It is taken right before the k-core.
//! * **Numbers.** Users and items are numbered by the sorted hash of their original identifier. Numbers handed out in
//!   order of first appearance tell which item came next.
//! * **Split.** The last item of a user tests; with `last-two` the one before it validates. Users with fewer than three
//!   interactions only train. Pairs keep the split that they come with, in which a user may have several test items.
//! * **Text** is cleaned: lists joined, tags removed, entities decoded, titles that are pieces of a web page dropped.
//!   Items without metadata stay, with empty text.
//!
//! The report counts every row read and what became of it, and looks for leaks of the test item.

mod clean;
mod digest;
mod gathered;
mod k_core;
mod lines;
mod metadata;
mod numbering;
mod pairs;
mod processed;
mod raw;
mod report;
mod sample;
mod split;
#[cfg(test)]
mod tests;
mod texts;

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::{kinds, write_json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reads published data and writes numbered, ordered, split tables.
#[derive(Debug)]
pub struct Ingest;

/// What is held out of training, per user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Holdout {
    /// The last item tests, as in the paper.
    #[default]
    Last,
    /// The last item tests and the one before it validates.
    LastTwo,
}

impl Holdout {
    /// Its name in `dataset.json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::LastTwo => "last-two",
        }
    }
}

/// The parameters of [`Ingest`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How many of the latest interactions later stages look at. Written to `dataset.json`; nothing is cut here.
    #[schemars(range(min = 1))]
    pub max_history: usize,
    /// What is held out of training. Pairs keep their own split.
    pub holdout: Holdout,
    /// How many users to take, chosen by a hash of their identifier before those with too few interactions go; all if
    /// absent, or there are fewer. For runs at a small size.
    #[schemars(range(min = 1))]
    pub users: Option<usize>,
    /// The fewest interactions a user may have. Raw input only; 0 and 1 keep all.
    pub min_user_interactions: usize,
    /// The fewest interactions an item may have. Raw input only; 0 and 1 keep all.
    pub min_item_interactions: usize,
    /// The lowest rating that counts as an interaction. Raw input only; 0 keeps all.
    #[schemars(range(min = 0.0, max = 5.0))]
    pub min_rating: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            max_history: 20,
            holdout: Holdout::Last,
            users: None,
            min_user_interactions: 5,
            min_item_interactions: 5,
            min_rating: 0.0,
        }
    }
}

impl Stage for Ingest {
    const NAME: &'static str = "ingest";
    const ABOUT: &'static str =
        "Reads Amazon reviews and metadata, processed sequences, or split pairs, and numbers, orders and splits them.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::One;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        let optional = |name, kind, doc| InputPort::optional(name, kind, doc).or_path();
        vec![
            optional("reviews", "amazon-reviews", "Raw reviews: gzipped JSON lines of the Amazon 2018 form."),
            optional("metadata", "amazon-metadata", "Raw metadata of the items: gzipped JSON lines."),
            optional("sequences", "sequences", "Processed sequences: X.inter.json, {\"user\": [item, ...]} in order."),
            optional(
                "item_ids",
                "item-ids",
                "Original identifiers of processed items: X.item2id, original<TAB>number.",
            ),
            optional("item_text", "item-text", "Texts of processed items: X.item.json, {\"item\": {\"title\": ...}}."),
            optional("train_pairs", "pairs", "Pairs to learn from: user<TAB>item."),
            optional("validation_pairs", "pairs", "Pairs to make choices on: user<TAB>item."),
            optional("test_pairs", "pairs", "Pairs to be measured on: user<TAB>item."),
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
                "report.json: rows read, kept and dropped, by reason; leaks looked for.",
            ),
        ]
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        check_inputs(context)?;
        if parameters.users == Some(0) {
            return Err(Failure::new(FailureKind::Conflict, "users is 0, expected at least 1")
                .hint("leave it out to take all users"));
        }
        let bound = |port| context.optional_input(port).is_some();
        let (gathered, source) = match (bound("sequences"), bound("train_pairs")) {
            (true, _) => processed::gather(&parameters, context)?,
            (_, true) => pairs::gather(&parameters, context)?,
            _ => raw::gather(&parameters, context)?,
        };
        let numbered = numbering::number(gathered);
        let interactions = split::split(&numbered, &parameters);
        let report = report::Report::new(&numbered, &interactions, source);
        for line in report.lines() {
            context.log(line);
        }
        interactions.write(context.output("interactions"))?;
        numbered.users().write(context.output("users"))?;
        numbered.items().write(context.output("items"))?;
        numbered.reviews().write(context.output("reviews"))?;
        write_json(context.output("report"), "report.json", &report)
    }
}

/// The forms of input, each with its ports, of which the first must be bound.
const FORMS: [(&str, &[&str]); 3] = [
    ("raw", &["reviews", "metadata"]),
    ("processed", &["sequences", "item_ids", "item_text"]),
    ("split pairs", &["train_pairs", "validation_pairs", "test_pairs"]),
];

/// Exactly one form of input must be bound, and only its own companions.
fn check_inputs(context: &Context) -> Result<()> {
    let bound = |ports: &[&'static str]| -> Vec<&str> {
        ports.iter().copied().filter(|port| context.optional_input(port).is_some()).collect()
    };
    let forms: Vec<_> = FORMS.iter().map(|(form, ports)| (form, ports[0], bound(ports))).collect();
    let used: Vec<_> = forms.iter().filter(|(_, _, bound)| !bound.is_empty()).collect();
    let conflict = |message: String| {
        let hint = "bind either reviews and metadata (raw), sequences, item_ids and item_text (processed), or \
                    train_pairs, validation_pairs and test_pairs (split pairs)";
        Err(Failure::new(FailureKind::Conflict, message).hint(hint))
    };
    match used.as_slice() {
        [] => conflict("ingest has no input: neither reviews, sequences nor train_pairs are bound".into()),
        [(_, first, bound)] if bound[0] != *first => conflict(format!("ingest has {} but no {first}", bound[0])),
        [_] => Ok(()),
        several => {
            let each: Vec<String> =
                several.iter().map(|(form, _, bound)| format!("{} are {form}", bound.join(" and "))).collect();
            conflict(format!("ingest has inputs of {} forms: {}", each.len(), each.join(", ")))
        }
    }
}

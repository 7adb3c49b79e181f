//! Alignment Task: the questions and answers that the language model is tuned on (paper, section "Alignment Task").
//!
//! From the *training* part of each user's sequence, and from the texts of items and reviews where there are any:
//!
//! - `next-item`: after the items i₁ … iₜ₋₁, which one comes next? The label is iₜ. Each t gives a sample.
//! - `negative`: after the same items, which one will the user hate? For each positive sample, r labels ("1:r") are
//!   drawn uniformly, without repetition, from all items that are not in the user's training sequence. What is held
//!   out is not looked at, so a held-out item may be drawn: leaving it out would tell the model what it is tested on.
//! - `text`: which item has this title and description? Every item with a title, also one that no user chose in the
//!   training part, unless `text_of_new_items` is off: its text is known before anyone does.
//! - `query`: which item answers this review? Only reviews of training interactions.
//!
//! The tasks of LC-Rec are there too, off by default: `item-text` (what is this item called?),
//! `text-history` (titles before an item, items before a title) and `preference` (what does this user like?).
//!
//! Prompts of a user share a group and a variant; each text and each query is a group of its own. Where items are held
//! out for validation, the question about each is written apart.
//!
//! Where `ingest` holds out no validation item, `hold_out` writes a second set of samples, made from sequences that lack each
//! user's last training item, and the questions about these items: a training on them can choose settings.

mod history;
mod lc_rec;
mod parameters;
mod preferences;
mod report;
mod text;

pub use parameters::{Directions, Histories, Parameters};

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Codes, Interactions, Items, Prompt, Prompts, Reviews, Split, TaskKind, Users, kinds};
use recommender::{hold_out_last_training_item, same_ingest};
use report::Report;

/// The stage that writes prompts.
#[derive(Debug)]
pub struct Tasks;

impl Stage for Tasks {
    const NAME: &'static str = "tasks";
    const ABOUT: &'static str = "Writes the prompts and labels that the language model is tuned on.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::One;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required(
                "interactions",
                kinds::INTERACTIONS,
                "The users' sequences; only training rows are used.",
            ),
            InputPort::required("codes", kinds::CODES, "The codes of every item."),
            InputPort::optional("items", kinds::ITEMS, "Titles and descriptions, for the text task."),
            InputPort::optional("users", kinds::USERS, "The users' original identifiers, for the preference task."),
            InputPort::optional(
                "preferences",
                kinds::PREFERENCES,
                "What users prefer, as LC-Rec publishes it: JSON, user_explicit_preference = {user: [text, ...]}.",
            )
            .or_path(),
            InputPort::optional("reviews", kinds::REVIEWS, "The users' words about items, for the query task."),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new("prompts", kinds::PROMPTS, "prompts.parquet: group, kind, prompt, label."),
            OutputPort::new(
                "validation",
                kinds::PROMPTS,
                "prompts.parquet: the next-item question about each validation item; empty where none is held out.",
            ),
            OutputPort::new(
                "choice",
                kinds::PROMPTS,
                "prompts.parquet: with `hold_out`, the samples without each user's last training item; else empty.",
            ),
            OutputPort::new(
                "choice_questions",
                kinds::PROMPTS,
                "prompts.parquet: with `hold_out`, the next-item question about each item that `choice` lacks; else empty.",
            ),
            OutputPort::new(
                "report",
                kinds::REPORT,
                "report.json: samples of each kind, and what was left out and why.",
            ),
        ]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        let interactions = Interactions::read(context.input("interactions")?)?;
        let codes = Codes::read(context.input("codes")?)?;
        let reference = ("interactions", interactions.dataset.items);
        same_ingest(reference, ("codes", codes.items()))?;
        let items = context.optional_input("items").map(Items::read).transpose()?;
        let reviews = context.optional_input("reviews").map(Reviews::read).transpose()?;
        if let Some(items) = &items {
            same_ingest(reference, ("items", items.id.len()))?;
        }

        let users = context.optional_input("users").map(Users::read).transpose()?;
        let preferences = context.optional_input("preferences").zip(users.as_ref());
        let preferences = preferences.map(|(file, users)| preferences::read(file, users)).transpose()?;

        let mut material = Material {
            sequences: interactions.sequences(&[Split::Train]),
            validation: interactions.sequences(&[Split::Validation]),
            max_history: interactions.dataset.max_history,
            item_texts: prompts::item_texts(&codes),
            is_trained: interactions.is_trained(),
            items,
            reviews,
            preferences,
        };
        let (prompts, report) = write_prompts(&material, &parameters, context.seed());
        report.lines().into_iter().for_each(|line| context.log(line));
        if prompts.0.is_empty() {
            return Err(Failure::new(FailureKind::NothingUsable, "no task gives any sample")
                .hint("switch a task on, lower min_history, or bind items or reviews"));
        }
        prompts.write(context.output("prompts"))?;
        history::validation(&material, &parameters, context.seed()).write(context.output("validation"))?;
        frames::write_json(context.output("report"), "report.json", &report)?;
        let (choice, questions) = hold_out(&mut material, &interactions, &parameters, context);
        choice.write(context.output("choice"))?;
        questions.write(context.output("choice_questions"))
    }
}

/// With `hold_out`, the samples without each user's last training item and the questions about these items.
fn hold_out(
    material: &mut Material,
    interactions: &Interactions,
    parameters: &Parameters,
    context: &Context,
) -> (Prompts, Prompts) {
    if !parameters.hold_out {
        return Default::default();
    }
    if interactions.split.contains(&Split::Validation) {
        context.log("hold_out writes nothing: ingest holds out validation items already");
        return Default::default();
    }
    let held = hold_out_last_training_item(interactions);
    material.sequences = held.sequences(&[Split::Train]);
    material.validation = held.sequences(&[Split::Validation]);
    let (choice, _) = write_prompts(material, parameters, context.seed());
    let questions = history::validation(material, parameters, context.seed());
    context.log(format!(
        "{} samples without each user's last training item, {} of which are asked for",
        choice.0.len(),
        questions.0.len()
    ));
    (choice, questions)
}

/// All that prompts are made from.
#[derive(Debug)]
struct Material {
    /// The training items of each user in order.
    sequences: Vec<Vec<u32>>,
    /// The validation items of each user.
    validation: Vec<Vec<u32>>,
    max_history: usize,
    item_texts: Vec<String>,
    /// By item.
    is_trained: Vec<bool>,
    items: Option<Items>,
    reviews: Option<Reviews>,
    /// What each user prefers, as texts.
    preferences: Option<Vec<Vec<String>>>,
}

fn write_prompts(material: &Material, parameters: &Parameters, seed: u64) -> (Prompts, Report) {
    let mut samples = Samples::default();
    history::add(&mut samples, material, parameters, seed);
    text::add_texts(&mut samples, material, parameters, seed);
    text::add_queries(&mut samples, material, parameters, seed);
    lc_rec::add_item_texts(&mut samples, material, parameters, seed);
    lc_rec::add_text_histories(&mut samples, material, parameters, seed);
    lc_rec::add_preferences(&mut samples, material, parameters, seed);
    samples.report.groups = samples.groups;
    (Prompts(samples.prompts), samples.report)
}

/// The prompts so far, the number of groups they are in, and their account.
#[derive(Debug, Default)]
struct Samples {
    prompts: Vec<Prompt>,
    groups: u32,
    report: Report,
}

impl Samples {
    fn add(&mut self, group: u32, kind: TaskKind, prompt: String, label: &str) {
        self.prompts.push(Prompt { group, kind, prompt, label: label.to_owned() });
        self.report.count(kind);
    }

    /// A group that no prompt is in yet.
    fn next_group(&mut self) -> u32 {
        self.groups += 1;
        self.groups - 1
    }
}

#[cfg(test)]
mod tests;

//! Made-up reviews and metadata of any size, in the form of the Amazon 2018 files.
//!
//! There is something in them to learn, of each kind that the models look for:
//!
//! * **Tastes.** Items belong to tastes, users have a few of them, and buy from others only now and then.
//! * **Sequences.** Items come in series, and each item has successors in its taste: the next of its series, and two
//!   that go with it. Having bought an item, a user buys a successor with probability `sequence_strength`.
//! * **Words.** Titles, descriptions and reviews name the kind of thing, what it is made for, its make and its series.
//!
//! The files also have the flaws of the published ones, about `flaws` of the rows each: repeated reviews, reviews
//! without text, titles that are pieces of a web page, items on two lines or on none, `rank` as a text or a list.
//!
//! Nothing is downloaded, and equal parameters and seed give equal bytes.

mod behaviour;
mod catalogue;
mod published;
mod words;

use behaviour::purchases;
use catalogue::Catalogue;
use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::kinds;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Makes up a data set.
#[derive(Debug)]
pub struct Sample;

/// The parameters of [`Sample`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How many users there are.
    #[schemars(range(min = 1))]
    pub users: usize,
    /// How many items there are; at least six a taste.
    #[schemars(range(min = 6))]
    pub items: usize,
    /// How many tastes the items are of.
    #[schemars(range(min = 1))]
    pub tastes: usize,
    /// How many tastes a user has.
    #[schemars(range(min = 1))]
    pub tastes_per_user: usize,
    /// How many items a user buys on average; at least five.
    #[schemars(range(min = 5.0))]
    pub mean_length: f64,
    /// How often the next item is a successor of the last one.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sequence_strength: f64,
    /// How often any other item is of the user's tastes.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub taste_strength: f64,
    /// The share of rows with each flaw of the published files.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub flaws: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            users: 1_200,
            items: 400,
            tastes: 8,
            tastes_per_user: 2,
            mean_length: 9.0,
            sequence_strength: 0.6,
            taste_strength: 0.9,
            flaws: 0.01,
        }
    }
}

impl Stage for Sample {
    const NAME: &'static str = "sample";
    const ABOUT: &'static str =
        "Makes up reviews and metadata in the Amazon 2018 form, with tastes, sequences and words to learn.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::One;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        Vec::new()
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new(
                "reviews",
                kinds::AMAZON_REVIEWS,
                "reviews.json.gz: one JSON object a line, by item and time.",
            ),
            OutputPort::new("metadata", kinds::AMAZON_METADATA, "metadata.json.gz: one JSON object a line, by item."),
        ]
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        check(&parameters)?;
        let mut random = ChaCha8Rng::seed_from_u64(context.seed());
        let catalogue = Catalogue::new(&parameters, &mut random);
        let purchases = purchases(&parameters, &catalogue, &mut random);
        let reviews = published::reviews(&purchases, &catalogue, parameters.flaws, &mut random);
        let metadata = published::metadata(&catalogue, parameters.flaws, &mut random);
        context.log(format!(
            "made up {} reviews by {} users and {} lines of metadata of {} items in {} tastes",
            reviews.len(),
            parameters.users,
            metadata.len(),
            parameters.items,
            parameters.tastes
        ));
        published::write(&context.output("reviews").join("reviews.json.gz"), &reviews)?;
        published::write(&context.output("metadata").join("metadata.json.gz"), &metadata)
    }
}

fn check(parameters: &Parameters) -> Result<()> {
    let Parameters { users, items, tastes, tastes_per_user, mean_length, .. } = *parameters;
    let conflict = |message: String| Err(Failure::new(FailureKind::Conflict, message));
    let shares = [
        ("sequence_strength", parameters.sequence_strength),
        ("taste_strength", parameters.taste_strength),
        ("flaws", parameters.flaws),
    ];
    if let Some((name, share)) = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
        return conflict(format!("{name} = {share}, expected a share from 0 to 1"));
    }
    if users == 0 || tastes == 0 || tastes_per_user == 0 {
        return conflict("users, tastes and tastes_per_user must be at least 1".into());
    }
    if tastes_per_user > tastes {
        return conflict(format!("tastes_per_user = {tastes_per_user}, expected at most tastes = {tastes}"));
    }
    if items < tastes.saturating_mul(catalogue::FEWEST_ITEMS_A_TASTE) {
        let least = tastes.saturating_mul(catalogue::FEWEST_ITEMS_A_TASTE);
        return conflict(format!("items = {items}, expected at least {least} for {tastes} tastes"));
    }
    let most = items as f64 / 2.0;
    let least = behaviour::SHORTEST as f64;
    if most < least || !(least..=most).contains(&mean_length) {
        return conflict(format!("mean_length = {mean_length}, expected from {least} to half the items, {most}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

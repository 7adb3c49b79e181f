//! Made-up reviews and metadata of any size, in the form of the Amazon 2018 files.
//!
//! There is something in them to learn, of each kind that the models look for:
//!
//! * **Latent preferences.** Items belong to latent preferences, users have a few of them, and buy from others only now and then.
//! * **Sequences.** Items come in series, and each item has successors in its preference: the next of its series, and two
//!   that go with it. Having bought an item, a user buys a successor with probability `sequence_strength`.
//! * **Words.** Titles, descriptions and reviews name the kind of thing, what it is made for, its make and its series.
//!
//! The files also have the flaws of the published ones, about `flaws` of the rows each: repeated reviews, reviews
//! without text, titles that are pieces of a web page, items on two lines or on none, `rank` as a string or a list.
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
    /// The number of users.
    #[schemars(range(min = 1))]
    pub users: usize,
    /// The number of items; at least six for each latent preference.
    #[schemars(range(min = 6))]
    pub items: usize,
    /// The number of latent preferences that items belong to.
    #[schemars(range(min = 1))]
    pub latent_preferences: usize,
    /// The number of latent preferences of a user.
    #[schemars(range(min = 1))]
    pub preferences_per_user: usize,
    /// The mean number of items that a user buys; at least five.
    #[schemars(range(min = 5.0))]
    pub mean_length: f64,
    /// Probability that the next item is a successor of the last one.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sequence_strength: f64,
    /// Probability that any other item is of the user's latent preferences.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub preference_strength: f64,
    /// Ratio of rows that have each flaw of the published files.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub flaws: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            users: 1_200,
            items: 400,
            latent_preferences: 8,
            preferences_per_user: 2,
            mean_length: 9.0,
            sequence_strength: 0.6,
            preference_strength: 0.9,
            flaws: 0.01,
        }
    }
}

impl Stage for Sample {
    const NAME: &'static str = "sample";
    const ABOUT: &'static str =
        "Makes up reviews and metadata in the Amazon 2018 form, with latent preferences, sequences and words to learn.";
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
            "made up {} reviews by {} users and {} lines of metadata of {} items in {} latent preferences",
            reviews.len(),
            parameters.users,
            metadata.len(),
            parameters.items,
            parameters.latent_preferences
        ));
        published::write(&context.output("reviews").join("reviews.json.gz"), &reviews)?;
        published::write(&context.output("metadata").join("metadata.json.gz"), &metadata)
    }
}

fn check(parameters: &Parameters) -> Result<()> {
    let Parameters { users, items, latent_preferences, preferences_per_user, mean_length, .. } = *parameters;
    let conflict = |message: String| Err(Failure::new(FailureKind::Conflict, message));
    let ratios = [
        ("sequence_strength", parameters.sequence_strength),
        ("preference_strength", parameters.preference_strength),
        ("flaws", parameters.flaws),
    ];
    if let Some((name, ratio)) = ratios.into_iter().find(|(_, ratio)| !(0.0..=1.0).contains(ratio)) {
        return conflict(format!("{name} = {ratio}, expected a ratio from 0 to 1"));
    }
    if users == 0 || latent_preferences == 0 || preferences_per_user == 0 {
        return conflict("users, latent_preferences and preferences_per_user must be at least 1".into());
    }
    if preferences_per_user > latent_preferences {
        return conflict(format!(
            "preferences_per_user = {preferences_per_user}, expected at most latent_preferences = {latent_preferences}"
        ));
    }
    if items < latent_preferences.saturating_mul(catalogue::MIN_ITEMS_PER_PREFERENCE) {
        let least = latent_preferences.saturating_mul(catalogue::MIN_ITEMS_PER_PREFERENCE);
        return conflict(format!(
            "items = {items}, expected at least {least} for {latent_preferences} latent preferences"
        ));
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

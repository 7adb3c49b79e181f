//! Made-up reviews and metadata of any size, in the form of the Amazon 2018 or 2023 files. Purchases wait on disk, so that memory
//! grows with users and items, not with reviews.
//!
//! There is something in them to learn, of each kind that the models look for:
//!
//! * **Latent preferences.** Items belong to latent preferences, users have a few of them, and buy from others only now and then.
//! * **Sequences.** Items come in series, and each item has successors in its preference: the next of its series, and two
//!   that go with it. A user buys a successor of the item `sequence_lag` purchases ago with probability `sequence_strength`: by
//!   default three series are followed at a time, so that what comes next is not told by the last item.
//! * **Words.** Titles, descriptions and reviews name the kind of thing, what it is made for, its make and its series.
//!
//! The files also have the flaws of the published ones, about `flaws` of the rows each: repeated reviews, reviews
//! without text, titles that are pieces of a web page, items on two lines or on none, `rank` as a string or a list.
//!
//! Nothing is downloaded, and equal parameters and seed give equal bytes.

mod behaviour;
mod by_item;
mod catalogue;
mod published;
mod words;

use behaviour::each_purchase;
use by_item::ByItem;
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

/// The form of the files that are made up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Form {
    /// That of the Amazon 2018 files.
    #[default]
    #[serde(rename = "amazon-2018")]
    Amazon2018,
    /// That of the Amazon 2023 files.
    #[serde(rename = "amazon-2023")]
    Amazon2023,
}

impl Form {
    /// What ends the name of a file.
    fn extension(self) -> &'static str {
        match self {
            Self::Amazon2018 => "json.gz",
            Self::Amazon2023 => "jsonl.gz",
        }
    }
}

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
    /// How far back the item is that the next one may follow: 1 is the last item, 2 the one before it; 3 is of users who follow
    /// three series at a time and take them by turns.
    #[schemars(range(min = 1))]
    pub sequence_lag: usize,
    /// Probability that the next item is a successor of the item that it may follow.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sequence_strength: f64,
    /// Probability that any other item is of the user's latent preferences.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub preference_strength: f64,
    /// The form of the files.
    pub form: Form,
    /// Ratio of rows that have each flaw of the published files.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub flaws: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            users: 1_500,
            items: 400,
            latent_preferences: 8,
            preferences_per_user: 3,
            mean_length: 12.0,
            sequence_lag: 3,
            sequence_strength: 0.6,
            preference_strength: 0.9,
            form: Form::Amazon2018,
            flaws: 0.01,
        }
    }
}

impl Stage for Sample {
    const NAME: &'static str = "sample";
    const ABOUT: &'static str = "Makes up reviews and metadata in the Amazon 2018 or 2023 form, with latent preferences, sequences and words to learn.";
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
                "reviews.json.gz, or .jsonl.gz in the form of 2023: one JSON object a line, by item and time.",
            ),
            OutputPort::new(
                "metadata",
                kinds::AMAZON_METADATA,
                "metadata.json.gz, or .jsonl.gz: one JSON object a line, by item.",
            ),
        ]
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        check(&parameters)?;
        let mut random = ChaCha8Rng::seed_from_u64(context.seed());
        let catalogue = Catalogue::new(&parameters, &mut random);
        let mut purchases = ByItem::new(&catalogue, context.output("reviews"));
        each_purchase(&parameters, &catalogue, &mut random, &mut |purchase| purchases.push(&purchase))?;
        let file = |port: &str| context.output(port).join(format!("{port}.{}", parameters.form.extension()));
        let reviews = published::write_reviews(&file("reviews"), purchases, &catalogue, &parameters, &mut random)?;
        let metadata = published::write_metadata(&file("metadata"), &catalogue, &parameters, &mut random)?;
        context.log(format!(
            "made up {reviews} reviews by {} users and {metadata} lines of metadata of {} items in {} latent preferences",
            parameters.users, parameters.items, parameters.latent_preferences
        ));
        Ok(())
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
    if users == 0 || latent_preferences == 0 || preferences_per_user == 0 || parameters.sequence_lag == 0 {
        return conflict("users, latent_preferences, preferences_per_user and sequence_lag must be at least 1".into());
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

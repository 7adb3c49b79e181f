//! What users buy, and in which order.

use crate::Parameters;
use crate::catalogue::{Catalogue, base36};
use contract::Result;
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// The fewest items that a user buys.
pub(crate) const SHORTEST: usize = 5;

/// The likelihood of each successor of an item.
const SUCCESSOR_WEIGHTS: [f64; 3] = [0.65, 0.22, 0.13];

/// One item bought by one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purchase {
    /// The user.
    pub(crate) user: User,
    /// The item.
    pub(crate) item: u32,
    /// Days since 1970.
    pub(crate) day: i32,
    /// Whether the item is of the user's latent preferences.
    pub(crate) of_preference: bool,
}

/// A user by numbers; users are ordered as their identifiers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct User {
    /// The beginning of the identifier, which says nothing.
    pub(crate) prefix: u32,
    /// The number of the user.
    pub(crate) serial: u32,
}

impl User {
    /// The user's identifier.
    pub(crate) fn reviewer(self) -> String {
        format!("A{}{}", base36(self.prefix as usize, 5), base36(self.serial as usize, 7))
    }

    /// The user's name.
    pub(crate) fn name(self) -> String {
        format!("Customer {}", self.serial)
    }
}

/// Gives all purchases to `take`, by user and time.
pub(crate) fn each_purchase(
    parameters: &Parameters,
    catalogue: &Catalogue,
    random: &mut ChaCha8Rng,
    take: &mut impl FnMut(Purchase) -> Result<()>,
) -> Result<()> {
    let mut serials: Vec<usize> = (0..parameters.users).collect();
    serials.shuffle(random);
    for serial in serials {
        of_user(serial, parameters, catalogue, random).into_iter().try_for_each(&mut *take)?;
    }
    Ok(())
}

fn of_user(serial: usize, parameters: &Parameters, catalogue: &Catalogue, random: &mut ChaCha8Rng) -> Vec<Purchase> {
    const FIRST_DAY: i64 = 14_610;
    const YEARS: i64 = 6;
    let mut preferences: Vec<usize> = (0..parameters.latent_preferences).collect();
    let (preferences, _) = preferences.partial_shuffle(random, parameters.preferences_per_user);
    // A range of usize: what is drawn depends on the type.
    let prefix: usize = random.random_range(0..60_466_176);
    let user = User { prefix: prefix as u32, serial: serial as u32 };
    let length = length(parameters, random);
    let mut day: i64 = FIRST_DAY + random.random_range(0..365 * YEARS);
    let mut bought: Vec<usize> = Vec::with_capacity(length);
    let mut purchases = Vec::with_capacity(length);
    while bought.len() < length {
        let item = new_item(&bought, preferences, parameters, catalogue, random);
        bought.push(item);
        let of_preference = preferences.contains(&catalogue.items[item].preference);
        purchases.push(Purchase { user, item: item as u32, day: day as i32, of_preference });
        // Now and then two items come on one day: no finer time is published.
        day += if random.random_bool(0.04) { 0 } else { random.random_range(1..40) };
    }
    purchases
}

/// At least [`SHORTEST`], on average `mean_length`, at most half the items so that there is always something left.
fn length(parameters: &Parameters, random: &mut ChaCha8Rng) -> usize {
    let more = parameters.mean_length - SHORTEST as f64;
    let go_on = more / (more + 1.0);
    let most = (parameters.items / 2).max(SHORTEST);
    let mut length = SHORTEST;
    while length < most && random.random_bool(go_on) {
        length += 1;
    }
    length
}

/// An item that the user has not bought yet: as behaviour has it, or any when that has nothing new to offer.
fn new_item(
    bought: &[usize],
    preferences: &[usize],
    parameters: &Parameters,
    catalogue: &Catalogue,
    random: &mut ChaCha8Rng,
) -> usize {
    const TRIES: usize = 30;
    for _ in 0..TRIES {
        let followed = bought.len().checked_sub(parameters.sequence_lag).map(|place| bought[place]);
        let item = next_item(followed, preferences, parameters, catalogue, random);
        if !bought.contains(&item) {
            return item;
        }
    }
    // At most half of the items are bought, so that uniform draws end.
    loop {
        let item = random.random_range(0..catalogue.items.len());
        if !bought.contains(&item) {
            return item;
        }
    }
}

/// A successor of the item that is followed, if there is one, or an item of a preference, or any.
fn next_item(
    followed: Option<usize>,
    preferences: &[usize],
    parameters: &Parameters,
    catalogue: &Catalogue,
    random: &mut ChaCha8Rng,
) -> usize {
    if let Some(followed) = followed
        && random.random_bool(parameters.sequence_strength)
    {
        let mut point = random.random::<f64>();
        for (successor, weight) in catalogue.items[followed].successors.into_iter().zip(SUCCESSOR_WEIGHTS) {
            if point < weight {
                return successor;
            }
            point -= weight;
        }
        return catalogue.items[followed].successors[0];
    }
    if random.random_bool(parameters.preference_strength) {
        let preference = preferences[random.random_range(0..preferences.len())];
        return popular(&catalogue.by_preference[preference], random);
    }
    random.random_range(0..catalogue.items.len())
}

/// One of the items, the earlier ones more often: the lesser of two uniform picks.
fn popular(items: &[usize], random: &mut ChaCha8Rng) -> usize {
    let picks = [random.random_range(0..items.len()), random.random_range(0..items.len())];
    items[picks[0].min(picks[1])]
}

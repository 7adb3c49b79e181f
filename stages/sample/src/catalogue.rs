//! The items: their preferences, series, successors and descriptions.

use crate::Parameters;
use crate::words::{ATTRIBUTES, BRANDS, DEPARTMENTS, SERIES, VARIANTS};
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// With fewer, an item's successors could not differ.
pub(crate) const MIN_ITEMS_PER_PREFERENCE: usize = 6;

/// How many items a series has.
const SERIES_LENGTH: usize = 5;

/// An item.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Its identifier.
    pub(crate) asin: String,
    /// The preference it is of.
    pub(crate) preference: usize,
    /// What tends to be bought after it, the likeliest first.
    pub(crate) successors: [usize; 3],
    /// The department's name, as in [`DEPARTMENTS`] and [`VARIANTS`].
    pub(crate) department: String,
    /// What it is.
    pub(crate) thing: &'static str,
    /// What it is like.
    pub(crate) attribute: &'static str,
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// The series it is of.
    pub(crate) series: String,
    /// Its maker.
    pub(crate) brand: &'static str,
}

/// All items.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// The items.
    pub(crate) items: Vec<Item>,
    /// The items of each preference, the most popular first.
    pub(crate) by_preference: Vec<Vec<usize>>,
}

impl Catalogue {
    /// Makes up as many items as the parameters say.
    pub(crate) fn new(parameters: &Parameters, random: &mut ChaCha8Rng) -> Self {
        // Identifiers in an order of their own, so that they tell nothing.
        let mut serials: Vec<usize> = (0..parameters.items).collect();
        serials.shuffle(random);
        let mut items = Vec::with_capacity(parameters.items);
        let mut by_preference = Vec::new();
        for preference in 0..parameters.latent_preferences {
            let count = parameters.items / parameters.latent_preferences
                + usize::from(preference < parameters.items % parameters.latent_preferences);
            let first = items.len();
            for place in 0..count {
                items.push(item(preference, place, first, count, serials[first + place], random));
            }
            let mut popular: Vec<usize> = (first..first + count).collect();
            popular.shuffle(random);
            by_preference.push(popular);
        }
        Self { items, by_preference }
    }
}

impl Item {
    /// The title.
    pub(crate) fn title(&self) -> String {
        format!("{} {} {} {}", self.brand, self.series, self.attribute, self.thing)
    }

    /// The description, which names the likeliest successor.
    pub(crate) fn description(&self, catalogue: &Catalogue) -> String {
        let next = &catalogue.items[self.successors[0]];
        format!(
            "A {} {} for {}. Part of the {} series by {}. Goes well with the {} {}.",
            self.attribute, self.thing, self.purpose, self.series, self.brand, next.series, next.thing
        )
    }
}

/// The item at `place` of the `count` items of a preference, which start at `first`.
fn item(preference: usize, place: usize, first: usize, count: usize, serial: usize, random: &mut ChaCha8Rng) -> Item {
    let department = &DEPARTMENTS[preference % DEPARTMENTS.len()];
    let variant = VARIANTS[preference / DEPARTMENTS.len() % VARIANTS.len()];
    let number = place / SERIES_LENGTH;
    // A series has one maker and one purpose; series names come again, with a number, in large preferences.
    let series = SERIES[(number * 7 + preference * 5) % SERIES.len()];
    let series =
        if number < SERIES.len() { series.to_owned() } else { format!("{series} {}", number / SERIES.len() + 1) };
    let mut others = [0; 2];
    for (hop, other) in others.iter_mut().enumerate() {
        // Two different items, neither the item itself nor the next one.
        let half = (count - 2) / 2;
        *other = first + (place + 2 + hop * half + random.random_range(0..half)) % count;
    }
    Item {
        asin: format!("B0{}{}", base36(random.random_range(0..46_656), 3), base36(serial, 5)),
        preference,
        successors: [first + (place + 1) % count, others[0], others[1]],
        department: format!("{variant} {}", department.name).trim().to_owned(),
        thing: department.things[place % department.things.len()],
        attribute: ATTRIBUTES[random.random_range(0..ATTRIBUTES.len())],
        purpose: department.uses[number % department.uses.len()],
        series,
        brand: BRANDS[(number * 3 + preference) % BRANDS.len()],
    }
}

/// A number in capital letters and digits, at least `width` of them.
pub(crate) fn base36(number: usize, width: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut digits = Vec::new();
    let mut rest = number;
    while rest > 0 || digits.len() < width {
        digits.push(char::from(DIGITS[rest % 36]));
        rest /= 36;
    }
    digits.iter().rev().collect()
}

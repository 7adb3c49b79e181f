//! Purchases and items as the published files have them, flaws included.

use crate::behaviour::Purchase;
use crate::by_item::ByItem;
use crate::catalogue::{Catalogue, Item};
use crate::words::{DOUBT, PRAISE};
use crate::{Form, Parameters};
use contract::{Failure, Result};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Writes the reviews, by item and time; returns how many.
pub(crate) fn write_reviews(
    path: &Path,
    mut purchases: ByItem,
    catalogue: &Catalogue,
    parameters: &Parameters,
    random: &mut ChaCha8Rng,
) -> Result<usize> {
    let mut lines = GzippedLines::create(path)?;
    purchases.each(|purchase| {
        let item = &catalogue.items[purchase.item as usize];
        let mut review = review(&purchase, item, random);
        if random.random_bool(parameters.flaws) {
            review.text = None;
        }
        let line = review.line(parameters.form);
        let repeated = random.random_bool(parameters.flaws);
        (0..=usize::from(repeated)).try_for_each(|_| lines.write(&line))
    })?;
    lines.finish()
}

/// Writes the metadata, by item; returns how many lines.
pub(crate) fn write_metadata(
    path: &Path,
    catalogue: &Catalogue,
    parameters: &Parameters,
    random: &mut ChaCha8Rng,
) -> Result<usize> {
    let flaws = parameters.flaws;
    let mut ordered: Vec<&Item> = catalogue.items.iter().collect();
    ordered.sort_by_key(|item| &item.asin);
    let mut lines = GzippedLines::create(path)?;
    for item in ordered {
        if random.random_bool(flaws) {
            continue;
        }
        let mut line = item_line(item, catalogue, parameters.form, random);
        if random.random_bool(flaws) {
            line["title"] = json!("<span class=\"a-size-medium a-color-secondary\"");
        }
        let repeated = random.random_bool(flaws);
        (0..=usize::from(repeated)).try_for_each(|_| lines.write(&line))?;
    }
    lines.finish()
}

/// A gzipped file of lines; its header holds neither time nor name.
struct GzippedLines {
    encoder: GzEncoder<BufWriter<File>>,
    path: PathBuf,
    lines: usize,
}

impl GzippedLines {
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| Failure::writing(path, error))?;
        let encoder = GzBuilder::new().mtime(0).write(BufWriter::new(file), Compression::default());
        Ok(Self { encoder, path: path.to_owned(), lines: 0 })
    }

    /// Writes a line piece by piece as it is made: the compressed bytes depend on the pieces.
    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        self.lines += 1;
        serde_json::to_writer(&mut self.encoder, line)
            .map_err(std::io::Error::from)
            .and_then(|()| self.encoder.write_all(b"\n"))
            .map_err(|error| Failure::writing(&self.path, error))
    }

    fn finish(self) -> Result<usize> {
        let Self { encoder, path, lines } = self;
        encoder.finish().and_then(|mut file| file.flush()).map_err(|error| Failure::writing(&path, error))?;
        Ok(lines)
    }
}

/// What a review says.
struct Review<'a> {
    rating: f64,
    purchase: &'a Purchase,
    asin: &'a str,
    text: Option<String>,
    summary: &'static str,
}

/// A line of either form.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Of2018(Review2018<'a>),
    Of2023(Review2023<'a>),
}

#[derive(Serialize)]
struct Review2018<'a> {
    overall: f64,
    verified: bool,
    #[serde(rename = "reviewerID")]
    reviewer: String,
    asin: &'a str,
    #[serde(rename = "reviewerName")]
    name: String,
    #[serde(rename = "reviewText", skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    summary: &'a str,
    #[serde(rename = "unixReviewTime")]
    time: i64,
}

#[derive(Serialize)]
struct Review2023<'a> {
    rating: f64,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    images: [&'a str; 0],
    asin: &'a str,
    parent_asin: &'a str,
    user_id: String,
    timestamp: i64,
    helpful_vote: u32,
    verified_purchase: bool,
}

impl Review<'_> {
    fn line(&self, form: Form) -> Line<'_> {
        const SECONDS_A_DAY: i64 = 86_400;
        let seconds = i64::from(self.purchase.day) * SECONDS_A_DAY;
        let Self { rating, purchase, asin, text, summary } = self;
        let (rating, text) = (*rating, text.as_deref());
        match form {
            Form::Amazon2018 => Line::Of2018(Review2018 {
                overall: rating,
                verified: true,
                reviewer: purchase.user.reviewer(),
                asin,
                name: purchase.user.name(),
                text,
                summary,
                time: seconds,
            }),
            Form::Amazon2023 => Line::Of2023(Review2023 {
                rating,
                title: summary,
                text,
                images: [],
                asin,
                parent_asin: asin,
                user_id: purchase.user.reviewer(),
                timestamp: 1_000 * seconds,
                helpful_vote: 0,
                verified_purchase: true,
            }),
        }
    }
}

fn review<'a>(purchase: &'a Purchase, item: &'a Item, random: &mut ChaCha8Rng) -> Review<'a> {
    let (rating, (summary, opinion)) = if purchase.of_preference {
        (random.random_range(4..=5), PRAISE[random.random_range(0..PRAISE.len())])
    } else {
        (random.random_range(2..=4), DOUBT[random.random_range(0..DOUBT.len())])
    };
    let text = match random.random_range(0..3) {
        0 => format!("I was looking for a {} {} for {}. {opinion}", item.attribute, item.thing, item.purpose),
        1 => format!("This {} from the {} series is good for {}. {opinion}", item.thing, item.series, item.purpose),
        _ => format!("A {} {} by {}. {opinion}", item.attribute, item.thing, item.brand),
    };
    Review { rating: f64::from(rating), purchase, asin: &item.asin, text: Some(text), summary }
}

fn item_line(item: &Item, catalogue: &Catalogue, form: Form, random: &mut ChaCha8Rng) -> Value {
    let place = random.random_range(1..100_000);
    let rank = if random.random_bool(0.5) {
        json!(format!("{place} in {} (", item.department))
    } else {
        json!([format!(">#{place} in {}", item.department)])
    };
    let cents = random.random_range(499..20_000);
    if form == Form::Amazon2023 {
        return json!({
            "main_category": item.department,
            "title": item.title(),
            "features": [item.attribute, item.purpose],
            "description": [item.description(catalogue)],
            "price": f64::from(cents) / 100.0,
            "images": [],
            "videos": [],
            "store": item.brand,
            "categories": ["Everything &amp; More", item.department, item.thing],
            "details": {"Product Dimensions": "3 x 2 x 1 inches", "Best Sellers Rank": rank},
            "parent_asin": item.asin,
            "bought_together": null,
        });
    }
    json!({
        "category": ["Everything &amp; More", item.department, item.thing],
        "tech1": "",
        "description": [item.description(catalogue), ""],
        "fit": "",
        "title": item.title(),
        "also_buy": item.successors.map(|next| catalogue.items[next].asin.clone()),
        "brand": item.brand,
        "feature": [item.attribute, item.purpose],
        "rank": rank,
        "details": {"\n    Product Dimensions: \n    ": "3 x 2 x 1 inches", "ASIN: ": item.asin},
        "main_cat": item.department,
        "price": format!("${}.{:02}", cents / 100, cents % 100),
        "asin": item.asin,
    })
}

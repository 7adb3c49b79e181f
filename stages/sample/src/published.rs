//! Purchases and items as the published files have them, flaws included.

use crate::behaviour::Purchase;
use crate::catalogue::{Catalogue, Item};
use crate::words::{DOUBT, PRAISE};
use contract::{Failure, Result};
use flate2::{Compression, GzBuilder};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;

/// The reviews, by item and time.
pub(crate) fn reviews(
    purchases: &[Purchase],
    catalogue: &Catalogue,
    flaws: f64,
    random: &mut ChaCha8Rng,
) -> Vec<Value> {
    let mut ordered: Vec<&Purchase> = purchases.iter().collect();
    ordered.sort_by_key(|purchase| (&catalogue.items[purchase.item].asin, purchase.day, &purchase.reviewer));
    let mut reviews = Vec::with_capacity(ordered.len());
    for purchase in ordered {
        let mut line = review(purchase, &catalogue.items[purchase.item], random);
        if random.random_bool(flaws)
            && let Some(fields) = line.as_object_mut()
        {
            fields.shift_remove("reviewText");
        }
        let repeated = random.random_bool(flaws);
        reviews.push(line.clone());
        if repeated {
            reviews.push(line);
        }
    }
    reviews
}

/// The metadata, by item.
pub(crate) fn metadata(catalogue: &Catalogue, flaws: f64, random: &mut ChaCha8Rng) -> Vec<Value> {
    let mut ordered: Vec<&Item> = catalogue.items.iter().collect();
    ordered.sort_by_key(|item| &item.asin);
    let mut lines = Vec::with_capacity(ordered.len());
    for item in ordered {
        if random.random_bool(flaws) {
            continue;
        }
        let mut line = item_line(item, catalogue, random);
        if random.random_bool(flaws) {
            line["title"] = json!("<span class=\"a-size-medium a-color-secondary\"");
        }
        let repeated = random.random_bool(flaws);
        lines.push(line.clone());
        if repeated {
            lines.push(line);
        }
    }
    lines
}

/// Writes values as gzipped JSON lines; the header holds neither time nor name.
pub(crate) fn write(path: &Path, lines: &[Value]) -> Result<()> {
    let failed = |error| Failure::writing(path, error);
    let file = std::fs::File::create(path).map_err(failed)?;
    let mut encoder = GzBuilder::new().mtime(0).write(std::io::BufWriter::new(file), Compression::default());
    for line in lines {
        writeln!(encoder, "{line}").map_err(failed)?;
    }
    encoder.finish().and_then(|mut file| file.flush()).map_err(failed)
}

fn review(purchase: &Purchase, item: &Item, random: &mut ChaCha8Rng) -> Value {
    const SECONDS_A_DAY: i64 = 86_400;
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
    json!({
        "overall": f64::from(rating),
        "verified": true,
        "reviewerID": purchase.reviewer,
        "asin": item.asin,
        "reviewerName": purchase.name,
        "reviewText": text,
        "summary": summary,
        "unixReviewTime": purchase.day * SECONDS_A_DAY,
    })
}

fn item_line(item: &Item, catalogue: &Catalogue, random: &mut ChaCha8Rng) -> Value {
    let place = random.random_range(1..100_000);
    let rank = if random.random_bool(0.5) {
        json!(format!("{place} in {} (", item.department))
    } else {
        json!([format!(">#{place} in {}", item.department)])
    };
    let cents = random.random_range(499..20_000);
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

//! By how much tensors and tables differ from those of another run, for `pipe reproduce`.

mod tables;
mod tensors;

use contract::questions::{Difference, Differences, LargestDifference};
use contract::{Failure, FailureKind, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// For each file, what differs most in it; files without a difference are omitted.
///
/// # Errors
/// When a file cannot be read, or is neither tensors nor a table.
pub(crate) fn answer(request: &Difference) -> Result<Differences> {
    let mut files = BTreeMap::new();
    for file in &request.files {
        if let Some(largest) = between(&request.a.join(file), &request.b.join(file))? {
            files.insert(file.display().to_string(), largest);
        }
    }
    Ok(Differences { files })
}

fn between(a: &Path, b: &Path) -> Result<Option<LargestDifference>> {
    let ending = a.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let parts = match ending {
        "safetensors" => tensors::parts(a, b)?,
        "parquet" => tables::parts(a, b)?,
        _ => {
            let message = format!("{}: expected a file that ends in .safetensors or .parquet", a.display());
            return Err(Failure::new(FailureKind::Conflict, message));
        }
    };
    Ok(most(parts))
}

/// How one tensor or column differs from another.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    /// Not at all.
    Same,
    /// Its numbers, by at most this.
    By(f64),
    /// In another way, as a sentence.
    Otherwise(String),
}

/// The part that differs most: one that differs otherwise than by numbers before all others.
fn most(parts: Vec<(String, Part)>) -> Option<LargestDifference> {
    let mut largest: Option<LargestDifference> = None;
    for (part, found) in parts {
        match found {
            Part::Same => {}
            Part::Otherwise(note) => return Some(LargestDifference { part, difference: None, note: Some(note) }),
            Part::By(difference) => {
                if largest.as_ref().and_then(|largest| largest.difference).is_none_or(|before| difference > before) {
                    largest = Some(LargestDifference { part, difference: Some(difference), note: None });
                }
            }
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_differs_most_is_named() {
        let parts = |last: Part| {
            let named = [("a", Part::Same), ("b", Part::By(0.5)), ("c", Part::By(0.25)), ("d", last)];
            named.into_iter().map(|(name, part)| (name.to_owned(), part)).collect::<Vec<_>>()
        };
        let by_numbers = most(parts(Part::Same)).unwrap();
        assert_eq!((by_numbers.part.as_str(), by_numbers.difference), ("b", Some(0.5)));
        let otherwise = most(parts(Part::Otherwise("shape".to_owned()))).unwrap();
        assert_eq!((otherwise.part.as_str(), otherwise.difference), ("d", None));
        assert_eq!(most(vec![("a".to_owned(), Part::Same)]), None);
    }
}

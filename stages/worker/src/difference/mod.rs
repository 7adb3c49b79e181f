//! By how much tensors and tables differ from those of another run, for `pipe reproduce`.

mod tables;
mod tensors;

use contract::{Failure, FailureKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What is asked: files that two folders have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    a: PathBuf,
    b: PathBuf,
    files: Vec<PathBuf>,
}

/// The largest difference between two files.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Largest {
    /// The tensor or column that differs most.
    part: String,
    /// The largest absolute difference of two numbers; absent where something other than numbers differs.
    difference: Option<f64>,
    /// What differs, where it is not numbers.
    note: Option<String>,
}

/// Answers the request on the standard input: for each file, what differs most in it, or nothing for equal ones.
pub(crate) fn answer() -> Result<serde_json::Value> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::other("read the question", error))?;
    let request: Request = serde_json::from_str(&text).map_err(|error| {
        Failure::other("the standard input is no question about differences", error)
            .hint("pipe and pipe-worker must be of one version: build both again")
    })?;
    let mut files = BTreeMap::new();
    for file in &request.files {
        if let Some(largest) = between(&request.a.join(file), &request.b.join(file))? {
            files.insert(file.display().to_string(), largest);
        }
    }
    Ok(serde_json::json!({ "files": files }))
}

fn between(a: &Path, b: &Path) -> Result<Option<Largest>> {
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
    /// In another way, in words.
    Otherwise(String),
}

/// The part that differs most: one that differs otherwise than by numbers before all others.
fn most(parts: Vec<(String, Part)>) -> Option<Largest> {
    let mut largest: Option<Largest> = None;
    for (part, found) in parts {
        match found {
            Part::Same => {}
            Part::Otherwise(note) => return Some(Largest { part, difference: None, note: Some(note) }),
            Part::By(difference) => {
                if largest.as_ref().and_then(|largest| largest.difference).is_none_or(|before| difference > before) {
                    largest = Some(Largest { part, difference: Some(difference), note: None });
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

//! By how much the numbers in two files differ. JSON is read here; the worker reads tensors and tables.

use crate::worker;
use contract::questions::{Difference, LargestDifference};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files of these that can be compared by number.
pub(super) fn largest(
    worker: Option<&Path>,
    folders: &[PathBuf; 2],
    files: &[&str],
) -> BTreeMap<String, LargestDifference> {
    let ends = |file: &str, ending: &str| Path::new(file).extension().is_some_and(|found| found == ending);
    let mut found: BTreeMap<String, LargestDifference> = files
        .iter()
        .filter(|file| ends(file, "json"))
        .filter_map(|file| Some(((*file).to_owned(), in_json(folders, file)?)))
        .collect();
    let asked: Vec<&&str> = files.iter().filter(|file| ends(file, "safetensors") || ends(file, "parquet")).collect();
    if let (Some(worker), false) = (worker, asked.is_empty()) {
        let [a, b] = folders.clone();
        let request = Difference { a, b, files: asked.iter().map(PathBuf::from).collect() };
        match worker::ask(worker, &request) {
            Ok(answer) => found.extend(answer.files),
            Err(error) => tracing::warn!("the worker did not say by how much tensors and tables differ: {error}"),
        }
    }
    found
}

fn in_json([a, b]: &[PathBuf; 2], file: &str) -> Option<LargestDifference> {
    let read = |folder: &PathBuf| serde_json::from_slice(&fs_err::read(folder.join(file)).ok()?).ok();
    let mut walk = Walk { path: Vec::new(), largest: None };
    match walk.compare(&read(a)?, &read(b)?) {
        Ok(()) => walk.largest,
        Err(other) => Some(other),
    }
}

/// A walk through two JSON values of one form.
struct Walk {
    path: Vec<String>,
    largest: Option<LargestDifference>,
}

impl Walk {
    /// Notes every number.
    ///
    /// # Errors
    /// The first place where something other than a number differs.
    fn compare(&mut self, a: &Value, b: &Value) -> Result<(), LargestDifference> {
        match (a, b) {
            (Value::Number(one), Value::Number(other)) => {
                self.note(one.as_f64().unwrap_or(f64::NAN), other.as_f64().unwrap_or(f64::NAN));
                Ok(())
            }
            (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
                let mut pairs = ones.iter().zip(others).enumerate();
                pairs.try_for_each(|(place, (one, other))| self.enter(place.to_string(), one, other))
            }
            (Value::Object(ones), Value::Object(others)) if ones.keys().eq(others.keys()) => {
                let mut pairs = ones.iter().zip(others.values());
                pairs.try_for_each(|((name, one), other)| self.enter(name.clone(), one, other))
            }
            _ if a == b => Ok(()),
            _ => Err(LargestDifference {
                part: self.path.join("."),
                difference: None,
                note: Some("something other than a number differs".to_owned()),
            }),
        }
    }

    fn enter(&mut self, name: String, a: &Value, b: &Value) -> Result<(), LargestDifference> {
        self.path.push(name);
        let compared = self.compare(a, b);
        self.path.pop();
        compared
    }

    fn note(&mut self, a: f64, b: f64) {
        let difference = (a - b).abs();
        let largest = self.largest.as_ref().and_then(|largest| largest.difference);
        if largest.is_none_or(|largest| difference > largest) {
            self.largest =
                Some(LargestDifference { part: self.path.join("."), difference: Some(difference), note: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compare(a: &Value, b: &Value) -> Result<Option<LargestDifference>, LargestDifference> {
        let mut walk = Walk { path: Vec::new(), largest: None };
        walk.compare(a, b).map(|()| walk.largest)
    }

    #[test]
    fn the_largest_difference_is_named_by_its_path() {
        let (a, b) = (json!({ "x": [1, 2.5], "y": "t", "z": null }), json!({ "x": [1.25, 2], "y": "t", "z": null }));
        let largest = compare(&a, &b).unwrap().unwrap();
        assert_eq!((largest.part.as_str(), largest.difference), ("x.1", Some(0.5)));
    }

    #[test]
    fn what_is_no_number_cannot_be_close() {
        for (a, b) in [
            (json!({ "x": ["a"] }), json!({ "x": ["b"] })),
            (json!({ "x": [1] }), json!({ "x": [1, 2] })),
            (json!({ "x": [1] }), json!({ "x": [null] })),
        ] {
            let other = compare(&a, &b).unwrap_err();
            assert!(other.part.starts_with('x') && other.difference.is_none(), "{other:?}");
        }
    }
}

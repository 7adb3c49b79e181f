//! By how much the numbers in two files differ. JSON is read here; tensors and tables are the worker's business.

use crate::worker;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The largest difference in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Largest {
    /// Where it is: a tensor, a column, or a path in JSON.
    pub part: String,
    /// How large it is; absent where something other than numbers differs.
    pub difference: Option<f64>,
    /// What differs where it is not numbers.
    #[serde(default)]
    pub note: Option<String>,
}

/// The files of these that can be compared by number.
pub(super) fn largest(worker: Option<&Path>, folders: &[PathBuf; 2], files: &[&str]) -> BTreeMap<String, Largest> {
    let ends = |file: &str, ending: &str| Path::new(file).extension().is_some_and(|found| found == ending);
    let mut found: BTreeMap<String, Largest> = files
        .iter()
        .filter(|file| ends(file, "json"))
        .filter_map(|file| Some(((*file).to_owned(), in_json(folders, file)?)))
        .collect();
    let asked: Vec<&&str> = files.iter().filter(|file| ends(file, "safetensors") || ends(file, "parquet")).collect();
    if let (Some(worker), false) = (worker, asked.is_empty()) {
        match ask(worker, folders, &asked) {
            Ok(answer) => found.extend(answer.files),
            Err(error) => tracing::warn!("the worker did not say by how much tensors and tables differ: {error}"),
        }
    }
    found
}

/// What `pipe-worker difference` prints.
#[derive(Debug, Deserialize)]
struct Answer {
    files: BTreeMap<String, Largest>,
}

fn ask(worker: &Path, folders: &[PathBuf; 2], files: &[&&str]) -> crate::error::Result<Answer> {
    worker::question(worker, "difference", &json!({ "a": folders[0], "b": folders[1], "files": files }))
}

fn in_json([a, b]: &[PathBuf; 2], file: &str) -> Option<Largest> {
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
    largest: Option<Largest>,
}

impl Walk {
    /// Notes every number.
    ///
    /// # Errors
    /// The first place where something other than a number differs.
    fn compare(&mut self, a: &Value, b: &Value) -> Result<(), Largest> {
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
            _ => Err(Largest {
                part: self.path.join("."),
                difference: None,
                note: Some("something other than a number differs".to_owned()),
            }),
        }
    }

    fn enter(&mut self, name: String, a: &Value, b: &Value) -> Result<(), Largest> {
        self.path.push(name);
        let compared = self.compare(a, b);
        self.path.pop();
        compared
    }

    fn note(&mut self, a: f64, b: f64) {
        let difference = (a - b).abs();
        let largest = self.largest.as_ref().and_then(|largest| largest.difference);
        if largest.is_none_or(|largest| difference > largest) {
            self.largest = Some(Largest { part: self.path.join("."), difference: Some(difference), note: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &Value, b: &Value) -> Result<Option<Largest>, Largest> {
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

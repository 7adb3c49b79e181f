//! The sample pipeline, every stage of it, at a size for a test: from nothing to a table, twice with equal bytes.

use crate::space::{Space, repository, with_status};
use serde_json::Value;
use std::collections::BTreeMap;

/// The file's own pipeline with less of everything.
const SMALLER: [&str; 12] = [
    "--set",
    "sample.users=200",
    "--set",
    "sample.items=80",
    "--set",
    "dccf.epochs=10",
    "--set",
    "codebook.epochs=10",
    "--set",
    "codebook.codes=16",
    "--set",
    "finetune.epochs=1",
];

fn arguments<'a>(pipeline: &'a str, store: &'a str) -> Vec<&'a str> {
    [&[pipeline, "--store", store], &SMALLER[..]].concat()
}

/// The digest of every output of every stage.
fn digests(space: &Space, store: &str) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    for stage in std::fs::read_dir(space.path(store).join("sample")).unwrap() {
        for link in std::fs::read_dir(stage.unwrap().path()).unwrap() {
            let link = link.unwrap().path();
            if link.is_dir() {
                let target = std::fs::read_link(&link).unwrap();
                let name = link.strip_prefix(space.path(store)).unwrap().display().to_string();
                digests.insert(name, target.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    digests
}

#[test]
fn two_runs_in_two_stores_make_equal_artifacts() {
    let space = Space::new();
    let file = repository().join("pipelines/sample.toml");
    let file = file.to_str().unwrap();
    let first = space.statuses(&arguments(file, "one"));
    assert_eq!(with_status(&first, "done").len(), 13, "{first:?}");
    space.succeed(&[&["run"], &arguments(file, "two")[..]].concat());
    let (one, two) = (digests(&space, "one"), digests(&space, "two"));
    assert!(one.len() > 15, "{one:?}");
    assert_eq!(one, two);

    let table = space.succeed(&[&["metrics"], &arguments(file, "one")[..], &["--json"]].concat());
    let rows: Vec<BTreeMap<String, Value>> = serde_json::from_str(&table.out).unwrap();
    for model in ["pipe", "dccf", "item-knn", "popularity"] {
        for seen in ["kept", "excluded"] {
            let row =
                rows.iter().find(|row| row["model"] == model && row["seen"] == seen && row["hits"] == "item").unwrap();
            let hits = row["HR@10"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&hits) && row["users"].as_u64().unwrap() > 100, "{row:?}");
        }
    }

    let again = space.statuses(&arguments(file, "one"));
    assert_eq!(with_status(&again, "cached").len(), 13);
    let ratio = [&arguments(file, "one")[..], &["--set", "tasks.negatives=2"]].concat();
    let ratio = space.statuses(&ratio);
    assert_eq!(with_status(&ratio, "done"), ["finetune", "metrics", "precache", "tasks"]);

    // Items as they are, and the longest codes.
    for (levels, tokens) in [("1", 80), ("5", 5 * 16)] {
        let set = format!("codebook.levels={levels}");
        let ran = space.statuses(&[&arguments(file, "one")[..], &["--set", &set]].concat());
        assert_eq!(with_status(&ran, "done"), ["codebook", "finetune", "metrics", "precache", "tasks"]);
        let report = std::fs::read(space.path("one/sample/codebook/report/report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["new_tokens"], tokens);
        assert_eq!(report["codes_used"].as_array().unwrap().len().to_string(), levels);
    }
}

#[test]
fn embeddings_do_not_depend_on_the_number_of_threads() {
    let space = Space::new();
    let file = repository().join("pipelines/sample.toml");
    let file = file.to_str().unwrap();
    // With all users of the sample the first products are large enough for several threads of libtorch's own.
    let few = ["--until", "dccf", "--set", "dccf.epochs=1"];
    let items: Vec<String> = ["1", "2", "4"]
        .map(|threads| {
            let slots = format!("threads={threads}");
            space.succeed(&[&["run", file, "--store", threads, "--slots", &slots], &few[..]].concat());
            digests(&space, threads)["sample/dccf/items"].clone()
        })
        .into();
    assert!(items.iter().all(|digest| *digest == items[0]), "{items:?}");
}

//! `pipe export table`: a result's table with identifiers beside numbers, as CSV and Parquet, and what it refuses.

use crate::space::Space;
use serde_json::Value;
use std::collections::HashMap;

/// The lines of a file without its first, which must have these columns.
fn rows(space: &Space, file: &str, columns: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(space.path(file)).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(columns), "{file}");
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn lists_have_the_identifiers_of_the_raw_data() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let written = space.succeed(&["export", "table", "quick", "popularity.rankings", "--output", "out/lists.csv"]).out;
    assert!(
        written.contains("rows of user, user_id, seen, rank, item, item_id, score are in out/lists.csv"),
        "{written}"
    );
    let ids = |stage: &str, columns: &str| -> HashMap<String, String> {
        let file = format!("{stage}.csv");
        space.succeed(&["export", "table", "quick", stage, "--output", &file]);
        rows(&space, &file, columns).into_iter().map(|row| (row[0].clone(), row[1].clone())).collect()
    };
    let users = ids("ingest.users", "user,id");
    let items = rows_of_items(&space);
    let lists = rows(&space, "out/lists.csv", "user,user_id,seen,rank,item,item_id,score");
    assert!(lists.len() > 20 * users.len(), "{}", lists.len());
    for row in &lists {
        assert_eq!((Some(&row[1]), Some(&row[5])), (users.get(&row[0]), items.get(&row[4])), "{row:?}");
    }
    let first = &lists[0];
    let peeked = space.succeed(&["peek", "quick", "popularity.rankings", "-n", "1", "--json"]).out;
    let peeked: Value = serde_json::from_str(&peeked).unwrap();
    let row = &peeked[0]["content"]["table"]["rows"][0];
    assert_eq!((row["user_id"].as_str(), row["item_id"].as_str()), (Some(&*first[1]), Some(&*first[5])), "{peeked}");
}

/// The identifier of each item by its number, from the rows of interactions.
fn rows_of_items(space: &Space) -> HashMap<String, String> {
    space.succeed(&["export", "table", "quick", "ingest.interactions", "--output", "interactions.csv"]);
    let rows = rows(space, "interactions.csv", "user,user_id,item,item_id,position,time,split");
    rows.into_iter().map(|row| (row[2].clone(), row[3].clone())).collect()
}

#[test]
fn parquet_has_the_same_columns_and_as_many_rows() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    let export = |file: &str| -> Value {
        let out = space.succeed(&["export", "table", "quick", "popularity.rankings", "--output", file, "--json"]).out;
        serde_json::from_str(&out).unwrap()
    };
    let (table, text) = (export("lists.parquet"), export("lists.csv"));
    assert_eq!((&table["rows"], &table["columns"]), (&text["rows"], &text["columns"]));
    let bytes = std::fs::read(space.path("lists.parquet")).unwrap();
    assert_eq!((&bytes[..4], table["bytes"].as_u64()), (&b"PAR1"[..], Some(bytes.len() as u64)));
}

#[test]
fn what_cannot_be_written_is_refused_and_nothing_is_left() {
    let space = Space::quick();
    let refused = |target: &str, output: &str| {
        let run = space.pipe(&["export", "table", "quick", target, "--output", output]);
        (run.code, run.err)
    };
    let (code, early) = refused("popularity.rankings", "lists.csv");
    assert!(code == 15 && early.contains("`pipe run quick --until popularity` makes it"), "{code} {early}");
    space.succeed(&["run", "quick"]);
    for (target, output, expected) in [
        ("popularity.rankings", "lists.xlsx", "ends neither in .parquet nor in .csv"),
        ("popularity.rankings", "mine.csv", "mine.csv is there already"),
        ("ingest", "lists.csv", "outputs: which of them?"),
        ("popularity.ranking", "lists.csv", "did you mean 'rankings'?"),
    ] {
        space.write("mine.csv", "mine");
        let (code, error) = refused(target, output);
        assert!(code == 2 && error.contains(expected), "{code} {error}");
    }
    let (code, error) = refused("ingest.report", "lists.csv");
    assert!(code != 0 && error.contains("'report' has 0 tables, expected one; its files: "), "{code} {error}");
    assert_eq!(std::fs::read_to_string(space.path("mine.csv")).unwrap(), "mine");
    let left: Vec<_> = std::fs::read_dir(space.path(".")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("export") || name == "lists.csv"), "{left:?}");
}

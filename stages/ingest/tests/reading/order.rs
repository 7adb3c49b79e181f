//! The same bytes whatever the order of lines, the number of files and threads, and the form.

use super::{no_core, run_with};
use ingest::{Parameters, Repeats};
use polars::prelude::{DataFrame, NamedFrom as _, ParquetWriter, Series};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// User, item, day and rating.
type Row = (u8, u8, i64, u8);

/// All outputs but the report, as bytes.
fn outputs(files: &[PathBuf], parameters: &Parameters, threads: usize) -> Vec<Vec<u8>> {
    let labelled = files.iter().enumerate().map(|(number, path)| (format!("{number:06}"), path.clone())).collect();
    let inputs = BTreeMap::from([("interactions".to_owned(), labelled)]);
    let folder = run_with(inputs, parameters.clone(), threads).unwrap();
    let names = [
        "interactions/interactions.parquet",
        "interactions/dataset.json",
        "users/users.parquet",
        "items/items.parquet",
        "reviews/reviews.parquet",
    ];
    names.map(|name| fs_err::read(folder.path().join(name)).unwrap()).to_vec()
}

fn json(row: &Row) -> String {
    let (user, item, day, rating) = row;
    let (time, text) = (day * 86_400, format!("text {rating}"));
    format!(
        r#"{{"reviewerID": "u{user}", "asin": "i{item}", "unixReviewTime": {time}, "overall": {rating}.0, "reviewText": "{text}"}}"#
    )
}

fn write_lines(path: &Path, lines: impl Iterator<Item = String>) -> PathBuf {
    fs_err::write(path, lines.map(|line| line + "\n").collect::<String>()).unwrap();
    path.to_owned()
}

fn csv(path: &Path, rows: &[Row]) -> PathBuf {
    let line = |row: &Row| format!("u{},i{},{},{},text {}", row.0, row.1, row.2 * 86_400, row.3, row.3);
    write_lines(path, std::iter::once("user,item,time,rating,text".to_owned()).chain(rows.iter().map(line)))
}

fn parquet(path: &Path, rows: &[Row]) -> PathBuf {
    let strings = |of: &dyn Fn(&Row) -> String| rows.iter().map(of).collect::<Vec<_>>();
    let columns = vec![
        Series::new("user".into(), strings(&|row| format!("u{}", row.0))).into(),
        Series::new("item".into(), strings(&|row| format!("i{}", row.1))).into(),
        Series::new("time".into(), rows.iter().map(|row| row.2 * 86_400).collect::<Vec<i64>>()).into(),
        Series::new("rating".into(), rows.iter().map(|row| f64::from(row.3)).collect::<Vec<_>>()).into(),
        Series::new("text".into(), strings(&|row| format!("text {}", row.3))).into(),
    ];
    let mut frame = DataFrame::new_infer_height(columns).unwrap();
    ParquetWriter::new(std::fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
    path.to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn neither_order_nor_files_nor_threads_nor_form_decide_anything(
        rows in prop::collection::vec((0_u8..6, 0_u8..9, 0_i64..5, 1_u8..6), 1..60),
        shuffled in Just(()).prop_perturb(|(), mut random| random.next_u64()),
        repeats in prop::sample::select(vec![Repeats::First, Repeats::Last, Repeats::Keep]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let parameters = Parameters { repeats, ..no_core() };
        let whole = write_lines(&at("whole.json"), rows.iter().map(json));
        let expected = outputs(&[whole], &parameters, 1);

        let mut other = rows.clone();
        other.sort_by_key(|row| blake3::hash(format!("{shuffled}{row:?}").as_bytes()).to_hex().to_string());
        let parts: Vec<PathBuf> = other
            .chunks(rows.len().div_ceil(3))
            .enumerate()
            .map(|(number, rows)| write_lines(&at(&format!("part-{number}.json")), rows.iter().map(json)))
            .collect();
        prop_assert_eq!(&outputs(&parts, &parameters, 8), &expected);
        prop_assert_eq!(&outputs(&[csv(&at("x.csv"), &other)], &parameters, 3), &expected);
        prop_assert_eq!(&outputs(&[parquet(&at("x.parquet"), &other)], &parameters, 2), &expected);
    }
}

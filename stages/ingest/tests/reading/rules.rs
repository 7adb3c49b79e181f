//! The rules that parameters choose.

use super::{gzip, no_core, report, review, run};
use contract::FailureKind;
use frames::{Interactions, Items, Reviews, Split};
use ingest::{Holdout, MissingMetadata, Parameters, Repeats};
use serde_json::json;
use std::path::PathBuf;
use tempfile::TempDir;

fn reviews(folder: &TempDir, rows: &[(&str, &str, i64)]) -> PathBuf {
    let lines: Vec<String> = rows.iter().map(|(user, item, day)| review(user, item, *day, 5.0).to_string()).collect();
    gzip(folder, "reviews.json.gz", &lines)
}

fn order(out: &TempDir) -> Vec<(String, i64)> {
    let interactions = Interactions::read(&out.path().join("interactions")).unwrap();
    let items = Items::read(&out.path().join("items")).unwrap().id;
    let day = |&time: &i64| time / 86_400;
    interactions
        .item
        .iter()
        .zip(&interactions.time)
        .map(|(&item, time)| (items[item as usize].clone(), day(time)))
        .collect()
}

#[test]
fn of_repeated_items_the_first_the_last_or_all_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = reviews(&folder, &[("u", "a", 1), ("u", "b", 2), ("u", "a", 3)]);
    let with = |repeats| order(&run(&[("reviews", &path)], Parameters { repeats, ..no_core() }).unwrap());
    let of = |rows: &[(&str, i64)]| rows.iter().map(|(item, day)| ((*item).to_owned(), *day)).collect::<Vec<_>>();
    assert_eq!(with(Repeats::First), of(&[("a", 1), ("b", 2)]));
    assert_eq!(with(Repeats::Last), of(&[("b", 2), ("a", 3)]));
    assert_eq!(with(Repeats::Keep), of(&[("a", 1), ("b", 2), ("a", 3)]));
}

#[test]
fn a_time_splits_all_users_alike() {
    let folder = tempfile::tempdir().unwrap();
    let rows =
        [("u", "a", 1), ("u", "b", 5), ("u", "c", 9), ("u", "d", 11), ("v", "a", 2), ("v", "b", 3), ("w", "a", 12)];
    let path = reviews(&folder, &rows);
    let parameters = Parameters {
        holdout: Holdout::Time,
        validation_from: Some("1970-01-05".into()),
        test_from: Some("1970-01-10".into()),
        ..no_core()
    };
    let out = run(&[("reviews", &path)], parameters.clone()).unwrap();
    let interactions = Interactions::read(&out.path().join("interactions")).unwrap();
    let mut found: Vec<(i64, Split)> =
        interactions.time.iter().map(|time| time / 86_400).zip(interactions.split.clone()).collect();
    found.sort_unstable();
    use Split::{Test, Train, Validation};
    assert_eq!(found, [(1, Train), (2, Train), (3, Train), (5, Validation), (9, Test), (11, Test)]);
    assert_eq!(interactions.dataset.holdout, "time");
    assert_eq!(report(&out)["source"]["reviews"]["left_out_by_cutoff"], json!({"users": 1, "interactions": 1}));

    for wrong in [
        Parameters { test_from: None, ..parameters.clone() },
        Parameters { holdout: Holdout::Last, ..parameters.clone() },
        Parameters { test_from: Some("soon".into()), ..parameters.clone() },
        Parameters { validation_from: Some("1970-02-01".into()), ..parameters },
    ] {
        assert_eq!(run(&[("reviews", &path)], wrong).unwrap_err().kind, FailureKind::Conflict);
    }
}

#[test]
fn items_without_metadata_stay_or_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = reviews(&folder, &[("u", "a", 1), ("u", "b", 2), ("u", "c", 3)]);
    let metadata = gzip(
        &folder,
        "meta.json.gz",
        &[json!({"asin": "a", "title": "A"}).to_string(), json!({"asin": "c"}).to_string()],
    );
    let inputs = [("reviews", path.as_path()), ("metadata", metadata.as_path())];
    let parameters = Parameters { missing_metadata: MissingMetadata::Drop, ..no_core() };
    let out = run(&inputs, parameters.clone()).unwrap();
    assert_eq!(report(&out)["source"]["reviews"]["dropped_without_metadata"], 1);
    assert_eq!(order(&out).iter().map(|(item, _)| item.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(run(&inputs[..1], parameters).unwrap_err().kind, FailureKind::Conflict);
}

#[test]
fn long_texts_are_cut_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = reviews(&folder, &[("u", "a", 1)]);
    let out = run(&[("reviews", &path)], Parameters { max_text: Some(7), ..no_core() }).unwrap();
    assert_eq!(Reviews::read(&out.path().join("reviews")).unwrap().text, ["Fine. u"]);
    assert_eq!(report(&out)["source"]["reviews"]["texts_cut"], 1);
}

#[test]
fn a_warning_is_an_error_where_the_rule_is_strict() {
    let folder = tempfile::tempdir().unwrap();
    let path = reviews(&folder, &[("u", "a", 1), ("u", "b", 2)]);
    let lax = run(&[("reviews", &path)], no_core()).unwrap();
    let warnings = report(&lax)["warnings"].to_string();
    assert!(warnings.contains("no user has a test item"), "{warnings}");
    assert!(fs_err::read_to_string(lax.path().join("report/report.html")).unwrap().contains("no user has a test item"));
    let strict = run(&[("reviews", &path)], Parameters { strict: true, ..no_core() }).unwrap_err();
    assert_eq!(strict.kind, FailureKind::Conflict);
    assert!(strict.message.contains("no user has a test item"), "{strict}");
}

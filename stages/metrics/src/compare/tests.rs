use super::*;
use frames::{Hits, Measured, Ranks, Seen, UserRank};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

fn measured(model: &str) -> Measured {
    Measured { model: model.into(), seen: Seen::Excluded, hits: Hits::Item }
}

/// A folder with the ranks of one model, users from `first` on.
fn ranks(first: u32, ranks: &[Option<u32>]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let users = (first..).zip(ranks).map(|(user, &rank)| UserRank::one(user, 5, rank)).collect();
    Ranks { of: vec![(measured("pipe"), users)] }.write(folder.path()).unwrap();
    folder
}

fn list(folder: &Path) -> Value {
    json!({"ranks": folder, "where": {"model": "pipe", "seen": "excluded", "hits": "item"}})
}

fn ask(a: &Value, b: &Value, metrics: &[&str]) -> Result<ComparedPair> {
    let side = |lists: &Value| if lists.is_array() { lists.clone() } else { json!([lists]) };
    let request = json!({"pairs": [{"a": side(a), "b": side(b), "metrics": metrics}], "permutations": 2000});
    compare(&serde_json::from_value(request).unwrap()).map(|mut answer| answer.pairs.remove(0))
}

fn number(compared: &ComparedPair, metric: &str, field: &str) -> f64 {
    serde_json::to_value(compared.metrics[metric]).unwrap()[field].as_f64().unwrap()
}

#[test]
fn equal_lists_differ_by_nothing() {
    let one = ranks(0, &[Some(1), None, Some(4)]);
    let compared = ask(&list(one.path()), &list(one.path()), &["HR@1", "NDCG@5", "MRR"]).unwrap();
    assert_eq!((compared.users, compared.only_a, compared.only_b, compared.unlike), (3, 0, 0, 0));
    for metric in ["HR@1", "NDCG@5", "MRR"] {
        let numbers = ["difference", "low", "high", "p"].map(|field| number(&compared, metric, field));
        assert_eq!(numbers, [0.0, 0.0, 0.0, 1.0]);
    }
    assert_eq!(number(&compared, "MRR", "a"), (1.0 + 0.25) / 3.0);
}

#[test]
fn a_clear_difference_is_told_from_chance() {
    let better: Vec<_> = (0..400).map(|n| (n % 4 != 0).then_some(n % 3 + 1)).collect();
    let worse: Vec<_> = (0..400).map(|n| (n % 2 == 0).then_some(n % 5 + 4)).collect();
    let (better, worse) = (ranks(0, &better), ranks(0, &worse));
    let compared = ask(&list(better.path()), &list(worse.path()), &["HR@10", "NDCG@10"]).unwrap();
    for metric in ["HR@10", "NDCG@10"] {
        let [a, b, difference, low, high, p] =
            ["a", "b", "difference", "low", "high", "p"].map(|field| number(&compared, metric, field));
        assert!((a - b - difference).abs() < 1e-15 && low > 0.0 && low < difference && difference < high, "{metric}");
        assert_eq!(p, 1.0 / 2001.0);
    }
    assert_eq!(number(&compared, "HR@10", "difference"), 0.25);
    let reversed = ask(&list(worse.path()), &list(better.path()), &["HR@10"]).unwrap();
    assert_eq!(number(&reversed, "HR@10", "difference"), -0.25);
}

#[test]
fn seeds_are_averaged_for_each_user() {
    let (first, second) = (ranks(0, &[Some(1), None]), ranks(0, &[None, None]));
    let other = ranks(0, &[None, Some(2)]);
    let seeds = json!([list(first.path()), list(second.path())]);
    let compared = ask(&seeds, &list(other.path()), &["HR@5", "MRR"]).unwrap();
    assert_eq!((number(&compared, "HR@5", "a"), number(&compared, "HR@5", "b")), (0.25, 0.5));
    assert_eq!(number(&compared, "MRR", "difference"), 0.0);
}

#[test]
fn users_of_one_side_only_are_counted_and_left_out() {
    let a = ranks(0, &[Some(1), Some(1), None]);
    let b = ranks(1, &[None, None, Some(1), Some(1)]);
    let compared = ask(&list(a.path()), &list(b.path()), &["HR@1"]).unwrap();
    assert_eq!((compared.users, compared.only_a, compared.only_b), (2, 1, 2));
    assert_eq!((number(&compared, "HR@1", "a"), number(&compared, "HR@1", "b")), (0.5, 0.0));

    let longer = tempfile::tempdir().unwrap();
    let user = UserRank::one(1, 6, None);
    Ranks { of: vec![(measured("pipe"), vec![user])] }.write(longer.path()).unwrap();
    assert_eq!(ask(&list(a.path()), &list(longer.path()), &["HR@1"]).unwrap().unlike, 1);
}

#[test]
fn what_cannot_be_compared_is_named() {
    let (a, b) = (ranks(0, &[Some(1)]), ranks(5, &[Some(1)]));
    let refused = |a: &Value, b: &Value, metric: &str| {
        let failure = ask(a, b, &[metric]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict);
        failure.message
    };
    let (one, other) = (list(a.path()), list(b.path()));
    assert_eq!(refused(&one, &other, "HR@1"), "no user is in both sides: A has 1, B has 1");
    assert_eq!(refused(&json!([]), &one, "MRR"), "a side has no ranks, expected at least one list");
    let mut unknown = one.clone();
    unknown["where"]["model"] = json!("other");
    let message = refused(&unknown, &one, "MRR");
    assert!(message.ends_with("has no ranks of other (excluded, item); it has pipe (excluded, item)"), "{message}");
    let nowhere = list(Path::new("/nowhere"));
    assert_eq!(ask(&nowhere, &one, &["MRR"]).unwrap_err().kind, FailureKind::DamagedFile);
}

#[test]
fn what_no_single_user_has_is_left_out() {
    let one = ranks(0, &[Some(1), None]);
    let compared = ask(&list(one.path()), &list(one.path()), &["coverage@10", "HR@10", "users"]).unwrap();
    assert_eq!(compared.metrics.keys().collect::<Vec<_>>(), ["HR@10"]);
}

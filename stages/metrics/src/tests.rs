use crate::{Metrics, Parameters};
use contract::{Context, FailureKind, Result, Spec, Stage as _};
use frames::{Codes, Dataset, Interactions, RankedList, Rankings, Ranks, Split};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Four users whose test items are 0, 1, 2 and 3, and one without; five items.
fn interactions() -> Interactions {
    let dataset = Dataset {
        users: 5,
        items: 5,
        interactions: 5,
        max_history: 20,
        holdout: "last".into(),
        split_digest: "0".into(),
    };
    Interactions {
        dataset,
        user: vec![0, 1, 2, 3, 4],
        item: vec![0, 1, 2, 3, 4],
        position: vec![0; 5],
        time: vec![0; 5],
        split: vec![Split::Test, Split::Test, Split::Test, Split::Test, Split::Train],
    }
}

fn lists(lists: &[(u32, &[u32])]) -> Vec<RankedList> {
    let of =
        |&(user, items): &(u32, &[u32])| RankedList { user, items: items.iter().map(|&item| (item, 1.0)).collect() };
    lists.iter().map(of).collect()
}

/// The default parameters with these cutoffs.
fn at(cutoffs: &[u32]) -> Parameters {
    Parameters { cutoffs: cutoffs.to_vec(), ..Default::default() }
}

/// Runs the stage on one ranking labelled `pipe`, and returns `metrics.json`.
fn run(rankings: &Rankings, codes: Option<&Codes>, parameters: Parameters) -> Result<Value> {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), rankings, codes, parameters)?;
    Ok(read(&folder.path().join("metrics/metrics.json")))
}

/// The same in a folder that outlives it; the outputs lie in it by port.
fn run_in(folder: &Path, rankings: &Rankings, codes: Option<&Codes>, parameters: Parameters) -> Result<()> {
    let at = |name: &str| folder.join(name);
    interactions().write(&at("interactions")).unwrap();
    rankings.write(&at("rankings")).unwrap();
    let one = |label: &str, path: PathBuf| BTreeMap::from([(label.to_owned(), path)]);
    let mut inputs = BTreeMap::from([
        ("interactions".to_owned(), one("", at("interactions"))),
        ("rankings".to_owned(), one("pipe", at("rankings"))),
    ]);
    if let Some(codes) = codes {
        codes.write(&at("codes")).unwrap();
        inputs.insert("codes".to_owned(), one("", at("codes")));
    }
    let outputs = ["metrics", "ranks"].map(|port| (port.to_owned(), at(port))).into();
    let (uses, device) = ("metrics".to_owned(), "cpu".to_owned());
    let spec = Spec {
        uses,
        parameters: serde_json::Map::new(),
        inputs,
        outputs,
        seed: 0,
        threads: 1,
        device,
        rank: contract::Rank::default(),
        checkpoint: None,
    };
    Metrics::run(parameters, &Context::new(spec))
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn measures_are_those_computed_by_hand() {
    // Ranks 1, 3, none within the list, and user 3 without a list; user 4 has no test item and does not count.
    let rankings = Rankings {
        kept: lists(&[(0, &[0, 4]), (1, &[4, 3, 1]), (2, &[0, 1, 3, 4]), (4, &[4])]),
        excluded: lists(&[(0, &[4, 0, 1, 2])]),
    };
    let rows = run(&rankings, None, Parameters { cutoffs: vec![4, 1, 4], ..Default::default() }).unwrap();
    let kept = json!({"model": "pipe", "seen": "kept", "hits": "item", "users": 4,
        "HR@1": 0.25, "HR@4": 0.5, "NDCG@1": 0.25, "NDCG@4": (1.0 + 0.5) / 4.0, "MRR": (1.0 + 1.0 / 3.0) / 4.0,
        "coverage@1": 0.4, "coverage@4": 0.8});
    assert_eq!(rows[0], kept);
    let gain = 1.0 / 3.0_f64.log2() / 4.0;
    let excluded = json!({"model": "pipe", "seen": "excluded", "hits": "item", "users": 4,
        "HR@1": 0.0, "HR@4": 0.25, "NDCG@1": 0.0, "NDCG@4": gain, "MRR": 0.125, "coverage@1": 0.2, "coverage@4": 0.8});
    assert_eq!(rows[1], excluded);
    assert_eq!(rows.as_array().unwrap().len(), 2);
}

#[test]
fn hits_on_codes_stand_beside_hits_on_items() {
    // Items 0 and 4 share a code: the list of user 0 has its code first and its item second.
    let codes = Codes { levels: vec![vec![0, 1, 2, 3, 0]] };
    let rankings = Rankings { kept: lists(&[(0, &[4, 0])]), excluded: Vec::new() };
    let rows = run(&rankings, Some(&codes), at(&[1, 2])).unwrap();
    let hit_at_one = |row: usize| (rows[row]["hits"].clone(), rows[row]["HR@1"].clone());
    assert_eq!(hit_at_one(0), (json!("item"), json!(0.0)));
    assert_eq!(hit_at_one(1), (json!("code"), json!(0.25)));
    assert_eq!(rows.as_array().unwrap().len(), 2);
}

/// Rankings of the sort `kept` with the ranks 1, 3, none and none.
fn some_ranks() -> Rankings {
    Rankings { kept: lists(&[(0, &[0, 4]), (1, &[4, 3, 1]), (2, &[0, 1, 3, 4])]), excluded: Vec::new() }
}

#[test]
fn every_users_rank_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &some_ranks(), None, at(&[4])).unwrap();
    let ranks = Ranks::read(&folder.path().join("ranks")).unwrap();
    let [(measured, users)] = ranks.of.as_slice() else { panic!("{ranks:?}") };
    assert_eq!((measured.model.as_str(), measured.seen.as_str(), measured.hits.as_str()), ("pipe", "kept", "item"));
    let users: Vec<_> = users.iter().map(|found| (found.user, found.history, found.ranks[0])).collect();
    assert_eq!(users, [(0, 0, Some(1)), (1, 0, Some(3)), (2, 0, None), (3, 0, None)]);
}

#[test]
fn intervals_stand_around_their_values_and_0_resamples_make_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics/intervals.json");
    let parameters = |resamples| Parameters { resamples, ..at(&[4]) };
    run_in(folder.path(), &some_ranks(), None, parameters(500)).unwrap();
    let rows = read(&path);
    let names: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["metric"].as_str().unwrap()).collect();
    assert_eq!(names, ["HR@4", "NDCG@4", "MRR"]);
    for row in rows.as_array().unwrap() {
        let [low, value, high] = ["low", "value", "high"].map(|name| row[name].as_f64().unwrap());
        assert!(0.0 <= low && low < value && value < high && high <= 1.0, "{row}");
    }
    assert_eq!(rows[0]["value"], 0.5);
    assert_eq!(
        (&rows[0]["model"], &rows[0]["seen"], &rows[0]["hits"]),
        (&json!("pipe"), &json!("kept"), &json!("item"))
    );
    let bytes = fs_err::read(&path).unwrap();
    run_in(folder.path(), &some_ranks(), None, parameters(500)).unwrap();
    assert!(bytes == fs_err::read(&path).unwrap(), "equal seeds made different intervals");
    run_in(folder.path(), &some_ranks(), None, parameters(0)).unwrap();
    assert_eq!(read(&path), json!([]));
}

#[test]
fn users_are_counted_by_the_length_of_their_history() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = Parameters { history_lengths: vec![10, 2], ..at(&[4]) };
    run_in(folder.path(), &some_ranks(), None, parameters).unwrap();
    let rows = read(&folder.path().join("metrics/by_length.json"));
    let expected = json!({"model": "pipe", "seen": "kept", "hits": "item", "at_least": 0, "below": 2, "users": 4,
        "HR@4": 0.5, "NDCG@4": 0.375, "MRR": (1.0 + 1.0 / 3.0) / 4.0});
    assert_eq!(rows[0], expected);
    let range =
        |row: &Value| (row["at_least"].clone(), row["below"].clone(), row["users"].clone(), row["HR@4"].clone());
    assert_eq!(range(&rows[1]), (json!(2), json!(10), json!(0), Value::Null));
    assert_eq!(range(&rows[2]), (json!(10), Value::Null, json!(0), Value::Null));
}

#[test]
fn what_does_not_fit_is_refused() {
    let unknown_user = Rankings { kept: lists(&[(9, &[0])]), excluded: Vec::new() };
    let failure = run(&unknown_user, None, Parameters::default()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert_eq!(failure.message, "rankings 'pipe' have user 9, the interactions only 5 users");

    let unknown_item = Rankings { kept: lists(&[(0, &[5])]), excluded: Vec::new() };
    assert_eq!(run(&unknown_item, None, Parameters::default()).unwrap_err().kind, FailureKind::Conflict);

    let good = Rankings { kept: lists(&[(0, &[0])]), excluded: Vec::new() };
    let too_few = Codes { levels: vec![vec![0, 1]] };
    assert_eq!(run(&good, Some(&too_few), Parameters::default()).unwrap_err().kind, FailureKind::Conflict);

    let zero = Parameters { cutoffs: vec![0, 5], ..Default::default() };
    assert_eq!(run(&good, None, zero).unwrap_err().kind, FailureKind::Conflict);
    let no_length = Parameters { history_lengths: vec![0, 5], ..Default::default() };
    assert_eq!(run(&good, None, no_length).unwrap_err().kind, FailureKind::Conflict);
    assert_eq!(run(&Rankings::default(), None, Parameters::default()).unwrap_err().kind, FailureKind::NothingUsable);
}

#[test]
fn a_cutoff_beyond_the_end_of_all_lists_is_refused() {
    let failure = run(&some_ranks(), None, at(&[1, 5])).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(
        failure.message.contains("cutoffs has 5") && failure.message.contains("end after 4 of 5 items"),
        "{failure}"
    );
    // User 4 knows one of the five items, so that a list of the other four is whole.
    let whole = Rankings { kept: lists(&[(0, &[0, 1, 2, 3, 4])]), excluded: lists(&[(4, &[0, 1, 2, 3])]) };
    assert!(run(&whole, None, at(&[10])).is_ok());
}

//! The whole stage on small lists.

use crate::{Blend, Normalisation, Parameters};
use contract::{Context, FailureKind, Result, Spec, Stage as _};
use frames::{Dataset, Interactions, RankedList, Rankings, Split};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const USERS: u32 = 60;
const ITEMS: u32 = 10;

/// Every user has item 9, then a held-out item, then a test item: 0 or 1.
fn interactions() -> Interactions {
    let (holdout, split_digest) = ("last-two".to_owned(), String::new());
    let (users, items) = (USERS as usize, ITEMS as usize);
    let of = |each: fn(u32) -> [u32; 3]| (0..USERS).flat_map(each).collect::<Vec<_>>();
    Interactions {
        dataset: Dataset { users, items, interactions: 3 * users, max_history: 20, holdout, split_digest },
        user: of(|user| [user; 3]),
        item: of(|user| [9, user % 2, user % 2]),
        position: of(|_| [0, 1, 2]),
        time: vec![0; 3 * users],
        split: [Split::Train, Split::Validation, Split::Test].repeat(users),
    }
}

/// A model that knows the right item of users for whom `knows` holds, and else puts items 5 and 6 first.
fn lists(knows: impl Fn(u32) -> bool, sure: f32) -> Rankings {
    let list = |user: u32| {
        let right = (user % 2, sure);
        let items = if knows(user) { vec![right, (5, 0.1), (6, 0.0)] } else { vec![(5, 0.2), (6, 0.1), (7, 0.0)] };
        RankedList { user, items }
    };
    let lists: Vec<RankedList> = (0..USERS).map(list).collect();
    Rankings { kept: lists.clone(), excluded: lists }
}

fn run(
    models: &[(&str, Rankings, Option<Rankings>)],
    parameters: Parameters,
    folder: &Path,
) -> Result<(Rankings, Value)> {
    let write = |name: String, rankings: &Rankings| {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).unwrap();
        rankings.write(&path).unwrap();
        path
    };
    let data = folder.join("interactions");
    std::fs::create_dir_all(&data).unwrap();
    interactions().write(&data)?;
    let mut inputs = BTreeMap::from([("interactions".to_owned(), BTreeMap::from([(String::new(), data)]))]);
    for (label, rankings, validation) in models {
        let path = write(format!("{label}-test"), rankings);
        inputs.entry("rankings".to_owned()).or_default().insert((*label).to_owned(), path);
        if let Some(validation) = validation {
            let path = write(format!("{label}-validation"), validation);
            inputs.entry("validation".to_owned()).or_default().insert((*label).to_owned(), path);
        }
    }
    let spec = Spec {
        uses: Blend::NAME.into(),
        parameters: serde_json::Map::new(),
        inputs,
        outputs: Blend::outputs().into_iter().map(|port| (port.name.clone(), folder.join(port.name))).collect(),
        seed: 0,
        threads: 2,
        device: "cpu".into(),
        rank: contract::Rank::default(),
        checkpoint: None,
    };
    Blend::run(parameters, &Context::new(spec))?;
    let report = std::fs::read(folder.join("report/report.json")).unwrap();
    Ok((Rankings::read(&folder.join("rankings"))?, serde_json::from_slice(&report).unwrap()))
}

/// Two models that know different users, and one that knows none.
fn three_models() -> [(&'static str, Rankings, Option<Rankings>); 3] {
    let models = [
        ("a", lists(|user| user % 3 == 0, 9.0)),
        ("b", lists(|user| user % 3 == 1, 9.0)),
        ("c", lists(|_| false, 1.0)),
    ];
    models.map(|(label, lists)| (label, lists.clone(), Some(lists)))
}

fn first_hits(rankings: &Rankings) -> usize {
    rankings.excluded.iter().filter(|list| list.items[0].0 == list.user % 2).count()
}

#[test]
fn the_chosen_blend_beats_each_model() {
    let folder = tempfile::tempdir().unwrap();
    let (rankings, report) = run(&three_models(), Parameters::default(), folder.path()).unwrap();
    let ndcg = |value: &Value| value["NDCG@10"].as_f64().unwrap();
    let (choice, weight) = (&report["choice"], |label: &str| report["weights"][label].as_f64().unwrap());
    assert!(ndcg(&choice["blend"]) > ndcg(&choice["models"]["a"]) + 0.1, "{report}");
    assert!(ndcg(&choice["gain"]) > 4.0 * choice["gain"]["standard_error"].as_f64().unwrap(), "{report}");
    assert!(weight("a") > 0.0 && weight("b") > 0.0 && (weight("a") + weight("b") + weight("c") - 1.0).abs() < 1e-9);
    assert_eq!(choice["users"], 60);
    assert_eq!(first_hits(&rankings), 40);
}

#[test]
fn test_lists_choose_nothing() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut other = three_models();
    other[0].1 = lists(|_| false, 1.0);
    let [one, two] = [three_models(), other];
    let first = run(&one, Parameters::default(), folders[0].path()).unwrap().1;
    assert_eq!(first, run(&two, Parameters::default(), folders[1].path()).unwrap().1);
}

#[test]
fn given_weights_need_no_held_out_items() {
    let folder = tempfile::tempdir().unwrap();
    let models = three_models().map(|(label, lists, _)| (label, lists, None));
    let weights = ["c=0", "a=1", "b=0"].map(str::to_owned).to_vec();
    let parameters =
        Parameters { weights, normalisation: Normalisation::ReciprocalRank, top_k: 2, ..Parameters::default() };
    let (rankings, report) = run(&models, parameters, folder.path()).unwrap();
    assert_eq!(first_hits(&rankings), 20);
    assert!(rankings.kept.iter().all(|list| list.items.len() == 2));
    assert!(report.get("choice").is_none());
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |models: &[(&'static str, Rankings, Option<Rankings>)], parameters: Parameters| {
        let failure = run(models, parameters, folder.path()).unwrap_err();
        (failure.kind, failure.message)
    };
    let without = three_models().map(|(label, lists, _)| (label, lists, None));
    assert!(refused(&without, Parameters::default()).1.starts_with("nothing is bound to validation"));
    let given = |weights: &[&str]| Parameters {
        weights: weights.iter().map(|&weight| weight.to_owned()).collect(),
        normalisation: Normalisation::MinMax,
        ..Parameters::default()
    };
    for weights in [&["a=1"][..], &["a=1", "b=x", "c=1"], &["a=1", "b=1", "d=1"], &["a=0", "b=0", "c=0"]] {
        assert_eq!(refused(&without, given(weights)).0, FailureKind::Conflict, "{weights:?}");
    }
    let best = Parameters { normalisation: Normalisation::Best, ..given(&["a=1", "b=1", "c=1"]) };
    assert!(refused(&without, best).1.starts_with("weights are given"));
    let mut outside = three_models();
    outside[0].1.kept[0].items[0].0 = ITEMS;
    assert!(refused(&outside, Parameters::default()).1.starts_with("rankings.a has user 0 and item 10"));
}

#[test]
fn an_input_without_validation_lists_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut models = three_models();
    models[1].2 = Some(Rankings::default());
    let failure = run(&models, Parameters::default(), folder.path()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NothingUsable);
    assert!(failure.message.starts_with("validation.b has no lists"), "{failure}");
}

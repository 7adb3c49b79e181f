//! The whole stage on small synthetic data.

use super::*;
use contract::Spec;
use frames::{Dataset, Rankings};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const CLUSTERS: u32 = 4;
const ITEMS: u32 = 80;

/// Users who each like one of four kinds of item; the last item of each is held out, and one user has nothing else.
fn clustered() -> Interactions {
    let (mut user, mut item, mut position, mut split) = (vec![], vec![], vec![], vec![]);
    let users = 120;
    for one in 0..users {
        let own: Vec<u32> = (0..9)
            .map(|n| (one % CLUSTERS) + CLUSTERS * ((one * 7 + n * (1 + one % 3)) % (ITEMS / CLUSTERS)))
            .collect();
        let length = if one == 0 { 1 } else { own.len() };
        for (place, &chosen) in own.iter().take(length).enumerate() {
            user.push(one);
            item.push(chosen);
            position.push(place as u32);
            split.push(if place + 1 == length { Split::Test } else { Split::Train });
        }
    }
    let interactions = user.len();
    let dataset = Dataset {
        users: users as usize,
        items: ITEMS as usize,
        interactions,
        max_history: 20,
        holdout: "last".to_owned(),
        split_digest: String::new(),
    };
    let time = position.iter().map(|&place| i64::from(place)).collect();
    Interactions { dataset, user, item, position, time, split }
}

/// Interactions with these rows of (user, item, split), each user's in their order.
fn interactions(users: usize, items: usize, rows: &[(u32, u32, Split)]) -> Interactions {
    let dataset = Dataset {
        users,
        items,
        interactions: rows.len(),
        max_history: 20,
        holdout: "published".to_owned(),
        split_digest: String::new(),
    };
    let place = |row: usize| rows[..row].iter().filter(|other| other.0 == rows[row].0).count() as u32;
    Interactions {
        dataset,
        user: rows.iter().map(|row| row.0).collect(),
        item: rows.iter().map(|row| row.1).collect(),
        position: (0..rows.len()).map(place).collect(),
        time: vec![0; rows.len()],
        split: rows.iter().map(|row| row.2).collect(),
    }
}

fn run_in(folder: &Path, threads: usize, parameters: serde_json::Value) -> Result<()> {
    run_on(folder, &clustered(), threads, parameters)
}

fn run_on(folder: &Path, given: &Interactions, threads: usize, parameters: serde_json::Value) -> Result<()> {
    let data = folder.join("interactions");
    fs_err::create_dir_all(&data)?;
    given.write(&data)?;
    let mut outputs = BTreeMap::new();
    for port in ["items", "users", "rankings", "report"] {
        fs_err::create_dir_all(folder.join(port))?;
        outputs.insert(port.to_owned(), folder.join(port));
    }
    let inputs = BTreeMap::from([("interactions".to_owned(), BTreeMap::from([(String::new(), data)]))]);
    let context = Context::new(Spec {
        uses: "dccf".to_owned(),
        parameters: serde_json::Map::new(),
        inputs,
        outputs,
        seed: 7,
        threads,
        device: "cpu".to_owned(),
        rank: contract::Rank::default(),
        checkpoint: None,
    });
    Dccf::run(serde_json::from_value(parameters).unwrap(), &context)
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dccf-{}-{name}", std::process::id()));
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

fn small() -> serde_json::Value {
    json!({ "dim": 16, "intents": 8, "epochs": 30, "batch": 128, "learning_rate": 0.01 })
}

fn hits(lists: &[frames::RankedList], targets: &[Option<u32>]) -> usize {
    let hit = |list: &&frames::RankedList| {
        list.items.iter().take(10).any(|&(item, _)| Some(item) == targets[list.user as usize])
    };
    lists.iter().filter(hit).count()
}

#[test]
fn it_beats_popularity_on_clusters() {
    let folder = scratch("clusters");
    run_in(&folder, 2, small()).unwrap();
    let data = clustered();
    let rankings = Rankings::read(&folder.join("rankings")).unwrap();
    let mut popularity = vec![0.0; ITEMS as usize];
    data.sequences(&[Split::Train]).iter().flatten().for_each(|&item| popularity[item as usize] += 1.0);
    let history = data.before_test();
    let popular: Vec<frames::RankedList> = (0..data.dataset.users as u32)
        .map(|user| frames::RankedList {
            user,
            items: recommender::top_k(&popularity, 20, |item| history[user as usize].contains(&item)),
        })
        .collect();
    let (learned, baseline) = (hits(&rankings.excluded, &data.targets()), hits(&popular, &data.targets()));
    assert_eq!(rankings.excluded.len(), data.dataset.users, "the user without training items is ranked too");
    assert!(
        rankings
            .excluded
            .iter()
            .all(|list| list.items.iter().all(|(item, _)| !history[list.user as usize].contains(item)))
    );
    assert!(learned > 3 * baseline, "{learned} hits, popularity has {baseline}");
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn equal_runs_write_equal_bytes_with_any_number_of_threads() {
    let runs = [("first", 1), ("second", 2), ("third", 2)].map(|(name, threads)| {
        let folder = scratch(name);
        run_in(&folder, threads, json!({ "dim": 8, "intents": 4, "epochs": 2, "batch": 300 })).unwrap();
        let files = [
            "items/embeddings.safetensors",
            "users/embeddings.safetensors",
            "rankings/rankings.parquet",
            "report/report.json",
        ]
        .map(|file| fs_err::read(folder.join(file)).unwrap());
        fs_err::remove_dir_all(folder).unwrap();
        files
    });
    assert!(runs[0] == runs[1] && runs[1] == runs[2]);
}

#[test]
fn a_diverging_run_says_so() {
    let folder = scratch("diverging");
    let failure = run_in(&folder, 1, json!({ "dim": 8, "epochs": 20, "learning_rate": 1e30 })).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Diverged);
    assert!(failure.hint.is_some());
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn parameters_without_sense_are_refused() {
    let failure = run_in(&scratch("refused"), 1, json!({ "batch": 0 })).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
}

fn report(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs_err::read(folder.join("report/report.json")).unwrap()).unwrap()
}

#[test]
fn isolated_users_and_items_have_finite_embeddings_and_are_ranked() {
    // User 1 and items 3 and 4 are in no training pair; item 3 is what user 1 takes next.
    let rows = [
        (0, 0, Split::Train),
        (0, 1, Split::Train),
        (0, 2, Split::Test),
        (1, 3, Split::Test),
        (2, 1, Split::Train),
        (2, 2, Split::Train),
        (2, 0, Split::Test),
    ];
    let folder = scratch("isolated");
    run_on(&folder, &interactions(3, 5, &rows), 1, small()).unwrap();
    let found = report(&folder);
    assert_eq!(
        (&found["users_without_training_items"], &found["items_without_training_users"]),
        (&json!(1), &json!(2))
    );
    let rankings = Rankings::read(&folder.join("rankings")).unwrap();
    assert!(rankings.kept.iter().all(|list| list.items.len() == 5));
    assert!(rankings.kept.iter().flat_map(|list| &list.items).all(|(_, score)| score.is_finite()));
    // What nobody took stands behind what user 0 has taken.
    let [first, second] = [rankings.kept[0].items[0].0, rankings.kept[0].items[1].0];
    assert!([first, second].iter().all(|item| [0, 1].contains(item)), "{:?}", rankings.kept[0]);
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn one_user_is_learned() {
    let rows = [(0, 0, Split::Train), (0, 1, Split::Train), (0, 2, Split::Test)];
    let folder = scratch("one-user");
    run_on(&folder, &interactions(1, 4, &rows), 2, small()).unwrap();
    let rankings = Rankings::read(&folder.join("rankings")).unwrap();
    let kept: Vec<u32> = rankings.kept[0].items.iter().map(|&(item, _)| item).take(2).collect();
    assert!(kept.contains(&0) && kept.contains(&1), "{kept:?}");
    assert_eq!(rankings.excluded[0].items.len(), 2);
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn one_item_leaves_no_negative_and_says_so() {
    let rows = [(0, 0, Split::Train), (1, 0, Split::Test)];
    let folder = scratch("one-item");
    let mut parameters = small();
    parameters["stopping"] = json!("epochs");
    let failure = run_on(&folder, &interactions(2, 1, &rows), 1, parameters).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NothingUsable);
    assert!(failure.message.contains("an item that is not one"), "{}", failure.message);
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn the_best_epoch_on_validation_items_is_kept_and_training_stops_after_it() {
    let mut given = clustered();
    for row in 0..given.user.len() {
        if given.position[row] == 7 {
            given.split[row] = Split::Validation;
        }
    }
    let folder = scratch("validation");
    let mut parameters = small();
    parameters["epochs"] = json!(400);
    parameters["evaluate_every"] = json!(2);
    parameters["patience"] = json!(3);
    run_on(&folder, &given, 1, parameters).unwrap();
    let found = report(&folder);
    let evaluations = found["choice"]["trainings"][0]["evaluations"].as_array().unwrap();
    let ndcg = |place: usize| evaluations[place]["ndcg"].as_f64().unwrap();
    let best = (0..evaluations.len()).rev().max_by(|&a, &b| ndcg(a).total_cmp(&ndcg(b))).unwrap();
    assert_eq!(found["choice"]["chosen_epoch"], evaluations[best]["epoch"]);
    assert_eq!(evaluations.len(), best + 4, "three evaluations after the best");
    assert!(found["epochs"].as_array().unwrap().len() < 400);
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn without_validation_items_the_last_training_items_choose_decay_and_epochs() {
    let folder = scratch("chosen");
    let mut parameters = small();
    parameters["epochs"] = json!(60);
    parameters["evaluate_every"] = json!(2);
    parameters["patience"] = json!(2);
    // With the large decay nothing is learned, so the small one is better.
    parameters["embedding_decays"] = json!([10.0, 1e-5]);
    run_in(&folder, 1, parameters).unwrap();
    let found = report(&folder);
    let choice = &found["choice"];
    assert_eq!(choice["held_out"], "last-training-item");
    assert_eq!(choice["embedding_decay"], 1e-5);
    let trainings = choice["trainings"].as_array().unwrap();
    assert_eq!(trainings.len(), 2);
    assert!(trainings[1]["best_ndcg"].as_f64().unwrap() > trainings[0]["best_ndcg"].as_f64().unwrap(), "{trainings:?}");
    assert_eq!(choice["chosen_epoch"], trainings[1]["best_epoch"]);
    assert_eq!(found["epochs"].as_array().unwrap().len() as u64, choice["chosen_epoch"].as_u64().unwrap());
    let again = scratch("given");
    let mut parameters = small();
    parameters["stopping"] = json!("epochs");
    parameters["epochs"] = choice["chosen_epoch"].clone();
    parameters["embedding_decay"] = json!(1e-5);
    run_in(&again, 1, parameters).unwrap();
    let items = |folder: &Path| fs_err::read(folder.join("items/embeddings.safetensors")).unwrap();
    assert!(items(&folder) == items(&again), "what is given and what is chosen train the same model");
    [folder, again].iter().for_each(|folder| fs_err::remove_dir_all(folder).unwrap());
}

#[test]
fn decays_to_choose_from_need_something_to_choose_by() {
    let parameters = json!({ "stopping": "epochs", "embedding_decays": [1e-4] });
    let failure = run_in(&scratch("contradiction"), 1, parameters).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.contains("embedding_decays"), "{}", failure.message);
}

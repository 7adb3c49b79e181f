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

fn run_in(folder: &Path, threads: usize, parameters: serde_json::Value) -> Result<()> {
    let data = folder.join("interactions");
    fs_err::create_dir_all(&data)?;
    clustered().write(&data)?;
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
            items: frames::top_k(&popularity, 20, |item| history[user as usize].contains(&item)),
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

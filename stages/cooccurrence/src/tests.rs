//! The whole stage on small synthetic data.

use super::*;
use contract::Spec;
use frames::Dataset;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use tch::Kind;

/// Users who walk through one of four rooms of ten items; item 40 is held out of everything.
fn rooms() -> Interactions {
    let mut interactions = Interactions {
        dataset: Dataset {
            users: 80,
            items: 41,
            interactions: 0,
            max_history: 20,
            holdout: "last".to_owned(),
            split_digest: String::new(),
        },
        user: vec![],
        item: vec![],
        position: vec![],
        time: vec![],
        split: vec![],
    };
    for user in 0..80 {
        for place in 0..7 {
            let item = if place == 6 { 40 } else { 10 * (user % 4) + (user / 4 + place * (1 + user % 3)) % 10 };
            interactions.user.push(user);
            interactions.item.push(item);
            interactions.position.push(place);
            interactions.time.push(i64::from(place));
            interactions.split.push(if place == 6 { Split::Test } else { Split::Train });
        }
    }
    interactions.dataset.interactions = interactions.user.len();
    interactions
}

fn run_in(folder: &Path, threads: usize, parameters: serde_json::Value) -> Result<()> {
    rooms().write(folder)?;
    let spec = Spec {
        uses: Cooccurrence::NAME.to_owned(),
        parameters: serde_json::Map::new(),
        inputs: BTreeMap::from([("interactions".into(), BTreeMap::from([(String::new(), folder.into())]))]),
        outputs: ["items", "report"].map(|port| (port.to_owned(), folder.to_owned())).into(),
        seed: 7,
        threads,
        device: "cpu".to_owned(),
        rank: contract::Rank::default(),
        checkpoint: None,
    };
    Cooccurrence::run(serde_json::from_value(parameters).unwrap(), &Context::new(spec))
}

fn embeddings(folder: &Path) -> Tensor {
    nn::safetensors_file::read(&folder.join("embeddings.safetensors")).unwrap().remove("items").unwrap()
}

#[test]
fn items_of_one_room_are_near_each_other() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), 2, json!({ "dim": 8 })).unwrap();
    let items = embeddings(folder.path());
    assert_eq!(items.size(), [41, 8]);
    let cosine = |one: i64, other: i64| {
        Tensor::cosine_similarity(&items.select(0, one), &items.select(0, other), 0, 1e-9).double_value(&[])
    };
    for item in 0..40 {
        let cluster = item / 10;
        let mean = |of: i64| (0..10).map(|n| cosine(item, 10 * of + n)).sum::<f64>() / 10.0;
        assert!(
            mean(cluster) > 0.3 && mean((cluster + 1) % 4) < 0.1,
            "{item}: {} {}",
            mean(cluster),
            mean((cluster + 1) % 4)
        );
    }
    assert_eq!(items.select(0, 40).abs().sum(Kind::Float).double_value(&[]), 0.0);
    let report: serde_json::Value =
        serde_json::from_slice(&fs_err::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["items_alone"], 1);
    assert!((0.3..1.0).contains(&report["explained"].as_f64().unwrap()), "{report}");
}

#[test]
fn threads_do_not_change_a_byte() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run_in(one.path(), 1, json!({ "dim": 8 })).unwrap();
    run_in(other.path(), 3, json!({ "dim": 8 })).unwrap();
    let bytes = |folder: &Path| fs_err::read(folder.join("embeddings.safetensors")).unwrap();
    assert!(bytes(one.path()) == bytes(other.path()));
}

#[test]
fn fewer_items_than_dimensions_have_as_many_dimensions() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), 1, json!({ "dim": 64 })).unwrap();
    let items = embeddings(folder.path());
    assert_eq!(items.size(), [41, 41]);
    assert!(bool::try_from(items.isfinite().all()).unwrap());
}

#[test]
fn parameters_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (parameters, expected) in [
        (json!({ "dim": 0 }), "dim is 0, expected at least 1"),
        (json!({ "dim": 8, "window": 0 }), "window is 0, expected at least 1"),
        (json!({ "dim": 8, "power": 1.5 }), "power is 1.5, expected 0 to 1"),
    ] {
        assert_eq!(run_in(folder.path(), 1, parameters).unwrap_err().message, expected);
    }
}

#[test]
fn held_out_items_are_in_no_count() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), 1, json!({ "dim": 8 })).unwrap();
    let of_all = embeddings(folder.path());
    run_in(folder.path(), 1, json!({ "dim": 8, "hold_out": true })).unwrap();
    assert!(!embeddings(folder.path()).equal(&of_all));
    let report: serde_json::Value =
        serde_json::from_slice(&fs_err::read(folder.path().join("report.json")).unwrap()).unwrap();
    let shortened = hold_out_last_training_item(&rooms());
    let counts = windowed_counts(&shortened.sequences(&[Split::Train]), 41, 5);
    let expected: usize = positive_information(&counts, 0.75).iter().map(Vec::len).sum();
    assert_eq!(report["pairs"], expected);
}

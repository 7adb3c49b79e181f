//! Whole stages on small synthetic data.

use crate::{P5, Tiger};
use contract::{Context, FailureKind, Result, Spec, Stage};
use frames::{Codes, Dataset, Interactions, RankedList, Rankings, Split};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ITEMS: u32 = 20;

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

/// Users who walk around a ring of items one by one from different starts. The last item of each is held out, and somebody else
/// trains on every step.
fn walk_rows() -> Vec<(u32, u32, Split)> {
    let length = 6;
    (0..40)
        .flat_map(|user| {
            let split = move |place| if place + 1 == length { Split::Test } else { Split::Train };
            (0..length).map(move |place| (user, (user * 7 + place) % ITEMS, split(place)))
        })
        .collect()
}

fn walkers() -> Interactions {
    interactions(40, ITEMS as usize, &walk_rows())
}

/// Two levels: of each five items that share the first.
fn codes(items: u32) -> Codes {
    Codes { levels: vec![(0..items).map(|item| item / 5).collect(), (0..items).map(|item| item % 5).collect()] }
}

/// What a stage wrote.
struct Outputs(tempfile::TempDir);

impl Outputs {
    fn rankings(&self, port: &str) -> Rankings {
        Rankings::read(&self.0.path().join(port)).unwrap()
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&self.bytes("report/report.json")).unwrap()
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        fs_err::read(self.0.path().join(file)).unwrap()
    }
}

fn run<S: Stage>(given: &Interactions, codes: &Codes, threads: usize, parameters: &Value) -> Result<Outputs> {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = BTreeMap::new();
    for port in S::inputs() {
        let path = folder.path().join(format!("given-{}", port.name));
        fs_err::create_dir_all(&path)?;
        match port.name.as_str() {
            "codes" => codes.write(&path)?,
            _ => given.write(&path)?,
        }
        inputs.insert(port.name, BTreeMap::from([(String::new(), path)]));
    }
    let mut outputs = BTreeMap::new();
    for port in S::outputs() {
        let path = folder.path().join(&port.name);
        fs_err::create_dir_all(&path)?;
        outputs.insert(port.name, path);
    }
    let context = Context::new(Spec {
        uses: S::NAME.to_owned(),
        parameters: serde_json::Map::new(),
        inputs,
        outputs,
        seed: 7,
        threads,
        device: "cpu".to_owned(),
        rank: contract::Rank::default(),
        checkpoint: None,
    });
    S::run(serde_json::from_value(parameters.clone()).unwrap(), &context)?;
    Ok(Outputs(folder))
}

fn small(epochs: usize) -> Value {
    json!({
        "dim": 32, "heads": 2, "head_dim": 16, "inner_dim": 64, "layers": 1, "batch": 32, "learning_rate": 0.01,
        "dropout": 0.0, "weight_decay": 0.0, "stopping": "epochs", "epochs": epochs, "epoch_steps": 1,
    })
}

fn with(mut parameters: Value, more: &Value) -> Value {
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parameters
}

fn first_is_target(lists: &[RankedList], given: &Interactions) -> f64 {
    let targets = given.targets();
    let hits = lists.iter().filter(|list| Some(list.items[0].0) == targets[list.user as usize]).count();
    hits as f64 / lists.len() as f64
}

/// Twenty users who walk six steps from different starts, and one for each who has walked five of the same and is asked for the sixth.
fn twins() -> Interactions {
    let rows: Vec<(u32, u32, Split)> = (0..40)
        .flat_map(|user| {
            let split = move |place| if user >= 20 && place == 5 { Split::Test } else { Split::Train };
            (0..6).map(move |place| (user, (user * 7 + place) % ITEMS, split(place)))
        })
        .collect();
    interactions(40, ITEMS as usize, &rows)
}

fn overfits<S: Stage>(more: &Value) {
    let given = twins();
    let outputs = run::<S>(&given, &codes(ITEMS), 2, &with(small(80), more)).unwrap();
    let rankings = outputs.rankings("rankings");
    assert_eq!(rankings.excluded.len(), 20);
    let hit = first_is_target(&rankings.excluded, &given);
    let report = outputs.report();
    let loss = report["epochs"].as_array().unwrap().last().unwrap()["loss"].as_f64().unwrap();
    assert!(loss < 0.1 && hit > 0.9, "{}: loss {loss}, the next item of {hit} of the users comes first", S::NAME);
    assert_eq!(outputs.rankings("validation"), Rankings::default());
}

#[test]
fn tiger_overfits_a_small_set() {
    overfits::<Tiger>(&json!({ "epochs": 240, "learning_rate": 0.003 }));
}

#[test]
fn p5_overfits_a_small_set_with_either_index() {
    for index in ["sequential", "collaborative"] {
        overfits::<P5>(&json!({ "index": index, "base": 5 }));
    }
}

#[test]
fn equal_runs_write_equal_bytes_with_any_number_of_threads() {
    let parameters = with(small(3), &json!({ "stopping": "validation", "dropout": 0.2, "validation_users": 25 }));
    let of = |threads| {
        let outputs = run::<Tiger>(&walkers(), &codes(ITEMS), threads, &parameters).unwrap();
        ["rankings/rankings.parquet", "validation/rankings.parquet", "report/report.json"]
            .map(|file| outputs.bytes(file))
    };
    let one = of(1);
    assert!(one == of(1) && one == of(2) && one == of(3));
}

#[test]
fn the_last_training_item_chooses_the_epochs() {
    let parameters = with(small(12), &json!({ "stopping": "validation", "evaluate_every": 2, "patience": 2 }));
    let outputs = run::<Tiger>(&walkers(), &codes(ITEMS), 2, &parameters).unwrap();
    let report = outputs.report();
    let choice = &report["choice"];
    assert_eq!(choice["held_out"], "last-training-item");
    assert_eq!(report["epochs"].as_array().unwrap().len() as u64, choice["chosen_epoch"].as_u64().unwrap());
    // The lists of held-out items stand for a model that has not seen them.
    let validation = outputs.rankings("validation");
    assert_eq!(validation.excluded.len(), 40);
    let held_out = |user: u32| (user * 7 + 4) % ITEMS;
    let seen =
        |list: &RankedList| (0..4).any(|place| list.items.iter().any(|one| one.0 == (list.user * 7 + place) % ITEMS));
    assert!(validation.excluded.iter().all(|list| !seen(list)));
    assert!(validation.excluded.iter().any(|list| list.items.iter().any(|one| one.0 == held_out(list.user))));
}

#[test]
fn the_best_epoch_on_validation_items_is_kept() {
    let mut given = walkers();
    for row in 0..given.user.len() {
        if given.position[row] == 4 {
            given.split[row] = Split::Validation;
        }
    }
    let parameters = with(small(12), &json!({ "stopping": "validation", "evaluate_every": 2, "patience": 2 }));
    let report = run::<Tiger>(&given, &codes(ITEMS), 1, &parameters).unwrap().report();
    let choice = &report["choice"];
    let evaluations = choice["evaluations"].as_array().unwrap();
    let ndcg = |place: usize| evaluations[place]["ndcg"].as_f64().unwrap();
    let best = (0..evaluations.len()).rev().max_by(|&a, &b| ndcg(a).total_cmp(&ndcg(b))).unwrap();
    assert_eq!(choice["held_out"], "validation");
    assert_eq!(choice["chosen_epoch"], evaluations[best]["epoch"]);
}

#[test]
fn short_histories_unseen_items_and_a_wide_beam_reach_every_item() {
    let mut rows = walk_rows();
    rows.extend([(40, 3, Split::Test), (41, 4, Split::Train), (41, 5, Split::Test)]);
    let given = interactions(42, ITEMS as usize + 1, &rows);
    let parameters = with(small(40), &json!({ "beam": 100, "top_k": 21 }));
    let outputs = run::<Tiger>(&given, &codes(ITEMS + 1), 2, &parameters).unwrap();
    let rankings = outputs.rankings("rankings");
    // Item 20 is taken by nobody, and still can be written.
    assert!(rankings.kept.iter().all(|list| list.items.len() == 21));
    let of = |user: u32| rankings.kept.iter().find(|list| list.user == user).unwrap();
    assert_eq!(of(40).items[20], (20, 0.0), "without history the most frequent come first");
    assert_eq!(of(41).items[0].0, 5, "after one item comes what follows it");
    assert_eq!(outputs.report()["users_with_fewer_than_two_training_items"], 2);
    let narrow =
        run::<Tiger>(&given, &codes(ITEMS + 1), 2, &with(parameters, &json!({ "beam": 1, "epochs": 1 }))).unwrap();
    assert!(narrow.report()["short_lists"].as_u64().unwrap() > 0);
}

#[test]
fn p5_ranks_short_histories_and_items_that_nobody_has() {
    let mut rows = walk_rows();
    rows.extend([(40, 3, Split::Test), (41, 4, Split::Train), (41, 5, Split::Test)]);
    let given = interactions(42, ITEMS as usize + 1, &rows);
    for index in ["sequential", "collaborative"] {
        let more = json!({ "index": index, "base": 5, "beam": 100, "top_k": 21 });
        let outputs = run::<P5>(&given, &codes(ITEMS + 1), 2, &with(small(3), &more)).unwrap();
        let rankings = outputs.rankings("rankings");
        assert!(rankings.kept.iter().all(|list| list.items.len() == 21), "{index}");
        let of = |user: u32| rankings.kept.iter().find(|list| list.user == user).unwrap();
        assert_eq!(of(40).items[20], (20, 0.0), "{index}: without history the most frequent come first");
        assert!(of(41).items.iter().any(|one| one.0 == 20), "{index}: what nobody has can be written");
        assert_eq!(outputs.report()["users_with_fewer_than_two_training_items"], 2);
    }
}

#[test]
fn of_histories_longer_than_the_window_only_the_latest_items_count() {
    reads_the_window_alone::<Tiger>();
    reads_the_window_alone::<P5>();
}

fn reads_the_window_alone<S: Stage>() {
    // What user 40 had before the last item is outside the window.
    let scores = |early: u32| {
        let rows: Vec<(u32, u32, Split)> = (0..40)
            .flat_map(|user| {
                let walk = (0..4).map(move |place| (user, (user + place) % 10, Split::Train));
                walk.chain([(user, (user + 4) % 10, Split::Test)])
            })
            .chain([(40, early, Split::Validation), (40, 2, Split::Validation), (40, 3, Split::Test)])
            .collect();
        let given = interactions(41, ITEMS as usize, &rows);
        let outputs = run::<S>(&given, &codes(ITEMS), 1, &with(small(2), &json!({ "max_length": 1 }))).unwrap();
        outputs.rankings("rankings").kept.pop().unwrap()
    };
    let (one, other) = (scores(15), scores(16));
    assert_eq!((one.user, one.items), (40, other.items), "{}", S::NAME);
}

#[test]
fn items_with_equal_codes_share_a_score() {
    let mut codes = codes(ITEMS);
    codes.levels.iter_mut().for_each(|level| level[7] = level[3]);
    let outputs = run::<Tiger>(&walkers(), &codes, 1, &with(small(1), &json!({ "beam": 20, "top_k": 20 }))).unwrap();
    assert_eq!(outputs.report()["colliding_items"], 2);
    for list in outputs.rankings("rankings").kept {
        let score = |item: u32| list.items.iter().find(|one| one.0 == item).unwrap().1;
        assert_eq!(score(3), score(7));
    }
}

#[test]
fn codes_of_other_items_and_damaged_codes_are_refused() {
    let failure = run::<Tiger>(&walkers(), &codes(ITEMS - 1), 1, &small(1)).err().unwrap();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.contains("19") && failure.message.contains("20"), "{failure}");
    let failure = run::<Tiger>(&walkers(), &Codes::default(), 1, &small(1)).err().unwrap();
    assert!(failure.message.contains("no column 'level_1'"), "{failure}");
}

#[test]
fn data_and_parameters_without_sense_are_refused() {
    let rows = [(0, 0, Split::Train), (0, 1, Split::Test), (1, 1, Split::Train), (1, 0, Split::Test)];
    let given = interactions(2, 2, &rows);
    let failure = run::<Tiger>(&given, &codes(2), 1, &small(1)).err().unwrap();
    assert_eq!(failure.kind, FailureKind::NothingUsable);
    assert!(failure.message.contains("none of the 2 users has 2 training items"), "{failure}");
    let choosing = with(small(1), &json!({ "stopping": "validation" }));
    let failure = run::<P5>(&given, &codes(2), 1, &choosing).err().unwrap();
    assert!(failure.message.contains("none can be held out"), "{failure}");
    for wrong in
        [json!({ "batch": 0 }), json!({ "dropout": 1.0 }), json!({ "learning_rate": 0.0 }), json!({ "warmup": 2.0 })]
    {
        let failure = run::<Tiger>(&walkers(), &codes(ITEMS), 1, &with(small(1), &wrong)).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Conflict, "{wrong}");
    }
    let failure = run::<P5>(&walkers(), &codes(ITEMS), 1, &with(small(1), &json!({ "base": 1 }))).err().unwrap();
    assert_eq!(failure.kind, FailureKind::Conflict);
    let failure = run::<Tiger>(&walkers(), &codes(ITEMS), 1, &with(small(50), &json!({ "learning_rate": 1e30 })));
    assert_eq!(failure.err().unwrap().kind, FailureKind::Diverged);
}

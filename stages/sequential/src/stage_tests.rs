//! Whole stages on small synthetic data.

use crate::{Bert4rec, Fmlp, Gru4rec, Sasrec};
use contract::{Context, FailureKind, Result, Spec, Stage};
use frames::{Dataset, Interactions, RankedList, Rankings, Split};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ITEMS: u32 = 30;

/// Users who walk around a ring of items one by one, from different starts; the last item of each is held out.
fn walkers() -> Interactions {
    let length = 9;
    let rows: Vec<(u32, u32, Split)> = (0..90)
        .flat_map(|user| {
            let split = move |place| if place + 1 == length { Split::Test } else { Split::Train };
            (0..length).map(move |place| (user, (user * 7 + place) % ITEMS, split(place)))
        })
        .collect();
    interactions(90, ITEMS as usize, &rows)
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

/// What a stage wrote.
struct Outputs(tempfile::TempDir);

impl Outputs {
    fn rankings(&self) -> Rankings {
        Rankings::read(&self.0.path().join("rankings")).unwrap()
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&self.bytes("report/report.json")).unwrap()
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        fs_err::read(self.0.path().join(file)).unwrap()
    }
}

fn run<S: Stage>(given: &Interactions, threads: usize, parameters: &Value) -> Result<Outputs> {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("interactions");
    fs_err::create_dir_all(&data)?;
    given.write(&data)?;
    let mut outputs = BTreeMap::new();
    for port in S::outputs() {
        let path = folder.path().join(&port.name);
        fs_err::create_dir_all(&path)?;
        outputs.insert(port.name, path);
    }
    let context = Context::new(Spec {
        uses: S::NAME.to_owned(),
        parameters: serde_json::Map::new(),
        inputs: BTreeMap::from([("interactions".to_owned(), BTreeMap::from([(String::new(), data)]))]),
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
    json!({ "dim": 16, "batch": 16, "learning_rate": 0.01, "dropout": 0.1, "stopping": "epochs", "epochs": epochs, "epoch_steps": 1 })
}

/// A mask knows nothing at first, so attention has to be learned before anything else: by smaller steps.
fn bert4rec() -> Value {
    json!({ "layers": 1, "learning_rate": 0.003 })
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

fn learns_the_walk<S: Stage>(epochs: usize, more: &Value, least: f64) {
    let given = walkers();
    let outputs = run::<S>(&given, 2, &with(small(epochs), more)).unwrap();
    let rankings = outputs.rankings();
    assert_eq!(rankings.kept.len(), 90);
    let hit = first_is_target(&rankings.excluded, &given);
    assert!(hit >= least, "{}: the next item of {hit} of the users comes first", S::NAME);
    let epochs = &outputs.report()["epochs"];
    let loss = |epoch: usize| epochs[epoch]["loss"].as_f64().unwrap();
    assert!(loss(epochs.as_array().unwrap().len() - 1) < loss(0));
    let tensors = nn::safetensors_file::read(&outputs.0.path().join("items/embeddings.safetensors")).unwrap();
    assert_eq!(tensors["items"].size(), [i64::from(ITEMS), 16]);
}

#[test]
fn sasrec_learns_what_follows() {
    for loss in ["sampled-softmax", "full-softmax", "original"] {
        learns_the_walk::<Sasrec>(30, &json!({ "loss": loss, "negatives": 10 }), 0.9);
    }
}

#[test]
fn bert4rec_learns_what_follows() {
    // By chance it would be 1 of 22.
    learns_the_walk::<Bert4rec>(40, &bert4rec(), 0.5);
}

#[test]
fn fmlp_learns_what_follows() {
    learns_the_walk::<Fmlp>(20, &json!({ "max_length": 6 }), 0.9);
}

#[test]
fn gru4rec_learns_what_follows() {
    learns_the_walk::<Gru4rec>(40, &json!({ "layers": 2 }), 0.9);
}

fn writes_equal_bytes<S: Stage>(more: &Value) {
    let runs = [1, 2, 3].map(|threads| {
        let outputs = run::<S>(&walkers(), threads, &with(small(2), more)).unwrap();
        ["items/embeddings.safetensors", "rankings/rankings.parquet", "report/report.json", "report/loss.svg"]
            .map(|file| outputs.bytes(file))
    });
    assert!(runs[0] == runs[1] && runs[1] == runs[2], "{}", S::NAME);
}

#[test]
fn equal_runs_write_equal_bytes_with_any_number_of_threads() {
    writes_equal_bytes::<Sasrec>(&json!({ "negatives": 10, "stopping": "validation" }));
    writes_equal_bytes::<Sasrec>(&json!({ "loss": "original" }));
    writes_equal_bytes::<Bert4rec>(&json!({}));
    writes_equal_bytes::<Fmlp>(&json!({}));
    writes_equal_bytes::<Gru4rec>(&json!({}));
}

/// The interactions with the last training item of each user as a validation item.
fn with_validation(mut given: Interactions) -> Interactions {
    for row in 0..given.user.len() {
        if given.position[row] == 7 {
            given.split[row] = Split::Validation;
        }
    }
    given
}

#[test]
fn the_best_epoch_on_validation_items_is_kept_and_training_stops_after_it() {
    let more = json!({ "stopping": "validation", "evaluate_every": 2, "patience": 3, "negatives": 10 });
    let report = run::<Sasrec>(&with_validation(walkers()), 1, &with(small(300), &more)).unwrap().report();
    let choice = &report["choice"];
    let evaluations = choice["evaluations"].as_array().unwrap();
    let ndcg = |place: usize| evaluations[place]["ndcg"].as_f64().unwrap();
    let best = (0..evaluations.len()).rev().max_by(|&a, &b| ndcg(a).total_cmp(&ndcg(b))).unwrap();
    assert_eq!(choice["held_out"], "validation");
    assert_eq!(choice["chosen_epoch"], evaluations[best]["epoch"]);
    assert_eq!(evaluations.len(), best + 4, "three evaluations after the best");
    assert!(report["epochs"].as_array().unwrap().len() < 300);
}

#[test]
fn without_validation_the_last_items_choose() {
    let more = json!({ "stopping": "validation", "evaluate_every": 2, "patience": 3, "negatives": 10 });
    let report = run::<Sasrec>(&walkers(), 1, &with(small(300), &more)).unwrap().report();
    let choice = &report["choice"];
    assert_eq!(choice["held_out"], "last-training-item");
    assert_eq!(report["epochs"].as_array().unwrap().len() as u64, choice["chosen_epoch"].as_u64().unwrap());
    // The choice is the one that validation items at the same places make.
    let expected = run::<Sasrec>(&with_validation(walkers()), 1, &with(small(300), &more)).unwrap().report();
    assert_eq!(choice["evaluations"], expected["choice"]["evaluations"]);
    assert_eq!(choice["chosen_epoch"], expected["choice"]["chosen_epoch"]);
}

#[test]
fn a_loss_that_is_not_finite_says_so() {
    for parameters in [json!({ "learning_rate": 1e38 }), json!({ "learning_rate": 1e38, "loss": "full-softmax" })] {
        let failure = run::<Sasrec>(&walkers(), 1, &with(small(50), &parameters)).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Diverged, "{failure}");
        assert!(failure.message.contains("the loss of epoch") && failure.hint.is_some(), "{failure}");
    }
}

/// Walkers, and user 90 with a test item alone, user 91 with one training item; item 30 is taken by nobody.
fn with_short_users() -> Interactions {
    let given = walkers();
    let mut rows: Vec<(u32, u32, Split)> =
        (0..given.user.len()).map(|row| (given.user[row], given.item[row], given.split[row])).collect();
    rows.extend([(90, 3, Split::Test), (91, 4, Split::Train), (91, 5, Split::Test)]);
    interactions(92, ITEMS as usize + 1, &rows)
}

fn ranks_short_users<S: Stage>(epochs: usize, more: &Value) {
    let given = with_short_users();
    let outputs = run::<S>(&given, 2, &with(with(small(epochs), &json!({ "top_k": 31 })), more)).unwrap();
    let (rankings, report) = (outputs.rankings(), outputs.report());
    let of = |user: u32| rankings.kept.iter().find(|list| list.user == user).unwrap();
    assert!(rankings.kept.iter().flat_map(|list| &list.items).all(|(_, score)| score.is_finite()));
    // Who has no history gets the most popular items: the counts differ by the walks' starts.
    let popular = of(90);
    assert_eq!(popular.items.len(), 31);
    assert_eq!(popular.items[30], (30, 0.0), "what nobody took comes last");
    assert!(popular.items.is_sorted_by(|left, right| left.1 >= right.1));
    // Who has one item gets what follows it.
    assert_eq!(of(91).items.len(), 31);
    let places: Vec<usize> = [5, 30].map(|item| of(91).items.iter().position(|one| one.0 == item).unwrap()).to_vec();
    assert!(places[0] < 5 && places[1] > 10, "{}: item 5 at {}, item 30 at {}", S::NAME, places[0], places[1]);
    assert_eq!(report["users_with_fewer_than_two_training_items"], 2);
    assert_eq!(report["items_without_training_users"], 1);
}

#[test]
fn users_with_one_item_and_items_that_nobody_has_are_ranked() {
    ranks_short_users::<Sasrec>(30, &json!({}));
    ranks_short_users::<Bert4rec>(60, &bert4rec());
    ranks_short_users::<Fmlp>(20, &json!({}));
    ranks_short_users::<Gru4rec>(30, &json!({}));
}

fn compares_a_small_catalogue_whole<S: Stage>() {
    let sampled = run::<S>(&walkers(), 1, &with(small(1), &json!({ "negatives": 2048 }))).unwrap();
    let full = run::<S>(&walkers(), 1, &with(small(1), &json!({ "loss": "full-softmax" }))).unwrap();
    assert_eq!(sampled.report()["negatives"], 30, "{}", S::NAME);
    assert!(sampled.bytes("rankings/rankings.parquet") == full.bytes("rankings/rankings.parquet"), "{}", S::NAME);
}

#[test]
fn a_catalogue_smaller_than_the_negatives_is_compared_whole() {
    compares_a_small_catalogue_whole::<Sasrec>();
    compares_a_small_catalogue_whole::<Bert4rec>();
    compares_a_small_catalogue_whole::<Fmlp>();
    compares_a_small_catalogue_whole::<Gru4rec>();
}

/// User 90 has nothing but a history of eight items, of which the window has five.
fn ranks_by_the_window_alone<S: Stage>() {
    let list = |early: u32| {
        let given = walkers();
        let of_walkers = (0..given.user.len()).map(|row| (given.user[row], given.item[row], given.split[row]));
        let later = [4, 9, 2, 3, 4, 5, 6].map(|item| (90, item, Split::Validation));
        let rows: Vec<_> =
            of_walkers.chain([(90, early, Split::Validation)]).chain(later).chain([(90, 7, Split::Test)]).collect();
        let parameters = with(small(1), &json!({ "max_length": 5, "top_k": 30 }));
        run::<S>(&interactions(91, ITEMS as usize, &rows), 1, &parameters).unwrap().rankings().kept.pop().unwrap()
    };
    let (one, other) = (list(20), list(21));
    assert_eq!((one.user, one.items), (90, other.items), "{}", S::NAME);
}

#[test]
fn histories_longer_than_the_window_are_ranked_by_their_latest_items() {
    ranks_by_the_window_alone::<Sasrec>();
    ranks_by_the_window_alone::<Bert4rec>();
    ranks_by_the_window_alone::<Fmlp>();
    ranks_by_the_window_alone::<Gru4rec>();
}

#[test]
fn of_sequences_longer_than_the_window_only_the_latest_items_count() {
    let longer = |first: u32| {
        let rows: Vec<(u32, u32, Split)> = (0..40)
            .flat_map(|user| {
                let walk = (0..6).map(move |place| (user, (user + place) % 20, Split::Train));
                let early = (0..3).map(move |_| (user, first, Split::Train));
                early.chain(walk).chain([(user, (user + 6) % 20, Split::Test)])
            })
            .collect();
        interactions(40, 30, &rows)
    };
    // The targets of a window of 5 are its items but the first and the one after it.
    let of = |given: &Interactions| {
        let parameters = with(small(3), &json!({ "max_length": 5, "loss": "full-softmax" }));
        run::<Sasrec>(given, 1, &parameters).unwrap().bytes("items/embeddings.safetensors")
    };
    assert!(of(&longer(27)) == of(&longer(28)), "items before the window change nothing");
}

#[test]
fn data_without_anything_to_learn_is_refused() {
    let one_item = interactions(2, 1, &[(0, 0, Split::Train), (1, 0, Split::Test)]);
    let failure = run::<Sasrec>(&one_item, 1, &small(1)).err().unwrap();
    assert_eq!(failure.kind, FailureKind::NothingUsable);
    assert!(failure.message.contains("1 items, expected at least 2"), "{failure}");

    let rows = [(0, 0, Split::Train), (0, 1, Split::Test), (1, 1, Split::Train), (1, 0, Split::Test)];
    let failure = run::<Fmlp>(&interactions(2, 2, &rows), 1, &small(1)).err().unwrap();
    assert_eq!(failure.kind, FailureKind::NothingUsable);
    assert!(failure.message.contains("none of the 2 users has 2 training items"), "{failure}");
    let choosing = json!({ "stopping": "validation" });
    let failure = run::<Sasrec>(&interactions(2, 2, &rows), 1, &with(small(1), &choosing)).err().unwrap();
    assert!(failure.message.contains("none can be held out"), "{failure}");
}

#[test]
fn parameters_without_sense_are_refused() {
    for wrong in
        [json!({ "batch": 0 }), json!({ "heads": 3 }), json!({ "dropout": 1.0 }), json!({ "learning_rate": 0.0 })]
    {
        let failure = run::<Sasrec>(&walkers(), 1, &with(small(1), &wrong)).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Conflict, "{wrong}");
    }
    let failure = run::<Bert4rec>(&walkers(), 1, &with(small(1), &json!({ "mask_ratio": -0.1 }))).err().unwrap();
    assert_eq!(failure.kind, FailureKind::Conflict);
}

#[test]
fn a_history_item_may_be_missing_from_training() {
    // A user's validation item counts as history when test items are ranked, whether or not anyone trained on it.
    let rows = [
        (0, 0, Split::Train),
        (0, 1, Split::Train),
        (0, 3, Split::Validation),
        (0, 2, Split::Test),
        (1, 1, Split::Train),
        (1, 0, Split::Train),
        (1, 2, Split::Test),
    ];
    let rankings = run::<Sasrec>(&interactions(2, 4, &rows), 1, &small(3)).unwrap().rankings();
    let excluded: Vec<u32> = rankings.excluded[0].items.iter().map(|&(item, _)| item).collect();
    assert_eq!(excluded, [2], "all but the history");
}

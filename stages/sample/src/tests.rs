use crate::behaviour::{Purchase, each_purchase};
use crate::catalogue::Catalogue;
use crate::{Form, Parameters, Sample};
use contract::{Context, FailureKind, Result, Spec, Stage as _};
use flate2::read::GzDecoder;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::PathBuf;
use tempfile::TempDir;

fn run(parameters: Parameters, seed: u64) -> Result<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let port = |name: &str| {
        let path: PathBuf = folder.path().join(name);
        fs_err::create_dir(&path).unwrap();
        (name.to_owned(), path)
    };
    let outputs = BTreeMap::from([port("reviews"), port("metadata")]);
    let (uses, device) = ("sample".to_owned(), "cpu".to_owned());
    let spec = Spec {
        uses,
        parameters: serde_json::Map::new(),
        inputs: BTreeMap::new(),
        outputs,
        seed,
        threads: 1,
        device,
        rank: contract::Rank::default(),
        checkpoint: None,
    };
    Sample::run(parameters, &Context::new(spec))?;
    Ok(folder)
}

fn bytes(folder: &TempDir, port: &str) -> Vec<u8> {
    fs_err::read(folder.path().join(port).join(format!("{port}.json.gz"))).unwrap()
}

fn lines(folder: &TempDir, port: &str) -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(bytes(folder, port).as_slice()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let small = || Parameters { users: 50, items: 60, latent_preferences: 4, ..Default::default() };
    let (one, same, other) = (run(small(), 1).unwrap(), run(small(), 1).unwrap(), run(small(), 2).unwrap());
    for port in ["reviews", "metadata"] {
        assert_eq!(bytes(&one, port), bytes(&same, port));
        assert_ne!(bytes(&one, port), bytes(&other, port));
    }
}

#[test]
fn the_size_is_as_asked_and_the_flaws_are_there() {
    let parameters = Parameters { flaws: 0.02, ..Default::default() };
    let out = run(parameters, 7).unwrap();
    let (reviews, metadata) = (lines(&out, "reviews"), lines(&out, "metadata"));
    let distinct = |field: &str| reviews.iter().map(|line| line[field].to_string()).collect::<BTreeSet<_>>().len();
    assert_eq!((distinct("reviewerID"), distinct("asin")), (1_500, 400));
    let pairs: BTreeSet<String> =
        reviews.iter().map(|line| format!("{} {}", line["reviewerID"], line["asin"])).collect();
    let mean = pairs.len() as f64 / 1_500.0;
    assert!((mean - 12.0).abs() < 0.5, "{mean}");
    assert!(pairs.len() < reviews.len());
    assert!(reviews.iter().any(|line| line.get("reviewText").is_none()));
    let known: BTreeSet<String> = metadata.iter().map(|line| line["asin"].to_string()).collect();
    assert!(known.len() < 400 && known.len() < metadata.len());
    assert!(
        metadata.iter().any(|line| line["rank"].is_array()) && metadata.iter().any(|line| line["rank"].is_string())
    );
    assert!(metadata.iter().any(|line| line["title"].as_str().unwrap().starts_with("<span")));
}

#[test]
fn what_comes_next_can_be_learned() {
    let parameters = Parameters::default();
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let catalogue = Catalogue::new(&parameters, &mut random);
    for (place, item) in catalogue.items.iter().enumerate() {
        let distinct = BTreeSet::from(item.successors);
        assert!(distinct.len() == 3 && !distinct.contains(&place));
        assert!(distinct.iter().all(|&next| catalogue.items[next].preference == item.preference));
    }
    let mut purchases = Vec::new();
    each_purchase(&parameters, &catalogue, &mut random, &mut |purchase| {
        purchases.push(purchase);
        Ok(())
    })
    .unwrap();
    let steps = || purchases.windows(4).filter(|four| four[0].user == four[3].user);
    let ratio =
        |of: &dyn Fn(&[Purchase]) -> bool| steps().filter(|four| of(four)).count() as f64 / steps().count() as f64;
    let follows =
        |before: &Purchase, next: &Purchase| catalogue.items[before.item as usize].successors[0] == next.item as usize;
    let after_the_third_last = ratio(&|four| follows(&four[0], &four[3]));
    let after_the_last = ratio(&|four| follows(&four[2], &four[3]));
    let within_preference = ratio(&|four| four[3].of_preference);
    assert!(after_the_third_last > 0.3 && within_preference > 0.85, "{after_the_third_last} {within_preference}");
    assert!(after_the_last < 0.05, "no chain of the first order may win: {after_the_last}");
}

#[test]
fn users_who_only_follow_series_still_find_something_new() {
    let parameters = Parameters {
        users: 30,
        items: 12,
        latent_preferences: 2,
        preferences_per_user: 1,
        mean_length: 6.0,
        sequence_lag: 1,
        sequence_strength: 1.0,
        preference_strength: 1.0,
        flaws: 0.0,
        form: Form::Amazon2018,
    };
    let out = run(parameters, 5).unwrap();
    let pairs: BTreeSet<String> =
        lines(&out, "reviews").iter().map(|line| format!("{} {}", line["reviewerID"], line["asin"])).collect();
    assert!(pairs.len() >= 30 * 5 && pairs.len() == lines(&out, "reviews").len());
}

#[test]
fn the_form_of_2023_says_the_same() {
    let parameters = |form| Parameters { users: 50, items: 60, latent_preferences: 4, form, ..Default::default() };
    let (old, new) = (run(parameters(Form::Amazon2018), 1).unwrap(), run(parameters(Form::Amazon2023), 1).unwrap());
    let read = |folder: &TempDir, name: &str| {
        let mut text = String::new();
        let bytes = fs_err::read(folder.path().join("reviews").join(name)).unwrap();
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let (old, new) = (read(&old, "reviews.json.gz"), read(&new, "reviews.jsonl.gz"));
    assert_eq!(old.len(), new.len());
    for (old, new) in old.iter().zip(&new) {
        assert_eq!((&old["reviewerID"], &old["asin"]), (&new["user_id"], &new["parent_asin"]));
        assert_eq!(old.get("reviewText"), new.get("text"));
        assert_eq!(old["unixReviewTime"].as_i64().unwrap() * 1_000, new["timestamp"].as_i64().unwrap());
    }
}

#[test]
fn parameters_that_contradict_each_other_are_refused() {
    let refused = |parameters| run(parameters, 1).unwrap_err();
    for parameters in [
        Parameters { items: 40, ..Default::default() },
        Parameters { preferences_per_user: 9, ..Default::default() },
        Parameters { mean_length: 4.0, ..Default::default() },
        Parameters { flaws: 1.5, ..Default::default() },
        Parameters { sequence_lag: 0, ..Default::default() },
    ] {
        assert_eq!(refused(parameters).kind, FailureKind::Conflict);
    }
    assert!(
        refused(Parameters { items: 40, ..Default::default() })
            .message
            .contains("at least 48 for 8 latent preferences")
    );
}

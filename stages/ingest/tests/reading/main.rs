//! What ingest makes of files, through the stage as `pipe` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test may panic, and says why it skips"
)]

mod bad_rows;
mod forms;
mod order;
mod rules;
mod soak;

use contract::{Context, Failure, FailureKind, Result, Spec, Stage as _};
use flate2::{Compression, write::GzEncoder};
use frames::{Interactions, Items, Reviews, Split, Users};
use ingest::{Holdout, Ingest, Parameters};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PORTS: [&str; 5] = ["interactions", "users", "items", "reviews", "report"];

/// Runs the stage on the bound files; the outputs lie in the folder that comes back, by port.
fn run(inputs: &[(&str, &Path)], parameters: Parameters) -> Result<TempDir> {
    let bind = |&(port, path): &(&str, &Path)| (port.to_owned(), BTreeMap::from([(String::new(), path.to_owned())]));
    run_with(inputs.iter().map(bind).collect(), parameters, 2)
}

/// The same for any labels and number of threads.
fn run_with(
    inputs: BTreeMap<String, BTreeMap<String, PathBuf>>,
    parameters: Parameters,
    threads: usize,
) -> Result<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let outputs: BTreeMap<String, PathBuf> = PORTS.map(|port| (port.to_owned(), folder.path().join(port))).into();
    let spec = Spec {
        uses: "ingest".into(),
        parameters: serde_json::Map::new(),
        inputs,
        outputs,
        seed: 0,
        threads,
        device: "cpu".into(),
        rank: contract::Rank::default(),
        checkpoint: None,
    };
    Ingest::run(parameters, &Context::new(spec))?;
    Ok(folder)
}

fn report(folder: &TempDir) -> Value {
    serde_json::from_slice(&fs_err::read(folder.path().join("report/report.json")).unwrap()).unwrap()
}

fn gzip(folder: &TempDir, name: &str, lines: &[String]) -> PathBuf {
    let path = folder.path().join(name);
    let mut encoder = GzEncoder::new(fs_err::File::create(&path).unwrap(), Compression::default());
    for line in lines {
        writeln!(encoder, "{line}").unwrap();
    }
    encoder.finish().unwrap();
    path
}

fn review(user: &str, item: &str, day: i64, rating: f64) -> Value {
    json!({"reviewerID": user, "asin": item, "unixReviewTime": day * 86_400, "overall": rating,
        "summary": "Fine", "reviewText": format!("{user} on {item}")})
}

fn no_core() -> Parameters {
    Parameters { min_user_interactions: 0, min_item_interactions: 0, ..Default::default() }
}

fn failure(lines: &[String], parameters: Parameters) -> Failure {
    let folder = tempfile::tempdir().unwrap();
    let path = gzip(&folder, "reviews.json.gz", lines);
    run(&[("reviews", &path)], parameters).unwrap_err()
}

#[test]
fn raw_reviews_become_ordered_split_tables() {
    let folder = tempfile::tempdir().unwrap();
    let mut wordless = review("u", "b", 2, 5.0);
    wordless.as_object_mut().unwrap().retain(|key, _| key != "summary" && key != "reviewText");
    let lines = [
        review("u", "c", 3, 4.0),
        review("u", "a", 1, 5.0),
        wordless,
        review("u", "a", 9, 5.0),
        review("u", "low", 4, 1.0),
        review("v", "a", 1, 5.0),
    ];
    let reviews = gzip(&folder, "reviews.json.gz", &lines.map(|line| line.to_string()));
    let metadata = [
        json!({"asin": "a", "title": "<span class=\"a-size-medium", "rank": [],
            "description": ["<b>One</b>", "&amp; two"],
            "category": ["Music", "Guitars"], "brand": "by\n    Acme", "details": {"\n Size: \n": "1"}, "price": "$2"}),
        json!({"asin": "a", "title": "Guitar", "rank": "7 in Music", "brand": "Other"}),
        json!({"asin": "zzz", "title": "Nobody's"}),
        json!({"asin": "b", "title": "Drum &quot;10&quot;"}),
    ];
    let metadata = gzip(&folder, "metadata.json.gz", &metadata.map(|line| line.to_string()));
    let parameters = Parameters { min_rating: 2.0, ..no_core() };
    let out = run(&[("reviews", &reviews), ("metadata", &metadata)], parameters).unwrap();

    let interactions = Interactions::read(&out.path().join("interactions")).unwrap();
    let (users, items) =
        (Users::read(&out.path().join("users")).unwrap(), Items::read(&out.path().join("items")).unwrap());
    let user = users.id.iter().position(|id| id == "u").unwrap();
    let names = |items_of: &[u32]| items_of.iter().map(|&item| items.id[item as usize].as_str()).collect::<Vec<_>>();
    assert_eq!(names(&interactions.before_test()[user]), ["a", "b"]);
    assert_eq!(names(&[interactions.targets()[user].unwrap()]), ["c"]);
    assert_eq!(interactions.targets()[1 - user], None);

    let a = items.id.iter().position(|id| id == "a").unwrap();
    let texts = [&items.title[a], &items.description[a], &items.brand[a], &items.categories[a]];
    // Of two brands the longer one.
    assert_eq!(texts, ["Guitar", "One & two", "Other", "Music,Guitars"]);
    let reviews = Reviews::read(&out.path().join("reviews")).unwrap();
    assert_eq!(reviews.text.len(), 3);
    assert!(reviews.text.contains(&"Fine. u on c".to_owned()));

    let report = report(&out);
    let counts = &report["source"]["reviews"];
    assert_eq!((&counts["read"], &counts["kept"]), (&json!(6), &json!(4)));
    assert_eq!((&counts["dropped_rated_too_low"], &counts["dropped_repeated"]), (&json!(1), &json!(1)));
    assert_eq!((&counts["without_text"], &counts["without_summary"]), (&json!(1), &json!(1)));
    let expected = json!({"read": 4, "repeated": 1, "of_other_items": 1, "page_fragment_titles": 1, "rank_as_text": 1,
        "rank_as_list": 1, "line_breaks_in_details": 1, "price_as_text": 1, "texts_cut": 0,
        "bad_rows": {"skipped": 0, "damaged_files": 0, "first": []}});
    assert_eq!(report["source"]["metadata"], expected);
    assert_eq!(report["result"]["items_without_metadata"], json!(1));
    assert_eq!(report["result"]["users_that_only_train"], json!(1));
}

#[test]
fn the_order_of_lines_changes_nothing() {
    // All on one day, so that only the hash orders them.
    let mut lines: Vec<String> =
        (0..40).map(|n| review(&format!("u{}", n % 5), &format!("i{n}"), 1, 5.0).to_string()).collect();
    let folder = tempfile::tempdir().unwrap();
    let forwards = gzip(&folder, "forwards.json.gz", &lines);
    lines.reverse();
    let backwards = gzip(&folder, "backwards.json.gz", &lines);
    let parameters = Parameters { holdout: Holdout::LastTwo, ..no_core() };
    let one = run(&[("reviews", &forwards)], parameters.clone()).unwrap();
    let other = run(&[("reviews", &backwards)], parameters).unwrap();
    for file in
        ["interactions/interactions.parquet", "interactions/dataset.json", "items/items.parquet", "report/report.json"]
    {
        assert_eq!(
            fs_err::read(one.path().join(file)).unwrap(),
            fs_err::read(other.path().join(file)).unwrap(),
            "{file}"
        );
    }
    let split = Interactions::read(&one.path().join("interactions")).unwrap().split;
    assert_eq!(split.iter().filter(|&&split| split == Split::Validation).count(), 5);
    assert_eq!(report(&one)["leakage"]["test_item_tied_in_time"], json!(5));
}

#[test]
fn what_is_wrong_with_a_row_is_told_with_its_line() {
    let good = review("u", "a", 1, 5.0).to_string();
    let malformed = failure(&[good.clone(), "{'python': True}".into()], no_core());
    assert_eq!(malformed.kind, FailureKind::MalformedRow);
    assert!(malformed.message.contains("reviews.json.gz, line 2: not a JSON object"), "{malformed}");
    assert!(malformed.message.ends_with("it starts with: {'python': True}"), "{malformed}");

    for field in ["asin", "reviewerID", "unixReviewTime"] {
        let mut line = review("u", "a", 1, 5.0);
        line.as_object_mut().unwrap().remove(field);
        let missing = failure(&[good.clone(), String::new(), line.to_string()], no_core());
        assert_eq!(missing.kind, FailureKind::MissingField);
        assert!(missing.message.contains(&format!("line 3: field '{field}' holds nothing")), "{missing}");
    }
}

#[test]
fn nothing_left_says_why() {
    let lines = [review("u", "a", 1, 1.0), review("u", "b", 1, 5.0), review("u", "b", 2, 5.0)];
    let parameters = Parameters { min_rating: 2.0, ..Default::default() };
    let nothing = failure(&lines.map(|line| line.to_string()), parameters);
    assert_eq!(nothing.kind, FailureKind::NothingUsable);
    let expected = "none of 3 reviews is left: 1 rated below 2, 1 repeated, 0 of users outside the sample, \
                    1 of users with fewer than 5 interactions";
    assert!(nothing.message.contains(expected), "{nothing}");
    assert_eq!(failure(&[], no_core()).kind, FailureKind::NothingUsable);
}

#[test]
fn damaged_files_are_told_from_bad_rows() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..500).map(|n| review(&format!("u{n}"), "a", n, 5.0).to_string()).collect();
    let path = gzip(&folder, "reviews.json.gz", &lines);
    let bytes = fs_err::read(&path).unwrap();
    fs_err::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let truncated = run(&[("reviews", &path)], no_core()).unwrap_err();
    assert_eq!(truncated.kind, FailureKind::DamagedFile);
    assert!(truncated.message.contains("the file is truncated"), "{truncated}");
    let absent = run(&[("reviews", &folder.path().join("absent.gz"))], no_core()).unwrap_err();
    assert_eq!(absent.kind, FailureKind::DamagedFile);
}

#[test]
fn inputs_of_both_forms_or_none_conflict() {
    let path = Path::new("unread");
    for inputs in [&[][..], &[("metadata", path)], &[("item_ids", path)], &[("reviews", path), ("sequences", path)]] {
        assert_eq!(run(inputs, no_core()).unwrap_err().kind, FailureKind::Conflict);
    }
}

#[test]
fn processed_sequences_keep_their_order_and_lose_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        fs_err::write(folder.path().join(name), text).unwrap();
        folder.path().join(name)
    };
    let sequences = write("X.inter.json", r#"{"0": [0, 1, 2], "1": [2, 3], "2": [1, 2, 3, 0]}"#);
    let ids = write("X.item2id", "B0\t0\nB1\t1\nB2\t2\nB3\t3\nB4\t4\n");
    let text = write(
        "X.item.json",
        r#"{"2": {"title": "Drum", "categories": "Music,Drums", "description": "", "brand": ""}}"#,
    );
    let inputs = [("sequences", &*sequences), ("item_ids", &*ids), ("item_text", &*text)];
    let out = run(&inputs, Parameters::default()).unwrap();
    let interactions = Interactions::read(&out.path().join("interactions")).unwrap();
    let items = Items::read(&out.path().join("items")).unwrap();
    let users = Users::read(&out.path().join("users")).unwrap();
    let user = users.id.iter().position(|id| id == "2").unwrap();
    let before: Vec<&str> =
        interactions.before_test()[user].iter().map(|&item| items.id[item as usize].as_str()).collect();
    assert_eq!(before, ["B1", "B2", "B3"]);
    assert_eq!(items.title[items.id.iter().position(|id| id == "B2").unwrap()], "Drum");
    let report = report(&out);
    assert_eq!(report["leakage"]["next_published_number_hit_rate"], json!(0.5));
    assert_eq!(report["source"]["sequences"]["items_without_interactions"], json!(1));

    let short = write("short.item2id", "B0\t0\n");
    let conflict = run(&[("sequences", &sequences), ("item_ids", &short)], Parameters::default()).unwrap_err();
    assert_eq!(conflict.kind, FailureKind::Conflict);
    let cut = write("cut.inter.json", r#"{"0": [0, 1"#);
    assert_eq!(run(&[("sequences", &cut)], Parameters::default()).unwrap_err().kind, FailureKind::DamagedFile);
    let bad = write("bad.item2id", "B0 0\n");
    let malformed = run(&[("sequences", &sequences), ("item_ids", &bad)], Parameters::default()).unwrap_err();
    assert_eq!(malformed.kind, FailureKind::MalformedRow);
}

#[test]
fn a_sample_of_the_users_is_taken_before_the_filters() {
    let folder = tempfile::tempdir().unwrap();
    // Twenty users with three reviews each, of items that all of them have.
    let pairs = (0..20).flat_map(|user| (0..3).map(move |item| (user, item)));
    let lines: Vec<String> =
        pairs.map(|(user, item)| review(&format!("u{user}"), &format!("i{item}"), item, 5.0).to_string()).collect();
    let reviews = gzip(&folder, "reviews.json.gz", &lines);
    let sequences = folder.path().join("X.inter.json");
    let of_user = |user: usize| (format!("u{user}"), json!([0, 1, 2]));
    fs_err::write(&sequences, json!((0..20).map(of_user).collect::<BTreeMap<_, _>>()).to_string()).unwrap();

    let parameters = |users| Parameters { users, min_user_interactions: 3, min_item_interactions: 4, ..no_core() };
    let left_out = json!({"users": 16, "interactions": 48});
    let mut ids = Vec::new();
    for (port, path, source) in [("reviews", &reviews, "reviews"), ("sequences", &sequences, "sequences")] {
        let out = run(&[(port, path)], parameters(Some(4))).unwrap();
        let counts = &report(&out)["source"][source];
        assert_eq!((&counts["read"], &counts["left_out_by_sample"]), (&json!(60), &left_out));
        ids.push(Users::read(&out.path().join("users")).unwrap().id);
    }
    assert!(ids[0].len() == 4 && ids[0] == ids[1], "{ids:?}");
    // Three users are too few for the items, which the filters find out after the sample was taken.
    assert_eq!(run(&[("reviews", &reviews)], parameters(Some(3))).unwrap_err().kind, FailureKind::NothingUsable);
    let all = run(&[("sequences", &sequences)], parameters(Some(500))).unwrap();
    assert_eq!(report(&all)["result"]["users"], json!(20));
    assert_eq!(run(&[("reviews", &reviews)], parameters(Some(0))).unwrap_err().kind, FailureKind::Conflict);
}

/// The folder of real data, or `None` with a printed reason.
fn real_data() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var_os("PIPE_DATA").map_or_else(|| default.into(), PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: {} is no folder; set PIPE_DATA", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn published_gift_cards_and_magazines_are_survived() {
    let Some(data) = real_data() else { return };
    for (folder, name, read, repeated) in
        [("gift_cards", "Gift_Cards", 2_972, 7), ("magazine_subscriptions", "Magazine_Subscriptions", 2_375, 73)]
    {
        let folder = data.join("amazon2018").join(folder);
        let (reviews, metadata) =
            (folder.join(format!("{name}_5.json.gz")), folder.join(format!("meta_{name}.json.gz")));
        let out = run(&[("reviews", &reviews), ("metadata", &metadata)], Parameters::default()).unwrap();
        let report = report(&out);
        let counts = &report["source"]["reviews"];
        assert_eq!((&counts["read"], &counts["dropped_repeated"]), (&json!(read), &json!(repeated)));
        assert_eq!(counts["whole_day_times"], json!(read));
        assert_eq!(report["leakage"]["test_item_in_history"], json!(0));
        if name == "Magazine_Subscriptions" {
            assert_eq!(report["source"]["metadata"]["repeated"], json!(1_065));
            let out = run(&[("reviews", &reviews), ("metadata", &metadata)], no_core()).unwrap();
            assert_eq!(self::report(&out)["result"]["items_without_metadata"], json!(6));
        }
        println!("{name}: {}", report["result"]);
    }
}

#[test]
fn instruments_have_the_size_of_the_paper() {
    let Some(data) = real_data() else { return };
    let folder = data.join("instruments");
    let (sequences, ids) = (folder.join("Instruments.inter.json"), folder.join("Instruments.item2id"));
    let out = run(&[("sequences", &sequences), ("item_ids", &ids)], Parameters::default()).unwrap();
    let report = report(&out);
    let result = &report["result"];
    assert_eq!((&result["users"], &result["items"]), (&json!(24_772), &json!(9_922)));
    assert_eq!((&result["interactions"], &result["test"]), (&json!(206_153), &json!(24_772)));
    assert!((result["longer_than_max_history"].as_f64().unwrap() - 0.0348).abs() < 5e-5);
    // The published numbers give the answer away; the new ones do not.
    let rate = |name: &str| report["leakage"][name].as_f64().unwrap();
    assert!(
        rate("next_published_number_hit_rate") > 0.02 && rate("next_number_hit_rate") < 0.001,
        "{}",
        report["leakage"]
    );
}

/// A folder with a file `NAME.tsv` for each, and what the stage makes of them.
fn split_pairs(files: &[(&str, &str)], parameters: Parameters) -> Result<TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(format!("{name}.tsv"));
    files.iter().for_each(|(name, text)| fs_err::write(path(name), text).unwrap());
    let paths: Vec<(&str, PathBuf)> = files.iter().map(|&(name, _)| (name, path(name))).collect();
    let bound: Vec<(&str, &Path)> = paths.iter().map(|(name, path)| (*name, path.as_path())).collect();
    run(&bound, parameters)
}

#[test]
fn pairs_keep_their_own_split_and_order_and_get_new_numbers() {
    let train = "0\tx\n1\ty\n0\ty\n0\tx\n";
    let files = [("train_pairs", train), ("validation_pairs", "1\tx\n"), ("test_pairs", "0\tz\n0\tw\n")];
    let folder = split_pairs(&files, Parameters::default()).unwrap();
    let interactions = Interactions::read(&folder.path().join("interactions")).unwrap();
    let users = Users::read(&folder.path().join("users")).unwrap();
    let items = Items::read(&folder.path().join("items")).unwrap();
    let of = |id: &str, split| -> Vec<String> {
        let user = users.id.iter().position(|other| other == id).unwrap();
        interactions.sequences(&[split])[user].iter().map(|&item| items.id[item as usize].clone()).collect()
    };
    assert_eq!(
        (of("0", Split::Train), of("0", Split::Test)),
        (vec!["x".into(), "y".into()], vec!["z".into(), "w".into()])
    );
    assert_eq!((of("1", Split::Train), of("1", Split::Validation)), (vec!["y".to_owned()], vec!["x".to_owned()]));
    assert_eq!(interactions.dataset.holdout, "published");
    let report = report(&folder);
    assert_eq!(report["source"]["pairs"]["dropped_repeated"], 1);
    assert_eq!((&report["result"]["test"], &report["leakage"]), (&json!(2), &Value::Null));
}

#[test]
fn pairs_that_make_no_sense_are_refused_with_their_line() {
    let message = |files: &[(&str, &str)]| split_pairs(files, Parameters::default()).unwrap_err().message;
    let malformed = message(&[("train_pairs", "0\t1\n0 2\n")]);
    assert!(malformed.ends_with("train_pairs.tsv, line 2: found '0 2', expected user<TAB>item"), "{malformed}");
    assert!(message(&[("train_pairs", "0\t1\t5\n")]).contains("line 1: found '0\t1\t5'"));
    let twice = message(&[("train_pairs", "0\t1\n"), ("test_pairs", "0\t2\n0\t1\n")]);
    assert!(
        twice.ends_with("test_pairs.tsv, line 2: found user 0 with item 1, which train_pairs has too, expected each pair in one file"),
        "{twice}"
    );
    assert!(message(&[("train_pairs", "\n")]).ends_with("not one pair"));
    assert_eq!(message(&[("test_pairs", "0\t1\n")]), "ingest has test_pairs but no train_pairs");
    let two = message(&[("train_pairs", "0\t1\n"), ("sequences", "{}")]);
    assert_eq!(two, "ingest has inputs of 2 forms: sequences are processed, train_pairs are split pairs");
}

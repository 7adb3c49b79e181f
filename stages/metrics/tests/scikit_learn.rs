//! The measures are those that scikit-learn computes, on random rankings with equal scores.
//!
//! `PIPE_REFERENCE_PYTHON` names a Python that has scikit-learn; without it `python3` is tried.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use contract::{Context, Spec, Stage as _};
use frames::{Codes, Dataset, Interactions, RankedList, Rankings, Seen, Split};
use metrics::{Metrics, Parameters};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use recommender::top_k;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const USERS: u32 = 300;
const ITEMS: u32 = 60;
/// 40 is longer than any list.
const CUTOFFS: [u32; 6] = [1, 2, 5, 10, 20, 40];

/// A random set of users, their test items, and rankings of them.
struct Case {
    interactions: Interactions,
    codes: Codes,
    rankings: Rankings,
}

impl Case {
    /// `levels` is how many different scores there are: the fewer, the more ties.
    /// Every third user has up to `tests` test items, the others one.
    fn new(seed: u64, levels: u32, tests: u32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rows: Vec<(u32, u32, Split)> = (0..USERS)
            .flat_map(|user| {
                // Every seventh user has no test item.
                let last = if user % 7 == 0 { Split::Train } else { Split::Test };
                let more = if user % 3 == 0 { tests } else { 1 };
                std::iter::once((user, 0, Split::Train)).chain((1..=more).map(move |place| (user, place, last)))
            })
            .collect();
        let dataset = Dataset {
            users: USERS as usize,
            items: ITEMS as usize,
            interactions: rows.len(),
            max_history: 20,
            holdout: "last".into(),
            split_digest: "0".into(),
        };
        let interactions = Interactions {
            dataset,
            user: rows.iter().map(|row| row.0).collect(),
            item: rows.iter().map(|row| different(&mut rng, row.1)).collect(),
            position: rows.iter().map(|row| row.1).collect(),
            time: vec![0; rows.len()],
            split: rows.iter().map(|row| row.2).collect(),
        };
        let codes = Codes { levels: vec![(0..ITEMS).map(|_| rng.random_range(0..ITEMS / 2)).collect()] };
        let mut lists = || -> Vec<RankedList> {
            // Every fifth user has no list.
            let users = (0..USERS).filter(|user| user % 5 != 0);
            let mut list = |user| {
                let scores: Vec<f32> = (0..ITEMS).map(|_| rng.random_range(0..levels) as f32 / 8.0).collect();
                let length = rng.random_range(1..=30);
                RankedList { user, items: top_k(&scores, length, |_| false) }
            };
            users.map(&mut list).collect()
        };
        let rankings = Rankings { kept: lists(), excluded: lists() };
        Self { interactions, codes, rankings }
    }

    /// `metrics.json` of the stage.
    fn measured(&self) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        self.interactions.write(&at("interactions")).unwrap();
        self.codes.write(&at("codes")).unwrap();
        self.rankings.write(&at("rankings")).unwrap();
        let bound = |port: &str, label: &str| (port.to_owned(), BTreeMap::from([(label.to_owned(), at(port))]));
        let spec = Spec {
            uses: "metrics".into(),
            parameters: serde_json::Map::new(),
            inputs: [bound("interactions", ""), bound("codes", ""), bound("rankings", "pipe")].into(),
            outputs: ["metrics", "ranks"].map(|port| (port.to_owned(), at(port))).into(),
            seed: 0,
            threads: 1,
            device: "cpu".into(),
            rank: contract::Rank::default(),
            checkpoint: None,
        };
        let parameters = Parameters { cutoffs: CUTOFFS.to_vec(), resamples: 10, ..Default::default() };
        Metrics::run(parameters, &Context::new(spec)).unwrap();
        serde_json::from_slice(&fs_err::read(at("metrics").join("metrics.json")).unwrap()).unwrap()
    }

    /// What the script is told of one row.
    fn told(&self, seen: Seen, on_codes: bool) -> Value {
        let number = |item: u32| if on_codes { self.codes.levels[0][item as usize] } else { item };
        let lists = self.rankings.lists(seen);
        let tested = (0_u32..).zip(self.interactions.sequences(&[Split::Test])).filter(|(_, items)| !items.is_empty());
        let users = tested.map(|(user, targets)| {
            let (mut entries, mut scores) = (Vec::new(), Vec::new());
            for &(item, score) in lists.iter().filter(|list| list.user == user).flat_map(|list| &list.items) {
                if !entries.contains(&number(item)) {
                    entries.push(number(item));
                    scores.push(score);
                }
            }
            let targets: Vec<u32> = targets.into_iter().map(number).collect();
            json!({"targets": targets, "list": entries, "scores": scores})
        });
        json!({"candidates": ITEMS, "users": users.collect::<Vec<_>>()})
    }
}

/// A random item of those of a fifth of the items that a place has to itself, so that no user has one twice.
fn different(rng: &mut ChaCha8Rng, place: u32) -> u32 {
    const PLACES: u32 = 5;
    rng.random_range(0..ITEMS / PLACES) * PLACES + place
}

/// A Python with scikit-learn, or `None` with a printed reason.
fn python() -> Option<String> {
    let named = std::env::var("PIPE_REFERENCE_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import sklearn; print(sklearn.__version__)"]).output();
    match found {
        Ok(output) if output.status.success() => {
            eprintln!("scikit-learn {}", String::from_utf8_lossy(&output.stdout).trim());
            Some(python)
        }
        _ if named.is_some() => panic!("PIPE_REFERENCE_PYTHON is {python}, which has no scikit-learn"),
        _ => {
            eprintln!("skipped: {python} has no scikit-learn; PIPE_REFERENCE_PYTHON may name a Python that has it");
            None
        }
    }
}

fn ask(python: &str, request: &Value) -> Vec<BTreeMap<String, f64>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scikit_learn.py");
    let mut child = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn measures_are_those_of_scikit_learn() {
    let Some(python) = python() else { return };
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for (seed, levels, tests) in [(1, 2, 1), (2, 5, 1), (3, 40, 1), (4, 1_000_000, 1), (5, 3, 4), (6, 1_000_000, 4)] {
        let case = Case::new(seed, levels, tests);
        rows.extend(case.measured());
        for seen in [Seen::Kept, Seen::Excluded] {
            told.extend([false, true].map(|on_codes| case.told(seen, on_codes)));
        }
    }
    let answers = ask(&python, &json!({"cutoffs": CUTOFFS, "cases": told}));
    assert_eq!((rows.len(), answers.len()), (24, 24));
    let mut largest = 0.0_f64;
    for (row, answer) in rows.iter().zip(&answers) {
        let sorts = if row.get("recall@1").is_some() { 3 } else { 2 };
        assert_eq!(answer.len(), sorts * CUTOFFS.len() + 1);
        for (metric, expected) in answer {
            let found = row[metric].as_f64().unwrap();
            let difference = (found - expected).abs();
            assert!(difference <= 1e-12, "{metric} is {found}, scikit-learn has {expected}: {row}");
            largest = largest.max(difference);
        }
    }
    eprintln!("{} numbers differ by at most {largest:e}", answers.iter().map(BTreeMap::len).sum::<usize>());
}

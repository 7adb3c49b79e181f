//! Small interactions, and whole stages run on them.

use crate::{Popularity, PopularityParameters};
use contract::{Context, Result, Spec, Stage};
use frames::{Dataset, Interactions, Rankings, Split};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Interactions with these rows of (user, item, split), each user's in their order.
pub(crate) fn interactions(users: usize, items: usize, rows: &[(u32, u32, Split)]) -> Interactions {
    let (holdout, split_digest) = ("last".to_owned(), "0".to_owned());
    let place = |row: usize| rows[..row].iter().filter(|other| other.0 == rows[row].0).count() as u32;
    Interactions {
        dataset: Dataset { users, items, interactions: rows.len(), max_history: 20, holdout, split_digest },
        user: rows.iter().map(|row| row.0).collect(),
        item: rows.iter().map(|row| row.1).collect(),
        position: (0..rows.len()).map(place).collect(),
        time: vec![0; rows.len()],
        split: rows.iter().map(|row| row.2).collect(),
    }
}

/// User 0: 0 1 2 | 3. User 1: 1 2 | 0. User 2: 4, too short to be tested.
pub(crate) fn three_users() -> Interactions {
    use Split::{Test, Train};
    let user_0 = [(0, 0, Train), (0, 1, Train), (0, 2, Train), (0, 3, Test)];
    interactions(3, 5, &[&user_0[..], &[(1, 1, Train), (1, 2, Train), (1, 0, Test), (2, 4, Train)]].concat())
}

/// What a stage wrote.
#[derive(Debug)]
pub(crate) struct Outputs(tempfile::TempDir);

impl Outputs {
    pub(crate) fn rankings(&self, port: &str) -> Rankings {
        Rankings::read(&self.0.path().join(port)).unwrap()
    }

    pub(crate) fn report(&self) -> Value {
        serde_json::from_slice(&self.bytes("report/report.json")).unwrap()
    }

    pub(crate) fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(file)).unwrap()
    }
}

pub(crate) fn run_with<S: Stage>(given: &Interactions, parameters: S::Parameters, threads: usize) -> Result<Outputs> {
    run_bound::<S>(given, parameters, &[], threads)
}

/// An input's name, and what writes it to a folder.
pub(crate) type OtherInput<'a> = (&'a str, &'a dyn Fn(&Path));

/// The same with other inputs.
pub(crate) fn run_bound<S: Stage>(
    given: &Interactions,
    parameters: S::Parameters,
    others: &[OtherInput<'_>],
    threads: usize,
) -> Result<Outputs> {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("interactions");
    std::fs::create_dir(&data).unwrap();
    given.write(&data)?;
    let mut inputs = BTreeMap::from([("interactions".to_owned(), BTreeMap::from([(String::new(), data)]))]);
    for (port, write) in others {
        let input = folder.path().join(format!("input-{port}"));
        std::fs::create_dir(&input).unwrap();
        write(&input);
        inputs.insert((*port).to_owned(), BTreeMap::from([(String::new(), input)]));
    }
    let outputs = S::outputs().into_iter().map(|port| (port.name.clone(), folder.path().join(port.name)));
    let spec = Spec {
        uses: S::NAME.into(),
        parameters: serde_json::Map::new(),
        inputs,
        outputs: outputs.collect(),
        seed: 0,
        threads,
        device: "cpu".into(),
        rank: contract::Rank::default(),
        checkpoint: None,
    };
    S::run(parameters, &Context::new(spec))?;
    Ok(Outputs(folder))
}

pub(crate) fn run<S: Stage>(given: &Interactions, parameters: S::Parameters) -> Outputs {
    run_with::<S>(given, parameters, 2).unwrap()
}

#[test]
fn popularity_counts_training_rows() {
    let outputs = run::<Popularity>(&three_users(), PopularityParameters { top_k: 5 });
    let rankings = outputs.rankings("rankings");
    let counts: BTreeMap<u32, f32> = rankings.kept[0].items.iter().copied().collect();
    assert_eq!(counts, BTreeMap::from([(0, 1.0), (1, 2.0), (2, 2.0), (3, 0.0), (4, 1.0)]));
    assert_eq!(rankings.excluded[0].items, vec![(4, 1.0), (3, 0.0)]);
    let held_out = outputs.rankings("validation");
    let counts: BTreeMap<u32, f32> = held_out.kept[0].items.iter().copied().collect();
    assert_eq!(counts, BTreeMap::from([(0, 1.0), (1, 2.0), (2, 0.0), (3, 0.0), (4, 1.0)]));
}

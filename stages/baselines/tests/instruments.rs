//! The baselines on a published data set.

use baselines::{ItemKnn, ItemKnnParameters, Popularity, PopularityParameters, Settings};
use contract::{Context, Result, Spec, Stage};
use frames::{Interactions, RankedList, Rankings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn run<S: Stage>(inputs: &[(&str, PathBuf)], outputs: &[&str], folder: &Path, parameters: S::Parameters) -> Result<()> {
    let bind = |(port, path): &(&str, PathBuf)| ((*port).to_owned(), BTreeMap::from([(String::new(), path.clone())]));
    let spec = Spec {
        uses: S::NAME.into(),
        parameters: serde_json::Map::new(),
        inputs: inputs.iter().map(bind).collect(),
        outputs: outputs.iter().map(|&port| (port.to_owned(), folder.join(port))).collect(),
        seed: 0,
        threads: 2,
        device: "cpu".into(),
        rank: contract::Rank::default(),
        checkpoint: None,
    };
    S::run(parameters, &Context::new(spec))
}

/// The ratio of users whose test item is in the first ten of their list.
fn hit_ratio_at_10(lists: &[RankedList], interactions: &Interactions) -> f64 {
    let targets = interactions.targets();
    let hit =
        |list: &&RankedList| list.items.iter().take(10).any(|&(item, _)| Some(item) == targets[list.user as usize]);
    lists.iter().filter(hit).count() as f64 / targets.iter().flatten().count() as f64
}

#[test]
fn baselines_on_instruments_have_the_known_hit_ratios() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data = std::env::var_os("PIPE_DATA").map_or_else(|| default.into(), PathBuf::from).join("instruments");
    if !data.is_dir() {
        println!("skipped: {} is no folder; set PIPE_DATA", data.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let inputs = [("sequences", data.join("Instruments.inter.json")), ("item_ids", data.join("Instruments.item2id"))];
    let outputs = ["interactions", "users", "items", "reviews", "report"];
    run::<ingest::Ingest>(&inputs, &outputs, folder.path(), ingest::Parameters::default()).unwrap();
    let bound = [("interactions", folder.path().join("interactions"))];
    let interactions = Interactions::read(&bound[0].1).unwrap();

    // Both computed apart from this code, from the formulas.
    let known = [("popularity", 0.0509, 0.0005), ("item-knn", 0.1057, 0.0005)];
    for (name, expected, tolerance) in known {
        let out = folder.path().join(name);
        match name {
            "popularity" => {
                run::<Popularity>(&bound, &["rankings", "validation"], &out, PopularityParameters::default())
            }
            _ => {
                let given = ItemKnnParameters { settings: Settings::Given, ..ItemKnnParameters::default() };
                run::<ItemKnn>(&bound, &["rankings", "validation", "report"], &out, given)
            }
        }
        .unwrap();
        let rankings = Rankings::read(&out.join("rankings")).unwrap();
        let found = hit_ratio_at_10(&rankings.excluded, &interactions);
        println!("{name}: HR@10 {found:.4} excluded, {:.4} kept", hit_ratio_at_10(&rankings.kept, &interactions));
        assert!((found - expected).abs() < tolerance, "{name}: HR@10 {found}, expected {expected}");
    }
}

//! The whole stage on small embeddings, and on a published one where it is at hand.

use super::*;
use contract::Spec;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("codebook-{}-{name}", std::process::id()));
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

fn run_in(folder: &Path, items: &Rows, text: Option<&Rows>, parameters: Value) -> Result<Value> {
    let mut inputs = BTreeMap::new();
    for (port, rows) in [("items", Some(items)), ("text", text)] {
        let Some(rows) = rows else { continue };
        let data = folder.join(format!("{port}-in"));
        fs_err::create_dir_all(&data)?;
        nn::safetensors_file::write(&data.join("embeddings.safetensors"), &[("items".to_owned(), rows.tensor()?)])?;
        inputs.insert(port.to_owned(), BTreeMap::from([(String::new(), data)]));
    }
    let interactions = folder.join("interactions-in");
    if interactions.is_dir() {
        inputs.insert("interactions".to_owned(), BTreeMap::from([(String::new(), interactions)]));
    }
    let outputs: BTreeMap<String, PathBuf> =
        ["codes", "codebook", "report"].map(|port| (port.to_owned(), folder.join(port))).into();
    for path in outputs.values() {
        fs_err::create_dir_all(path)?;
    }
    let context = Context::new(Spec {
        uses: "codebook".to_owned(),
        parameters: serde_json::Map::new(),
        inputs,
        outputs,
        seed: 3,
        threads: 2,
        device: "cpu".to_owned(),
        rank: contract::Rank::default(),
        checkpoint: None,
    });
    Codebook::run(serde_json::from_value(parameters).unwrap(), &context)?;
    Ok(serde_json::from_slice(&fs_err::read(folder.join("report/report.json"))?).unwrap())
}

/// `count` rows spread over `[0, 1)^dim` by a multiplicative hash.
fn spread(count: usize, dim: usize) -> Rows {
    let values = (0..count * dim).map(|n| recommender::tie_order(n as u32) as f32 / u64::MAX as f32).collect();
    Rows { dim, values }
}

#[test]
fn levels_represent_items_ever_better_and_alike_in_every_run() {
    let items = spread(300, 6);
    let parameters = || json!({ "levels": 3, "codes": 16, "llm_alignment": false, "epochs": 20, "batch": 64 });
    let runs = ["first", "second"].map(|name| {
        let folder = scratch(name);
        let report = run_in(&folder, &items, None, parameters()).unwrap();
        let files = [
            "codes/codes.parquet",
            "codebook/codebook.safetensors",
            "report/report.json",
            "report/residual.svg",
            "report/code_use.svg",
            "report/neighbourhoods.svg",
        ]
        .map(|file| fs_err::read(folder.join(file)).unwrap());
        fs_err::remove_dir_all(folder).unwrap();
        (report, files)
    });
    assert!(runs[0].1 == runs[1].1, "equal runs wrote different bytes");
    let report = &runs[0].0;
    let left: Vec<f64> = serde_json::from_value(report["mean_squared_residual"].clone()).unwrap();
    let first = report["mean_squared_embedding"].as_f64().unwrap();
    assert!(left[0] < 0.5 * first && left[1] < 0.7 * left[0] && left[2] < 0.8 * left[1], "{first} {left:?}");
    assert_eq!(report["codes_used"], json!([16, 16, 16]));
    assert!(report["perplexity"][0].as_f64().unwrap() > 8.0 && report["residual_ratio"][2].as_f64().unwrap() < 1.0);
    let near = |which: &str| report["neighbourhoods"][which]["mean_shared_levels"].as_f64().unwrap();
    assert!(near("nearest") > 2.0 * near("random"), "{}", report["neighbourhoods"]);
    let loss = |epoch: usize| report["losses"][epoch]["behaviour"].as_f64().unwrap();
    assert!(loss(19) < loss(0));
}

#[test]
fn alignment_turns_codes_towards_the_text() {
    let items = spread(200, 4);
    // Text that tells the same as the items' embeddings, in other units and in more numbers.
    let of_item = |row: &[f32]| (0..9).map(|column| row[column % 4] * (1 + column) as f32).collect::<Vec<_>>();
    let text = Rows { dim: 9, values: items.values.chunks_exact(4).flat_map(of_item).collect() };
    for projection in ["ridge", "learned", "pca"] {
        let [without, with] = [0.0, 5.0].map(|weight| {
            let folder = scratch(&format!("{projection}-{weight}"));
            let parameters = json!({
                "levels": 2, "codes": 8, "epochs": 40, "batch": 64, "learning_rate": 0.01,
                "projection": projection, "alignment_weight": weight,
            });
            let report = run_in(&folder, &items, Some(&text), parameters).unwrap();
            let tensors = nn::safetensors_file::read(&folder.join("codebook/codebook.safetensors")).unwrap();
            assert_eq!(tensors["projection"].size(), [9, 4]);
            assert_eq!(tensors["bias"].size(), [4]);
            fs_err::remove_dir_all(folder).unwrap();
            report["losses"][39]["llm"].as_f64().unwrap()
        });
        assert!(with < 0.9 * without, "{projection}: {with} with alignment, {without} without");
    }
}

#[test]
fn new_items_get_codes_from_their_text_alone() {
    let items = spread(200, 4);
    let of_item = |row: &[f32]| (0..9).map(|column| row[column % 4] * (1 + column) as f32).collect::<Vec<_>>();
    let text = Rows { dim: 9, values: items.values.chunks_exact(4).flat_map(of_item).collect() };
    let run = |name: &str, rows: &Rows, parameters: Value| {
        let folder = scratch(name);
        let data = folder.join("interactions-in");
        fs_err::create_dir_all(&data).unwrap();
        // Items 190 to 199 are tested and train nobody.
        let is_new = |item: u32| item >= 190;
        let split = (0..200).map(|item| if is_new(item) { frames::Split::Test } else { frames::Split::Train });
        let (holdout, split_digest) = ("last".to_owned(), String::new());
        let dataset =
            frames::Dataset { users: 1, items: 200, interactions: 200, max_history: 20, holdout, split_digest };
        let [user, item, position] = [vec![0; 200], (0..200).collect(), (0..200).collect()];
        Interactions { dataset, user, item, position, time: vec![0; 200], split: split.collect() }
            .write(&data)
            .unwrap();
        let report = run_in(&folder, rows, Some(&text), parameters);
        let codes = report.as_ref().ok().map(|_| Codes::read(&folder.join("codes")).unwrap());
        fs_err::remove_dir_all(folder).unwrap();
        report.map(|report| (report, codes.unwrap()))
    };
    let parameters = json!({ "levels": 2, "codes": 8, "epochs": 30, "batch": 64 });
    let (report, codes) = run("new", &items, parameters.clone()).unwrap();
    assert_eq!(report["new_items"], 10);
    // What stands where a new item has no embedding changes nothing.
    let mut other = items.clone();
    (190..200).for_each(|row| other.row_mut(row).fill(100.0));
    let (of_other, same) = run("other", &other, parameters).unwrap();
    assert_eq!((same, &of_other), (codes.clone(), &report));
    let known = |level: usize| codes.levels[level][..190].iter().collect::<std::collections::BTreeSet<_>>();
    assert!((0..2).all(|level| codes.levels[level][190..].iter().all(|code| known(level).contains(code))));
    let refused = run("refused", &items, json!({ "levels": 1 })).unwrap_err();
    assert!(refused.message.contains("10 items have no training row"), "{refused}");
}

#[test]
fn equal_embeddings_all_collide() {
    let folder = scratch("equal");
    let items = Rows { dim: 2, values: [0.5, -0.5].repeat(10) };
    let report =
        run_in(&folder, &items, None, json!({ "levels": 2, "codes": 4, "llm_alignment": false, "epochs": 3 })).unwrap();
    assert_eq!(report["colliding_items"], 10);
    assert_eq!(Codes::read(&folder.join("codes")).unwrap().levels[0], [0; 10]);
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn with_one_level_each_item_is_a_token_of_its_own() {
    let folder = scratch("one-level");
    let items = Rows { dim: 2, values: [0.5, -0.5].repeat(40) };
    // Text would be asked for, and 256 codes would be too many, if anything were trained.
    let report = run_in(&folder, &items, None, json!({ "levels": 1 })).unwrap();
    assert_eq!((&report["collision_rate"], &report["new_tokens"]), (&json!(0.0), &json!(40)));
    assert_eq!((&report["codes_used"], &report["losses"]), (&json!([40]), &json!([])));
    let codes = Codes::read(&folder.join("codes")).unwrap();
    assert_eq!(codes.levels.len(), 1);
    assert_ne!(codes.levels[0], (0..40).collect::<Vec<u32>>());
    let tensors = nn::safetensors_file::read(&folder.join("codebook/codebook.safetensors")).unwrap();
    assert_eq!(tensors["level_1"].size(), [40, 2]);
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_for_any_set_has_as_many_codes_as_its_items_allow() {
    let folder = scratch("any-set");
    for (items, codes) in [(200, 25), (40, 16), (9, 4)] {
        let parameters = json!({ "codes": 0, "levels": 2, "llm_alignment": false, "epochs": 1 });
        run_in(&folder, &spread(items, 2), None, parameters).unwrap();
        let tensors = nn::safetensors_file::read(&folder.join("codebook/codebook.safetensors")).unwrap();
        assert_eq!([tensors["level_1"].size(), tensors["level_2"].size()], [[codes, 2], [codes, 2]]);
    }
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn contradictions_are_refused_by_name() {
    let folder = scratch("refused");
    let items = spread(10, 2);
    let failure = run_in(&folder, &items, None, json!({ "codes": 4 })).unwrap_err();
    assert!(failure.kind == FailureKind::Conflict && failure.hint.unwrap().contains("llm_alignment = false"));
    let failure = run_in(&folder, &items, None, json!({ "codes": 11, "llm_alignment": false })).unwrap_err();
    assert!(
        failure.kind == FailureKind::Conflict
            && failure.message.contains("codes is 11, but the items to train on are 10")
    );
    let failure = run_in(&folder, &spread(1, 2), None, json!({ "llm_alignment": false })).unwrap_err();
    assert!(failure.message.contains("codes is 256, but the items to train on are 1"), "{failure}");
    let parameters = json!({ "codes": 4, "llm_alignment": false, "encoder_decoder": true, "hidden": [8, 0] });
    let failure = run_in(&folder, &items, None, parameters).unwrap_err();
    assert!(failure.kind == FailureKind::Conflict && failure.message.contains("[8, 0]"), "{failure}");
    let failure = run_in(&folder, &items, Some(&spread(9, 2)), json!({ "codes": 4 })).unwrap_err();
    assert!(failure.kind == FailureKind::Conflict && failure.message.contains('9'));
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn an_autoencoder_encodes_new_items_alike() {
    let items = spread(240, 6);
    let text = Rows { dim: 3, values: items.values.chunks_exact(6).flat_map(|row| row[..3].to_vec()).collect() };
    let parameters = json!({
        "levels": 3, "codes": 8, "epochs": 60, "batch": 60, "learning_rate": 0.01, "alignment_weight": 0.01,
        "encoder_decoder": true, "hidden": [24, 12], "code_dim": 4, "last_level": "sinkhorn",
    });
    let [first, second] = ["encoded", "encoded-again"].map(|name| {
        let folder = scratch(name);
        let report = run_in(&folder, &items, Some(&text), parameters.clone()).unwrap();
        let book = fs_err::read(folder.join("codebook/codebook.safetensors")).unwrap();
        let tokenizer = Tokenizer::read(&folder.join("codebook")).unwrap();
        assert_eq!(tokenizer.dim(), 6);
        let codes = tokenizer.from_embeddings(&items.tensor().unwrap()).unwrap();
        assert_eq!(codes, Codes::read(&folder.join("codes")).unwrap());
        assert_eq!(tokenizer.from_text(&text.tensor().unwrap()).unwrap().items(), 240);
        fs_err::remove_dir_all(folder).unwrap();
        (report, book)
    });
    assert!(first == second, "equal runs wrote different bytes");
    let report = first.0;
    let loss = |epoch: usize| report["losses"][epoch]["behaviour"].as_f64().unwrap();
    assert!(loss(59) < 0.5 * loss(0), "{report}");
    let left: Vec<f64> = serde_json::from_value(report["residual_ratio"].clone()).unwrap();
    assert!(left[2] < 0.8 && left[2] < left[0], "{left:?}");
}

#[test]
fn collisions_are_kept_or_resolved() {
    let items = spread(300, 4);
    let [kept, resolved, free] = ["keep", "resolve", "free"].map(|collisions| {
        let folder = scratch(collisions);
        let parameters =
            json!({ "levels": 2, "codes": 32, "llm_alignment": false, "epochs": 2, "collisions": collisions });
        let report = run_in(&folder, &items, None, parameters).unwrap();
        fs_err::remove_dir_all(folder).unwrap();
        report
    });
    let colliding = |report: &Value| report["colliding_items"].as_u64().unwrap();
    assert!(colliding(&kept) > 2 * colliding(&resolved), "{kept} {resolved}");
    assert_eq!(colliding(&free), 0);
    let left = |report: &Value, level: usize| report["mean_squared_residual"][level].as_f64().unwrap();
    assert!(left(&kept, 0) == left(&free, 0) && left(&kept, 0) == left(&resolved, 0));
    assert!(left(&kept, 1) < left(&free, 1) && left(&free, 1) < left(&resolved, 1));
}

#[test]
fn dead_codes_are_reset() {
    // The first codes are the centres of eight items, which are nearly all equal, so most of them start dead.
    let mut items = spread(400, 2);
    items.values[..2 * 380].fill(0.5);
    let folder = scratch("dead");
    let parameters = json!({ "levels": 2, "codes": 8, "kmeans_batch": 8, "llm_alignment": false, "epochs": 3 });
    let report = run_in(&folder, &items, None, parameters).unwrap();
    assert_eq!(report["codes_used"], json!([8, 8]));
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn one_item_has_one_code() {
    let folder = scratch("alone");
    let parameters = json!({ "levels": 2, "codes": 1, "llm_alignment": false, "epochs": 2 });
    let report = run_in(&folder, &spread(1, 3), None, parameters).unwrap();
    assert_eq!((&report["codes_used"], &report["collision_rate"]), (&json!([1, 1]), &json!(0.0)));
    assert_eq!(report["residual_ratio"], json!([0.0, 0.0]));
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn a_published_embedding_gets_nearly_unique_codes() {
    let data = std::env::var("PIPE_DATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").to_owned());
    let path = Path::new(&data).join("instruments/sasrec_item_embedding_9922x32.f32");
    let Ok(bytes) = fs_err::read(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let values = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    let folder = scratch("published");
    let report =
        run_in(&folder, &Rows { dim: 32, values }, None, json!({ "llm_alignment": false, "epochs": 2 })).unwrap();
    println!("collisions {}, residuals {}", report["collision_rate"], report["mean_squared_residual"]);
    assert!(report["collision_rate"].as_f64().unwrap() < 0.02);
    fs_err::remove_dir_all(folder).unwrap();
}

#[test]
fn residual_k_means_splits_collisions() {
    let items = spread(200, 4);
    let with = |more: &Value| {
        let mut parameters =
            json!({ "levels": 2, "codes": 16, "llm_alignment": false, "method": "residual-k-means", "batch": 50 });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    };
    let runs = ["k-means", "k-means-again"].map(|name| {
        let folder = scratch(name);
        // `kmeans_batch` does not matter: centres are those of all items.
        let more = json!({ "kmeans_batch": if name == "k-means" { 16 } else { 65_536 } });
        let report = run_in(&folder, &items, None, with(&more)).unwrap();
        let codes = Codes::read(&folder.join("codes")).unwrap();
        let book = nn::safetensors_file::read(&folder.join("codebook/codebook.safetensors")).unwrap();
        let centres = Rows::of(&book["level_1"]).unwrap();
        fs_err::remove_dir_all(folder).unwrap();
        (report, codes, centres)
    });
    assert!(runs[0].1 == runs[1].1 && runs[0].2 == runs[1].2);
    let (report, codes, centres) = &runs[0];
    assert_eq!(report["losses"], json!([]));
    for code in 0..16 {
        let own: Vec<usize> = (0..200).filter(|&item| codes.levels[0][item] == code).collect();
        for column in 0..4 {
            let mean = own.iter().map(|&item| items.row(item)[column]).sum::<f32>() / own.len() as f32;
            assert!((mean - centres.row(code as usize)[column]).abs() < 1e-5, "code {code}, column {column}");
        }
    }
    let folder = scratch("k-means-free");
    // Two levels cannot part more than 16 items of one first code.
    let report = run_in(&folder, &items, None, with(&json!({ "collisions": "free", "levels": 3 }))).unwrap();
    assert_eq!(report["colliding_items"], 0);
    for wrong in [json!({ "llm_alignment": true }), json!({ "encoder_decoder": true })] {
        let failure = run_in(&folder, &items, None, with(&wrong)).unwrap_err();
        assert!(failure.kind == FailureKind::Conflict && failure.message.contains("residual-k-means"), "{failure}");
    }
    fs_err::remove_dir_all(folder).unwrap();
}

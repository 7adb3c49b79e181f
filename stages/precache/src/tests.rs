//! The stage as a whole, on a few users and a random model.

use super::*;
use contract::questions::Lineage;
use contract::{Erased, Spec};
use decoding::{ItemCodes, ItemHead};
use frames::{Dataset, RankedList, Split};
use nn::{Llama, LlamaConfig};
use serde_json::json;
use std::path::Path;
use tch::{Device, Kind};
use tokenizers::models::bpe::BPE;
use tokenizers::{AddedToken, Tokenizer};

const VOCABULARY: i64 = 40;

fn model(folder: &Path) -> Llama {
    let config = json!({
        "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
        "rms_norm_eps": 1e-5, "max_position_embeddings": 64, "rope_theta": 10000.0, "tie_word_embeddings": false,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let config = LlamaConfig::read(folder).unwrap();
    nn::with_seed(5, || Llama::random(config, 0.4, Device::Cpu, Kind::Float).unwrap())
}

/// Fourteen items on three levels; items 0 and 13 share a code.
fn codes() -> Codes {
    let first = vec![0, 0, 0, 1, 1, 4, 4, 4, 4, 6, 6, 6, 6, 0];
    let second = vec![0, 0, 3, 0, 3, 0, 1, 1, 3, 2, 2, 2, 3, 0];
    let third = vec![0, 1, 0, 0, 0, 5, 0, 1, 0, 0, 1, 5, 1, 0];
    Codes { levels: vec![first, second, third] }
}

/// Runs the stage with those parameters and optional inputs, all bound to one folder but those of `support`, and gives its lists.
fn run(folder: &Path, name: &str, parameters: &serde_json::Value, optional: &[(&str, &str)]) -> Result<Rankings> {
    (Erased::of::<Precache>().run)(spec(folder, name, parameters, optional))?;
    Rankings::read(&folder.join(name))
}

/// The request for the stage with those parameters and inputs.
fn spec(folder: &Path, name: &str, parameters: &serde_json::Value, optional: &[(&str, &str)]) -> Spec {
    let bound = |port: &str, place: &Path| (port.to_owned(), [(String::new(), place.to_owned())].into());
    let required = ["interactions", "codes", "llm", "model"].map(|port| bound(port, folder));
    let optional = optional.iter().map(|(port, place)| bound(port, &folder.join(place)));
    let outputs = ["rankings", "validation", "report"].map(|port| {
        let place = if port == "rankings" { folder.join(name) } else { folder.join(format!("{name}-{port}")) };
        std::fs::create_dir_all(&place).unwrap();
        (port.to_owned(), place)
    });
    Spec {
        uses: "precache".into(),
        parameters: parameters.as_object().unwrap().clone(),
        inputs: required.into_iter().chain(optional).collect(),
        outputs: outputs.into(),
        seed: 0,
        threads: 1,
        device: "cpu".into(),
        rank: contract::Rank::default(),
        checkpoint: None,
    }
}

#[test]
fn the_stage_ranks_every_tested_user_and_repeats_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let run = |name: &str, beam: usize| {
        let parameters = json!({"beam": beam, "top_k": 5, "batch": 2});
        let rankings = run(folder.path(), name, &parameters, &[]).unwrap();
        (std::fs::read(folder.path().join(name).join("rankings.parquet")).unwrap(), rankings)
    };
    let (bytes, rankings) = run("first", 20);
    assert_eq!(bytes, run("second", 20).0);
    let users = |lists: &[RankedList]| lists.iter().map(|list| list.user).collect::<Vec<_>>();
    assert_eq!((users(&rankings.kept), users(&rankings.excluded)), (vec![0, 1, 3], vec![0, 1, 3]));
    assert!(rankings.kept.iter().chain(&rankings.excluded).all(|list| list.items.len() == 5));
    let excluded = &rankings.excluded[0].items;
    assert!(excluded.iter().all(|&(item, _)| ![3, 4, 8].contains(&item)), "{excluded:?}");
    let greedy = run("greedy", 1).1;
    assert!(greedy.kept.iter().all(|list| (1..5).contains(&list.items.len())));
}

#[test]
fn each_question_has_lists_of_its_own_and_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let of = |name: &str, more: serde_json::Value| {
        let mut parameters = json!({"beam": 20, "top_k": 5});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        run(folder.path(), name, &parameters, &[])
    };
    let paper = of("paper", json!({})).unwrap();
    assert_eq!(of("same", json!({"prompt_variant": 1})).unwrap(), paper);
    assert_ne!(of("other", json!({"prompt_variant": 3})).unwrap(), paper);
    let unknown = of("unknown", json!({"prompt_variant": 6})).unwrap_err();
    assert!(unknown.message.contains("prompt_variant is 6, expected 0 to 5"), "{unknown}");
    let one = of("one", json!({"prompt_variant": 0, "prompt_template": "continuation"})).unwrap_err();
    assert!(one.message.contains("has one form alone"), "{one}");
}

#[test]
fn a_stopped_stage_makes_only_the_lists_that_no_block_has() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters = json!({"beam": 20, "top_k": 5, "batch": 1});
    let whole = run(folder.path(), "whole", &parameters, &[]).unwrap();
    let mut spec = spec(folder.path(), "rest", &parameters, &[]);
    spec.checkpoint = Some(folder.path().join("checkpoint"));
    let context = Context::new(spec.clone());
    // Shorter histories come first: user 3, who has none, is the first batch.
    let other = |lists: &[RankedList]| {
        let list = lists.iter().find(|list| list.user == 3).unwrap();
        vec![RankedList { user: 3, items: list.items.iter().map(|&(item, score)| (item, score - 1.0)).collect() }]
    };
    let first = Rankings { kept: other(&whole.kept), excluded: other(&whole.excluded) };
    Blocks::of(&context, "rankings").without_pause().keep(0, &first, &context);
    (Erased::of::<Precache>().run)(spec).unwrap();
    let rest = Rankings::read(&folder.path().join("rest")).unwrap();
    let with_first = |lists: &[RankedList], first: &[RankedList]| {
        lists.iter().map(|list| if list.user == 3 { first[0].clone() } else { list.clone() }).collect::<Vec<_>>()
    };
    assert_eq!(rest.kept, with_first(&whole.kept, &first.kept));
    assert_eq!(rest.excluded, with_first(&whole.excluded, &first.excluded));
}

/// Users 0 and 1 have a history, 2 has no test item, 3 has nothing but a test item.
fn write_inputs(folder: &Path) {
    use Split::{Test, Train};
    let dataset = Dataset {
        users: 4,
        items: 14,
        interactions: 8,
        max_history: 2,
        holdout: "last".into(),
        split_digest: String::new(),
    };
    let table = Interactions {
        dataset,
        user: vec![0, 0, 0, 0, 1, 1, 2, 3],
        item: vec![3, 4, 8, 5, 9, 10, 11, 12],
        position: vec![0, 1, 2, 3, 0, 1, 0, 0],
        time: vec![0; 8],
        split: vec![Train, Train, Train, Test, Train, Test, Train, Test],
    };
    table.write(folder).unwrap();
    codes().write(folder).unwrap();
    let words = ["user", "chronological"].map(str::to_owned);
    // The last word is of another question.
    let words = words.into_iter().chain(prompts::code_tokens(&codes())).chain(["shopper".to_owned()]);
    let added: Vec<AddedToken> = words.map(|word| AddedToken::from(word, false)).collect();
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.add_tokens(&added);
    tokenizer.save(folder.join("tokenizer.json"), false).unwrap();
    model(folder).save(folder).unwrap();
}

/// Lists of all users with a test item, best first.
fn support(folder: &Path, items: &[(u32, f32)]) {
    std::fs::create_dir_all(folder).unwrap();
    let lists: Vec<RankedList> = [0, 1, 3].map(|user| RankedList { user, items: items.to_vec() }).into();
    Rankings { kept: lists.clone(), excluded: lists }.write(folder).unwrap();
}

fn first_items(rankings: &Rankings) -> Vec<u32> {
    rankings.excluded.iter().map(|list| list.items[0].0).collect()
}

#[test]
fn the_support_weight_is_chosen_on_validation() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    support(&folder.path().join("strong"), &[(6, 9.0), (2, 0.0)]);
    let lists = [("support", "strong")];
    let plain = run(folder.path(), "plain", &json!({"top_k": 5}), &lists).unwrap();
    assert_eq!(plain, run(folder.path(), "unbound", &json!({"top_k": 5}), &[]).unwrap());
    let supported =
        run(folder.path(), "supported", &json!({"top_k": 5, "support_weight": 3.0, "beam": 1}), &lists).unwrap();
    assert_eq!(first_items(&supported), [6, 6, 6]);

    // Users 0 and 1 have a last training item each, 8 and 9; user 1 has no other.
    support(&folder.path().join("held-out"), &[(8, 9.0)]);
    let all = [("validation_model", "."), ("support", "strong"), ("validation_support", "held-out")];
    let parameters = json!({"top_k": 5, "support_weights": [0.0, 4.0]});
    let chosen = run(folder.path(), "chosen", &parameters, &all).unwrap();
    assert_eq!(first_items(&chosen), [6, 6, 6]);
    let report = std::fs::read_to_string(folder.path().join("chosen-report/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["support_weight"], &report["support_weights_tried"][1]["ndcg"]), (&json!(4.0), &json!(1.0)));
    let validation = Rankings::read(&folder.path().join("chosen-validation")).unwrap();
    assert_eq!(validation.excluded.iter().map(|list| (list.user, list.items[0].0)).collect::<Vec<_>>(), [(0, 8)]);
    assert!(Rankings::read(&folder.path().join("plain-validation")).unwrap().excluded.is_empty());
}

#[test]
fn settings_that_contradict_each_other_or_the_inputs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let empty = folder.path().join("none");
    std::fs::create_dir_all(&empty).unwrap();
    std::fs::write(empty.join("none.json"), "{}").unwrap();
    support(&folder.path().join("unknown"), &[(14, 1.0)]);
    let refused = |parameters: serde_json::Value, optional: &[(&str, &str)]| {
        let failure = run(folder.path(), "refused", &parameters, optional).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict, "{failure}");
        format!("{} {}", failure.message, failure.hint.unwrap_or_default())
    };
    let message = refused(json!({"scoring": "rerank"}), &[]);
    assert!(message.contains("scoring is \"rerank\"") && message.contains("item_head = true in finetune"), "{message}");
    assert!(refused(json!({"scoring": "head", "support_weight": 1.0}), &[]).contains("has no beams to support"));
    assert!(refused(json!({"support_weight": 1.0}), &[]).contains("no lists are bound"));
    assert!(refused(json!({"support_weights": [1.0]}), &[]).contains("no validation_model is bound"));
    assert!(refused(json!({}), &[("validation_model", "none")]).contains("stopping = \"epochs\""));
    assert!(
        refused(json!({"support_weight": 1.0}), &[("support", "unknown")])
            .contains("has item 14, 'interactions' has 14")
    );
}

#[test]
fn the_head_alone_ranks_all_items() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let trie = Trie::of(&codes());
    let tokenizer = nn::read_tokenizer(folder.path()).unwrap();
    let codes = ItemCodes::new(&trie, &tokenizer).unwrap();
    let model = model(folder.path());
    nn::with_seed(6, || ItemHead::random(&codes, &model, true, 0.5).unwrap()).write(folder.path()).unwrap();
    let by_head = run(folder.path(), "head", &json!({"scoring": "head", "top_k": 14}), &[]).unwrap();
    assert!(by_head.kept.iter().all(|list| list.items.len() == 14));
    // A beam of all codes that the head alone orders gives the same lists.
    let parameters = json!({"scoring": "rerank", "head_weight": 1.0, "beam": 100, "top_k": 14});
    let reranked = run(folder.path(), "rerank", &parameters, &[]).unwrap();
    let items = |rankings: &Rankings| -> Vec<Vec<u32>> {
        rankings.excluded.iter().map(|list| list.items.iter().map(|item| item.0).collect()).collect()
    };
    assert_eq!(items(&by_head), items(&reranked));
}

#[test]
fn all_users_get_lists_on_request_and_those_tested_get_the_same_ones() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let tested = run(folder.path(), "tested", &json!({"top_k": 5}), &[]).unwrap();
    let all = run(folder.path(), "all", &json!({"top_k": 5, "users": "all"}), &[]).unwrap();
    assert_eq!(all.kept.iter().map(|list| list.user).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(all.excluded[2].items.iter().all(|&(item, _)| item != 11) && all.excluded[2].items.len() == 5);
    let of_tested: Vec<RankedList> = all.excluded.into_iter().filter(|list| list.user != 2).collect();
    assert_eq!(of_tested, tested.excluded);
}

#[test]
fn lists_of_new_items_have_no_others() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let all = run(folder.path(), "all", &json!({"top_k": 14, "beam": 100}), &[]).unwrap();
    let new = run(folder.path(), "new", &json!({"top_k": 14, "beam": 100, "candidates": "new"}), &[]).unwrap();
    let is_new = |item: u32| ![3, 4, 8, 9, 11].contains(&item);
    for (all, new) in all.excluded.iter().zip(&new.excluded) {
        let expected: Vec<u32> = all.items.iter().map(|item| item.0).filter(|&item| is_new(item)).collect();
        assert_eq!(new.items.iter().map(|item| item.0).collect::<Vec<_>>(), expected);
    }
    let head = run(folder.path(), "head", &json!({"candidates": "new", "scoring": "head"}), &[]).unwrap_err();
    assert!(head.message.contains("the head knows no new item"), "{head}");
}

#[test]
fn a_history_decoded_live_gets_the_list_of_the_user_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let lists = run(folder.path(), "lists", &json!({"top_k": 5}), &[]).unwrap();
    let inputs = ["codes", "llm", "model"].map(|port| (port, json!([{"path": folder.path(), "producer": null}])));
    let stage = json!({
        "name": "precache", "uses": "precache", "parameters": {"top_k": 5}, "outputs": {},
        "inputs": serde_json::Map::from_iter(inputs.map(|(port, paths)| (port.to_owned(), paths))),
    });
    let model = LiveModel::of(&serde_json::from_value(stage.clone()).unwrap(), 2).unwrap();
    let live = model.load(Device::Cpu).unwrap();
    let asked = LiveRequest { history: &[3, 4, 8], exclude: &[], count: 5 };
    assert_eq!(live.rank(&[asked]).unwrap(), [lists.excluded[0].items.clone()]);
    let best = lists.excluded[0].items[0].0;
    let without = LiveRequest { exclude: &[best], count: 4, ..asked };
    assert_eq!(live.rank(&[without]).unwrap()[0], lists.excluded[0].items[1..]);
    assert!(live.rank(&[LiveRequest { history: &[14], ..asked }]).unwrap_err().message.contains("no item 14 among 14"));
    let popular = Lineage { uses: "popularity".to_owned(), ..serde_json::from_value(stage).unwrap() };
    assert!(LiveModel::of(&popular, 2).unwrap_err().message.contains("makes lists of known users alone"));
}

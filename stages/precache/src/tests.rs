//! Beam search against models evaluated in full.

use super::*;
use crate::search::search;
use contract::{Erased, Spec};
use frames::{Dataset, Split};
use nn::{AttentionMask, LlamaConfig};
use recommender::beam::{Leaf, ROOT};
use serde_json::json;
use std::path::Path;
use tch::{Device, Kind, Tensor};
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
    tch::manual_seed(5);
    Llama::random(LlamaConfig::read(folder).unwrap(), 0.4, Device::Cpu, Kind::Float).unwrap()
}

/// Fourteen items on three levels; items 0 and 13 share a code.
fn codes() -> Codes {
    let first = vec![0, 0, 0, 1, 1, 4, 4, 4, 4, 6, 6, 6, 6, 0];
    let second = vec![0, 0, 3, 0, 3, 0, 1, 1, 3, 2, 2, 2, 3, 0];
    let third = vec![0, 1, 0, 0, 0, 5, 0, 1, 0, 0, 1, 5, 1, 0];
    Codes { levels: vec![first, second, third] }
}

/// Token of column c at level l: 10 (l + 1) + c.
fn tokens(trie: &Trie) -> Vec<Vec<i64>> {
    let of = |(level, codes): (i64, &Vec<u32>)| (0..codes.len() as i64).map(|c| 10 * (level + 1) + c).collect();
    (0..).zip(&trie.levels).map(of).collect()
}

const PROMPTS: [&[i64]; 3] = [&[1, 2, 3, 4], &[9, 2, 0, 7], &[5, 5, 5, 5]];

/// log p of the last `after` tokens of a sequence, from one pass over all of it.
fn brute_force(model: &Llama, prompt: &[i64], code: &[i64]) -> f32 {
    let all = [prompt, code].concat();
    let positions: Vec<i64> = (0..all.len() as i64).collect();
    let row = |values: &[i64]| Tensor::from_slice(values).view([1, -1]);
    let hidden = model.forward(&row(&all), &row(&positions), &AttentionMask::Causal, None, false).unwrap();
    let logits = model.logits(&hidden).unwrap().log_softmax(-1, Kind::Float);
    let score = |(step, &token): (usize, &i64)| logits.double_value(&[0, (prompt.len() + step) as i64 - 1, token]);
    code.iter().enumerate().map(score).sum::<f64>() as f32
}

/// Every path to a depth as (node, columns).
fn paths(trie: &Trie, depth: usize) -> Vec<(usize, Vec<usize>)> {
    (0..depth).fold(vec![(ROOT, Vec::new())], |paths, _| {
        let below = |(node, columns): &(usize, Vec<usize>)| {
            let children = trie.node(*node).children.iter();
            children.map(|child| (child.node, [columns.as_slice(), &[child.column]].concat())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(below).collect()
    })
}

fn sorted(mut leaves: Vec<Leaf>) -> Vec<Leaf> {
    leaves.sort_by_key(|leaf| leaf.node);
    leaves
}

fn assert_equal(found: Vec<Leaf>, expected: Vec<Leaf>) {
    let (found, expected) = (sorted(found), sorted(expected));
    let nodes = |leaves: &[Leaf]| leaves.iter().map(|leaf| leaf.node).collect::<Vec<_>>();
    assert_eq!(nodes(&found), nodes(&expected));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found.score - expected.score).abs() < 1e-4, "{found:?} is not {expected:?}");
    }
}

#[test]
fn a_beam_of_all_codes_scores_every_item_as_a_full_pass_does() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    for levels in 1..=3 {
        let codes = Codes { levels: codes().levels[..levels].to_vec() };
        let trie = Trie::of(&codes);
        let tokens = tokens(&trie);
        let decoder = Decoder::with_tokens(&model, tokens.clone());
        let found = search(&decoder, &trie, &PROMPTS, 1_000).unwrap();
        for (prompt, found) in PROMPTS.iter().zip(found) {
            let score = |columns: &[usize]| {
                let code: Vec<i64> = columns.iter().zip(&tokens).map(|(&column, level)| level[column]).collect();
                brute_force(&model, prompt, &code)
            };
            let all = paths(&trie, levels).into_iter();
            assert_equal(found, all.map(|(node, columns)| Leaf { node, score: score(&columns) }).collect());
        }
    }
}

#[test]
fn a_narrow_beam_finds_what_a_plain_beam_search_finds() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let trie = Trie::of(&codes());
    let tokens = tokens(&trie);
    let decoder = Decoder::with_tokens(&model, tokens.clone());
    for width in [1, 2, 3] {
        let found = search(&decoder, &trie, &PROMPTS, width).unwrap();
        for (prompt, found) in PROMPTS.iter().zip(found) {
            let score = |columns: &[usize]| {
                let code: Vec<i64> = columns.iter().zip(&tokens).map(|(&column, level)| level[column]).collect();
                brute_force(&model, prompt, &code)
            };
            let mut alive: Vec<Vec<usize>> = vec![Vec::new()];
            for depth in 1..=2 {
                let mut scored: Vec<(f32, Vec<usize>)> = paths(&trie, depth)
                    .into_iter()
                    .filter(|(_, columns)| alive.contains(&columns[..depth - 1].to_vec()))
                    .map(|(_, columns)| (score(&columns), columns))
                    .collect();
                scored.sort_by(|a, b| b.0.total_cmp(&a.0));
                alive = scored.into_iter().take(width).map(|(_, columns)| columns).collect();
            }
            let below = paths(&trie, 3).into_iter().filter(|(_, columns)| alive.contains(&columns[..2].to_vec()));
            assert_equal(found, below.map(|(node, columns)| Leaf { node, score: score(&columns) }).collect());
        }
    }
}

#[test]
fn the_stage_ranks_every_tested_user_and_repeats_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let run = |name: &str, beam: usize| {
        let output = folder.path().join(name);
        std::fs::create_dir(&output).unwrap();
        let bound = |port: &str| (port.to_owned(), [(String::new(), folder.path().into())].into());
        let spec = Spec {
            uses: "precache".into(),
            parameters: json!({"beam": beam, "top_k": 5, "batch": 2}).as_object().unwrap().clone(),
            inputs: ["interactions", "codes", "llm", "model"].map(bound).into(),
            outputs: [("rankings".to_owned(), output.clone())].into(),
            seed: 0,
            threads: 1,
            device: "cpu".into(),
            checkpoint: None,
        };
        (Erased::of::<Precache>().run)(spec).unwrap();
        (std::fs::read(output.join("rankings.parquet")).unwrap(), Rankings::read(&output).unwrap())
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
    let added: Vec<AddedToken> =
        words.into_iter().chain(prompts::code_tokens(&codes())).map(|word| AddedToken::from(word, false)).collect();
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.add_tokens(&added);
    tokenizer.save(folder.join("tokenizer.json"), false).unwrap();
    model(folder).save(folder).unwrap();
}

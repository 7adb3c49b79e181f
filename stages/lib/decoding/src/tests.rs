//! Beam search against models evaluated in full.

use crate::{Decoder, ItemCodes, ItemHead, Scoring, Settings};
use frames::{Codes, Embeddings};
use nn::{AttentionMask, Llama, LlamaConfig};
use recommender::beam::{Constraint, Leaf, ROOT, Support, Trie};
use serde_json::json;
use std::path::Path;
use tch::{Device, Kind, Tensor};

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

/// Token of column c at level l: 10 (l + 1) + c.
fn tokens(trie: &Trie) -> Vec<Vec<i64>> {
    let of = |(level, codes): (i64, &Vec<u32>)| (0..codes.len() as i64).map(|c| 10 * (level + 1) + c).collect();
    (0..).zip(&trie.levels).map(of).collect()
}

const PROMPTS: [&[i64]; 3] = [&[1, 2, 3, 4], &[9, 2, 0, 7], &[5, 5, 5, 5]];

fn beam(beam: usize) -> Settings {
    Settings { scoring: Scoring::Beam, constraint: Constraint::Trie, beam, head_weight: 0.0 }
}

fn no_support() -> Vec<Support> {
    PROMPTS.iter().map(|_| Support::none()).collect()
}

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
fn a_full_beam_equals_exhaustive_scoring() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    for levels in 1..=3 {
        let codes = Codes { levels: codes().levels[..levels].to_vec() };
        let trie = Trie::of(&codes);
        let tokens = tokens(&trie);
        let codes = ItemCodes::with_tokens(&trie, tokens.clone());
        let decoder = Decoder::new(&model, &codes, None);
        let found = decoder.leaves(&PROMPTS, &beam(1_000), &no_support()).unwrap();
        for (prompt, found) in PROMPTS.iter().zip(found) {
            let score = |columns: &[usize]| {
                let code: Vec<i64> = columns.iter().zip(&tokens).map(|(&column, level)| level[column]).collect();
                brute_force(&model, prompt, &code)
            };
            let all = paths(&trie, levels).into_iter();
            assert_equal(found, all.map(|(node, columns)| Leaf { node: Some(node), score: score(&columns) }).collect());
        }
    }
}

#[test]
fn a_narrow_beam_finds_what_a_plain_beam_search_finds() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let trie = Trie::of(&codes());
    let tokens = tokens(&trie);
    let codes = ItemCodes::with_tokens(&trie, tokens.clone());
    let decoder = Decoder::new(&model, &codes, None);
    for width in [1, 2, 3] {
        let found = decoder.leaves(&PROMPTS, &beam(width), &no_support()).unwrap();
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
            assert_equal(
                found,
                below.map(|(node, columns)| Leaf { node: Some(node), score: score(&columns) }).collect(),
            );
        }
    }
}

/// A prompt with two whole codes, 0 0 0 and 4 1 1, and its items: places and numbers.
const WITH_ITEMS: [&[i64]; 2] = [&[1, 10, 20, 30, 12, 21, 31, 2], &[3, 4, 5, 6, 7, 8, 9, 2]];

/// log p of all codes by the head, from a pass over the whole prompt with the vectors added by hand.
fn head_brute_force(model: &Llama, vectors: &Tensor, prompt: &[i64], items: &[(i64, i64)]) -> Vec<f32> {
    let ids = Tensor::from_slice(prompt).view([1, -1]);
    let embedded = model.embed(&ids).unwrap().copy();
    for &(place, code) in items {
        let mut row = embedded.select(1, place);
        row += vectors.select(0, code) * 2.5;
    }
    let positions = Tensor::arange(prompt.len() as i64, (Kind::Int64, Device::Cpu)).view([1, -1]);
    let hidden = model.forward_embedded(&embedded, &positions, &AttentionMask::Causal, None, false).unwrap();
    let last = hidden.select(1, prompt.len() as i64 - 1);
    Vec::try_from(last.matmul(&vectors.transpose(0, 1)).log_softmax(-1, Kind::Float).view(-1)).unwrap()
}

#[test]
fn the_item_head_ranks_all_items_and_what_the_beam_found() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let trie = Trie::of(&codes());
    let codes = ItemCodes::with_tokens(&trie, tokens(&trie));
    assert_eq!(codes.leaves().len(), 13);
    let mut head = nn::with_seed(6, || ItemHead::random(&codes, &model, true, 0.5).unwrap().carried(2.5));
    let vectors = head.train().unwrap().tensor.detach();
    head.write(folder.path()).unwrap();
    let head = ItemHead::read(folder.path(), &codes, &model).unwrap().unwrap();
    let decoder = Decoder::new(&model, &codes, Some(&head));
    let items = [codes.find(WITH_ITEMS[0].iter().copied()), Vec::new()];
    assert_eq!(items[0].iter().map(|item| item.0).collect::<Vec<_>>(), [3, 6]);
    let supports = [Support::none(), Support::none()];
    let leaves = |scoring, head_weight| {
        decoder
            .leaves(&WITH_ITEMS, &Settings { scoring, constraint: Constraint::Trie, beam: 2, head_weight }, &supports)
            .unwrap()
    };
    let (all, beams, mixed) = (leaves(Scoring::Head, 0.0), leaves(Scoring::Beam, 0.0), leaves(Scoring::Rerank, 0.3));
    for user in 0..2 {
        let items: Vec<(i64, i64)> = items[user].iter().map(|&(place, code)| (place as i64, i64::from(code))).collect();
        let expected = head_brute_force(&model, &vectors, WITH_ITEMS[user], &items);
        let of_node = |node: usize| expected[codes.leaves().binary_search(&node).unwrap()];
        let leaf = |&node: &usize| Leaf { node: Some(node), score: of_node(node) };
        assert_equal(all[user].clone(), codes.leaves().iter().map(leaf).collect());
        let mean = |leaf: &Leaf| Leaf { score: 0.7 * leaf.score + 0.3 * of_node(leaf.node.unwrap()), ..*leaf };
        assert_equal(mixed[user].clone(), beams[user].iter().map(mean).collect());
    }
    let none = Decoder::new(&model, &codes, None);
    let settings = Settings { scoring: Scoring::Head, constraint: Constraint::Trie, beam: 2, head_weight: 0.0 };
    assert_eq!(none.leaves(&WITH_ITEMS, &settings, &supports).unwrap_err().kind, contract::FailureKind::Conflict);
}

#[test]
fn a_head_of_other_codes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let trie = Trie::of(&codes());
    let codes = ItemCodes::with_tokens(&trie, tokens(&trie));
    assert!(ItemHead::read(folder.path(), &codes, &model).unwrap().is_none());
    nn::with_seed(6, || ItemHead::random(&codes, &model, false, 0.5).unwrap()).write(folder.path()).unwrap();
    let fewer = Trie::of(&Codes { levels: self::codes().levels[..2].to_vec() });
    let fewer_codes = ItemCodes::with_tokens(&fewer, tokens(&fewer));
    let failure = ItemHead::read(folder.path(), &fewer_codes, &model).unwrap_err();
    assert!(failure.message.contains("'output' is [13, 16], expected [9, 16]"), "{failure}");
}

#[test]
fn prompts_of_unequal_length_find_together_what_each_finds_alone() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    let trie = Trie::of(&codes());
    let codes = ItemCodes::with_tokens(&trie, tokens(&trie));
    let head = nn::with_seed(6, || ItemHead::random(&codes, &model, true, 0.5).unwrap());
    let decoder = Decoder::new(&model, &codes, Some(&head));
    // The second one has items, whose vectors the prompt carries.
    let prompts: [&[i64]; 3] = [&[1, 2], &[3, 10, 20, 30, 4, 11, 20, 30], &[9, 2, 0, 7, 6]];
    for scoring in [Scoring::Beam, Scoring::Rerank, Scoring::Head] {
        let settings = Settings { scoring, head_weight: 0.5, ..beam(3) };
        let together = decoder.leaves(&prompts, &settings, &no_support()).unwrap();
        for (prompt, found) in prompts.iter().zip(together) {
            let alone = decoder.leaves(&[prompt], &settings, &[Support::none()]).unwrap().remove(0);
            assert_equal(found, alone);
        }
    }
}

#[test]
fn vectors_take_the_directions_of_embeddings_and_keep_their_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path());
    // Items 0 and 1 share a code; item 4 has no embedding.
    let trie = Trie::of(&Codes { levels: vec![vec![0, 0, 1, 2, 3]] });
    let codes = ItemCodes::with_tokens(&trie, vec![vec![10, 11, 12, 13]]);
    let values = vec![4.0, 1.0, 2.0, 3.0, 3.0, 2.5, -9.0, 1.0, 0.0, 0.0];
    let items = Embeddings { dim: 2, values };
    let random = || nn::with_seed(6, || ItemHead::random(&codes, &model, true, 0.5).unwrap());
    let vectors = |head: &ItemHead| head.vectors(&Tensor::arange(4, (Kind::Int64, Device::Cpu))).unwrap();
    let (before, after) = (vectors(&random()), vectors(&random().directed(&codes, &items).unwrap()));
    let length = |rows: &Tensor| rows.norm_scalaropt_dim(2, [1], false);
    assert!(length(&after).allclose(&length(&before), 1e-5, 1e-6, false));
    assert!(after.select(0, 3).equal(&before.select(0, 3)));
    let cosine = |one: i64, other: i64| {
        Tensor::cosine_similarity(&after.select(0, one), &after.select(0, other), 0, 1e-9).double_value(&[])
    };
    // Less the mean the codes' embeddings are (3.75, 0.375), (3.75, 0.875) and (-8.25, -0.625).
    assert!(cosine(0, 1) > 0.95 && cosine(0, 2) < -0.9, "{} {}", cosine(0, 1), cosine(0, 2));
    let fewer = Embeddings { dim: 2, values: vec![1.0; 6] };
    let failure = random().directed(&codes, &fewer).unwrap_err();
    assert_eq!(failure.message, "there are 3 embeddings of items, but codes of item 3");
}

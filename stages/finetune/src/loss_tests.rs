//! The loss of trees against that of plain samples and against its formula, and their gradients.

use crate::batch::Terms;
use crate::objective::{ItemObjective, Negatives, Objective};
use crate::samples::Sample;
use crate::training::gradients;
use crate::tree::TokenTree;
use contract::Result;
use decoding::{ItemCodes, ItemHead};
use frames::Codes;
use nn::{AttentionMask, Llama, LlamaConfig, LoraConfig, Parameter};
use recommender::beam::Trie;
use serde_json::json;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Device, Kind, Tensor};

/// Libtorch's random numbers are the process's, so tests that need them take turns.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn config() -> LlamaConfig {
    let fields = json!({"model_type": "llama", "vocab_size": 30, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2});
    serde_json::from_value(fields).unwrap()
}

/// Two groups with shared histories, one branch within a label, one sample twice, and one that continues another.
pub(crate) fn groups() -> Vec<Vec<Sample>> {
    let sample = |tokens: &[u32], label| Sample { tokens: tokens.to_vec(), label, asks_next_item: true };
    vec![
        vec![
            sample(&[1, 4, 5, 6, 7, 20, 21, 22], 5),
            sample(&[1, 4, 5, 6, 7, 20, 23, 22], 5),
            sample(&[1, 4, 5, 6, 8, 24, 25, 26], 5),
            sample(&[1, 4, 5, 6, 7, 20, 21, 22, 7, 27, 28, 29], 9),
            sample(&[1, 4, 5, 6, 7, 20, 21, 22], 5),
        ],
        vec![sample(&[1, 9, 20, 21, 22], 2), sample(&[1, 9, 10, 11, 12, 13, 14, 15, 20, 21, 24], 8)],
        vec![sample(&[2, 3], 1)],
    ]
}

fn taken(parameters: &[Parameter]) -> Vec<Tensor> {
    let taken = parameters.iter().map(|parameter| parameter.tensor.grad().copy()).collect();
    for parameter in parameters {
        drop(parameter.tensor.grad().zero_());
    }
    taken
}

/// Takes the gradients, which are to be these.
fn assert_gradients(parameters: &[Parameter], expected: &[Tensor]) {
    for ((one, other), parameter) in taken(parameters).iter().zip(expected).zip(parameters) {
        assert!(one.allclose(other, 1e-4, 1e-6, false), "{}", parameter.name);
    }
}

/// The loss of a step that has these trees alone.
fn step_loss(objective: &Objective<'_>, trees: &[&TokenTree], memory_tokens: usize, by_block: bool) -> Result<f64> {
    gradients(objective, trees, Terms::of(trees), memory_tokens, by_block)
}

#[test]
fn packing_changes_neither_the_loss_nor_its_gradients() {
    let _turn = alone();
    for lora in [false, true] {
        tch::manual_seed(11);
        let mut model = Llama::random(config(), 0.3, Device::Cpu, Kind::Float).unwrap();
        let parameters = if lora {
            let targets = vec!["q_proj".to_owned(), "down_proj".to_owned()];
            let config = LoraConfig { r: 2, alpha: 4.0, dropout: 0.0, target_modules: targets };
            model.add_tokens(20, 10, 0.3).unwrap();
            model.train_lora(&config).unwrap()
        } else {
            model.train_all().unwrap()
        };
        let packed: Vec<_> = groups().iter().map(|group| TokenTree::merge(group, None)).collect();
        let plain: Vec<_> = groups().iter().flatten().map(|sample| TokenTree::merge([sample], None)).collect();
        let tokens = |trees: &[TokenTree]| trees.iter().map(TokenTree::len).sum::<usize>();
        assert!(tokens(&packed) * 3 < tokens(&plain) * 2);
        let expected = step_loss(&Objective::tokens(&model), &plain.iter().collect::<Vec<_>>(), 1000, false).unwrap();
        let expected_gradients = taken(&parameters);
        for (memory_tokens, by_block) in [(1, false), (24, false), (24, true), (1000, false)] {
            let loss =
                step_loss(&Objective::tokens(&model), &packed.iter().collect::<Vec<_>>(), memory_tokens, by_block)
                    .unwrap();
            assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
            assert_gradients(&parameters, &expected_gradients);
        }
    }
}

#[test]
fn the_loss_is_the_cross_entropy_of_the_labels() {
    let _turn = alone();
    tch::manual_seed(12);
    let model = Llama::random(config(), 0.3, Device::Cpu, Kind::Float).unwrap();
    let sample = &groups()[0][0];
    let ids: Vec<i64> = sample.tokens.iter().copied().map(i64::from).collect();
    let (inputs, positions) = (Tensor::from_slice(&ids[..7]), Tensor::arange(7, (Kind::Int64, Device::Cpu)));
    let hidden =
        model.forward(&inputs.view([1, 7]), &positions.view([1, 7]), &AttentionMask::Causal, None, false).unwrap();
    let chances = model.logits(&hidden).unwrap().log_softmax(-1, Kind::Float);
    let expected: f64 = (5..8).map(|place| -chances.double_value(&[0, place - 1, ids[place as usize]])).sum();
    let mut model = model;
    drop(model.train_all().unwrap());
    let loss = step_loss(&Objective::tokens(&model), &[&TokenTree::merge([sample], None)], 100, false).unwrap();
    assert!((loss - expected / 3.0).abs() < 1e-5);
}

/// The codes of the labels of [`groups`]: 20 21 22, 20 23 22, 24 25 26 and 27 28 29.
fn label_trie() -> Trie {
    Trie::of(&Codes { levels: vec![vec![0, 0, 1, 2], vec![0, 1, 2, 3], vec![0, 0, 1, 2]] })
}

fn label_codes(trie: &Trie) -> ItemCodes<'_> {
    ItemCodes::with_tokens(trie, vec![vec![20, 24, 27], vec![21, 23, 25, 28], vec![22, 26, 29]])
}

fn with_items<'a>(model: &'a Llama, head: &'a ItemHead, negatives: Negatives) -> Objective<'a> {
    Objective {
        model,
        token_weight: 0.5,
        label_smoothing: 0.0,
        items: Some(ItemObjective { head, weight: 2.0, negatives }),
    }
}

#[test]
fn packing_changes_neither_the_loss_of_items_nor_its_gradients() {
    let _turn = alone();
    let trie = label_trie();
    let codes = label_codes(&trie);
    for drawn in [false, true] {
        tch::manual_seed(11);
        let mut model = Llama::random(config(), 0.3, Device::Cpu, Kind::Float).unwrap();
        let mut parameters = model.train_all().unwrap();
        let mut head = ItemHead::random(&codes, &model, true, 0.3).unwrap();
        parameters.push(head.train().unwrap());
        let negatives = || if drawn { Negatives::draw(3, 4, 1, 2) } else { Negatives::All };
        let tree = |samples: &[Sample]| TokenTree::merge(samples, Some(&codes));
        let packed: Vec<_> = groups().iter().map(|group| tree(group)).collect();
        let plain: Vec<_> = groups().iter().flatten().map(|sample| tree(std::slice::from_ref(sample))).collect();
        assert_eq!(packed[0].items.len(), 1, "one history has an item");
        let of = |trees: &[TokenTree], memory_tokens, by_block| {
            let objective = with_items(&model, &head, negatives());
            step_loss(&objective, &trees.iter().collect::<Vec<_>>(), memory_tokens, by_block).unwrap()
        };
        let expected = of(&plain, 1000, false);
        let expected_gradients = taken(&parameters);
        assert!(expected_gradients.iter().all(|gradient| gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0));
        for (memory_tokens, by_block) in [(1, false), (24, true), (1000, false)] {
            let loss = of(&packed, memory_tokens, by_block);
            assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
            assert_gradients(&parameters, &expected_gradients);
        }
    }
}

#[test]
fn the_loss_of_items_is_that_of_its_formula() {
    let _turn = alone();
    tch::manual_seed(12);
    let mut model = Llama::random(config(), 0.3, Device::Cpu, Kind::Float).unwrap();
    drop(model.train_all().unwrap());
    let trie = label_trie();
    let codes = label_codes(&trie);
    let mut head = ItemHead::random(&codes, &model, true, 0.3).unwrap().carried(3.0);
    let vectors = head.train().unwrap().tensor.detach();
    let sample = &groups()[0][3];
    // The history 1 4 5 6 7 20 21 22 7 has code 0 at place 7; code 3 comes next.
    let ids: Vec<i64> = sample.tokens[..9].iter().copied().map(i64::from).collect();
    let embedded = model.embed(&Tensor::from_slice(&ids).view([1, 9])).unwrap().detach().copy();
    let mut row = embedded.select(1, 7);
    row += vectors.select(0, 0) * 3.0;
    let positions = Tensor::arange(9, (Kind::Int64, Device::Cpu)).view([1, 9]);
    let hidden = model.forward_embedded(&embedded, &positions, &AttentionMask::Causal, None, false).unwrap();
    let scores = hidden.select(1, 8).matmul(&vectors.transpose(0, 1)).view(-1);
    let score = |code: i64| scores.double_value(&[code]);
    let tree = TokenTree::merge([sample], Some(&codes));
    let of = |negatives| {
        let items = Some(ItemObjective { head: &head, weight: 2.0, negatives });
        step_loss(&Objective { model: &model, token_weight: 0.0, label_smoothing: 0.0, items }, &[&tree], 100, false)
            .unwrap()
    };
    let all = (0..4).map(|code| score(code).exp()).sum::<f64>().ln() - score(3);
    assert!((of(Negatives::All) - 2.0 * all).abs() < 1e-4);
    let drawn = Negatives::Drawn { codes: vec![1, 3], corrections: vec![0.4, 0.9] };
    let sampled = (score(3).exp() + (score(1) + 0.4).exp()).ln() - score(3);
    assert!((of(drawn) - 2.0 * sampled).abs() < 1e-4);
}

//! The packed loss against the plain one, and whole runs of the stage on a tiny model.

use crate::samples::Sample;
use crate::training::gradients;
use crate::tree::TokenTree;
use crate::{Finetune, Parameters, Train};
use contract::{Context, FailureKind, Result, Spec, Stage};
use frames::{Codes, Prompt, Prompts, TaskKind};
use nn::{AttentionMask, Llama, LlamaConfig, LoraConfig, Parameter};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Kind, Tensor};

fn config() -> LlamaConfig {
    let fields = json!({"model_type": "llama", "vocab_size": 30, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2});
    serde_json::from_value(fields).unwrap()
}

/// Two groups with shared histories, one branch within a label, one sample twice, and one that continues another.
fn groups() -> Vec<Vec<Sample>> {
    let sample = |tokens: &[u32], label| Sample { tokens: tokens.to_vec(), label };
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

#[test]
fn packing_changes_neither_the_loss_nor_its_gradients() {
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
        let packed: Vec<_> = groups().iter().map(TokenTree::merge).collect();
        let plain: Vec<_> = groups().iter().flatten().map(|sample| TokenTree::merge([sample])).collect();
        let tokens = |trees: &[TokenTree]| trees.iter().map(TokenTree::len).sum::<usize>();
        assert!(tokens(&packed) * 3 < tokens(&plain) * 2);
        let expected = gradients(&model, &plain.iter().collect::<Vec<_>>(), 1000).unwrap();
        let expected_gradients = taken(&parameters);
        for memory_tokens in [1, 24, 1000] {
            let loss = gradients(&model, &packed.iter().collect::<Vec<_>>(), memory_tokens).unwrap();
            assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
            for ((one, other), parameter) in taken(&parameters).iter().zip(&expected_gradients).zip(&parameters) {
                assert!(one.allclose(other, 1e-4, 1e-6, false), "{}", parameter.name);
            }
        }
    }
}

#[test]
fn the_loss_is_the_cross_entropy_of_the_labels() {
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
    let loss = gradients(&model, &[&TokenTree::merge([sample])], 100).unwrap();
    assert!((loss - expected / 3.0).abs() < 1e-5);
}

fn context(inputs: &[(&str, &Path)], outputs: &[(&str, &Path)], parameters: serde_json::Value) -> Context {
    let named = |(name, path): &(&str, &Path)| {
        fs_err::create_dir_all(path).unwrap();
        ((*name).to_owned(), path.to_path_buf())
    };
    let inputs = inputs.iter().map(named).map(|(name, path)| (name, BTreeMap::from([(String::new(), path)])));
    Context::new(Spec {
        uses: "test".to_owned(),
        parameters: parameters.as_object().cloned().unwrap_or_default(),
        inputs: inputs.collect(),
        outputs: outputs.iter().map(named).collect(),
        seed: 5,
        threads: 1,
        device: "cpu".to_owned(),
    })
}

/// Writes six items with two codes each, and a question per user whose answer follows from the last item.
fn write_inputs(folder: &Path) {
    let codes = Codes { levels: vec![vec![0, 0, 1, 1, 2, 2], vec![0, 1, 0, 1, 0, 7]] };
    codes.write(&folder.join("codes")).unwrap();
    let items = prompts::item_texts(&codes);
    let prompt = |group: u32, kind, question: &str, item: usize| Prompt {
        group,
        kind,
        prompt: format!("after {} {question}", items[group as usize % 5]),
        label: items[item % 5].clone(),
    };
    let prompts = (0..20)
        .flat_map(|group| {
            let next = prompt(group, TaskKind::NextItem, "next?", group as usize + 1);
            [next, prompt(group, TaskKind::Negative, "hate?", group as usize + 2)]
        })
        .collect();
    Prompts(prompts).write(&folder.join("tasks")).unwrap();
    let small = json!({"vocabulary": 300, "hidden": 32, "layers": 2, "heads": 2, "kv_heads": 1, "intermediate": 48});
    let context = context(&[], &[("model", &folder.join("llm"))], json!({}));
    llama::SmallLlama::run(serde_json::from_value(small).unwrap(), &context).unwrap();
}

fn tune(folder: &Path, name: &str, parameters: Parameters) -> Result<()> {
    let path = |part: &str| folder.join(part);
    let inputs = [("tasks", path("tasks")), ("codes", path("codes")), ("llm", path("llm"))];
    let outputs = [("model", path(name)), ("curve", path(&format!("{name}_curve")))];
    let inputs: Vec<_> = inputs.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let outputs: Vec<_> = outputs.iter().map(|(name, path)| (*name, path.as_path())).collect();
    Finetune::run(parameters, &context(&inputs, &outputs, json!({})))
}

/// The share of questions whose answer is the likeliest, token by token.
fn answered(folder: &Path, name: &str) -> f64 {
    let (model, tokenizer) = nn::load_tuned(&folder.join("llm"), &folder.join(name), Device::Cpu).unwrap();
    let prompts = Prompts::read(&folder.join("tasks")).unwrap().0;
    let right = prompts.iter().filter(|prompt| {
        let mut ids: Vec<i64> = Vec::new();
        let question = tokenizer.encode(prompt.prompt.as_str(), true).unwrap();
        ids.extend(question.get_ids().iter().copied().map(i64::from));
        let start = ids.len() as i64;
        let answer = tokenizer.encode(prompt.label.as_str(), false).unwrap();
        assert_eq!(answer.len(), 2);
        ids.extend(answer.get_ids().iter().copied().map(i64::from));
        let length = ids.len() as i64;
        let positions = Tensor::arange(length, (Kind::Int64, Device::Cpu)).view([1, length]);
        let ids = Tensor::from_slice(&ids).view([1, length]);
        let hidden = model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap();
        let likeliest = model.logits(&hidden).unwrap().argmax(-1, false).narrow(1, start - 1, 2);
        likeliest == ids.narrow(1, start, 2)
    });
    right.count() as f64 / prompts.len() as f64
}

#[test]
fn a_small_model_learns_its_answers_and_runs_repeat_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters = Parameters {
        train: Train::All,
        learning_rate: 5e-3,
        epochs: 40,
        batch_tokens: 80,
        new_token_deviation: 0.02,
        ..Parameters::default()
    };
    for name in ["first", "second"] {
        tune(folder.path(), name, parameters.clone()).unwrap();
    }
    assert!(answered(folder.path(), "first") > 0.95);
    for file in ["first/model.safetensors", "first_curve/report.json", "first/tokenizer.json"] {
        let read = |file: &str| fs_err::read(folder.path().join(file)).unwrap();
        assert_eq!(read(file), read(&file.replace("first", "second")), "{file}");
    }
    let report = fs_err::read_to_string(folder.path().join("first_curve/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["tokens"]["new_tokens"], json!(3 + 3));
    assert_eq!(report["tokens"]["new_tokens_never_seen"], json!(1));
    assert!(report["plain_over_merged"].as_f64().unwrap() > 1.5);
}

#[test]
fn an_adapter_is_written_and_moves_new_tokens_only() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters = Parameters { learning_rate: 1e-2, epochs: 60, batch_tokens: 80, ..Parameters::default() };
    tune(folder.path(), "tuned", parameters).unwrap();
    let report = fs_err::read_to_string(folder.path().join("tuned_curve/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["tokens"]["old_tokens_moved"], json!(0));
    let curve = report["curve"].as_array().unwrap();
    let loss = |point: &serde_json::Value| point["loss"].as_f64().unwrap();
    assert!(loss(&curve[curve.len() - 1]) < 0.5 * loss(&curve[0]), "{curve:?}");
    assert!(folder.path().join("tuned/adapter_config.json").is_file());
    assert!(answered(folder.path(), "tuned") > 0.3);
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters = Parameters { train: Train::All, learning_rate: 1e30, clip: 0.0, ..Parameters::default() };
    let parameters = Parameters { batch_tokens: 50, ..parameters };
    assert_eq!(tune(folder.path(), "tuned", parameters).unwrap_err().kind, FailureKind::Diverged);
}

#[test]
fn samples_that_are_too_long_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters = Parameters { max_tokens: 3, ..Parameters::default() };
    assert_eq!(tune(folder.path(), "tuned", parameters).unwrap_err().kind, FailureKind::NothingUsable);
}

/// Not a check: prints how fast a model of 0.9 million parameters trains on full histories.
#[test]
#[ignore = "a measurement"]
fn speed() {
    tch::set_num_threads(2);
    tch::manual_seed(1);
    let fields = json!({"model_type": "llama", "vocab_size": 1500, "hidden_size": 128, "intermediate_size": 384,
        "num_hidden_layers": 4, "num_attention_heads": 4, "tie_word_embeddings": true});
    let mut model = Llama::random(serde_json::from_value(fields).unwrap(), 0.02, Device::Cpu, Kind::Float).unwrap();
    let trained = model.train_all().unwrap();
    println!("{} parameters", trained.iter().map(|one| one.tensor.numel()).sum::<usize>());
    let mut optimizer = nn::AdamW::new(trained, 0.01).unwrap();
    for (name, negatives) in [("histories", 0), ("histories and negatives", 3)] {
        let trees: Vec<TokenTree> = (0..120)
            .map(|group: u32| {
                let items = 4 + group as usize % 17;
                let token = |place: usize| ((place as u32 + 1) * (group + 7) * 131) % 1400;
                let all: Vec<u32> = (0..items * 4 + 8).map(token).collect();
                let mut samples: Vec<Sample> =
                    (1..=items).map(|n| Sample { tokens: all[..8 + 4 * n].to_vec(), label: 4 + 4 * n }).collect();
                for negative in 0..negatives {
                    let mut tokens = all[..4 + 4 * items].to_vec();
                    tokens.extend([1499, 1498, 1400, 1300 + negative, 1200 + negative, 1100 + negative]);
                    samples.push(Sample { label: tokens.len() - 4, tokens });
                }
                TokenTree::merge(&samples)
            })
            .collect();
        let step: Vec<&TokenTree> = trees.iter().collect();
        let tokens: usize = trees.iter().map(TokenTree::len).sum();
        let mut times = Vec::new();
        for _ in 0..12 {
            let started = std::time::Instant::now();
            gradients(&model, &step, 16_384).unwrap();
            nn::clip_gradients(optimizer.parameters(), 1.0).unwrap();
            optimizer.step(1e-3).unwrap();
            times.push(started.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        println!("{name}: {tokens} tokens a step, {:.0} tokens/s", tokens as f64 / times[times.len() / 2]);
    }
}

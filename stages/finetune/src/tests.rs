//! The packed loss against the plain one, and whole runs of the stage on a tiny model.

use crate::batch::Terms;
use crate::fit::with_way_out;
use crate::objective::{ItemObjective, Negatives, Objective};
use crate::samples::{Sample, Samples};
use crate::training::{Learner, Training, gradients};
use crate::tree::TokenTree;
use crate::validation::Validation;
use crate::{Finetune, Keep, NewTokens, Parameters, Precision, Train};
use contract::{Context, Failure, FailureKind, Result, Spec, Stage};
use decoding::{Decoder, ItemCodes, ItemHead, Scoring, Settings};
use frames::{Codes, Embeddings, EmbeddingsOf, Prompt, Prompts, TaskKind};
use nn::{AttentionMask, Llama, LlamaConfig, LoraConfig, Parameter, TrainingCheckpoints};
use ranks::Ranks;
use recommender::Stopping;
use recommender::beam::{Constraint, Support, Trie};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tch::{Device, Kind, Tensor};

/// Libtorch's random numbers are the process's, so tests that need them take turns.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config() -> LlamaConfig {
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
            for ((one, other), parameter) in taken(&parameters).iter().zip(&expected_gradients).zip(&parameters) {
                assert!(one.allclose(other, 1e-4, 1e-6, false), "{}", parameter.name);
            }
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

fn context(inputs: &[(&str, &Path)], outputs: &[(&str, &Path)]) -> Context {
    let named = |(name, path): &(&str, &Path)| {
        fs_err::create_dir_all(path).unwrap();
        ((*name).to_owned(), path.to_path_buf())
    };
    let inputs = inputs.iter().map(named).map(|(name, path)| (name, BTreeMap::from([(String::new(), path)])));
    Context::new(Spec {
        uses: "test".to_owned(),
        parameters: serde_json::Map::new(),
        inputs: inputs.collect(),
        outputs: outputs.iter().map(named).collect(),
        seed: 5,
        threads: 1,
        device: "cpu".to_owned(),
        rank: contract::Rank::default(),
        checkpoint: None,
    })
}

/// Writes six items with two codes each, and a question per user whose answer follows from the last item.
fn write_inputs(folder: &Path) {
    let codes = Codes { levels: vec![vec![0, 0, 1, 1, 2, 2], vec![0, 1, 0, 1, 0, 7]] };
    codes.write(&folder.join("codes")).unwrap();
    let level = |codes: i64| Tensor::arange(codes * 4, (Kind::Float, Device::Cpu)).sin().view([codes, 4]);
    let levels = [("level_1".to_owned(), level(3)), ("level_2".to_owned(), level(8))];
    fs_err::create_dir_all(folder.join("codebook")).unwrap();
    nn::safetensors_file::write(&folder.join("codebook/codebook.safetensors"), &levels).unwrap();
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
    let context = context(&[], &[("model", &folder.join("llm"))]);
    llama::SmallLlama::run(serde_json::from_value(small).unwrap(), &context).unwrap();
}

fn tune(folder: &Path, name: &str, parameters: Parameters) -> Result<()> {
    let path = |part: &str| folder.join(part);
    let mut inputs = vec![("tasks", path("tasks")), ("codes", path("codes")), ("llm", path("llm"))];
    if parameters.new_tokens != NewTokens::Mean {
        inputs.push(("codebook", path("codebook")));
    }
    if path("items").is_dir() {
        inputs.push(("items", path("items")));
    }
    let outputs = ["model", "curve", "validation_model"].map(|port| match port {
        "model" => (port, path(name)),
        _ => (port, path(&format!("{name}_{port}"))),
    });
    let inputs: Vec<_> = inputs.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let outputs: Vec<_> = outputs.iter().map(|(name, path)| (*name, path.as_path())).collect();
    Finetune::run(parameters, &context(&inputs, &outputs))
}

/// Of the model as it was written: the ratio of questions whose answer is the likeliest, token by token, and the mean
/// cross-entropy of the answers' tokens.
fn answers(folder: &Path, name: &str) -> (f64, f64) {
    let (model, tokenizer) =
        nn::load_tuned(&folder.join("llm"), &folder.join(name), Device::Cpu, Precision::Auto).unwrap();
    let prompts = Prompts::read(&folder.join("tasks")).unwrap().0;
    let (mut right, mut loss) = (0, 0.0);
    for prompt in &prompts {
        let encode = |text: &str, special| tokenizer.encode(text, special).unwrap().get_ids().to_vec();
        let (question, answer) = (encode(&prompt.prompt, true), encode(&prompt.label, false));
        assert_eq!(answer.len(), 2);
        let ids: Vec<i64> = question.iter().chain(&answer).copied().map(i64::from).collect();
        let positions = Tensor::arange(ids.len() as i64, (Kind::Int64, Device::Cpu)).unsqueeze(0);
        let ids = Tensor::from_slice(&ids).unsqueeze(0);
        let hidden = model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap();
        let chances = model.logits(&hidden).unwrap().log_softmax(-1, Kind::Float);
        let chances = chances.narrow(1, question.len() as i64 - 1, 2).squeeze_dim(0);
        let wanted = ids.narrow(1, question.len() as i64, 2).squeeze_dim(0);
        right += usize::from(chances.argmax(-1, false) == wanted);
        loss += chances.nll_loss(&wanted).double_value(&[]);
    }
    (right as f64 / prompts.len() as f64, loss / prompts.len() as f64)
}

#[test]
fn a_small_model_learns_and_repeats_exactly() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters = Parameters {
        train: Train::All,
        learning_rate: 3e-3,
        epochs: 200,
        batch_tokens: 120,
        new_token_std: 0.02,
        ..Parameters::default()
    };
    for name in ["first", "second"] {
        tune(folder.path(), name, parameters.clone()).unwrap();
    }
    let (right, _) = answers(folder.path(), "first");
    assert!(right > 0.95, "{right}");
    for file in ["first/model.safetensors", "first_curve/report.json", "first/tokenizer.json"] {
        let read = |file: &str| fs_err::read(folder.path().join(file)).unwrap();
        assert_eq!(read(file), read(&file.replace("first", "second")), "{file}");
    }
    let report = fs_err::read_to_string(folder.path().join("first_curve/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["tokens"]["new_tokens"], json!(3 + 3));
    assert_eq!(report["tokens"]["new_tokens_never_seen"], json!(1));
    assert!(report["plain_over_merged"].as_f64().unwrap() > 1.2);
}

#[test]
fn an_adapter_is_written_and_moves_new_tokens_only() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters =
        Parameters { learning_rate: 1e-2, epochs: 80, batch_tokens: 120, lora_dropout: 0.0, ..Parameters::default() };
    tune(folder.path(), "tuned", parameters).unwrap();
    let report = fs_err::read_to_string(folder.path().join("tuned_curve/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["tokens"]["old_tokens_moved"], json!(0));
    let curve = report["curve"].as_array().unwrap();
    let loss = |point: &serde_json::Value| point["loss"].as_f64().unwrap();
    assert!(loss(&curve[curve.len() - 1]) < 0.5 * loss(&curve[0]), "{curve:?}");
    assert!(folder.path().join("tuned/adapter_config.json").is_file());
    let (_, written) = answers(folder.path(), "tuned");
    let trained = report["loss"].as_f64().unwrap();
    assert!((written - trained).abs() < 0.1 * trained, "{written} {trained}");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters = Parameters { train: Train::All, learning_rate: 1e30, clip: 0.0, ..Parameters::default() };
    let parameters = Parameters { batch_tokens: 50, ..parameters };
    assert_eq!(tune(folder.path(), "tuned", parameters).unwrap_err().kind, FailureKind::Diverged);
}

#[test]
fn samples_that_are_too_long_are_dropped() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let parameters = Parameters { max_tokens: 3, ..Parameters::default() };
    assert_eq!(tune(folder.path(), "tuned", parameters).unwrap_err().kind, FailureKind::NothingUsable);
}

/// A model with adapters that have that dropout, and its trained parameters, always the same.
pub(crate) fn with_adapters(dropout: f64) -> (Llama, Vec<Parameter>) {
    tch::manual_seed(21);
    let mut model = Llama::random(config(), 0.3, Device::Cpu, Kind::Float).unwrap();
    let target_modules = vec!["q_proj".to_owned(), "up_proj".to_owned()];
    model.add_tokens(20, 10, 0.3).unwrap();
    let trained = model.train_lora(&LoraConfig { r: 2, alpha: 4.0, dropout, target_modules }).unwrap();
    (model, trained)
}

pub(crate) fn with_checkpoint(folder: &Path) -> Context {
    let spec = json!({"uses": "finetune", "parameters": {}, "inputs": {}, "outputs": {}, "seed": 5, "threads": 1,
        "device": "cpu", "checkpoint": folder});
    Context::new(serde_json::from_value(spec).unwrap())
}

/// Trains from the start, or from the checkpoint in `folder` on, to the end. Gives the losses of steps and of epochs on
/// validation, and the weights.
fn finish(samples: &Samples, parameters: &Parameters, context: &Context) -> (Vec<f64>, Vec<f64>, Vec<Tensor>) {
    let (model, trained) = with_adapters(0.3);
    let values: Vec<Tensor> = trained.iter().map(|parameter| parameter.tensor.shallow_clone()).collect();
    let mut training =
        Training::new(Learner { model: &model, items: None }, trained, samples, validation(parameters), parameters, 5)
            .unwrap();
    training.run(context, TrainingCheckpoints::of(context)).unwrap();
    let curve = training.finish().unwrap();
    (curve.losses, curve.validation, values)
}

/// Validation on a question that training does not have.
pub(crate) fn validation(parameters: &Parameters) -> Validation<'static> {
    let sample = Sample { tokens: vec![1, 4, 5, 6, 9, 25, 26, 22], label: 5, asks_next_item: true };
    let samples = Samples { groups: vec![vec![sample]], read: 1, dropped: 0, seen: HashSet::new() };
    let trees = samples.groups.iter().map(|group| TokenTree::merge(group, None)).collect();
    Validation::by_loss(trees, parameters.keep == Keep::Best)
}

/// Makes the first steps, leaves a checkpoint and goes no further.
fn begin(samples: &Samples, parameters: &Parameters, steps: usize, context: &Context) {
    let (model, trained) = with_adapters(0.3);
    let mut training =
        Training::new(Learner { model: &model, items: None }, trained, samples, validation(parameters), parameters, 5)
            .unwrap();
    for _ in 0..steps {
        training.step().unwrap();
    }
    TrainingCheckpoints::of(context).write(&training.state(), context);
}

#[test]
fn training_that_was_stopped_ends_in_the_same_weights() {
    let _turn = alone();
    let samples = Samples { groups: groups(), read: 8, dropped: 0, seen: HashSet::new() };
    let best =
        Parameters { learning_rate: 3e-2, epochs: 4, batch_tokens: 12, keep: Keep::Best, ..Parameters::default() };
    let averaged = Parameters { keep: Keep::Last, weight_average: 0.9, label_smoothing: 0.1, ..best.clone() };
    for parameters in [best, averaged] {
        let whole = tempfile::tempdir().unwrap();
        let expected = finish(&samples, &parameters, &with_checkpoint(whole.path()));
        let steps_an_epoch = expected.0.len() / 4;
        for stopped_after in [0, 1, steps_an_epoch, steps_an_epoch + 1, expected.0.len()] {
            let folder = tempfile::tempdir().unwrap();
            let context = with_checkpoint(folder.path());
            begin(&samples, &parameters, stopped_after, &context);
            assert_eq!(finish(&samples, &parameters, &context), expected, "stopped after {stopped_after} steps");
        }
    }
}

#[test]
fn the_weights_of_the_best_epoch_are_kept() {
    let _turn = alone();
    let samples = Samples { groups: groups(), read: 8, dropped: 0, seen: HashSet::new() };
    let folder = tempfile::tempdir().unwrap();
    let train = |epochs, keep| {
        let parameters = Parameters { learning_rate: 3e-2, epochs, keep, warmup: 0.0, ..Parameters::default() };
        let (model, trained) = with_adapters(0.3);
        let values: Vec<Tensor> = trained.iter().map(|parameter| parameter.tensor.shallow_clone()).collect();
        let mut training = Training::new(
            Learner { model: &model, items: None },
            trained,
            &samples,
            validation(&parameters),
            &parameters,
            5,
        )
        .unwrap();
        training
            .run(&with_checkpoint(folder.path()), TrainingCheckpoints::of(&with_checkpoint(folder.path())))
            .unwrap();
        let mut after = validation(&parameters);
        let curve = training.finish().unwrap();
        after.measure(&Objective::tokens(&model), &[], 1000, &Ranks::alone()).unwrap();
        (curve, after.values[0], values)
    };
    let (best, best_loss, _) = train(30, Keep::Best);
    let (last, last_loss, _) = train(30, Keep::Last);
    assert_eq!(best.validation, last.validation);
    let lowest = best.validation.iter().copied().fold(f64::MAX, f64::min);
    let epoch = best.best_epoch.unwrap();
    // What is learned does not answer the held-out question, so its loss rises in the end.
    assert!(epoch < 30 && last.best_epoch.is_none(), "{:?}", best.validation);
    assert_eq!((best.validation[epoch - 1], best_loss), (lowest, lowest));
    assert!(last_loss > lowest);
}

#[test]
fn the_best_cannot_be_kept_without_validation() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let failure = tune(folder.path(), "tuned", Parameters { keep: Keep::Best, ..Parameters::default() }).unwrap_err();
    assert!(failure.message.contains("no validation prompts"), "{failure}");
}

#[test]
fn a_damaged_checkpoint_is_none() {
    let _turn = alone();
    let samples = Samples { groups: groups(), read: 8, dropped: 0, seen: HashSet::new() };
    let parameters = Parameters { learning_rate: 1e-2, epochs: 2, batch_tokens: 12, ..Parameters::default() };
    let expected = finish(&samples, &parameters, &with_checkpoint(tempfile::tempdir().unwrap().path()));
    let damages: [fn(&mut Vec<u8>); 3] = [|bytes| bytes[60] ^= 1, |bytes| bytes.truncate(40), Vec::clear];
    for (damage, extension) in damages.into_iter().flat_map(|damage| [(damage, "json"), (damage, "safetensors")]) {
        let folder = tempfile::tempdir().unwrap();
        let context = with_checkpoint(folder.path());
        begin(&samples, &parameters, 2, &context);
        for entry in fs_err::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|found| found != extension) {
                continue;
            }
            let mut bytes = fs_err::read(&path).unwrap();
            damage(&mut bytes);
            fs_err::write(&path, bytes).unwrap();
        }
        assert!(TrainingCheckpoints::of(&context).read(&context).is_none());
        assert_eq!(finish(&samples, &parameters, &context), expected);
    }
}

/// Table 7: new tokens from the codebook's vectors; and the ways to take less memory, which change little or nothing.
#[test]
fn new_tokens_are_learned_from_the_codebook_and_in_less_memory() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let quick = Parameters { learning_rate: 3e-3, epochs: 60, batch_tokens: 120, ..Parameters::default() };
    for (train, new_tokens) in
        [(Train::All, NewTokens::Mlp2), (Train::All, NewTokens::Mlp3), (Train::Lora, NewTokens::Mlp2)]
    {
        tune(folder.path(), "mapped", Parameters { train, new_tokens, ..quick.clone() }).unwrap();
        let (_, loss) = answers(folder.path(), "mapped");
        assert!(loss < 1.0, "{train:?} {new_tokens:?}: {loss}");
    }
    let all = Parameters { train: Train::All, epochs: 30, ..quick.clone() };
    tune(folder.path(), "plain", all.clone()).unwrap();
    tune(folder.path(), "blocks", Parameters { gradient_checkpointing: true, ..all.clone() }).unwrap();
    tune(folder.path(), "short", Parameters { precision: Precision::Bf16, ..all }).unwrap();
    let (_, plain) = answers(folder.path(), "plain");
    let ((_, blocks), (_, short)) = (answers(folder.path(), "blocks"), answers(folder.path(), "short"));
    assert!((plain - blocks).abs() < 0.02 && (plain - short).abs() < 0.3, "{plain} {blocks} {short}");

    let unbound = Parameters { new_tokens: NewTokens::Mlp2, ..quick };
    fs_err::remove_file(folder.path().join("codebook/codebook.safetensors")).unwrap();
    assert_eq!(tune(folder.path(), "none", unbound).unwrap_err().kind, FailureKind::DamagedFile);
}

#[test]
fn who_ran_out_of_memory_is_told_which_parameters_need_less() {
    let hint = |kind, parameters| with_way_out(Failure::new(kind, "train: no room"), &parameters).hint;
    let plain = Parameters { memory_tokens: 4096, ..Parameters::default() };
    let all = hint(FailureKind::Device, plain.clone()).unwrap();
    let chosen = hint(FailureKind::Device, Parameters::default()).unwrap();
    assert!(chosen.contains("set memory_tokens, which the model's size decides, to 256"), "{chosen}");
    assert!(all.contains("memory_tokens, which is 4096") && all.contains("gradient_checkpointing = true"), "{all}");
    let already = hint(FailureKind::Device, Parameters { gradient_checkpointing: true, ..plain.clone() }).unwrap();
    assert!(!already.contains("gradient_checkpointing"), "{already}");
    assert_eq!(hint(FailureKind::Diverged, plain), None);
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
            for ((one, other), parameter) in taken(&parameters).iter().zip(&expected_gradients).zip(&parameters) {
                assert!(one.allclose(other, 1e-4, 1e-6, false), "{}", parameter.name);
            }
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

/// The ratio of questions whose next item the head of the written model ranks first.
fn ranked_first(folder: &Path, name: &str) -> f64 {
    let (model, tokenizer) =
        nn::load_tuned(&folder.join("llm"), &folder.join(name), Device::Cpu, Precision::Auto).unwrap();
    let trie = Trie::of(&Codes::read(&folder.join("codes")).unwrap());
    let codes = ItemCodes::new(&trie, &tokenizer).unwrap();
    let head = ItemHead::read(&folder.join(name), &codes, &model).unwrap();
    let decoder = Decoder::new(&model, &codes, head.as_ref());
    let settings = Settings { scoring: Scoring::Head, constraint: Constraint::Trie, beam: 1, head_weight: 0.0 };
    let prompts = Prompts::read(&folder.join("tasks")).unwrap().0;
    let next: Vec<_> = prompts.iter().filter(|prompt| prompt.kind == TaskKind::NextItem).collect();
    let encode = |text: &str, special| -> Vec<i64> {
        tokenizer.encode(text, special).unwrap().get_ids().iter().copied().map(i64::from).collect()
    };
    let right = next.iter().filter(|prompt| {
        let leaves = decoder.leaves(&[&encode(&prompt.prompt, true)], &settings, &[Support::none()]).unwrap();
        let best = leaves[0].iter().max_by(|a, b| a.score.total_cmp(&b.score)).unwrap();
        let answer = codes.find(encode(&prompt.label, false))[0].1;
        Some(codes.leaves()[answer as usize]) == best.node
    });
    right.count() as f64 / next.len() as f64
}

#[test]
fn an_item_head_learns_next_items_beside_the_tokens_and_alone() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    for (train, token_weight, item_input) in
        [(Train::All, 1.0, true), (Train::All, 0.0, true), (Train::Lora, 1.0, false)]
    {
        let parameters = Parameters {
            train,
            token_weight,
            item_head: true,
            item_input,
            item_negatives: 3,
            learning_rate: 3e-3,
            epochs: 200,
            batch_tokens: 120,
            ..Parameters::default()
        };
        tune(folder.path(), "tuned", parameters).unwrap();
        let right = ranked_first(folder.path(), "tuned");
        assert!(right > 0.95, "{train:?} {token_weight}: {right}");
    }
}

#[test]
fn the_item_head_starts_in_the_directions_of_embeddings() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    // Items 0 to 2 are alike, and so are 3 to 5.
    let values = (0..6).flat_map(|item| if item < 3 { [1.0, 0.1 * item as f32] } else { [0.0, 1.0] }).collect();
    let items = folder.path().join("items");
    fs_err::create_dir_all(&items).unwrap();
    Embeddings { dim: 2, values }.write(&items, EmbeddingsOf::Items, None).unwrap();
    let parameters = Parameters {
        train: Train::All,
        item_head: true,
        item_input_scale: 5.0,
        learning_rate: 1e-6,
        epochs: 1,
        ..Parameters::default()
    };
    tune(folder.path(), "tuned", parameters).unwrap();
    let head = nn::safetensors_file::read(&folder.path().join("tuned/item_head.safetensors")).unwrap();
    let row = |code: i64| head["output"].select(0, code);
    let cosine = |one: i64, other: i64| Tensor::cosine_similarity(&row(one), &row(other), 0, 1e-9).double_value(&[]);
    assert!(cosine(0, 1) > 0.9 && cosine(3, 5) > 0.9 && cosine(0, 5) < -0.9);
    assert!(head["input"].allclose(&(&head["output"] * 5.0), 1e-5, 1e-6, false));
}

/// Trains with `stopping = "validation"`: the choice has the questions of all users but the last four, which are asked for.
fn tune_by_lists(folder: &Path, name: &str, parameters: &Parameters) -> Result<()> {
    let prompts = Prompts::read(&folder.join("tasks")).unwrap().0;
    let (choice, questions): (Vec<_>, Vec<_>) = prompts.into_iter().partition(|prompt| prompt.group < 16);
    let questions: Vec<_> = questions.into_iter().filter(|prompt| prompt.kind == TaskKind::NextItem).collect();
    Prompts(choice).write(&folder.join("choice")).unwrap();
    Prompts(questions).write(&folder.join("choice_questions")).unwrap();
    let path = |part: &str| folder.join(part);
    let inputs = ["tasks", "codes", "llm", "choice", "choice_questions"].map(|port| (port, path(port)));
    let outputs = [("model", path(name)), ("validation_model", path("held-out")), ("curve", path("curve"))];
    let inputs: Vec<_> = inputs.iter().map(|(name, path)| (*name, path.as_path())).collect();
    let outputs: Vec<_> = outputs.iter().map(|(name, path)| (*name, path.as_path())).collect();
    Finetune::run(parameters.clone(), &context(&inputs, &outputs))
}

#[test]
fn held_out_lists_choose_the_epochs_of_a_second_training() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    fs_err::create_dir_all(folder.path().join("choice")).unwrap();
    fs_err::create_dir_all(folder.path().join("choice_questions")).unwrap();
    for item_head in [false, true] {
        let parameters = Parameters {
            train: Train::All,
            item_head,
            stopping: Stopping::Validation,
            patience: 4,
            learning_rate: 1e-2,
            epochs: 40,
            batch_tokens: 60,
            ..Parameters::default()
        };
        tune_by_lists(folder.path(), "tuned", &parameters).unwrap();
        let report = fs_err::read_to_string(folder.path().join("curve/report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let (first, best) = (&report["choice"], report["choice"]["best_epoch"].as_u64().unwrap());
        let ndcgs = first["validation"].as_array().unwrap();
        assert!(ndcgs.len() as u64 <= best + 4 && ndcgs[best as usize - 1]["ndcg"].as_f64().unwrap() > 0.5, "{first}");
        assert_eq!(report["steps"].as_u64().unwrap(), best * report["steps_an_epoch"].as_u64().unwrap());
        let read = |name: &str| fs_err::read(folder.path().join(name).join("model.safetensors")).unwrap();
        assert_ne!(read("tuned"), read("held-out"));
        assert_eq!(folder.path().join("held-out/item_head.safetensors").is_file(), item_head);
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let refused = |parameters: Parameters| parameters.check().unwrap_err().message;
    let nothing = Parameters { token_weight: 0.0, ..Parameters::default() };
    assert!(refused(nothing).contains("token_weight is 0 and item_head is false"));
    let both = Parameters { stopping: Stopping::Validation, keep: Keep::Best, ..Parameters::default() };
    assert!(refused(both).contains("keep is \"best\""));
    let folder = tempfile::tempdir().unwrap();
    let _turn = alone();
    write_inputs(folder.path());
    let unbound =
        tune(folder.path(), "x", Parameters { stopping: Stopping::Validation, ..Parameters::default() }).unwrap_err();
    assert!(unbound.kind == FailureKind::Conflict && unbound.message.contains("no item is held out"), "{unbound}");
}

//! Whole runs of the stage on a tiny model.

use crate::fit::with_way_out;
use crate::loss_tests::alone;
use crate::{Finetune, Keep, NewTokens, Parameters, Precision, Train};
use contract::{Context, Failure, FailureKind, Result, Spec, Stage};
use decoding::{Decoder, ItemCodes, ItemHead, Scoring, Settings};
use frames::{Codes, Embeddings, EmbeddingsOf, Prompt, Prompts, TaskKind};
use nn::AttentionMask;
use recommender::Stopping;
use recommender::beam::{Constraint, Support, Trie};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use tch::{Device, Kind, Tensor};

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

#[test]
fn the_best_cannot_be_kept_without_validation() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let failure = tune(folder.path(), "tuned", Parameters { keep: Keep::Best, ..Parameters::default() }).unwrap_err();
    assert!(failure.message.contains("no validation prompts"), "{failure}");
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

/// Embeddings of six items, of which those that are `alike` are, and so are the others.
fn write_items(folder: &Path, port: &str, alike: impl Fn(usize) -> bool) {
    let values = (0..6).flat_map(|item| if alike(item) { [1.0, 0.1 * item as f32] } else { [0.0, 1.0] }).collect();
    let items = folder.join(port);
    fs_err::create_dir_all(&items).unwrap();
    Embeddings { dim: 2, values }.write(&items, EmbeddingsOf::Items, None).unwrap();
}

/// The cosine of two items' vectors in the head of a tuned model.
fn cosines(folder: &Path, name: &str) -> impl Fn(i64, i64) -> f64 {
    let head = nn::safetensors_file::read(&folder.join(name).join("item_head.safetensors")).unwrap();
    move |one, other| {
        let row = |code: i64| head["output"].select(0, code);
        Tensor::cosine_similarity(&row(one), &row(other), 0, 1e-9).double_value(&[])
    }
}

#[test]
fn the_item_head_starts_in_the_directions_of_embeddings() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    write_items(folder.path(), "items", |item| item < 3);
    let parameters = Parameters {
        train: Train::All,
        item_head: true,
        item_input_scale: 5.0,
        learning_rate: 1e-6,
        epochs: 1,
        ..Parameters::default()
    };
    tune(folder.path(), "tuned", parameters).unwrap();
    let cosine = cosines(folder.path(), "tuned");
    assert!(cosine(0, 1) > 0.9 && cosine(3, 5) > 0.9 && cosine(0, 5) < -0.9);
    let head = nn::safetensors_file::read(&folder.path().join("tuned/item_head.safetensors")).unwrap();
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
    let ports = ["tasks", "codes", "llm", "choice", "choice_questions", "items", "choice_items"];
    let mut inputs = ports.map(|port| (port, path(port))).to_vec();
    inputs.retain(|(_, path)| path.exists());
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
fn the_choice_has_embeddings_of_its_own() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    fs_err::create_dir_all(folder.path().join("choice")).unwrap();
    fs_err::create_dir_all(folder.path().join("choice_questions")).unwrap();
    write_items(folder.path(), "items", |item| item < 3);
    write_items(folder.path(), "choice_items", |item| item % 2 == 0);
    let parameters = Parameters {
        train: Train::All,
        item_head: true,
        stopping: Stopping::Validation,
        learning_rate: 1e-6,
        epochs: 1,
        ..Parameters::default()
    };
    tune_by_lists(folder.path(), "tuned", &parameters).unwrap();
    let (whole, choice) = (cosines(folder.path(), "tuned"), cosines(folder.path(), "held-out"));
    assert!(whole(0, 1) > 0.5 && whole(0, 4) < -0.5);
    assert!(choice(0, 1) < -0.5 && choice(0, 4) > 0.5);
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

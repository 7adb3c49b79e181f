//! The models are those of transformers and peft: logits, gradients, adapters, merged folders; and `tokenizer.model` is
//! cut as SentencePiece cuts it.
//!
//! `PIPE_REFERENCE_PYTHON` names a Python that has torch, transformers, peft and sentencepiece; without it `python3` is
//! tried.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use nn::{AttentionMask, Llama, LlamaConfig, LoraConfig, Parameter, safetensors_file};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tch::{Device, Kind, Tensor};

/// How far any number may differ.
const TOLERANCE: f64 = 1e-4;

/// Tokens before those that carry loss.
const START: i64 = 5;

/// Tokens that are added for the adapter.
const ADDED: i64 = 6;

const WRITTEN: i64 = 12;

fn python() -> Option<String> {
    let named = std::env::var("PIPE_REFERENCE_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let versions = "import torch, transformers, peft, sentencepiece as s; \
                    print('torch', torch.__version__, 'transformers', transformers.__version__, 'peft', peft.__version__, 'sentencepiece', s.__version__)";
    match Command::new(&python).args(["-c", versions]).output() {
        Ok(output) if output.status.success() => {
            eprintln!("{}", String::from_utf8_lossy(&output.stdout).trim());
            Some(python)
        }
        _ if named.is_some() => {
            panic!("PIPE_REFERENCE_PYTHON is {python}, which lacks torch, transformers, peft or sentencepiece")
        }
        _ => {
            eprintln!(
                "skipped: {python} lacks torch, transformers, peft or sentencepiece; PIPE_REFERENCE_PYTHON may name a Python that has them"
            );
            None
        }
    }
}

fn ask(python: &str, question: &str, folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hugging_face.py");
    let output = Command::new(python).arg(script).arg(question).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// A shape of the family, by what is special of it.
fn config(other: &Value) -> LlamaConfig {
    let mut fields = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 97, "hidden_size": 48,
        "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 6,
        "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 512, "bos_token_id": 1, "eos_token_id": 2,
    });
    for (name, value) in other.as_object().unwrap() {
        fields[name] = value.clone();
    }
    serde_json::from_value(fields).unwrap()
}

fn positions(ids: &Tensor) -> Tensor {
    Tensor::arange(ids.size()[1], (Kind::Int64, Device::Cpu)).expand(ids.size(), false)
}

fn logits(model: &Llama, ids: &Tensor) -> Tensor {
    let hidden = model.forward(ids, &positions(ids), &AttentionMask::Causal, None, false).unwrap();
    model.logits(&hidden).unwrap()
}

/// The mean cross-entropy of the tokens from the start on.
fn loss(logits: &Tensor, ids: &Tensor) -> Tensor {
    let length = ids.size()[1];
    let tokens = logits.size()[2];
    let after = logits.narrow(1, START - 1, length - START).reshape([-1, tokens]);
    after.cross_entropy_for_logits(&ids.narrow(1, START, length - START).reshape([-1]))
}

/// Writes what the script compares: logits of `ids`, and the gradients of what is trained.
fn write(file: &Path, model: &Llama, ids: &Tensor, trained: &[Parameter], more: Vec<(String, Tensor)>) {
    let logits = logits(model, ids);
    if !trained.is_empty() {
        loss(&logits, ids).backward();
    }
    let mut tensors = vec![
        ("ids".to_owned(), ids.shallow_clone()),
        ("start".to_owned(), Tensor::from(START)),
        ("logits".to_owned(), logits.detach()),
    ];
    tensors.extend(trained.iter().map(|one| (format!("gradient.{}", one.name), one.tensor.grad())));
    tensors.extend(more);
    safetensors_file::write(file, &tensors).unwrap();
}

/// The likeliest continuation, token by token with the cache.
fn greedy(model: &Llama, ids: &Tensor) -> Tensor {
    let mut cache = model.new_cache();
    let (mut step, mut at, mut written) = (ids.shallow_clone(), positions(ids), Vec::new());
    for _ in 0..WRITTEN {
        let hidden = model.forward(&step, &at, &AttentionMask::Causal, Some(&mut cache), false).unwrap();
        let last = hidden.narrow(1, hidden.size()[1] - 1, 1);
        step = model.logits(&last).unwrap().argmax(-1, false);
        at = at.narrow(1, at.size()[1] - 1, 1) + 1;
        written.push(step.shallow_clone());
    }
    Tensor::cat(&written, 1)
}

/// Writes a model of that shape with all that is compared.
fn write_case(folder: &Path, shape: &Value) {
    for part in ["base", "adapter", "merged"] {
        std::fs::create_dir(folder.join(part)).unwrap();
    }
    tch::manual_seed(8);
    let mut model = Llama::random(config(shape), 0.1, Device::Cpu, Kind::Float).unwrap();
    model.save(&folder.join("base")).unwrap();
    std::fs::write(folder.join("base/tokenizer.json"), tokenizer()).unwrap();
    let ids = Tensor::randint(97, [3, 16], (Kind::Int64, Device::Cpu));
    let trained = model.train_all().unwrap();
    write(&folder.join("whole.safetensors"), &model, &ids, &trained, Vec::new());

    let mut model = Llama::load(&folder.join("base"), Device::Cpu, Kind::Float).unwrap();
    model.add_tokens(97, ADDED, 0.1).unwrap();
    let targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    let lora = LoraConfig { r: 4, alpha: 8.0, dropout: 0.0, target_modules: targets.map(str::to_owned).to_vec() };
    let trained = model.train_lora(&lora).unwrap();
    tch::no_grad(|| {
        for parameter in &trained {
            drop(parameter.tensor.shallow_clone().normal_(0.0, 0.1));
        }
    });
    let ids = Tensor::randint(97 + ADDED, [3, 16], (Kind::Int64, Device::Cpu));
    model.save_adapter(&folder.join("adapter")).unwrap();
    let added = vec![("added".to_owned(), Tensor::from(ADDED))];
    write(&folder.join("adapter.safetensors"), &model, &ids, &trained, added);

    std::fs::write(folder.join("adapter/tokenizer.json"), tokenizer()).unwrap();
    assert!(nn::write_merged(&folder.join("base"), &folder.join("adapter"), &folder.join("merged")).unwrap());
    let written = tch::no_grad(|| greedy(&model, &ids));
    write(&folder.join("merged.safetensors"), &model, &ids, &[], vec![("greedy".to_owned(), written)]);
}

/// Any tokenizer, since ids are made up here.
fn tokenizer() -> String {
    let model = json!({"type": "BPE", "vocab": {"a": 0}, "merges": []});
    json!({"version": "1.0", "model": model}).to_string()
}

#[test]
fn models_are_those_of_transformers_and_peft() {
    let Some(python) = python() else { return };
    let scaling = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64});
    for (name, shape) in [
        ("grouped-query", json!({"num_key_value_heads": 2})),
        ("tied", json!({"tie_word_embeddings": true, "head_dim": 12})),
        ("rope-scaled", json!({"rope_scaling": scaling, "rope_theta": 5e5, "num_key_value_heads": 3})),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_case(folder.path(), &shape);
        let answer = ask(&python, "model", folder.path());
        eprintln!("{name}: {answer}");
        for part in ["whole", "adapter", "merged"] {
            assert!(answer[part]["logits"].as_f64().unwrap() < TOLERANCE, "{name}, {part}");
        }
        for part in ["whole", "adapter"] {
            assert!(answer[part]["gradients"].as_f64().unwrap() < TOLERANCE, "{name}, {part}");
            assert!(answer[part]["compared_gradients"].as_u64().unwrap() > 15, "{name}, {part}");
        }
        assert_eq!(answer["merged"]["same_tokens"], true, "{name}");
    }
}

#[test]
fn texts_are_cut_as_sentencepiece_cuts_them() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let words = ["guitar", "strings", "for", "the", "acoustic", "violin", "bow", "hair", "set", "of", "12", "pedals"];
    let line = |number: usize| {
        (0..9)
            .map(|word| words[(number * 7 + word * word * 5 + number * word) % words.len()])
            .collect::<Vec<_>>()
            .join(" ")
    };
    let corpus: Vec<String> = (0..200).map(line).collect();
    std::fs::write(folder.path().join("corpus.txt"), corpus.join("\n")).unwrap();
    let answer = ask(&python, "pieces", folder.path());
    let tokenizer = nn::read_tokenizer(folder.path()).unwrap();
    let texts = answer.as_array().unwrap();
    assert!(texts.len() > 200);
    for text in texts {
        let found = tokenizer.encode(text["text"].as_str().unwrap(), true).unwrap();
        assert_eq!(json!(found.get_ids()), text["ids"], "{}: {:?}", text["text"], found.get_tokens());
    }
}

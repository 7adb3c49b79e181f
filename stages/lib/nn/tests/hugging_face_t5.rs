//! T5 is that of transformers: logits, loss, gradients, a step of AdamW, and the likeliest tokens.
//!
//! `PIPE_REFERENCE_PYTHON` names a Python that has torch and transformers; without it `python3` is tried.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use nn::{AdamW, AttentionMask, Dropout, Memory, T5, T5Config, safetensors_file};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tch::{Device, Kind, Tensor};

/// How far any number may differ.
const TOLERANCE: f64 = 1e-4;

const VOCABULARY: i64 = 97;
const WRITTEN: i64 = 10;

fn python() -> Option<String> {
    let named = std::env::var("PIPE_REFERENCE_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    match Command::new(&python).args(["-c", "import torch, transformers"]).output() {
        Ok(output) if output.status.success() => Some(python),
        _ if named.is_some() => panic!("PIPE_REFERENCE_PYTHON is {python}, which lacks torch or transformers"),
        _ => {
            eprintln!(
                "skipped: {python} lacks torch or transformers; PIPE_REFERENCE_PYTHON may name a Python that has them"
            );
            None
        }
    }
}

fn config(other: &Value) -> T5Config {
    let mut fields = json!({
        "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": VOCABULARY, "d_model": 32,
        "d_kv": 12, "d_ff": 56, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 4, "dropout_rate": 0.1,
        "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0,
    });
    for (name, value) in other.as_object().unwrap() {
        fields[name] = value.clone();
    }
    serde_json::from_value(fields).unwrap()
}

/// Sequences long enough for every bucket of distances, of which the second and third are padded.
fn source() -> (Tensor, Tensor) {
    let ids = Tensor::randint_low(2, VOCABULARY, [3, 150], (Kind::Int64, Device::Cpu));
    let lengths = Tensor::from_slice(&[150_i64, 97, 4]).view([3, 1]);
    let mask = Tensor::arange(150, (Kind::Int64, Device::Cpu)).less_tensor(&lengths);
    (ids * mask.to_kind(Kind::Int64), mask.view([3, 1, 1, 150]))
}

fn memory(model: &T5, ids: &Tensor, mask: &Tensor) -> Memory {
    model.remember(&model.encode(ids, mask, &mut Dropout::off()).unwrap(), mask).unwrap()
}

fn logits(model: &T5, memory: &Memory, target: &Tensor) -> Tensor {
    let positions: Vec<i64> = (0..target.size()[1]).collect();
    let hidden = model.decode(target, &positions, &AttentionMask::Causal, memory, None, &mut Dropout::off()).unwrap();
    model.logits(&hidden).unwrap()
}

/// The likeliest tokens, one by one with the cache; the end token is not allowed.
fn greedy(model: &T5, memory: &Memory, rows: i64) -> Tensor {
    let mut cache = model.new_cache();
    let mut step = Tensor::zeros([rows, 1], (Kind::Int64, Device::Cpu));
    let mut written = Vec::new();
    for position in 0..WRITTEN {
        let hidden = model
            .decode(&step, &[position], &AttentionMask::Causal, memory, Some(&mut cache), &mut Dropout::off())
            .unwrap();
        let scores = model.logits(&hidden).unwrap();
        drop(scores.select(2, 1).fill_(f64::NEG_INFINITY));
        step = scores.argmax(-1, false);
        written.push(step.shallow_clone());
    }
    Tensor::cat(&written, 1)
}

fn write_case(folder: &Path, shape: &Value) {
    let home = folder.join("model");
    std::fs::create_dir(&home).unwrap();
    tch::manual_seed(8);
    let model = T5::random(config(shape), Device::Cpu, Kind::Float).unwrap();
    model.save(&home).unwrap();
    let (source, mask) = source();
    let target = Tensor::randint(VOCABULARY, [3, 40], (Kind::Int64, Device::Cpu));
    let labels = Tensor::randint(VOCABULARY, [3, 40], (Kind::Int64, Device::Cpu));
    let greedy = tch::no_grad(|| greedy(&model, &memory(&model, &source, &mask), 3));

    let trained = model.train_all().unwrap();
    let logits = logits(&model, &memory(&model, &source, &mask), &target);
    let loss = logits.flatten(0, 1).cross_entropy_for_logits(&labels.flatten(0, 1));
    loss.backward();
    let mut tensors = vec![
        ("source".to_owned(), source.shallow_clone()),
        ("mask".to_owned(), mask.view([3, 150]).to_kind(Kind::Int64)),
        ("target".to_owned(), target),
        ("labels".to_owned(), labels),
        ("logits".to_owned(), logits.detach()),
        ("loss".to_owned(), loss.detach()),
        ("greedy".to_owned(), greedy),
    ];
    tensors.extend(trained.iter().map(|one| (format!("gradient.{}", one.name), one.tensor.grad().copy())));
    let mut optimizer = AdamW::new(trained, 0.0).unwrap();
    optimizer.step(1e-3).unwrap();
    let after = optimizer.parameters().iter();
    tensors.extend(after.map(|one| (format!("after.{}", one.name), one.tensor.detach())));
    safetensors_file::write(&folder.join("case.safetensors"), &tensors).unwrap();
}

#[test]
fn t5_is_that_of_transformers() {
    let Some(python) = python() else { return };
    for (name, shape) in [
        ("first version", json!({})),
        ("version 1.1", json!({"feed_forward_proj": "gated-gelu", "tie_word_embeddings": false})),
        ("few buckets", json!({"relative_attention_num_buckets": 8, "relative_attention_max_distance": 20})),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_case(folder.path(), &shape);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hugging_face_t5.py");
        let output = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let answer: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        eprintln!("{name}: {answer}");
        for part in ["logits", "loss", "gradients", "step"] {
            assert!(answer[part].as_f64().unwrap() < TOLERANCE, "{name}: {part}");
        }
        assert!(answer["compared_gradients"].as_u64().unwrap() > 40, "{name}");
        assert_eq!(answer["compared_weights"], answer["compared_gradients"], "{name}");
        assert_eq!(answer["same_tokens"], true, "{name}");
    }
}

//! GGUF files are the models and tokenizers that transformers, gguf and tokenizers read of them.
//!
//! `PIPE_REFERENCE_PYTHON` names a Python that has torch, transformers and gguf; without it `python3` is tried. The model that
//! `make model` fetches is looked for in `PIPE_MODELS`, or in `.models` in the repository.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

use nn::{AttentionMask, Llama, safetensors_file};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tch::{Device, Kind, Tensor};

/// How far a logit may differ: of tiny models, and of one with 30 layers.
const TOLERANCE: f64 = 1e-4;
const TOLERANCE_WHOLE: f64 = 1e-3;

fn python() -> Option<String> {
    let named = std::env::var("PIPE_REFERENCE_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import torch, transformers, tokenizers, gguf"]).output();
    match found {
        Ok(output) if output.status.success() => Some(python),
        _ if named.is_some() => panic!("PIPE_REFERENCE_PYTHON is {python}, which lacks torch, transformers or gguf"),
        _ => {
            eprintln!(
                "skipped: {python} lacks torch, transformers or gguf; PIPE_REFERENCE_PYTHON may name one with them"
            );
            None
        }
    }
}

fn ask(python: &str, arguments: &[&Path]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hugging_face_gguf.py");
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn positions(ids: &Tensor) -> Tensor {
    Tensor::arange(ids.size()[1], (Kind::Int64, Device::Cpu)).expand(ids.size(), false)
}

/// The largest difference between our logits and those of transformers.
fn difference(model: &Llama, expected: &std::collections::BTreeMap<String, Tensor>) -> f64 {
    let ids = &expected["ids"];
    let hidden = model.forward(ids, &positions(ids), &AttentionMask::Causal, None, false).unwrap();
    let logits = model.logits(&hidden).unwrap();
    assert_eq!(logits.size(), expected["logits"].size());
    (logits - &expected["logits"]).abs().max().double_value(&[])
}

#[test]
fn every_quantisation_gives_the_logits_of_transformers() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let names = ask(&python, &[Path::new("quantised"), folder.path()]);
    let names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names.len(), 9);
    for name in names {
        let model = Llama::load(&folder.path().join(format!("{name}.gguf")), Device::Cpu, Kind::Float).unwrap();
        let expected = safetensors_file::read(&folder.path().join(format!("{name}.safetensors"))).unwrap();
        let found = difference(&model, &expected);
        let largest = expected["logits"].abs().max().double_value(&[]);
        eprintln!("{name}: logits up to {largest:.2} differ by at most {found:.1e}");
        assert!(found < TOLERANCE && largest > 0.1, "{name}");
    }
}

/// The model that `make model` fetches.
fn smollm() -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let models = std::env::var_os("PIPE_MODELS").map_or_else(|| repository.join(".models"), PathBuf::from);
    let path = models.join("smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf");
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}; `make model` fetches it", path.display());
    None
}

/// The titles of Toys, where they are.
fn titles() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    let data = std::env::var_os("PIPE_DATA").map_or(beside, PathBuf::from);
    let path = data.join("toys2014/Toys.item.json");
    if path.is_file() {
        return Some(path);
    }
    eprintln!("titles are not compared: there is no {}", path.display());
    None
}

/// The likeliest continuation, token by token.
fn greedy(model: &Llama, ids: &Tensor, count: i64) -> Tensor {
    let mut cache = model.new_cache();
    let (mut step, mut at, mut written) = (ids.shallow_clone(), positions(ids), Vec::new());
    for _ in 0..count {
        let hidden = model.forward(&step, &at, &AttentionMask::Causal, Some(&mut cache), false).unwrap();
        step = model.logits(&hidden.narrow(1, hidden.size()[1] - 1, 1)).unwrap().argmax(-1, false);
        at = at.narrow(1, at.size()[1] - 1, 1) + 1;
        written.push(step.shallow_clone());
    }
    Tensor::cat(&written, 1)
}

#[test]
fn the_small_model_computes_writes_and_cuts_texts_as_transformers_and_tokenizers_do() {
    let (Some(python), Some(file)) = (python(), smollm()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let titles = titles();
    let mut arguments = vec![Path::new("whole"), &file, folder.path()];
    arguments.extend(titles.as_deref());
    let answer = ask(&python, &arguments);
    let expected = safetensors_file::read(&folder.path().join("whole.safetensors")).unwrap();
    tch::set_num_threads(1);
    let model = Llama::load(&file, Device::Cpu, Kind::Float).unwrap();
    let found = tch::no_grad(|| difference(&model, &expected));
    let written = tch::no_grad(|| greedy(&model, &expected["ids"], expected["greedy"].size()[1]));
    eprintln!("logits differ by at most {found:.1e}; both write {}", answer["text"]);
    assert!(found < TOLERANCE_WHOLE);
    assert_eq!(written, expected["greedy"]);
    let text = std::fs::read_to_string(folder.path().join("titles.json")).unwrap();
    let (titles, ids): (Vec<String>, Vec<Vec<u32>>) = serde_json::from_str(&text).unwrap();
    let tokenizer = nn::read_tokenizer(&file).unwrap();
    for (title, ids) in titles.iter().zip(&ids) {
        assert_eq!(tokenizer.encode(title.as_str(), true).unwrap().get_ids(), ids, "{title}");
    }
    eprintln!("{} titles have equal tokens", titles.len());
}

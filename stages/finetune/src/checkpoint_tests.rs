//! A training that was stopped and goes on, and the weights that it ends with.

use crate::loss_tests::{alone, config, groups};
use crate::objective::Objective;
use crate::samples::{Sample, Samples};
use crate::training::{Learner, Training};
use crate::tree::TokenTree;
use crate::validation::Validation;
use crate::{Keep, Parameters};
use contract::Context;
use nn::{Llama, LoraConfig, Parameter, TrainingCheckpoints};
use ranks::Ranks;
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;
use tch::{Device, Kind, Tensor};

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

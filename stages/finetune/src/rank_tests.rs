//! Several ranks against one process: the same losses, gradients and weights but for the last bits, and the same in every run.

use crate::checkpoint_tests::{validation, with_adapters, with_checkpoint};
use crate::loss_tests::{alone, groups};
use crate::samples::Samples;
use crate::training::{Learner, Training};
use crate::{Keep, Parameters};
use contract::Context;
use nn::{Llama, Parameter, TrainingCheckpoints};
use ranks::Ranks;
use std::collections::HashSet;
use std::path::Path;
use tch::Tensor;

/// What each rank ends with: the losses of steps and of epochs on validation, and the weights.
type Ended = (Vec<f64>, Vec<f64>, Vec<Tensor>);

fn samples() -> Samples {
    Samples { groups: groups(), read: 8, dropped: 0, seen: HashSet::new() }
}

/// Trains on so many ranks from the checkpoint in `folder` on, for that many steps or to the end; leaves a checkpoint.
fn train(ranks: usize, parameters: &Parameters, folder: &Path, steps: Option<usize>) -> Vec<Ended> {
    // Weights are drawn by one generator, so one after the other.
    let learners: Vec<(Ranks, (Llama, Vec<Parameter>))> =
        Ranks::threads(ranks).into_iter().map(|rank| (rank, with_adapters(0.0))).collect();
    std::thread::scope(|scope| {
        let start = |(ranks, (model, trained)): (Ranks, (Llama, Vec<Parameter>))| {
            scope.spawn(move || {
                let context = context(folder, &ranks);
                let values = trained.iter().map(|parameter| parameter.tensor.shallow_clone()).collect();
                let (samples, learner) = (samples(), Learner { model: &model, items: None });
                let training = Training::new(learner, trained, &samples, validation(parameters), parameters, 5);
                let mut training = training.unwrap().shared(&ranks).unwrap();
                match steps {
                    Some(steps) => (0..steps).for_each(|_| training.step().unwrap()),
                    None => training.run(&context, TrainingCheckpoints::of(&context)).unwrap(),
                }
                TrainingCheckpoints::of(&context).write(&training.state(), &context);
                let curve = training.finish().unwrap();
                (curve.losses, curve.validation, values)
            })
        };
        let threads: Vec<_> = learners.into_iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn context(folder: &Path, ranks: &Ranks) -> Context {
    if ranks.is_first() {
        return with_checkpoint(folder);
    }
    let spec = serde_json::json!({"uses": "finetune", "parameters": {}, "inputs": {}, "outputs": {}, "seed": 5, "threads": 1,
        "device": "cpu", "checkpoint": folder, "rank": {"number": ranks.rank(), "count": ranks.count()}});
    Context::new(serde_json::from_value(spec).unwrap())
}

fn parameters(packing: bool) -> Parameters {
    Parameters { learning_rate: 3e-2, epochs: 4, batch_tokens: 60, keep: Keep::Best, packing, ..Parameters::default() }
}

fn assert_close(found: &Ended, expected: &Ended, about: &str) {
    let pairs = found.0.iter().zip(&expected.0).chain(found.1.iter().zip(&expected.1));
    for (found, expected) in pairs {
        assert!((found - expected).abs() < 1e-5, "{about}: loss {found}, expected {expected}");
    }
    assert_eq!((found.0.len(), found.1.len()), (expected.0.len(), expected.1.len()), "{about}");
    for (found, expected) in found.2.iter().zip(&expected.2) {
        assert!(found.allclose(expected, 1e-4, 1e-5, false), "{about}: weights");
    }
}

/// Five ranks are more than a step has trees.
#[test]
fn ranks_train_as_one_process_and_all_end_alike() {
    let _turn = alone();
    for packing in [true, false] {
        let parameters = parameters(packing);
        let fresh = || tempfile::tempdir().unwrap();
        let alone = train(1, &parameters, fresh().path(), None).remove(0);
        for ranks in [2, 3, 5] {
            let ended = train(ranks, &parameters, fresh().path(), None);
            assert_close(&ended[0], &alone, &format!("{ranks} ranks"));
            assert!(ended.iter().all(|rank| *rank == ended[0]), "{ranks} ranks end in different weights");
            assert_eq!(train(ranks, &parameters, fresh().path(), None), ended, "{ranks} ranks again");
        }
    }
}

#[test]
fn a_checkpoint_goes_on_with_another_number_of_ranks() {
    let _turn = alone();
    let parameters = parameters(true);
    let expected = train(1, &parameters, tempfile::tempdir().unwrap().path(), None).remove(0);
    for (before, after) in [(2, 1), (1, 3), (3, 2)] {
        let folder = tempfile::tempdir().unwrap();
        drop(train(before, &parameters, folder.path(), Some(2)));
        let ended = train(after, &parameters, folder.path(), None);
        assert_close(&ended[0], &expected, &format!("{before} ranks, then {after}"));
    }
}

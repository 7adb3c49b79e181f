//! Dropout draws the same when a block is computed again for its gradients. Alone in its file: libtorch has one generator
//! for all threads of a process.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use nn::{AttentionMask, Llama, LlamaConfig, Parameter};
use serde_json::json;
use tch::{Device, Kind, Tensor};

fn loss(model: &Llama) -> f64 {
    let ids = Tensor::from_slice(&[1i64, 5, 9, 2, 22, 0, 4, 4, 7, 11]).view([2, 5]);
    let positions = Tensor::arange(5, (Kind::Int64, Device::Cpu)).expand([2, 5], false);
    let of = |hidden: &Tensor| Ok(model.logits(hidden)?.log_softmax(-1, Kind::Double).select(2, 3).mean(Kind::Double));
    tch::manual_seed(11);
    model
        .backward_by_block(&model.embed(&ids).unwrap(), &positions, &AttentionMask::Causal, of)
        .unwrap()
        .double_value(&[])
}

/// Moves all that is trained along its gradient, by that much.
fn shift(trained: &[Parameter], gradients: &[Tensor], by: f64) {
    for (parameter, gradient) in trained.iter().zip(gradients) {
        tch::no_grad(|| drop(parameter.tensor.shallow_clone().g_add_(&(gradient * by))));
    }
}

#[test]
fn gradients_use_the_drawn_masks() {
    let config: LlamaConfig = serde_json::from_value(json!({
        "model_type": "llama", "vocab_size": 23, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2
    }))
    .unwrap();
    tch::manual_seed(3);
    let mut model = Llama::random(config, 0.3, Device::Cpu, Kind::Double).unwrap();
    model.set_dropout(0.5);
    let trained = model.train_all().unwrap();
    let _ = loss(&model);
    let gradients: Vec<Tensor> = trained.iter().map(|parameter| parameter.tensor.grad().copy()).collect();
    let expected: f64 = gradients.iter().map(|gradient| gradient.square().sum(Kind::Double).double_value(&[])).sum();
    let step = 1e-6;
    shift(&trained, &gradients, step);
    let above = loss(&model);
    shift(&trained, &gradients, -2.0 * step);
    let found = (above - loss(&model)) / (2.0 * step);
    // Along the gradient a loss rises by its square.
    assert!((found / expected - 1.0).abs() < 1e-3, "{found} instead of {expected}");
}

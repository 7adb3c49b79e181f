//! Language modelling on the corpus: each token is predicted from those before it in its window.

use crate::Parameters;
use contract::{Context, Failure, FailureKind, Result};
use nn::{AdamW, AttentionMask, CosineSchedule, Llama, clip_gradients, failed};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use tch::{Device, Kind, Reduction, Tensor};
use tokenizers::Tokenizer;

/// How many logits are held at once, if a window has not more: 64 MiB in f32.
const MOST_LOGITS: i64 = 1 << 24;
/// The ratio of the windows that is not trained on, to measure by.
const HELD_OUT: usize = 50;
const WEIGHT_DECAY: f64 = 0.01;
const WARMUP: f64 = 0.02;
const CLIP: f64 = 1.0;

/// Windows of equal length, in tokens.
struct Windows {
    trained: Vec<Vec<i64>>,
    held_out: Vec<Vec<i64>>,
}

/// Trains all weights of the model in a folder on texts, and writes it back.
///
/// # Errors
/// When there are too few texts, the loss is no number any more, or the device has too little memory.
pub(crate) fn pretrain(
    folder: &Path,
    texts: &[String],
    parameters: &Parameters,
    context: &Context,
    device: Device,
) -> Result<()> {
    let mut model = Llama::load(folder, device, Kind::Float)?;
    let end = model.config().other.get("eos_token_id").and_then(serde_json::Value::as_i64);
    let Windows { trained, held_out } =
        windows(&nn::read_tokenizer(folder)?, end, texts, parameters.pretrain_length, context.seed())?;
    let at_once = (parameters.pretrain_batch_tokens / parameters.pretrain_length).max(1);
    let epochs = parameters.pretrain_epochs as usize;
    let steps = epochs * trained.len().div_ceil(at_once);
    let schedule = CosineSchedule::new(parameters.pretrain_learning_rate, WARMUP, steps as u64);
    let before = tch::no_grad(|| mean_loss(&model, &held_out))?;
    let mut optimizer = AdamW::new(model.train_all()?, WEIGHT_DECAY)?;
    let progress = context.progress(steps as u64);
    let mut order: Vec<&Vec<i64>> = trained.iter().collect();
    let mut random = ChaCha8Rng::seed_from_u64(context.seed());
    random.set_stream(1);
    let mut done = 0;
    for _ in 0..epochs {
        order.shuffle(&mut random);
        for step in order.chunks(at_once) {
            let loss = gradients(&model, step)?;
            let rate = schedule.rate(done);
            if !loss.is_finite() {
                let message =
                    format!("the loss of step {} of the pretraining is not a number (rate {rate:.2e})", done + 1);
                return Err(Failure::new(FailureKind::Diverged, message).hint("lower pretrain_learning_rate"));
            }
            clip_gradients(optimizer.parameters(), CLIP)?;
            optimizer.step(rate)?;
            done += 1;
            progress.set(done, format!("pretraining: loss {loss:.3}"));
        }
    }
    let after = tch::no_grad(|| mean_loss(&model, &held_out))?;
    context.log(format!(
        "pretraining: {} windows of {} tokens, {epochs} epochs; loss on {} held-out windows: {before:.3} before, {after:.3} after",
        trained.len(),
        parameters.pretrain_length,
        held_out.len(),
    ));
    model.save(folder)
}

/// The texts in random order, one after the other with an end token between, cut into windows; what is left over is dropped.
fn windows(tokenizer: &Tokenizer, end: Option<i64>, texts: &[String], length: usize, seed: u64) -> Result<Windows> {
    const PART: usize = 20_000;
    let mut order: Vec<&str> = texts.iter().map(String::as_str).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut stream: Vec<i64> = Vec::new();
    for part in order.chunks(PART) {
        let encoded = tokenizer.encode_batch_fast(part.to_vec(), true);
        for text in encoded.map_err(|error| Failure::other("tokenize the corpus", error))? {
            stream.extend(text.get_ids().iter().copied().map(i64::from));
            stream.extend(end);
        }
    }
    let mut trained: Vec<Vec<i64>> = stream.chunks_exact(length).map(<[i64]>::to_vec).collect();
    if trained.len() < 2 {
        let message = format!(
            "pretrain_epochs asks for pretraining, but {} texts have {} tokens, expected at least {}",
            texts.len(),
            stream.len(),
            2 * length
        );
        return Err(Failure::new(FailureKind::NothingUsable, message)
            .hint("bind items and reviews, lower pretrain_length, or set pretrain_epochs = 0"));
    }
    let held_out = trained.split_off(trained.len() - trained.len().div_ceil(HELD_OUT));
    Ok(Windows { trained, held_out })
}

/// Adds the gradients of the mean loss of windows to the weights, and gives the loss.
fn gradients(model: &Llama, windows: &[&Vec<i64>]) -> Result<f64> {
    let mut sum = 0.0;
    let targets = windows.iter().map(|window| window.len() - 1).sum::<usize>() as f64;
    for part in windows.chunks(windows_at_once(model, windows[0].len())) {
        let loss = summed_loss(model, part, true)?.f_div_scalar(targets).map_err(failed("compute the loss"))?;
        loss.f_backward().map_err(failed("compute gradients"))?;
        sum += f64::try_from(&loss).map_err(failed("read the loss"))?;
    }
    Ok(sum)
}

/// The mean loss of windows of which there is at least one.
fn mean_loss(model: &Llama, windows: &[Vec<i64>]) -> Result<f64> {
    let windows: Vec<&Vec<i64>> = windows.iter().collect();
    let mut sum = 0.0;
    for part in windows.chunks(windows_at_once(model, windows[0].len())) {
        sum += f64::try_from(summed_loss(model, part, false)?).map_err(failed("read the loss"))?;
    }
    Ok(sum / windows.iter().map(|window| window.len() - 1).sum::<usize>() as f64)
}

fn windows_at_once(model: &Llama, length: usize) -> usize {
    (MOST_LOGITS / (model.tokens() * length as i64)).max(1) as usize
}

/// The sum of −log p over all tokens of windows but their first ones.
fn summed_loss(model: &Llama, windows: &[&Vec<i64>], train: bool) -> Result<Tensor> {
    let (rows, length) = (windows.len() as i64, windows[0].len() as i64);
    let place = || {
        let ids: Vec<i64> = windows.iter().flat_map(|window| window.iter().copied()).collect();
        let ids = Tensor::f_from_slice(&ids)?.f_view([rows, length])?.f_to_device(model.device())?;
        let positions =
            Tensor::f_arange(length - 1, (Kind::Int64, model.device()))?.f_expand([rows, length - 1], false)?;
        Ok((ids.f_narrow(1, 0, length - 1)?, ids.f_narrow(1, 1, length - 1)?, positions))
    };
    let (ids, targets, positions) = place().map_err(failed("place tokens on the device"))?;
    let hidden = model.forward(&ids, &positions, &AttentionMask::Causal, None, train)?;
    let logits = model.logits(&hidden)?;
    let loss = || {
        let logits = logits.f_view([-1, model.tokens()])?;
        logits.f_cross_entropy_loss(&targets.f_reshape(-1)?, None::<&Tensor>, Reduction::Sum, -100, 0.0)
    };
    loss().map_err(failed("compute the loss"))
}

/// The mean loss of the tokens of a text, by the model in a folder.
#[cfg(test)]
pub(crate) fn loss_of_text(folder: &Path, text: &str) -> Result<f64> {
    let encoded = nn::read_tokenizer(folder)?.encode(text, true);
    let ids = encoded.map_err(|error| Failure::other("tokenize", error))?;
    let window = ids.get_ids().iter().copied().map(i64::from).collect();
    tch::no_grad(|| mean_loss(&Llama::load(folder, Device::Cpu, Kind::Float)?, &[window]))
}

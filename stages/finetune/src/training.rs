//! The loop: a step's trees, their loss, its gradients, the new weights.

use crate::batch::Batch;
use crate::batching::{lay_out, steps};
use crate::curve::Curve;
use crate::parameters::Parameters;
use crate::samples::Samples;
use crate::tree::TokenTree;
use contract::{Context, Failure, FailureKind, Result};
use nn::{AdamW, CosineSchedule, Llama, Parameter, clip_gradients, failed};
use std::time::Instant;

/// Trains the parameters on the samples and returns the curve.
///
/// # Errors
/// [`FailureKind::Diverged`] when the loss is no number any more.
pub(crate) fn train(
    model: &Llama,
    trained: Vec<Parameter>,
    samples: &Samples,
    parameters: &Parameters,
    context: &Context,
) -> Result<Curve> {
    let trees: Vec<TokenTree> = samples.groups.iter().map(TokenTree::merge).collect();
    let sizes: Vec<usize> = trees.iter().map(TokenTree::len).collect();
    let plan: Vec<_> =
        (0..parameters.epochs).map(|epoch| steps(&sizes, parameters.batch_tokens, context.seed(), epoch)).collect();
    let total = plan.iter().map(|epoch| epoch.len() as u64).sum();
    let schedule = CosineSchedule::new(parameters.learning_rate, parameters.warmup, total);
    let mut optimizer = AdamW::new(trained, parameters.weight_decay)?;
    let mut curve = Curve {
        losses: Vec::with_capacity(total as usize),
        steps_an_epoch: plan[0].len(),
        plain_tokens: samples.groups.iter().flatten().map(|sample| sample.tokens.len() - 1).sum(),
        merged_tokens: sizes.iter().sum(),
        terms: trees.iter().map(TokenTree::terms).sum(),
    };
    let progress = context.progress(total);
    let (started, mut tokens) = (Instant::now(), 0);
    for (number, groups) in plan.iter().flatten().enumerate() {
        let loss = if parameters.packing {
            let step: Vec<&TokenTree> = groups.iter().map(|&group| &trees[group as usize]).collect();
            gradients(model, &step, parameters.memory_tokens)?
        } else {
            let plain: Vec<TokenTree> = groups
                .iter()
                .flat_map(|&group| &samples.groups[group as usize])
                .map(|sample| TokenTree::merge([sample]))
                .collect();
            gradients(model, &plain.iter().collect::<Vec<_>>(), parameters.memory_tokens)?
        };
        if !loss.is_finite() {
            return Err(diverged(number, schedule.rate(number as u64)));
        }
        if parameters.clip > 0.0 {
            clip_gradients(optimizer.parameters(), parameters.clip)?;
        }
        optimizer.step(schedule.rate(number as u64))?;
        curve.losses.push(loss);
        tokens += groups.iter().map(|&group| sizes[group as usize]).sum::<usize>();
        let done = number as u64 + 1;
        progress.set(done, message(&curve, tokens, started, done, total));
    }
    Ok(curve)
}

/// Adds the gradients of the trees' mean loss to the parameters and returns the loss.
pub(crate) fn gradients(model: &Llama, trees: &[&TokenTree], memory_tokens: usize) -> Result<f64> {
    let sizes: Vec<usize> = trees.iter().map(|tree| tree.len()).collect();
    let terms: f64 = trees.iter().map(|tree| tree.terms()).sum();
    let mut loss = 0.0;
    for rows in lay_out(&sizes, memory_tokens) {
        let batch = Batch::new(trees, &rows, model.tokens(), model.device())?;
        let part = batch.loss(model, true)?.f_div_scalar(terms).map_err(failed("compute the loss"))?;
        part.f_backward().map_err(failed("compute gradients"))?;
        loss += f64::try_from(&part).map_err(failed("read the loss"))?;
    }
    Ok(loss)
}

fn diverged(step: usize, rate: f64) -> Failure {
    Failure::new(
        FailureKind::Diverged,
        format!("the loss of step {} is not a number (learning rate {rate:.2e})", step + 1),
    )
    .hint("lower learning_rate, raise warmup, or lower clip")
}

/// The loss, the speed in tokens computed, and the time left.
fn message(curve: &Curve, tokens: usize, started: Instant, done: u64, total: u64) -> String {
    let seconds = started.elapsed().as_secs_f64().max(1e-9);
    let left = seconds / done as f64 * (total - done) as f64;
    format!("loss {:.4}, {:.0} tokens/s, {:.0} min left", curve.recent(), tokens as f64 / seconds, left / 60.0)
}

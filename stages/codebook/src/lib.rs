//! `codebook`: the paper's alignment tokenization. Each item becomes one code of each of N cascaded codebooks.
//!
//! With `E_i^0 = Emb(r_i)`, the item's embedding, level n of N works on
//!
//! * Eq. 1: `E_i^n = E_i^(n−1) − B_(c*)^(n−1)`, the plain residual (the paper's bars are no absolute value);
//! * Eq. 2: `c* = argmin_c |E_i^n − B_c^n|²`, the lowest code among equals;
//! * Eq. 3: `L_i^B = Σ_n |E_i^n − B_(c*)^n|²` (behaviour) and `L_i^L = Σ_n (1 − cos(B_(c*)^n, W E_i^LLM + b))` (LLM);
//! * Eq. 4: the loss is the mean over items of `L_i^B + alignment_weight × L_i^L`.
//!
//! Embeddings are frozen: both terms train the codes. The projection `W, b` is a ridge regression from the items' texts to
//! their embeddings and stays as it is; the second term trains it too where `projection` says `learned`. A residual is a
//! plain number to later levels. Each level starts from k-means centres
//! of a batch. After each epoch a code that no item chose moves to the worst represented residual of its level.
//!
//! With `method = "residual-k-means"` the k-means centres of all items stay as they are.
//!
//! **New items.** Where `interactions` is bound, items without a training row are new: they have no embedding from behaviour, so codes are
//! trained without them and they get theirs from their text, at each level the code nearest to its projection by the cosine.
//!
//! With one level there is nothing to cascade: the paper then takes "the original item IDs" as tokens (Table 5). Every
//! item has a code of its own, in a random order, and nothing is trained.
//!
//! Embeddings are divided by the root of their mean square before training, so that the learning rate and the weight
//! mean the same for every model; distances keep their order, and codes are written in the original scale.

mod adam;
mod alignment;
mod assignment;
mod autoencoder;
mod collisions;
mod epochs;
mod free_codes;
mod hartigan;
mod held_out;
mod identity;
mod kmeans;
mod layers;
mod neighbourhoods;
mod new_items;
mod parameters;
mod plots;
mod projection;
mod quantizer;
mod rows;
mod sinkhorn;
mod statistics;
mod tokenize;
mod train;

pub use new_items::Tokenizer;
pub use parameters::{Collisions, LastLevel, Method, Parameters, Projection};

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use epochs::Losses;
use frames::{Codes, Interactions, kinds, write_json};
use held_out::{Recovery, Split};
use identity::identity;
use neighbourhoods::Neighbourhoods;
use new_items::projected;
use nn::failed;
use projection::Linear;
use quantizer::Quantizer;
use rows::Rows;
use serde::Serialize;
use statistics::Statistics;
use tch::Tensor;
use train::train;

/// The stage `codebook`.
#[derive(Debug)]
pub struct Codebook;

#[derive(Debug, Serialize)]
struct Report {
    items: usize,
    /// Items whose codes come from their text alone.
    #[serde(skip_serializing_if = "is_zero")]
    new_items: usize,
    #[serde(flatten)]
    statistics: Statistics,
    neighbourhoods: Neighbourhoods,
    /// By epoch, with embeddings at a mean square of 1.
    losses: Vec<Losses>,
    /// Of items that were held out, what their text tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out: Option<Recovery>,
}

impl Stage for Codebook {
    const NAME: &'static str = "codebook";
    const ABOUT: &'static str = "Turns item embeddings into short sequences of codes, aligned with a language model.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("items", kinds::ITEM_EMBEDDINGS, "Embeddings of the items, from behaviour."),
            InputPort::optional("text", kinds::TEXT_EMBEDDINGS, "Embeddings of the items' text, for llm_alignment."),
            InputPort::optional(
                "interactions",
                kinds::INTERACTIONS,
                "Which items are new: those without a training row get codes from their text alone.",
            ),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new("codes", kinds::CODES, "`codes.parquet`: the code of each item at each level."),
            OutputPort::new(
                "codebook",
                kinds::CODEBOOK,
                "`codebook.safetensors`: level_1 to level_N [codes, d]; projection [h, d] with bias [d] where text was used; with encoder_decoder encoder_1.weight [in, out], encoder_1.bias [out] and so on, and decoder_1.",
            ),
            OutputPort::new(
                "report",
                kinds::REPORT,
                "`report.json`: collisions, code use, new tokens, residual by level, surviving neighbourhoods, losses; and pictures of these: `residual.svg`, `code_use.svg`, `neighbourhoods.svg`.",
            ),
        ]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        // The tensors here are small; the device's start-up and transfers would cost more than they save.
        let pool = nn::thread_pool(context)?;
        pool.install(|| run(parameters, context))
    }
}

fn run(parameters: Parameters, context: &Context) -> Result<()> {
    let mut items = Rows::read(context.input("items")?)?;
    let is_new = read_new_items(&parameters, context, items.len())?;
    let new_items = is_new.iter().filter(|&&is_new| is_new).count();
    let parameters = &parameters.with_codes_for(items.len() - new_items);
    parameters.check(items.len() - new_items)?;
    let (codes, statistics, losses, held_out) = match parameters.levels {
        1 => one_level(&items, context)?,
        _ => cascade(&mut items, &is_new, parameters, context)?,
    };
    codes.write(context.output("codes"))?;
    context.log(format!(
        "{} of {} items share their codes ({:.2} %); codes used by level {:?}; mean squared residual by level {:.5?}",
        statistics.colliding_items,
        items.len(),
        100.0 * statistics.collision_rate,
        statistics.codes_used,
        statistics.mean_squared_residual,
    ));
    if new_items > 0 {
        context.log(format!("{new_items} items without a training row have codes from their text"));
    }
    if let Some(found) = &held_out {
        context.log(format!(
            "of {} held-out items text alone recovers the first code of {:.2} %; the majority code would {:.2} %, chance {:.2} %",
            found.items,
            100.0 * found.recovered[0],
            100.0 * found.majority[0],
            100.0 * found.chance[0],
        ));
    }
    let neighbourhoods = Neighbourhoods::of(&codes, &items, context.seed());
    context.log(format!(
        "{} nearest pairs share {:.2} first codes on average, as many random ones {:.2}",
        neighbourhoods.nearest.pairs,
        neighbourhoods.nearest.mean_shared_levels,
        neighbourhoods.random.mean_shared_levels,
    ));
    let folder = context.output("report");
    plots::write(folder, &codes, &statistics, &neighbourhoods)?;
    write_json(
        folder,
        "report.json",
        &Report { items: items.len(), new_items, statistics, neighbourhoods, losses, held_out },
    )
}

/// What either way of making codes yields.
type Made = (Codes, Statistics, Vec<Losses>, Option<Recovery>);

/// A code for each item; writes their codebook.
fn one_level(items: &Rows, context: &Context) -> Result<Made> {
    let (codes, book) = identity(items, context.seed());
    write_tensors(context, &[("level_1".to_owned(), book.tensor()?)])?;
    let statistics = Statistics::of(&codes, items, vec![0.0]);
    Ok((codes, statistics, Vec::new(), None))
}

/// The codes of codebooks trained on the items that are neither held out nor new; writes these. Afterwards a new item has as its
/// embedding what its text says of it.
fn cascade(items: &mut Rows, is_new: &[bool], parameters: &Parameters, context: &Context) -> Result<Made> {
    let text = read_text(parameters, context, items.len())?;
    let split = Split::draw(is_new, parameters.held_out, context.seed());
    let trained = items.select(&split.trained);
    let trained_text = text.as_ref().map(|text| text.select(&split.trained));
    let scale = trained.scale();
    let text_scale = trained_text.as_ref().map_or(1.0, Rows::scale);
    let scaled_text = trained_text.as_ref().map(|text| text.times(text_scale.recip()));
    let items_scaled = trained.times(scale.recip());
    let (quantizer, projection, curve) = match parameters.encoder_decoder {
        false => {
            let outcome = train(&items_scaled, scaled_text.as_ref(), parameters, context)?;
            let levels = outcome.levels.iter().map(|codes| codes.times(scale)).collect();
            let projection = outcome.projection.map(|map| in_original_scale(&map, scale, text_scale)).transpose()?;
            (Quantizer::cascade(levels), projection, outcome.curve)
        }
        true => {
            let outcome = autoencoder::train(&items_scaled, scaled_text.as_ref(), parameters, context)?;
            let (encoder, decoder) = (outcome.encoder.for_rows_times(scale)?, outcome.decoder.times(scale)?);
            let projection = outcome.projection.map(|map| in_original_scale(&map, 1.0, text_scale)).transpose()?;
            (Quantizer::encoded(outcome.levels, encoder, decoder), projection, outcome.curve)
        }
    };
    write_codebook(context, &quantizer, projection.as_ref())?;
    let mut codes = quantizer.codes(items)?;
    let recovery = match (&projection, &text) {
        (Some(map), Some(text)) if !split.held_out.is_empty() => {
            let held_out = text.select(&split.held_out).tensor()?;
            Some(Recovery::of(&codes, &quantizer.codes_of_text(&projected(&held_out, map)?), &split))
        }
        _ => None,
    };
    if let (Some(map), Some(text), false) = (&projection, &text, split.new.is_empty()) {
        let texts = projected(&text.select(&split.new).tensor()?, map)?;
        let known: Vec<usize> = split.trained.iter().chain(&split.held_out).copied().collect();
        let from_text = quantizer.known_codes_of_text(&texts, &codes, &known);
        for (level, from_text) in codes.levels.iter_mut().zip(from_text.levels) {
            split.new.iter().zip(from_text).for_each(|(&item, code)| level[item] = code);
        }
        items.replace(&split.new, &texts);
    }
    quantizer.part(items, &mut codes, parameters.collisions)?;
    let statistics = Statistics::of(&codes, items, quantizer.residuals(items, &codes)?);
    Ok((codes, statistics, curve, recovery))
}

/// A map trained on items and text at a mean square of 1, for both as they are.
fn in_original_scale(map: &Linear, items_scale: f32, text_scale: f32) -> Result<Linear> {
    let scaled =
        |tensor: &Tensor, factor: f32| tensor.f_mul_scalar(f64::from(factor)).map_err(failed("scale the projection"));
    Ok(Linear { weight: scaled(&map.weight, items_scale / text_scale)?, bias: scaled(&map.bias, items_scale)? })
}

/// Which items are new; none where no interactions are bound.
fn read_new_items(parameters: &Parameters, context: &Context, items: usize) -> Result<Vec<bool>> {
    let Some(folder) = context.optional_input("interactions") else { return Ok(vec![false; items]) };
    let interactions = Interactions::read(folder)?;
    recommender::same_ingest(("items", items), ("interactions", interactions.dataset.items))?;
    let is_new: Vec<bool> = interactions.is_trained().into_iter().map(|is_trained| !is_trained).collect();
    let maps_text = parameters.llm_alignment && !parameters.encoder_decoder && parameters.projection != Projection::Pca;
    if is_new.contains(&true) && (!maps_text || parameters.levels == 1) {
        let count = is_new.iter().filter(|&&is_new| is_new).count();
        let message = format!("{count} items have no training row, so that their codes must come from their text");
        return Err(Failure::new(FailureKind::Conflict, message).hint(
            "set levels = 2 or more, llm_alignment = true, encoder_decoder = false and projection = \"ridge\", or leave 'interactions' unbound",
        ));
    }
    Ok(is_new)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn read_text(parameters: &Parameters, context: &Context, items: usize) -> Result<Option<Rows>> {
    if !parameters.llm_alignment {
        return Ok(None);
    }
    let Some(folder) = context.optional_input("text") else {
        return Err(Failure::new(
            FailureKind::Conflict,
            "llm_alignment needs the input 'text', and nothing is bound to it",
        )
        .hint("bind text embeddings to 'text', or set llm_alignment = false"));
    };
    let text = Rows::read(folder)?;
    recommender::same_ingest(("items", items), ("text", text.len()))?;
    Ok(Some(text))
}

/// Writes codes and projection, which work on embeddings in their original scales.
fn write_codebook(context: &Context, quantizer: &Quantizer, projection: Option<&Linear>) -> Result<()> {
    let mut tensors = quantizer.tensors()?;
    if let Some(map) = projection {
        tensors.push(("projection".to_owned(), map.weight.shallow_clone()));
        tensors.push(("bias".to_owned(), map.bias.shallow_clone()));
    }
    write_tensors(context, &tensors)
}

fn write_tensors(context: &Context, tensors: &[(String, Tensor)]) -> Result<()> {
    nn::safetensors_file::write(&context.output("codebook").join("codebook.safetensors"), tensors)
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;

//! Fine-tuning of a language model on the tasks (Section 3.3 of the paper).
//!
//! **New tokens.** Every code in use is one token, such as `<a_12>`, added to tokenizer, embedding and head. With
//! `train = "lora"` low-rank adapters and the new tokens' rows are trained, with `"all"` every weight.
//!
//! **Loss.** Cross-entropy of the label's tokens given all before them, averaged over the label tokens of a step:
//! L = −Σ log p(y_t | x, y_<t) / number of terms. The question carries no loss. Nor does an end token, unless
//! `end_token` is set: an answer has as many codes as there are levels, so decoding knows where it ends.
//!
//! **Nothing is computed twice.** Samples of a group begin alike: a user's positive and negative questions, and each
//! shorter history. They are merged into a tree of tokens in which each distinct beginning exists once. A token's
//! position is its depth, and it attends to its ancestors only, so its hidden state is the one that it has in each of
//! its samples. A node may have several targets, weighted by how many samples have them; the loss is therefore the
//! same as without merging, and so are its gradients. `packing = false` computes the plain form instead, with the
//! same samples in each step. Trees share rows of a batch where that saves padding.
//!
//! **Validation.** With prompts of held-out items (`tasks.validation`, where `ingest` has `holdout = "last-two"`), their loss
//! is measured after each epoch. `keep = "best"` writes the weights of the epoch in which it was lowest.
//!
//! **Going on.** What a step draws at random depends on the seed and on its number alone. A run that was stopped goes on
//! from its last checkpoint and ends, on the CPU, in the same bytes as one that was not.

mod batch;
mod batching;
mod checkpoint;
mod curve;
mod new_tokens;
mod parameters;
mod samples;
#[cfg(test)]
mod tests;
mod training;
mod tree;
mod validation;

pub use parameters::{Keep, NewTokens, Parameters, Precision, Train};

use checkpoint::Checkpoints;
use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Codes, Prompts, kinds};
use nn::{Llama, LoraConfig, Parameter};
use samples::Samples;
use tch::{Device, Kind};
use tokenizers::Tokenizer;
use training::Training;
use validation::Validation;

/// Tunes a language model on prompts.
#[derive(Debug)]
pub struct Finetune;

impl Stage for Finetune {
    const NAME: &'static str = "finetune";
    const ABOUT: &'static str = "Adds the codes as tokens to a language model and tunes it on the tasks.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    const CHECKPOINTS: bool = true;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("tasks", kinds::PROMPTS, "Questions and answers."),
            InputPort::required("codes", kinds::CODES, "The items' codes, which become tokens."),
            InputPort::optional("codebook", kinds::CODEBOOK, "The codes' vectors, where new_tokens is mlp-2 or mlp-3."),
            InputPort::optional(
                "validation",
                kinds::PROMPTS,
                "Questions about held-out items, measured after each epoch.",
            ),
            InputPort::required("llm", kinds::LANGUAGE_MODEL, "The model to tune: a Hugging Face folder.").or_path(),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new(
                "model",
                kinds::TUNED_MODEL,
                "A PEFT adapter, or a Hugging Face folder where all weights train.",
            ),
            OutputPort::new(
                "curve",
                kinds::REPORT,
                "report.json: the loss by step and on validation, and what was trained on; loss.svg: the picture of it.",
            ),
        ]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        parameters.check()?;
        let device = nn::start(context)?;
        let prompts = Prompts::read(context.input("tasks")?)?;
        let codes = Codes::read(context.input("codes")?)?;
        let llm = context.input("llm")?;
        let mut tokenizer = nn::read_tokenizer(llm)?;
        let precision = precision(device, &parameters);
        let mut model = Llama::load(llm, device, if parameters.train == Train::All { Kind::Float } else { precision })?;
        model.set_precision(precision);
        let added = new_tokens::add(&mut tokenizer, &mut model, &codes, parameters.new_token_std)?;
        new_tokens::map(&mut model, &tokenizer, &added, context.optional_input("codebook"), parameters.new_tokens)?;
        context.log(format!("{} new tokens, {} in all", added.count, model.tokens()));
        let samples = samples::encode(&prompts.0, &tokenizer, model.config(), &parameters)?;
        context.log(samples.summary());
        model.set_dropout(parameters.dropout);
        let trained = trainable(&mut model, &parameters)?;
        let before = new_tokens::Rows::copy(&model)?;
        let held_out = held_out(context, &tokenizer, &model, &parameters)?;
        let validation = Validation::new(held_out.as_ref(), parameters.keep == Keep::Best);
        let mut training = Training::new(&model, trained, &samples, validation, &parameters, context.seed())?;
        training.run(context, Checkpoints::of(context)).map_err(|failure| with_way_out(failure, &parameters))?;
        let curve = training.finish()?;
        let check = before.compare(&model, &added, &samples, parameters.train)?;
        context.log(check.summary());
        let output = context.output("model");
        match parameters.train {
            Train::Lora => model.save_adapter(output)?,
            Train::All => model.save(output)?,
        }
        nn::write_tokenizer(output, &tokenizer)?;
        nn::copy_settings(llm, output)?;
        curve.chart().write(&context.output("curve").join("loss.svg"))?;
        frames::write_json(context.output("curve"), "report.json", &curve.report(&samples, &check))
    }
}

/// The kind of the activations, and of weights that stay as they are. What is trained is f32.
fn precision(device: Device, parameters: &Parameters) -> Kind {
    match parameters.precision {
        Precision::F32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
        Precision::Auto if device.is_cuda() && parameters.train == Train::Lora => Kind::BFloat16,
        Precision::Auto => Kind::Float,
    }
}

/// Says which parameters take less memory, to who ran out of it.
fn with_way_out(failure: Failure, parameters: &Parameters) -> Failure {
    if failure.kind != FailureKind::Device {
        return failure;
    }
    let Parameters { memory_tokens, gradient_checkpointing, .. } = parameters;
    let checkpointing = if *gradient_checkpointing { "" } else { ", or set gradient_checkpointing = true" };
    failure.hint(format!("lower memory_tokens, which is {memory_tokens}, or max_tokens{checkpointing}"))
}

fn trainable(model: &mut Llama, parameters: &Parameters) -> Result<Vec<Parameter>> {
    match parameters.train {
        Train::All => model.train_all(),
        Train::Lora => model.train_lora(&LoraConfig {
            r: parameters.lora_r,
            alpha: parameters.lora_alpha,
            dropout: parameters.lora_dropout,
            target_modules: parameters.target_modules.clone(),
        }),
    }
}

/// The samples to validate on, where there are any.
fn held_out(
    context: &Context,
    tokenizer: &Tokenizer,
    model: &Llama,
    parameters: &Parameters,
) -> Result<Option<Samples>> {
    let prompts = context.optional_input("validation").map(Prompts::read).transpose()?.unwrap_or_default();
    if !prompts.0.is_empty() {
        return samples::encode(&prompts.0, tokenizer, model.config(), parameters).map(Some);
    }
    if parameters.keep == Keep::Best {
        let message = "keep is \"best\", but there are no validation prompts to tell what is best";
        return Err(conflict(message)
            .hint("bind validation = \"tasks.validation\", and let ingest have holdout = \"last-two\""));
    }
    Ok(None)
}

/// Says that parameters contradict each other.
fn conflict(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Conflict, message)
}

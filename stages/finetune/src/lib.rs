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
//! **Item head.** With `item_head` a vector for each item is trained beside the tokens, by a sampled softmax over items at the end of
//! every next-item question ([`decoding::ItemHead`], and the equations in `objective`).
//!
//! **Number of epochs.** With `stopping = "validation"` a training on `choice`, which lacks each user's last training item, ends when
//! the NDCG@10 of lists for these items does not rise any more; a second one on `tasks` has as many epochs of the same schedule.
//! The first starts its item head from `choice_items`, the second from `items`.
//!
//! **Ranks.** Of several processes ([`ranks`]) each computes the gradients of some of a step's trees and of some held-out questions; the
//! sums are those of one process but for the last bits. All make the same steps, and the first one writes.
//!
//! **Going on.** What a step draws at random depends on the seed and on its number alone. A run that was stopped goes on
//! from its last checkpoint and ends, on the CPU, in the same bytes as one that was not, if it has as many threads and ranks.

mod average;
mod batch;
mod batching;
#[cfg(test)]
mod checkpoint_tests;
mod course;
mod curve;
mod fit;
#[cfg(test)]
mod loss_tests;
mod memory;
mod new_tokens;
mod objective;
mod parameters;
mod questions;
#[cfg(test)]
mod rank_tests;
mod samples;
#[cfg(test)]
mod stage_tests;
mod targets;
mod training;
mod tree;
mod validation;

pub use nn::Precision;
pub use parameters::{Keep, NewTokens, Parameters, Train};

use contract::{Context, Failure, FailureKind, InputPort, OutputPort, Result, Stage, Threads};
use course::Length;
use fit::{Evaluation, Fitted, Lesson, Task};
use frames::{Codes, Prompts, kinds};
use ranks::Ranks;
use recommender::Stopping;
use recommender::beam::Trie;

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
    const RANKS: bool = true;
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
            InputPort::optional(
                "choice",
                kinds::PROMPTS,
                "Samples without each user's last training item, which choose the number of epochs.",
            ),
            InputPort::optional("choice_questions", kinds::PROMPTS, "Questions about the items that `choice` lacks."),
            InputPort::optional(
                "items",
                kinds::ITEM_EMBEDDINGS,
                "Embeddings of the items, in whose directions the vectors start, where item_head is true.",
            ),
            InputPort::optional(
                "choice_items",
                kinds::ITEM_EMBEDDINGS,
                "The same for the training on `choice`, made without the items that it lacks; `items` where it is not bound.",
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
                "validation_model",
                kinds::TUNED_MODEL,
                "The model that chose the number of epochs and has not learned the held-out items; `none.json` with \
                 `stopping = \"epochs\"`.",
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
        let (ranks, trie) = (Ranks::of(context)?, Trie::of(&codes));
        let task = Task { context, parameters: &parameters, llm, codes: &codes, trie: &trie, device, ranks: &ranks };
        let lesson = Lesson { prompts: &prompts, items: context.optional_input("items") };
        let (fitted, chosen) = match parameters.stopping {
            Stopping::Epochs => {
                let validation = read_prompts(context, "validation")?;
                check_keep(&parameters, &validation)?;
                (task.fit(&lesson, &Evaluation::Loss(&validation), None)?, None)
            }
            Stopping::Validation => choose_and_fit(&task, &lesson)?,
        };
        if !ranks.is_first() {
            return Ok(());
        }
        let held_out = context.output("validation_model");
        match &chosen {
            // Where ingest holds out validation items, the model has not learned them.
            Some(Chosen::BySecondTraining(first)) => task.write(first, held_out)?,
            Some(Chosen::Alone) => task.write(&fitted, held_out)?,
            None => frames::write_json(held_out, "none.json", &serde_json::json!({"stopping": "epochs"}))?,
        }
        task.write(&fitted, context.output("model"))?;
        fitted.curve.chart().write(&context.output("curve").join("loss.svg"))?;
        let mut report = fitted.curve.report(&fitted.samples, &fitted.check);
        if let (Some(Chosen::BySecondTraining(first)), Some(report)) = (&chosen, report.as_object_mut()) {
            report.insert("choice".to_owned(), first.curve.report(&first.samples, &first.check));
        }
        frames::write_json(context.output("curve"), "report.json", &report)
    }
}

/// How the number of epochs was chosen.
enum Chosen {
    /// By the training whose model is kept.
    Alone,
    /// By a training without the held-out items, before the one on all.
    BySecondTraining(Box<Fitted>),
}

/// Trains as long as held-out items say.
fn choose_and_fit(task: &Task<'_>, lesson: &Lesson<'_>) -> Result<(Fitted, Option<Chosen>)> {
    let (choice, questions) = (read_prompts(task.context, "choice")?, read_prompts(task.context, "choice_questions")?);
    if !choice.0.is_empty() && !questions.0.is_empty() {
        let shortened =
            Lesson { prompts: &choice, items: task.context.optional_input("choice_items").or(lesson.items) };
        let first = task.fit(&shortened, &Evaluation::Lists(&questions), None)?;
        let length = Length { epochs: first.curve.best_epoch.unwrap_or(1), passes: first.curve.passes_an_epoch };
        task.context.log(format!("trains again on all samples for {} epochs", length.epochs));
        let fitted = task.fit(lesson, &Evaluation::None, Some(length))?;
        return Ok((fitted, Some(Chosen::BySecondTraining(Box::new(first)))));
    }
    let validation = read_prompts(task.context, "validation")?;
    if validation.0.is_empty() {
        let message = "stopping is \"validation\", but no item is held out: 'choice', 'choice_questions' and 'validation' have no prompts";
        return Err(conflict(message).hint(
            "set hold_out = true in tasks and bind choice = \"tasks.choice\", choice_questions = \"tasks.choice_questions\"; or let \
             ingest have holdout = \"last-two\" and bind validation = \"tasks.validation\"; or set stopping = \"epochs\"",
        ));
    }
    Ok((task.fit(lesson, &Evaluation::Lists(&validation), None)?, Some(Chosen::Alone)))
}

/// The prompts of an optional input; none where it is not bound.
fn read_prompts(context: &Context, port: &str) -> Result<Prompts> {
    Ok(context.optional_input(port).map(Prompts::read).transpose()?.unwrap_or_default())
}

fn check_keep(parameters: &Parameters, validation: &Prompts) -> Result<()> {
    if parameters.keep == Keep::Best && validation.0.is_empty() {
        let message = "keep is \"best\", but there are no validation prompts to tell what is best";
        return Err(conflict(message)
            .hint("bind validation = \"tasks.validation\", and let ingest have holdout = \"last-two\""));
    }
    Ok(())
}

/// Says that parameters contradict each other.
fn conflict(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Conflict, message)
}

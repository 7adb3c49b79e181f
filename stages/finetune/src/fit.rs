//! One training: a model is read, gets the codes' tokens and, where asked for, an item head, and learns the samples.

use crate::course::Length;
use crate::curve::Curve;
use crate::new_tokens::{self, Check};
use crate::parameters::{Keep, Parameters, Train};
use crate::questions::Questions;
use crate::samples::{self, Samples};
use crate::training::{Learner, Training};
use crate::tree::TokenTree;
use crate::validation::Validation;
use contract::{Context, Failure, FailureKind, Result};
use decoding::{Decoder, ItemCodes, ItemHead, Scoring};
use frames::{Codes, Embeddings, EmbeddingsOf, Prompts};
use nn::{Llama, LoraConfig, Parameter, Precision, TrainingCheckpoints};
use ranks::Ranks;
use recommender::beam::Trie;
use std::path::Path;
use tch::{Device, Kind};
use tokenizers::Tokenizer;

/// What all trainings of a stage share.
pub(crate) struct Task<'a> {
    pub(crate) context: &'a Context,
    pub(crate) parameters: &'a Parameters,
    pub(crate) llm: &'a Path,
    pub(crate) codes: &'a Codes,
    pub(crate) trie: &'a Trie,
    pub(crate) device: Device,
    pub(crate) ranks: &'a Ranks,
}

/// What a training learns.
pub(crate) struct Lesson<'a> {
    pub(crate) prompts: &'a Prompts,
    /// Embeddings of the items, in whose directions the item head starts.
    pub(crate) items: Option<&'a Path>,
}

/// What is measured after each epoch.
pub(crate) enum Evaluation<'a> {
    /// Nothing.
    None,
    /// The loss on these prompts, if there are any.
    Loss(&'a Prompts),
    /// The NDCG@10 of lists for these prompts; it ends the training and chooses the epoch that is kept.
    Lists(&'a Prompts),
}

/// A trained model and how it was trained.
pub(crate) struct Fitted {
    model: Llama,
    head: Option<ItemHead>,
    tokenizer: Tokenizer,
    pub(crate) curve: Curve,
    pub(crate) samples: Samples,
    pub(crate) check: Check,
}

impl Task<'_> {
    /// Trains for all epochs of the schedule or as long as another training says.
    pub(crate) fn fit(
        &self,
        lesson: &Lesson<'_>,
        evaluation: &Evaluation<'_>,
        length: Option<Length>,
    ) -> Result<Fitted> {
        let Self { context, parameters, llm, device, .. } = *self;
        // A second training draws what the first drew.
        tch::manual_seed(context.seed().cast_signed());
        let mut tokenizer = nn::read_tokenizer(llm)?;
        let precision = precision(device, parameters);
        let mut model = Llama::load(llm, device, if parameters.train == Train::All { Kind::Float } else { precision })?;
        model.set_precision(precision);
        if let Some(warning) = parameters.precision.warning(device) {
            context.log(warning);
        }
        let added = new_tokens::add(&mut tokenizer, &mut model, self.codes, parameters.new_token_std)?;
        new_tokens::map(&mut model, &tokenizer, &added, context.optional_input("codebook"), parameters.new_tokens)?;
        context.log(format!("{} new tokens, {} in all", added.count, model.tokens()));
        let samples = samples::encode(&lesson.prompts.0, &tokenizer, model.config(), parameters)?;
        context.log(samples.summary());
        model.set_dropout(parameters.dropout);
        let mut trained = trainable(&mut model, parameters)?;
        let codes = ItemCodes::new(self.trie, &tokenizer)?;
        let head = self.head(&model, &codes, lesson.items, &mut trained)?;
        let before = new_tokens::Rows::copy(&model, &added)?;
        let questions = match evaluation {
            Evaluation::None => Samples::default(),
            Evaluation::Loss(prompts) | Evaluation::Lists(prompts) if prompts.0.is_empty() => Samples::default(),
            Evaluation::Loss(prompts) | Evaluation::Lists(prompts) => {
                samples::encode(&prompts.0, &tokenizer, model.config(), parameters)?
            }
        };
        let learner = Learner { model: &model, items: head.as_ref().map(|head| (head, &codes)) };
        let (validation, checkpoints) = match evaluation {
            Evaluation::None => (Validation::default(), TrainingCheckpoints::of(context)),
            Evaluation::Loss(_) => {
                let trees = questions.groups.iter().map(|group| TokenTree::merge(group, Some(&codes)));
                let keeps_best = parameters.keep == Keep::Best;
                (Validation::by_loss(trees.collect(), keeps_best), TrainingCheckpoints::of(context))
            }
            Evaluation::Lists(_) => {
                let scoring = if head.is_some() { Scoring::Head } else { Scoring::Beam };
                let decoder = Decoder::new(&model, &codes, head.as_ref());
                let questions = Questions::of(&questions, parameters.validation_users, decoder, &codes, scoring)?;
                context
                    .log(format!("chooses the epoch by the NDCG@10 of lists for {} held-out items", questions.len()));
                let validation = Validation::by_lists(questions, parameters.patience);
                (validation, TrainingCheckpoints::of(context).named("choice"))
            }
        };
        let mut training = Training::new(learner, trained, &samples, validation, parameters, context.seed())?;
        training = training.shared(self.ranks)?;
        if let Some(length) = length {
            training = training.of_length(length);
        }
        training.run(context, checkpoints).map_err(|failure| with_way_out(failure, parameters))?;
        let curve = training.finish()?;
        let check = before.compare(&model, &added, &samples, parameters)?;
        context.log(check.summary());
        Ok(Fitted { model, head, tokenizer, curve, samples, check })
    }

    /// The item head and its place among what is trained, where one is asked for.
    fn head(
        &self,
        model: &Llama,
        codes: &ItemCodes<'_>,
        items: Option<&Path>,
        trained: &mut Vec<Parameter>,
    ) -> Result<Option<ItemHead>> {
        let Parameters { item_head, item_input, item_input_scale, item_std, .. } = *self.parameters;
        if !item_head {
            return Ok(None);
        }
        let mut head = ItemHead::random(codes, model, item_input, item_std)?.carried(item_input_scale);
        if let Some(folder) = items {
            head = head.directed(codes, &Embeddings::read(folder, EmbeddingsOf::Items)?)?;
        }
        trained.push(head.train()?);
        self.context.log(format!("an item head for {} codes of items", head.codes()));
        Ok(Some(head))
    }

    /// Writes a tuned model's folder.
    pub(crate) fn write(&self, fitted: &Fitted, output: &Path) -> Result<()> {
        match self.parameters.train {
            Train::Lora => fitted.model.save_adapter(output)?,
            Train::All => fitted.model.save(output)?,
        }
        if let Some(head) = &fitted.head {
            head.write(output)?;
        }
        nn::write_tokenizer(output, &fitted.tokenizer)?;
        nn::copy_settings(self.llm, output)
    }
}

/// The kind of the activations, and of weights that stay as they are. What is trained is f32.
fn precision(device: Device, parameters: &Parameters) -> Kind {
    match parameters.precision {
        Precision::Auto if parameters.train == Train::All => Kind::Float,
        precision => precision.kind(device),
    }
}

/// Says which parameters take less memory, to who ran out of it.
pub(crate) fn with_way_out(failure: Failure, parameters: &Parameters) -> Failure {
    if failure.kind != FailureKind::Device {
        return failure;
    }
    let Parameters { memory_tokens, gradient_checkpointing, .. } = parameters;
    let checkpointing = if *gradient_checkpointing { "" } else { ", or set gradient_checkpointing = true" };
    let lower = match memory_tokens {
        0 => "set memory_tokens, which the model's size decides, to 256".to_owned(),
        given => format!("lower memory_tokens, which is {given}"),
    };
    failure.hint(format!("{lower}, lower max_tokens{checkpointing}"))
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

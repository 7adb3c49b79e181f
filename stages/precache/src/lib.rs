//! Precache: for each user the items that the tuned model expects next, found once and kept (paper, section
//! "Inference").
//!
//! Beam search over the N tokens of an item. A beam is a path in the trie of the codes that items have, so that it can
//! never leave the *valid codes*. Its score is the sum over its tokens of
//!
//! log p(cₗ | prompt, c₁ … cₗ₋₁) = logit(cₗ) − log Σ_v exp(logit(v)),  v over the whole vocabulary;
//!
//! tokens outside the trie take part in the sum and are then left aside. At each level but the last the `beam` best
//! paths go on. At the last level every child of every remaining path is a candidate, so a list may hold more than
//! `beam` codes, and it is shorter than `top_k` only when those children are fewer: then widen the beam.
//!
//! All items of a code are candidates with the code's score, in [`recommender::tie_order`]. `excluded` drops items of the
//! user's whole history, `kept` does not.
//!
//! A user's prompt is read once. The beams of a user are then fed as one sequence behind it, level by level, and a
//! mask lets each see the prompt and its own ancestors: keys and values are never copied for beams or reordered.

mod decoder;
mod prompt;
mod search;

use contract::{Agreement, Context, Failure, FailureKind, InputPort, OutputPort, Relation, Result, Stage, Threads};
use decoder::Decoder;
use frames::{Codes, Interactions, RankedList, Rankings, kinds};
use nn::Llama;
use prompt::UserPrompt;
use prompts::PromptTemplate;
use recommender::beam::{Trie, ranked_items};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

/// The stage that ranks items for every user with the tuned language model.
#[derive(Debug)]
pub struct Precache;

/// The parameters of the stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// How many paths go on from level to level.
    #[schemars(range(min = 1))]
    pub beam: usize,
    /// How many items a list holds at most.
    #[schemars(range(min = 1))]
    pub top_k: usize,
    /// How many users go through the model at once. More need more memory.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// The prompt template of the history. It must be the one that `tasks` was given: the model has seen no other.
    pub prompt_template: PromptTemplate,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { beam: 20, top_k: 20, batch: 64, prompt_template: PromptTemplate::Question }
    }
}

impl Stage for Precache {
    const NAME: &'static str = "precache";
    const ABOUT: &'static str = "Ranks items for every user by beam search with the tuned language model.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("interactions", kinds::INTERACTIONS, "The users' histories."),
            InputPort::required("codes", kinds::CODES, "The codes of every item."),
            InputPort::required("llm", kinds::LANGUAGE_MODEL, "The model that was tuned.").or_path(),
            InputPort::required("model", kinds::TUNED_MODEL, "The adapter, or the whole tuned model."),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![OutputPort::new("rankings", kinds::RANKINGS, "rankings.parquet: user, seen, rank, item, score.")]
    }

    fn agreements() -> Vec<Agreement> {
        let because = "the model would be asked in another form than it was tuned on";
        let path = ["model", "tasks"];
        vec![Agreement::new("prompt_template", Relation::Equal, &path, "prompt_template", because)]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        if parameters.beam == 0 || parameters.top_k == 0 || parameters.batch == 0 {
            return Err(Failure::new(FailureKind::Conflict, "beam, top_k and batch must be at least 1"));
        }
        let device = nn::start(context)?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        let codes = Codes::read(context.input("codes")?)?;
        recommender::same_ingest(("interactions", interactions.dataset.items), ("codes", codes.items()))?;
        let (model, tokenizer) = nn::load_tuned(context.input("llm")?, context.input("model")?, device)?;
        let rankings = rank(&model, tokenizer, &codes, &interactions, &parameters, context)?;
        rankings.write(context.output("rankings"))
    }
}

/// The lists of all users that have a test item.
fn rank(
    model: &Llama,
    tokenizer: Tokenizer,
    codes: &Codes,
    interactions: &Interactions,
    parameters: &Parameters,
    context: &Context,
) -> Result<Rankings> {
    let _no_gradients = tch::no_grad_guard();
    let trie = Trie::of(codes);
    let decoder = Decoder::new(model, &tokenizer, &trie)?;
    let histories = interactions.before_test();
    let tested = recommender::tested_users(interactions)?;
    let max_history = interactions.dataset.max_history;
    let prompts = prompt::encode(tokenizer, codes, tested, &histories, max_history, parameters.prompt_template)?;

    let progress = context.progress(prompts.len() as u64);
    let mut rankings = Rankings::default();
    let mut done = 0;
    // Prompts of one length need no padding, and come sorted by length.
    for batch in prompts.chunk_by(|a, b| a.ids.len() == b.ids.len()).flat_map(|equal| equal.chunks(parameters.batch)) {
        let ids: Vec<&[i64]> = batch.iter().map(|prompt| prompt.ids.as_slice()).collect();
        let found = search::search(&decoder, &trie, &ids, parameters.beam)?;
        for (UserPrompt { user, .. }, leaves) in batch.iter().zip(found) {
            let (kept, excluded) = ranked_items(&trie, &leaves, &histories[*user as usize], parameters.top_k);
            rankings.kept.push(RankedList { user: *user, items: kept });
            rankings.excluded.push(RankedList { user: *user, items: excluded });
        }
        done += batch.len() as u64;
        progress.set(done, "users");
    }
    let short = rankings.kept.iter().filter(|list| list.items.len() < parameters.top_k.min(codes.items())).count();
    if short > 0 {
        context.log(format!("{short} users have fewer than {} items: a wider beam finds more", parameters.top_k));
    }
    Ok(rankings)
}

#[cfg(test)]
mod tests;

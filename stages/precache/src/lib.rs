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
//! `beam` codes, and it is shorter than `top_k` only when those children are fewer: then raise `beam`.
//!
//! With `constraint = "per-level"`, as in LC-Rec, a beam may go on with any code of the next level, the `beam` best paths are
//! the list, and a path that no item has takes a place in it: a miss.
//!
//! All items of a code are candidates with the code's score, in [`recommender::tie_order`]. `excluded` drops items of the
//! user's whole history, `kept` does not.
//!
//! With `candidates = "new"` the trie has the codes of items without a training row alone.
//!
//! **Scoring.** With an item head (`finetune.item_head`) `scoring = "head"` ranks all items by the head's log p(item | prompt), and
//! `scoring = "rerank"` the items that the beam search finds, by (1 − w) log p(codes) + w log p(item), w = `head_weight`.
//!
//! **Support.** With lists of another model (`support`), w ln q(prefix) is added to the score of each prefix before beams are chosen,
//! w = `support_weight` and q the model's probability that the item's code begins so ([`recommender::beam::Supporters`]). A user
//! without a list is decoded as without support. With `support_weights` held-out items choose w: the one of the best NDCG@10 of the
//! lists by `validation_model` with `validation_support`.
//!
//! **Validation.** With `validation_model`, a model that has not learned each user's held-out item, the same lists are made for
//! these items.
//!
//! A user's prompt is read once. The beams of a user are then fed as one sequence behind it, level by level, and a
//! mask lets each see the prompt and its own ancestors: keys and values are never copied for beams or reordered.
//!
//! **Ranks.** Of several processes ([`ranks`]) each makes the lists of some batches of users, and the first writes all. Lists are the same
//! for any number of ranks.
//!
//! **Going on.** Lists are kept in blocks every two minutes, so that a run that was stopped makes only the others, to the same bytes.

mod blocks;
mod choice;
mod gathering;
mod live;
mod parameters;
mod prompt;
mod ranker;

pub use live::{Live, LiveModel, LiveRequest};
pub use parameters::{Parameters, UserSelection};

use blocks::Blocks;
use contract::{Agreement, Context, Failure, FailureKind, InputPort, OutputPort, Relation, Result, Stage, Threads};
use frames::{Codes, Interactions, NO_ITEM, Rankings, kinds};
use ranker::{Ranker, Users};
use ranks::Ranks;
use recommender::ChoiceSplit;
use recommender::beam::{Constraint, ROOT, Trie};
use serde_json::json;

/// The stage that ranks items for every user with the tuned language model.
#[derive(Debug)]
pub struct Precache;

impl Stage for Precache {
    const NAME: &'static str = "precache";
    const ABOUT: &'static str = "Ranks items for every user by beam search with the tuned language model.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    const CHECKPOINTS: bool = true;
    const RANKS: bool = true;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("interactions", kinds::INTERACTIONS, "The users' histories."),
            InputPort::required("codes", kinds::CODES, "The codes of every item."),
            InputPort::required("llm", kinds::LANGUAGE_MODEL, "The model that was tuned.").or_path(),
            InputPort::required("model", kinds::TUNED_MODEL, "The adapter, or the whole tuned model."),
            InputPort::optional(
                "validation_model",
                kinds::TUNED_MODEL,
                "A model that has not learned the held-out items, for the output `validation`.",
            ),
            InputPort::optional(
                "support",
                kinds::RANKINGS,
                "Another model's lists, which support prefixes of the beam.",
            ),
            InputPort::optional(
                "validation_support",
                kinds::VALIDATION_RANKINGS,
                "The same model's lists for held-out items.",
            ),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new("rankings", kinds::RANKINGS, "rankings.parquet: user, seen, rank, item, score."),
            OutputPort::new(
                "validation",
                kinds::VALIDATION_RANKINGS,
                "rankings.parquet: the same for held-out items; no rows without `validation_model`.",
            ),
            OutputPort::new(
                "report",
                kinds::REPORT,
                "report.json: the weight of the support, and the NDCG@10 of held-out items with each that was tried.",
            ),
        ]
    }

    fn agreements() -> Vec<Agreement> {
        let because = "the model would be asked in another form than it was tuned on";
        let path = ["model", "tasks"];
        vec![Agreement::new("prompt_template", Relation::Equal, &path, "prompt_template", because)]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        parameters.check()?;
        let device = nn::start(context)?;
        let ranks = Ranks::of(context)?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        let codes = Codes::read(context.input("codes")?)?;
        recommender::same_ingest(("interactions", interactions.dataset.items), ("codes", codes.items()))?;
        let may_be_listed = parameters.candidates.of(&interactions)?;
        let trie = Trie::among(&codes, |item| may_be_listed[item as usize]);
        let base = context.input("llm")?;
        let of_model = |folder| Ranker::open(folder, base, device, &codes, &trie, &parameters);
        let mut weight = parameters.support_weight;
        let (mut validation, mut tried) = (Rankings::default(), Vec::new());
        if let Some(folder) = context.optional_input("validation_model") {
            let split = ChoiceSplit::of(&interactions).ok_or_else(nothing_held_out)?;
            let ranker = of_model(held_out_model(folder)?)?;
            let support = read_support(context, "validation_support", &interactions)?;
            let users = Users::held_out(&split, &interactions, support);
            if !parameters.support_weights.is_empty() {
                (weight, tried) = choice::choose(&ranker, &split, &users, &parameters, &ranks, context)?;
            }
            validation = ranker.rank(&users, weight, Blocks::of(context, "validation"), &ranks, context)?;
        } else if !parameters.support_weights.is_empty() {
            let message = "support_weights are to be chosen from, but no validation_model is bound";
            return Err(Failure::new(FailureKind::Conflict, message).hint(
                "bind validation_model = \"finetune.validation_model\" and validation_support, or set support_weight",
            ));
        }
        let support = read_support(context, "support", &interactions)?;
        let users = Users::selected(parameters.users, &interactions, support)?;
        let (ranker, blocks) = (of_model(context.input("model")?)?, Blocks::of(context, "rankings"));
        let rankings = ranker.rank(&users, weight, blocks, &ranks, context)?;
        if !ranks.is_first() {
            return Ok(());
        }
        let short =
            rankings.kept.iter().filter(|list| list.items.len() < parameters.top_k.min(trie.node(ROOT).count)).count();
        if parameters.constraint == Constraint::PerLevel {
            let places = rankings.kept.iter().map(|list| list.items.len()).sum::<usize>();
            let entries = rankings.kept.iter().flat_map(|list| &list.items);
            let of_none = entries.filter(|(item, _)| *item == NO_ITEM).count();
            context.log(format!("{of_none} of {places} places of the lists have codes that no item has"));
        }
        if short > 0 {
            context.log(format!("{short} users have fewer than {} items: a wider beam finds more", parameters.top_k));
        }
        rankings.write(context.output("rankings"))?;
        validation.write(context.output("validation"))?;
        let report = json!({"support_weight": weight, "support_weights_tried": tried});
        frames::write_json(context.output("report"), "report.json", &report)
    }
}

/// The folder of a model that has not learned held-out items.
fn held_out_model(folder: &std::path::Path) -> Result<&std::path::Path> {
    if folder.join("tokenizer.json").is_file() {
        return Ok(folder);
    }
    let message = "validation_model has no model: finetune was run with stopping = \"epochs\"";
    Err(Failure::new(FailureKind::Conflict, message)
        .hint("set stopping = \"validation\" in finetune, or leave validation_model unbound"))
}

fn nothing_held_out() -> Failure {
    let message = "validation_model is bound, but no user has 2 training items or a validation item to hold out";
    Failure::new(FailureKind::NothingUsable, message).hint("leave validation_model unbound")
}

/// The lists of another model, if they are bound; their items must be among those of the interactions.
fn read_support(context: &Context, port: &str, interactions: &Interactions) -> Result<Option<Rankings>> {
    let Some(folder) = context.optional_input(port) else { return Ok(None) };
    let rankings = Rankings::read(folder)?;
    let items = rankings.excluded.iter().flat_map(|list| list.items.iter().map(|item| item.0));
    if let Some(unknown) = items.max().filter(|&item| item as usize >= interactions.dataset.items) {
        let message = format!("'{port}' has item {unknown}, 'interactions' has {}", interactions.dataset.items);
        return Err(Failure::new(FailureKind::Conflict, message).hint("both must come from the same ingest"));
    }
    Ok(Some(rankings))
}

#[cfg(test)]
mod tests;

//! `pipe recommend`: the items that a model recommends, for a user of the dataset or for a history.
//!
//! The worker reads the lists, and decodes where a history is given; this module finds the stage and prints.

use crate::cli::completion;
use crate::cli::lineage::lineage;
use crate::cli::metrics::print_rows;
use crate::cli::options::PipelineArguments;
use crate::cli::rankings::ranking_stage;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::terminal::print_line;
use crate::worker;
use clap::{ArgGroup, Args, ValueHint};
use clap_complete::engine::ArgValueCandidates;
use contract::questions::{NamedItem, Recommend, Recommended, ScoredItem, Whom};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Recommend items to a user, or for a history that the model decodes now.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whom").required(true))]
pub(crate) struct RecommendArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// A user of the dataset, by original identifier: the list that the pipeline made.
    #[arg(long, value_name = "ID", group = "whom")]
    pub(super) user: Option<String>,
    /// Original identifiers of items, oldest first: the list is decoded now.
    #[arg(long, value_name = "ID,...", value_delimiter = ',', group = "whom")]
    pub(super) history: Vec<String>,
    /// How many items.
    #[arg(short = 'k', long, value_name = "N", default_value_t = 10)]
    pub(super) count: usize,
    /// Items that must not be recommended, by original identifier.
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    pub(super) exclude: Vec<String>,
    /// The stage that makes the lists, where there are several.
    #[arg(long, value_name = "STAGE", add = ArgValueCandidates::new(completion::stages))]
    pub(super) model: Option<String>,
    /// Items that were not there at training, as `pipe tokenize --output` writes them; with --history they are recommended too.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) new_items: Option<PathBuf>,
    /// Print the history as well.
    #[arg(long)]
    pub(super) explain: bool,
    /// The device that decodes.
    #[arg(long, default_value = "cpu", value_parser = ["auto", "cpu", "cuda"])]
    pub(super) device: String,
}

/// Prints what a model recommends.
pub(super) fn recommend(arguments: &RecommendArguments) -> Result<()> {
    if arguments.count == 0 {
        return Err(Error::Usage {
            message: "-k is 0, expected at least 1".to_owned(),
            hint: Some("leave -k out for 10 items".to_owned()),
        });
    }
    let session = Session::open(&arguments.pipeline)?;
    let stage = ranking_stage(&session, arguments.model.as_deref())?;
    // Until the answer is there, nothing of what it needs goes.
    let _lock = session.store.lock_shared()?;
    let request = Recommend {
        stage: lineage(&session, &arguments.pipeline.pipeline, stage)?,
        whom: match &arguments.user {
            Some(user) => Whom::User(user.clone()),
            None => Whom::History(arguments.history.clone()),
        },
        count: arguments.count,
        exclude: arguments.exclude.clone(),
        new_items: arguments.new_items.clone(),
        device: arguments.device.clone(),
    };
    let answer = worker::ask(&session.worker, &request)?;
    if answer.items.len() < arguments.count {
        let (found, asked) = (answer.items.len(), arguments.count);
        tracing::warn!("{found} items instead of {asked}: raise top_k of '{}' for longer lists", request.stage.name);
    }
    if arguments.pipeline.output.json {
        print_line(json!(answer).to_string());
    } else {
        print_text(&answer, &request, arguments.explain);
    }
    Ok(())
}

fn print_text(answer: &Recommended, request: &Recommend, explain: bool) {
    let of = match &request.whom {
        Whom::User(user) => format!("user {user}"),
        Whom::History(_) => "this history".to_owned(),
    };
    let (source, length) = (answer.source.as_str(), answer.history.len());
    print_line(format!("{of}: {source} list of '{}' after {length} items", request.stage.name));
    if explain {
        print_line("\nhistory, oldest first".to_owned());
        print_rows(&answer.history.iter().map(named).collect::<Vec<_>>(), false);
    }
    print_line(String::new());
    print_rows(&answer.items.iter().map(scored).collect::<Vec<_>>(), false);
}

fn named(item: &NamedItem) -> Map<String, Value> {
    let cells = [("item", item.item.into()), ("id", item.id.clone().into()), ("title", item.title.clone().into())];
    cells.into_iter().map(|(name, cell): (&str, Value)| (name.to_owned(), cell)).collect()
}

fn scored(item: &ScoredItem) -> Map<String, Value> {
    let mut row = Map::from_iter([("rank".to_owned(), item.rank.into())]);
    row.extend(named(&item.item));
    row.insert("score".to_owned(), f64::from(item.score).into());
    row
}

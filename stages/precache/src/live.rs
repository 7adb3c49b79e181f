//! Lists for histories that are given on request, by the model and the settings of a finished stage.

use crate::parameters::Parameters;
use crate::ranker::Ranker;
use contract::questions::Lineage;
use contract::{Failure, FailureKind, Result, Stage as _};
use frames::Codes;
use recommender::beam::{Trie, ranked_items};
use std::path::PathBuf;
use tch::Device;

/// What a finished stage ranks by, read but for the model.
#[derive(Debug)]
pub struct LiveModel {
    parameters: Parameters,
    codes: Codes,
    trie: Trie,
    base: PathBuf,
    tuned: PathBuf,
    max_history: usize,
}

/// A loaded model that ranks items for histories.
pub struct Live<'a> {
    ranker: Ranker<'a>,
    of: &'a LiveModel,
}

impl std::fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("of", self.of).finish_non_exhaustive()
    }
}

impl LiveModel {
    /// Reads codes and settings of a finished stage. Prompts have the newest `max_history` items of a history.
    ///
    /// # Errors
    /// [`FailureKind::Conflict`] when the stage is no `precache`, or takes codes that no item has. When a file cannot be read.
    pub fn of(stage: &Lineage, max_history: usize) -> Result<Self> {
        if stage.uses != crate::Precache::NAME {
            let message = format!(
                "'{}' uses {}, which makes lists of known users alone: a history is decoded by a stage that uses precache",
                stage.name, stage.uses
            );
            return Err(Failure::new(FailureKind::Conflict, message).hint("name a precache stage with --model"));
        }
        let parameters: Parameters = stage.parameters()?;
        if parameters.constraint != recommender::beam::Constraint::Trie {
            let message =
                format!("'{}' has constraint = \"per-level\", whose lists have codes that no item has", stage.name);
            return Err(Failure::new(FailureKind::Conflict, message).hint("set constraint = \"trie\" in precache"));
        }
        if parameters.candidates != recommender::Candidates::All {
            let message = format!("'{}' has candidates = \"new\", whose lists have new items alone", stage.name);
            return Err(Failure::new(FailureKind::Conflict, message).hint("set candidates = \"all\" in precache"));
        }
        let codes = Codes::read(stage.input("codes")?)?;
        let trie = Trie::of(&codes);
        let (base, tuned) = (stage.input("llm")?.to_owned(), stage.input("model")?.to_owned());
        Ok(Self { parameters, codes, trie, base, tuned, max_history })
    }

    /// The same with more items, numbered behind the others, whose codes are paths of the beam search too.
    ///
    /// # Errors
    /// [`FailureKind::Conflict`] when the model ranks by its item head, which has vectors of the items of training alone.
    pub fn with_new_items(mut self, codes: &[Vec<u32>]) -> Result<Self> {
        if codes.is_empty() {
            return Ok(self);
        }
        if self.parameters.scoring != decoding::Scoring::Beam {
            let message =
                "new items cannot be ranked: scoring is by the item head, which knows the items of training alone";
            return Err(Failure::new(FailureKind::Conflict, message).hint("set scoring = \"beam\" in precache"));
        }
        self.codes.extend(codes);
        self.trie = Trie::of(&self.codes);
        Ok(self)
    }

    /// Loads the model.
    ///
    /// # Errors
    /// When a file of it cannot be read, or it does not fit the codes.
    pub fn load(&self, device: Device) -> Result<Live<'_>> {
        let ranker = Ranker::open(&self.tuned, &self.base, device, &self.codes, &self.trie, &self.parameters)?;
        Ok(Live { ranker, of: self })
    }

    /// The codes of the items.
    #[must_use]
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The number of items.
    #[must_use]
    pub fn items(&self) -> usize {
        self.codes.items()
    }
}

impl Live<'_> {
    /// The `count` best items of each history, without its own and those of `exclude`. Lists are made without support.
    ///
    /// # Errors
    /// When an item is not one of the codes', or the device has too little memory.
    pub fn rank(&self, asked: &[LiveRequest<'_>]) -> Result<Vec<Vec<(u32, f32)>>> {
        let items = self.of.items();
        let known = asked.iter().flat_map(|asked| asked.history);
        if let Some(item) = known.copied().find(|&item| item as usize >= items) {
            return Err(Failure::new(FailureKind::Conflict, format!("there is no item {item} among {items}")));
        }
        let histories: Vec<&[u32]> = asked.iter().map(|asked| asked.history).collect();
        let found = self.ranker.leaves(&histories, self.of.max_history)?;
        let list = |(asked, leaves): (&LiveRequest<'_>, Vec<_>)| {
            let seen = [asked.history, asked.exclude].concat();
            ranked_items(&self.of.trie, &leaves, &seen, asked.count).1
        };
        Ok(asked.iter().zip(found).map(list).collect())
    }
}

/// A history to rank items for.
#[derive(Clone, Copy, Debug)]
pub struct LiveRequest<'a> {
    /// The items, oldest first.
    pub history: &'a [u32],
    /// Items that the list must not have, besides those.
    pub exclude: &'a [u32],
    /// How many items at most.
    pub count: usize,
}

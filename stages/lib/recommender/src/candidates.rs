//! Which items lists may have.

use contract::{Failure, FailureKind, Result};
use frames::Interactions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which items lists may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Candidates {
    /// All.
    #[default]
    All,
    /// New items alone, which no training interaction has: how a model orders them among themselves.
    New,
}

impl Candidates {
    /// `[items]` whether a list may have each.
    ///
    /// # Errors
    /// [`FailureKind::NothingUsable`] when no item may be in a list.
    pub fn of(self, interactions: &Interactions) -> Result<Vec<bool>> {
        let are: Vec<bool> = match self {
            Self::All => vec![true; interactions.dataset.items],
            Self::New => interactions.is_trained().into_iter().map(|is_trained| !is_trained).collect(),
        };
        if are.contains(&true) {
            return Ok(are);
        }
        let message = format!("candidates is \"new\", but all {} items have a training interaction", are.len());
        Err(Failure::new(FailureKind::NothingUsable, message).hint("set new_items in ingest, or candidates = \"all\""))
    }
}

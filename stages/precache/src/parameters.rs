//! What can be set.

use contract::{Failure, FailureKind, Result};
use decoding::{Scoring, Settings};
use nn::Precision;
use prompts::{INFERENCE_VARIANT, PromptTemplate, VARIANT_COUNT};
use recommender::Candidates;
use recommender::beam::Constraint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which users get lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UserSelection {
    /// Those with a test item.
    #[default]
    Tested,
    /// All; a user without a test item gets a list after the whole history.
    All,
}

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
    /// Which items lists may have. `new` needs a model without an item head.
    pub candidates: Candidates,
    /// Which users get lists. Metrics count those with a test item alone; a service answers all.
    pub users: UserSelection,
    /// How many users go through the model at once. More need more memory.
    #[schemars(range(min = 1))]
    pub batch: usize,
    /// In which kind of numbers the model computes. bf16 is several times as fast on a CPU that has instructions for it; lists differ
    /// where scores are close.
    pub precision: Precision,
    /// The prompt template of the history. It must be the one that `tasks` was given: the model has seen no other.
    pub prompt_template: PromptTemplate,
    /// Which of the six questions is asked with `prompt_template = "question"`, all of which `tasks` trains; 1 is the paper's.
    #[schemars(range(min = 0, max = 5))]
    pub prompt_variant: u64,
    /// Which codes may follow each other. `per-level` is LC-Rec's, to compare with.
    pub constraint: Constraint,
    /// What items are ranked by; `rerank` and `head` need a model with an item head (`finetune.item_head`).
    pub scoring: Scoring,
    /// With `rerank` the weight of the head's log-probability; the beam's has the rest to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub head_weight: f64,
    /// Weight of what `support` adds to the beam search; 0 for none.
    #[schemars(range(min = 0.0))]
    pub support_weight: f64,
    /// Weights of the support of which held-out items choose one; empty: `support_weight` is taken.
    pub support_weights: Vec<f64>,
    /// What part of the support is spread over all items, so that an item outside the list can be found.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub support_floor: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            beam: 20,
            top_k: 20,
            candidates: Candidates::All,
            users: UserSelection::Tested,
            batch: 64,
            precision: Precision::Auto,
            prompt_template: PromptTemplate::Question,
            prompt_variant: INFERENCE_VARIANT,
            constraint: Constraint::Trie,
            scoring: Scoring::Beam,
            head_weight: 0.5,
            support_weight: 0.0,
            support_weights: Vec::new(),
            support_floor: 0.1,
        }
    }
}

impl Parameters {
    /// How items are searched and ranked.
    pub(crate) fn settings(&self) -> Settings {
        Settings { scoring: self.scoring, constraint: self.constraint, beam: self.beam, head_weight: self.head_weight }
    }

    /// Whether any support is to be added.
    pub(crate) fn asks_for_support(&self) -> bool {
        self.support_weight > 0.0 || !self.support_weights.is_empty()
    }

    /// Refuses what contradicts itself.
    pub(crate) fn check(&self) -> Result<()> {
        if self.beam == 0 || self.top_k == 0 || self.batch == 0 {
            return conflict("beam, top_k and batch must be at least 1".to_owned());
        }
        if self.prompt_variant >= VARIANT_COUNT {
            return conflict(format!("prompt_variant is {}, expected 0 to {}", self.prompt_variant, VARIANT_COUNT - 1));
        }
        if self.prompt_variant != INFERENCE_VARIANT && self.prompt_template == PromptTemplate::Continuation {
            return conflict(
                "prompt_variant is set, but prompt_template = \"continuation\" has one form alone".to_owned(),
            );
        }
        for (name, value) in [("head_weight", self.head_weight), ("support_floor", self.support_floor)] {
            if !(0.0..=1.0).contains(&value) {
                return conflict(format!("{name} is {value}, expected 0 to 1"));
            }
        }
        let weights = self.support_weights.iter().chain([&self.support_weight]);
        if let Some(weight) = weights.copied().find(|weight| !(*weight >= 0.0 && weight.is_finite())) {
            return conflict(format!("a weight of the support is {weight}, expected at least 0"));
        }
        if self.asks_for_support() && self.support_floor == 0.0 {
            return conflict("support_floor is 0, so items outside a list would have no probability".to_owned());
        }
        if self.constraint == Constraint::PerLevel && (self.scoring != Scoring::Beam || self.asks_for_support()) {
            return conflict(
                "constraint is \"per-level\", which goes with scoring = \"beam\" and without support alone".to_owned(),
            );
        }
        if self.candidates == Candidates::New && (self.scoring != Scoring::Beam || self.constraint != Constraint::Trie)
        {
            return conflict(
                "candidates is \"new\", which goes with scoring = \"beam\" and constraint = \"trie\" alone: the head knows no new item"
                    .to_owned(),
            );
        }
        if self.asks_for_support() && self.scoring == Scoring::Head {
            return conflict(
                "support_weight is set and scoring is \"head\", which has no beams to support: use blend".to_owned(),
            );
        }
        Ok(())
    }
}

fn conflict(message: String) -> Result<()> {
    Err(Failure::new(FailureKind::Conflict, message))
}

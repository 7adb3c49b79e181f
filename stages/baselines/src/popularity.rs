//! The items that most interactions are with, for everyone.

use crate::ranking::{inputs, outputs, rank_everyone};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Interactions, Split};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ranks by the number of training rows.
#[derive(Debug)]
pub struct Popularity;

/// The parameters of [`Popularity`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PopularityParameters {
    /// How many items each list has.
    #[schemars(range(min = 1))]
    pub top_k: usize,
}

impl Default for PopularityParameters {
    fn default() -> Self {
        Self { top_k: 20 }
    }
}

impl Stage for Popularity {
    const NAME: &'static str = "popularity";
    const ABOUT: &'static str = "Ranks items by how often they occur in training rows, the same for every user.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = PopularityParameters;

    fn inputs() -> Vec<InputPort> {
        inputs()
    }

    fn outputs() -> Vec<OutputPort> {
        outputs()
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        let interactions = Interactions::read(context.input("interactions")?)?;
        let counts = training_counts(&interactions);
        rank_everyone(&interactions, parameters.top_k, context, |_, scores| scores.copy_from_slice(&counts))?
            .write(context.output("rankings"))
    }
}

/// `[items]` how often each item occurs in training rows.
pub(crate) fn training_counts(interactions: &Interactions) -> Vec<f32> {
    let mut counts = vec![0.0; interactions.dataset.items];
    for item in interactions.sequences(&[Split::Train]).into_iter().flatten() {
        counts[item as usize] += 1.0;
    }
    counts
}

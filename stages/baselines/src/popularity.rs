//! The items that most interactions are with, for everyone.

use crate::counts::occurrences;
use crate::ranking::{inputs, list_outputs, rank};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Interactions, Rankings, Split};
use recommender::ChoiceSplit;
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
        list_outputs()
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        let interactions = Interactions::read(context.input("interactions")?)?;
        let items = interactions.dataset.items;
        let lists = |sequences: &[Vec<u32>], interactions, split| {
            let counts = occurrences(sequences, items);
            rank(interactions, split, parameters.top_k, |_, scores| scores.copy_from_slice(&counts))
        };
        let split = ChoiceSplit::of(&interactions);
        recommender::thread_pool(context)?.install(|| {
            lists(&interactions.sequences(&[Split::Train]), &interactions, None)?.write(context.output("rankings"))?;
            let validation = match &split {
                Some(split) => lists(&split.histories(), &split.interactions, Some(split))?,
                None => Rankings::default(),
            };
            validation.write(context.output("validation"))
        })
    }
}

//! TIGER (Rajput et al. 2023): items are the codes that `codebook` gave them.

use crate::base;
use crate::language::{Language, Prompt};
use crate::parameters::parameters;
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Codes, Interactions, kinds};

parameters! {
    /// The parameters of `tiger`.
    TigerParameters {}
}

/// The stage `tiger`.
#[derive(Debug)]
pub struct Tiger;

impl Stage for Tiger {
    const NAME: &'static str = "tiger";
    const ABOUT: &'static str = "Trains a T5 from scratch that writes the codes of the next item (TIGER).";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = true;
    const THREADS: Threads = Threads::All;
    const CHECKPOINTS: bool = true;
    type Parameters = TigerParameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required(
                "interactions",
                kinds::INTERACTIONS,
                "Who interacted with what; training rows are learned.",
            ),
            InputPort::required("codes", kinds::CODES, "The codes of every item."),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        base::outputs()
    }

    fn run(parameters: TigerParameters, context: &Context) -> Result<()> {
        let shared = parameters.shared();
        shared.check()?;
        let device = nn::start(context)?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        let codes = Codes::read(context.input("codes")?)?;
        recommender::same_ingest(("interactions", interactions.dataset.items), ("codes", codes.items()))?;
        let language = Language::new(&codes, Prompt::Bare, shared.max_length);
        nn::thread_pool(context)?.install(|| base::run(&language, &shared, &interactions, device, context))
    }
}

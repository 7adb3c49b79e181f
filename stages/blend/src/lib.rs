//! One ranking of several: their scores, made comparable within each user's list, are summed with weights.
//!
//! For user u and model m let `s_m(j)` be item j's score in the list, `r_m(j)` its rank from 1, and n, μ, σ, min and max of the
//! list's scores. An item that is not in the list has `v_m(j) = 0`, else by `normalisation`:
//!
//! * `reciprocal-rank`: `v_m(j) = 1 / (rank_constant + r_m(j))` (Cormack, Clarke & Büttcher 2009);
//! * `softmax`: `v_m(j) = exp(s_m(j)) / Σ_i exp(s_m(i))`;
//! * `z-score`: `v_m(j) = (s_m(j) − min) / σ`, the z-score counted from that of the list's last item;
//! * `min-max`: `v_m(j) = (s_m(j) − min) / (max − min)`.
//!
//! A list of equal scores has `σ = max − min = 0` and then `v = 0`. `score(j) = Σ_m w_m c_m^γ v_m(j)`, where `c_m = (max − μ) / σ` says
//! how far the list's first item is above the others, and γ is 0 without `confidence`.
//!
//! **Weights** are chosen by the NDCG@10 of held-out items, on lists of models that have not learned these (`validation`). The
//! search moves weight from one model to another in steps that become smaller, from equal weights and from the best model alone.
//! Weights chosen and measured on the same users look too good, so the reported gain is of each half of the users with what the
//! other half chose.

mod candidates;
mod choice;
mod inputs;
mod normalisation;
mod parameters;
mod report;
#[cfg(test)]
mod tests;

pub use normalisation::Normalisation;
pub use parameters::Parameters;

use candidates::Candidates;
use choice::Choice;
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Interactions, RankedList, Rankings, kinds, write_json};
use inputs::Inputs;
use recommender::ChoiceSplit;
use report::Report;

/// Blends the rankings of several models.
#[derive(Debug)]
pub struct Blend;

impl Stage for Blend {
    const NAME: &'static str = "blend";
    const ABOUT: &'static str = "Blends the rankings of several models, with weights that held-out items choose.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = Parameters;

    fn inputs() -> Vec<InputPort> {
        vec![
            InputPort::required("interactions", kinds::INTERACTIONS, "Holds the items that choose the weights."),
            InputPort::required("rankings", kinds::RANKINGS, "The lists to blend; the label names the model.").many(),
            InputPort::optional(
                "validation",
                kinds::VALIDATION_RANKINGS,
                "Each model's lists for held-out items, with the labels of `rankings`.",
            )
            .many(),
        ]
    }

    fn outputs() -> Vec<OutputPort> {
        vec![
            OutputPort::new(
                "rankings",
                kinds::RANKINGS,
                "rankings.parquet: the best items of every user with a test item.",
            ),
            OutputPort::new(
                "validation",
                kinds::VALIDATION_RANKINGS,
                "rankings.parquet: the same for held-out items; no rows without `validation`.",
            ),
            OutputPort::new(
                "report",
                kinds::REPORT,
                "report.json: the weights, each model's NDCG@10 and HR@10 of held-out items, the blend's, and its gain.",
            ),
        ]
    }

    fn run(parameters: Parameters, context: &Context) -> Result<()> {
        parameters.check()?;
        let interactions = Interactions::read(context.input("interactions")?)?;
        let inputs = Inputs::read(&interactions, context)?;
        recommender::thread_pool(context)?.install(|| run(&parameters, &interactions, &inputs, context))
    }
}

fn run(parameters: &Parameters, interactions: &Interactions, inputs: &Inputs, context: &Context) -> Result<()> {
    let (choice, report) = match parameters.given_weights(&inputs.labels)? {
        Some(weights) => {
            let choice = Choice::given(parameters, weights)?;
            (choice.clone(), Report::given(&inputs.labels, &choice))
        }
        None => choose(parameters, interactions, inputs)?,
    };
    for line in report.lines() {
        context.log(line);
    }
    let blended = |rankings: &[Rankings]| blend(rankings, &choice, parameters);
    blended(&inputs.rankings).write(context.output("rankings"))?;
    blended(&inputs.validation).write(context.output("validation"))?;
    write_json(context.output("report"), "report.json", &report)
}

fn choose(parameters: &Parameters, interactions: &Interactions, inputs: &Inputs) -> Result<(Choice, Report)> {
    let split = ChoiceSplit::of(interactions);
    let validation = split.as_ref().and_then(|split| split.validation(choice::CUTOFF));
    let (Some(split), Some(validation)) = (split, validation) else {
        return Err(inputs::nothing_held_out());
    };
    inputs.check_validation()?;
    let found = choice::choose(parameters, inputs, &validation);
    let report = Report::chosen(&inputs.labels, split.held_out, validation.users().len(), &found);
    Ok((found.choice, report))
}

/// The blended lists of all users that any of the models has a list for.
fn blend(rankings: &[Rankings], choice: &Choice, parameters: &Parameters) -> Rankings {
    let lists = |of: fn(&Rankings) -> &[RankedList]| {
        let lists: Vec<&[RankedList]> = rankings.iter().map(of).collect();
        let of_user = |(user, lists): (u32, Vec<&[(u32, f32)]>)| {
            let candidates = Candidates::of(user, &lists, choice.normalisation, parameters.rank_constant);
            let items = candidates.best(&choice.weights, choice.confidence_power, parameters.top_k);
            (!items.is_empty()).then_some(RankedList { user, items })
        };
        inputs::by_user(&lists).into_iter().filter_map(of_user).collect()
    };
    Rankings { kept: lists(|rankings| &rankings.kept), excluded: lists(|rankings| &rankings.excluded) }
}

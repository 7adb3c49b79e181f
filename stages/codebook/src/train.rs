//! Training of the cascaded codebooks, Eq. 1 to 4.

use crate::adam::Trained;
use crate::assignment::{Nearest, subtract};
use crate::kmeans::{cluster, revive};
use crate::parameters::{Parameters, Projection};
use crate::projection::Linear;
use crate::rows::Rows;
use contract::{Context, Failure, FailureKind, Result};
use nn::failed;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;
use tch::{Kind, TchError, Tensor};

/// The mean losses of an epoch, per item and summed over levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Losses {
    /// L^B, in units of the embeddings' mean square.
    pub behaviour: f64,
    /// L^L, without its weight.
    pub llm: f64,
}

/// Codebooks under training.
#[derive(Debug)]
pub(crate) struct Codebooks {
    levels: Vec<Trained>,
    map: Option<Map>,
}

/// The map from text embeddings to codes.
#[derive(Debug)]
enum Map {
    /// Weight and bias, trained with the codes.
    Learned([Trained; 2]),
    /// Never changed.
    Fixed(Linear),
}

/// What training yields, in the scale of the embeddings it was given.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The codes of each level, `[C, d]`.
    pub levels: Vec<Rows>,
    /// The map from text embeddings, where there is one.
    pub projection: Option<Linear>,
    /// The losses of each epoch.
    pub curve: Vec<Losses>,
}

/// Trains codebooks on the items' embeddings, and on their text embeddings where given; both at a mean square of 1.
pub(crate) fn train(items: &Rows, text: Option<&Rows>, parameters: &Parameters, context: &Context) -> Result<Outcome> {
    let mut rng = ChaCha8Rng::seed_from_u64(context.seed());
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.shuffle(&mut rng);
    let first = initial_codes(&items.select(&order[..parameters.kmeans_batch.min(items.len())]), parameters, &mut rng);
    let map = match (text, parameters.projection) {
        (None, _) => None,
        (Some(text), Projection::Learned) => Some(Map::learned(&Linear::ridge(text, items, &mut rng)?)?),
        (Some(text), Projection::Ridge) => Some(Map::Fixed(Linear::ridge(text, items, &mut rng)?)),
        (Some(text), Projection::Pca) => Some(Map::Fixed(Linear::principal_components(text, items.dim, &mut rng)?)),
    };
    let mut books = Codebooks::new(&first, map)?;
    let text = text.map(Rows::tensor).transpose()?;

    let progress = context.progress(parameters.epochs as u64);
    let mut curve = Vec::with_capacity(parameters.epochs);
    for epoch in 1..=parameters.epochs {
        order.shuffle(&mut rng);
        let mut mean = Losses::default();
        for batch in order.chunks(parameters.batch) {
            let losses = books.step(items, text.as_ref(), batch, parameters)?;
            let share = batch.len() as f64 / items.len() as f64;
            mean.behaviour += share * losses.behaviour;
            mean.llm += share * losses.llm;
        }
        if !(mean.behaviour + mean.llm).is_finite() {
            let message = format!("the loss of epoch {epoch} is not a finite number: {mean:?}");
            return Err(Failure::new(FailureKind::Diverged, message).hint("take a lower learning_rate"));
        }
        books.revive(items)?;
        progress.set(epoch as u64, format!("behaviour loss {:.4}, llm loss {:.4}", mean.behaviour, mean.llm));
        curve.push(mean);
    }
    let levels = books.levels.iter().map(|level| Rows::of(&level.value.detach())).collect::<Result<_>>()?;
    Ok(Outcome { levels, projection: books.map.map(Map::into_linear), curve })
}

/// For each level the k-means centres of what the levels before it leave of the batch.
fn initial_codes(batch: &Rows, parameters: &Parameters, rng: &mut ChaCha8Rng) -> Vec<Rows> {
    let mut residual = batch.clone();
    (0..parameters.levels)
        .map(|_| {
            let codes = cluster(&residual, parameters.codes, rng);
            let assigned = Nearest::new(&codes).of(&residual);
            subtract(&mut residual, &codes, &assigned);
            codes
        })
        .collect()
}

impl Map {
    fn learned(start: &Linear) -> Result<Self> {
        let trained = |value: &Tensor| Trained::new(value).map_err(failed("start training"));
        Ok(Self::Learned([trained(&start.weight)?, trained(&start.bias)?]))
    }

    fn apply(&self, text: &Tensor) -> std::result::Result<Tensor, TchError> {
        match self {
            Self::Learned([weight, bias]) => text.f_matmul(&weight.value)?.f_add(&bias.value),
            Self::Fixed(map) => map.apply(text),
        }
    }

    fn into_linear(self) -> Linear {
        match self {
            Self::Learned([weight, bias]) => Linear { weight: weight.value.detach(), bias: bias.value.detach() },
            Self::Fixed(map) => map,
        }
    }
}

impl Codebooks {
    fn new(levels: &[Rows], map: Option<Map>) -> Result<Self> {
        let trained = |codes: &Rows| Trained::new(&codes.tensor()?).map_err(failed("start training"));
        Ok(Self { levels: levels.iter().map(trained).collect::<Result<_>>()?, map })
    }

    /// One step on a batch: assigns codes level by level, then descends on `L^B + alignment_weight × L^L`.
    fn step(
        &mut self,
        items: &Rows,
        text: Option<&Tensor>,
        batch: &[usize],
        parameters: &Parameters,
    ) -> Result<Losses> {
        let assigned = self.assign(&items.select(batch))?;
        let at = Tensor::f_from_slice(&batch.iter().map(|&item| item as i64).collect::<Vec<_>>())
            .map_err(failed("make a batch"))?;
        let descend = || -> std::result::Result<Losses, TchError> {
            let target = match (text, &self.map) {
                (Some(text), Some(map)) => Some(map.apply(&text.f_index_select(0, &at)?)?),
                _ => None,
            };
            let (mut behaviour, mut llm) = (Tensor::from(0.0_f32), Tensor::from(0.0_f32));
            for (level, (input, codes)) in self.levels.iter().zip(&assigned) {
                let chosen = level.value.f_index_select(0, codes)?;
                behaviour = behaviour.f_add(&squared_distance(input, &chosen)?)?;
                if let Some(target) = &target {
                    llm = llm.f_add(&cosine_distance(&chosen, target)?)?;
                }
            }
            behaviour.f_add(&llm.f_mul_scalar(parameters.alignment_weight)?)?.f_backward()?;
            Ok(Losses { behaviour: f64::try_from(behaviour)?, llm: f64::try_from(llm)? })
        };
        let losses = descend().map_err(failed("train the codes"))?;
        let map = match &mut self.map {
            Some(Map::Learned(trained)) => trained.as_mut_slice(),
            _ => &mut [],
        };
        for trained in self.levels.iter_mut().chain(map) {
            trained.step(parameters.learning_rate).map_err(failed("train the codes"))?;
        }
        Ok(losses)
    }

    /// Each level's input `[n, d]` and chosen codes `[n]`. The residual is a plain number to the levels after it, so
    /// each level's distance trains its own codes only.
    fn assign(&self, items: &Rows) -> Result<Vec<(Tensor, Tensor)>> {
        let mut residual = items.clone();
        let mut pairs = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let codes = Rows::of(&level.value.detach())?;
            let assigned = Nearest::new(&codes).of(&residual);
            let chosen: Vec<i64> = assigned.iter().map(|one| i64::from(one.0)).collect();
            pairs.push((residual.tensor()?, Tensor::f_from_slice(&chosen).map_err(failed("choose codes"))?));
            subtract(&mut residual, &codes, &assigned);
        }
        Ok(pairs)
    }

    /// Moves codes that no item chooses to the worst represented residuals of their level.
    fn revive(&mut self, items: &Rows) -> Result<()> {
        let mut residual = items.clone();
        for level in &mut self.levels {
            let mut codes = Rows::of(&level.value.detach())?;
            let mut assigned = Nearest::new(&codes).of(&residual);
            let revived = revive(&mut codes, &residual, &assigned);
            if !revived.is_empty() {
                let at: Vec<i64> = revived.iter().map(|&code| code as i64).collect();
                let rows = codes.select(&revived).tensor()?;
                Tensor::f_from_slice(&at).and_then(|at| level.replace(&at, &rows)).map_err(failed("revive codes"))?;
                assigned = Nearest::new(&codes).of(&residual);
            }
            subtract(&mut residual, &codes, &assigned);
        }
        Ok(())
    }
}

/// L^B of a level, Eq. 3: the mean over items of `|E − B|²`.
fn squared_distance(input: &Tensor, codes: &Tensor) -> std::result::Result<Tensor, TchError> {
    input.f_sub(codes)?.f_square()?.f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Float)?.f_mean(Kind::Float)
}

/// L^L of a level, Eq. 3: the mean over items of `1 − cos(B, E_LLM)`.
fn cosine_distance(codes: &Tensor, target: &Tensor) -> std::result::Result<Tensor, TchError> {
    Tensor::f_cosine_similarity(codes, target, 1, 1e-8)?.f_mean(Kind::Float)?.f_neg()?.f_add_scalar(1.0)
}

//! Training of the cascaded codebooks, Eq. 1 to 4.

use crate::adam::Trained;
use crate::alignment::{Map, cosine_distance};
use crate::assignment::{Nearest, only_codes, subtract};
use crate::epochs::{Learner, Losses, learn};
use crate::kmeans::{initial_codes, reset_dead_codes};
use crate::parameters::{LastLevel, Method, Parameters};
use crate::projection::Linear;
use crate::rows::Rows;
use crate::tokenize::codes_in_training;
use contract::{Context, Result};
use nn::failed;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tch::{Kind, TchError, Tensor};

/// Codebooks under training.
struct Codebooks<'a> {
    items: &'a Rows,
    text: Option<Tensor>,
    parameters: &'a Parameters,
    levels: Vec<Trained>,
    map: Option<Map>,
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
    let k_means = parameters.method == Method::ResidualKMeans;
    let batch = if k_means { items.len() } else { parameters.kmeans_batch.min(items.len()) };
    let first = initial_codes(&items.select(&order[..batch]), parameters, &mut rng);
    if k_means {
        return Ok(Outcome { levels: first, projection: None, curve: Vec::new() });
    }
    let map = Map::start(text, items, parameters, &mut rng)?;
    let trained = |codes: &Rows| Trained::new(&codes.tensor()?).map_err(failed("start training"));
    let levels = first.iter().map(trained).collect::<Result<_>>()?;
    let mut books = Codebooks { items, text: text.map(Rows::tensor).transpose()?, parameters, levels, map };
    let curve = learn(&mut books, order, parameters, &mut rng, context)?;
    let levels = books.levels.iter().map(|level| Rows::of(&level.value.detach())).collect::<Result<_>>()?;
    Ok(Outcome { levels, projection: books.map.map(Map::into_linear), curve })
}

impl Learner for Codebooks<'_> {
    /// Assigns codes level by level, then descends on `L^B + alignment_weight × L^L`.
    fn step(&mut self, batch: &[usize]) -> Result<Losses> {
        let assigned = self.assign(&self.items.select(batch), self.parameters.last_level)?;
        let at = places(batch)?;
        let descend = || -> std::result::Result<Losses, TchError> {
            let target = match (&self.text, &self.map) {
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
            behaviour.f_add(&llm.f_mul_scalar(self.parameters.alignment_weight)?)?.f_backward()?;
            Ok(Losses { behaviour: f64::try_from(behaviour)?, llm: f64::try_from(llm)? })
        };
        let losses = descend().map_err(failed("train the codes"))?;
        let map = self.map.as_mut().map_or(&mut [][..], Map::trained_mut);
        for trained in self.levels.iter_mut().chain(map) {
            trained.step(self.parameters.learning_rate).map_err(failed("train the codes"))?;
        }
        Ok(losses)
    }

    /// Moves codes that no item chooses to the worst represented residuals of their level.
    fn end_epoch(&mut self) -> Result<()> {
        let mut residual = self.items.clone();
        for level in &mut self.levels {
            let mut codes = Rows::of(&level.value.detach())?;
            let mut assigned = Nearest::new(&codes).of(&residual);
            let reset = reset_dead_codes(&mut codes, &residual, &assigned);
            if !reset.is_empty() {
                let rows = codes.select(&reset).tensor()?;
                level.replace(&places(&reset)?, &rows).map_err(failed("reset dead codes"))?;
                assigned = Nearest::new(&codes).of(&residual);
            }
            subtract(&mut residual, &codes, &only_codes(&assigned));
        }
        Ok(())
    }
}

impl Codebooks<'_> {
    /// Each level's input `[n, d]` and chosen codes `[n]`. The residual is a plain number to the levels after it, so
    /// each level's distance trains its own codes only.
    fn assign(&self, items: &Rows, last_level: LastLevel) -> Result<Vec<(Tensor, Tensor)>> {
        let levels = self.levels.iter().map(|level| Rows::of(&level.value.detach())).collect::<Result<Vec<_>>>()?;
        let chosen = codes_in_training(items, &levels, last_level);
        let mut residual = items.clone();
        let mut pairs = Vec::with_capacity(levels.len());
        for (level, codes) in levels.iter().zip(&chosen.levels) {
            pairs.push((residual.tensor()?, indices(codes)?));
            subtract(&mut residual, level, codes);
        }
        Ok(pairs)
    }
}

/// L^B of a level, Eq. 3: the mean over items of `|E − B|²`.
fn squared_distance(input: &Tensor, codes: &Tensor) -> std::result::Result<Tensor, TchError> {
    input.f_sub(codes)?.f_square()?.f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Float)?.f_mean(Kind::Float)
}

/// Codes as places in a level.
pub(crate) fn indices(codes: &[u32]) -> Result<Tensor> {
    Tensor::f_from_slice(&codes.iter().map(|&code| i64::from(code)).collect::<Vec<_>>()).map_err(failed("choose codes"))
}

/// Numbers of rows as a tensor.
pub(crate) fn places(rows: &[usize]) -> Result<Tensor> {
    Tensor::f_from_slice(&rows.iter().map(|&row| row as i64).collect::<Vec<_>>()).map_err(failed("choose rows"))
}

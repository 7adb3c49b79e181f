//! L^L of Eq. 3: codes are drawn to what the language model says of their items.

use crate::adam::Trained;
use crate::parameters::{Parameters, Projection};
use crate::projection::Linear;
use crate::rows::Rows;
use contract::Result;
use nn::failed;
use rand_chacha::ChaCha8Rng;
use tch::{Kind, TchError, Tensor};

/// The map from text embeddings to codes.
#[derive(Debug)]
pub(crate) enum Map {
    /// Weight and bias, trained with the codes.
    Learned([Trained; 2]),
    /// Never changed.
    Fixed(Linear),
}

impl Map {
    /// The map that training starts from, where there is text. Codes that an encoder moves need a map that moves along, so
    /// with one even the ridge is trained.
    pub(crate) fn start(
        text: Option<&Rows>,
        items: &Rows,
        parameters: &Parameters,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Self>> {
        let Some(text) = text else { return Ok(None) };
        let moves = parameters.encoder_decoder;
        Ok(Some(match parameters.projection {
            Projection::Pca => Self::Fixed(Linear::principal_components(text, items.dim, rng)?),
            Projection::Ridge if !moves => Self::Fixed(Linear::ridge(text, items, rng)?),
            Projection::Ridge | Projection::Learned => Self::learned(&Linear::ridge(text, items, rng)?)?,
        }))
    }

    fn learned(start: &Linear) -> Result<Self> {
        let trained = |value: &Tensor| Trained::new(value).map_err(failed("start training"));
        Ok(Self::Learned([trained(&start.weight)?, trained(&start.bias)?]))
    }

    /// The mapped text embeddings.
    pub(crate) fn apply(&self, text: &Tensor) -> std::result::Result<Tensor, TchError> {
        match self {
            Self::Learned([weight, bias]) => text.f_matmul(&weight.value)?.f_add(&bias.value),
            Self::Fixed(map) => map.apply(text),
        }
    }

    /// What of it is trained.
    pub(crate) fn trained(&self) -> &[Trained] {
        match self {
            Self::Learned(trained) => trained,
            Self::Fixed(_) => &[],
        }
    }

    /// The same, to be moved.
    pub(crate) fn trained_mut(&mut self) -> &mut [Trained] {
        match self {
            Self::Learned(trained) => trained,
            Self::Fixed(_) => &mut [],
        }
    }

    /// The map as it is now.
    pub(crate) fn into_linear(self) -> Linear {
        match self {
            Self::Learned([weight, bias]) => Linear { weight: weight.value.detach(), bias: bias.value.detach() },
            Self::Fixed(map) => map,
        }
    }
}

/// L^L of a level: the mean over items of `1 − cos(B, E_LLM)`.
pub(crate) fn cosine_distance(codes: &Tensor, target: &Tensor) -> std::result::Result<Tensor, TchError> {
    Tensor::f_cosine_similarity(codes, target, 1, 1e-8)?.f_mean(Kind::Float)?.f_neg()?.f_add_scalar(1.0)
}

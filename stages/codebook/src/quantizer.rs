//! A trained codebook: how a vector becomes codes, and what they leave of it.

use crate::assignment::{Nearest, only_codes};
use crate::collisions::resolve;
use crate::free_codes::take_free_codes;
use crate::layers::Layers;
use crate::parameters::Collisions;
use crate::rows::Rows;
use crate::tokenize::{residual, tokenize};
use contract::{Failure, FailureKind, Result};
use frames::Codes;
use std::collections::{BTreeMap, BTreeSet};
use tch::Tensor;

/// Levels of codes `[C, d]`, for vectors as they are or as an encoder makes them.
#[derive(Debug)]
pub(crate) struct Quantizer {
    levels: Vec<Rows>,
    /// Encoder and decoder.
    layers: Option<(Layers, Layers)>,
}

impl Quantizer {
    /// Codes for the vectors as they are: Eq. 1 and 2.
    pub(crate) fn cascade(levels: Vec<Rows>) -> Self {
        Self { levels, layers: None }
    }

    /// Codes for what the encoder makes of the vectors.
    pub(crate) fn encoded(levels: Vec<Rows>, encoder: Layers, decoder: Layers) -> Self {
        Self { levels, layers: Some((encoder, decoder)) }
    }

    /// Takes one out of a file's tensors.
    pub(crate) fn take(tensors: &mut BTreeMap<String, Tensor>) -> Result<Self> {
        let levels: Vec<Rows> = (1..)
            .map_while(|level| tensors.remove(&format!("level_{level}")))
            .map(|tensor| Rows::of(&tensor))
            .collect::<Result<_>>()?;
        if levels.is_empty() {
            let message = format!("the codebook has no tensor 'level_1'; it has {:?}", tensors.keys());
            return Err(Failure::new(FailureKind::MissingField, message));
        }
        let layers = match tensors.contains_key("encoder_1.weight") {
            true => Some((Layers::take(tensors, "encoder")?, Layers::take(tensors, "decoder")?)),
            false => None,
        };
        Ok(Self { levels, layers })
    }

    /// All tensors by name.
    pub(crate) fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let mut tensors: Vec<(String, Tensor)> = (1..)
            .zip(&self.levels)
            .map(|(level, codes)| Ok((format!("level_{level}"), codes.tensor()?)))
            .collect::<Result<_>>()?;
        if let Some((encoder, decoder)) = &self.layers {
            tensors.extend(encoder.tensors("encoder"));
            tensors.extend(decoder.tensors("decoder"));
        }
        Ok(tensors)
    }

    /// Number of levels.
    pub(crate) fn levels(&self) -> usize {
        self.levels.len()
    }

    /// The length of the vectors that it takes, d.
    pub(crate) fn dim(&self) -> usize {
        match &self.layers {
            Some((encoder, _)) => encoder.from(),
            None => self.levels.first().map_or(0, |level| level.dim),
        }
    }

    /// The codes of each row.
    pub(crate) fn codes(&self, rows: &Rows) -> Result<Codes> {
        Ok(tokenize(&self.encode(rows)?, &self.levels))
    }

    /// Does to rows that have all codes in common what is asked.
    pub(crate) fn part(&self, rows: &Rows, codes: &mut Codes, collisions: Collisions) -> Result<()> {
        match (collisions, self.levels.split_last()) {
            (Collisions::Resolve, Some((last, before))) => {
                resolve(codes, &residual(&self.encode(rows)?, codes, before), last);
            }
            (Collisions::Free, _) => take_free_codes(codes, &self.encode(rows)?, &self.levels),
            _ => {}
        }
        Ok(())
    }

    /// The mean squared length of what each level of their codes leaves of the rows, as the decoder makes them again where
    /// there is one.
    pub(crate) fn residuals(&self, rows: &Rows, codes: &Codes) -> Result<Vec<f64>> {
        let encoded = self.encode(rows)?;
        let of_level = |level: usize| -> Result<f64> {
            let mut left = residual(&encoded, codes, &self.levels[..level]);
            if let Some((_, decoder)) = &self.layers {
                left.values.iter_mut().zip(&encoded.values).for_each(|(left, value)| *left = value - *left);
                left = decoder.map(&left)?;
                left.values.iter_mut().zip(&rows.values).for_each(|(made, value)| *made = value - *made);
            }
            Ok(left.mean_squared_length())
        };
        (1..=self.levels.len()).map(of_level).collect()
    }

    /// The codes of each projected text: at each level the one with the highest cosine, which is the measure of L^L
    /// (Eq. 3). It says nothing of a text's length, so distances and residuals mean nothing here: by distance, texts would
    /// all fall to the shortest codes.
    pub(crate) fn codes_of_text(&self, projected: &Rows) -> Codes {
        let directions = projected.unit();
        let nearest = |level: &Rows| only_codes(&Nearest::new(&level.unit()).of(&directions));
        Codes { levels: self.levels.iter().map(nearest).collect() }
    }

    /// The same, of the codes that those items have: whatever is trained on them knows no others.
    pub(crate) fn known_codes_of_text(&self, projected: &Rows, codes: &Codes, of: &[usize]) -> Codes {
        let directions = projected.unit();
        let level = |(level, codes): (&Rows, &Vec<u32>)| {
            let known: BTreeSet<usize> = of.iter().map(|&item| codes[item] as usize).collect();
            let known: Vec<usize> = known.into_iter().collect();
            let nearest = only_codes(&Nearest::new(&level.select(&known).unit()).of(&directions));
            nearest.into_iter().map(|place| known[place as usize] as u32).collect()
        };
        Codes { levels: self.levels.iter().zip(&codes.levels).map(level).collect() }
    }

    fn encode(&self, rows: &Rows) -> Result<Rows> {
        match &self.layers {
            Some((encoder, _)) => encoder.map(rows),
            None => Ok(rows.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_items_get_the_nearest_codes() {
        let level = Rows { dim: 2, values: vec![10.0, 0.0, 0.0, 1.0] };
        let quantizer = Quantizer::cascade(vec![level.clone(), level]);
        let row = Rows { dim: 2, values: vec![0.2, 0.1] };
        assert_eq!(quantizer.codes_of_text(&row).of(0), [0, 0]);
        let of_others = Codes { levels: vec![vec![1, 0], vec![0, 0]] };
        assert_eq!(quantizer.known_codes_of_text(&row, &of_others, &[0]).of(0), [1, 0]);
        assert_eq!(quantizer.codes(&row).unwrap().of(0), [1, 1]);
    }

    #[test]
    fn what_is_left_is_counted_level_by_level() {
        let items = Rows { dim: 1, values: vec![1.25, 4.75] };
        let level = |values: [f32; 2]| Rows { dim: 1, values: values.to_vec() };
        let quantizer = Quantizer::cascade(vec![level([1.0, 5.0]), level([-0.25, 0.25])]);
        let codes = quantizer.codes(&items).unwrap();
        assert_eq!(quantizer.residuals(&items, &codes).unwrap(), [0.0625, 0.0]);
    }
}

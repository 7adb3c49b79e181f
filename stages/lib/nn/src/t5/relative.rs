//! Relative positions: a learned number for each head and each bucket of distances (Raffel et al. 2020).

use crate::Torch;
use tch::{Device, Kind, Tensor};

/// How distances fall into buckets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buckets {
    /// Their number.
    pub(crate) count: i64,
    /// The distance from which on all share the last one.
    pub(crate) max_distance: i64,
    /// Whether keys after the query have buckets of their own, half of all; otherwise they count as distance 0.
    pub(crate) bidirectional: bool,
}

impl Buckets {
    /// The bucket of a key's position less the query's. Half of a side's buckets are exact distances, the others grow by
    /// the logarithm up to `max_distance`.
    pub(crate) fn of(self, relative: i64) -> i64 {
        let (buckets, first, distance) = match self.bidirectional {
            true => (self.count / 2, if relative > 0 { self.count / 2 } else { 0 }, relative.abs()),
            false => (self.count, 0, (-relative).max(0)),
        };
        let exact = buckets / 2;
        if distance < exact {
            return first + distance;
        }
        // In single precision, as the published code computes it.
        let growth = (self.max_distance as f64 / exact as f64).ln() as f32;
        let step = (distance as f32 / exact as f32).ln() / growth * (buckets - exact) as f32;
        first + (exact + step as i64).min(buckets - 1)
    }

    /// What is added to the scores, `[1, H, T, S]`, of queries and keys at these positions, for `weight` `[count, H]`.
    pub(crate) fn bias(self, weight: &Tensor, queries: &[i64], keys: &[i64]) -> Torch<Tensor> {
        let buckets: Vec<i64> =
            queries.iter().flat_map(|&query| keys.iter().map(move |&key| self.of(key - query))).collect();
        let buckets = Tensor::f_from_slice(&buckets)?.f_view([queries.len() as i64, keys.len() as i64])?;
        let chosen = Tensor::f_embedding(weight, &buckets.f_to_device(weight.device())?, -1, false, false)?;
        chosen.f_permute([2, 0, 1])?.f_unsqueeze(0)
    }
}

/// 0 where a query may attend and -inf elsewhere, for a mask of bools.
pub(crate) fn added(mask: &Tensor, kind: Kind) -> Torch<Tensor> {
    let zeros = Tensor::f_zeros(mask.size(), (kind, mask.device()))?;
    zeros.f_masked_fill(&mask.f_logical_not()?, f64::NEG_INFINITY)
}

/// The mask `[1, 1, T, S]` by which each of the last T of S tokens sees itself and those before.
pub(crate) fn causal(tokens: i64, past: i64, device: Device) -> Torch<Tensor> {
    Tensor::f_ones([1, 1, tokens, past + tokens], (Kind::Bool, device))?.f_tril(past)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_are_exact_and_far_ones_share_buckets() {
        let both = Buckets { count: 32, max_distance: 128, bidirectional: true };
        assert_eq!([-7, -1, 0, 1, 7].map(|relative| both.of(relative)), [7, 1, 0, 17, 23]);
        assert_eq!([-8, -11, -12, -127, -128, -5000].map(|relative| both.of(relative)), [8, 8, 9, 15, 15, 15]);
        assert_eq!([8, 128].map(|relative| both.of(relative)), [24, 31]);
        let back = Buckets { bidirectional: false, ..both };
        assert_eq!([5, 0, -15, -16, -128].map(|relative| back.of(relative)), [0, 0, 15, 16, 31]);
    }

    #[test]
    fn the_bias_is_the_row_of_the_bucket() {
        let buckets = Buckets { count: 4, max_distance: 8, bidirectional: false };
        let weight = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([4, 2]);
        let bias = buckets.bias(&weight, &[3, 3], &[0, 3, 4]).unwrap();
        assert_eq!(bias.size(), [1, 2, 2, 3]);
        assert_eq!(bias.double_value(&[0, 1, 0, 0]), 2.0 * buckets.of(-3) as f64 + 1.0);
        assert_eq!(bias.double_value(&[0, 0, 1, 1]), 0.0);
    }
}

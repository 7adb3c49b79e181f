//! Sequences of different lengths as one batch.

use super::Torch;
use super::samples::Sample;
use tch::{Device, Kind, Tensor};

/// Sequences without padding, one after the other, and where each item is when they are padded.
///
/// What works on items alone has one row for each; what works on sequences pads them on the left, so that all end at the
/// last place, and takes the rows back out.
#[derive(Debug)]
pub(crate) struct Packed {
    /// `[tokens]` the row of the table.
    pub(crate) items: Tensor,
    /// `[tokens]` places before the last item of the sequence.
    pub(crate) positions: Tensor,
    /// `[targets]` the tokens whose hidden states are asked for.
    pub(crate) targets: Tensor,
    /// `[sequences, width]` true where no item is.
    pub(crate) padding: Tensor,
    /// `[sequences · width]` the token at each place, or the number of tokens where none is.
    tokens: Tensor,
    /// `[tokens]` the place of each token.
    places: Tensor,
    sequences: i64,
    width: i64,
}

impl Packed {
    /// The batch of these sequences, none of them empty, whose items are the rows that `row` says, padded to `width` places, or as many as the
    /// longest has.
    pub(crate) fn new(
        samples: &[Sample],
        width: Option<usize>,
        mut row: impl FnMut(u32) -> i64,
        device: Device,
    ) -> Torch<Self> {
        let longest = samples.iter().map(|sample| sample.items.len()).max().unwrap_or(0);
        let width = width.unwrap_or(longest).max(longest);
        let count: usize = samples.iter().map(|sample| sample.items.len()).sum();
        let (mut items, mut positions) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut places, mut targets) = (Vec::with_capacity(count), Vec::new());
        let mut tokens = vec![count as i64; samples.len() * width];
        let mut padding = vec![true; samples.len() * width];
        for (sequence, sample) in samples.iter().enumerate() {
            targets.extend(sample.at.iter().map(|&at| (items.len() + at as usize) as i64));
            let (length, end) = (sample.items.len(), (sequence + 1) * width);
            for (place, &item) in sample.items.iter().enumerate() {
                let slot = end - length + place;
                tokens[slot] = items.len() as i64;
                padding[slot] = false;
                places.push(slot as i64);
                positions.push((length - 1 - place) as i64);
                items.push(row(item));
            }
        }
        let tensor = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        let (sequences, width) = (samples.len() as i64, width as i64);
        Ok(Self {
            items: tensor(&items)?,
            positions: tensor(&positions)?,
            targets: tensor(&targets)?,
            padding: Tensor::f_from_slice(&padding)?.f_view([sequences, width])?.f_to_device(device)?,
            tokens: tensor(&tokens)?,
            places: tensor(&places)?,
            sequences,
            width,
        })
    }

    /// `[tokens, n]` to `[sequences, width, n]`, with zeros where no item is.
    pub(crate) fn pad(&self, rows: &Tensor) -> Torch<Tensor> {
        let columns = rows.size()[1];
        let zero = Tensor::f_zeros([1, columns], (Kind::Float, rows.device()))?;
        let rows = Tensor::f_cat(&[rows, &zero], 0)?;
        rows.f_index_select(0, &self.tokens)?.f_view([self.sequences, self.width, columns])
    }

    /// `[sequences, width, n]` to `[tokens, n]`.
    pub(crate) fn unpad(&self, padded: &Tensor) -> Torch<Tensor> {
        let columns = padded.size()[2];
        padded.f_reshape([self.sequences * self.width, columns])?.f_index_select(0, &self.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_on_the_left_and_taken_back_out() {
        let sample =
            |items: &[u32]| Sample { items: items.to_vec(), at: vec![items.len() as u32 - 1], targets: vec![0] };
        let batch = Packed::new(&[sample(&[4]), sample(&[5, 6, 7])], None, i64::from, Device::Cpu).unwrap();
        let rows = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view([4, 1]);
        let padded = batch.pad(&rows).unwrap();
        let expected = Tensor::from_slice(&[0.0_f32, 0.0, 1.0, 2.0, 3.0, 4.0]).view([2, 3, 1]);
        assert_eq!(padded, expected);
        assert_eq!(batch.unpad(&padded).unwrap(), rows);
        assert_eq!(Vec::<i64>::try_from(&batch.positions).unwrap(), [0, 2, 1, 0]);
        assert_eq!(Vec::<i64>::try_from(&batch.targets).unwrap(), [0, 3]);
        assert_eq!(Vec::<i64>::try_from(&batch.items).unwrap(), [4, 5, 6, 7]);
    }
}

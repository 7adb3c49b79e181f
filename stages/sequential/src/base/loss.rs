//! What a training step minimises, for hidden states `h`, targets `y` and the table of items `E`.
//!
//! * Softmax over all items: `log Σ_j exp(h·E_j) − h·E_y`.
//! * Sampled softmax: `log(exp(h·E_y) + Σ_(j ≠ y) (c_j / (K q_j)) exp(h·E_j)) − h·E_y`, for K draws from `q` in which `j` occurs `c_j`
//!   times (Bengio & Senécal 2008): the expected sum is that over all items.
//! * The loss of SASRec: `−log σ(h·E_y) − log(1 − σ(h·E_j))` for one item `j` outside the sequence.
//!
//! Each is the mean over the targets of a batch.

use super::Torch;
use tch::{Device, Reduction, Tensor};

/// What the targets of a part of a batch are compared with. Rows are those of the part's table.
#[derive(Debug)]
pub(crate) enum Compared {
    /// The first rows of the table: all items.
    All { items: i64 },
    /// The first rows of the table, with their corrections; `(target, row)` where a target is among them.
    Shared { corrections: Vec<f32>, accidental: Vec<(i64, i64)> },
    /// A row for each target.
    Own { rows: Vec<i64> },
}

/// The sum of the losses of hidden states `[targets, columns]`, divided by `total`.
pub(crate) fn loss(hidden: &Tensor, table: &Tensor, targets: &[i64], compared: &Compared, total: f64) -> Torch<Tensor> {
    let device = hidden.device();
    let target_rows = Tensor::f_from_slice(targets)?.f_to_device(device)?;
    let sum = match compared {
        Compared::All { items } => {
            let scores = hidden.f_matmul(&table.f_narrow(0, 0, *items)?.f_transpose(0, 1)?)?;
            scores.f_cross_entropy_loss::<Tensor>(&target_rows, None, Reduction::Sum, -100, 0.0)?
        }
        Compared::Shared { corrections, accidental } => {
            let positive = scores_of(hidden, table, &target_rows)?;
            let negatives = table.f_narrow(0, 0, corrections.len() as i64)?;
            let corrections = Tensor::f_from_slice(corrections)?.f_to_device(device)?;
            let negative = corrections.f_addmm(hidden, &negatives.f_transpose(0, 1)?)?;
            let all = without(negative, accidental, device)?.f_logsumexp(1, false)?;
            positive.f_logaddexp(&all)?.f_sub(&positive)?.f_sum(None)?
        }
        Compared::Own { rows } => {
            let positive = scores_of(hidden, table, &target_rows)?;
            let negative = scores_of(hidden, table, &Tensor::f_from_slice(rows)?.f_to_device(device)?)?;
            positive.f_log_sigmoid()?.f_add(&negative.f_neg()?.f_log_sigmoid()?)?.f_sum(None)?.f_neg()?
        }
    };
    sum.f_div_scalar(total)
}

fn scores_of(hidden: &Tensor, table: &Tensor, rows: &Tensor) -> Torch<Tensor> {
    hidden.f_mul(&table.f_index_select(0, rows)?)?.f_sum_dim_intlist(1, false, None)
}

/// The scores with those places at minus infinity.
fn without(mut scores: Tensor, places: &[(i64, i64)], device: Device) -> Torch<Tensor> {
    if places.is_empty() {
        return Ok(scores);
    }
    let (rows, columns): (Vec<i64>, Vec<i64>) = places.iter().copied().unzip();
    let at = [rows, columns].map(|places| Tensor::f_from_slice(&places)?.f_to_device(device));
    let [rows, columns] = at;
    let nothing = Tensor::f_from_slice(&[f32::NEG_INFINITY])?.f_to_device(device)?;
    scores.f_index_put_(&[Some(rows?), Some(columns?)], &nothing, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn losses_are_those_of_their_formulas() {
        tch::manual_seed(4);
        let options = (Kind::Float, Device::Cpu);
        let (hidden, table) = (Tensor::randn([3, 5], options), Tensor::randn([6, 5], options));
        let scores = hidden.matmul(&table.transpose(0, 1));
        let score = |target: i64, row: i64| scores.double_value(&[target, row]);
        let targets = [4, 1, 5];
        let of = |compared: &Compared| loss(&hidden, &table, &targets, compared, 2.0).unwrap().double_value(&[]);
        let mean = |one: &dyn Fn(i64, i64) -> f64| (0..3).map(|t| one(t, targets[t as usize])).sum::<f64>() / 2.0;

        let all = mean(&|t, y| (0..6).map(|j| score(t, j).exp()).sum::<f64>().ln() - score(t, y));
        assert!((of(&Compared::All { items: 6 }) - all).abs() < 1e-5);

        let by = [0.5_f32, -0.3];
        let corrected = |t, y| {
            let negative = |j: i64| if j == y { 0.0 } else { (score(t, j) + f64::from(by[j as usize])).exp() };
            (score(t, y).exp() + negative(0) + negative(1)).ln() - score(t, y)
        };
        let sampled = Compared::Shared { corrections: by.to_vec(), accidental: vec![(1, 1)] };
        assert!((of(&sampled) - mean(&corrected)).abs() < 1e-5);

        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let rows = [0, 3, 2];
        let original = mean(&|t, y| -sigmoid(score(t, y)).ln() - (1.0 - sigmoid(score(t, rows[t as usize]))).ln());
        assert!((of(&Compared::Own { rows: rows.to_vec() }) - original).abs() < 1e-5);
    }
}

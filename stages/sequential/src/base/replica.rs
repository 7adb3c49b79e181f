//! A model that computes a part of each batch.

use super::loss::{Compared, loss};
use super::negatives::Negatives;
use super::samples::Sample;
use super::store::Store;
use super::{Dropout, Model, Packed, Torch};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use recommender::UserItems;
use tch::{Device, Tensor};

/// A model whose weights share their memory with those of its siblings, and which takes gradients of its own.
#[derive(Debug)]
pub(crate) struct Replica<M: Model> {
    pub(crate) model: M,
    /// `[items + extra rows, columns]`.
    table: Tensor,
    /// The weights beside the table.
    weights: Vec<Tensor>,
    width: Option<usize>,
    items: usize,
    rows: Rows,
}

/// What a replica makes of its part of a batch.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its part of the batch's mean loss.
    pub(crate) loss: f64,
    /// The rows of the table that its gradient is for; all of them, in order, where absent.
    rows: Option<Tensor>,
    /// Of those rows, and of the weights beside the table.
    gradients: Vec<Tensor>,
}

impl<M: Model> Replica<M> {
    /// A replica of the model in the store, whose first weight is the table.
    pub(crate) fn new(parameters: &M::Parameters, store: &Store, items: usize) -> Torch<Self> {
        let mut store = store.sharing()?;
        let table = store.found("items")?;
        let model = M::build(parameters, &mut store)?;
        let weights = store.into_weights().into_iter().skip(1).map(|(_, weight)| weight).collect();
        let rows = Rows::new(table.size()[0] as usize);
        Ok(Self { model, table, weights, width: M::width(parameters), items, rows })
    }

    /// The loss and gradients of these samples, as a part of a batch with `total` targets.
    pub(crate) fn part(
        &mut self,
        samples: &[Sample],
        negatives: &Negatives,
        total: f64,
        dropout: &mut Dropout,
        rng: &mut ChaCha8Rng,
    ) -> Torch<Part> {
        let device = self.table.device();
        self.rows.clear();
        let whole = *negatives == Negatives::All;
        match negatives {
            Negatives::All => self.rows.take_all(),
            Negatives::Shared { items, .. } => self.rows.take_each(items.iter().copied()),
            Negatives::Own => {}
        }
        let rows = &mut self.rows;
        let batch = Packed::new(samples, self.width, |item| rows.take(item), device)?;
        let targets: Vec<i64> =
            samples.iter().flat_map(|sample| &sample.targets).map(|&item| rows.take(item)).collect();
        let compared = match negatives {
            Negatives::All => Compared::All { items: self.items as i64 },
            Negatives::Shared { corrections, .. } => Compared::Shared {
                accidental: (0..)
                    .zip(&targets)
                    .filter(|(_, row)| **row < corrections.len() as i64)
                    .map(|(at, &row)| (at, row))
                    .collect(),
                corrections: corrections.clone(),
            },
            Negatives::Own => {
                Compared::Own { rows: own_negatives(samples, self.items, rng).map(|item| rows.take(item)).collect() }
            }
        };
        let taken = if whole { None } else { Some(self.rows.taken(device)?) };
        let table = match &taken {
            None => self.table.f_detach()?,
            Some(taken) => self.table.f_detach()?.f_index_select(0, taken)?,
        };
        let table = table.f_set_requires_grad(true)?;
        let hidden = self.model.encode(&table, &batch, dropout)?;
        let loss = loss(&hidden, &table, &targets, &compared, total)?;
        let trained: Vec<&Tensor> = std::iter::once(&table).chain(&self.weights).collect();
        let gradients = Tensor::f_run_backward(&[&loss], &trained, false, false)?;
        Ok(Part { loss: f64::try_from(&loss)?, rows: taken, gradients })
    }

    /// `[samples, items]` the scores of all items at each sample's one target.
    pub(crate) fn scores(&self, samples: &[Sample]) -> Torch<Tensor> {
        tch::no_grad(|| {
            let batch = Packed::new(samples, self.width, i64::from, self.table.device())?;
            let hidden = self.model.encode(&self.table, &batch, &mut Dropout::off())?;
            hidden.f_matmul(&self.table.f_narrow(0, 0, self.items as i64)?.f_transpose(0, 1)?)
        })
    }
}

impl Part {
    /// Adds its gradients to those of the whole batch.
    pub(crate) fn add_to(&self, sums: &mut [Tensor]) -> Torch<()> {
        for (place, (sum, gradient)) in sums.iter_mut().zip(&self.gradients).enumerate() {
            match &self.rows {
                Some(rows) if place == 0 => drop(sum.f_index_add_(0, rows, gradient)?),
                _ => drop(sum.f_add_(gradient)?),
            }
        }
        Ok(())
    }
}

/// For each target of the samples an item that is not in the sample. Where it has all of them, any item but the target.
fn own_negatives<'a>(samples: &'a [Sample], items: usize, rng: &'a mut ChaCha8Rng) -> impl Iterator<Item = u32> + 'a {
    samples.iter().flat_map(move |sample| {
        let known: Vec<u32> =
            sample.items.iter().chain(&sample.targets).copied().filter(|&item| (item as usize) < items).collect();
        let user = UserItems::new(&known, items);
        let mut draw = |&target: &u32| {
            let other = rng.random_range(1..items as u32);
            user.draw(rng).unwrap_or((target + other) % items as u32)
        };
        sample.targets.iter().map(&mut draw).collect::<Vec<_>>()
    })
}

/// The rows of the table that a part needs, numbered in the order in which they were asked for.
#[derive(Debug)]
struct Rows {
    /// `[rows of the table]` the number of a row, or -1.
    numbers: Vec<i64>,
    taken: Vec<i64>,
}

impl Rows {
    fn new(count: usize) -> Self {
        Self { numbers: vec![-1; count], taken: Vec::new() }
    }

    fn clear(&mut self) {
        for &row in &self.taken {
            self.numbers[row as usize] = -1;
        }
        self.taken.clear();
    }

    fn take_all(&mut self) {
        self.take_each(0..self.numbers.len() as u32);
    }

    fn take_each(&mut self, rows: impl IntoIterator<Item = u32>) {
        for row in rows {
            self.take(row);
        }
    }

    fn take(&mut self, row: u32) -> i64 {
        let number = &mut self.numbers[row as usize];
        if *number < 0 {
            *number = self.taken.len() as i64;
            self.taken.push(i64::from(row));
        }
        *number
    }

    fn taken(&self, device: Device) -> Torch<Tensor> {
        Tensor::f_from_slice(&self.taken)?.f_to_device(device)
    }
}

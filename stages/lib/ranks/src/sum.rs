//! Sums of numbers over ranks, in the order of the ranks.

use crate::Ranks;
use contract::{Failure, Result};

/// Numbers that are summed at once: 64 MiB.
const AT_ONCE: usize = 1 << 24;

impl Ranks {
    /// Puts the sum over all ranks in the place of each number.
    ///
    /// Each rank sums a part of the numbers for all, and all gather the parts, so every number crosses the network twice,
    /// however many ranks there are.
    ///
    /// # Errors
    /// When another rank cannot be reached.
    pub fn sum(&self, numbers: &mut [f32]) -> Result<()> {
        if self.count() == 1 {
            return Ok(());
        }
        numbers.chunks_mut(AT_ONCE).try_for_each(|numbers| self.sum_chunk(numbers))
    }

    fn sum_chunk(&self, numbers: &mut [f32]) -> Result<()> {
        let part = numbers.len().div_ceil(self.count()).max(1);
        let mut parts: Vec<Vec<u8>> = numbers.chunks(part).map(|part| bytemuck::cast_slice(part).to_vec()).collect();
        parts.resize(self.count(), Vec::new());
        let received = self.transport.exchange(&parts)?;
        let mut sum: Vec<f32> = bytemuck::pod_collect_to_vec(&received[0]);
        for other in &received[1..] {
            let other: Vec<f32> = bytemuck::pod_collect_to_vec(other);
            same_length(sum.len(), other.len())?;
            sum.iter_mut().zip(other).for_each(|(sum, number)| *sum += number);
        }
        let sums = self.gather(bytemuck::cast_slice(&sum))?;
        same_length(size_of_val(numbers), sums.iter().map(Vec::len).sum())?;
        for (place, sum) in numbers.chunks_mut(part).zip(sums) {
            bytemuck::cast_slice_mut(place).copy_from_slice(&sum);
        }
        Ok(())
    }

    /// The sum over all ranks of each of a few numbers.
    ///
    /// # Errors
    /// When another rank cannot be reached.
    pub fn sum_few<const N: usize>(&self, numbers: [f64; N]) -> Result<[f64; N]> {
        if self.count() == 1 {
            return Ok(numbers);
        }
        let mut sum = [0.0; N];
        for other in self.gather(bytemuck::cast_slice(&numbers))? {
            let other: Vec<f64> = bytemuck::pod_collect_to_vec(&other);
            same_length(N, other.len())?;
            sum.iter_mut().zip(other).for_each(|(sum, number)| *sum += number);
        }
        Ok(sum)
    }
}

fn same_length(expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Failure::other("sum over ranks", format!("a rank gave {found} numbers, expected {expected}")))
}

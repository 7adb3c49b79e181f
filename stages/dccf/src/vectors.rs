//! The arithmetic of single rows, in lanes that the compiler turns into vector instructions.

const LANES: usize = 8;

/// `a · b`, summed in a fixed order.
#[inline]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    // Halves are added pairwise, which takes fewer dependent additions than one after the other.
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h)) + rest
}

/// `into += factor × row`.
#[inline]
pub(crate) fn add_scaled(into: &mut [f32], factor: f32, row: &[f32]) {
    for (target, value) in into.iter_mut().zip(row) {
        *target += factor * value;
    }
}

/// `into += values`, for whole matrices.
pub(crate) fn add(into: &mut [f32], values: &[f32]) {
    add_scaled(into, 1.0, values);
}

/// Adds to `gradient` what a loss hands to `unit = row / norm` and thereby to the row itself:
/// `(g − unit (unit · g)) / norm`. A row of norm 0 gets nothing, for it has no direction.
#[inline]
pub(crate) fn add_through_unit(gradient: &mut [f32], of_unit: &[f32], unit: &[f32], norm: f32) {
    if norm > 0.0 {
        let along = dot(of_unit, unit);
        for ((target, g), u) in gradient.iter_mut().zip(of_unit).zip(unit) {
            *target += (g - along * u) / norm;
        }
    }
}

/// Writes `row / |row|` to `unit` and returns `|row|`; a zero row stays zero.
#[inline]
pub(crate) fn normalise(row: &[f32], unit: &mut [f32]) -> f32 {
    let norm = dot(row, row).sqrt();
    let factor = if norm > 0.0 { norm.recip() } else { 0.0 };
    for (target, value) in unit.iter_mut().zip(row) {
        *target = factor * value;
    }
    norm
}

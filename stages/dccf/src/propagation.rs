//! The sparse propagations of one layer, forward and backward, row by row.
//!
//! `Z = G X`, and for a view V in {Z, H} the adaptive propagation `M_V X` with
//! `a(h,t) = (cos(V_h, V_t) + 1) / 2` on each edge, divided by its row's sum. Weights are symmetric before that
//! division, so the gradient of either propagation needs only the same rows again: no transposed copy is kept.

use crate::graph::Graph;
use crate::vectors::{add_scaled, add_through_unit, dot, normalise};
use rayon::prelude::*;

const ROWS: usize = 128;
/// The length of a row for which the loops are compiled with a length known to the compiler.
const USUAL_DIM: usize = 32;

/// Calls a function of a length with the usual one as a constant, so that its loops are unrolled.
macro_rules! with_known_length {
    ($of:ident($dim:expr, $($argument:expr),*)) => {
        if $dim == USUAL_DIM { $of(USUAL_DIM, $($argument),*) } else { $of($dim, $($argument),*) }
    };
}

/// Adds `G X` to `into`; `G = D^-1/2 A D^-1/2`. Its own gradient too, for G is symmetric.
pub(crate) fn add_propagated(graph: &Graph, x: &[f32], dim: usize, into: &mut [f32]) {
    into.par_chunks_mut(ROWS * dim).enumerate().for_each(|(block, rows)| {
        with_known_length!(add_propagated_rows(dim, graph, x, block * ROWS, rows));
    });
}

#[inline(always)]
fn add_propagated_rows(dim: usize, graph: &Graph, x: &[f32], first: usize, rows: &mut [f32]) {
    let root = &graph.inverse_root_degree;
    for (node, row) in (first..).zip(rows.chunks_exact_mut(dim)) {
        for &other in graph.neighbours(node) {
            let other = other as usize;
            add_scaled(row, root[node] * root[other], of(x, other, dim));
        }
    }
}

/// The row of a node.
#[inline(always)]
fn of(matrix: &[f32], node: usize, dim: usize) -> &[f32] {
    &matrix[node * dim..][..dim]
}

/// The rows of a matrix as directions, with their lengths.
#[derive(Debug)]
pub(crate) struct Units {
    /// `[rows, dim]` rows of length 1, or of zeros.
    pub rows: Vec<f32>,
    /// `[rows]` the lengths.
    pub norms: Vec<f32>,
}

impl Units {
    /// The directions of the rows of `matrix`.
    pub(crate) fn of(matrix: &[f32], dim: usize) -> Self {
        let (mut rows, mut norms) = (vec![0.0; matrix.len()], vec![0.0; matrix.len() / dim]);
        (rows.par_chunks_mut(ROWS * dim), matrix.par_chunks(ROWS * dim), norms.par_chunks_mut(ROWS))
            .into_par_iter()
            .for_each(|(rows, matrix, norms)| {
                for ((unit, row), norm) in rows.chunks_exact_mut(dim).zip(matrix.chunks_exact(dim)).zip(norms) {
                    *norm = normalise(row, unit);
                }
            });
        Self { rows, norms }
    }
}

/// An adaptive propagation `M_V X`, with what its gradient needs.
#[derive(Debug)]
pub(crate) struct Adaptive {
    /// The directions of the view V.
    pub units: Units,
    /// `[nodes, dim]` the result.
    pub output: Vec<f32>,
    /// `[edges]` the weights `a(h,t)`, in the graph's order.
    weights: Vec<f32>,
    /// `[nodes]` one over the sum of a row's weights, 0 where that is 0.
    inverse_sums: Vec<f32>,
}

impl Adaptive {
    /// Propagates `x` along the edges, weighted by the similarity of their ends in the view.
    pub(crate) fn forward(graph: &Graph, view: &[f32], x: &[f32], dim: usize) -> Self {
        let units = Units::of(view, dim);
        let (mut output, mut inverse_sums) = (vec![0.0; x.len()], vec![0.0; graph.nodes()]);
        let mut weights = vec![0.0; graph.edges()];
        let edges = graph.split_edges(&mut weights, ROWS);
        let blocks = (edges, output.par_chunks_mut(ROWS * dim), inverse_sums.par_chunks_mut(ROWS)).into_par_iter();
        blocks.enumerate().for_each(|(block, (weights, rows, sums))| {
            with_known_length!(forward_rows(dim, graph, &units.rows, x, block * ROWS, (weights, rows, sums)));
        });
        Self { units, output, weights, inverse_sums }
    }

    /// Adds what the gradient of the output hands to X and to the view.
    ///
    /// With `ĝ_h = g_h / s_h` and `ĉ_h = ĝ_h · output_h`, an edge's weight gets `ĝ_h·x_t − ĉ_h` from row h and
    /// `ĝ_t·x_h − ĉ_t` from row t.
    pub(crate) fn backward(&self, graph: &Graph, x: &[f32], gradient: &[f32], into: Targets<'_>) {
        let Targets { dim, x: into_x, view: into_view } = into;
        let mut scaled = gradient.to_vec();
        let mut along = vec![0.0; graph.nodes()];
        (scaled.par_chunks_mut(dim), along.par_iter_mut(), self.output.par_chunks(dim), self.inverse_sums.par_iter())
            .into_par_iter()
            .with_min_len(ROWS)
            .for_each(|(scaled, along, output, inverse)| {
                scaled.iter_mut().for_each(|value| *value *= inverse);
                *along = dot(scaled, output);
            });
        let given = Given { graph, x, scaled: &scaled, along: &along };
        let blocks = (into_x.par_chunks_mut(ROWS * dim), into_view.par_chunks_mut(ROWS * dim)).into_par_iter();
        blocks.enumerate().for_each(|(block, (rows_x, rows_view))| {
            with_known_length!(backward_rows(dim, self, &given, block * ROWS, (rows_x, rows_view)));
        });
    }
}

/// What every row's gradient reads.
struct Given<'a> {
    graph: &'a Graph,
    x: &'a [f32],
    /// `ĝ`.
    scaled: &'a [f32],
    /// `ĉ`.
    along: &'a [f32],
}

#[inline(always)]
fn forward_rows(
    dim: usize,
    graph: &Graph,
    units: &[f32],
    x: &[f32],
    first: usize,
    (mut weights, rows, sums): (&mut [f32], &mut [f32], &mut [f32]),
) {
    for (node, (row, inverse)) in (first..).zip(rows.chunks_exact_mut(dim).zip(sums)) {
        let (own, neighbours) = (of(units, node, dim), graph.neighbours(node));
        let of_row;
        (of_row, weights) = weights.split_at_mut(neighbours.len());
        let mut sum = 0.0;
        for (weight, &other) in of_row.iter_mut().zip(neighbours) {
            let other = other as usize;
            // The order of the two must not matter to the last bit, and it does not: products commute.
            *weight = 0.5 * (dot(own, of(units, other, dim)) + 1.0);
            sum += *weight;
            add_scaled(row, *weight, of(x, other, dim));
        }
        *inverse = if sum > 0.0 { sum.recip() } else { 0.0 };
        row.iter_mut().for_each(|value| *value *= *inverse);
    }
}

#[inline(always)]
fn backward_rows(
    dim: usize,
    adaptive: &Adaptive,
    given: &Given<'_>,
    first: usize,
    (rows_x, rows_view): (&mut [f32], &mut [f32]),
) {
    let &Given { graph, x, scaled, along } = given;
    let units = &adaptive.units;
    let mut of_unit = vec![0.0; dim];
    for (node, (row_x, row_view)) in (first..).zip(rows_x.chunks_exact_mut(dim).zip(rows_view.chunks_exact_mut(dim))) {
        let (own_x, own_scaled) = (of(x, node, dim), of(scaled, node, dim));
        of_unit.fill(0.0);
        for (&weight, &other) in graph.of_edges(&adaptive.weights, node).iter().zip(graph.neighbours(node)) {
            let other = other as usize;
            let (other_x, other_scaled) = (of(x, other, dim), of(scaled, other, dim));
            add_scaled(row_x, weight, other_scaled);
            let of_weight = dot(own_scaled, other_x) + dot(other_scaled, own_x) - along[node] - along[other];
            add_scaled(&mut of_unit, 0.5 * of_weight, of(&units.rows, other, dim));
        }
        add_through_unit(row_view, &of_unit, of(&units.rows, node, dim), units.norms[node]);
    }
}

/// Where the gradient of an adaptive propagation goes.
#[derive(Debug)]
pub(crate) struct Targets<'a> {
    /// Length of a row.
    pub dim: usize,
    /// The gradient of X.
    pub x: &'a mut [f32],
    /// The gradient of the view.
    pub view: &'a mut [f32],
}

//! Cholesky factors by blocks: panels of [`BLOCK`] columns, then one update of the rest of the matrix by register tiles.
//!
//! A panel's columns are kept in tiles of [`TILE_COLS`] rows of the matrix, `[tile][column of the panel][row in tile]`, so that the
//! substitution by the diagonal block and the update both run over adjacent values. The order of every sum depends on n alone.

use std::ops::Range;

use rayon::prelude::*;

use super::NotPositiveDefinite;
use super::gram::{TILE_COLS, TILE_ROWS, tile_product};
use crate::dispatch;

/// Columns a panel. The diagonal block and a tile of the panel stay in the first-level cache.
const BLOCK: usize = 64;

/// The factor L of A = L Lᵀ.
#[derive(Clone, Debug, PartialEq)]
pub struct Cholesky {
    n: usize,
    /// Lower triangle of L, row-major `n × n`; above the diagonal rests of the elimination.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factors a symmetric `n × n` matrix given by its lower triangle, in n³ / 3 operations.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] names the first column whose pivot is at most `a[j][j]` · n · ε: it is a linear combination of the
    /// columns before it, within rounding.
    pub fn new(a: &[f64], n: usize) -> Result<Self, NotPositiveDefinite> {
        Self::in_place(a.to_vec(), n)
    }

    /// As [`Self::new`], in the matrix's own memory.
    pub fn in_place(a: Vec<f64>, n: usize) -> Result<Self, NotPositiveDefinite> {
        let mut elimination = Elimination::new(a, n, n as f64 * f64::EPSILON);
        match elimination.run(true).first() {
            Some((column, pivot)) => Err(NotPositiveDefinite { column: *column, pivot: *pivot }),
            None => Ok(Self { n, factor: elimination.matrix }),
        }
    }

    /// Order of the matrix.
    pub fn order(&self) -> usize {
        self.n
    }

    /// x = A⁻¹ x. Sets `x` (length n).
    pub fn solve(&self, x: &mut [f64]) {
        self.forward(x);
        solve_transposed(&self.factor, self.n, x);
    }

    /// x = L⁻¹ x. Sets `x` (length n).
    pub fn forward(&self, x: &mut [f64]) {
        assert_eq!(x.len(), self.n, "one value a row of the matrix");
        solve_lower(&self.factor, self.n, x);
    }

    /// ln det A = 2 Σ ln Lᵢᵢ.
    pub fn log_det(&self) -> f64 {
        2.0 * (0..self.n).map(|i| crate::elementary::ln(self.factor[i * self.n + i])).sum::<f64>()
    }

    /// The diagonal of A⁻¹, length n: `out[j]` = ‖L⁻¹ eⱼ‖², in n³ / 3 operations.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let n = self.n;
        let lower = PackedRows::new(&self.factor, n, 0..n);
        let mut columns = vec![[0.0; TILE_COLS]; n.next_multiple_of(TILE_COLS)];
        let mut diagonal = vec![0.0; columns.len()];
        for (tile, out) in diagonal.chunks_exact_mut(TILE_COLS).enumerate() {
            inverse_columns(&lower, tile * TILE_COLS, &mut columns, out);
        }
        diagonal.truncate(n);
        diagonal
    }

    /// A⁻¹ = L⁻ᵀ L⁻¹, symmetric, row-major `n × n`, in 2 n³ / 3 operations.
    pub fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        let lower = PackedRows::new(&self.factor, n, 0..n);
        let order = n.next_multiple_of(TILE_COLS);
        // The columns of L⁻¹ in tiles, `[tile][row][column in tile]`.
        let mut columns = vec![[0.0; TILE_COLS]; order * order / TILE_COLS];
        let mut squares = [0.0; TILE_COLS];
        for (tile, columns) in columns.chunks_exact_mut(order.max(1)).enumerate() {
            inverse_columns(&lower, tile * TILE_COLS, columns, &mut squares);
        }
        let mut inverse = vec![0.0; n * n];
        multiply_transposed(&columns, order, n, &mut inverse);
        for i in 0..n {
            for j in 0..i {
                inverse[j * n + i] = inverse[i * n + j];
            }
        }
        inverse
    }

    /// The blocks of A⁻¹ on its diagonal between every two neighbors of `ends`, which ascend: each symmetric, row-major. In n³ / 3
    /// operations where they are narrow and together all there is.
    pub fn inverse_blocks(&self, ends: &[usize]) -> Vec<Vec<f64>> {
        let n = self.n;
        let lower = PackedRows::new(&self.factor, n, 0..n);
        let block = |ends: &[usize]| {
            let first = ends[0] / TILE_COLS * TILE_COLS;
            let tiles = (ends[1] - first).div_ceil(TILE_COLS);
            // Columns of L⁻¹ from `first` on, in tiles; rows above are zero.
            let height = lower.order - first;
            let mut columns = vec![[0.0; TILE_COLS]; tiles * height];
            let mut padded = vec![[0.0; TILE_COLS]; lower.order];
            for (tile, columns) in columns.chunks_exact_mut(height.max(1)).enumerate() {
                padded.fill([0.0; TILE_COLS]);
                inverse_columns(&lower, first + tile * TILE_COLS, &mut padded, &mut [0.0; TILE_COLS]);
                columns.copy_from_slice(&padded[first..]);
            }
            let order = tiles * TILE_COLS;
            let mut product = vec![0.0; order * order];
            multiply_transposed(&columns, height, order, &mut product);
            let size = ends[1] - ends[0];
            let from = ends[0] - first;
            let value = |k: usize| {
                let (i, j) = (from + k / size, from + k % size);
                product[i.max(j) * order + i.min(j)]
            };
            (0..size * size).map(value).collect()
        };
        ends.par_windows(2).map(block).collect()
    }

    /// trace A⁻¹ over the first `n_first` rows and columns of A⁻¹.
    pub fn inverse_trace(&self, n_first: usize) -> f64 {
        self.inverse_diagonal()[..n_first].iter().sum()
    }
}

/// Columns that are, within `tolerance`, linear combinations of columns before them.
///
/// Eliminates the columns of the `n × n` lower triangle `a` in the given order and skips each whose pivot is below
/// `tolerance · a[j][j]`; 1 / tolerance is the largest variance inflation accepted.
pub fn dependent_columns(a: &[f64], n: usize, tolerance: f64) -> Vec<usize> {
    Elimination::new(a.to_vec(), n, tolerance).run(false).into_iter().map(|(column, _)| column).collect()
}

/// A factorization under way.
struct Elimination {
    n: usize,
    /// The matrix; behind the present panel already L.
    matrix: Vec<f64>,
    /// Least acceptable pivot of each column, exclusive.
    least_pivot: Vec<f64>,
}

impl Elimination {
    fn new(a: Vec<f64>, n: usize, tolerance: f64) -> Self {
        assert_eq!(a.len(), n * n, "a square matrix");
        let least_pivot = (0..n).map(|j| a[j * n + j].abs() * tolerance).collect();
        Self { n, matrix: a, least_pivot }
    }

    /// Factors in place. Gives the columns without a pivot and what stood in its place: the first one only, where it stops, or all,
    /// each left out of the rest as a column of zeros.
    fn run(&mut self, stops: bool) -> Vec<(usize, f64)> {
        let n = self.n;
        let mut failed = Vec::new();
        let rest = n.saturating_sub(BLOCK);
        let mut right = vec![0.0; rest.next_multiple_of(TILE_COLS) * BLOCK];
        let mut left = vec![0.0; rest.next_multiple_of(TILE_COLS) * BLOCK];
        for start in (0..n).step_by(BLOCK) {
            factor_block(&mut self.matrix, n, start, &self.least_pivot, stops, &mut failed);
            if stops && !failed.is_empty() {
                break;
            }
            if start + BLOCK < n {
                let block = PackedRows::new(&self.matrix, n, start..start + BLOCK);
                let length = (n - start - BLOCK).next_multiple_of(TILE_COLS) * BLOCK;
                let (right, left) = (&mut right[..length], &mut left[..length]);
                factor_panel(&mut self.matrix, n, start, &block, right.as_chunks_mut().0, left);
                update_rest(&mut self.matrix, n, start + BLOCK, left, right);
            }
        }
        failed
    }
}

/// A diagonal block of L in tiles of [`TILE_ROWS`] rows, negated, as [`substitute`] reads it.
struct PackedRows {
    /// `[tile][column][row in tile]`, [`Self::order`] columns a tile.
    rows: Vec<f64>,
    /// The diagonal, not negated, zeros behind its end.
    diagonal: Vec<f64>,
    order: usize,
}

impl PackedRows {
    fn new(factor: &[f64], n: usize, block: Range<usize>) -> Self {
        let order = block.len().next_multiple_of(TILE_COLS);
        let (mut rows, mut diagonal) = (vec![0.0; order * order], vec![0.0; order]);
        for (i, row) in block.clone().enumerate() {
            let tile = &mut rows[i / TILE_ROWS * TILE_ROWS * order..];
            let values = &factor[row * n + block.start..row * n + row];
            for (out, value) in tile.iter_mut().skip(i % TILE_ROWS).step_by(TILE_ROWS).zip(values) {
                *out = -value;
            }
            diagonal[i] = factor[row * n + row];
        }
        Self { rows, diagonal, order }
    }
}

dispatch! {
    /// Factors the diagonal block at `start`, whose updates by earlier panels are done.
    fn factor_block(
        a: &mut [f64],
        n: usize,
        start: usize,
        least_pivot: &[f64],
        stops: bool,
        failed: &mut Vec<(usize, f64)>,
    ) {
        let end = n.min(start + BLOCK);
        let mut column = [0.0; BLOCK];
        for k in start..end {
            let pivot = a[k * n + k];
            let is_positive = pivot > least_pivot[k];
            if !is_positive || !pivot.is_finite() {
                failed.push((k, pivot));
                if stops {
                    return;
                }
                // A column left out takes no part: zeros on and below its diagonal.
                (k..end).for_each(|i| a[i * n + k] = 0.0);
                continue;
            }
            let root = pivot.sqrt();
            a[k * n + k] = root;
            for i in k + 1..end {
                a[i * n + k] /= root;
                column[i - start] = a[i * n + k];
            }
            for i in k + 1..end {
                let factor = column[i - start];
                let row = &mut a[i * n + k + 1..=i * n + i];
                for (value, other) in row.iter_mut().zip(&column[k + 1 - start..]) {
                    *value -= factor * other;
                }
            }
        }
    }

    /// The rows of L below a diagonal block: packs them, solves them by the block and writes them back; `left` is −`right` in its tiles.
    fn factor_panel(
        a: &mut [f64],
        n: usize,
        start: usize,
        block: &PackedRows,
        right: &mut [[f64; TILE_COLS]],
        left: &mut [f64],
    ) {
        let first = start + BLOCK;
        let tiles = right.chunks_exact_mut(BLOCK).zip(left.chunks_exact_mut(BLOCK * TILE_COLS));
        for (tile, (right, left)) in tiles.enumerate() {
            let row0 = first + tile * TILE_COLS;
            let n_rows = TILE_COLS.min(n - row0);
            right.fill([0.0; TILE_COLS]);
            for lane in 0..n_rows {
                let row = &a[(row0 + lane) * n + start..(row0 + lane) * n + first];
                right.iter_mut().zip(row).for_each(|(packed, value)| packed[lane] = *value);
            }
            substitute(block, 0, right);
            for lane in 0..n_rows {
                let row = &mut a[(row0 + lane) * n + start..(row0 + lane) * n + first];
                row.iter_mut().zip(&*right).for_each(|(value, packed)| *value = packed[lane]);
            }
            let (upper, lower) = left.split_at_mut(BLOCK * TILE_ROWS);
            let halves = upper.chunks_exact_mut(TILE_ROWS).zip(lower.chunks_exact_mut(TILE_ROWS));
            for (packed, (upper, lower)) in right.iter().zip(halves) {
                for lane in 0..TILE_ROWS {
                    upper[lane] = -packed[lane];
                    lower[lane] = -packed[TILE_ROWS + lane];
                }
            }
        }
    }

    /// A = A − P Pᵀ over the rows and columns from `first` on, lower triangle, P packed in `left` (negated) and `right`.
    fn update_rest(a: &mut [f64], n: usize, first: usize, left: &[f64], right: &[f64]) {
        for (tile_i, x) in left.chunks_exact(BLOCK * TILE_ROWS).enumerate() {
            let i0 = first + tile_i * TILE_ROWS;
            for (tile_j, y) in right.chunks_exact(BLOCK * TILE_COLS).enumerate() {
                let j0 = first + tile_j * TILE_COLS;
                if j0 >= i0 + TILE_ROWS {
                    break;
                }
                let sums = tile_product(x, y);
                for (i, row) in (i0..n.min(i0 + TILE_ROWS)).zip(&sums) {
                    // Values above the diagonal are never read; only the matrix's edge matters.
                    let end = n.min(j0 + TILE_COLS);
                    for (out, sum) in a[i * n + j0..i * n + end].iter_mut().zip(row) {
                        *out += sum;
                    }
                }
            }
        }
    }

    /// Columns `column0..` of L⁻¹, one tile of them; `squares` takes their squared norms.
    fn inverse_columns(lower: &PackedRows, column0: usize, columns: &mut [[f64; TILE_COLS]], squares: &mut [f64]) {
        columns[column0..].fill([0.0; TILE_COLS]);
        (0..TILE_COLS).for_each(|lane| columns[column0 + lane][lane] = 1.0);
        substitute(lower, column0, columns);
        squares.fill(0.0);
        for row in &columns[column0..] {
            for lane in 0..TILE_COLS {
                squares[lane] += row[lane] * row[lane];
            }
        }
    }

    /// Lower triangle of Wᵀ W for a lower triangular W in column tiles of `order` rows each.
    fn multiply_transposed(w: &[[f64; TILE_COLS]], order: usize, n: usize, product: &mut [f64]) {
        let mut left = vec![0.0; order * TILE_ROWS];
        for (tile_i, columns) in w.chunks_exact(order.max(1)).enumerate() {
            for half in 0..TILE_COLS / TILE_ROWS {
                let i0 = tile_i * TILE_COLS + half * TILE_ROWS;
                // Rows above a tile's first column are zero.
                let first = tile_i * TILE_COLS;
                for (out, row) in left.chunks_exact_mut(TILE_ROWS).zip(columns) {
                    out.copy_from_slice(&row[half * TILE_ROWS..(half + 1) * TILE_ROWS]);
                }
                for tile_j in 0..=tile_i {
                    let j0 = tile_j * TILE_COLS;
                    let right = &w[tile_j * order + first..(tile_j + 1) * order];
                    let sums = tile_product(&left[first * TILE_ROWS..], right.as_flattened());
                    for (i, row) in (i0..n.min(i0 + TILE_ROWS)).zip(&sums) {
                        let end = (i + 1).min(j0 + TILE_COLS);
                        if j0 < end {
                            product[i * n + j0..i * n + end].copy_from_slice(&row[..end - j0]);
                        }
                    }
                }
            }
        }
    }

    /// x = L⁻¹ x.
    fn solve_lower(factor: &[f64], n: usize, x: &mut [f64]) {
        for i in 0..n {
            x[i] = (x[i] - short_dot(&factor[i * n..i * n + i], &x[..i])) / factor[i * n + i];
        }
    }

    /// x = L⁻ᵀ x.
    fn solve_transposed(factor: &[f64], n: usize, x: &mut [f64]) {
        for i in (0..n).rev() {
            x[i] /= factor[i * n + i];
            let solved = x[i];
            for (value, l) in x[..i].iter_mut().zip(&factor[i * n..i * n + i]) {
                *value -= l * solved;
            }
        }
    }
}

/// Solves a lower triangular block for a tile of right-hand sides `[row][side]` whose rows before `first` are zero. A zero on the
/// diagonal leaves the unknown out.
#[expect(clippy::inline_always, reason = "called inside dispatched bodies")]
#[inline(always)]
fn substitute(lower: &PackedRows, first: usize, x: &mut [[f64; TILE_COLS]]) {
    for row0 in (first..lower.order).step_by(TILE_ROWS) {
        let rows = &lower.rows[row0 * lower.order..(row0 + TILE_ROWS) * lower.order];
        let sums = tile_product(&rows[first * TILE_ROWS..row0 * TILE_ROWS], x[first..row0].as_flattened());
        let corner = &rows[row0 * TILE_ROWS..(row0 + TILE_ROWS) * TILE_ROWS];
        for (r, sums) in sums.iter().enumerate() {
            let mut value = x[row0 + r];
            for lane in 0..TILE_COLS {
                value[lane] += sums[lane];
            }
            for c in 0..r {
                let solved = x[row0 + c];
                for lane in 0..TILE_COLS {
                    value[lane] += corner[c * TILE_ROWS + r] * solved[lane];
                }
            }
            let pivot = lower.diagonal[row0 + r];
            x[row0 + r] = if pivot > 0.0 { value.map(|v| v / pivot) } else { [0.0; TILE_COLS] };
        }
    }
}

/// Dot product of short slices, eight running sums.
#[expect(clippy::inline_always, reason = "called inside dispatched bodies")]
#[inline(always)]
fn short_dot(a: &[f64], b: &[f64]) -> f64 {
    let mut acc = [0.0; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            acc[lane] += x[lane] * y[lane];
        }
    }
    ((acc[0] + acc[4]) + (acc[1] + acc[5])) + ((acc[2] + acc[6]) + (acc[3] + acc[7])) + tail
}

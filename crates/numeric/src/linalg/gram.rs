//! Products of a row-major f32 matrix with f64 sums: the weighted Gram matrix, X v and Xᵀ r.

use crate::dispatch;

/// Rows of H a tile of the rank-k update computes at once.
pub(super) const TILE_ROWS: usize = 4;
/// Columns of H a tile computes at once: 4 × 8 running sums fill half of the 16 AVX2 registers, operands the rest.
pub(super) const TILE_COLS: usize = 8;
/// Rows whose running sums are formed before they are merged.
const DOT_ROWS: usize = 32;
/// Rows of X packed at once: both panels of a tile stay in the first-level cache.
pub const PANEL_ROWS: usize = 256;
/// Values from one packed tile to the next. A cache line more than the tile: at a power of two, the places one row is packed to would
/// compete for the same lines of the cache.
const LEFT_TILE: usize = PANEL_ROWS * TILE_ROWS + 8;
const RIGHT_TILE: usize = PANEL_ROWS * TILE_COLS + 8;

/// Scratch of a weighted Gram update, reused between panels: both factors of a panel in `f64`, cut into column tiles.
#[derive(Clone, Debug)]
pub struct GramScratch {
    n: usize,
    /// w x, tiles of [`TILE_ROWS`] columns: `[tile][row][column in tile]`.
    left: Vec<f64>,
    /// x, tiles of [`TILE_COLS`] columns.
    right: Vec<f64>,
    filled: usize,
}

impl GramScratch {
    /// Scratch for matrices of order `n`.
    pub fn new(n: usize) -> Self {
        let left = vec![0.0; n.next_multiple_of(TILE_COLS) / TILE_ROWS * LEFT_TILE];
        let right = vec![0.0; n.div_ceil(TILE_COLS) * RIGHT_TILE];
        Self { n, left, right, filled: 0 }
    }

    /// Adds row `x` (length n − 1; the last column of the matrix is the constant 1) with weight `w`. Panics when the panel is full.
    pub fn push(&mut self, x: &[f32], w: f64) {
        assert!(self.filled < PANEL_ROWS, "the panel was added before it overflowed");
        assert_eq!(x.len() + 1, self.n, "one value a column, without the constant");
        pack_row(x, w, self.filled, &mut self.left, &mut self.right);
        self.filled += 1;
    }

    /// Whether the panel must be added before the next push.
    pub fn is_full(&self) -> bool {
        self.filled == PANEL_ROWS
    }

    /// H = H + Xᵀ W X of the pushed rows, lower triangle of the `n × n` matrix `h`; empties the panel.
    pub fn add_to(&mut self, h: &mut [f64]) {
        assert_eq!(h.len(), self.n * self.n, "a square matrix");
        add_panel(&self.left, &self.right, self.filled, self.n, h);
        self.filled = 0;
    }
}

dispatch! {
    fn pack_row(x: &[f32], w: f64, row: usize, left: &mut [f64], right: &mut [f64]) {
        let d = x.len();
        let (whole, rest) = x.as_chunks::<TILE_COLS>();
        let tiles = left.chunks_exact_mut(2 * LEFT_TILE).zip(right.chunks_exact_mut(RIGHT_TILE));
        for (columns, (left, right)) in whole.iter().zip(tiles) {
            let values = columns.map(f64::from);
            let weighted = values.map(|value| w * value);
            right[row * TILE_COLS..(row + 1) * TILE_COLS].copy_from_slice(&values);
            let (upper, lower) = left.split_at_mut(LEFT_TILE);
            upper[row * TILE_ROWS..(row + 1) * TILE_ROWS].copy_from_slice(&weighted[..TILE_ROWS]);
            lower[row * TILE_ROWS..(row + 1) * TILE_ROWS].copy_from_slice(&weighted[TILE_ROWS..]);
        }
        for (j, value) in (d - rest.len()..).zip(rest) {
            left[j / TILE_ROWS * LEFT_TILE + row * TILE_ROWS + j % TILE_ROWS] = w * f64::from(*value);
            right[j / TILE_COLS * RIGHT_TILE + row * TILE_COLS + j % TILE_COLS] = f64::from(*value);
        }
        left[d / TILE_ROWS * LEFT_TILE + row * TILE_ROWS + d % TILE_ROWS] = w;
        right[d / TILE_COLS * RIGHT_TILE + row * TILE_COLS + d % TILE_COLS] = 1.0;
    }

    fn add_panel(left: &[f64], right: &[f64], n_rows: usize, n: usize, h: &mut [f64]) {
        for (tile_i, a) in left.chunks_exact(LEFT_TILE).enumerate() {
            let i0 = tile_i * TILE_ROWS;
            for (tile_j, b) in right.chunks_exact(RIGHT_TILE).enumerate() {
                let j0 = tile_j * TILE_COLS;
                if j0 >= i0 + TILE_ROWS {
                    break;
                }
                let sums = tile_product(&a[..n_rows * TILE_ROWS], &b[..n_rows * TILE_COLS]);
                for (i, row) in (i0..n.min(i0 + TILE_ROWS)).zip(&sums) {
                    // Above the diagonal nothing is kept.
                    let end = (i + 1).min(j0 + TILE_COLS);
                    if j0 < end {
                        for (out, sum) in h[i * n + j0..i * n + end].iter_mut().zip(row) {
                            *out += sum;
                        }
                    }
                }
            }
        }
    }
}

/// Σ over rows of the outer product of a 4-column and an 8-column tile.
#[expect(clippy::inline_always, reason = "the hot loop of a dispatched body")]
#[inline(always)]
pub(super) fn tile_product(a: &[f64], b: &[f64]) -> [[f64; TILE_COLS]; TILE_ROWS] {
    let mut acc = [[0.0; TILE_COLS]; TILE_ROWS];
    for (x, y) in a.chunks_exact(TILE_ROWS).zip(b.chunks_exact(TILE_COLS)) {
        for i in 0..TILE_ROWS {
            for j in 0..TILE_COLS {
                acc[i][j] = x[i].mul_add(y[j], acc[i][j]);
            }
        }
    }
    acc
}

dispatch! {
    /// `eta[i]` = `x[i]` · beta + intercept for the `eta.len()` rows of the row-major `x` with `beta.len()` columns.
    pub fn linear_rows(x: &[f32], beta: &[f64], intercept: f64, eta: &mut [f64]) {
        let d = beta.len();
        assert_eq!(x.len(), eta.len() * d, "one result a row");
        for (block, eta) in eta.chunks_mut(DOT_ROWS).enumerate() {
            let mut sums = [[0.0; 8]; DOT_ROWS];
            for (i, sums) in sums[..eta.len()].iter_mut().enumerate() {
                let row = block * DOT_ROWS + i;
                *sums = dot_lanes(&x[row * d..(row + 1) * d], beta);
            }
            for (i, (sums, out)) in sums.iter().zip(eta).enumerate() {
                let row = block * DOT_ROWS + i;
                *out = intercept + (merge_lanes(sums) + dot_tail(&x[row * d..(row + 1) * d], beta));
            }
        }
    }

    /// As [`linear_rows`], for the rows `rows` of `x` in their order.
    pub fn linear_rows_at(x: &[f32], rows: &[u32], beta: &[f64], intercept: f64, eta: &mut [f64]) {
        let d = beta.len();
        for (rows, eta) in rows.chunks(DOT_ROWS).zip(eta.chunks_mut(DOT_ROWS)) {
            let mut sums = [[0.0; 8]; DOT_ROWS];
            for (row, sums) in rows.iter().zip(&mut sums) {
                let start = *row as usize * d;
                *sums = dot_lanes(&x[start..start + d], beta);
            }
            for ((row, sums), out) in rows.iter().zip(&sums).zip(eta) {
                let start = *row as usize * d;
                *out = intercept + (merge_lanes(sums) + dot_tail(&x[start..start + d], beta));
            }
        }
    }

    /// gradient = gradient + Xᵀ r over consecutive rows of the row-major `x`; the last entry of `gradient` takes Σ r.
    pub fn add_t_product(x: &[f32], r: &[f64], gradient: &mut [f64]) {
        let d = gradient.len() - 1;
        assert_eq!(x.len(), r.len() * d, "one residual a row");
        add_rows(r, |row| &x[row * d..(row + 1) * d], gradient);
    }

    /// As [`add_t_product`], for the rows `rows` of `x` in their order.
    pub fn add_t_product_at(x: &[f32], rows: &[u32], r: &[f64], gradient: &mut [f64]) {
        let d = gradient.len() - 1;
        assert_eq!(rows.len(), r.len(), "one residual a row");
        add_rows(r, |row| &x[rows[row] as usize * d..(rows[row] as usize + 1) * d], gradient);
    }
}

/// Adds each row times its residual, four rows in one pass over the sums.
#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn add_rows<'x>(r: &[f64], row: impl Fn(usize) -> &'x [f32], gradient: &mut [f64]) {
    let d = gradient.len() - 1;
    let (slopes, constant) = gradient.split_at_mut(d);
    let (whole, rest) = r.as_chunks::<4>();
    for (four, r) in whole.iter().enumerate() {
        let [a, b, c, e] = [0, 1, 2, 3].map(|i| &row(4 * four + i)[..d]);
        for (j, out) in slopes.iter_mut().enumerate() {
            let [a, b, c, e] = [a[j], b[j], c[j], e[j]].map(f64::from);
            *out += (r[0] * a + r[1] * b) + (r[2] * c + r[3] * e);
        }
        constant[0] += (r[0] + r[1]) + (r[2] + r[3]);
    }
    for (i, r) in (4 * whole.len()..).zip(rest) {
        axpy(*r, row(i), slopes);
        constant[0] += r;
    }
}

/// Σ x b in eight running sums; the products of widened f32 values lose nothing but the rounding of b.
#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
pub fn mixed_dot(x: &[f32], b: &[f64]) -> f64 {
    merge_lanes(&dot_lanes(x, b)) + dot_tail(x, b)
}

/// The running sums over whole chunks of eight. Written to memory before they are merged, they stay in vector registers.
#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn dot_lanes(x: &[f32], b: &[f64]) -> [f64; 8] {
    let mut acc = [0.0; 8];
    for (x, y) in x.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            acc[lane] += f64::from(x[lane]) * y[lane];
        }
    }
    acc
}

#[expect(clippy::inline_always, reason = "called inside dispatched bodies")]
#[inline(always)]
fn merge_lanes(acc: &[f64; 8]) -> f64 {
    ((acc[0] + acc[4]) + (acc[1] + acc[5])) + ((acc[2] + acc[6]) + (acc[3] + acc[7]))
}

/// Σ x b behind the last whole chunk of eight.
#[expect(clippy::inline_always, reason = "called inside dispatched bodies")]
#[inline(always)]
fn dot_tail(x: &[f32], b: &[f64]) -> f64 {
    let (x, b) = (x.chunks_exact(8).remainder(), b.chunks_exact(8).remainder());
    x.iter().zip(b).map(|(x, y)| f64::from(*x) * y).sum()
}

#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn axpy(a: f64, x: &[f32], out: &mut [f64]) {
    for (o, v) in out.iter_mut().zip(x) {
        *o += a * f64::from(*v);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;
    use crate::dispatch::with_baseline;

    fn gram(x: &[f32], d: usize, w: &[f64]) -> Vec<f64> {
        let n = d + 1;
        let mut h = vec![0.0; n * n];
        let mut scratch = GramScratch::new(n);
        for (row, w) in x.chunks_exact(d).zip(w) {
            scratch.push(row, *w);
            if scratch.is_full() {
                scratch.add_to(&mut h);
            }
        }
        scratch.add_to(&mut h);
        h
    }

    #[test]
    fn gram_matches_the_definition_for_every_width() {
        for d in [1, 2, 3, 4, 5, 7, 8, 9, 16, 21] {
            let rows = 300;
            let x: Vec<f32> = noise(rows * d, 3).into_iter().map(|v| v as f32).collect();
            let w = noise(rows, 4);
            let h = gram(&x, d, &w);
            let at = |row: usize, j: usize| if j == d { 1.0 } else { f64::from(x[row * d + j]) };
            for i in 0..=d {
                for j in 0..=i {
                    let want: f64 = (0..rows).map(|row| w[row] * at(row, i) * at(row, j)).sum();
                    assert!((h[i * (d + 1) + j] - want).abs() < 1e-11, "{d} {i} {j}");
                }
            }
            let bits = |h: &[f64]| h.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
            assert_eq!(bits(&h), bits(&with_baseline(|| gram(&x, d, &w))));
        }
    }

    #[test]
    fn products_match_the_definition() {
        let (rows, d) = (37, 19);
        let x: Vec<f32> = noise(rows * d, 8).into_iter().map(|v| v as f32).collect();
        let beta = noise(d, 9);
        let mut eta = vec![0.0; rows];
        linear_rows(&x, &beta, 0.5, &mut eta);
        for row in 0..rows {
            let want: f64 = 0.5 + (0..d).map(|j| f64::from(x[row * d + j]) * beta[j]).sum::<f64>();
            assert!((eta[row] - want).abs() < 1e-13);
        }
        let mut picked = vec![0.0; 2];
        linear_rows_at(&x, &[36, 4], &beta, 0.5, &mut picked);
        assert_eq!(picked.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), [eta[36].to_bits(), eta[4].to_bits()]);

        let mut gradient = vec![0.0; d + 1];
        add_t_product(&x, &eta, &mut gradient);
        let all: Vec<u32> = (0..rows as u32).collect();
        let mut picked = vec![0.0; d + 1];
        add_t_product_at(&x, &all, &eta, &mut picked);
        for j in 0..d {
            let want: f64 = (0..rows).map(|row| f64::from(x[row * d + j]) * eta[row]).sum();
            assert!((gradient[j] - want).abs() < 1e-12);
            assert_eq!(gradient[j].to_bits(), picked[j].to_bits());
        }
        assert!((gradient[d] - eta.iter().sum::<f64>()).abs() < 1e-12);
    }
}

//! The weighted Gram matrix in single precision inside, double outside: half the time where six digits will do.
//!
//! Products and sums of [`PANEL`] rows are f32, sums of panels f64, so that the relative error stays near 1e-7 however many rows there
//! are. That is plenty for the metric of a step and for the spread of an estimate, and too little for a matrix near singularity.

use crate::dispatch;

/// Rows of H a tile computes at once.
const TILE_ROWS: usize = 8;
/// Columns of H a tile computes at once: 8 × 16 running sums fill 8 AVX-512 registers and 16 of AVX2.
const TILE_COLS: usize = 16;
/// Rows whose products are summed in f32: a longer sum would lose more digits, a shorter one be merged too often.
const PANEL: usize = 64;
/// One row of a panel in a tile of [`TILE_COLS`] columns, aligned so that no load of it crosses two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Right([f32; TILE_COLS]);

/// One row of a panel in a tile of [`TILE_ROWS`] columns.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Left([f32; TILE_ROWS]);

/// Scratch of a weighted Gram update in single precision, reused between panels.
#[derive(Clone, Debug)]
pub struct GramScratchSingle {
    n: usize,
    /// w x, tiles of [`TILE_ROWS`] columns: `[tile][row][column in tile]`.
    left: Vec<Left>,
    /// x, tiles of [`TILE_COLS`] columns.
    right: Vec<Right>,
    filled: usize,
}

impl GramScratchSingle {
    /// Scratch for matrices of order `n`.
    pub fn new(n: usize) -> Self {
        let n_tiles = n.div_ceil(TILE_COLS);
        let left = vec![Left([0.0; TILE_ROWS]); n_tiles * TILE_COLS / TILE_ROWS * PANEL];
        Self { n, left, right: vec![Right([0.0; TILE_COLS]); n_tiles * PANEL], filled: 0 }
    }

    /// Adds row `x` (length n − 1; the last column of the matrix is the constant 1) with weight `w`. Panics when the panel is full.
    pub fn push(&mut self, x: &[f32], w: f64) {
        assert!(self.filled < PANEL, "the panel was added before it overflowed");
        assert_eq!(x.len() + 1, self.n, "one value a column, without the constant");
        pack_row(x, w as f32, self.filled, &mut self.left, &mut self.right);
        self.filled += 1;
    }

    /// Whether the panel must be added before the next push.
    pub fn is_full(&self) -> bool {
        self.filled == PANEL
    }

    /// H = H + Xᵀ W X of the pushed rows, lower triangle of the `n × n` matrix `h`; empties the panel.
    pub fn add_to(&mut self, h: &mut [f64]) {
        assert_eq!(h.len(), self.n * self.n, "a square matrix");
        add_panel(&self.left, &self.right, self.filled, self.n, h);
        self.filled = 0;
    }
}

dispatch! {
    fn pack_row(x: &[f32], w: f32, row: usize, left: &mut [Left], right: &mut [Right]) {
        let (whole, rest) = x.as_chunks::<TILE_COLS>();
        let mut last = [0.0; TILE_COLS];
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()] = 1.0;
        let tiles = left.chunks_exact_mut(2 * PANEL).zip(right.chunks_exact_mut(PANEL));
        for (values, (left, right)) in whole.iter().chain([&last]).zip(tiles) {
            right[row] = Right(*values);
            left[row] = Left(std::array::from_fn(|i| w * values[i]));
            left[PANEL + row] = Left(std::array::from_fn(|i| w * values[TILE_ROWS + i]));
        }
    }

    /// The larger tiles stay in the first-level cache while the smaller ones pass.
    fn add_panel(left: &[Left], right: &[Right], n_rows: usize, n: usize, h: &mut [f64]) {
        for (tile_j, b) in right.chunks_exact(PANEL).enumerate() {
            let j0 = tile_j * TILE_COLS;
            for (tile_i, a) in left.chunks_exact(PANEL).enumerate().skip(j0 / TILE_ROWS) {
                let i0 = tile_i * TILE_ROWS;
                let sums = tile_product(&a[..n_rows], &b[..n_rows]);
                for (i, row) in (i0..n.min(i0 + TILE_ROWS)).zip(&sums) {
                    // Above the diagonal nothing is kept.
                    let end = (i + 1).min(j0 + TILE_COLS);
                    if j0 < end {
                        for (out, sum) in h[i * n + j0..i * n + end].iter_mut().zip(row) {
                            *out += f64::from(*sum);
                        }
                    }
                }
            }
        }
    }
}

/// Σ over rows of the outer product of an 8-column and a 16-column tile. One variable a row of sums: in one array of all of them the
/// compiler would keep the sums in memory.
#[expect(clippy::inline_always, reason = "the hot loop of a dispatched body")]
#[inline(always)]
fn tile_product(a: &[Left], b: &[Right]) -> [[f32; TILE_COLS]; TILE_ROWS] {
    let [mut s0, mut s1, mut s2, mut s3, mut s4, mut s5, mut s6, mut s7] = [[0.0; TILE_COLS]; TILE_ROWS];
    for (Left(x), Right(y)) in a.iter().zip(b) {
        add_multiple(&mut s0, x[0], y);
        add_multiple(&mut s1, x[1], y);
        add_multiple(&mut s2, x[2], y);
        add_multiple(&mut s3, x[3], y);
        add_multiple(&mut s4, x[4], y);
        add_multiple(&mut s5, x[5], y);
        add_multiple(&mut s6, x[6], y);
        add_multiple(&mut s7, x[7], y);
    }
    [s0, s1, s2, s3, s4, s5, s6, s7]
}

#[expect(clippy::inline_always, reason = "the hot loop of a dispatched body")]
#[inline(always)]
fn add_multiple(sum: &mut [f32; TILE_COLS], x: f32, y: &[f32; TILE_COLS]) {
    *sum = std::array::from_fn(|j| x.mul_add(y[j], sum[j]));
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;
    use crate::dispatch::with_baseline;

    fn gram(x: &[f32], d: usize, w: &[f64]) -> Vec<f64> {
        let n = d + 1;
        let mut h = vec![0.0; n * n];
        let mut scratch = GramScratchSingle::new(n);
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
    fn gram_matches_the_definition_to_six_digits_for_every_width() {
        for d in [1, 2, 7, 8, 9, 15, 16, 17, 31, 33] {
            let rows = 300;
            let x: Vec<f32> = noise(rows * d, 3).into_iter().map(|v| v as f32).collect();
            let w = noise(rows, 4);
            let h = gram(&x, d, &w);
            let at = |row: usize, j: usize| if j == d { 1.0 } else { f64::from(x[row * d + j]) };
            for i in 0..=d {
                for j in 0..=i {
                    let terms = (0..rows).map(|row| w[row] * at(row, i) * at(row, j));
                    let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term: f64| (sum + term, size + term.abs()));
                    assert!((h[i * (d + 1) + j] - sum).abs() < 1e-6 * size, "{d} {i} {j}");
                }
            }
            let bits = |h: &[f64]| h.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
            assert_eq!(bits(&h), bits(&with_baseline(|| gram(&x, d, &w))));
        }
    }
}

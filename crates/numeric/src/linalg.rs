//! Small dense linear algebra: weighted Gram matrices and Cholesky.
//!
//! Symmetric matrices are full `n × n` slices in row-major order of which only the lower triangle is read and written.

use std::fmt;

mod gram;

pub use gram::{GramScratch, PANEL_ROWS, add_t_product, add_t_product_at, linear_rows, linear_rows_at, mixed_dot};

/// A matrix is not positive definite: the pivot of `column` is not positive once the columns before it are eliminated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotPositiveDefinite {
    /// The column whose pivot failed.
    pub column: usize,
    /// The pivot: at or below the tolerance, or NaN.
    pub pivot: f64,
}

impl fmt::Display for NotPositiveDefinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "matrix is not positive definite: pivot {:e} in column {}", self.pivot, self.column)
    }
}

impl std::error::Error for NotPositiveDefinite {}

/// The factor L of A = L Lᵀ.
#[derive(Clone, Debug, PartialEq)]
pub struct Cholesky {
    n: usize,
    /// Lower triangle of L, row-major `n × n`; zeros above the diagonal.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factors a symmetric `n × n` matrix given by its lower triangle, in n³ / 3 operations.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`] names the first column whose pivot is at most `a[j][j]` · n · ε: it is a linear combination of the
    /// columns before it, within rounding.
    pub fn new(a: &[f64], n: usize) -> Result<Self, NotPositiveDefinite> {
        assert_eq!(a.len(), n * n, "a square matrix");
        let mut factor = vec![0.0; n * n];
        for i in 0..n {
            let (above, row) = factor.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..=j * n + j];
                row[j] = (a[i * n + j] - short_dot(&row[..j], &other[..j])) / other[j];
            }
            let diagonal = a[i * n + i];
            let pivot = diagonal - short_dot(&row[..i], &row[..i]);
            let is_positive = pivot > diagonal.abs() * n as f64 * f64::EPSILON;
            if !is_positive || !pivot.is_finite() {
                return Err(NotPositiveDefinite { column: i, pivot });
            }
            row[i] = pivot.sqrt();
        }
        Ok(Self { n, factor })
    }

    /// Order of the matrix.
    pub fn order(&self) -> usize {
        self.n
    }

    /// x = A⁻¹ x. Sets `x` (length n).
    pub fn solve(&self, x: &mut [f64]) {
        self.forward(x);
        let n = self.n;
        for i in (0..n).rev() {
            x[i] /= self.factor[i * n + i];
            let solved = x[i];
            for (value, l) in x[..i].iter_mut().zip(&self.factor[i * n..i * n + i]) {
                *value -= l * solved;
            }
        }
    }

    /// x = L⁻¹ x. Sets `x` (length n).
    pub fn forward(&self, x: &mut [f64]) {
        assert_eq!(x.len(), self.n, "one value a row of the matrix");
        let n = self.n;
        for i in 0..n {
            x[i] = (x[i] - short_dot(&self.factor[i * n..i * n + i], &x[..i])) / self.factor[i * n + i];
        }
    }

    /// ln det A = 2 Σ ln Lᵢᵢ.
    pub fn log_det(&self) -> f64 {
        2.0 * (0..self.n).map(|i| crate::elementary::ln(self.factor[i * self.n + i])).sum::<f64>()
    }

    /// The diagonal of A⁻¹, length n: `out[j]` = ‖L⁻¹ eⱼ‖², in n³ / 3 operations.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let n = self.n;
        // Row j of `columns` is column j of L⁻¹, so that the inner loops run over adjacent values.
        let mut columns = vec![0.0; n * n];
        for (j, column) in columns.chunks_exact_mut(n.max(1)).enumerate() {
            column[j] = 1.0 / self.factor[j * n + j];
            for i in j + 1..n {
                let sum = short_dot(&self.factor[i * n + j..i * n + i], &column[j..i]);
                column[i] = -sum / self.factor[i * n + i];
            }
        }
        columns.chunks_exact(n.max(1)).enumerate().map(|(j, c)| short_dot(&c[j..], &c[j..])).collect()
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
    assert_eq!(a.len(), n * n, "a square matrix");
    let mut factor = vec![0.0; n * n];
    let mut dependent = Vec::new();
    for i in 0..n {
        let (above, row) = factor.split_at_mut(i * n);
        for j in 0..i {
            let other = &above[j * n..=j * n + j];
            // A skipped column has a zero on its diagonal and takes no part.
            row[j] = if other[j] > 0.0 { (a[i * n + j] - short_dot(&row[..j], &other[..j])) / other[j] } else { 0.0 };
        }
        let pivot = a[i * n + i] - short_dot(&row[..i], &row[..i]);
        if pivot > tolerance * a[i * n + i] {
            row[i] = pivot.sqrt();
        } else {
            dependent.push(i);
        }
    }
    dependent
}

/// Dot product of short slices, four running sums.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without a pattern, in [-1, 1).
    pub(super) fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..n)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
            })
            .collect()
    }

    /// B Bᵀ + I, positive definite.
    fn positive_definite(n: usize) -> Vec<f64> {
        let b = noise(n * n, n as u64);
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                a[i * n + j] = (0..n).map(|k| b[i * n + k] * b[j * n + k]).sum::<f64>() + f64::from(u8::from(i == j));
            }
        }
        a
    }

    #[test]
    fn solve_inverts_the_product() {
        for n in [1, 2, 9, 40] {
            let a = positive_definite(n);
            let x = noise(n, 5);
            let mut b: Vec<f64> = (0..n).map(|i| (0..n).map(|j| a[i * n + j] * x[j]).sum()).collect();
            Cholesky::new(&a, n).unwrap().solve(&mut b);
            assert!(b.iter().zip(&x).all(|(got, want)| (got - want).abs() < 1e-10), "{n}");
        }
    }

    #[test]
    fn determinant_and_inverse_of_a_known_matrix() {
        let a = [4.0, f64::NAN, 2.0, 3.0];
        let factor = Cholesky::new(&a, 2).unwrap();
        assert!((factor.log_det() - 8.0_f64.ln()).abs() < 1e-15);
        let inverse = factor.inverse_diagonal();
        assert!((inverse[0] - 0.375).abs() < 1e-15 && (inverse[1] - 0.5).abs() < 1e-15);
        assert!((factor.inverse_trace(1) - 0.375).abs() < 1e-15);
    }

    #[test]
    fn inverse_diagonal_matches_solving_for_unit_vectors() {
        let n = 23;
        let factor = Cholesky::new(&positive_definite(n), n).unwrap();
        let diagonal = factor.inverse_diagonal();
        for j in 0..n {
            let mut unit = vec![0.0; n];
            unit[j] = 1.0;
            factor.solve(&mut unit);
            assert!((unit[j] - diagonal[j]).abs() < 1e-12);
        }
    }

    #[test]
    fn a_singular_matrix_names_its_pivot() {
        // The third column is the sum of the first two.
        let a = [2.0, 0.0, 2.0, 0.0, 3.0, 3.0, 2.0, 3.0, 5.0];
        let error = Cholesky::new(&a, 3).unwrap_err();
        assert_eq!(error.column, 2);
        assert_eq!(dependent_columns(&a, 3, 1e-10), [2]);
        assert!(error.to_string().contains("column 2"));
        assert_eq!(Cholesky::new(&[f64::NAN], 1).unwrap_err().column, 0);
        assert_eq!(Cholesky::new(&[0.0], 1).unwrap_err().column, 0);
    }

    #[test]
    fn elimination_goes_on_behind_a_dependent_column() {
        // Columns 1 and 3 repeat 0 and 2.
        let a = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0];
        assert_eq!(dependent_columns(&a, 4, 1e-10), [1, 3]);
    }
}

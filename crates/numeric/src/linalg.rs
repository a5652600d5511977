//! Small dense linear algebra: weighted Gram matrices and Cholesky.
//!
//! Symmetric matrices are full `n × n` slices in row-major order of which only the lower triangle is read and written.

use std::fmt;

mod bundle;
mod cholesky;
mod gram;
mod gram_single;

pub use bundle::{Bundle, MOST as BUNDLE_VECTORS, add_t_products};
pub use cholesky::{Cholesky, dependent_columns};
pub use gram::{GramScratch, PANEL_ROWS, add_t_product, add_t_product_at, linear_rows, linear_rows_at, mixed_dot};
pub use gram_single::GramScratchSingle;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{with_baseline, without_avx512};

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
        for n in [1, 2, 9, 40, 63, 64, 65, 130, 201] {
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
        for n in [23, 64, 67, 150] {
            let factor = Cholesky::new(&positive_definite(n), n).unwrap();
            let diagonal = factor.inverse_diagonal();
            for j in 0..n {
                let mut unit = vec![0.0; n];
                unit[j] = 1.0;
                factor.solve(&mut unit);
                assert!((unit[j] - diagonal[j]).abs() < 1e-12, "{n} {j}");
            }
        }
    }

    #[test]
    fn the_whole_inverse_matches_solving_for_unit_vectors() {
        for n in [1, 7, 8, 23, 64, 67, 150] {
            let factor = Cholesky::new(&positive_definite(n), n).unwrap();
            let inverse = factor.inverse();
            for j in 0..n {
                let mut unit = vec![0.0; n];
                unit[j] = 1.0;
                factor.solve(&mut unit);
                assert!((0..n).all(|i| (unit[i] - inverse[i * n + j]).abs() < 1e-12), "{n} {j}");
            }
        }
    }

    #[test]
    fn blocks_of_the_inverse_match_all_of_it() {
        for (n, ends) in [(1, vec![0, 1]), (23, vec![0, 5, 5, 23]), (150, vec![0, 64, 67, 130, 150])] {
            let factor = Cholesky::new(&positive_definite(n), n).unwrap();
            let inverse = factor.inverse();
            for (block, ends) in factor.inverse_blocks(&ends).iter().zip(ends.windows(2)) {
                let size = ends[1] - ends[0];
                assert_eq!(block.len(), size * size);
                let at = |k: usize| inverse[(ends[0] + k / size) * n + ends[0] + k % size];
                assert!((0..size * size).all(|k| (block[k] - at(k)).abs() < 1e-12), "{n} {ends:?}");
            }
        }
    }

    #[test]
    fn the_bodies_give_equal_bits() {
        let n = 139;
        let a = positive_definite(n);
        let run = || {
            let factor = Cholesky::new(&a, n).unwrap();
            let mut x = noise(n, 3);
            factor.solve(&mut x);
            x.extend(factor.inverse_diagonal());
            x.extend(factor.inverse());
            x.extend(factor.inverse_blocks(&[0, 50, n]).concat());
            x.into_iter().map(f64::to_bits).collect::<Vec<_>>()
        };
        let expected = run();
        assert_eq!(with_baseline(run), expected);
        assert_eq!(without_avx512(run), expected);
    }

    #[test]
    fn dependent_columns_are_found_across_blocks() {
        // Gram matrix of 150 columns of which 70 repeats 3, 100 is the sum of 1 and 90, and 149 is zero.
        let (n, rows) = (150, 160);
        let mut x = noise(rows * n, 7);
        for row in x.chunks_exact_mut(n) {
            row[70] = row[3];
            row[100] = row[1] + row[90];
            row[149] = 0.0;
        }
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                a[i * n + j] = x.chunks_exact(n).map(|row| row[i] * row[j]).sum();
            }
        }
        assert_eq!(dependent_columns(&a, n, 1e-10), [70, 100, 149]);
        assert_eq!(Cholesky::new(&a, n).unwrap_err().column, 70);
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

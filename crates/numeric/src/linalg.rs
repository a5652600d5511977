//! Small dense linear algebra: Cholesky.

//! The dense design matrix all offers share.

use rayon::prelude::*;

use crate::encoder::{Encoder, RawColumns};
use crate::error::{Error, check_len};

/// Rows encoded at once: a strip of the row-major matrix that stays in the second-level cache while its columns are written.
pub(crate) const STRIP_ROWS: usize = 256;

/// A dense, standardized, row-major matrix of f32 without NaN, and where each column comes from.
///
/// Shapes: `x` is `n_rows × n_cols`. The constant column of the intercept is not stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    n_rows: usize,
    n_cols: usize,
    x: Vec<f32>,
    source: Vec<u32>,
}

impl Design {
    /// Takes a row-major matrix; `source[j]` is the raw feature of column j.
    ///
    /// # Errors
    /// [`Error::Shape`] when lengths disagree or there are more than `u32::MAX` rows, [`Error::NotFinite`] with the first NaN or
    /// infinity.
    pub fn from_parts(n_rows: usize, x: Vec<f32>, source: Vec<u32>) -> Result<Self, Error> {
        let n_cols = source.len();
        check_len("x", x.len(), n_rows * n_cols)?;
        if u32::try_from(n_rows).is_err() {
            return Err(Error::Shape { what: "rows", got: n_rows, expected: u32::MAX as usize });
        }
        let first_bad = x
            .par_chunks(1 << 16)
            .enumerate()
            .find_map_first(|(chunk, values)| values.iter().position(|v| !v.is_finite()).map(|at| (chunk << 16) + at));
        match first_bad {
            None => Ok(Self { n_rows, n_cols, x, source }),
            Some(at) => Err(Error::NotFinite { what: "x", row: at / n_cols, column: at % n_cols }),
        }
    }

    /// Encodes every row of `raw` with a fitted encoder, in parallel.
    ///
    /// # Errors
    /// [`Error::Shape`] when `raw` does not have the encoder's columns.
    pub fn encode(encoder: &Encoder, raw: &RawColumns<'_>) -> Result<Self, Error> {
        encoder.check_raw(raw)?;
        let n_cols = encoder.columns.len();
        let mut x = vec![0.0; raw.n_rows * n_cols];
        if n_cols > 0 {
            x.par_chunks_mut(STRIP_ROWS * n_cols).enumerate().for_each(|(strip, out)| {
                let start = strip * STRIP_ROWS;
                encoder.encode_strip(raw, start..start + out.len() / n_cols, out);
            });
        }
        Self::from_parts(raw.n_rows, x, encoder.columns.iter().map(|column| column.raw).collect())
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns, without the intercept.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// The matrix, row-major.
    pub fn x(&self) -> &[f32] {
        &self.x
    }

    /// One row, length `n_cols`.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.x[row * self.n_cols..(row + 1) * self.n_cols]
    }

    /// The raw feature each column comes from.
    pub fn source(&self) -> &[u32] {
        &self.source
    }
}

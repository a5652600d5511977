//! Products of a row-major f32 matrix with several vectors in one read of it, sums in f64.
//!
//! One vector at a time, a product waits for the conversion of the matrix to f64 and for its own additions. Up to [`MOST`] vectors at
//! once share the loads and conversions, and their sums fill the pipeline. Every vector's sums have the shape they would have alone, so
//! which vectors travel together changes no bit.

use crate::dispatch;

/// Vectors a bundle holds at most: with as many running sums of eight no AVX-512 addition waits for another, and more would not
/// stay in registers.
pub const MOST: usize = 8;
/// Columns handled at once: an AVX-512 register of f64.
const LANES: usize = 8;
/// Rows whose running sums are formed before they are merged.
const MERGED_ROWS: usize = 8;

/// A chunk of columns, aligned so that no load of one crosses two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Lanes([f64; LANES]);

const ZERO: Lanes = Lanes([0.0; LANES]);

/// Up to [`MOST`] vectors of d coefficients and an intercept, laid out as the rows of a matrix are read.
#[derive(Clone, Debug)]
pub struct Bundle {
    n_cols: usize,
    /// By chunk of columns and vector. A last chunk that is not whole overlaps the one before: its first entries are zero.
    packed: Vec<Lanes>,
    intercepts: Vec<f64>,
}

impl Bundle {
    /// Bundles vectors of one length, the intercept last.
    pub fn new(vectors: &[&[f64]]) -> Self {
        assert!((1..=MOST).contains(&vectors.len()), "one to eight vectors");
        let n_cols = vectors[0].len() - 1;
        assert!(vectors.iter().all(|vector| vector.len() == n_cols + 1), "vectors of one length");
        let mut packed = Vec::with_capacity(n_cols.div_ceil(LANES) * vectors.len());
        for start in (0..n_cols).step_by(LANES) {
            packed.extend(vectors.iter().map(|vector| chunk_of(&vector[..n_cols], start)));
        }
        Self { n_cols, packed, intercepts: vectors.iter().map(|vector| vector[n_cols]).collect() }
    }

    /// Number of vectors.
    pub fn n_vectors(&self) -> usize {
        self.intercepts.len()
    }

    /// `out[v * n_rows + i]` = `x[i]` · vector v + its intercept, for the rows of the row-major `x`.
    pub fn linear_rows(&self, x: &[f32], out: &mut [f64]) {
        let n_rows = out.len() / self.n_vectors();
        assert_eq!(out.len(), n_rows * self.n_vectors(), "one result a row and vector");
        assert_eq!(x.len(), n_rows * self.n_cols, "one result a row");
        linear_rows(x, self.n_cols, &self.packed, &self.intercepts, out);
    }
}

/// `gradients` = `gradients` + Xᵀ R over consecutive rows of the row-major `x`: `residuals` holds `n_vectors` runs of one value a row,
/// `gradients` as many runs of a value a column and one for Σ r.
pub fn add_t_products(x: &[f32], n_vectors: usize, residuals: &[f64], gradients: &mut [f64]) {
    assert!((1..=MOST).contains(&n_vectors), "one to eight vectors");
    let (n_rows, n_params) = (residuals.len() / n_vectors, gradients.len() / n_vectors);
    assert_eq!([residuals.len(), gradients.len()], [n_rows * n_vectors, n_params * n_vectors], "runs of one length");
    assert_eq!(x.len(), n_rows * (n_params - 1), "one residual a row");
    add_products(x, n_vectors, residuals, gradients);
}

/// The values of the chunk that begins at `start`. Of a last one that is not whole, zeros for what the chunk before it has.
fn chunk_of(values: &[f64], start: usize) -> Lanes {
    let mut chunk = [0.0; LANES];
    let n = LANES.min(values.len() - start);
    let at = if values.len() < LANES { 0 } else { LANES - n };
    chunk[at..at + n].copy_from_slice(&values[start..start + n]);
    Lanes(chunk)
}

/// The last chunk of a row that is not whole: its last eight values, or all of them and zeros.
#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn last_chunk(row: &[f32]) -> [f64; LANES] {
    match row.last_chunk::<LANES>() {
        Some(chunk) => chunk.map(f64::from),
        None => std::array::from_fn(|lane| row.get(lane).map_or(0.0, |value| f64::from(*value))),
    }
}

dispatch! {
    fn linear_rows(x: &[f32], d: usize, packed: &[Lanes], intercepts: &[f64], out: &mut [f64]) {
        match intercepts.len() {
            1 => rows_of::<1>(x, d, packed, intercepts, out),
            2 => rows_of::<2>(x, d, packed, intercepts, out),
            3 => rows_of::<3>(x, d, packed, intercepts, out),
            4 => rows_of::<4>(x, d, packed, intercepts, out),
            5 => rows_of::<5>(x, d, packed, intercepts, out),
            6 => rows_of::<6>(x, d, packed, intercepts, out),
            7 => rows_of::<7>(x, d, packed, intercepts, out),
            _ => rows_of::<8>(x, d, packed, intercepts, out),
        }
    }

    fn add_products(x: &[f32], n_vectors: usize, residuals: &[f64], gradients: &mut [f64]) {
        match n_vectors {
            1 => add_t_rows::<1>(x, residuals, gradients),
            2 => add_t_rows::<2>(x, residuals, gradients),
            3 => add_t_rows::<3>(x, residuals, gradients),
            4 => add_t_rows::<4>(x, residuals, gradients),
            5 => add_t_rows::<5>(x, residuals, gradients),
            6 => add_t_rows::<6>(x, residuals, gradients),
            7 => add_t_rows::<7>(x, residuals, gradients),
            _ => add_t_rows::<8>(x, residuals, gradients),
        }
    }
}

#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn rows_of<const V: usize>(x: &[f32], d: usize, packed: &[Lanes], intercepts: &[f64], out: &mut [f64]) {
    let n_rows = out.len() / V;
    let chunks = packed.as_chunks::<V>().0;
    // Written to memory before they are merged: merged at once, the compiler would keep them in pairs.
    let mut sums = [[ZERO; V]; MERGED_ROWS];
    for first in (0..n_rows).step_by(MERGED_ROWS) {
        let rows = first..n_rows.min(first + MERGED_ROWS);
        for (i, sums) in rows.clone().zip(&mut sums) {
            *sums = row_sums(&x[i * d..(i + 1) * d], chunks);
        }
        for (i, sums) in rows.zip(&sums) {
            for (v, (sums, intercept)) in sums.iter().zip(intercepts).enumerate() {
                out[v * n_rows + i] = intercept + merge(&sums.0);
            }
        }
    }
}

#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn row_sums<const V: usize>(row: &[f32], chunks: &[[Lanes; V]]) -> [Lanes; V] {
    let mut sums = [ZERO; V];
    let (whole, rest) = row.as_chunks::<LANES>();
    for (values, chunk) in whole.iter().zip(chunks) {
        add_chunk(&mut sums, &values.map(f64::from), chunk);
    }
    if let (false, Some(chunk)) = (rest.is_empty(), chunks.last()) {
        add_chunk(&mut sums, &last_chunk(row), chunk);
    }
    sums
}

#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn add_chunk<const V: usize>(sums: &mut [Lanes; V], values: &[f64; LANES], chunk: &[Lanes; V]) {
    for v in 0..V {
        sums[v] = Lanes(std::array::from_fn(|lane| values[lane].mul_add(chunk[v].0[lane], sums[v].0[lane])));
    }
}

#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn merge(sums: &[f64; LANES]) -> f64 {
    ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))
}

#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn add_t_rows<const V: usize>(x: &[f32], residuals: &[f64], gradients: &mut [f64]) {
    let (n_rows, n_params) = (residuals.len() / V, gradients.len() / V);
    let d = n_params - 1;
    let residuals: [&[f64]; V] = std::array::from_fn(|v| &residuals[v * n_rows..(v + 1) * n_rows]);
    for (v, residuals) in residuals.iter().enumerate() {
        gradients[v * n_params + d] += total(residuals);
    }
    let whole = d / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let mut sums = [ZERO; V];
        for (i, row) in x.chunks_exact(d).enumerate() {
            let values: [f32; LANES] = std::array::from_fn(|lane| row[start..start + LANES][lane]);
            add_multiples(&mut sums, &values.map(f64::from), residuals.map(|residuals| residuals[i]));
        }
        for (v, sums) in sums.iter().enumerate() {
            let out = &mut gradients[v * n_params + start..][..LANES];
            out.iter_mut().zip(sums.0).for_each(|(out, sum)| *out += sum);
        }
    }
    if whole < d {
        let mut sums = [ZERO; V];
        for (i, row) in x.chunks_exact(d).enumerate() {
            add_multiples(&mut sums, &last_chunk(row), residuals.map(|residuals| residuals[i]));
        }
        let skipped = if d < LANES { 0 } else { LANES - (d - whole) };
        for (v, sums) in sums.iter().enumerate() {
            let out = &mut gradients[v * n_params + whole..v * n_params + d];
            out.iter_mut().zip(&sums.0[skipped..]).for_each(|(out, sum)| *out += sum);
        }
    }
}

#[expect(clippy::inline_always, reason = "the hot loop of dispatched bodies")]
#[inline(always)]
fn add_multiples<const V: usize>(sums: &mut [Lanes; V], values: &[f64; LANES], residuals: [f64; V]) {
    for v in 0..V {
        sums[v] = Lanes(std::array::from_fn(|lane| values[lane].mul_add(residuals[v], sums[v].0[lane])));
    }
}

#[expect(clippy::inline_always, reason = "called inside dispatched bodies")]
#[inline(always)]
fn total(values: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        sums = std::array::from_fn(|lane| sums[lane] + chunk[lane]);
    }
    merge(&sums) + rest.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;
    use crate::dispatch::{with_baseline, without_avx512};

    fn vectors(n: usize, d: usize) -> Vec<Vec<f64>> {
        (0..n).map(|v| noise(d + 1, 20 + v as u64)).collect()
    }

    /// Both products of a bundle.
    fn products(x: &[f32], vectors: &[Vec<f64>], rows: usize) -> [Vec<f64>; 2] {
        let bundle = Bundle::new(&vectors.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut out = vec![0.0; rows * vectors.len()];
        bundle.linear_rows(x, &mut out);
        let mut gradients = vec![0.25; vectors.len() * vectors[0].len()];
        add_t_products(x, vectors.len(), &out, &mut gradients);
        [out, gradients]
    }

    #[test]
    fn products_match_the_definition_for_every_width_and_number() {
        let rows = 37;
        for d in [1, 3, 7, 8, 9, 15, 16, 20] {
            let x: Vec<f32> = noise(rows * d, 8).into_iter().map(|v| v as f32).collect();
            let at = |row: usize, j: usize| if j == d { 1.0 } else { f64::from(x[row * d + j]) };
            for n in 1..=MOST {
                let vectors = vectors(n, d);
                let [out, gradients] = products(&x, &vectors, rows);
                for (v, vector) in vectors.iter().enumerate() {
                    for row in 0..rows {
                        let want: f64 = (0..=d).map(|j| at(row, j) * vector[j]).sum();
                        assert!((out[v * rows + row] - want).abs() < 1e-13, "{d} {n} {v} {row}");
                    }
                    for j in 0..=d {
                        let want: f64 = 0.25 + (0..rows).map(|row| at(row, j) * out[v * rows + row]).sum::<f64>();
                        assert!((gradients[v * (d + 1) + j] - want).abs() < 1e-12, "{d} {n} {v} {j}");
                    }
                }
            }
        }
    }

    #[test]
    fn neither_company_nor_body_changes_a_bit() {
        let (rows, d) = (70, 21);
        let x: Vec<f32> = noise(rows * d, 8).into_iter().map(|v| v as f32).collect();
        let all = vectors(MOST, d);
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let together = products(&x, &all, rows).map(|values| bits(&values));
        for (v, vector) in all.iter().enumerate() {
            let [out, gradient] = products(&x, std::slice::from_ref(vector), rows).map(|values| bits(&values));
            assert_eq!(out, together[0][v * rows..(v + 1) * rows]);
            assert_eq!(gradient, together[1][v * (d + 1)..(v + 1) * (d + 1)]);
        }
        let run = || products(&x, &all, rows).map(|values| bits(&values));
        assert_eq!(with_baseline(run), together);
        assert_eq!(without_avx512(run), together);
    }
}

//! Times the dense kernels of a fit: weighted Gram matrix, products of bundles, Cholesky factor, trace of the inverse, dependent columns.
//!
//! Run: `cargo run --release -p osusume-numeric --example linalg`. Each time is the least of several runs.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program that measures and prints")]

use std::time::Instant;

use osusume_numeric::linalg::{
    Bundle, Cholesky, GramScratch, add_t_product, add_t_products, dependent_columns, linear_rows,
};

fn main() {
    println!("{:>5} {:>8} {:>10} {:>10} {:>10}", "d", "rows", "gram", "X v", "X' r");
    for d in [60, 120, 250, 550] {
        for n_rows in [6_000, 100_000] {
            time_passes(d, n_rows);
        }
    }
    println!("{:>5} {:>8} {:>10} {:>10} {:>10}", "d", "rows", "vectors", "X V", "X' R");
    for d in [100, 200] {
        for n_vectors in [1, 2, 5, 8] {
            time_bundle(d, 100_000, n_vectors);
        }
    }
    println!("{:>5} {:>10} {:>10} {:>10} {:>10}", "d", "factor", "trace", "dependent", "solve");
    for d in [60, 120, 250, 550] {
        time_factor(d);
    }
}

fn time_passes(d: usize, n_rows: usize) {
    let x = matrix(n_rows, d);
    let (v, mut eta, mut gradient) = (vec![0.5; d], vec![0.0; n_rows], vec![0.0; d + 1]);
    let gram_time = least(3, || gram(&x, d));
    let product = least(3, || linear_rows(&x, &v, 0.1, &mut eta));
    let transposed = least(3, || add_t_product(&x, &eta, &mut gradient));
    println!("{d:>5} {n_rows:>8} {gram_time:>10.5} {product:>10.5} {transposed:>10.5}");
}

/// By strips of 64 rows, as a sweep goes.
fn time_bundle(d: usize, n_rows: usize, n_vectors: usize) {
    let x = matrix(n_rows, d);
    let vector = vec![0.5; d + 1];
    let bundle = Bundle::new(&vec![vector.as_slice(); n_vectors]);
    let (mut out, mut gradients) = (vec![0.0; 64 * n_vectors], vec![0.0; (d + 1) * n_vectors]);
    let product = least(3, || x.chunks_exact(64 * d).for_each(|x| bundle.linear_rows(x, &mut out)));
    let transposed =
        least(3, || x.chunks_exact(64 * d).for_each(|x| add_t_products(x, n_vectors, &out, &mut gradients)));
    println!("{d:>5} {n_rows:>8} {n_vectors:>10} {product:>10.5} {transposed:>10.5}");
}

fn time_factor(d: usize) {
    let n = d + 1;
    let mut h = gram(&matrix(4 * n, d), d);
    (0..n).for_each(|j| h[j * n + j] += 1.0);
    let factor = least(5, || Cholesky::new(&h, n).expect("a Gram matrix plus one is positive definite"));
    let cholesky = Cholesky::new(&h, n).expect("a Gram matrix plus one is positive definite");
    let trace = least(5, || cholesky.inverse_trace(d));
    let dependent = least(5, || dependent_columns(&h, n, 1e-6));
    let mut b = vec![1.0; n];
    let solve = least(5, || cholesky.solve(&mut b));
    println!("{d:>5} {factor:>10.5} {trace:>10.5} {dependent:>10.5} {solve:>10.5}");
}

/// The weighted Gram matrix of the rows, with the constant as the last column.
fn gram(x: &[f32], d: usize) -> Vec<f64> {
    let n = d + 1;
    let mut h = vec![0.0; n * n];
    let mut scratch = GramScratch::new(n);
    for row in x.chunks_exact(d) {
        scratch.push(row, 0.25);
        if scratch.is_full() {
            scratch.add_to(&mut h);
        }
    }
    scratch.add_to(&mut h);
    h
}

/// Seconds of the fastest of `runs` runs.
fn least<T>(runs: usize, mut work: impl FnMut() -> T) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let start = Instant::now();
        std::hint::black_box(work());
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// Values without a pattern in [-1, 1).
fn matrix(n_rows: usize, d: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..n_rows * d)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
        })
        .collect()
}

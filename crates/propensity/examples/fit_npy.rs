//! Fits logistic models to arrays that `NumPy` wrote: mean log-loss + (λ/2)‖β‖², intercept free, λ = 1e-4, one model a column of labels.
//!
//! Run: `cargo run --release -p osusume-propensity --example fit_npy -- DIR`. Reads `DIR/X.npy` (float32, rows × columns) and `DIR/Y.npy`
//! (uint8, rows × offers), writes `DIR/coef.npy` (float64, offers × (columns + 1), intercept last), and prints one JSON line; `seconds`
//! counts from data in memory to coefficients.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program that measures and prints")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use osusume_model::NoControl;
use osusume_propensity::design::Design;
use osusume_propensity::logistic::{LogisticParams, Penalty, Problem, fit_each};

const LAMBDA: f64 = 1e-4;
/// As strict as scikit-learn's `tol` of the same number, or stricter: ours is a share of the spread of the labels.
const TOLERANCE: f64 = 1e-6;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: fit_npy DIR")?;
    let dir = Path::new(&dir);
    let (n_rows, n_cols, x) = read(&dir.join("X.npy"), "<f4")?;
    let (n_labels, n_offers, labels) = read(&dir.join("Y.npy"), "|u1")?;
    if n_labels != n_rows {
        return Err(format!("X.npy has {n_rows} rows and Y.npy {n_labels}").into());
    }
    let x: Vec<f32> = x.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();

    let start = Instant::now();
    let design = Design::from_parts(n_rows, x, (0..n_cols as u32).collect())?;
    let y: Vec<Vec<bool>> =
        (0..n_offers).map(|offer| labels.iter().skip(offer).step_by(n_offers).map(|y| *y != 0).collect()).collect();
    let problems: Vec<Problem<'_>> =
        y.iter().map(|y| Problem { design: &design, rows: None, y, weight: None, offset: None }).collect();
    let params = LogisticParams { penalty: Penalty::Fixed(LAMBDA), tolerance: TOLERANCE, ..LogisticParams::STANDARD };
    let fits = fit_each(&problems, &params, &NoControl)?;
    let seconds = start.elapsed().as_secs_f64();

    let coefficients: Vec<f64> = fits.iter().flat_map(osusume_propensity::logistic::Fit::params).collect();
    write(&dir.join("coef.npy"), n_offers, n_cols + 1, &coefficients)?;
    let steps = fits.iter().map(|fit| fit.iterations).max().unwrap_or(0);
    let hessians: u32 = fits.iter().map(|fit| fit.hessians).sum();
    let gradient = fits.iter().map(|fit| fit.max_gradient).fold(0.0, f64::max);
    println!(
        "{{\"task\":\"logistic\",\"rows\":{n_rows},\"cols\":{n_cols},\"offers\":{n_offers},\"threads\":{},\"seconds\":{seconds:.3},\
         \"steps\":{steps},\"hessians\":{hessians},\"max_gradient\":{gradient:e}}}",
        rayon::current_num_threads()
    );
    Ok(())
}

/// Rows, columns and bytes of a two-dimensional array in C order.
/// Source: `NumPy` Enhancement Proposal 1, the npy format.
fn read(path: &Path, kind: &str) -> Result<(usize, usize, Vec<u8>), Box<dyn Error>> {
    let mut bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let wrong = |what: &str| format!("{}: {what}", path.display());
    if !bytes.starts_with(b"\x93NUMPY") || bytes.len() < 12 {
        return Err(wrong("is no npy file").into());
    }
    let (prefix, length) = match bytes[6] {
        1 => (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))),
        _ => (12, u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize),
    };
    let header =
        String::from_utf8_lossy(bytes.get(prefix..prefix + length).ok_or(wrong("ends too early"))?).into_owned();
    if !header.contains(kind) || header.contains("'fortran_order': True") {
        return Err(wrong(&format!("must hold {kind} in C order, not {header}")).into());
    }
    let shape = header.split('(').nth(1).and_then(|rest| rest.split(')').next()).ok_or(wrong("has no shape"))?;
    let shape: Vec<usize> =
        shape.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
    let &[rows, columns] = shape.as_slice() else { return Err(wrong("must have two dimensions").into()) };
    bytes.drain(..prefix + length);
    let size = if kind == "<f4" { 4 } else { 1 };
    if bytes.len() != rows * columns * size {
        return Err(wrong("does not hold what its shape says").into());
    }
    Ok((rows, columns, bytes))
}

fn write(path: &Path, rows: usize, columns: usize, values: &[f64]) -> std::io::Result<()> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    // The data start at a multiple of 64 bytes; the header ends with a new line.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, bytes)
}

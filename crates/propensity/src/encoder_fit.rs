//! Fitting of the encoder: each raw column on its own, in parallel, then the removal of repeated indicators.

use rayon::prelude::*;

use osusume_numeric::dispatch;
use osusume_numeric::elementary::ln_1p_slice;
use osusume_numeric::sums::{LANES, sum};

use crate::encoder::{Column, DropReason, Dropped, Encoder, EncoderParams, RawColumns, RawKind, Transform, level_code};
use crate::error::Error;

/// Standard deviation of an indicator that holds for half of the rows; the scale of all indicators.
const INDICATOR_SCALE: f64 = 0.5;
/// log(1 + x) is nearly a straight line below.
const LOG_BENDS_ABOVE: f64 = 2.0;

/// The columns and omissions of one raw feature.
#[derive(Default)]
struct Fitted {
    columns: Vec<Column>,
    dropped: Vec<Dropped>,
}

pub(crate) fn fit(raw: &RawColumns<'_>, rows: &[u32], params: &EncoderParams) -> Result<Encoder, Error> {
    let fitted: Vec<Result<Fitted, Error>> =
        (0..raw.columns.len()).into_par_iter().map(|column| fit_column(raw, column, rows, params)).collect();
    let mut encoder = Encoder { kinds: raw.kinds.to_vec(), columns: Vec::new(), dropped: Vec::new() };
    for result in fitted {
        let fitted = result?;
        for column in fitted.columns {
            match same_absence(&encoder, raw, rows, &column) {
                None => encoder.columns.push(column),
                Some(kept) => {
                    encoder.dropped.push(Dropped { raw: column.raw, reason: DropReason::SameAbsence { kept } });
                }
            }
        }
        encoder.dropped.extend(fitted.dropped);
    }
    Ok(encoder)
}

/// The earlier feature with an equal absence indicator. Features of one source are absent together, and equal columns would be
/// collinear.
fn same_absence(encoder: &Encoder, raw: &RawColumns<'_>, rows: &[u32], column: &Column) -> Option<u32> {
    if column.transform != Transform::Absent {
        return None;
    }
    let is_absent = |feature: u32, row: u32| raw.columns[feature as usize][row as usize].is_nan();
    encoder
        .columns
        .iter()
        // Equal masks have equal shares, bit for bit; comparing those first leaves few masks to compare.
        .filter(|other| other.transform == Transform::Absent && other.mean.to_bits() == column.mean.to_bits())
        .find(|other| rows.iter().all(|row| is_absent(other.raw, *row) == is_absent(column.raw, *row)))
        .map(|other| other.raw)
}

fn fit_column(raw: &RawColumns<'_>, column: usize, rows: &[u32], params: &EncoderParams) -> Result<Fitted, Error> {
    let feature = column as u32;
    let values: Vec<f32> =
        rows.iter().map(|row| raw.columns[column][*row as usize]).filter(|value| !value.is_nan()).collect();
    let mut fitted = Fitted::default();
    if values.is_empty() {
        fitted.dropped.push(Dropped { raw: feature, reason: DropReason::AlwaysAbsent });
        return Ok(fitted);
    }
    let n_present = values.len();
    match raw.kinds[column] {
        RawKind::Numeric => {
            if values.iter().any(|value| value.is_infinite()) {
                let row = rows.iter().position(|row| raw.columns[column][*row as usize].is_infinite());
                return Err(Error::NotFinite { what: "raw", row: row.unwrap_or(0), column });
            }
            fit_numeric(feature, values, params, &mut fitted);
        }
        RawKind::Category { n_levels } => fit_category(feature, &values, n_levels, params, &mut fitted),
    }
    let absent_share = (rows.len() - n_present) as f64 / rows.len() as f64;
    if absent_share > params.max_absent_share {
        fitted.columns.push(indicator(feature, Transform::Absent, absent_share));
    }
    Ok(fitted)
}

fn indicator(raw: u32, transform: Transform, share: f64) -> Column {
    Column { raw, transform, mean: share, scale: INDICATOR_SCALE }
}

fn fit_numeric(raw: u32, mut values: Vec<f32>, params: &EncoderParams, fitted: &mut Fitted) {
    let Some((low, high)) = clip_bounds(&mut values, params.clip_share) else {
        fitted.dropped.push(Dropped { raw, reason: DropReason::Constant });
        return;
    };
    let mut clipped = vec![0.0; values.len()];
    clip(&values, low, high, &mut clipped);
    let (mean, scale) = moments(&clipped);
    let is_non_negative = values.iter().all(|value| *value >= 0.0);
    let is_heavy = is_non_negative && high > LOG_BENDS_ABOVE && high > params.heavy_tail_ratio * mean;
    if !is_heavy || params.keeps_linear {
        fitted.columns.push(Column { raw, transform: Transform::Linear { low, high }, mean, scale });
    }
    if is_heavy {
        let mut logarithms = vec![0.0; clipped.len()];
        ln_1p_slice(&clipped, &mut logarithms);
        let (mean, scale) = moments(&logarithms);
        fitted.columns.push(Column { raw, transform: Transform::Log1p { low, high }, mean, scale });
    }
}

/// Lower and upper clip: order statistics, or the extremes when those are equal. None for a constant. Reorders `values`.
fn clip_bounds(values: &mut [f32], share: f64) -> Option<(f64, f64)> {
    let last = values.len() - 1;
    let cut = (share * last as f64) as usize;
    let low = *values.select_nth_unstable_by(cut, f32::total_cmp).1;
    let high = *values.select_nth_unstable_by(last - cut, f32::total_cmp).1;
    if low < high {
        return Some((f64::from(low), f64::from(high)));
    }
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (low < high).then(|| (f64::from(low), f64::from(high)))
}

/// Mean and standard deviation. The order of `values` is that left by the selection, a function of the values alone.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = sum(values) / n;
    (mean, (squared_deviations(values, mean) / n).sqrt())
}

dispatch! {
    fn clip(values: &[f32], low: f64, high: f64, out: &mut [f64]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = f64::from(*value).clamp(low, high);
        }
    }

    fn squared_deviations(values: &[f64], mean: f64) -> f64 {
        let mut sums = [0.0; LANES];
        let (whole, rest) = values.as_chunks::<LANES>();
        for values in whole {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += (value - mean) * (value - mean);
            }
        }
        sums.iter().sum::<f64>() + rest.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>()
    }
}

fn fit_category(raw: u32, values: &[f32], n_levels: u32, params: &EncoderParams, fitted: &mut Fitted) {
    let mut counts = vec![0_u64; n_levels as usize];
    for code in values.iter().filter_map(|value| level_code(*value)) {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
    let known: Vec<u32> = (0..n_levels).filter(|level| counts[*level as usize] >= params.min_level_count).collect();
    let n_present = values.len() as u64;
    let n_known: u64 = known.iter().map(|level| counts[*level as usize]).sum();
    let share = |count: u64| count as f64 / n_present as f64;
    // The first of the most frequent: the maximum by (count, smaller level).
    let baseline = known.iter().copied().max_by_key(|level| (counts[*level as usize], std::cmp::Reverse(*level)));
    let before = fitted.columns.len();
    for level in known.iter().copied().filter(|level| Some(*level) != baseline) {
        fitted.columns.push(indicator(raw, Transform::Level(level), share(counts[level as usize])));
    }
    let n_other = n_present - n_known;
    if n_other > 0 && n_known > 0 {
        fitted.columns.push(indicator(raw, Transform::Other { known }, share(n_other)));
    }
    if fitted.columns.len() == before {
        fitted.dropped.push(Dropped { raw, reason: DropReason::Constant });
    }
}

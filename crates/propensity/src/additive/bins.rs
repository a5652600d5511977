//! Raw features as codes of one byte: the bins of a number, the levels of a category, and one code for what is absent.

use rayon::prelude::*;

use crate::encoder::{RawColumns, RawKind, level_code};
use crate::error::{Error, check_len};

/// Most bins of a number.
pub const MAX_BINS: usize = 128;
/// Most bins of a number in a table of fewer than [`MANY_ROWS`] rows, which is too small to say which of more are alike.
pub const FEW_BINS: usize = 64;
/// Rows from which a number has up to [`MAX_BINS`].
pub const MANY_ROWS: usize = 5_000;
/// Most levels of a category with a code of their own; together with "other" and "absent" they fit a byte.
pub const MAX_LEVELS: usize = 250;

/// Codes of all features together, at most, where features have at least [`FEWEST_CODES`]: a Newton step takes the cube of them.
pub const MAX_CODES: usize = 1_000;
/// A feature keeps at least so many bins or levels.
pub const FEWEST_CODES: usize = 4;

/// Rows from which [`Bins::fit_rows`] takes the edges of a number; every k-th of more.
pub(crate) const SAMPLE: usize = 16_384;

/// How the values of a feature fall into codes.
#[derive(Clone, Debug, PartialEq)]
pub enum Cut {
    /// Bin k of a number holds the values above `edges[k - 1]` up to and with `edges[k]`; edges ascend and are finite.
    Number {
        /// One less than there are bins.
        edges: Vec<f64>,
    },
    /// Code k of a category is `levels[k]`; the code after the last is any other level.
    Category {
        /// Ascending.
        levels: Vec<u32>,
    },
}

/// A feature and its codes.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBins {
    /// The raw feature.
    pub raw: u32,
    /// How its values fall into codes.
    pub cut: Cut,
}

impl FeatureBins {
    /// Number of codes: bins, or levels and "other", and the last one for absent values.
    pub fn n_codes(&self) -> usize {
        match &self.cut {
            Cut::Number { edges } => edges.len() + 2,
            Cut::Category { levels } => levels.len() + 2,
        }
    }

    /// The code of an absent value.
    pub fn absent(&self) -> u8 {
        (self.n_codes() - 1) as u8
    }

    /// How many codes, from 0 on, stand in the order of a number; 0 for a category.
    pub fn n_ordered(&self) -> usize {
        match &self.cut {
            Cut::Number { edges } => edges.len() + 1,
            Cut::Category { .. } => 0,
        }
    }

    /// The code of a raw value; NaN is absent, infinities belong to the outermost bins.
    pub fn code(&self, value: f32) -> u8 {
        if value.is_nan() {
            return self.absent();
        }
        let code = match &self.cut {
            Cut::Number { edges } => edges.partition_point(|edge| *edge < f64::from(value)),
            Cut::Category { levels } => {
                level_code(value).and_then(|level| levels.binary_search(&level).ok()).unwrap_or(levels.len())
            }
        };
        code as u8
    }
}

/// The fitted cuts of all features with more than one code in the training rows: plain data, to be written into a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// What each raw column holds.
    pub kinds: Vec<RawKind>,
    /// In order of raw feature.
    pub features: Vec<FeatureBins>,
}

/// One byte a row and feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes {
    /// Rows in every column.
    pub n_rows: usize,
    /// One vector a feature of the [`Bins`].
    pub columns: Vec<Vec<u8>>,
}

impl Bins {
    /// Cuts every feature by its own values; labels play no part.
    ///
    /// A number with at most [`MAX_BINS`] values ([`FEW_BINS`] in a small table) has a bin a value. Otherwise the values, in order, fill bins of nearly equal counts; a
    /// value more frequent than a bin should be has one to itself, and the others share what is left. An edge lies halfway between the
    /// values it parts. A category keeps the levels with at least `min_level_count` rows, the [`MAX_LEVELS`] most frequent of them.
    /// Features with a single code are left out. Where all features together have more than [`MAX_CODES`] codes, none gets more than an
    /// equal cap allows.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] for an infinite number.
    pub fn fit(raw: &RawColumns<'_>, min_level_count: u64) -> Result<Self, Error> {
        check_len("kinds", raw.kinds.len(), raw.columns.len())?;
        raw.columns.iter().try_for_each(|column| check_len("column", column.len(), raw.n_rows))?;
        let most_bins = if raw.n_rows < MANY_ROWS { FEW_BINS } else { MAX_BINS };
        let fit_to = |cap: usize| fit_features(raw, None, min_level_count, [most_bins, cap]);
        let features = fit_to(usize::MAX)?;
        let sizes: Vec<usize> = features.iter().map(FeatureBins::n_codes).collect();
        let cap = equal_cap(&sizes);
        let features = if sizes.iter().any(|size| *size > cap) { fit_to(cap)? } else { features };
        Ok(Self { kinds: raw.kinds.to_vec(), features })
    }

    /// Cuts every feature by its values in some rows, into at most `max_bins` bins or levels; labels play no part.
    ///
    /// As [`Bins::fit`], with the cap given instead of one that all codes together set, and the edges of a number from 16,384 rows spread
    /// over all of them: what is left of it are features of which hardly any row differs.
    ///
    /// # Errors
    /// As [`Bins::fit`]; [`Error::Shape`] for a row there is not.
    pub fn fit_rows(raw: &RawColumns<'_>, rows: &[u32], min_level_count: u64, max_bins: usize) -> Result<Self, Error> {
        check_len("kinds", raw.kinds.len(), raw.columns.len())?;
        raw.columns.iter().try_for_each(|column| check_len("column", column.len(), raw.n_rows))?;
        if let Some(row) = rows.iter().find(|row| **row as usize >= raw.n_rows) {
            return Err(Error::Shape { what: "rows", got: *row as usize, expected: raw.n_rows });
        }
        let features = fit_features(raw, Some(rows), min_level_count, [MAX_BINS, max_bins.saturating_add(2)])?;
        Ok(Self { kinds: raw.kinds.to_vec(), features })
    }

    /// Codes of every row.
    ///
    /// # Errors
    /// [`Error::Shape`] when `raw` does not have the columns the bins were fitted on.
    pub fn encode(&self, raw: &RawColumns<'_>) -> Result<Codes, Error> {
        check_len("kinds", raw.kinds.len(), self.kinds.len())?;
        check_len("columns", raw.columns.len(), self.kinds.len())?;
        raw.columns.iter().try_for_each(|column| check_len("column", column.len(), raw.n_rows))?;
        let encode = |feature: &FeatureBins| {
            raw.columns[feature.raw as usize].iter().map(|value| feature.code(*value)).collect::<Vec<u8>>()
        };
        Ok(Codes { n_rows: raw.n_rows, columns: self.features.par_iter().map(encode).collect() })
    }
}

impl Codes {
    /// The codes of some rows, in the order given.
    #[must_use]
    pub fn at(&self, rows: &[u32]) -> Self {
        let gather = |column: &Vec<u8>| rows.iter().map(|row| column[*row as usize]).collect();
        Self { n_rows: rows.len(), columns: self.columns.par_iter().map(gather).collect() }
    }

    /// Share of the rows with each code, by feature.
    #[must_use]
    pub fn shares(&self, bins: &Bins) -> Vec<Vec<f64>> {
        let counts = crate::additive::terms::code_counts(bins, self);
        let share = |count: u64| count as f64 / self.n_rows.max(1) as f64;
        counts.into_iter().map(|counts| counts.into_iter().map(share).collect()).collect()
    }

    /// Refuses codes other than those of `bins`.
    pub(crate) fn check(&self, bins: &Bins) -> Result<(), Error> {
        check_len("codes", self.columns.len(), bins.features.len())?;
        for (column, feature) in self.columns.iter().zip(&bins.features) {
            check_len("codes", column.len(), self.n_rows)?;
            if let Some(code) = column.iter().find(|code| usize::from(**code) >= feature.n_codes()) {
                return Err(Error::Shape { what: "code", got: usize::from(*code), expected: feature.n_codes() });
            }
        }
        Ok(())
    }
}

/// The largest cap under which features of these sizes have at most [`MAX_CODES`] codes.
fn equal_cap(sizes: &[usize]) -> usize {
    let total = |cap: usize| sizes.iter().map(|size| (*size).min(cap)).sum::<usize>();
    let largest = sizes.iter().copied().max().unwrap_or(0);
    (FEWEST_CODES + 2..=largest).rev().find(|cap| total(*cap) <= MAX_CODES).unwrap_or(FEWEST_CODES + 2)
}

fn fit_features(
    raw: &RawColumns<'_>,
    rows: Option<&[u32]>,
    min_level_count: u64,
    most: [usize; 2],
) -> Result<Vec<FeatureBins>, Error> {
    let one = |column: usize| {
        let all = raw.columns[column];
        let chosen = rows.map(|rows| rows.iter().map(|row| all[*row as usize]).collect::<Vec<f32>>());
        let values = chosen.as_deref().unwrap_or(all);
        let stride = if rows.is_some() { values.len().div_ceil(SAMPLE).max(1) } else { 1 };
        let spread = (stride > 1).then(|| values.iter().copied().step_by(stride).collect::<Vec<f32>>());
        let sample = spread.as_deref().unwrap_or(values);
        fit_feature(raw.kinds[column], column, [values, sample], min_level_count, most)
    };
    let fitted: Vec<Result<Option<FeatureBins>, Error>> = (0..raw.columns.len()).into_par_iter().map(one).collect();
    fitted.into_iter().filter_map(Result::transpose).collect()
}

fn fit_feature(
    kind: RawKind,
    column: usize,
    [values, sample]: [&[f32]; 2],
    min_level_count: u64,
    [most_bins, cap]: [usize; 2],
) -> Result<Option<FeatureBins>, Error> {
    let cut = match kind {
        RawKind::Numeric => {
            if let Some(row) = values.iter().position(|value| value.is_infinite()) {
                return Err(Error::NotFinite { what: "raw", row, column });
            }
            Cut::Number { edges: edges(sample, most_bins.min(cap - 2)) }
        }
        RawKind::Category { n_levels } => {
            Cut::Category { levels: levels(values, n_levels, min_level_count, MAX_LEVELS.min(cap - 2)) }
        }
    };
    let feature = FeatureBins { raw: column as u32, cut };
    let mut codes = values.iter().map(|value| feature.code(*value));
    let first = codes.next();
    Ok(codes.any(|code| Some(code) != first).then_some(feature))
}

/// The different values, ascending, with their counts.
fn distinct(values: &[f32]) -> Vec<(f32, usize)> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    // -0 and 0 are one value.
    sorted.chunk_by(|a, b| a.partial_cmp(b) == Some(std::cmp::Ordering::Equal)).map(|run| (run[0], run.len())).collect()
}

fn edges(values: &[f32], max_bins: usize) -> Vec<f64> {
    let distinct = distinct(values);
    let between = |pair: &[(f32, usize)]| f64::midpoint(f64::from(pair[0].0), f64::from(pair[1].0));
    if distinct.len() <= max_bins {
        return distinct.windows(2).map(between).collect();
    }
    let mut edges = Vec::new();
    let mut left = distinct.iter().map(|(_, count)| count).sum::<usize>();
    let mut in_bin = 0;
    for pair in distinct.windows(2) {
        in_bin += pair[0].1;
        let wanted = left as f64 / (max_bins - edges.len()) as f64;
        if in_bin as f64 >= wanted || pair[1].1 as f64 >= wanted {
            edges.push(between(pair));
            left -= in_bin;
            in_bin = 0;
            if edges.len() == max_bins - 1 {
                break;
            }
        }
    }
    edges
}

fn levels(values: &[f32], n_levels: u32, min_level_count: u64, max_levels: usize) -> Vec<u32> {
    let mut counts = vec![0_u64; n_levels as usize];
    for level in values.iter().filter_map(|value| level_code(*value)) {
        if let Some(count) = counts.get_mut(level as usize) {
            *count += 1;
        }
    }
    let mut levels: Vec<u32> =
        (0..n_levels).filter(|level| counts[*level as usize] >= min_level_count.max(1)).collect();
    levels.sort_by_key(|level| (std::cmp::Reverse(counts[*level as usize]), *level));
    levels.truncate(max_levels);
    levels.sort_unstable();
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f32]) -> FeatureBins {
        FeatureBins { raw: 0, cut: Cut::Number { edges: edges(values, MAX_BINS) } }
    }

    #[test]
    fn few_values_have_a_bin_each() {
        let feature = numbers(&[3.0, 1.0, f32::NAN, 2.0, 1.0]);
        assert_eq!(feature.cut, Cut::Number { edges: vec![1.5, 2.5] });
        let codes = [1.0, 1.5, 1.6, 3.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|value| feature.code(value));
        assert_eq!(codes, [0, 0, 1, 2, 3, 2, 0]);
    }

    #[test]
    fn many_values_fill_equal_bins_beside_a_mass_point() {
        let mut values: Vec<f32> = (0..12_700).map(|i| i as f32 + 1.0).collect();
        values.extend(vec![0.0; 50_000]);
        let feature = numbers(&values);
        let mut counts = vec![0; feature.n_codes()];
        for value in &values {
            counts[usize::from(feature.code(*value))] += 1;
        }
        assert_eq!(feature.n_ordered(), MAX_BINS);
        assert_eq!(counts[0], 50_000);
        assert!(counts[1..MAX_BINS].iter().all(|count| (99..=101).contains(count)), "{counts:?}");
        assert_eq!(counts[MAX_BINS], 0);
    }

    #[test]
    fn rare_and_unknown_levels_are_one() {
        let values = [0.0, 0.0, 1.0, 2.0, 2.0, f32::NAN];
        let raw = RawColumns { n_rows: 6, columns: &[&values], kinds: &[RawKind::Category { n_levels: 3 }] };
        let bins = Bins::fit(&raw, 2).unwrap();
        assert_eq!(bins.features[0].cut, Cut::Category { levels: vec![0, 2] });
        assert_eq!(bins.encode(&raw).unwrap().columns[0], [0, 0, 2, 1, 1, 3]);
        assert_eq!(bins.features[0].code(9.0), 2);
    }

    #[test]
    fn what_does_not_vary_has_no_bins() {
        let (constant, empty, varies) = ([1.0; 3], [f32::NAN; 3], [1.0, f32::NAN, 1.0]);
        let kinds = [RawKind::Numeric; 3];
        let raw = RawColumns { n_rows: 3, columns: &[&constant, &empty, &varies], kinds: &kinds };
        let bins = Bins::fit(&raw, 1).unwrap();
        assert_eq!(bins.features.iter().map(|feature| feature.raw).collect::<Vec<_>>(), [2]);
        let infinite = RawColumns { n_rows: 1, columns: &[&[f32::INFINITY]], kinds: &kinds[..1] };
        assert!(matches!(Bins::fit(&infinite, 1), Err(Error::NotFinite { row: 0, column: 0, .. })));
    }
}

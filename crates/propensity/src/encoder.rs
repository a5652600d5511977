//! Raw feature columns to standardized design columns, fitted on training rows only.

use std::ops::Range;

use osusume_numeric::dispatch;
use osusume_numeric::elementary::ln_1p;

use crate::design::STRIP_ROWS;
use crate::error::{Error, check_len};

/// What a raw column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawKind {
    /// A number; NaN is absent.
    Numeric,
    /// A level code 0, 1, … `n_levels` − 1; NaN is absent. Other codes count as unknown levels.
    Category {
        /// Number of levels; at most 2^24, so that a code is exact in f32.
        n_levels: u32,
    },
}

/// A block of raw features, one slice a feature, all `n_rows` long.
#[derive(Clone, Copy, Debug)]
pub struct RawColumns<'a> {
    /// Rows in every column.
    pub n_rows: usize,
    /// One slice a raw feature; NaN is absent.
    pub columns: &'a [&'a [f32]],
    /// What each column holds.
    pub kinds: &'a [RawKind],
}

/// How columns are made. The rules themselves are fixed and documented at [`Encoder::fit`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderParams {
    /// A level seen in fewer training rows joins "other". At least 1.
    pub min_level_count: u64,
    /// A numeric or category column absent in a larger share of the training rows also gets an indicator. In [0, 1].
    pub max_absent_share: f64,
    /// Numbers are clipped to these quantiles of the training rows: the given share is cut at either end. In [0, 0.5).
    pub clip_share: f64,
    /// A non-negative column whose upper clip exceeds this multiple of its mean (and exceeds 2, below which the logarithm hardly
    /// bends) gets log(1 + x). An exponential distribution has about 5.
    pub heavy_tail_ratio: f64,
    /// Whether such a column also stays as it is. Two columns bend where one cannot; in a few windows of the same purchases, where
    /// each says nearly what the next one says, they double the work and add noise.
    pub keeps_linear: bool,
}

impl EncoderParams {
    /// What suits a table of its own: 50 rows a level, an indicator above 0.5 % absent, clipping at 0.5 % and 99.5 %, heavy tails above
    /// 4, kept beside their logarithm.
    pub const STANDARD: Self = Self {
        min_level_count: 50,
        max_absent_share: 0.005,
        clip_share: 0.005,
        heavy_tail_ratio: 4.0,
        keeps_linear: true,
    };
    /// What suits features of windows, of which there are many and much alike: the logarithm alone.
    pub const WINDOWS: Self = Self { keeps_linear: false, ..Self::STANDARD };

    fn check(&self) -> Result<(), Error> {
        let checks = [
            ("min_level_count", "at least 1", self.min_level_count as f64, self.min_level_count >= 1),
            ("max_absent_share", "in [0, 1]", self.max_absent_share, (0.0..=1.0).contains(&self.max_absent_share)),
            ("clip_share", "in [0, 0.5)", self.clip_share, (0.0..0.5).contains(&self.clip_share)),
            ("heavy_tail_ratio", "positive", self.heavy_tail_ratio, self.heavy_tail_ratio > 0.0),
        ];
        match checks.into_iter().find(|(.., holds)| !holds) {
            None => Ok(()),
            Some((name, allowed, got, _)) => Err(Error::Parameter { name, allowed, got }),
        }
    }
}

/// The value of a design column before standardization.
#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// The number, clipped.
    Linear {
        /// Lower clip.
        low: f64,
        /// Upper clip.
        high: f64,
    },
    /// log(1 + x) of the number clipped to the same quantiles.
    Log1p {
        /// Lower clip, of x.
        low: f64,
        /// Upper clip, of x.
        high: f64,
    },
    /// 1 where the raw value is absent.
    Absent,
    /// 1 where the category has this level.
    Level(u32),
    /// 1 where the category has a level that is none of these.
    Other {
        /// Levels with a column of their own and the baseline level, ascending.
        known: Vec<u32>,
    },
}

/// One design column: (transform(raw) − mean) / scale, and 0, the training mean, where the raw value is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Raw feature it comes from.
    pub raw: u32,
    /// What is taken of it.
    pub transform: Transform,
    /// Mean over the training rows where the raw value is present ([`Transform::Absent`]: over all of them).
    pub mean: f64,
    /// Standard deviation over the same rows; one half for indicators, so that a level half of the customers have is standardized
    /// exactly and the penalty shrinks rarer levels more.
    pub scale: f64,
}

/// Why a raw feature lacks a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// No training row has a value.
    AlwaysAbsent,
    /// All training rows with a value have the same.
    Constant,
    /// It is absent in exactly the rows in which this earlier feature is; one indicator serves both.
    SameAbsence {
        /// The earlier raw feature, whose indicator is kept.
        kept: u32,
    },
}

/// A raw feature, or its indicator, that has no column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The raw feature.
    pub raw: u32,
    /// Why.
    pub reason: DropReason,
}

/// The fitted encoding: plain data, to be written into a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    /// What each raw column holds.
    pub kinds: Vec<RawKind>,
    /// Design columns, in order of raw feature.
    pub columns: Vec<Column>,
    /// What was left out and why, in order of raw feature.
    pub dropped: Vec<Dropped>,
}

impl Encoder {
    /// Chooses and standardizes columns from the training rows `rows` (positions in `raw`) alone.
    ///
    /// Numeric: clipped to the training quantiles and standardized; a column whose clipped values are all equal is clipped to its
    /// minimum and maximum instead, so that a rare but real value survives. A non-negative, heavy-tailed column also gets log(1 + x).
    /// Category: one column a level with at least `min_level_count` rows, except the most frequent, which is the baseline; all other
    /// levels share one column. Either kind gets an indicator when it is absent in more than `max_absent_share` of the rows.
    /// Constant columns are dropped and named.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Parameter`], [`Error::NotFinite`] for an infinite number in a training row.
    pub fn fit(raw: &RawColumns<'_>, rows: &[u32], params: &EncoderParams) -> Result<Self, Error> {
        params.check()?;
        check_shape(raw, raw.kinds)?;
        if let Some(row) = rows.iter().find(|row| **row as usize >= raw.n_rows) {
            return Err(Error::Shape { what: "rows", got: *row as usize, expected: raw.n_rows });
        }
        crate::encoder_fit::fit(raw, rows, params)
    }

    /// Number of design columns.
    pub fn n_cols(&self) -> usize {
        self.columns.len()
    }

    /// Parameters (one a column, then the intercept) that say with these columns what `params` says with those of `from`, as far as
    /// they have columns in common: the clips of a number do not matter. Columns only one of them has are left at zero.
    ///
    /// # Errors
    /// [`Error::Shape`] when `params` are not those of `from`.
    pub fn carry(&self, from: &Self, params: &[f64]) -> Result<Vec<f64>, Error> {
        check_len("params", params.len(), from.columns.len() + 1)?;
        let mut carried = vec![0.0; self.columns.len() + 1];
        let mut intercept = params[from.columns.len()];
        for (column, out) in self.columns.iter().zip(&mut carried) {
            let Some(at) = from.columns.iter().position(|other| column.is_like(other)) else { continue };
            let (old, beta) = (&from.columns[at], params[at]);
            *out = beta * column.scale / old.scale;
            intercept += beta * (column.mean - old.mean) / old.scale;
        }
        carried[self.columns.len()] = intercept;
        Ok(carried)
    }

    /// Encodes all rows of a raw block. Sets `out` (`raw.n_rows × n_cols`, row-major); every value is finite, infinities are clipped.
    ///
    /// # Errors
    /// [`Error::Shape`] when `raw` does not have the encoder's columns or `out` the right length.
    pub fn encode_block(&self, raw: &RawColumns<'_>, out: &mut [f32]) -> Result<(), Error> {
        self.check_raw(raw)?;
        check_len("out", out.len(), raw.n_rows * self.n_cols())?;
        if self.n_cols() > 0 {
            for (strip, out) in out.chunks_mut(STRIP_ROWS * self.n_cols()).enumerate() {
                let start = strip * STRIP_ROWS;
                self.encode_strip(raw, start..start + out.len() / self.n_cols(), out);
            }
        }
        Ok(())
    }

    /// Refuses raw columns other than those the encoder was fitted on.
    pub(crate) fn check_raw(&self, raw: &RawColumns<'_>) -> Result<(), Error> {
        check_shape(raw, &self.kinds)?;
        match self.kinds.iter().zip(raw.kinds).position(|(ours, theirs)| !is_same_kind(*ours, *theirs)) {
            None => Ok(()),
            Some(column) => Err(Error::Shape { what: "kinds", got: column, expected: self.kinds.len() }),
        }
    }

    /// Encodes a few rows of checked columns.
    pub(crate) fn encode_strip(&self, raw: &RawColumns<'_>, rows: Range<usize>, out: &mut [f32]) {
        let n_cols = self.n_cols();
        for (j, column) in self.columns.iter().enumerate() {
            let values = &raw.columns[column.raw as usize][rows.clone()];
            let cells = out[j..].iter_mut().step_by(n_cols);
            column.encode(values, cells);
        }
    }
}

/// Levels may be added between training and scoring; they count as unknown.
fn is_same_kind(a: RawKind, b: RawKind) -> bool {
    matches!((a, b), (RawKind::Numeric, RawKind::Numeric) | (RawKind::Category { .. }, RawKind::Category { .. }))
}

fn check_shape(raw: &RawColumns<'_>, kinds: &[RawKind]) -> Result<(), Error> {
    check_len("kinds", raw.kinds.len(), kinds.len())?;
    check_len("columns", raw.columns.len(), kinds.len())?;
    raw.columns.iter().try_for_each(|column| check_len("column", column.len(), raw.n_rows))
}

impl Column {
    /// Whether both take the same of the same feature.
    fn is_like(&self, other: &Self) -> bool {
        self.raw == other.raw
            && match (&self.transform, &other.transform) {
                (Transform::Level(a), Transform::Level(b)) => a == b,
                (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
            }
    }

    /// Sets each cell to the design value of its raw value.
    pub(crate) fn encode<'o>(&self, values: &'o [f32], cells: impl Iterator<Item = &'o mut f32>) {
        let scaling = |low: &f64, high: &f64| [*low, *high, self.mean, self.scale];
        match &self.transform {
            Transform::Linear { low, high } => {
                in_strips(values, cells, |values, out| linear_block(values, scaling(low, high), out));
            }
            Transform::Log1p { low, high } => {
                in_strips(values, cells, |values, out| log_block(values, scaling(low, high), out));
            }
            Transform::Absent => {
                let [absent, present] = [self.standardize(1.0), self.standardize(0.0)];
                values.iter().zip(cells).for_each(|(v, cell)| *cell = if v.is_nan() { absent } else { present });
            }
            Transform::Level(level) => self.indicate(values.iter().zip(cells), |code| code == Some(*level)),
            Transform::Other { known } => {
                self.indicate(values.iter().zip(cells), |code| {
                    code.is_none_or(|code| known.binary_search(&code).is_err())
                });
            }
        }
    }

    fn standardize(&self, value: f64) -> f32 {
        ((value - self.mean) / self.scale) as f32
    }

    fn indicate<'v>(&self, pairs: impl Iterator<Item = (&'v f32, &'v mut f32)>, holds: impl Fn(Option<u32>) -> bool) {
        let [yes, no] = [self.standardize(1.0), self.standardize(0.0)];
        for (v, cell) in pairs {
            *cell = match *v {
                v if v.is_nan() => 0.0,
                v if holds(level_code(v)) => yes,
                _ => no,
            };
        }
    }
}

/// Sets cells by blocks of numbers.
fn in_strips<'o>(values: &[f32], mut cells: impl Iterator<Item = &'o mut f32>, encode: impl Fn(&[f32], &mut [f32])) {
    let mut numbers = [0.0; STRIP_ROWS];
    for values in values.chunks(STRIP_ROWS) {
        let numbers = &mut numbers[..values.len()];
        encode(values, numbers);
        // The cells come second: a zip asks its first side once too often.
        numbers.iter().zip(&mut cells).for_each(|(number, cell)| *cell = *number);
    }
}

dispatch! {
    /// Clipped and standardized numbers; `scaling` is low, high, mean, scale.
    fn linear_block(values: &[f32], scaling: [f64; 4], out: &mut [f32]) {
        let [low, high, mean, scale] = scaling;
        for (out, value) in out.iter_mut().zip(values) {
            let number = ((f64::from(*value).clamp(low, high) - mean) / scale) as f32;
            *out = if value.is_nan() { 0.0 } else { number };
        }
    }

    /// As [`linear_block`], of log(1 + x).
    fn log_block(values: &[f32], scaling: [f64; 4], out: &mut [f32]) {
        let [low, high, mean, scale] = scaling;
        for (out, value) in out.iter_mut().zip(values) {
            let number = ((ln_1p(f64::from(*value).clamp(low, high)) - mean) / scale) as f32;
            *out = if value.is_nan() { 0.0 } else { number };
        }
    }
}

/// The level a raw category value names, if it is one.
pub(crate) fn level_code(value: f32) -> Option<u32> {
    // 2^24: codes above are not exact in f32.
    let is_code = (0.0..16_777_216.0).contains(&value) && value.fract().abs() < f32::EPSILON;
    is_code.then_some(value as u32)
}

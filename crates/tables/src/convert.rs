//! Arrow arrays as a Parquet file stores them, to the kinds a source declares.

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use osusume_model::{Code, DAY_US};

use crate::cells::Cells;
use crate::direct;
use crate::levels::Levels;
use crate::spec::{ColumnKind, ColumnSpec};
use crate::value::{CellFault, ColumnBuilder, check_amount, check_decimal, check_units, expected, time_fault};
use crate::zone::{TimeError, Zone, in_range};

/// Whole numbers beyond this are not exact in f64.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Distance from a whole minor unit, relative to the amount, that is put down to binary fractions.
const MINOR_TOLERANCE: f64 = 1e-9;

/// An array in one of the few forms that rows are taken from.
pub(crate) enum Stored {
    Text(StringArray),
    Int(Int64Array),
    Float(Float64Array),
    Decimal(Decimal128Array, i8),
    Flag(BooleanArray),
    /// Microseconds: instants, or local civil times to be placed in the source's zone.
    Time(TimestampMicrosecondArray, Clock),
}

/// What a stored time counts from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// 1970 in UTC.
    Instant,
    /// The civil 1970 of the source's zone.
    Local,
    /// Local midnight of a day without a time.
    Day,
}

/// Whether a stored type can serve a declared kind at all.
pub(crate) fn can_serve(stored: &DataType, kind: ColumnKind) -> bool {
    let is_text = match stored {
        DataType::Dictionary(_, values) => is_text(values),
        other => is_text(other),
    };
    let is_time = matches!(stored, DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64);
    match kind {
        ColumnKind::Customer | ColumnKind::Category | ColumnKind::Coded(_) | ColumnKind::Text | ColumnKind::List => {
            is_text || stored.is_integer() || kind != ColumnKind::Customer && *stored == DataType::Boolean
        }
        ColumnKind::Timestamp => is_text || is_time,
        ColumnKind::Flag => is_text || stored.is_integer() || *stored == DataType::Boolean,
        ColumnKind::Integer
        | ColumnKind::Units
        | ColumnKind::Decimal
        | ColumnKind::Measure
        | ColumnKind::Minor { .. } => is_text || stored.is_numeric() && !matches!(stored, DataType::Decimal256(_, _)),
    }
}

fn is_text(stored: &DataType) -> bool {
    matches!(stored, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// A column's values; category codes count into `levels`.
pub(crate) struct Converted {
    pub(crate) cells: Cells,
    pub(crate) levels: Levels,
}

/// The values of one column, and the first fault of each row that has one.
pub(crate) fn convert(
    array: &ArrayRef,
    column: &ColumnSpec,
    null_tokens: &[String],
    zone: &Zone,
) -> Result<(Converted, Vec<(usize, CellFault)>), arrow::error::ArrowError> {
    let stored = stored_of(array)?;
    let is_complete = array.null_count() == 0 && stored.null_count() == 0;
    match is_complete.then(|| direct::convert(&stored, column.kind, zone)).flatten() {
        Some(converted) => Ok((converted, Vec::new())),
        None => Ok(convert_cells(array, &stored, column, null_tokens, zone)),
    }
}

/// The same cell by cell.
fn convert_cells(
    array: &ArrayRef,
    stored: &Stored,
    column: &ColumnSpec,
    null_tokens: &[String],
    zone: &Zone,
) -> (Converted, Vec<(usize, CellFault)>) {
    let mut builder = ColumnBuilder::new(column.kind);
    let nulls = array.nulls();
    let mut faults = Vec::new();
    let mut scratch = itoa::Buffer::new();
    for row in 0..array.len() {
        let is_null = nulls.is_some_and(|nulls| nulls.is_null(row));
        let result = match stored.cell(row, is_null, column.kind, &mut scratch) {
            Cell::Absent if column.is_required() => {
                Err(CellFault { code: Code::ValueMissing, expected: expected(column.kind) })
            }
            Cell::Absent => {
                builder.push_absent();
                Ok(())
            }
            Cell::Text(text) if text.is_empty() || null_tokens.iter().any(|token| token.as_bytes() == text) => {
                if column.is_required() {
                    Err(CellFault { code: Code::ValueMissing, expected: expected(column.kind) })
                } else {
                    builder.push_absent();
                    Ok(())
                }
            }
            Cell::Text(text) => builder.push(text, zone),
            Cell::Number(number) => push_number(&mut builder, number, column.kind, zone),
        };
        if let Err(fault) = result {
            // Keeps the columns as long as the batch; the row is dropped from all of them together.
            builder.push_absent();
            faults.push((row, fault));
        }
    }
    (Converted { cells: builder.cells, levels: Levels::Texts(builder.levels) }, faults)
}

enum Cell<'a> {
    Absent,
    Text(&'a [u8]),
    Number(Number),
}

#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    /// Whole number above what i64 holds.
    TooLarge,
    Float(f64),
    Decimal(i128, i8),
    Time(i64, Clock),
}

fn stored_of(array: &ArrayRef) -> Result<Stored, arrow::error::ArrowError> {
    let as_type = |to: &DataType, safe| cast_with_options(array, to, &CastOptions { safe, ..CastOptions::default() });
    Ok(match array.data_type() {
        DataType::Boolean => Stored::Flag(downcast(array)),
        // An unsigned number above i64 becomes null here and is told apart from absence by the original's validity.
        t if t.is_integer() => Stored::Int(downcast(&as_type(&DataType::Int64, true)?)),
        t if t.is_floating() => Stored::Float(downcast(&as_type(&DataType::Float64, false)?)),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
            Stored::Decimal(downcast(&as_type(&DataType::Decimal128((*p).max(1), *s), false)?), *s)
        }
        DataType::Timestamp(_, zone) => {
            let clock = if zone.is_some() { Clock::Instant } else { Clock::Local };
            Stored::Time(downcast(&as_type(&DataType::Timestamp(TimeUnit::Microsecond, zone.clone()), true)?), clock)
        }
        DataType::Date32 | DataType::Date64 => {
            let micros = as_type(&DataType::Timestamp(TimeUnit::Microsecond, None), true)?;
            Stored::Time(downcast(&micros), Clock::Day)
        }
        _ => Stored::Text(downcast(&as_type(&DataType::Utf8, false)?)),
    })
}

fn downcast<A: Array + Clone + 'static>(array: &ArrayRef) -> A {
    array.as_any().downcast_ref::<A>().expect("the array was cast to this type").clone()
}

impl Stored {
    fn null_count(&self) -> usize {
        match self {
            Self::Text(array) => array.null_count(),
            Self::Int(array) => array.null_count(),
            Self::Float(array) => array.null_count(),
            Self::Decimal(array, _) => array.null_count(),
            Self::Flag(array) => array.null_count(),
            Self::Time(array, _) => array.null_count(),
        }
    }

    /// One row's cell: text, or a number that needs no text.
    fn cell<'a>(&'a self, row: usize, is_null: bool, kind: ColumnKind, scratch: &'a mut itoa::Buffer) -> Cell<'a> {
        if is_null {
            return Cell::Absent;
        }
        let is_text = matches!(
            kind,
            ColumnKind::Customer | ColumnKind::Category | ColumnKind::Coded(_) | ColumnKind::Text | ColumnKind::List
        );
        match self {
            // A dictionary's key can be valid while its value is null.
            Self::Text(array) if array.is_null(row) => Cell::Absent,
            Self::Text(array) => Cell::Text(array.value(row).as_bytes()),
            Self::Int(array) if array.is_null(row) => Cell::Number(Number::TooLarge),
            Self::Int(array) if is_text => Cell::Text(scratch.format(array.value(row)).as_bytes()),
            Self::Int(array) => Cell::Number(Number::Int(array.value(row))),
            Self::Flag(array) if is_text => Cell::Text(if array.value(row) { b"true" } else { b"false" }),
            Self::Flag(array) => Cell::Number(Number::Int(array.value(row).into())),
            Self::Float(array) => Cell::Number(Number::Float(array.value(row))),
            Self::Decimal(array, scale) => Cell::Number(Number::Decimal(array.value(row), *scale)),
            Self::Time(array, _) if array.is_null(row) => Cell::Number(Number::TooLarge),
            Self::Time(array, clock) => Cell::Number(Number::Time(array.value(row), *clock)),
        }
    }
}

fn push_number(builder: &mut ColumnBuilder, number: Number, kind: ColumnKind, zone: &Zone) -> Result<(), CellFault> {
    match kind {
        ColumnKind::Measure if is_nan(number) => builder.push_absent(),
        ColumnKind::Decimal | ColumnKind::Measure => builder.push_f64(decimal_of(number)?),
        ColumnKind::Minor { digits } => builder.push_i64(check_amount(minor_of(number, digits, kind)?)?),
        ColumnKind::Units => builder.push_i64(check_units(minor_of(number, 0, kind)?)?),
        ColumnKind::Timestamp => builder.push_i64(instant_of(number, zone)?),
        ColumnKind::Flag => match number {
            Number::Int(flag @ 0..=1) => builder.push_i64(flag),
            _ => return Err(CellFault::wrong_type(kind)),
        },
        _ => builder.push_i64(minor_of(number, 0, kind)?),
    }
    Ok(())
}

fn is_nan(number: Number) -> bool {
    matches!(number, Number::Float(value) if value.is_nan())
}

fn decimal_of(number: Number) -> Result<f64, CellFault> {
    let value = match number {
        Number::Int(value) => value as f64,
        Number::Float(value) => value,
        Number::Decimal(value, scale) => value as f64 / 10_f64.powi(scale.into()),
        Number::TooLarge | Number::Time(..) => return Err(CellFault::out_of_range(ColumnKind::Decimal)),
    };
    if value.is_nan() {
        return Err(CellFault::wrong_type(ColumnKind::Decimal));
    }
    check_decimal(value)?;
    Ok(value)
}

/// The number times 10^digits, which must be whole.
fn minor_of(number: Number, digits: u8, kind: ColumnKind) -> Result<i64, CellFault> {
    let range = CellFault::out_of_range(kind);
    match number {
        Number::Int(value) => value.checked_mul(10_i64.pow(digits.into())).filter(|&v| v != i64::MIN).ok_or(range),
        Number::Float(value) => {
            let scaled = value * 10_f64.powi(digits.into());
            let whole = scaled.round();
            if !scaled.is_finite() || whole.abs() > EXACT {
                return Err(range);
            }
            if digits > 0 {
                return whole_minor(scaled).ok_or(CellFault::wrong_type(kind));
            }
            // Without decimals nothing is scaled, so nothing needs rounding.
            if scaled.fract() == 0.0 { Ok(whole as i64) } else { Err(CellFault::wrong_type(kind)) }
        }
        Number::Decimal(value, scale) => {
            let shift = i32::from(digits) - i32::from(scale);
            let power = 10_i128.checked_pow(shift.unsigned_abs()).ok_or(range)?;
            let value = if shift >= 0 {
                value.checked_mul(power).ok_or(range)?
            } else if value % power == 0 {
                value / power
            } else {
                return Err(CellFault::wrong_type(kind));
            };
            i64::try_from(value).ok().filter(|&v| v != i64::MIN).ok_or(range)
        }
        Number::TooLarge | Number::Time(..) => Err(range),
    }
}

/// The whole number that a scaled amount is, but for what binary fractions do to decimals; nothing where it is none.
pub(crate) fn whole_minor(scaled: f64) -> Option<i64> {
    let cut = scaled as i64;
    let rest = scaled - cut as f64;
    // Away from zero at one half, as rounding does.
    let whole = cut.wrapping_add(i64::from(rest >= 0.5) - i64::from(rest <= -0.5));
    let is_whole = (scaled - whole as f64).abs() <= MINOR_TOLERANCE * scaled.abs().max(1.0);
    (is_whole && scaled.abs() <= EXACT).then_some(whole)
}

fn instant_of(number: Number, zone: &Zone) -> Result<i64, CellFault> {
    match number {
        Number::Time(instant, Clock::Instant) if in_range(instant) => Ok(instant),
        Number::Time(local, Clock::Local) => zone.instant(local).map_err(time_fault),
        Number::Time(midnight, Clock::Day) => zone.day_start(midnight.div_euclid(DAY_US) * DAY_US).map_err(time_fault),
        _ => Err(time_fault(TimeError::Range)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn column(kind: ColumnKind) -> ColumnSpec {
        ColumnSpec { name: "x".to_owned(), header: "x".to_owned(), kind, required: false }
    }

    /// What both ways make of an array: values, and categories by their texts.
    fn both(array: &ArrayRef, kind: ColumnKind) -> [(Cells, Vec<Vec<u8>>, usize); 2] {
        let zone = Zone::new("Europe/Berlin").unwrap();
        let column = column(kind);
        let one = convert(array, &column, &[], &zone).unwrap();
        let other = convert_cells(array, &stored_of(array).unwrap(), &column, &[], &zone);
        [one, other].map(|(converted, faults)| {
            let mut digits = itoa::Buffer::new();
            let Converted { cells, levels } = converted;
            let texts = match &cells {
                Cells::Code(codes) => {
                    let text = |&code: &u32| {
                        if code == crate::cells::NO_CODE { Vec::new() } else { levels.text(code, &mut digits).to_vec() }
                    };
                    codes.iter().map(text).collect()
                }
                Cells::Text(texts) => (0..texts.len()).map(|row| texts.get(row).to_vec()).collect(),
                _ => Vec::new(),
            };
            let cells = if matches!(cells, Cells::Code(_) | Cells::Text(_)) { Cells::Code(Vec::new()) } else { cells };
            (cells, texts, faults.len())
        })
    }

    #[test]
    fn columns_taken_at_once_and_cell_by_cell_are_the_same() {
        use ColumnKind::{Category, Customer, Decimal, Integer, Measure, Minor, Timestamp};
        let numbers = |i: i64| (i * 7_919 % 1_009) * 1_000_003 - 500_000;
        let ints: ArrayRef = Arc::new((0..5_000).map(|i| Some(numbers(i / 3))).collect::<Int64Array>());
        let holes: ArrayRef = Arc::new((0..50).map(|i| (i != 7).then_some(numbers(i))).collect::<Int64Array>());
        let cents: ArrayRef = Arc::new((-900..900).map(|i| Some(f64::from(i) * 0.07)).collect::<Float64Array>());
        let bad = [1.005, 0.0, -0.0, 1e14, f64::NAN, f64::INFINITY, 4.35, -4.35, 1e300].map(Some);
        let bad: ArrayRef = Arc::new(bad.into_iter().collect::<Float64Array>());
        let hours = |n: i64| TimestampMicrosecondArray::from_iter_values((0..n).map(|i| i * 3_600_000_000 * 5));
        let local: ArrayRef = Arc::new(hours(5_000));
        let skipped: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1_774_748_700_000_000, 0, i64::MIN]));
        let zoned: ArrayRef = Arc::new(hours(5_000).with_timezone("UTC"));
        let days: ArrayRef = Arc::new(arrow::array::Date32Array::from_iter_values(0..20_000));
        let all = [
            (&ints, vec![Category, Customer, Integer, Decimal, Measure, Minor { digits: 2 }]),
            (&holes, vec![Category, Customer, Integer, Decimal]),
            (&cents, vec![Minor { digits: 2 }, Minor { digits: 0 }, Decimal, Measure]),
            (&bad, vec![Minor { digits: 2 }, Decimal, Measure, Integer]),
            (&local, vec![Timestamp]),
            (&skipped, vec![Timestamp]),
            (&zoned, vec![Timestamp]),
            (&days, vec![Timestamp]),
        ];
        for (array, kinds) in all {
            for kind in kinds {
                let [one, other] = both(array, kind);
                let same = format!("{one:?}") == format!("{other:?}");
                assert!(same, "{kind:?} of {}", array.data_type());
            }
        }
    }
}

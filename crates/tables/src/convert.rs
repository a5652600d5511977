//! Arrow arrays as a Parquet file stores them, to the kinds a source declares.

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use osusume_model::{Code, DAY_US};

use crate::cells::{Cells, NO_CODE};
use crate::spec::{ColumnKind, ColumnSpec};
use crate::value::{CellFault, ColumnBuilder, check_amount, check_decimal, expected, time_fault};
use crate::zone::{TimeError, Zone, in_range};

/// Whole numbers beyond this are not exact in f64.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Distance from a whole minor unit, relative to the amount, that is put down to binary fractions.
const MINOR_TOLERANCE: f64 = 1e-9;

/// An array in one of the few forms that rows are taken from.
enum Stored {
    Text(StringArray),
    Int(Int64Array),
    Float(Float64Array),
    Decimal(Decimal128Array, i8),
    Flag(BooleanArray),
    /// Microseconds: instants, or local civil times to be placed in the source's zone.
    Time(TimestampMicrosecondArray, Clock),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    Instant,
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
        ColumnKind::Customer | ColumnKind::Category | ColumnKind::Text | ColumnKind::List => {
            is_text || stored.is_integer() || kind != ColumnKind::Customer && *stored == DataType::Boolean
        }
        ColumnKind::Timestamp => is_text || is_time,
        ColumnKind::Flag => is_text || stored.is_integer() || *stored == DataType::Boolean,
        ColumnKind::Integer | ColumnKind::Decimal | ColumnKind::Measure | ColumnKind::Minor { .. } => {
            is_text || stored.is_numeric() && !matches!(stored, DataType::Decimal256(_, _))
        }
    }
}

fn is_text(stored: &DataType) -> bool {
    matches!(stored, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The values of one column, and the first fault of each row that has one.
pub(crate) fn convert(
    array: &ArrayRef,
    column: &ColumnSpec,
    null_tokens: &[String],
    zone: &Zone,
) -> Result<(ColumnBuilder, Vec<(usize, CellFault)>), arrow::error::ArrowError> {
    let mut builder = ColumnBuilder::new(column.kind);
    let stored = stored_of(array)?;
    let nulls = array.nulls();
    let mut known = KnownCodes::new(&stored, column.kind);
    let mut faults = Vec::new();
    let mut scratch = itoa::Buffer::new();
    for row in 0..array.len() {
        let is_null = nulls.is_some_and(|nulls| nulls.is_null(row));
        if let Some(code) = known.find(row, is_null) {
            builder.push_code(code);
            continue;
        }
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
        known.learn(row, is_null, &builder);
    }
    Ok((builder, faults))
}

/// Codes of whole numbers met lately, by number: identifiers repeat, and to spell one, check it and look it up costs more than all else
/// that is done to it. One slot a number and nothing to evict by, so a miss is only slow.
struct KnownCodes<'a> {
    numbers: Option<&'a [i64]>,
    /// Number and code.
    slots: Vec<(i64, u32)>,
}

impl<'a> KnownCodes<'a> {
    /// Slots: 256 KiB, which a core's second cache holds.
    const SLOTS: usize = 1 << 14;

    fn new(stored: &'a Stored, kind: ColumnKind) -> Self {
        let numbers = match stored {
            Stored::Int(array) if kind == ColumnKind::Category && array.null_count() == 0 => Some(&array.values()[..]),
            _ => None,
        };
        Self { numbers, slots: numbers.map_or_else(Vec::new, |_| vec![(0, NO_CODE); Self::SLOTS]) }
    }

    /// Fibonacci hashing: identifiers are often multiples of something.
    fn slot(number: i64) -> usize {
        (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - Self::SLOTS.trailing_zeros())
    }

    fn find(&self, row: usize, is_null: bool) -> Option<u32> {
        let number = self.numbers.filter(|_| !is_null)?[row];
        let (known, code) = self.slots[Self::slot(number)];
        (known == number && code != NO_CODE).then_some(code)
    }

    /// Remembers the code the row was given, if it was given one.
    fn learn(&mut self, row: usize, is_null: bool, builder: &ColumnBuilder) {
        if let (Some(numbers), Cells::Code(codes), false) = (self.numbers, &builder.cells, is_null)
            && let Some(&code) = codes.last()
        {
            self.slots[Self::slot(numbers[row])] = (numbers[row], code);
        }
    }
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
    /// One row's cell: text, or a number that needs no text.
    fn cell<'a>(&'a self, row: usize, is_null: bool, kind: ColumnKind, scratch: &'a mut itoa::Buffer) -> Cell<'a> {
        if is_null {
            return Cell::Absent;
        }
        let is_text = matches!(kind, ColumnKind::Customer | ColumnKind::Category | ColumnKind::Text | ColumnKind::List);
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
            // Without decimals nothing is scaled, so nothing needs rounding.
            let tolerance = if digits == 0 { 0.0 } else { MINOR_TOLERANCE * scaled.abs().max(1.0) };
            let is_whole = (scaled - whole).abs() <= tolerance;
            if is_whole { Ok(whole as i64) } else { Err(CellFault::wrong_type(kind)) }
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

    /// Many more identifiers than slots, in runs and out of order: every code still means the row's own number.
    #[test]
    fn remembered_codes_mean_what_was_spelled() {
        let zone = Zone::new("UTC").unwrap();
        let number = |row: u64| ((row / 3).wrapping_mul(2_654_435_761) % 40_009) as i64 * 1_000 - 7;
        let name = || "product".to_owned();
        let column = ColumnSpec { name: name(), header: name(), kind: ColumnKind::Category, required: true };
        for with_null in [false, true] {
            let value = |row: u64| (!with_null || row != 5).then(|| number(row));
            let array: ArrayRef = Arc::new((0..120_000).map(value).collect::<Int64Array>());
            let (builder, faults) = convert(&array, &column, &[], &zone).unwrap();
            let Cells::Code(codes) = &builder.cells else { panic!("a category has codes") };
            for (row, &code) in codes.iter().enumerate().filter(|(row, _)| !with_null || *row != 5) {
                assert_eq!(builder.levels.get(code), number(row as u64).to_string().as_bytes(), "row {row}");
            }
            assert_eq!(
                faults.iter().map(|fault| fault.0).collect::<Vec<_>>(),
                if with_null { vec![5] } else { vec![] }
            );
        }
    }
}

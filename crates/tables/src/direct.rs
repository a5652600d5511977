//! Columns that are stored as they are wanted and lack nothing: one loop a kind, without a look at each cell's kind.
//!
//! A column in which anything is absent or at fault is left to the general conversion, which gives the same values.

use osusume_model::DAY_US;

use crate::cells::Cells;
use crate::convert::{Clock, Converted, Stored};
use crate::levels::{Levels, NumberCodes};
use crate::spec::ColumnKind;
use crate::value::{check_amount, check_decimal};
use crate::zone::{Zone, bounds};

/// The column's values, or nothing where one needs a closer look.
pub(crate) fn convert(stored: &Stored, kind: ColumnKind, zone: &Zone) -> Option<Converted> {
    use ColumnKind::{Category, Customer, Decimal, Integer, Measure, Minor, Timestamp};
    let plain = |cells| Converted { cells, levels: Levels::Numbers(Vec::new()) };
    Some(match (stored, kind) {
        (Stored::Int(array), Category | Customer) => codes(array.values()),
        (Stored::Int(array), Integer) => plain(Cells::I64(checked(array.values(), |value| value != i64::MIN)?)),
        (Stored::Int(array), Decimal | Measure) => {
            plain(Cells::F64(array.values().iter().map(|&value| value as f64).collect()))
        }
        (Stored::Float(array), Decimal | Measure) => {
            plain(Cells::F64(checked(array.values(), |value| check_decimal(value).is_ok())?))
        }
        (Stored::Float(array), Minor { digits }) if digits > 0 => plain(Cells::I64(amounts(array.values(), digits)?)),
        (Stored::Time(array, Clock::Local), Timestamp) => plain(Cells::I64(zone.instants(array.values())?)),
        (Stored::Time(array, Clock::Instant), Timestamp) => {
            let (first, end) = bounds();
            plain(Cells::I64(checked(array.values(), |instant| (first..end).contains(&instant))?))
        }
        (Stored::Time(array, Clock::Day), Timestamp) => {
            let day = |midnight: &i64| zone.day_start(midnight.div_euclid(DAY_US) * DAY_US).ok();
            plain(Cells::I64(array.values().iter().map(day).collect::<Option<_>>()?))
        }
        _ => return None,
    })
}

fn checked<T: Copy>(values: &[T], is_fine: impl Fn(T) -> bool) -> Option<Vec<T>> {
    values.iter().all(|&value| is_fine(value)).then(|| values.to_vec())
}

fn codes(numbers: &[i64]) -> Converted {
    let mut known = NumberCodes::default();
    let mut cells = Vec::with_capacity(numbers.len());
    let mut last = None;
    for &number in numbers {
        // Rows come in runs of a customer and a basket.
        let code = match last {
            Some((before, code)) if before == number => code,
            _ => known.code(number),
        };
        last = Some((number, code));
        cells.push(code);
    }
    Converted { cells: Cells::Code(cells), levels: Levels::Numbers(known.into_numbers()) }
}

/// Amounts in minor units, by the rule of [`crate::convert::minor_of`].
fn amounts(values: &[f64], digits: u8) -> Option<Vec<i64>> {
    let units = 10_f64.powi(digits.into());
    let mut amounts = Vec::with_capacity(values.len());
    for &value in values {
        amounts.push(crate::convert::whole_minor(value * units)?);
    }
    amounts.iter().all(|&amount| check_amount(amount).is_ok()).then_some(amounts)
}

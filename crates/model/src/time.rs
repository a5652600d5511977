//! Civil dates, instants and the as-of date, without zones: crate `tables` turns zoned local time into instants.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

/// Microseconds in a civil day of 24 hours.
pub const DAY_US: i64 = 86_400_000_000;

/// A civil date as days since 1970-01-01, proleptic Gregorian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

/// An instant as microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The only "now" there is: features see what lies strictly before `instant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AsOf {
    /// The civil date in the pipeline's zone.
    pub date: Date,
    /// Midnight at the start of that date in the pipeline's zone.
    pub instant: Timestamp,
}

impl Date {
    /// The date of a civil year, month (1..=12) and day, or `None` where there is no such day.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        Some(Self(days_from_civil(year, month, day)))
    }

    /// Year, month (1..=12) and day (1..=31).
    pub fn ymd(self) -> (i32, u32, u32) {
        civil_from_days(self.0)
    }

    /// The date `months` later (or earlier when negative); the day is cut to the month's last one.
    #[must_use]
    pub fn add_months(self, months: i32) -> Self {
        let (year, month, day) = self.ymd();
        let index = year * 12 + month as i32 - 1 + months;
        let (year, month) = (index.div_euclid(12), index.rem_euclid(12) as u32 + 1);
        Self(days_from_civil(year, month, day.min(days_in_month(year, month))))
    }

    /// Midnight of this date in UTC.
    pub fn utc_midnight(self) -> Timestamp {
        Timestamp(i64::from(self.0) * DAY_US)
    }
}

impl Add<i32> for Date {
    type Output = Self;
    fn add(self, days: i32) -> Self {
        Self(self.0 + days)
    }
}

impl Sub<i32> for Date {
    type Output = Self;
    fn sub(self, days: i32) -> Self {
        Self(self.0 - days)
    }
}

impl Sub for Date {
    type Output = i32;
    fn sub(self, other: Self) -> i32 {
        self.0 - other.0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Why a text is not a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseDateError {
    /// The text is not of the form `YYYY-MM-DD`.
    #[error("not of the form YYYY-MM-DD")]
    Form,
    /// The calendar has no such day.
    #[error("no such day in the calendar")]
    NoSuchDay,
}

impl FromStr for Date {
    type Err = ParseDateError;

    fn from_str(text: &str) -> Result<Self, ParseDateError> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return Err(ParseDateError::Form);
        }
        let number = |part: &[u8]| {
            part.iter().try_fold(0_u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
        };
        let (Some(year), Some(month), Some(day)) = (number(&bytes[..4]), number(&bytes[5..7]), number(&bytes[8..]))
        else {
            return Err(ParseDateError::Form);
        };
        Self::from_ymd(year as i32, month, day).ok_or(ParseDateError::NoSuchDay)
    }
}

fn is_leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. The year is counted from March, so that the leap day comes last (Richards, 2013, section 15.11).
fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month as i32 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i32 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i32) -> (i32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i32::from(month <= 2);
    (year, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, days: i32) {
        assert_eq!(text.parse::<Date>(), Ok(Date(days)));
        assert_eq!(Date(days).to_string(), text);
    }

    #[test]
    fn known_days() {
        check("1970-01-01", 0);
        check("1969-12-31", -1);
        check("2000-02-29", 11_016);
        check("2026-10-01", 20_727);
    }

    #[test]
    fn every_day_of_a_thousand_years_returns() {
        for days in -150_000..220_000 {
            let (y, m, d) = Date(days).ymd();
            assert_eq!(Date::from_ymd(y, m, d), Some(Date(days)));
        }
    }

    #[test]
    fn months_are_cut_to_their_last_day() {
        let date: Date = "2026-01-31".parse().unwrap();
        assert_eq!(date.add_months(1).to_string(), "2026-02-28");
        assert_eq!(date.add_months(-11).to_string(), "2025-02-28");
        assert_eq!(date.add_months(13).to_string(), "2027-02-28");
    }

    #[test]
    fn what_is_no_date() {
        assert_eq!("2026-02-30".parse::<Date>(), Err(ParseDateError::NoSuchDay));
        assert_eq!("2026-13-01".parse::<Date>(), Err(ParseDateError::NoSuchDay));
        assert_eq!("2026/02/03".parse::<Date>(), Err(ParseDateError::Form));
        assert_eq!("令和6年1".parse::<Date>(), Err(ParseDateError::Form));
    }
}

//! Local civil times to instants, by a table of the zone's unambiguous spans.

use jiff::Timestamp as JiffTimestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use osusume_model::{Code, DAY_US, Date, Fault, Result, Timestamp};

use crate::dates::DateFormat;

/// First day accepted: earlier ones are typing errors or sentinels.
const FIRST_YEAR: i32 = 1900;
/// First year no longer accepted: 9999-12-31 and its like are sentinels, to be declared as null tokens.
const END_YEAR: i32 = 2200;

/// A time zone as a table of local spans that map to exactly one instant each.
///
/// Accepted texts: `YYYY-MM-DD` or the source's own form of a date (local midnight), `YYYY-MM-DD HH:MM[:SS[.fraction]]`, `T` for the space, and an offset `Z`, `±HH:MM`, `±HHMM` or `±HH` at the end.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    /// Instants from which an offset holds, both in microseconds, ascending.
    steps: Vec<(i64, i64)>,
    /// Sorted and disjoint; between two spans lies a gap or a fold.
    spans: Vec<Span>,
    /// The form of dates beside ISO 8601.
    dates: Option<DateFormat>,
}

/// Local microseconds `[from, to)` at a constant offset.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: i64,
    to: i64,
    offset: i64,
}

/// Why a text is not an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeError {
    /// Not of an accepted form, or no such day or hour.
    Form,
    /// Outside the years 1900 to 2199.
    Range,
    /// In a gap or a fold of the zone.
    Ambiguous,
}

impl Zone {
    /// The zone of an IANA name, out of the bundled database: the host's own may be absent or old.
    ///
    /// # Errors
    /// `ConfigUnknownName` for a name the database does not hold.
    pub fn new(name: &str) -> Result<Self> {
        let unknown =
            |_| Fault::new(Code::ConfigUnknownName).with("key", "zone").with("got", name).with("allowed", "IANA names");
        let zone = TimeZoneDatabase::bundled().get(name).map_err(unknown)?;
        let steps = steps_of(&zone);
        Ok(Self { name: name.to_owned(), spans: spans_of(&steps), steps, dates: None })
    }

    /// The zone with a form of dates beside ISO 8601.
    pub(crate) fn with_dates(self, dates: &DateFormat) -> Self {
        Self { dates: Some(dates.clone()).filter(|dates| *dates != DateFormat::default()), ..self }
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instant at which a civil day starts, or `None` where midnight does not exist or exists twice.
    pub fn midnight(&self, date: Date) -> Option<Timestamp> {
        self.instant(date.utc_midnight().0).ok().map(Timestamp)
    }

    /// The civil date of an instant in this zone.
    pub fn date_of(&self, instant: Timestamp) -> Date {
        Date(self.local(instant.0).div_euclid(DAY_US) as i32)
    }

    /// Local microseconds since 1970-01-01T00:00 of an instant.
    pub(crate) fn local(&self, instant: i64) -> i64 {
        let at = self.steps.partition_point(|step| step.0 <= instant).saturating_sub(1);
        instant + self.steps[at].1
    }

    /// The instant of local microseconds since 1970-01-01T00:00.
    pub(crate) fn instant(&self, local: i64) -> std::result::Result<i64, TimeError> {
        let at = self.spans.partition_point(|span| span.to <= local);
        match self.spans.get(at) {
            Some(span) if local >= span.from => Ok(local - span.offset),
            Some(_) if at > 0 => Err(TimeError::Ambiguous),
            _ => Err(TimeError::Range),
        }
    }

    /// The instants of many local times, most of them of one stretch of constant offset; nothing where one of them is none.
    pub(crate) fn instants(&self, local: &[i64]) -> Option<Vec<i64>> {
        let mut instants = Vec::with_capacity(local.len());
        let mut span = self.spans.first()?;
        for &local in local {
            if !(span.from..span.to).contains(&local) {
                span = self.spans.get(self.spans.partition_point(|span| span.to <= local))?;
                if local < span.from {
                    return None;
                }
            }
            instants.push(local - span.offset);
        }
        Some(instants)
    }

    /// The instant at which the day of a local midnight begins: where clocks skip midnight, when they have skipped it, and where they
    /// show it twice, the first time. A day that a zone left out altogether never begins.
    pub(crate) fn day_start(&self, midnight: i64) -> std::result::Result<i64, TimeError> {
        let found = self.instant(midnight);
        let at = self.spans.partition_point(|span| span.to <= midnight);
        match (found, self.spans.get(at.wrapping_sub(1)), self.spans.get(at)) {
            (Err(TimeError::Ambiguous), Some(before), Some(after)) if after.from - before.to < DAY_US => {
                Ok(midnight - before.offset)
            }
            _ => found,
        }
    }

    /// The instant a text names.
    pub(crate) fn parse(&self, text: &[u8]) -> std::result::Result<i64, TimeError> {
        let civil = match (parse_civil(text), &self.dates) {
            (Err(TimeError::Form), Some(dates)) => parse_declared(text, dates)?,
            (parsed, _) => parsed?,
        };
        let instant = match civil {
            Civil::Day(midnight) => return self.day_start(midnight),
            Civil::Local(local) => return self.instant(local),
            Civil::At(instant) => instant,
        };
        if in_range(instant) { Ok(instant) } else { Err(TimeError::Range) }
    }
}

/// Whether an instant lies in the accepted years.
pub(crate) fn in_range(instant: i64) -> bool {
    let (first, end) = bounds();
    (first..end).contains(&instant)
}

/// The first instant accepted, and the first one after it that no longer is.
pub(crate) fn bounds() -> (i64, i64) {
    let start = |year| Date::from_ymd(year, 1, 1).expect("the first of January exists every year").utc_midnight().0;
    (start(FIRST_YEAR), start(END_YEAR))
}

fn steps_of(zone: &TimeZone) -> Vec<(i64, i64)> {
    let (first, end) = bounds();
    let start = JiffTimestamp::from_microsecond(first).expect("1900 is within jiff's range");
    let mut steps = vec![(first, i64::from(zone.to_offset(start).seconds()) * 1_000_000)];
    let changes = zone.following(start).map(|change| (change.timestamp().as_microsecond(), change.offset()));
    for (at, offset) in changes.take_while(|(at, _)| *at < end) {
        steps.push((at, i64::from(offset.seconds()) * 1_000_000));
    }
    steps
}

fn spans_of(steps: &[(i64, i64)]) -> Vec<Span> {
    let (_, end) = bounds();
    let last = steps.len() - 1;
    let mut spans: Vec<Span> = Vec::with_capacity(steps.len());
    for (i, &(at, offset)) in steps.iter().enumerate() {
        let until = steps.get(i + 1).map_or(end, |next| next.0);
        let before = if i == 0 { offset } else { steps[i - 1].1 };
        let after = if i == last { offset } else { steps[i + 1].1 };
        // A fold repeats the local times [at + new offset, at + old offset): neither side may claim them.
        let from = at + offset.max(before);
        let to = until + offset.min(after);
        match spans.last_mut() {
            // A change of name or rule without a change of offset.
            Some(span) if span.offset == offset && span.to >= from => span.to = to,
            _ if from < to => spans.push(Span { from, to, offset }),
            _ => {}
        }
    }
    spans
}

/// What a text says, in microseconds.
enum Civil {
    /// A day and no time: its local midnight.
    Day(i64),
    /// A local time.
    Local(i64),
    /// A time with an offset: an instant.
    At(i64),
}

impl Civil {
    fn new(midnight: i64, clock: i64, offset: Option<i64>) -> Self {
        match offset {
            Some(offset) => Self::At(midnight + clock - offset),
            None => Self::Local(midnight + clock),
        }
    }
}

fn parse_civil(text: &[u8]) -> std::result::Result<Civil, TimeError> {
    let date = parse_date(text.get(..10).ok_or(TimeError::Form)?)?;
    let midnight = date.utc_midnight().0;
    if text.len() == 10 {
        return Ok(Civil::Day(midnight));
    }
    let (clock, offset) = parse_time(&text[10..])?;
    Ok(Civil::new(midnight, clock, offset))
}

/// A blank or `T`, the clock and the offset behind a date.
fn parse_time(text: &[u8]) -> std::result::Result<(i64, Option<i64>), TimeError> {
    let Some((b' ' | b'T', text)) = text.split_first() else { return Err(TimeError::Form) };
    let (clock, offset) = split_offset(text)?;
    Ok((parse_clock(clock)?, offset))
}

/// A text with a date of the source's own form; whoever writes `2026/1/5` also writes `9:05`.
fn parse_declared(text: &[u8], dates: &DateFormat) -> std::result::Result<Civil, TimeError> {
    let ([year, month, day], rest) = dates.read(text).ok_or(TimeError::Form)?;
    let midnight = date_of_parts(year as i32, month, day)?.utc_midnight().0;
    let padded;
    let rest = match rest {
        [] => return Ok(Civil::Day(midnight)),
        [blank, hour, b':', rest @ ..] => {
            padded = [&[*blank, b'0', *hour, b':'], rest].concat();
            &padded
        }
        rest => rest,
    };
    let (clock, offset) = parse_time(rest)?;
    Ok(Civil::new(midnight, clock, offset))
}

fn date_of_parts(year: i32, month: u32, day: u32) -> std::result::Result<Date, TimeError> {
    if !(FIRST_YEAR..END_YEAR).contains(&year) {
        return Err(TimeError::Range);
    }
    Date::from_ymd(year, month, day).ok_or(TimeError::Form)
}

fn parse_date(text: &[u8]) -> std::result::Result<Date, TimeError> {
    if text[4] != b'-' || text[7] != b'-' {
        return Err(TimeError::Form);
    }
    let year = digits(&text[..4]).ok_or(TimeError::Form)? as i32;
    let month = digits(&text[5..7]).ok_or(TimeError::Form)?;
    let day = digits(&text[8..]).ok_or(TimeError::Form)?;
    date_of_parts(year, month, day)
}

/// `HH:MM[:SS[.fraction]]`; a leap second `:60` is the last microsecond of its minute.
fn parse_clock(text: &[u8]) -> std::result::Result<i64, TimeError> {
    let pair = |at: usize| text.get(at..at + 2).and_then(digits).map(i64::from).ok_or(TimeError::Form);
    let colon = |at: usize| if text.get(at) == Some(&b':') { Ok(()) } else { Err(TimeError::Form) };
    let (hour, minute) = (pair(0)?, pair(3)?);
    colon(2)?;
    let (mut second, mut micros) = (0, 0);
    if text.len() > 5 {
        colon(5)?;
        second = pair(6)?;
        micros = parse_fraction(&text[8..])?;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return Err(TimeError::Form);
    }
    if second == 60 {
        (second, micros) = (59, 999_999);
    }
    Ok(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Microseconds of `.digits`; digits beyond the sixth are cut.
fn parse_fraction(text: &[u8]) -> std::result::Result<i64, TimeError> {
    let Some((b'.', fraction)) = text.split_first() else {
        return if text.is_empty() { Ok(0) } else { Err(TimeError::Form) };
    };
    if fraction.is_empty() || fraction.len() > 9 {
        return Err(TimeError::Form);
    }
    let value = i64::from(digits(fraction).ok_or(TimeError::Form)?);
    Ok(value * 1_000_000 / 10_i64.pow(fraction.len() as u32))
}

/// The clock and the offset in microseconds behind it.
fn split_offset(text: &[u8]) -> std::result::Result<(&[u8], Option<i64>), TimeError> {
    if let Some((b'Z', clock)) = text.split_last() {
        return Ok((clock, Some(0)));
    }
    let Some(at) = text.iter().position(|b| matches!(b, b'+' | b'-')) else { return Ok((text, None)) };
    let (clock, sign) = (&text[..at], if text[at] == b'-' { -1 } else { 1 });
    let (hours, minutes) = match text[at + 1..] {
        [a, b] => ([a, b], [b'0'; 2]),
        [a, b, c, d] | [a, b, b':', c, d] => ([a, b], [c, d]),
        _ => return Err(TimeError::Form),
    };
    let (hours, minutes) = (digits(&hours).ok_or(TimeError::Form)?, digits(&minutes).ok_or(TimeError::Form)?);
    if hours > 18 || minutes > 59 {
        return Err(TimeError::Form);
    }
    Ok((clock, Some(sign * i64::from(hours * 60 + minutes) * 60_000_000)))
}

/// An unsigned number of at most nine ASCII digits.
fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0_u32, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, text: &str, expected: std::result::Result<&str, TimeError>) {
        let zone = Zone::new(zone).unwrap();
        let expected = expected.map(|text| text.parse::<JiffTimestamp>().unwrap().as_microsecond());
        assert_eq!(zone.parse(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn forms() {
        check("Asia/Tokyo", "2026-10-01", Ok("2026-09-30T15:00:00Z"));
        check("Asia/Tokyo", "2026-10-01 09:30", Ok("2026-10-01T00:30:00Z"));
        check("Asia/Tokyo", "2026-10-01T09:30:15.25", Ok("2026-10-01T00:30:15.25Z"));
        check("Asia/Tokyo", "2026-10-01T09:30:15Z", Ok("2026-10-01T09:30:15Z"));
        check("Asia/Tokyo", "2026-10-01T09:30:15-0730", Ok("2026-10-01T17:00:15Z"));
        check("Asia/Tokyo", "2016-12-31 23:59:60", Ok("2016-12-31T14:59:59.999999Z"));
        for text in
            ["", "2026-10-1", "2026/10/01", "2026-02-29", "2026-10-01 24:00", "2026-10-01 9:30", "45292", "2026-10-01x"]
        {
            check("Asia/Tokyo", text, Err(TimeError::Form));
        }
        check("Asia/Tokyo", "9999-12-31", Err(TimeError::Range));
        check("Asia/Tokyo", "0001-01-01", Err(TimeError::Range));
    }

    #[test]
    fn a_declared_form_stands_beside_iso() {
        let zone = Zone::new("Asia/Tokyo").unwrap().with_dates(&DateFormat::parse("%Y/%m/%d").unwrap());
        let at = |text: &str| Ok(text.parse::<JiffTimestamp>().unwrap().as_microsecond());
        for text in ["2026/10/01", "2026/10/1", "2026-10-01", "2026/10/1 0:00", "2026/9/30T15:00:00Z"] {
            assert_eq!(zone.parse(text.as_bytes()), at("2026-09-30T15:00:00Z"), "{text}");
        }
        for text in ["2026/02/29", "2026/10/01x", "2026/10/01 ", "01/10/2026", "2026/10/01 9"] {
            assert_eq!(zone.parse(text.as_bytes()), Err(TimeError::Form), "{text}");
        }
        assert_eq!(zone.parse(b"9999/12/31"), Err(TimeError::Range));
    }

    #[test]
    fn gaps_and_folds_are_ambiguous() {
        check("America/New_York", "2026-03-08 01:59:59", Ok("2026-03-08T06:59:59Z"));
        check("America/New_York", "2026-03-08 02:30", Err(TimeError::Ambiguous));
        check("America/New_York", "2026-03-08 03:00", Ok("2026-03-08T07:00:00Z"));
        check("America/New_York", "2026-11-01 00:59:59", Ok("2026-11-01T04:59:59Z"));
        check("America/New_York", "2026-11-01 01:30", Err(TimeError::Ambiguous));
        check("America/New_York", "2026-11-01 02:00", Ok("2026-11-01T07:00:00Z"));
        check("America/New_York", "2026-11-01 01:30-05:00", Ok("2026-11-01T06:30:00Z"));
        check("Pacific/Apia", "2011-12-30", Err(TimeError::Ambiguous));
        check("Australia/Lord_Howe", "2026-10-04 02:15", Err(TimeError::Ambiguous));
    }

    #[test]
    fn a_day_begins_also_where_midnight_does_not() {
        // Clocks go from 00:00 to 01:00 in Cairo, and from 01:00 back to 00:00 in Havana.
        check("Africa/Cairo", "2026-04-24", Ok("2026-04-23T22:00:00Z"));
        check("Africa/Cairo", "2026-04-24 00:00", Err(TimeError::Ambiguous));
        check("America/Havana", "2026-11-01", Ok("2026-11-01T04:00:00Z"));
        check("America/Havana", "2026-11-01 00:30", Err(TimeError::Ambiguous));
    }

    #[test]
    fn every_hour_agrees_with_the_library() {
        for name in
            ["Asia/Tokyo", "Europe/Berlin", "America/New_York", "Africa/Casablanca", "UTC", "Australia/Lord_Howe"]
        {
            let (zone, oracle) = (Zone::new(name).unwrap(), TimeZoneDatabase::bundled().get(name).unwrap());
            let first = Date::from_ymd(2010, 1, 1).unwrap().utc_midnight().0;
            for hour in 0..20 * 8_766 {
                let local = first + hour * 3_600_000_000;
                let civil = JiffTimestamp::from_microsecond(local).unwrap().to_zoned(TimeZone::UTC).datetime();
                let expected = oracle.to_ambiguous_timestamp(civil).unambiguous();
                assert_eq!(
                    zone.instant(local).ok(),
                    expected.ok().map(JiffTimestamp::as_microsecond),
                    "{name} {civil}"
                );
                let date = oracle.to_datetime(JiffTimestamp::from_microsecond(local).unwrap()).date();
                assert_eq!(
                    zone.date_of(Timestamp(local)).ymd(),
                    (i32::from(date.year()), date.month() as u32, date.day() as u32)
                );
            }
        }
    }

    #[test]
    fn unknown_zone() {
        assert_eq!(Zone::new("Asia/Tokio").unwrap_err().code(), Code::ConfigUnknownName);
    }
}

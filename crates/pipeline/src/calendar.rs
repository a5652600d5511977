//! Civil dates to instants in the pipeline's zone, and the as-of dates a run uses.

use std::sync::Arc;

use crate::config::{Night, OwnPeriod, Step, Weekday};
use crate::history::History;
use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use osusume_model::{AsOf, Code, DAY_US, Date, Fault, Result, Timestamp};

/// Turns civil dates into instants in one zone.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    zone: TimeZone,
}

impl Calendar {
    /// The calendar of an IANA zone out of the bundled database: the host's own may be absent or old. The zone was checked with the
    /// configuration.
    ///
    /// # Errors
    /// `ConfigNotAllowed` for a zone the bundled database does not know.
    pub(crate) fn new(zone: &str) -> Result<Self> {
        let zone = TimeZoneDatabase::bundled().get(zone).map_err(|e| {
            Fault::new(Code::ConfigNotAllowed).with("key", "pipeline.time_zone").with("got", zone).because(e)
        })?;
        Ok(Self { zone })
    }

    /// The instant a civil day begins. Where a zone skips midnight, the first instant of the day.
    pub(crate) fn midnight(&self, date: Date) -> Timestamp {
        let (year, month, day) = date.ymd();
        let in_range = i16::try_from(year).ok().and_then(|y| civil::Date::new(y, month as i8, day as i8).ok());
        let instant = in_range.and_then(|d| d.to_zoned(self.zone.clone()).ok()).map(|z| z.timestamp().as_microsecond());
        // Years outside the calendar library's range are so far away that the zone no longer matters.
        Timestamp(instant.unwrap_or_else(|| i64::from(date.0) * DAY_US))
    }

    /// The civil day of an instant in microseconds.
    pub(crate) fn day(&self, at: i64) -> Date {
        let civil = jiff::Timestamp::from_microsecond(at).ok().map(|instant| self.zone.to_datetime(instant).date());
        let date = civil.and_then(|day| Date::from_ymd(i32::from(day.year()), day.month() as u32, day.day() as u32));
        // As in `midnight`.
        date.unwrap_or_else(|| Date(at.div_euclid(DAY_US) as i32))
    }

    /// An instant as the zone's clocks show it: the day alone at midnight, else with the time (`2026-05-01T09:30:00`).
    pub(crate) fn shown(&self, at: i64) -> String {
        let Ok(instant) = jiff::Timestamp::from_microsecond(at) else { return self.day(at).to_string() };
        let local = self.zone.to_datetime(instant);
        if local.time() == civil::Time::midnight() { local.date().to_string() } else { local.to_string() }
    }

    /// The instants at which days, weeks from Monday or months begin, from 1900, before which no table reaches, to 2200.
    pub(crate) fn begins(&self, period: OwnPeriod) -> Arc<[i64]> {
        let day = |year| Date::from_ymd(year, 1, 1).expect("every year has a first day");
        let (first, end) = (day(1900), day(2200));
        let dates: Box<dyn Iterator<Item = Date>> = match period {
            OwnPeriod::Day => Box::new((first.0..end.0).map(Date)),
            // The first of 1900 was a Monday.
            OwnPeriod::Week => Box::new((first.0..end.0).step_by(7).map(Date)),
            OwnPeriod::Month => Box::new((0..300 * 12).map(|months| first.add_months(months))),
        };
        dates.map(|date| self.midnight(date).0).collect()
    }

    /// Its clocks. After 2200, up to which rules are followed, they stand still.
    pub(crate) fn clock(&self) -> Clock {
        let first = jiff::Timestamp::MIN;
        let micros = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1_000_000;
        let (mut since, mut ahead) = (vec![i64::MIN], vec![micros(self.zone.to_offset(first))]);
        let last = Date::from_ymd(2200, 1, 1).expect("a date").utc_midnight().0;
        for change in self.zone.following(first) {
            let at = change.timestamp().as_microsecond();
            if at >= last {
                break;
            }
            since.push(at);
            ahead.push(micros(change.offset()));
        }
        Clock { since, ahead }
    }

    /// The as-of of a date.
    pub(crate) fn as_of(&self, date: Date) -> AsOf {
        AsOf { date, instant: self.midnight(date) }
    }
}

/// What the clocks on the wall of a zone show: how far they are ahead of UTC, and since when.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// Instants in microseconds, ascending; the first is before all time.
    since: Vec<i64>,
    /// Microseconds ahead of UTC from then on.
    ahead: Vec<i64>,
}

impl Clock {
    /// The time on the wall, as microseconds since the first midnight of 1970 there.
    pub(crate) fn local(&self, at: i64) -> i64 {
        at.saturating_add(self.ahead[self.since.partition_point(|since| *since <= at) - 1])
    }
}

/// Which times count.
#[derive(Clone, Debug)]
enum Counted {
    Night(Night),
    Weekend(Vec<Weekday>),
}

/// Some hours of some days, by the clock on the wall.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    clock: Clock,
    counted: Counted,
}

impl Hours {
    /// The hours of a night, every day.
    pub(crate) fn of_night(clock: Clock, night: Night) -> Self {
        Self { clock, counted: Counted::Night(night) }
    }

    /// All hours of some days of the week.
    pub(crate) fn of_days(clock: Clock, days: Vec<Weekday>) -> Self {
        Self { clock, counted: Counted::Weekend(days) }
    }

    /// Whether an instant lies in them.
    pub(crate) fn has(&self, at: i64) -> bool {
        let local = self.clock.local(at);
        match &self.counted {
            Counted::Night(night) => night.has((local.rem_euclid(DAY_US) / 3_600_000_000) as u8),
            // 1970 began on a Thursday.
            Counted::Weekend(days) => {
                days.contains(&Weekday::ALL[(local.div_euclid(DAY_US) + 3).rem_euclid(7) as usize])
            }
        }
    }
}

/// Lengths, in days, that place a label window after its as-of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LabelDays {
    /// From the as-of date to the start of the label window.
    pub(crate) gap: u32,
    /// Length of the label window.
    pub(crate) horizon: u32,
    /// How long a take must last to count.
    pub(crate) kept: u32,
}

impl LabelDays {
    /// Days after an as-of date at which its labels are known for certain.
    pub(crate) fn until_known(self) -> i32 {
        (self.gap + self.horizon + self.kept) as i32
    }
}

/// Steps after the newest date with known labels that are looked at: a horizon of a year in steps of a day.
const MOST_OPEN: i32 = 400;

/// The as-of dates of a run, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Dates whose labels are known at the end of the data: training and testing.
    pub(crate) mature: Vec<AsOf>,
    /// Positions in `mature` of the out-of-time tests, ascending.
    pub(crate) tests: Vec<usize>,
    /// Dates before the run's own, ascending, whose labels are not known yet: later runs will learn from them.
    pub(crate) open: Vec<AsOf>,
    /// The run's own date: what is scored.
    pub(crate) score: AsOf,
    /// The end of the data: outcomes are read up to here, and never later than the run's date.
    pub(crate) data_end: AsOf,
    /// Lengths of gap, horizon and keeping.
    pub(crate) label: LabelDays,
}

impl Schedule {
    /// Positions of the dates a model tested at `mature[test]` may learn from: their labels were known by then (purge).
    pub(crate) fn purged(&self, test: usize) -> Vec<usize> {
        let limit = self.mature[test].date;
        (0..self.mature.len()).filter(|&i| self.mature[i].date + self.label.until_known() <= limit).collect()
    }

    /// Counts `count` dates back from the newest one whose labels are known at the end of the data, one `step` apart.
    /// Dates before the first day of history are left out.
    ///
    /// # Errors
    /// `NoMatureLabels` when no date is left.
    pub(crate) fn every(
        calendar: &Calendar,
        as_of: Date,
        label: LabelDays,
        step: Step,
        count: u32,
        history: History,
    ) -> Result<Self> {
        let newest = history.end - label.until_known();
        let mut dates: Vec<Date> = (0..count as i32).map(|i| back(newest, step, i)).collect();
        dates.retain(|&date| date > history.first);
        dates.reverse();
        let tests = vec![dates.len().saturating_sub(1)];
        let open = (1..=MOST_OPEN).map(|i| back(newest, step, -i)).take_while(|&date| date < as_of).collect();
        Self::of(calendar, (as_of, label), dates, (tests, open), history)
    }

    /// Given dates (ascending) and the positions of the tests among them; immature ones are left out.
    ///
    /// # Errors
    /// `NoMatureLabels` when no date is left.
    pub(crate) fn listed(
        calendar: &Calendar,
        as_of: Date,
        label: LabelDays,
        dates: &[Date],
        tests: &[Date],
        history: History,
    ) -> Result<Self> {
        let mut kept: Vec<Date> = dates.iter().chain(tests).copied().collect();
        kept.sort_unstable();
        kept.dedup();
        let open =
            kept.iter().copied().filter(|&date| date + label.until_known() > history.end && date < as_of).collect();
        kept.retain(|&date| date + label.until_known() <= history.end && date > history.first);
        let mut positions: Vec<usize> = tests.iter().filter_map(|t| kept.binary_search(t).ok()).collect();
        positions.sort_unstable();
        if positions.is_empty() && !kept.is_empty() {
            positions.push(kept.len() - 1);
        }
        Self::of(calendar, (as_of, label), kept, (positions, open), history)
    }

    /// The one date of a cross-section: it is learned from and scored at once, and no test lies after it.
    pub(crate) fn at_once(calendar: &Calendar, as_of: Date, label: LabelDays) -> Self {
        let date = calendar.as_of(as_of);
        Self { mature: vec![date], tests: Vec::new(), open: Vec::new(), score: date, data_end: date, label }
    }

    /// `count` dates one `step` apart, the last one the run's own: nobody asks for their labels.
    pub(crate) fn unlabeled(calendar: &Calendar, as_of: Date, label: LabelDays, step: Step, count: u32) -> Self {
        let mature = (1..count as i32).rev().map(|i| calendar.as_of(back(as_of, step, i))).collect();
        Self { mature, ..Self::at_once(calendar, as_of, label) }
    }

    /// The same dates, and `date` among those before the run's own.
    pub(crate) fn with(&self, date: AsOf) -> Self {
        let mut schedule = self.clone();
        if date.date < self.score.date
            && let Err(place) = self.mature.binary_search_by_key(&date.date, |mature| mature.date)
        {
            schedule.mature.insert(place, date);
            schedule.tests.iter_mut().filter(|test| **test >= place).for_each(|test| *test += 1);
        }
        schedule
    }

    fn of(
        calendar: &Calendar,
        (as_of, label): (Date, LabelDays),
        dates: Vec<Date>,
        (tests, open): (Vec<usize>, Vec<Date>),
        history: History,
    ) -> Result<Self> {
        if dates.is_empty() {
            return Err(Fault::new(Code::NoMatureLabels)
                .with("first", history.first.to_string())
                .with("last", history.end.to_string())
                .with("needed_days", i64::from(label.until_known())));
        }
        let [mature, open] = [dates, open].map(|dates| dates.into_iter().map(|date| calendar.as_of(date)).collect());
        Ok(Self { mature, tests, open, score: calendar.as_of(as_of), data_end: calendar.as_of(history.end), label })
    }
}

fn back(date: Date, step: Step, times: i32) -> Date {
    match step {
        Step::Days(days) => date - times * i32::from(days),
        Step::Months(months) => date.add_months(-times * i32::from(months)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABEL: LabelDays = LabelDays { gap: 7, horizon: 60, kept: 30 };

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    /// Eight monthly dates for a run as of 2026-10-01.
    fn monthly(first: &str, end: &str) -> Result<Schedule> {
        let calendar = Calendar::new("UTC").unwrap();
        let history = History { first: date(first), end: date(end) };
        Schedule::every(&calendar, date("2026-10-01"), LABEL, Step::Months(1), 8, history)
    }

    #[test]
    fn midnight_in_tokyo_is_fifteen_hundred_utc() {
        let calendar = Calendar::new("Asia/Tokyo").unwrap();
        let instant = calendar.midnight(date("2026-10-01"));
        assert_eq!(instant.0, date("2026-09-30").utc_midnight().0 + 15 * 3_600_000_000);
    }

    #[test]
    fn periods_begin_at_local_midnight_of_the_first_of_a_month_and_of_mondays() {
        let calendar = Calendar::new("Europe/Berlin").unwrap();
        let begins = |period, at: &str| calendar.begins(period).contains(&calendar.midnight(date(at)).0);
        assert!(begins(OwnPeriod::Day, "2026-03-30") && begins(OwnPeriod::Day, "1900-01-01"));
        assert!(begins(OwnPeriod::Week, "2026-03-30") && !begins(OwnPeriod::Week, "2026-03-29"));
        assert!(begins(OwnPeriod::Month, "2026-04-01") && !begins(OwnPeriod::Month, "2026-04-02"));
        for period in OwnPeriod::ALL {
            assert!(calendar.begins(*period).is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn days_are_civil_days_where_clocks_change() {
        let calendar = Calendar::new("Europe/Berlin").unwrap();
        // Clocks went forward on 2026-03-29: fourteen days of which one has 23 hours.
        let (first, last) = (date("2026-03-22"), date("2026-04-05"));
        assert!((calendar.midnight(last).0 - calendar.midnight(first).0) / DAY_US == 13);
        assert_eq!(last - calendar.day(calendar.midnight(first).0), 14);
        for day in [first, last, date("1969-12-31"), date("2026-10-25")] {
            let begin = calendar.midnight(day).0;
            assert_eq!((calendar.day(begin), calendar.day(begin - 1)), (day, day - 1));
        }
    }

    #[test]
    fn a_day_that_begins_at_one_o_clock() {
        // Clocks in Sao Paulo skipped from 00:00 to 01:00 on 2018-11-04.
        let calendar = Calendar::new("America/Sao_Paulo").unwrap();
        assert_eq!(calendar.midnight(date("2018-11-04")).0 - date("2018-11-04").utc_midnight().0, 3 * 3_600_000_000);
    }

    /// Against the calendar library, hour by hour over a year and at every change of the clocks since 1900.
    #[test]
    fn clocks_show_what_the_library_says() {
        for name in ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Tokyo", "UTC"]
        {
            let calendar = Calendar::new(name).unwrap();
            let clock = calendar.clock();
            let year = date("2026-01-01").utc_midnight().0;
            let hours = (0..366 * 24).map(|hour| year + hour * 3_600_000_000 + 1_799_999_999);
            let changes = clock.since[1..].iter().flat_map(|&at| [at - 1, at, at + 1]);
            for at in hours.chain(changes).chain([i64::MIN / 16, i64::MAX / 64]) {
                let Ok(instant) = jiff::Timestamp::from_microsecond(at) else { continue };
                let shown = calendar.zone.to_datetime(instant);
                let local = clock.local(at);
                let night = Hours::of_night(clock.clone(), Night { from: 22, to: 6 });
                assert_eq!(night.has(at), shown.hour() >= 22 || shown.hour() < 6, "{name} {shown}");
                let day = Weekday::ALL[shown.weekday().to_monday_zero_offset() as usize];
                assert!(Hours::of_days(clock.clone(), vec![day]).has(at), "{name} {shown}");
                assert_eq!(local.rem_euclid(3_600_000_000) / 60_000_000, i64::from(shown.minute()), "{name} {shown}");
            }
        }
    }

    #[test]
    fn dates_are_mature_and_purged() {
        let schedule = monthly("2024-01-01", "2026-10-01").unwrap();
        let dates: Vec<String> = schedule.mature.iter().map(|a| a.date.to_string()).collect();
        assert_eq!(dates.first().map(String::as_str), Some("2025-11-26"));
        assert_eq!(dates.last().map(String::as_str), Some("2026-06-26"));
        assert_eq!(schedule.tests, [7]);
        // The steps go on to the run's date.
        let open: Vec<String> = schedule.open.iter().map(|a| a.date.to_string()).collect();
        assert_eq!(open, ["2026-07-26", "2026-08-26", "2026-09-26"]);
        // 2026-02-26 + 97 days = 2026-06-03 <= 2026-06-26; 2026-03-26 + 97 days = 2026-07-01 is too late.
        assert_eq!(schedule.purged(7), [0, 1, 2, 3]);
    }

    #[test]
    fn a_date_in_between_moves_the_tests() {
        let (calendar, schedule) = (Calendar::new("UTC").unwrap(), monthly("2024-01-01", "2026-10-01").unwrap());
        let with = |text: &str| schedule.with(calendar.as_of(date(text)));
        let between = with("2026-01-01");
        assert_eq!((between.mature.len(), between.tests.as_slice()), (9, [8].as_slice()));
        assert!(between.mature.is_sorted_by_key(|mature| mature.date));
        assert_eq!(with("2026-06-26"), schedule, "it is one of them");
        assert_eq!(with("2026-10-01"), schedule, "it is the run's own");
    }

    #[test]
    fn too_little_history_is_said() {
        assert_eq!(monthly("2026-09-01", "2026-10-01").unwrap_err().code(), Code::NoMatureLabels);
    }

    #[test]
    fn what_the_data_do_not_reach_is_not_mature() {
        let schedule = monthly("2024-01-01", "2026-08-01").unwrap();
        let newest = schedule.mature.last().unwrap().date;
        assert_eq!(newest + LABEL.until_known(), date("2026-08-01"));
        assert_eq!(schedule.score.date, date("2026-10-01"));
        assert_eq!(schedule.data_end.date, date("2026-08-01"));
        let calendar = Calendar::new("UTC").unwrap();
        let history = History { first: date("2024-01-01"), end: date("2026-08-01") };
        let (kept, late) = (date("2026-04-26"), date("2026-04-27"));
        let listed = Schedule::listed(&calendar, date("2026-10-01"), LABEL, &[kept, late], &[late], history).unwrap();
        assert_eq!(listed.mature.iter().map(|mature| mature.date).collect::<Vec<_>>(), [kept]);
        assert_eq!(listed.open.iter().map(|open| open.date).collect::<Vec<_>>(), [late]);
        let fault = monthly("2026-05-01", "2026-08-01").unwrap_err();
        assert_eq!(fault.code(), Code::NoMatureLabels);
    }
}

//! What every stage of one run is lent.

use std::ops::Deref;

use osusume_model::{AsOf, Control, Fault, Result, Stop, check_stop};
use osusume_storage::Staging;
use osusume_tables::Target;
use osusume_windows::Span;

use crate::calendar::Calendar;
use crate::config::{Config, OwnWindow, Reach};
use crate::host::{Event, Host};

/// What reading and deciding need of a run: configuration, calendar and the outside world. Nothing can be written with it.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The checked pipeline file.
    pub(crate) config: &'a Config,
    /// Civil dates to instants.
    pub(crate) calendar: &'a Calendar,
    /// Progress, stop, events.
    pub(crate) host: &'a dyn Host,
}

/// The run at hand: its scene, the staging directory and the memory budget.
pub(crate) struct Job<'a> {
    /// What it reads and decides with.
    pub(crate) scene: Scene<'a>,
    /// Where outputs are written.
    pub(crate) staging: &'a Staging,
    /// Memory budget in bytes.
    pub(crate) memory: u64,
}

/// A job is its scene and a place to write to.
impl<'a> Deref for Job<'a> {
    type Target = Scene<'a>;

    fn deref(&self) -> &Scene<'a> {
        &self.scene
    }
}

impl Job<'_> {
    /// Where tables are written.
    pub(crate) fn target(&self) -> Target<'_> {
        Target::Staging(self.staging)
    }
}

impl Scene<'_> {
    /// Every feature window of `as_of`, the one that reaches back for ever first. None begins or ends before that of an earlier date.
    pub(crate) fn windows(&self, as_of: AsOf) -> Vec<Span> {
        let ever = Span { start: i64::MIN, end: as_of.instant.0 };
        let reaches = self.config.features.all_windows().into_iter();
        std::iter::once(ever).chain(reaches.map(|reach| self.window(as_of, reach))).collect()
    }

    /// One feature window of `as_of`.
    pub(crate) fn window(&self, as_of: AsOf, reach: Reach) -> Span {
        let date = as_of.date;
        let month = date - (date.ymd().2 as i32 - 1);
        let (first, end) = match reach {
            Reach::Days(days) => (date - days as i32, date),
            Reach::Calendar(OwnWindow::MonthToDate) => (month, date),
            Reach::Calendar(OwnWindow::PreviousMonth) => (month.add_months(-1), month),
            Reach::Calendar(OwnWindow::SameMonthLastYear) => (month.add_months(-12), month.add_months(-11)),
            Reach::Calendar(OwnWindow::SeasonLastYear) => {
                let offers = &self.config.offers;
                let first = (date + offers.gap_days as i32).add_months(-12);
                (first.min(date), (first + offers.horizon_days as i32).min(date))
            }
        };
        Span { start: self.calendar.midnight(first).0, end: self.calendar.midnight(end).0 }
    }

    /// Err when the run was asked to stop.
    pub(crate) fn check_stop(&self) -> Result<()> {
        check_stop(&Quiet(self.host))
    }

    /// Tells the outside world of a warning.
    pub(crate) fn warn(&self, fault: Fault) {
        self.host.event(Event::Warning(fault));
    }

    /// A control that stops with the run but keeps a kernel's own progress to itself: the stage reports by partition.
    pub(crate) fn quiet(&self) -> Quiet<'_> {
        Quiet(self.host)
    }
}

/// See [`Scene::quiet`].
#[derive(Clone, Copy)]
pub(crate) struct Quiet<'a>(&'a dyn Host);

impl<'a> Quiet<'a> {
    /// Lends the stop of `host` and none of its progress.
    pub(crate) fn new(host: &'a dyn Host) -> Self {
        Self(host)
    }
}

impl Control for Quiet<'_> {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        self.0.stop()
    }
}

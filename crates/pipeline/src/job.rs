//! What every stage of one run is lent.

use std::ops::Deref;

use osusume_model::{AsOf, Control, Fault, Result, Stop, check_stop};
use osusume_storage::Staging;
use osusume_tables::Target;

use crate::calendar::Calendar;
use crate::config::Config;
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
    /// The start of each feature window before `as_of`, the one that reaches back for ever first.
    pub(crate) fn window_starts(&self, as_of: AsOf) -> Vec<i64> {
        let days = self.config.features.all_windows().into_iter();
        let starts = days.map(|days| self.calendar.midnight(as_of.date - days as i32).0);
        std::iter::once(i64::MIN).chain(starts).collect()
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

//! What the outside world lends a run: control, events, and facts only the command line may know.

use osusume_model::{Control, Fault};

/// A stage of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Reading and checking the sources.
    Ingest,
    /// What is held or bought together.
    Mine,
    /// As-of features and labels.
    Features,
    /// One model an offer.
    Train,
    /// A propensity for every customer and offer.
    Score,
    /// Who is offered what.
    Decide,
    /// What a person reads.
    Report,
    /// Making the run visible.
    Publish,
    /// Delivering it.
    Export,
    /// Comparing what became of its offers with the holdout, after the horizon.
    Evaluate,
}

impl Stage {
    /// All stages, those of a run in their order.
    pub const ALL: [Self; 10] = [
        Self::Ingest,
        Self::Mine,
        Self::Features,
        Self::Train,
        Self::Score,
        Self::Decide,
        Self::Report,
        Self::Publish,
        Self::Export,
        Self::Evaluate,
    ];

    /// The name in files and logs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Mine => "mine",
            Self::Features => "features",
            Self::Train => "train",
            Self::Score => "score",
            Self::Decide => "decide",
            Self::Report => "report",
            Self::Publish => "publish",
            Self::Export => "export",
            Self::Evaluate => "evaluate",
        }
    }
}

/// What a run tells while it runs.
#[derive(Clone, Debug)]
pub enum Event {
    /// A stage begins.
    Begin(Stage),
    /// A stage has ended.
    End(Stage),
    /// A warning that does not stop the run.
    Warning(Fault),
}

/// Lent by the caller: the only way a run touches clock, terminal or environment.
pub trait Host: Control {
    /// Something happened that a person or a log may want to know.
    fn event(&self, event: Event);
    /// The value of an environment variable, for `${env:NAME}`.
    fn secret(&self, name: &str) -> Option<String>;
    /// Seconds since the run began, for the timings file only.
    fn elapsed_seconds(&self) -> f64;
}

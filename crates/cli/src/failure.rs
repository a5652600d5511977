//! The end of a command that failed: the message a person reads, the object a scheduler reads, the exit code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use osusume_model::{Code, Exit, Fault, Result};
use osusume_text::{Effect, RunState, exit_error_json, render};

use crate::args::LogFormat;
use crate::console::{Console, complain};
use crate::process::Signals;

/// Where the last panic happened; its text may hold values and is not kept.
static PANIC_PLACE: Mutex<Option<String>> = Mutex::new(None);

/// How a verb ends.
pub(crate) type Ended = std::result::Result<Exit, Failure>;

/// A fault, and what it means for published data.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) fault: Fault,
    /// What it means for published data.
    pub(crate) effect: Effect,
    /// The stage, where one had begun.
    pub(crate) stage: Option<&'static str>,
    /// The run, where it has a name.
    pub(crate) run_id: Option<String>,
}

impl Failure {
    /// A failure outside any stage.
    pub(crate) fn new(fault: Fault, effect: Effect) -> Self {
        Self { fault, effect, stage: None, run_id: None }
    }

    /// A failure of a command that changes nothing.
    pub(crate) fn reading(fault: Fault) -> Self {
        Self::new(fault, Effect::ReadOnly)
    }

    /// A failure before anything was begun.
    pub(crate) fn starting(fault: Fault) -> Self {
        Self::new(fault, Effect::NotStarted)
    }

    /// Tells it, and returns how the process ends.
    pub(crate) fn report(&self, console: &Console, signals: &Signals) -> Exit {
        let exit = match self.fault.code() {
            Code::Cancelled => signals.exit(),
            code => code.info().exit,
        };
        if console.log_format == LogFormat::Text {
            complain(&render(&self.fault, &self.effect, console.language));
        } else {
            complain(&format!("{}\n", exit_error_json(&self.fault, &self.state(exit), console.language)));
        }
        exit
    }

    fn state(&self, exit: Exit) -> RunState<'_> {
        let previous = match &self.effect {
            Effect::NothingPublished { previous } => previous.as_deref(),
            _ => None,
        };
        RunState {
            exit,
            stage: self.stage,
            run_id: self.run_id.as_deref(),
            published: matches!(self.effect, Effect::Published { .. } | Effect::ExportNotWritten),
            previous,
        }
    }
}

/// Keeps the place of a panic and prints nothing: [`guarded`] makes a fault of it.
pub(crate) fn keep_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|location| format!("{}:{}", short(location.file()), location.line()));
        let mut kept = PANIC_PLACE.lock().unwrap_or_else(PoisonError::into_inner);
        // The first panic is the cause; others follow from it.
        if kept.is_none() {
            *kept = place;
        }
    }));
}

/// Does `work`; a panic becomes the fault of a bug, with the place in the program and no values.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What the panic left behind is only printed about, never used again.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(bug(&*panic)))
}

/// The end of a source file's path: where the program was built is nobody's business.
fn short(file: &str) -> &str {
    let start = file.rmatch_indices('/').nth(2).map_or(0, |(at, _)| at + 1);
    &file[start..]
}

fn bug(_panic: &(dyn Any + Send)) -> Fault {
    let place = PANIC_PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Fault::new(Code::Bug).because(place.unwrap_or_default())
}

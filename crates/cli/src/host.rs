//! What the command lends a run: progress on the terminal, the wish to stop, the clock, the environment.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use osusume_model::{Arg, Control, Fault, Stop};
use osusume_pipeline::{Event, Host, Stage};
use osusume_text::summary::{Phrase, progress_label, stage_name};
use osusume_text::{render_warning, title};
use serde_json::json;

use crate::args::LogFormat;
use crate::console::{Console, complain, variable};
use crate::process::Signals;

/// Parts a bar is divided into: enough to move, few enough to stay cheap.
const PARTS: u64 = 1000;
/// What is shown of work before it says how much of it is done, and from then on.
const WAITING: &str = "{spinner} {msg} {elapsed}";
const MEASURED: &str = "{spinner} {msg} [{bar:30}] {percent:>3}% {elapsed}";

/// The terminal, the clock and the signals of this process.
pub(crate) struct TerminalHost<'a> {
    console: &'a Console,
    signals: &'a Signals,
    started: Instant,
    deadline: Option<Duration>,
    state: Mutex<State>,
}

/// What is going on.
#[derive(Default)]
struct State {
    stage: Option<Stage>,
    began: f64,
    bar: Option<ProgressBar>,
    /// Whether the work has said how much of it is done.
    is_measured: bool,
}

impl<'a> TerminalHost<'a> {
    /// A host whose clock starts now.
    #[expect(clippy::disallowed_methods, reason = "the command is where the clock is read")]
    pub(crate) fn new(console: &'a Console, signals: &'a Signals, deadline_seconds: Option<u64>) -> Self {
        let deadline = deadline_seconds.map(Duration::from_secs);
        Self { console, signals, started: Instant::now(), deadline, state: Mutex::new(State::default()) }
    }

    /// The stage that has begun last.
    pub(crate) fn stage(&self) -> Option<&'static str> {
        self.state().stage.map(Stage::id)
    }

    /// Shows a bar for work that is no stage of a run, such as `check`, in the place of one there is.
    pub(crate) fn begin_verb(&self, verb: &str) {
        self.clear();
        let bar = self.bar(verb);
        let state = &mut *self.state();
        (state.bar, state.is_measured) = (bar, false);
    }

    /// Takes the bar away, so that what is printed next stands alone.
    pub(crate) fn clear(&self) {
        if let Some(bar) = self.state().bar.take() {
            bar.finish_and_clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bar(&self, id: &str) -> Option<ProgressBar> {
        if !self.console.has_bars {
            return None;
        }
        let bar = ProgressBar::with_draw_target(Some(PARTS), ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(WAITING).expect("the template is a constant"));
        bar.set_message(progress_label(id, self.console.language).to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Some(bar)
    }

    fn begin(&self, stage: Stage) {
        let now = self.elapsed_seconds();
        self.clear();
        let bar = self.bar(stage.id());
        *self.state() = State { stage: Some(stage), began: now, bar, is_measured: false };
        self.console.log(&json!({ "type": "stage_begin", "stage": stage.id(), "elapsed_seconds": rounded(now) }));
    }

    fn end(&self, stage: Stage) {
        self.clear();
        let now = self.elapsed_seconds();
        let seconds = now - self.state().began;
        let object = json!({ "type": "stage_end", "stage": stage.id(), "seconds": rounded(seconds), "elapsed_seconds": rounded(now) });
        self.console.log(&object);
        if self.console.log_format == LogFormat::Text {
            let name = stage_name(stage.id(), self.console.language);
            let args = [("stage", Arg::from(name)), ("seconds", Arg::Number(format!("{seconds:.1}")))];
            self.console.note(&self.console.phrase(Phrase::StageDone, &args));
        }
    }

    fn warn(&self, fault: &Fault) {
        let place = fault.place();
        self.console.log(&json!({
            "type": "warning", "error": fault.code().id(), "stage": self.stage(), "file": place.file, "line": place.line,
            "column": place.column, "byte": place.byte, "name": place.name, "message": title(fault, self.console.language),
        }));
        if self.console.log_format == LogFormat::Text && !self.console.is_quiet {
            let text = render_warning(fault, self.console.language);
            let bar = self.state().bar.clone();
            match bar {
                Some(bar) => bar.suspend(|| complain(&text)),
                None => complain(&text),
            }
        }
    }
}

impl Control for TerminalHost<'_> {
    fn progress(&self, done: u64, total: u64) {
        // Work whose end is not known shows that it goes on, and no share.
        if total == 0 {
            return;
        }
        let state = &mut *self.state();
        if let Some(bar) = &state.bar {
            if !std::mem::replace(&mut state.is_measured, true) {
                let style = ProgressStyle::with_template(MEASURED).expect("the template is a constant");
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_position((done as f64 / total.max(1) as f64 * PARTS as f64) as u64);
        }
    }

    fn stop(&self) -> Option<Stop> {
        if self.signals.is_asked() {
            return Some(Stop::Cancelled);
        }
        let is_late = self.deadline.is_some_and(|deadline| self.started.elapsed() >= deadline);
        is_late.then_some(Stop::Deadline)
    }
}

impl Host for TerminalHost<'_> {
    fn event(&self, event: Event) {
        match event {
            Event::Begin(stage) => self.begin(stage),
            Event::End(stage) => self.end(stage),
            Event::Warning(fault) => self.warn(&fault),
        }
    }

    fn secret(&self, name: &str) -> Option<String> {
        variable(name)
    }

    fn elapsed_seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

/// Milliseconds are enough for a log.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

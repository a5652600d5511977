//! `osusume run PIPELINE`.

use std::path::Path;

use osusume_model::{Arg, Code, Exit, Fault, Result};
use osusume_pipeline::config::Config;
use osusume_pipeline::runs::{RunDetails, current, show};
use osusume_pipeline::{Exported, Lock, Outcome, Request, export, is_exported, run as run_pipeline, with_threads};
use osusume_text::Effect;
use osusume_text::screen::Word;
use osusume_text::summary::Phrase;
use serde_json::{Value, json};

use crate::args::{OutputFormat, RunArgs};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::page::{Page, rejected};
use crate::process::{Signals, lock_info, now_us};
use crate::settings::{load, memory, threads};

/// A run that is published now, whether it was before or not.
pub(super) struct Done {
    pub(super) run_id: String,
    is_new: bool,
}

/// Runs the pipeline, delivers what was published, and says what came of it.
pub(crate) fn run(args: &RunArgs, console: &Console, signals: &Signals) -> Ended {
    let config = load(&args.pipeline).map_err(Failure::starting)?;
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    let (done, lock) = publish(args, &config, &host).map_err(|fault| stopped(fault, &config, &host))?;
    let exported = deliver(args, &config, &lock, &host, &done).map_err(|fault| not_delivered(fault, &done))?;
    drop(lock);
    let details = show(&config, Some(&done.run_id)).map_err(|fault| after(fault, &done))?;
    tell(args, console, &done, &details, exported.as_deref()).map_err(|fault| after(fault, &done))?;
    let is_strict = args.strict_exit && rejected(&details.summary) > 0;
    Ok(if is_strict { Exit::Rejects } else { Exit::Ok })
}

/// The lock is still held: nobody may publish or deliver before this run is delivered.
pub(super) fn publish(args: &RunArgs, config: &Config, host: &TerminalHost<'_>) -> Result<(Done, Lock)> {
    let request = Request {
        config,
        as_of: args.as_of,
        memory: memory(&args.resources, config),
        lock: lock_info("run"),
        started_us: now_us(),
    };
    let threads = threads(args.resources.threads, Some(config));
    let ran = guarded(|| with_threads(threads, || run_pipeline(&request, host))?);
    host.clear();
    let ran = ran?;
    let done = match ran.outcome {
        Outcome::Published(summary) => Done { run_id: summary.run_id.clone(), is_new: true },
        Outcome::AlreadyPublished { run_id, .. } => Done { run_id, is_new: false },
    };
    Ok((done, ran.lock))
}

/// Delivers a run just published; one published before only where a destination does not hold it yet, and only the current one.
fn deliver(
    args: &RunArgs,
    config: &Config,
    lock: &Lock,
    host: &TerminalHost<'_>,
    done: &Done,
) -> Result<Option<Vec<Exported>>> {
    let is_current = || Ok(current(config)?.as_deref() == Some(done.run_id.as_str()));
    if args.no_export || !done.is_new && (is_exported(config, &done.run_id, host) || !is_current()?) {
        return Ok(None);
    }
    let threads = threads(args.resources.threads, Some(config));
    let exported = guarded(|| with_threads(threads, || export(config, lock, host))?);
    host.clear();
    exported.map(Some)
}

pub(super) fn stopped(fault: Fault, config: &Config, host: &TerminalHost<'_>) -> Failure {
    // Where even CURRENT cannot be read, what is known is that this run did not change it.
    let previous = current(config).ok().flatten();
    let effect = match fault.code() {
        Code::AsOfMissing => Effect::NotStarted,
        _ => Effect::NothingPublished { previous },
    };
    Failure { stage: host.stage(), ..Failure::new(fault, effect) }
}

fn not_delivered(fault: Fault, done: &Done) -> Failure {
    let failure = Failure::new(fault, Effect::ExportNotWritten);
    Failure { stage: Some("export"), run_id: Some(done.run_id.clone()), ..failure }
}

fn after(fault: Fault, done: &Done) -> Failure {
    let effect = Effect::Published { run: done.run_id.clone() };
    Failure { run_id: Some(done.run_id.clone()), ..Failure::new(fault, effect) }
}

fn tell(
    args: &RunArgs,
    console: &Console,
    done: &Done,
    details: &RunDetails,
    exported: Option<&[Exported]>,
) -> Result<()> {
    if console.output == OutputFormat::Json {
        return print_json(&object(done, details, exported));
    }
    if console.is_quiet {
        return Ok(());
    }
    let page = page(console, details, &args.pipeline.pipeline, exported.unwrap_or_default());
    if done.is_new {
        return print(&format!("{}\n\n{}", page.headline(), page.body()));
    }
    print(&already(console, done, &page, exported))
}

fn page<'a>(console: &'a Console, run: &'a RunDetails, pipeline: &'a Path, exported: &'a [Exported]) -> Page<'a> {
    Page { console, run, pipeline, exported }
}

fn already(console: &Console, done: &Done, page: &Page<'_>, exported: Option<&[Exported]>) -> String {
    let headline = console.phrase(Phrase::AlreadyPublished, &[("run", Arg::from(done.run_id.as_str()))]);
    let remark = if exported.is_none() { "" } else { console.word(Word::Redelivered) };
    let gap = if remark.is_empty() { "" } else { "\n" };
    format!("{headline}{gap}{remark}\n\n{}", page.places())
}

fn object(done: &Done, details: &RunDetails, exported: Option<&[Exported]>) -> Value {
    let destination = |exported: &Exported| {
        json!({ "profile": exported.profile, "path": exported.path, "rows": exported.rows, "left_out": exported.left_out,
                "suppressed": exported.suppressed, "files": exported.files })
    };
    json!({
        "type": "run",
        "run_id": details.run_id,
        "outcome": if done.is_new { "published" } else { "already_published" },
        "directory": details.dir,
        "exported": exported.map(|list| list.iter().map(destination).collect::<Vec<_>>()),
        "summary": details.summary,
    })
}

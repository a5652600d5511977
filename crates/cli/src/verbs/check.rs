//! `osusume check PIPELINE`.

use osusume_model::{Arg, Code, Exit, Fault, Result};
use osusume_pipeline::check::{CheckRequest, Checks, SetAside, SourceCheck, check as check_pipeline};
use osusume_pipeline::config::Config;
use osusume_pipeline::{CopiesTold, Power, with_threads};
use osusume_text::screen::Word;
use osusume_text::summary::Phrase;
use osusume_text::{first_title, render_warning, thousands};
use serde_json::{Value, json};

use crate::args::{CheckArgs, OutputFormat};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::{Signals, lock_info};
use crate::settings::{load, memory, threads};
use crate::table::{Align, labelled, table};

/// First faults shown.
const FAULTS_SHOWN: usize = 20;

/// Reads everything a run would, and says what a run would meet.
pub(crate) fn check(args: &CheckArgs, console: &Console, signals: &Signals) -> Ended {
    let config = load(&args.pipeline).map_err(Failure::reading)?;
    let checks = examine(args, &config, console, signals).map_err(Failure::reading)?;
    let told = if console.output == OutputFormat::Json {
        print_json(&object(&config, &checks))
    } else {
        print(&page(args, &config, console, &checks))
    };
    told.and_then(|()| Fault::all(checks.over)).map_err(Failure::reading)?;
    Ok(Exit::Ok)
}

fn examine(args: &CheckArgs, config: &Config, console: &Console, signals: &Signals) -> Result<Checks> {
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    let request = CheckRequest {
        config,
        as_of: args.as_of,
        memory: memory(&args.resources, config),
        scratch: std::env::temp_dir().join(format!("osusume-check-{}", std::process::id())),
        lock: lock_info("check"),
    };
    host.begin_verb("check");
    let threads = threads(args.resources.threads, Some(config));
    let checks = guarded(|| with_threads(threads, || check_pipeline(&request, &host))?);
    host.clear();
    checks
}

fn page(args: &CheckArgs, config: &Config, console: &Console, checks: &Checks) -> String {
    let name = [("pipeline", Arg::from(config.pipeline.name.as_str()))];
    let headline = if checks.over.is_empty() {
        console.phrase(Phrase::CheckPassed, &name)
    } else {
        console.say(Word::CheckFailed, &name)
    };
    let facts = facts(console, checks);
    let tables = [sources(console, checks), set_aside(console, checks)];
    let tables: Vec<String> = tables.into_iter().filter(|table| !table.is_empty()).collect();
    let mut text = format!("{headline}\n\n{facts}\n{}", tables.join("\n"));
    // A run that would stop warns of nothing.
    if checks.over.is_empty() && !checks.faults.is_empty() {
        text.push('\n');
        text.extend(checks.faults.iter().take(FAULTS_SHOWN).map(|fault| render_warning(fault, console.language)));
        let more = checks.faults.len().saturating_sub(FAULTS_SHOWN);
        if more > 0 {
            text.push_str(&console.say(Word::MoreWarnings, &[("count", Arg::from(more))]));
            text.push('\n');
        }
    }
    if checks.over.is_empty() {
        let command = format!("osusume run {}{}", args.pipeline.pipeline.display(), as_of_option(config, args));
        let next = console.say(Word::NextRun, &[("command", Arg::from(command))]);
        text.push('\n');
        text.push_str(&labelled(2, &[(&console.phrase(Phrase::Next, &[]), next)]));
    } else {
        // The errors follow on the other stream.
        text.push('\n');
    }
    text
}

/// The date as the run wants it given; where neither the command line nor the file names one, its form.
fn as_of_option(config: &Config, args: &CheckArgs) -> String {
    match (args.as_of, config.pipeline.as_of) {
        (Some(date), _) => format!(" --as-of {date}"),
        (None, Some(_)) => String::new(),
        (None, None) => " --as-of YYYY-MM-DD".to_owned(),
    }
}

fn facts(console: &Console, checks: &Checks) -> String {
    let mut lines = vec![
        (console.phrase(Phrase::Customers, &[]), thousands(checks.customers as i64)),
        (console.word(Word::OfferKeys).to_owned(), checks.offers.join(", ")),
        (console.word(Word::Dates).to_owned(), dates(console, checks)),
    ];
    // What was not looked at has no line.
    lines.retain(|(_, value)| !value.is_empty());
    lines.extend(holdout(console, checks.power.as_ref()));
    for source in &checks.sources {
        lines.extend(no_arrival(console, source));
        lines.extend(not_static(console, source, checks));
    }
    lines.extend(checks.copies.iter().filter_map(|told| copies(console, told)));
    if checks.unknown_products > 0 {
        let reason = Arg::from(console.word(Word::UnknownProducts));
        let args = [("count", Arg::from(checks.unknown_products)), ("reason", reason)];
        lines.push((console.phrase(Phrase::Excluded, &[]), console.phrase(Phrase::ExcludedValue, &args)));
    }
    labelled(2, &lines.iter().map(|(label, value)| (label.as_str(), value.clone())).collect::<Vec<_>>())
}

fn dates(console: &Console, checks: &Checks) -> String {
    if checks.dates.is_empty() {
        // Where something is wrong with the dates it is said.
        if !checks.over.is_empty() {
            return String::new();
        }
        return console.word(Word::NoDates).to_owned();
    }
    let shown = checks.dates.iter().map(|(date, is_test)| match is_test {
        true => console.say(Word::TestDate, &[("date", Arg::from(date.to_string()))]),
        false => date.to_string(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// What the holdout of a run could show.
fn holdout(console: &Console, power: Option<&Power>) -> Option<(String, String)> {
    let power = power?;
    let percent = |share: f64, digits: usize| Arg::Number(format!("{:.*}", digits, 100.0 * share));
    let args = [
        ("customers", Arg::from((power.customers as f64 * power.holdout_fraction).round() as u64)),
        ("rate", percent(power.base_rate, 2)),
        ("effect", percent(power.detectable, 2)),
        ("lift", percent(power.detect, 0)),
        ("months", Arg::Number(format!("{:.1}", power.months))),
    ];
    Some((console.word(Word::DetectableHoldout).to_owned(), console.say(Word::Detectable, &args)))
}

fn no_arrival(console: &Console, source: &SourceCheck) -> Option<(String, String)> {
    let column = source.no_arrival?;
    let args = [("source", Arg::from(source.name.as_str())), ("column", Arg::from(column))];
    Some((console.word(Word::Arrival).to_owned(), console.say(Word::NoArrival, &args)))
}

/// What no date that is learned from can know.
fn not_static(console: &Console, source: &SourceCheck, checks: &Checks) -> Option<(String, String)> {
    let is_served = checks.copies.iter().any(|told| told.source == source.name && told.served > 0);
    let args = [("source", Arg::from(source.name.as_str())), ("names", Arg::Names(source.not_static.clone()))];
    (!source.not_static.is_empty() && !is_served)
        .then(|| (console.word(Word::NotUsed).to_owned(), console.say(Word::NotStatic, &args)))
}

/// Since when dated copies tell what changes, and how many of the dates see one.
fn copies(console: &Console, told: &CopiesTold) -> Option<(String, String)> {
    let first = told.first.as_deref()?;
    let args = [
        ("source", Arg::from(told.source.as_str())),
        ("first", Arg::from(first)),
        ("copies", Arg::from(told.copies)),
        ("served", Arg::from(told.served)),
        ("dates", Arg::from(told.dates)),
    ];
    Some((console.word(Word::Copies).to_owned(), console.say(Word::CopiesValue, &args)))
}

fn sources(console: &Console, checks: &Checks) -> String {
    let heads = [Word::Source, Word::Read, Word::Accepted, Word::SetAside, Word::Repeated];
    let mut rows = vec![heads.iter().map(|word| console.word(*word).to_owned()).collect::<Vec<_>>()];
    for SourceCheck { name, count, .. } in &checks.sources {
        let counts = [count.read, count.accepted, count.rejected, count.excluded].map(|n| thousands(n as i64));
        rows.push(std::iter::once(name.clone()).chain(counts).collect());
    }
    table(2, &[Align::Left, Align::Right, Align::Right, Align::Right, Align::Right], &rows)
}

/// The rows set aside, by what is wrong with them; below, whom that makes unknown.
fn set_aside(console: &Console, checks: &Checks) -> String {
    if checks.set_aside.is_empty() {
        return String::new();
    }
    let heads = [Word::Source, Word::ErrorCode, Word::ColumnName, Word::SetAside, Word::Wrong, Word::FirstRow];
    let mut rows = vec![heads.iter().map(|word| console.word(*word).to_owned()).collect::<Vec<_>>()];
    for SetAside { source, column, rows: count, read, first } in &checks.set_aside {
        let place = first.place();
        let line = place.line.map_or_else(String::new, |line| format!(":{line}"));
        rows.push(vec![
            source.clone(),
            first.code().id().to_owned(),
            column.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{} / {}", thousands(*count as i64), thousands(*read as i64)),
            first_title(first, console.language),
            place.file.as_ref().map_or_else(String::new, |file| format!("{file}{line}")),
        ]);
    }
    let columns = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Left, Align::Left];
    let text = table(2, &columns, &rows);
    let is_unknown = |one: &&SetAside| one.first.code() == Code::UnknownCustomer;
    let unknown: u64 = checks.set_aside.iter().filter(is_unknown).map(|one| one.rows).sum();
    let known = checks.sources.iter().find(|source| source.defines_customers && source.count.rejected > 0);
    let Some(source) = known.filter(|_| unknown > 0) else { return text };
    let args = [
        ("rows", Arg::from(unknown)),
        ("source", Arg::from(source.name.as_str())),
        ("customers", Arg::from(source.count.rejected)),
    ];
    format!("{text}  {}\n", console.say(Word::UnknownBecause, &args))
}

fn object(config: &Config, checks: &Checks) -> Value {
    let source = |source: &SourceCheck| {
        let count = source.count;
        json!({
            "name": source.name, "read": count.read, "accepted": count.accepted, "rejected": count.rejected,
            "excluded": count.excluded, "without_arrival": source.no_arrival,
            "attributes_not_used": source.not_static,
        })
    };
    let reject = |reject: &_| {
        let osusume_pipeline::check::RejectCount { source, file, code, column, count } = reject;
        json!({ "source": source, "file": file, "error": code.id(), "column": column, "count": count })
    };
    let date = |(date, is_test): &(osusume_model::Date, bool)| json!({ "as_of": date.to_string(), "test": is_test });
    json!({
        "pipeline": config.pipeline.name,
        "ready": checks.over.is_empty(),
        "customers": checks.customers,
        "sources": checks.sources.iter().map(source).collect::<Vec<_>>(),
        "holdings_of_unknown_products": checks.unknown_products,
        "rejects": checks.rejects.iter().map(reject).collect::<Vec<_>>(),
        "offers": checks.offers,
        "dates": checks.dates.iter().map(date).collect::<Vec<_>>(),
        "copies": checks.copies,
        "holdout": checks.power,
    })
}

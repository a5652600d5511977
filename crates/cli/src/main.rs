//! The command `osusume`: arguments, progress, printing, exit codes. The only place that knows the clock, the environment and the terminal.
//!
//! One file a verb under `verbs/`; data asked for goes to standard output, everything else to standard error.
//!
//! Not here: what a run does (crate `pipeline`), sentences (crate `text`).

mod args;
mod console;
mod failure;
mod host;
mod memory;
mod page;
mod process;
mod settings;
mod table;
mod verbs;

use std::process::ExitCode;

use clap::Parser;
use clap::error::{Error, ErrorKind};
use osusume_model::{Code, Exit, Fault};

use crate::args::{Cli, Global, LogFormat, OutputFormat, Verb};
use crate::console::{Console, complain, print};
use crate::failure::{Ended, Failure};
use crate::process::Signals;

fn main() -> ExitCode {
    failure::keep_panics();
    process::close_to_others();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(not_understood(&error) as u8),
    };
    let console = Console::new(&cli.global);
    let ended = Signals::listen().map_err(Failure::starting).map(|signals| {
        let done = dispatch(&cli, &console, &signals);
        done.unwrap_or_else(|failure| failure.report(&console, &signals))
    });
    ExitCode::from(ended.unwrap_or_else(|failure| failure.report(&console, &Signals::default())) as u8)
}

fn dispatch(cli: &Cli, console: &Console, signals: &Signals) -> Ended {
    match &cli.verb {
        Verb::Run(args) => verbs::run::run(args, console, signals),
        Verb::Check(args) => verbs::check::check(args, console, signals),
        Verb::Prove(args) => verbs::prove::prove(&args.verb, console, signals),
        Verb::Features(args) => verbs::features::features(args, console, signals),
        Verb::Inspect(args) => verbs::inspect::inspect(args, console, signals),
        Verb::Synth(args) => verbs::synth::synth(args, console, signals),
        Verb::Mine(args) => verbs::mine::mine(args, console, signals),
        Verb::Config(args) => verbs::config::config(&args.verb),
        Verb::Evaluate(args) => verbs::evaluate::evaluate(args, console, signals),
        Verb::Runs(args) => verbs::runs::runs(&args.verb, console, signals),
        Verb::Report(args) => verbs::report::report(args, cli.global.language),
        Verb::Train(args) => verbs::flat::train(args, console, signals),
        Verb::Score(args) => verbs::flat::score(args, console, signals),
        Verb::Show(args) => verbs::flat::show(args, console),
        Verb::Convert(args) => verbs::convert::convert(args, console),
        Verb::WhatIf(args) => verbs::what_if::what_if(args, console, signals),
        Verb::Why(args) => verbs::why::why(args, console, signals),
        Verb::Demo(args) => verbs::demo::demo(args, console, signals),
        Verb::Explain { code } => verbs::explain::explain(code, console),
        Verb::Completions { shell } => verbs::completions::completions(*shell),
    }
}

/// Help and version are data; anything else is a fault like any other.
fn not_understood(error: &Error) -> Exit {
    let console = Console::new(&global_from_environment());
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let printed = print(&error.render().to_string()).map(|()| Exit::Ok).map_err(Failure::reading);
        return printed.unwrap_or_else(|failure| failure.report(&console, &Signals::default()));
    }
    let text = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        complain(&text);
        return Exit::Usage;
    }
    // What follows repeats the help of our own message.
    let said = ["Usage:", "For more information"].iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    let said = text[..said].trim_start_matches("error: ");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let fault = Fault::new(Code::CommandLine).because(said);
    Failure::starting(fault).report(&console, &Signals::default())
}

/// The options of every verb as far as they can be told from arguments that were not understood.
fn global_from_environment() -> Global {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |option: &str, variable: &str| {
        let with_equals = arguments.iter().find_map(|argument| argument.strip_prefix(option)?.strip_prefix('='));
        let after = arguments.iter().position(|argument| argument == option).and_then(|at| arguments.get(at + 1));
        with_equals.or(after.map(String::as_str)).map(str::to_owned).or_else(|| console::variable(variable))
    };
    let is_json = given("--log-format", "OSUSUME_LOG_FORMAT").is_some_and(|format| format == "json");
    let language = given("--language", "OSUSUME_LANGUAGE");
    Global {
        language: language.and_then(|id| clap::ValueEnum::from_str(&id, false).ok()),
        log_format: if is_json { LogFormat::Json } else { LogFormat::Text },
        output: OutputFormat::Text,
        quiet: false,
        no_progress: true,
    }
}

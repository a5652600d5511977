//! `osusume synth`: companies with a known truth, and how their customers respond.

use std::path::Path;
use std::sync::Arc;

use osusume_model::{Arg, Code, Exit, Fault};
use osusume_pipeline::{Fs, RealFs, with_threads};
use osusume_synth::{
    Delivery, Options, RespondOptions, Reveal, Summary, World, generate, respond, world_file_reference,
};
use osusume_text::screen::Word;
use osusume_text::summary::Phrase;
use osusume_text::{Effect, thousands};

use crate::args::{GenerateArgs, RespondArgs, SynthArgs, SynthVerb};
use crate::console::{Console, print};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::Signals;
use crate::settings::threads;
use crate::table::{Align, table};

/// Writes a company, or what else is asked for.
pub(crate) fn synth(args: &SynthArgs, console: &Console, signals: &Signals) -> Ended {
    match (&args.verb, &args.generate) {
        (Some(SynthVerb::Reference), _) => print(&world_file_reference()).map_err(Failure::reading)?,
        (Some(SynthVerb::Respond(args)), _) => play_answers(args, console, signals)?,
        (None, Some(generate)) => write_company(generate, console, signals)?,
        (None, None) => return Err(Failure::starting(Fault::new(Code::CommandLine).because("WORLD | --world FILE"))),
    }
    Ok(Exit::Ok)
}

fn write_company(args: &GenerateArgs, console: &Console, signals: &Signals) -> Result<(), Failure> {
    let named = args.named.as_ref().or(args.world.as_ref()).expect("clap asks for one of the two");
    let host = TerminalHost::new(console, signals, None);
    let world = world(named, args.covariates.as_deref(), &host).map_err(Failure::starting)?;
    let options = options(args, &world);
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    host.begin_verb("synth");
    let written = guarded(|| with_threads(threads(args.threads, None), || generate(&world, &options, &fs, &host))?);
    host.clear();
    let written = written.map_err(|fault| Failure::new(fault, Effect::NotPublishing))?;
    print(&page(&written, &options, console)).map_err(Failure::reading)
}

fn play_answers(args: &RespondArgs, console: &Console, signals: &Signals) -> Result<(), Failure> {
    let host = TerminalHost::new(console, signals, None);
    let world = world(&args.world, args.covariates.as_deref(), &host).map_err(Failure::starting)?;
    let options = RespondOptions {
        seed: args.seed.unwrap_or_else(|| world.default_seed()),
        delivery: if args.withheld { Delivery::Withheld } else { Delivery::Sent },
        reveal: if args.expected { Reveal::Expected } else { Reveal::Answers },
        out: args.out.clone(),
    };
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    host.begin_verb("synth");
    let threads = threads(args.threads, None);
    let answers = guarded(|| with_threads(threads, || respond(&world, &args.offers, &options, &fs, &host))?);
    host.clear();
    let answers = answers.map_err(|fault| Failure::new(fault, Effect::NotPublishing))?;
    let path = args.out.display().to_string();
    let said = [("rows", Arg::from(answers.rows)), ("taken", Arg::from(answers.taken)), ("path", Arg::from(path))];
    print(&format!("{}\n", console.say(Word::Answered, &said))).map_err(Failure::reading)
}

/// The world with the real customers it may want.
fn world(name: &str, covariates: Option<&Path>, host: &TerminalHost<'_>) -> osusume_model::Result<World> {
    let world = named(name)?;
    match covariates {
        Some(path) => world.with_covariates(path, &RealFs, host),
        None => Ok(world),
    }
}

/// The world of a name, or of a world file.
fn named(name: &str) -> osusume_model::Result<World> {
    if let Some(world) = World::shipped(name) {
        return Ok(world);
    }
    match std::fs::read_to_string(name) {
        Ok(text) => World::parse(&text, name),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Fault::new(Code::FileMissing).with("path", name).in_file(name))
        }
        Err(error) => Err(Fault::new(Code::FileUnreadable).in_file(name).because(error)),
    }
}

fn options(args: &GenerateArgs, world: &World) -> Options {
    Options {
        customers: args.customers.unwrap_or_else(|| world.default_customers()),
        seed: args.seed.unwrap_or_else(|| world.default_seed()),
        events: args.events,
        until: args.until,
        truth_as_of: args.truth_as_of.clone(),
        worth: args.worth,
        offers: args.offers.clone(),
        out_dir: args.out.clone(),
    }
}

fn page(written: &Summary, options: &Options, console: &Console) -> String {
    let out = options.out_dir.display().to_string();
    let args = [("customers", Arg::from(options.customers)), ("path", Arg::from(out))];
    let mut text = format!("{}\n\n", console.phrase(Phrase::SynthDone, &args));
    let rows: Vec<Vec<String>> =
        written.files.iter().map(|file| vec![file.path.clone(), thousands(file.rows as i64)]).collect();
    text.push_str(&table(2, &[Align::Left, Align::Right], &rows));
    text
}

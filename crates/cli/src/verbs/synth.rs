//! `osusume synth`: companies with a known truth, and how their customers respond.

use std::path::Path;
use std::sync::Arc;

use osusume_model::{Arg, Code, Exit, Fault, Result};
use osusume_pipeline::{Fs, RealFs, with_threads};
use osusume_synth::{Options, Summary, World, generate, world_file_reference};
use osusume_text::summary::Phrase;
use osusume_text::{Effect, suggest};

use crate::args::{GenerateArgs, SynthArgs, SynthVerb};
use crate::console::{Console, print};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::Signals;
use crate::settings::threads;

/// The worlds that come with the program.
const SHIPPED: [&str; 1] = ["isp"];

/// Writes a company, or what else is asked for.
pub(crate) fn synth(args: &SynthArgs, console: &Console, signals: &Signals) -> Ended {
    match (&args.respond, &args.generate) {
        (Some(SynthVerb::Reference), _) => {
            print(&world_file_reference()).map_err(Failure::reading)?;
            Ok(Exit::Ok)
        }
        (None, Some(generate)) => write_company(generate, console, signals),
        (None, None) => Err(Failure::starting(Fault::new(Code::CommandLine).because("isp | --world FILE"))),
    }
}

fn write_company(args: &GenerateArgs, console: &Console, signals: &Signals) -> Ended {
    let world = world(args).map_err(Failure::starting)?;
    let host = TerminalHost::new(console, signals, None);
    let options = options(args, &world);
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    host.begin_verb("synth");
    let written = guarded(|| with_threads(threads(args.threads, None), || generate(&world, &options, &fs, &host))?);
    host.clear();
    let written = written.map_err(|fault| Failure::new(fault, Effect::NotPublishing))?;
    print(&page(&written, &options, console)).map_err(Failure::reading)?;
    Ok(Exit::Ok)
}

fn world(args: &GenerateArgs) -> Result<World> {
    match (&args.world, args.shipped.as_deref()) {
        (Some(file), _) => read_world(file),
        (None, Some("isp")) => Ok(World::isp()),
        (None, shipped) => {
            let got = shipped.unwrap_or_default();
            let near = suggest(got, SHIPPED).map_or_else(String::new, |near| format!(" ({near}?)"));
            Err(Fault::new(Code::CommandLine).because(format!("synth {got}{near}: isp | --world FILE")))
        }
    }
}

/// Reads a world file.
pub(crate) fn read_world(file: &Path) -> Result<World> {
    let name = file.display().to_string();
    match std::fs::read_to_string(file) {
        Ok(text) => World::parse(&text, &name),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Fault::new(Code::FileMissing).with("path", name.as_str()).in_file(name))
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
        out_dir: args.out.clone(),
    }
}

fn page(written: &Summary, options: &Options, console: &Console) -> String {
    let out = options.out_dir.display().to_string();
    let args = [("customers", Arg::from(options.customers)), ("path", Arg::from(out))];
    let mut text = format!("{}\n\n", console.phrase(Phrase::SynthDone, &args));
    let rows: Vec<Vec<String>> =
        written.files.iter().map(|file| vec![file.path.clone(), osusume_text::thousands(file.rows as i64)]).collect();
    text.push_str(&crate::table::table(2, &[crate::table::Align::Left, crate::table::Align::Right], &rows));
    text
}

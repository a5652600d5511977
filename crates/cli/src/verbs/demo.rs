//! `osusume demo NAME`: the whole circle on a company that does not exist, from its tables to what its offers earned.

mod all;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Arg, Code, Date, Exit, Fault};
use osusume_pipeline::runs::current;
use osusume_pipeline::{Fs, RealFs, with_threads};
use osusume_synth::{Options, World, generate};
use osusume_text::Effect;
use osusume_text::demo::{Word, say};

use crate::args::{DemoArgs, EvaluateArgs, OneRunArgs, OutputFormat, PipelineArgs, RunArgs};
use crate::console::{Console, print};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::Signals;
use crate::settings::{load, threads};
use crate::table::labelled;

/// The pipelines of the companies that come with the program, by the world's name; their paths start at the folder beside `data/`.
const PIPELINES: [(&str, &str); 10] = [
    ("isp", include_str!("../../../../pipelines/isp.toml")),
    ("saas", include_str!("../../../../pipelines/saas.toml")),
    ("storage", include_str!("../../../../pipelines/storage.toml")),
    ("music", include_str!("../../../../pipelines/music.toml")),
    ("mobile", include_str!("../../../../pipelines/mobile.toml")),
    ("store", include_str!("../../../../pipelines/store.toml")),
    ("cosmetics", include_str!("../../../../pipelines/cosmetics.toml")),
    ("fanclub", include_str!("../../../../pipelines/fanclub.toml")),
    ("contacts", include_str!("../../../../pipelines/contacts.toml")),
    ("restaurant", include_str!("../../../../pipelines/restaurant.toml")),
];
/// A twentieth of a small company shows nothing: in the demo three tenths are held out, which the pipeline file says.
const HOLDOUT_FRACTION: &str = "\nholdout = { fraction = ";
const HOLDOUT: &str = "\n# More than a company would hold out: so small a company could not tell its offers' effects with less.\nholdout = { fraction = 0.3";
/// Tables are known until their newest row, and in a small company days pass on which nobody begins or ends anything.
const MORE_DAYS: i32 = 21;
/// Usage rows a customer; the newest are kept.
const EVENTS: u64 = 60;

/// Generates, runs, waits and evaluates; says where everything lies. Or every company's table.
pub(crate) fn demo(args: &DemoArgs, console: &Console, signals: &Signals) -> Ended {
    let Some(name) = &args.world else { return all::all(args, console, signals) };
    let demo = Demo::new(name, &args.out, args, console, signals);
    let Demo { customers, as_of, later, .. } = demo;
    demo.prepare().map_err(Failure::starting)?;
    let tables = demo.place("data");
    demo.step(Word::Company, &[("customers", customers.into()), ("as_of", date(as_of)), ("path", path(&tables))])?;
    demo.generate(&tables, as_of, None)?;
    demo.step(Word::Run, &[])?;
    super::run::run(&demo.run_args(), console, signals)?;
    let config = load(&demo.pipeline()).map_err(Failure::reading)?;
    let run = current(&config).map_err(Failure::reading)?.unwrap_or_default();
    let offers = demo.place("runs").join(&run).join("offers.parquet");
    demo.step(Word::Later, &[("later", date(later)), ("path", path(&tables))])?;
    demo.generate(&tables, later, Some(&offers))?;
    demo.step(Word::Evaluate, &[])?;
    super::evaluate::evaluate(&demo.evaluate_args(run), console, signals)?;
    demo.look(&offers)?;
    Ok(Exit::Ok)
}

struct Demo<'a> {
    name: &'a str,
    out: &'a Path,
    args: &'a DemoArgs,
    console: &'a Console,
    signals: &'a Signals,
    world: World,
    customers: u64,
    as_of: Date,
    /// When every answer is known.
    later: Date,
}

impl<'a> Demo<'a> {
    /// The company of this name in `out`.
    fn new(name: &'a str, out: &'a Path, args: &'a DemoArgs, console: &'a Console, signals: &'a Signals) -> Self {
        let world = World::shipped(name).expect("the command line allows no other name");
        let customers = args.customers.unwrap_or_else(|| world.default_customers());
        // The world's campaigns end on its last day.
        let (as_of, later) = (world.end(), world.end() + (world.label_days() + MORE_DAYS));
        Self { name, out, args, console, signals, world, customers, as_of, later }
    }

    /// An empty directory with the pipeline file in it.
    fn prepare(&self) -> osusume_model::Result<()> {
        let out = self.out;
        let fault = |error: &dyn std::fmt::Display| {
            Fault::new(Code::CannotWrite).in_file(out.display().to_string()).because(error)
        };
        if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(fault(&"the directory is not empty"));
        }
        let dir = out.join("pipelines");
        fs::create_dir_all(&dir).map_err(|error| fault(&error))?;
        let (_, shipped) = PIPELINES.iter().find(|(name, _)| *name == self.name).expect("every world has one");
        let shipped = if self.args.all { (*shipped).to_owned() } else { with_holdout(shipped) };
        fs::write(self.pipeline_file(), shipped).map_err(|error| fault(&error))
    }

    /// The company's own directory in `data` or `runs`.
    fn place(&self, under: &str) -> PathBuf {
        self.out.join(under).join(self.name)
    }

    fn generate(&self, dir: &Path, until: Date, offers: Option<&Path>) -> Result<(), Failure> {
        let world = &self.world;
        let options = Options {
            customers: self.customers,
            seed: world.default_seed(),
            events: Some(self.customers * EVENTS),
            until: Some(until),
            truth_as_of: Vec::new(),
            worth: false,
            offers: offers.map(Path::to_owned),
            out_dir: dir.to_owned(),
        };
        let host = TerminalHost::new(self.console, self.signals, None);
        let fs: Arc<dyn Fs> = Arc::new(RealFs);
        host.begin_verb("synth");
        let threads = threads(self.args.resources.threads, None);
        let written = guarded(|| with_threads(threads, || generate(world, &options, &fs, &host))?);
        host.clear();
        written.map(|_| ()).map_err(|fault| Failure::new(fault, Effect::NotPublishing))
    }

    fn pipeline_file(&self) -> PathBuf {
        self.out.join("pipelines").join(format!("{}.toml", self.name))
    }

    fn pipeline(&self) -> PipelineArgs {
        PipelineArgs { pipeline: self.pipeline_file(), overlay: Vec::new(), set: Vec::new() }
    }

    fn run_args(&self) -> RunArgs {
        RunArgs {
            pipeline: self.pipeline(),
            as_of: Some(self.as_of),
            resources: self.args.resources.clone(),
            no_export: false,
            strict_exit: false,
        }
    }

    fn evaluate_args(&self, run: String) -> EvaluateArgs {
        let run = OneRunArgs { pipeline: self.pipeline_file(), run: Some(run), overlay: Vec::new(), set: Vec::new() };
        EvaluateArgs { run, as_of: Some(self.later), resources: self.args.resources.clone() }
    }

    /// Tells what happens next; what each step prints of itself stands between.
    fn step(&self, word: Word, args: &[(&str, Arg)]) -> Result<(), Failure> {
        if self.console.is_quiet || self.console.output == OutputFormat::Json {
            return Ok(());
        }
        print(&format!("\n== {}\n\n", say(word, self.console.language, args))).map_err(Failure::reading)
    }

    fn look(&self, offers: &Path) -> Result<(), Failure> {
        self.step(Word::Look, &[])?;
        if self.console.is_quiet || self.console.output == OutputFormat::Json {
            return Ok(());
        }
        let runs = self.place("runs");
        let delivered = self.out.join("out").join(format!("{}-offers.csv", self.name));
        let said = |word: Word| say(word, self.console.language, &[]);
        let lines = [
            (said(Word::Pipeline), self.pipeline_file().display().to_string()),
            (said(Word::Offers), offers.display().to_string()),
            (said(Word::Delivered), delivered.display().to_string()),
            (said(Word::Why), format!("osusume why C000000064 {}", runs.display())),
            (said(Word::Show), format!("osusume runs show {}", self.pipeline_file().display())),
        ];
        let lines: Vec<(&str, String)> = lines.iter().map(|(label, value)| (label.as_str(), value.clone())).collect();
        print(&labelled(2, &lines)).map_err(Failure::reading)
    }
}

/// The pipeline with three tenths held out.
fn with_holdout(pipeline: &str) -> String {
    let (before, after) = pipeline.split_once(HOLDOUT_FRACTION).expect("the shipped pipelines hold out a share");
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    format!("{before}{HOLDOUT}{rest}")
}

fn date(date: Date) -> Arg {
    Arg::from(date.to_string())
}

fn path(path: &Path) -> Arg {
    Arg::from(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_world_has_a_pipeline_and_a_holdout_to_widen() {
        assert!(World::names().eq(PIPELINES.iter().map(|(name, _)| *name)));
        for (name, text) in PIPELINES {
            assert!(with_holdout(text).contains("\nholdout = { fraction = 0.3, salt = "), "{name}");
            assert!(text.contains(&format!("\nname = \"{name}\"\n")), "{name}");
            assert!(text.contains(&format!("../out/{name}-offers.csv")), "{name}");
        }
    }
}

//! `osusume demo isp`: the whole circle on a company that does not exist, from its tables to what its offers earned.

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

/// The pipeline that comes with the program; its paths start at the folder beside `data/`.
const PIPELINE: &str = include_str!("../../../../pipelines/isp.toml");
/// A twentieth of a small company shows nothing: in the demo three tenths are held out, which the pipeline file says.
const SHIPPED_HOLDOUT: &str = "holdout = { fraction = 0.05,";
const HOLDOUT: &str = "# More than a company would hold out: so small a company could not tell its offers' effects with less.\nholdout = { fraction = 0.3,";
/// The day of the run: the world's campaigns end there.
const AS_OF: &str = "2026-10-01";
/// Gap, label window, kept days and a day more: by then every answer is known.
const DAYS: i32 = 98;
/// Usage rows a customer; the newest are kept.
const EVENTS: u64 = 60;

/// Generates, runs, waits and evaluates; says where everything lies.
pub(crate) fn demo(args: &DemoArgs, console: &Console, signals: &Signals) -> Ended {
    let demo = Demo { args, console, signals, as_of: AS_OF.parse().expect("a date") };
    demo.prepare().map_err(Failure::starting)?;
    let tables = args.out.join("data/isp");
    let later = demo.as_of + DAYS;
    demo.step(
        Word::Company,
        &[("customers", args.customers.into()), ("as_of", date(demo.as_of)), ("path", path(&tables))],
    )?;
    demo.generate(&tables, demo.as_of, None)?;
    demo.step(Word::Run, &[])?;
    super::run::run(&demo.run_args(), console, signals)?;
    let config = load(&demo.pipeline()).map_err(Failure::reading)?;
    let run = current(&config).map_err(Failure::reading)?.unwrap_or_default();
    let offers = args.out.join("runs/isp").join(&run).join("offers.parquet");
    demo.step(Word::Later, &[("later", date(later)), ("path", path(&tables))])?;
    demo.generate(&tables, later, Some(&offers))?;
    demo.step(Word::Evaluate, &[])?;
    super::evaluate::evaluate(&demo.evaluate_args(run, later), console, signals)?;
    demo.look(&offers)?;
    Ok(Exit::Ok)
}

struct Demo<'a> {
    args: &'a DemoArgs,
    console: &'a Console,
    signals: &'a Signals,
    as_of: Date,
}

impl Demo<'_> {
    /// An empty directory with the pipeline file in it.
    fn prepare(&self) -> osusume_model::Result<()> {
        let out = &self.args.out;
        let fault = |error: &dyn std::fmt::Display| {
            Fault::new(Code::CannotWrite).in_file(out.display().to_string()).because(error)
        };
        if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(fault(&"the directory is not empty"));
        }
        let dir = out.join("pipelines");
        fs::create_dir_all(&dir).map_err(|error| fault(&error))?;
        let pipeline = PIPELINE.replace(SHIPPED_HOLDOUT, HOLDOUT);
        fs::write(self.pipeline_file(), pipeline).map_err(|error| fault(&error))
    }

    fn generate(&self, dir: &Path, until: Date, offers: Option<&Path>) -> Result<(), Failure> {
        let world = World::isp();
        let options = Options {
            customers: self.args.customers,
            seed: world.default_seed(),
            events: Some(self.args.customers * EVENTS),
            until: Some(until),
            truth_as_of: Vec::new(),
            offers: offers.map(Path::to_owned),
            out_dir: dir.to_owned(),
        };
        let host = TerminalHost::new(self.console, self.signals, None);
        let fs: Arc<dyn Fs> = Arc::new(RealFs);
        host.begin_verb("synth");
        let threads = threads(self.args.resources.threads, None);
        let written = guarded(|| with_threads(threads, || generate(&world, &options, &fs, &host))?);
        host.clear();
        written.map(|_| ()).map_err(|fault| Failure::new(fault, Effect::NotPublishing))
    }

    fn pipeline_file(&self) -> PathBuf {
        self.args.out.join("pipelines/isp.toml")
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

    fn evaluate_args(&self, run: String, later: Date) -> EvaluateArgs {
        let run = OneRunArgs { pipeline: self.pipeline_file(), run: Some(run), overlay: Vec::new(), set: Vec::new() };
        EvaluateArgs { run, as_of: Some(later), resources: self.args.resources.clone() }
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
        let out = &self.args.out;
        let runs = out.join("runs/isp");
        let said = |word: Word| say(word, self.console.language, &[]);
        let lines = [
            (said(Word::Pipeline), self.pipeline_file().display().to_string()),
            (said(Word::Offers), offers.display().to_string()),
            (said(Word::Delivered), out.join("out/isp-offers.csv").display().to_string()),
            (said(Word::Why), format!("osusume why C000000064 {}", runs.display())),
            (said(Word::Show), format!("osusume runs show {}", self.pipeline_file().display())),
        ];
        let lines: Vec<(&str, String)> = lines.iter().map(|(label, value)| (label.as_str(), value.clone())).collect();
        print(&labelled(2, &lines)).map_err(Failure::reading)
    }
}

fn date(date: Date) -> Arg {
    Arg::from(date.to_string())
}

fn path(path: &Path) -> Arg {
    Arg::from(path.display().to_string())
}

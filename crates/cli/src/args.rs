//! The command line as clap reads it.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use osusume_model::Date;
use osusume_pipeline::baskets::DEFAULT_MAX_RULES;
use osusume_synth::World;

use crate::memory::parse_bytes;

/// Turns customer tables into a scored offer table.
#[derive(Debug, Parser)]
#[command(name = "osusume", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What every verb takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What names a world.
fn shipped_or_file() -> String {
    let names: Vec<&str> = World::names().collect();
    let planted: Vec<&str> = World::planted_names().collect();
    format!("The world: {}; with real customers {}; or a world file", names.join(", "), planted.join(", "))
}

/// The heading above options that every verb has, so that its own come first.
const COMMON: &str = "Common options";

/// Options of every verb.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Language of messages; without it, Japanese where the locale is Japanese, else English
    #[arg(long, global = true, help_heading = COMMON, value_enum, env = "OSUSUME_LANGUAGE")]
    pub(crate) language: Option<LanguageArg>,
    /// Form of what goes to standard error
    #[arg(long, global = true, help_heading = COMMON, value_enum, default_value = "text", env = "OSUSUME_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Form of the data on standard output
    #[arg(long, global = true, help_heading = COMMON, value_enum, default_value = "text", env = "OSUSUME_OUTPUT")]
    pub(crate) output: OutputFormat,
    /// Say only what went wrong
    #[arg(long, global = true, help_heading = COMMON, env = "OSUSUME_QUIET")]
    pub(crate) quiet: bool,
    /// Show no progress bars
    #[arg(long, global = true, help_heading = COMMON, env = "OSUSUME_NO_PROGRESS")]
    pub(crate) no_progress: bool,
}

/// A language by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageArg {
    /// English
    En,
    /// Japanese
    Ja,
}

/// The form of messages and progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The form of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    Text,
    /// One JSON value
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a pipeline and publish its offer table
    Run(RunArgs),
    /// Read everything a run would read, and publish nothing
    Check(CheckArgs),
    /// Prove that nothing a pipeline learns or decides rests on what was not known
    Prove(ProveArgs),
    /// Write the features of a pipeline file as a table of their own, and publish nothing
    Features(FeaturesArgs),
    /// Show the features of one customer as of a date, and the rows each of them is computed from
    Inspect(InspectArgs),
    /// Write a synthetic company whose truth is known
    Synth(SynthArgs),
    /// Find what occurs together in a file of baskets
    Mine(MineArgs),
    /// Reference and schema of pipeline files, and what one amounts to
    Config(ConfigArgs),
    /// Published runs
    Runs(RunsArgs),
    /// Draw the report of a published run again
    Report(ReportArgs),
    /// Compare what became of a run's offers with its holdout, once the label window has passed
    Evaluate(EvaluateArgs),
    /// Learn to predict a two-valued column of a CSV or Parquet file
    Train(TrainArgs),
    /// Score the rows of a file by a model that `train` wrote
    Score(ScoreArgs),
    /// Show what a model that `train` wrote has learned
    Show(ShowArgs),
    /// Write a model of `train`, or the models of a run, as ONNX or PMML for other programs to score with
    Convert(ConvertArgs),
    /// Tell what became of every offer for one customer, and why
    Why(WhyArgs),
    /// Decide a published run again under another `[decide]`, and compare; nothing is learned or published
    WhatIf(WhatIfArgs),
    /// Show the whole circle on a company that does not exist: its tables, a run, and what its offers earned
    Demo(DemoArgs),
    /// Explain an error code
    Explain {
        /// A code such as E1017
        code: String,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// A pipeline file and what is laid over it.
#[derive(Clone, Debug, Args)]
pub(crate) struct PipelineArgs {
    /// The pipeline file
    pub(crate) pipeline: PathBuf,
    /// A file laid over the pipeline file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) overlay: Vec<PathBuf>,
    /// A setting laid over all files, as key=value; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// More threads than this are a slip: every one has a stack, and starting them takes longer than the work.
const MAX_THREADS: i64 = 1024;

/// The resources of verbs that work for long.
#[derive(Clone, Debug, Args)]
pub(crate) struct Resources {
    /// Threads; without it, what the pipeline file says or the machine allows
    #[arg(long, env = "OSUSUME_THREADS", value_parser = clap::value_parser!(u16).range(1..=MAX_THREADS))]
    pub(crate) threads: Option<u16>,
    /// Memory budget, such as 512MiB or 2GiB; without it, what the pipeline file says or a share of the machine's
    #[arg(long, env = "OSUSUME_MEMORY", value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory: Option<u64>,
    /// Stop after this many seconds
    #[arg(long, env = "OSUSUME_DEADLINE", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) deadline: Option<u64>,
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The pipeline.
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    /// The day the run must know nothing about, nor any later one
    #[arg(long, value_name = "DATE", env = "OSUSUME_AS_OF")]
    pub(crate) as_of: Option<Date>,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
    /// Publish, but deliver nothing to the destinations of the pipeline file
    #[arg(long)]
    pub(crate) no_export: bool,
    /// End with exit code 3 when rows were set aside
    #[arg(long)]
    pub(crate) strict_exit: bool,
}

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The pipeline.
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    /// The as-of date of the run to come
    #[arg(long, value_name = "DATE", env = "OSUSUME_AS_OF")]
    pub(crate) as_of: Option<Date>,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
}

/// `prove`.
#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// What to prove.
    #[command(subcommand)]
    pub(crate) verb: ProveVerb,
}

/// Verbs of `prove`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProveVerb {
    /// Build everything again from tables in which what was not known is disturbed, compare every byte, and ask the tables themselves what they know of outcomes
    Leakage(LeakageArgs),
}

/// Half of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnlyArg {
    /// Build everything again from disturbed tables
    Rebuilds,
    /// Ask the tables what they know of outcomes, which takes about as long as a run's features
    Tables,
}

/// `prove leakage`.
#[derive(Debug, Args)]
pub(crate) struct LeakageArgs {
    /// The pipeline.
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    /// The as-of date of the run
    #[arg(long, value_name = "DATE", env = "OSUSUME_AS_OF")]
    pub(crate) as_of: Option<Date>,
    /// One half of the proof; both without it
    #[arg(long, value_enum)]
    pub(crate) only: Option<OnlyArg>,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
}

/// `features`.
#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    /// The pipeline.
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    /// The last date; the others are those of `train.as_of` before it
    #[arg(long, value_name = "DATE", env = "OSUSUME_AS_OF")]
    pub(crate) as_of: Option<Date>,
    /// The Parquet file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
}

/// `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The customer's id, exactly as the tables spell it
    pub(crate) customer: String,
    /// The pipeline.
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    /// The date of the run whose features they are; rows that arrived later are not read
    #[arg(long, value_name = "DATE", env = "OSUSUME_AS_OF")]
    pub(crate) as_of: Option<Date>,
    /// An earlier date, such as one that models learn from; without it, the run's own
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<Date>,
    /// A feature to show, with the rows it comes from alone; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) feature: Vec<String>,
    /// Rows to show of each table, the newest
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) rows: usize,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
}

/// `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The directory of a run, that of all runs of a pipeline, or a report.json
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// The HTML file to write; standard output without it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `synth`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct SynthArgs {
    /// What else is asked for.
    #[command(subcommand)]
    pub(crate) verb: Option<SynthVerb>,
    /// What to generate.
    #[command(flatten)]
    pub(crate) generate: Option<GenerateArgs>,
}

/// `synth WORLD`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// A world that comes with the program, or a world file.
    #[arg(value_name = "WORLD", required_unless_present = "world", help = shipped_or_file())]
    pub(crate) named: Option<String>,
    /// A world file
    #[arg(long, value_name = "FILE", conflicts_with = "named")]
    pub(crate) world: Option<String>,
    /// Number of customers; the world's own without it
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) customers: Option<u64>,
    /// Seed; the world's own without it
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// About how many usage rows to write; all of them without it
    #[arg(long)]
    pub(crate) events: Option<u64>,
    /// Write what an export made on this morning would hold; the world's end without it
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<Date>,
    /// A date the truth is told for; may be repeated
    #[arg(long, value_name = "DATE")]
    pub(crate) truth_as_of: Vec<Date>,
    /// Tell what one, two and three contacts to each customer are worth within twelve months, too
    #[arg(long)]
    pub(crate) worth: bool,
    /// An offer table that reached the customers: the tables as they stand after that
    #[arg(long, value_name = "FILE")]
    pub(crate) offers: Option<PathBuf>,
    /// The table of real customers that a world with `[covariates]` wants
    #[arg(long, value_name = "FILE")]
    pub(crate) covariates: Option<PathBuf>,
    /// Directory to write into
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Threads; as many as the machine allows without it
    #[arg(long, env = "OSUSUME_THREADS", value_parser = clap::value_parser!(u16).range(1..=MAX_THREADS))]
    pub(crate) threads: Option<u16>,
}

/// Verbs of `synth`.
#[derive(Debug, Subcommand)]
pub(crate) enum SynthVerb {
    /// Play the customers' answers to an offer table
    Respond(RespondArgs),
    /// Print the reference of world files
    Reference,
}

/// `synth respond`.
#[derive(Debug, Args)]
pub(crate) struct RespondArgs {
    /// The world the customers live in.
    #[arg(help = shipped_or_file())]
    pub(crate) world: String,
    /// The offer table: Parquet with `customer_id`, `as_of`, `rank` and `offer`
    pub(crate) offers: PathBuf,
    /// Seed the company was generated with; the world's own without it
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Write the probabilities with and without contact beside the answers
    #[arg(long)]
    pub(crate) expected: bool,
    /// The table of real customers that a world with `[covariates]` wants
    #[arg(long, value_name = "FILE")]
    pub(crate) covariates: Option<PathBuf>,
    /// Send nothing: what the customers do when no offer reaches them
    #[arg(long)]
    pub(crate) withheld: bool,
    /// The Parquet file to write
    #[arg(long, value_name = "FILE", default_value = "responses.parquet")]
    pub(crate) out: PathBuf,
    /// Threads; as many as the machine allows without it
    #[arg(long, env = "OSUSUME_THREADS", value_parser = clap::value_parser!(u16).range(1..=MAX_THREADS))]
    pub(crate) threads: Option<u16>,
}

/// `mine`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("support").required(true).multiple(true).args(["min_count", "min_support", "top"])))]
pub(crate) struct MineArgs {
    /// Baskets: `.dat` with a basket a line and whole numbers between blanks, `.csv` with a basket a line, or with `--basket` and `--item` CSV or Parquet with a row an item; `.gz` and `.zst` too
    pub(crate) file: PathBuf,
    /// Least number of baskets an itemset must be in
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) min_count: Option<u64>,
    /// Least share of baskets an itemset must be in, above 0 and at most 1
    #[arg(long, value_name = "SHARE", value_parser = parse_share, allow_negative_numbers = true, conflicts_with = "min_count")]
    pub(crate) min_support: Option<f64>,
    /// The N most frequent itemsets, and those as frequent as the last of them
    #[arg(long, value_name = "N", conflicts_with_all = ["count_only", "rules"], value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) top: Option<u64>,
    /// Least number of items of those most frequent
    #[arg(long, value_name = "N", requires = "top", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=u64::from(u16::MAX)))]
    pub(crate) min_length: u64,
    /// Which itemsets
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) kind: KindArg,
    /// Longest itemset, or rule with its consequent; any length without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_length: Option<u64>,
    /// Count itemsets by size without listing them
    #[arg(long)]
    pub(crate) count_only: bool,
    /// The column that names the basket, where a row is an item; `basket` for Parquet
    #[arg(long, value_name = "COLUMN", requires = "item")]
    pub(crate) basket: Option<String>,
    /// The column that names the item
    #[arg(long, value_name = "COLUMN", requires = "basket")]
    pub(crate) item: Option<String>,
    /// The column that names whose basket it is: rules are tested by customer then, since one who buys the same every week is one witness
    #[arg(long, value_name = "COLUMN", requires = "basket")]
    pub(crate) customer: Option<String>,
    /// What separates the fields of CSV; a comma without it
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// Encoding of CSV
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<EncodingArg>,
    /// Larger baskets are left out and counted
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_basket: u64,
    /// Most itemsets to hold; with more, a higher count is proposed. Counting has no limit without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_sets: Option<u64>,
    /// What items belong to: CSV or Parquet with the columns `item` and `parent`. Baskets then also hold everything above their items, and no itemset or rule an item with what is above it
    #[arg(long, value_name = "FILE")]
    pub(crate) hierarchy: Option<PathBuf>,
    /// Draw rules with one item on the right, and test them given the sizes of baskets
    #[arg(long, conflicts_with = "count_only")]
    pub(crate) rules: bool,
    /// Which rules.
    #[command(flatten)]
    pub(crate) of_rules: RuleArgs,
    /// Directory to write `itemsets.parquet` into, and `rules.parquet` with `--rules`
    #[arg(long, value_name = "DIR", conflicts_with = "count_only")]
    pub(crate) out: Option<PathBuf>,
    /// Itemsets and rules shown, the most frequent and the strongest; `--out` has all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) show: usize,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
}

/// Which rules `mine` draws and reports.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
pub(crate) struct RuleArgs {
    /// Least confidence, from 0 to 1
    #[arg(long, value_name = "SHARE", requires = "rules", default_value_t = 0.0, value_parser = parse_confidence)]
    pub(crate) min_confidence: f64,
    /// Least lift; 0 keeps all
    #[arg(long, value_name = "F", requires = "rules", default_value_t = 1.0, value_parser = parse_lift)]
    pub(crate) min_lift: f64,
    /// A rule is left out unless its confidence exceeds that of every rule with fewer items on the left by more than this; -1 keeps all
    #[arg(long, value_name = "F", requires = "rules", default_value_t = 0.0, allow_negative_numbers = true, value_parser = parse_improvement)]
    pub(crate) min_improvement: f64,
    /// What may stand on the right: names separated by commas, or @FILE with a name a line; everything without it
    #[arg(long, value_name = "ITEM,...|@FILE", requires = "rules")]
    pub(crate) consequents: Option<String>,
    /// Share of chance finds among the rules reported
    #[arg(long, value_name = "SHARE", requires = "rules", default_value_t = 0.05, value_parser = parse_share)]
    pub(crate) fdr: f64,
    /// How that share is kept: `bh` (Benjamini and Hochberg), or `by` (Benjamini and Yekutieli) whatever rules depend on one another
    #[arg(long, value_enum, requires = "rules", default_value = "bh")]
    pub(crate) fdr_method: FdrArg,
    /// Of more rules those with the highest leverage are kept
    #[arg(long, value_name = "N", requires = "rules", default_value_t = DEFAULT_MAX_RULES as u64, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) max_rules: u64,
}

/// How the false-discovery rate is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FdrArg {
    /// Benjamini and Hochberg 1995
    Bh,
    /// Benjamini and Yekutieli 2001
    By,
}

fn parse_within(text: &str, is_allowed: impl Fn(f64) -> bool, allowed: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|number| is_allowed(*number)).ok_or_else(|| allowed.to_owned())
}

fn parse_confidence(text: &str) -> Result<f64, String> {
    parse_within(text, |share| (0.0..=1.0).contains(&share), "a share from 0 to 1")
}

fn parse_lift(text: &str) -> Result<f64, String> {
    parse_within(text, |lift| lift >= 0.0 && lift.is_finite(), "a number of at least 0")
}

fn parse_improvement(text: &str) -> Result<f64, String> {
    parse_within(text, |gain| (-1.0..1.0).contains(&gain), "a number from -1 to below 1")
}

/// A share above 0 and at most 1.
fn parse_share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "a share of baskets above 0 and at most 1, such as 0.01".to_owned())
}

/// Which itemsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    /// Every frequent itemset
    All,
    /// Those that no larger itemset is in as many baskets as
    Closed,
}

/// `config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// What to print.
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

/// Verbs of `config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Every key of a pipeline file, with default, unit and meaning
    Reference,
    /// A JSON Schema of pipeline files, for editors
    Schema,
    /// A pipeline file with everything laid over it and every default shown
    Effective(PipelineArgs),
}

/// `runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: RunsVerb,
}

/// Verbs of `runs`.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsVerb {
    /// List the runs of a pipeline
    List(PipelineArgs),
    /// Show one run, the current one unless another is named
    Show(OneRunArgs),
    /// Compare every file of a run with what was published
    Verify(OneRunArgs),
}

/// `evaluate`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// The pipeline, which says where the tables are now, and the run.
    #[command(flatten)]
    pub(crate) run: OneRunArgs,
    /// Nothing of this day or a later one is read; today without it
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
}

/// A pipeline and one of its runs.
#[derive(Debug, Args)]
pub(crate) struct OneRunArgs {
    /// The pipeline file
    pub(crate) pipeline: PathBuf,
    /// The run's name or directory, or `current`; the current one without it
    pub(crate) run: Option<String>,
    /// A file laid over the pipeline file; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) overlay: Vec<PathBuf>,
    /// A setting laid over all files, as key=value; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl OneRunArgs {
    /// The pipeline alone.
    pub(crate) fn pipeline(&self) -> PipelineArgs {
        PipelineArgs { pipeline: self.pipeline.clone(), overlay: self.overlay.clone(), set: self.set.clone() }
    }
}

/// `why`.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The customer's id, exactly as the tables spell it
    pub(crate) customer: String,
    /// The directory of a run or of a pipeline's runs, or a run's name; without it, the current run of the only pipeline below `runs/`
    pub(crate) run: Option<String>,
    /// The pipeline file, where its runs do not lie below `runs/`
    #[arg(long, value_name = "FILE")]
    pub(crate) pipeline: Option<PathBuf>,
}

/// `what-if`.
#[derive(Debug, Args)]
pub(crate) struct WhatIfArgs {
    /// The pipeline file with what is asked: `--set decide.per_customer=1`
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgs,
    /// The run's name; the current one without it
    pub(crate) run: Option<String>,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The company
    #[arg(value_parser = PossibleValuesParser::new(World::names()), required_unless_present = "all")]
    pub(crate) world: Option<String>,
    /// Every company in turn, up to its run, as one table
    #[arg(long, conflicts_with = "world")]
    pub(crate) all: bool,
    /// With `--all`, what the truth says the offers earn
    #[arg(long, requires = "all")]
    pub(crate) score: bool,
    /// Directory to write into; empty, or not there yet
    #[arg(long, value_name = "DIR", default_value = "osusume-demo")]
    pub(crate) out: PathBuf,
    /// Number of customers; the company's own without it
    #[arg(long, value_parser = clap::value_parser!(u64).range(300..=1_000_000))]
    pub(crate) customers: Option<u64>,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
}

/// How a CSV file is written.
#[derive(Clone, Debug, Args)]
pub(crate) struct FileArgs {
    /// The file: CSV (plain, .gz, or .zst) or Parquet, one row a case
    pub(crate) file: PathBuf,
    /// What separates the fields of CSV; without it, whichever of comma, semicolon, tab and bar the header has most of
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// Encoding of CSV
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<EncodingArg>,
}

/// An encoding by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncodingArg {
    /// UTF-8
    #[value(name = "utf-8")]
    Utf8,
    /// UTF-16
    #[value(name = "utf-16")]
    Utf16,
    /// `Shift_JIS` as Windows writes it
    Cp932,
}

/// One ASCII character, or `tab`.
fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'"' => Ok(*byte),
        _ => Err("one character such as `;`, or `tab`".to_owned()),
    }
}

/// `train`.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Rows to learn from.
    #[command(flatten)]
    pub(crate) input: FileArgs,
    /// The column to predict; it has two values
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: String,
    /// The value whose probability is wanted; without it, the larger number, the text that says yes, or the rarer one
    #[arg(long, value_name = "VALUE")]
    pub(crate) positive: Option<String>,
    /// The kind of model: additive (curves and maps) or linear; additive without it, linear where there are more than 150 columns
    #[arg(long, value_name = "KIND")]
    pub(crate) model: Option<String>,
    /// Of a linear model, the share of L1 in its penalty, from 0.001 to 1 (the lasso): columns that say too little are left out,
    /// and the penalty is the one that serves held-out rows best
    #[arg(long, value_name = "SHARE")]
    pub(crate) l1_share: Option<f64>,
    /// Columns not to learn from, separated by commas; may be repeated
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// The model file to write
    #[arg(long, value_name = "MODEL")]
    pub(crate) out: PathBuf,
    /// Threads, memory, deadline.
    #[command(flatten)]
    pub(crate) resources: Resources,
}

/// `score`.
#[derive(Debug, Args)]
pub(crate) struct ScoreArgs {
    /// The model file
    pub(crate) model: PathBuf,
    /// Rows to score.
    #[command(flatten)]
    pub(crate) input: FileArgs,
    /// The CSV file to write: row, propensity, reasons
    #[arg(long, value_name = "SCORES.csv")]
    pub(crate) out: PathBuf,
    /// Threads; as many as the machine allows without it
    #[arg(long, env = "OSUSUME_THREADS", value_parser = clap::value_parser!(u16).range(1..=MAX_THREADS))]
    pub(crate) threads: Option<u16>,
}

/// `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The model file
    pub(crate) model: PathBuf,
    /// Write a page for a browser instead
    #[arg(long, value_name = "PAGE.html")]
    pub(crate) out: Option<PathBuf>,
}

/// `convert`.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// A model file that `train` wrote; or the directory of a run, or of the runs of one pipeline
    pub(crate) model: PathBuf,
    /// The file to write; its ending says the format: .onnx or .pmml
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}

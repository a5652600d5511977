//! `osusume mine FILE`.

mod page;

use std::path::{Path, PathBuf};
use std::time::Instant;

use osusume_model::{Code, Exit, Fault, Result};
use osusume_pipeline::baskets::{
    BasketSource, Encoding, FalseDiscovery, Kind, Layout, MinSupport, MineOptions, MinedBaskets, MinedRules,
    RuleOptions, Wanted, WrittenTable, check_out, draw_rules, mine_baskets, read_baskets, read_parents, write_tables,
};
use osusume_pipeline::with_threads;
use osusume_text::Effect;

use crate::args::{EncodingArg, FdrArg, KindArg, MineArgs, OutputFormat};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::Signals;
use crate::settings::{plain_memory, threads};

/// Itemsets held unless another limit is given: ten bytes each while they are mined.
const MAX_SETS: u64 = 100_000_000;
/// Bytes of a file of consequents at most: names, one a line.
const MAX_NAMES_BYTES: u64 = 1 << 26;

/// What was found, and how long it took.
struct Found {
    mined: MinedBaskets,
    rules: Option<MinedRules>,
    written: Vec<WrittenTable>,
    read_seconds: f64,
    mine_seconds: f64,
    /// Of drawing and testing rules.
    rule_seconds: f64,
}

/// Finds frequent itemsets and rules in a file of baskets.
pub(crate) fn mine(args: &MineArgs, console: &Console, signals: &Signals) -> Ended {
    let failure = |fault| match &args.out {
        Some(_) => Failure::new(fault, Effect::NotPublishing),
        None => Failure::reading(fault),
    };
    let found = find(args, console, signals).map_err(failure)?;
    let told = match console.output {
        OutputFormat::Json => print_json(&page::object(args, &found)),
        OutputFormat::Text if console.is_quiet && args.out.is_some() => Ok(()),
        OutputFormat::Text => print(&page::page(args, &found, console)),
    };
    told.map_err(failure)?;
    Ok(Exit::Ok)
}

fn find(args: &MineArgs, console: &Console, signals: &Signals) -> Result<Found> {
    check(args)?;
    let scratch = std::env::temp_dir();
    let source = BasketSource {
        path: &args.file,
        layout: layout(args)?,
        delimiter: args.delimiter,
        encoding: args.encoding.map(encoding),
        memory: plain_memory(&args.resources),
        scratch: &scratch,
    };
    let rules = if args.rules { Some(rule_options(args)?) } else { None };
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    let found =
        guarded(|| with_threads(threads(args.resources.threads, None), || work(args, &source, rules.as_ref(), &host))?);
    host.clear();
    found
}

#[expect(clippy::disallowed_methods, reason = "the command is where the clock is read")]
fn work(
    args: &MineArgs,
    source: &BasketSource<'_>,
    rules: Option<&RuleOptions>,
    host: &TerminalHost<'_>,
) -> Result<Found> {
    let started = Instant::now();
    host.begin_verb("read");
    let baskets = read_baskets(source, host)?;
    let parents = args.hierarchy.as_ref().map(|path| read_parents(path, source.encoding, source.memory, host));
    let parents = parents.transpose()?;
    let read_seconds = started.elapsed().as_secs_f64();
    let started = Instant::now();
    host.begin_verb("itemsets");
    let mined = mine_baskets(baskets, parents, &options(args), source.memory, host)?;
    let mine_seconds = started.elapsed().as_secs_f64();
    let started = Instant::now();
    if rules.is_some() {
        host.begin_verb("rules");
    }
    let rules = rules.map(|rules| draw_rules(&mined, rules, host)).transpose()?;
    let rule_seconds = started.elapsed().as_secs_f64();
    let written = match &args.out {
        Some(dir) => {
            host.begin_verb("write");
            write_tables(&mined, rules.as_ref(), dir, host)?
        }
        None => Vec::new(),
    };
    Ok(Found { mined, rules, written, read_seconds, mine_seconds, rule_seconds })
}

/// What options say that cannot be had together.
fn check(args: &MineArgs) -> Result<()> {
    let refuse = |detail: String| Err(Fault::new(Code::CommandLine).because(detail));
    if let Some(most) = args.max_length.filter(|most| args.top.is_some() && *most < args.min_length) {
        let least = args.min_length;
        return refuse(format!(
            "no itemset has at least {least} and at most {most} items: add --min-length {most}, or raise --max-length"
        ));
    }
    if args.rules && args.kind == KindArg::Closed {
        return refuse("--rules needs every frequent itemset: leave out --kind closed".to_owned());
    }
    if args.rules && args.max_length == Some(1) {
        return refuse("a rule has at least two items: raise --max-length to 2 or more".to_owned());
    }
    if args.hierarchy.is_some() && args.kind == KindArg::Closed {
        return refuse(
            "with --hierarchy no itemset holds an item and what is above it: leave out --kind closed".to_owned(),
        );
    }
    let inputs: Vec<&Path> = std::iter::once(&args.file).chain(&args.hierarchy).map(PathBuf::as_path).collect();
    args.out.as_ref().map_or(Ok(()), |dir| check_out(dir, &inputs))
}

/// By the columns given, else by the file's name.
fn layout(args: &MineArgs) -> Result<Layout> {
    let refuse = |detail: String| Err(Fault::new(Code::CommandLine).because(detail));
    let rows = |basket: &str, item: &str| Layout::Rows {
        basket: basket.to_owned(),
        item: item.to_owned(),
        customer: args.customer.clone(),
    };
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let extension = name.rsplit('.').next().unwrap_or_default();
    if matches!(extension, "dat" | "parquet") && (args.delimiter.is_some() || args.encoding.is_some()) {
        return refuse(format!("--delimiter and --encoding are for CSV, and this is .{extension}"));
    }
    if let (Some(basket), Some(item)) = (&args.basket, &args.item) {
        return Ok(rows(basket, item));
    }
    match extension {
        "parquet" => Ok(rows("basket", "item")),
        "csv" | "txt" | "basket" => Ok(Layout::Texts),
        "dat" => Ok(Layout::Numbers),
        _ => refuse(format!("{name}: .dat, .csv, .parquet, or --basket and --item")),
    }
}

fn encoding(encoding: EncodingArg) -> Encoding {
    match encoding {
        EncodingArg::Utf8 => Encoding::Utf8,
        EncodingArg::Utf16 => Encoding::Utf16,
        EncodingArg::Cp932 => Encoding::Cp932,
    }
}

fn options(args: &MineArgs) -> MineOptions {
    // Without either the most frequent are asked for, however rare.
    let count = MinSupport::Count(args.min_count.unwrap_or(1));
    let support = args.min_support.map_or(count, MinSupport::Fraction);
    let wanted = match args.top {
        Some(k) => Wanted::Top { k, min_length: usize::try_from(args.min_length).unwrap_or(usize::MAX) },
        None if args.count_only => Wanted::Counts,
        None => Wanted::Sets,
    };
    MineOptions {
        support,
        kind: match args.kind {
            KindArg::All => Kind::All,
            KindArg::Closed => Kind::Closed,
        },
        max_length: args.max_length.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)),
        max_basket: usize::try_from(args.max_basket).unwrap_or(usize::MAX),
        max_sets: args.max_sets.unwrap_or(if args.count_only { u64::MAX } else { MAX_SETS }),
        wanted,
        n_named: args.show,
    }
}

fn rule_options(args: &MineArgs) -> Result<RuleOptions> {
    let of_rules = &args.of_rules;
    Ok(RuleOptions {
        min_confidence: of_rules.min_confidence,
        min_lift: of_rules.min_lift,
        min_improvement: of_rules.min_improvement,
        max_rules: usize::try_from(of_rules.max_rules).unwrap_or(usize::MAX),
        false_discovery_rate: of_rules.fdr,
        correction: match of_rules.fdr_method {
            FdrArg::Bh => FalseDiscovery::BenjaminiHochberg,
            FdrArg::By => FalseDiscovery::BenjaminiYekutieli,
        },
        consequents: of_rules.consequents.as_deref().map(names).transpose()?,
    })
}

/// Names between commas, or one on each line of a file.
fn names(text: &str) -> Result<Vec<String>> {
    let trimmed = |names: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let names = match text.strip_prefix('@') {
        None => trimmed(&mut text.split(',')),
        Some(path) => trimmed(&mut text_of(Path::new(path))?.lines()),
    };
    if names.is_empty() {
        return Err(Fault::new(Code::CommandLine).because("--consequents names no item"));
    }
    Ok(names)
}

fn text_of(path: &Path) -> Result<String> {
    use osusume_pipeline::Fs as _;
    let file = path.display().to_string();
    let bytes = osusume_pipeline::RealFs.open_input(path)?.read_all(MAX_NAMES_BYTES);
    let text = String::from_utf8(bytes.map_err(|fault| fault.in_file(file.as_str()))?);
    text.map_err(|_| Fault::new(Code::WrongEncoding).with("encoding", "utf-8").with("hint", "unknown").in_file(file))
}

//! `osusume mine FILE`.

use std::time::Instant;

use osusume_model::{Arg, Code, Exit, Fault, Result};
use osusume_pipeline::baskets::{
    BasketSource, Kind, Layout, MinSupport, MineOptions, MinedBaskets, Wanted, mine_baskets, read_baskets,
};
use osusume_pipeline::with_threads;
use osusume_text::screen::Word;
use osusume_text::{escape_controls, thousands};
use serde_json::{Map, Value, json};

use crate::args::{KindArg, MineArgs, OutputFormat};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::memory::default_budget;
use crate::process::Signals;
use crate::settings::threads;
use crate::table::{Align, labelled, table};

/// Itemsets held unless another limit is given: ten bytes each while they are mined.
const MAX_SETS: u64 = 100_000_000;
/// Itemsets a page shows.
const SETS_SHOWN: usize = 20;

/// What was found, the names of its items, and how long it took.
struct Found {
    mined: MinedBaskets,
    /// Itemsets with their counts, most frequent first; as many as are shown.
    top: Vec<(Vec<String>, u32)>,
    read_seconds: f64,
    mine_seconds: f64,
}

/// Finds frequent itemsets in a file of baskets.
pub(crate) fn mine(args: &MineArgs, console: &Console, signals: &Signals) -> Ended {
    let found = find(args, console, signals).map_err(Failure::reading)?;
    let told = match console.output {
        OutputFormat::Json => print_json(&object(args, &found)),
        OutputFormat::Text => print(&page(&found, console)),
    };
    told.map_err(Failure::reading)?;
    Ok(Exit::Ok)
}

#[expect(clippy::disallowed_methods, reason = "the command is where the clock is read")]
fn find(args: &MineArgs, console: &Console, signals: &Signals) -> Result<Found> {
    let source = BasketSource {
        path: &args.file,
        layout: layout(args)?,
        memory: args.resources.memory.unwrap_or_else(default_budget),
        scratch: std::env::temp_dir().join(format!("osusume-mine-{}", std::process::id())),
    };
    let options = options(args);
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    host.begin_verb("mine");
    let found = guarded(|| {
        with_threads(threads(args.resources.threads, None), || {
            let started = Instant::now();
            let lists = read_baskets(&source, &host)?;
            let read_seconds = started.elapsed().as_secs_f64();
            let started = Instant::now();
            let mined = mine_baskets(&lists, &options, &host)?;
            let mine_seconds = started.elapsed().as_secs_f64();
            let named = |items: &[u32]| items.iter().map(|item| lists.names.get(*item)).collect();
            let top = mined.named.iter().map(|(items, count)| (named(items), *count)).collect();
            Ok(Found { mined, top, read_seconds, mine_seconds })
        })?
    });
    host.clear();
    found
}

/// By the columns given, else by the file's name.
fn layout(args: &MineArgs) -> Result<Layout> {
    if let (Some(basket), Some(item)) = (&args.basket, &args.item) {
        return Ok(Layout::Rows { basket: basket.clone(), item: item.clone() });
    }
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    match name.rsplit('.').next() {
        Some("parquet") => Ok(Layout::Rows { basket: "basket".into(), item: "item".into() }),
        Some("csv" | "txt" | "basket") => Ok(Layout::Texts),
        Some("dat") => Ok(Layout::Numbers),
        _ => {
            Err(Fault::new(Code::CommandLine).because(format!("{name}: .dat, .csv, .parquet, or --basket and --item")))
        }
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
        n_named: SETS_SHOWN,
    }
}

fn page(found: &Found, console: &Console) -> String {
    let mined = &found.mined;
    let number = |n: u64| thousands(n as i64);
    let repaired = [
        ("empty", Arg::from(mined.empty_baskets)),
        ("oversize", Arg::from(mined.oversize_baskets)),
        ("repeated", Arg::from(mined.duplicate_items)),
    ];
    let seconds = [
        ("read", Arg::Number(format!("{:.3}", found.read_seconds))),
        ("mine", Arg::Number(format!("{:.3}", found.mine_seconds))),
    ];
    let mut lines = vec![
        (console.word(Word::Baskets), number(mined.baskets)),
        (console.word(Word::Repaired), console.say(Word::RepairedValue, &repaired)),
        (console.word(Word::LeastCount), number(mined.min_count)),
        (console.word(Word::Itemsets), number(mined.sets)),
    ];
    for (size, sets) in mined.by_size.iter().enumerate().filter(|(_, sets)| **sets > 0) {
        let args = [("size", Arg::from(size)), ("sets", Arg::from(*sets))];
        lines.push((console.word(Word::BySize), console.say(Word::BySizeValue, &args)));
    }
    lines.push((console.word(Word::Seconds), console.say(Word::SecondsValue, &seconds)));
    let mut text = labelled(0, &lines);
    if !found.top.is_empty() {
        let rows: Vec<Vec<String>> = found
            .top
            .iter()
            .map(|(items, count)| vec![number(u64::from(*count)), escape_controls(&items.join(" + ")).into_owned()])
            .collect();
        text.push('\n');
        text.push_str(&table(2, &[Align::Right, Align::Left], &rows));
    }
    text
}

fn object(args: &MineArgs, found: &Found) -> Value {
    let mined = &found.mined;
    let sizes = mined.by_size.iter().enumerate().skip(1).filter(|(_, sets)| **sets > 0);
    let by_size: Map<String, Value> = sizes.map(|(size, sets)| (size.to_string(), json!(sets))).collect();
    let top: Vec<Value> = found.top.iter().map(|(items, count)| json!({ "items": items, "count": count })).collect();
    json!({
        "file": args.file.display().to_string(),
        "baskets": mined.baskets,
        "empty_baskets": mined.empty_baskets,
        "oversize_baskets": mined.oversize_baskets,
        "duplicate_items": mined.duplicate_items,
        "min_count": mined.min_count,
        "sets": mined.sets,
        "by_size": by_size,
        "top": top,
        "read_seconds": found.read_seconds,
        "mine_seconds": found.mine_seconds,
    })
}

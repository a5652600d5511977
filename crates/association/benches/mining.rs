//! Times the itemset engines on a file of transactions, one a line, or on drawn ones: `quest:BASKETS:MEAN_LENGTH:ITEMS`.
//!
//! `cargo bench -p osusume-association --bench mining -- FILE MIN_COUNT [TASK] [THREADS]`
//!
//! TASK is `all` (count every set), `closed`, `list`, `list-closed`, `pairs`, `rules`, or one of `all`, `list` and `pairs` with `-roles`: of
//! ten items three stand only on the left of a rule and one only on the right, and every third item belongs to the one before it.
//!
//! Prints one JSON line: `mine_seconds` starts from baskets of original ids in memory, unsorted and uncounted, and ends at the last count
//! or the last set; the median of as many runs as half a second takes, at least three unless one takes ten seconds. `cpu_seconds` is the
//! processor time of one run where a single thread mines and the system tells (Linux): other work on the machine lengthens it less.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark prints and reads the clock")]

mod quest;

use std::io::Read;
use std::time::Instant;

use osusume_association::{
    Baskets, Hierarchy, ItemRole, ItemsetParams, NO_PARENT, RuleParams, Transactions, count_itemsets, mine_itemsets,
    rules_of,
};
use osusume_model::NoControl;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [path, min_count, rest @ ..] = &arguments[..] else {
        println!(
            "usage: mining FILE MIN_COUNT [all|closed|list|list-closed|pairs|rules|all-roles|list-roles|pairs-roles] [THREADS]"
        );
        return;
    };
    let task = rest.first().map_or("all", String::as_str);
    let n_threads = rest.get(1).map_or(1, |n| n.parse().expect("a number of threads"));
    let started = Instant::now();
    let (offsets, items) = match path.strip_prefix("quest:") {
        Some(shape) => drawn(shape),
        None => read(path),
    };
    let read_seconds = started.elapsed().as_secs_f64();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
    let min_count = min_count.parse().expect("a count");
    let (mine_seconds, cpu_seconds, sets) = pool.install(|| match task {
        "rules" => rules(&offsets, &items, min_count),
        _ => median(|| mine(&offsets, &items, min_count, task)),
    });
    println!(
        "{{\"peer\":\"osusume\",\"file\":\"{path}\",\"minsup\":{min_count},\"task\":\"{task}\",\"threads\":{n_threads},\
         \"sets\":{sets},\"read_seconds\":{read_seconds:.4},\"mine_seconds\":{mine_seconds:.5},\"cpu_seconds\":{cpu_seconds:.5}}}"
    );
}

fn mine(offsets: &[usize], items: &[u32], min_count: u64, task: &str) -> u64 {
    let n_items = items.iter().max().map_or(0, |item| item + 1);
    let baskets = Baskets { offsets, items, n_items, weights: None, groups: None };
    let (db, _) = Transactions::new(&baskets, 1_000).expect("well-formed baskets");
    let (task, is_restricted) = task.strip_suffix("-roles").map_or((task, false), |task| (task, true));
    let restrictions = is_restricted.then(|| restrictions(n_items));
    let (roles, hierarchy) = restrictions.as_ref().map(|(roles, hierarchy)| (&roles[..], hierarchy)).unzip();
    let all = ItemsetParams { roles, hierarchy, ..ItemsetParams::all(min_count) };
    let counted = |params| count_itemsets(&db, &params, &NoControl).expect("no limit").sets;
    let listed = |params| mine_itemsets(&db, &params, &NoControl).expect("no limit").n_nodes() as u64;
    match task {
        "all" => counted(all),
        "closed" => counted(ItemsetParams::closed(min_count)),
        "list" => listed(all),
        "list-closed" => listed(ItemsetParams::closed(min_count)),
        "pairs" => counted(ItemsetParams { max_length: 2, ..all }),
        other => panic!("no task {other}"),
    }
}

/// A role for every item, and a parent for every third.
fn restrictions(n_items: u32) -> (Vec<ItemRole>, Hierarchy) {
    let role = |item: u32| match item % 10 {
        2 | 5 | 8 => ItemRole::Antecedent,
        7 => ItemRole::Consequent,
        _ => ItemRole::Both,
    };
    let parent = |item: u32| if item % 3 == 2 { item - 1 } else { NO_PARENT };
    let hierarchy = Hierarchy::new((0..n_items).map(parent).collect()).expect("parents without parents");
    ((0..n_items).map(role).collect(), hierarchy)
}

/// Draws all rules from itemsets that are there, and leaves out redundant ones; `sets` are the rules there were.
fn rules(offsets: &[usize], items: &[u32], min_count: u64) -> (f64, f64, u64) {
    let n_items = items.iter().max().map_or(0, |item| item + 1);
    let baskets = Baskets { offsets, items, n_items, weights: None, groups: None };
    let (db, _) = Transactions::new(&baskets, 1_000).expect("well-formed baskets");
    let itemsets = mine_itemsets(&db, &ItemsetParams::all(min_count), &NoControl).expect("no limit");
    let params = RuleParams {
        min_count,
        max_length: usize::MAX,
        min_confidence: 0.0,
        min_lift: 0.0,
        min_improvement: 0.0,
        roles: None,
        hierarchy: None,
        max_sets: u64::MAX,
        max_rules: 100_000,
    };
    median(|| rules_of(&db, &itemsets, &params, &NoControl).expect("no limit").n_found)
}

/// Median of the elapsed and mean of the processor time of a run, and its answer.
fn median(mut run: impl FnMut() -> u64) -> (f64, f64, u64) {
    let (mut seconds, mut sets) = (Vec::new(), 0);
    let cpu_before = cpu_seconds();
    while seconds.len() < 3 && seconds.iter().sum::<f64>() < 10.0 || seconds.iter().sum::<f64>() < 0.5 {
        let started = Instant::now();
        sets = run();
        seconds.push(started.elapsed().as_secs_f64());
    }
    let cpu_seconds = (cpu_seconds() - cpu_before) / seconds.len() as f64;
    seconds.sort_by(f64::total_cmp);
    (seconds[seconds.len() / 2], cpu_seconds, sets)
}

/// What this thread has computed so far, as the scheduler keeps it.
fn cpu_seconds() -> f64 {
    let kept = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    kept.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).map_or(f64::NAN, |ns| ns * 1e-9)
}

fn drawn(shape: &str) -> (Vec<usize>, Vec<u32>) {
    let numbers: Vec<usize> = shape.split(':').map(|number| number.parse().expect("a number")).collect();
    let [n_baskets, mean_len, n_items] = numbers[..] else { panic!("quest:BASKETS:MEAN_LENGTH:ITEMS") };
    quest::baskets(n_baskets, mean_len as f64, n_items as u32)
}

fn read(path: &str) -> (Vec<usize>, Vec<u32>) {
    let mut bytes = std::fs::read(path).expect("a readable file");
    if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut text).expect("gzip");
        bytes = text;
    }
    let (mut offsets, mut items) = (vec![0], Vec::new());
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        items.extend(words.map(|word| word.iter().fold(0, |value, digit| 10 * value + u32::from(digit - b'0'))));
        offsets.push(items.len());
    }
    (offsets, items)
}

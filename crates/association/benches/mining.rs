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
//! Every run reads or draws the baskets anew and gives them away; `peak_integers` is the most memory the process ever held, in units of
//! the items as given, four bytes each (Linux; the whole process, so that of small files says little).

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark prints and reads the clock")]

mod quest;

use std::io::Read;
use std::time::Instant;

use osusume_association::{
    Hierarchy, ItemRole, ItemsetParams, NO_PARENT, OwnedBaskets, RuleParams, Transactions, count_itemsets,
    mine_itemsets, rules_of,
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
    let baskets = || {
        let (offsets, items) = path.strip_prefix("quest:").map_or_else(|| read(path), drawn);
        OwnedBaskets { offsets, items, ..OwnedBaskets::default() }
    };
    let first = baskets();
    let n_integers = first.items.len();
    let read_seconds = started.elapsed().as_secs_f64();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("threads");
    let min_count = min_count.parse().expect("a count");
    let (mine_seconds, cpu_seconds, sets) = pool.install(|| match task {
        "rules" => rules(first, min_count),
        _ => median(first, baskets, |baskets| mine(baskets, min_count, task)),
    });
    let peak_integers = peak_bytes() / (4.0 * n_integers as f64);
    println!(
        "{{\"peer\":\"osusume\",\"file\":\"{path}\",\"minsup\":{min_count},\"task\":\"{task}\",\"threads\":{n_threads},\
         \"sets\":{sets},\"read_seconds\":{read_seconds:.4},\"mine_seconds\":{mine_seconds:.5},\"cpu_seconds\":{cpu_seconds:.5},\"peak_integers\":{peak_integers:.2}}}"
    );
}

fn transactions(mut baskets: OwnedBaskets) -> Transactions {
    baskets.n_items = baskets.items.iter().max().map_or(0, |item| item + 1);
    Transactions::build_owned(baskets, 1_000, &NoControl).expect("well-formed baskets").0
}

fn mine(baskets: OwnedBaskets, min_count: u64, task: &str) -> u64 {
    let db = transactions(baskets);
    let (task, is_restricted) = task.strip_suffix("-roles").map_or((task, false), |task| (task, true));
    let restrictions = is_restricted.then(|| restrictions(db.n_items()));
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
fn rules(baskets: OwnedBaskets, min_count: u64) -> (f64, f64, u64) {
    let db = transactions(baskets);
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
    median((), || (), |()| rules_of(&db, &itemsets, &params, &NoControl).expect("no limit").n_found)
}

/// Median of the elapsed and mean of the processor time of a run, and its answer.
fn median<T>(first: T, mut next: impl FnMut() -> T, mut run: impl FnMut(T) -> u64) -> (f64, f64, u64) {
    let (mut seconds, mut cpu, mut sets, mut input) = (Vec::new(), 0.0, 0, Some(first));
    while seconds.len() < 3 && seconds.iter().sum::<f64>() < 10.0 || seconds.iter().sum::<f64>() < 0.5 {
        let input = input.take().unwrap_or_else(&mut next);
        let (started, cpu_before) = (Instant::now(), cpu_seconds());
        sets = run(input);
        seconds.push(started.elapsed().as_secs_f64());
        cpu += cpu_seconds() - cpu_before;
    }
    let cpu = cpu / seconds.len() as f64;
    seconds.sort_by(f64::total_cmp);
    (seconds[seconds.len() / 2], cpu, sets)
}

/// The most memory this process ever held.
fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|line| line.split_whitespace().next());
    peak.and_then(|kibibytes| kibibytes.parse::<f64>().ok()).map_or(f64::NAN, |kibibytes| kibibytes * 1024.0)
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

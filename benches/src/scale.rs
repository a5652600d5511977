//! Seconds and memory by number of customers: every stage on generated companies of growing size.
//!
//! usage: scale DIR [--memory-mib M] [--events-per-customer E] SIZE...
//!
//! Each size runs in a process of its own, so that its peak memory is its own.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod company;

use std::path::{Path, PathBuf};
use std::process::Command;

use company::{company, run_isp};
use osusume_storage::{RealFs, Timings};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == "--one") {
        one(Path::new(&args[1]), number(&args[2]), number(&args[3]), number(&args[4]));
        return;
    }
    let dir = args.first().expect("usage: scale DIR [--memory-mib M] [--events-per-customer E] SIZE...");
    let option =
        |name: &str, otherwise| args.iter().position(|arg| arg == name).map_or(otherwise, |at| number(&args[at + 1]));
    let (memory, events) = (option("--memory-mib", 2048), option("--events-per-customer", 20));
    let mut sizes: Vec<u64> = Vec::new();
    let mut rest = args.iter().skip(1);
    while let Some(arg) = rest.next() {
        if arg.starts_with("--") {
            rest.next();
        } else {
            sizes.push(number(arg));
        }
    }
    for size in sizes {
        let program = std::env::current_exe().expect("a program knows its place");
        let values = [size, memory, events].map(|value| value.to_string());
        let status = Command::new(program).arg("--one").arg(dir).args(values).status().expect("it can be started");
        assert!(status.success(), "size {size} failed");
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a whole number")
}

fn one(dir: &Path, customers: u64, memory_mib: u64, events: u64) {
    let tables = dir.join(customers.to_string());
    if !tables.join("consents.csv").exists() {
        // Generated in a process of its own as well, whose memory does not count.
        company(&tables, customers, 1, Some(customers * events));
        let program = std::env::current_exe().expect("a program knows its place");
        let values = [customers, memory_mib, events].map(|value| value.to_string());
        Command::new(program).arg("--one").arg(dir).args(values).status().expect("it can be started");
        return;
    }
    let runs: PathBuf = dir.join(format!("{customers}-runs-{}", std::process::id()));
    let as_of = "2026-10-01".parse().expect("a date");
    let summary = run_isp(&tables, as_of, &runs, memory_mib << 20, &[]);
    let timings = Timings::read(&RealFs, &summary.dir).expect("readable").expect("written by every run");
    let seconds: Vec<f64> = timings.stages.iter().map(|stage| stage.duration_us as f64 / 1e6).collect();
    let names = timings.stages.iter().map(|stage| stage.stage.as_str()).chain(["total"]);
    let total: f64 = seconds.iter().sum();
    let cells: Vec<String> =
        names.zip(seconds.into_iter().chain([total])).map(|(name, s)| format!("{name} {s:.2}")).collect();
    println!("{customers:>9} customers: {}; peak {} MiB", cells.join(", "), peak_mib());
    std::fs::remove_dir_all(runs).expect("the run can be removed");
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

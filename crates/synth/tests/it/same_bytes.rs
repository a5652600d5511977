//! The bytes depend on the seed and the number of customers alone.

use osusume_storage::Digest;

use crate::support::{digests, generate_isp, options};

/// More than one block, and not a multiple of a block or of a run of households.
const CUSTOMERS: u64 = 1_337;

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let with_threads = |threads: usize| -> Vec<(String, Digest)> {
        let scratch = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = options(CUSTOMERS, scratch.path());
        pool.install(|| digests(scratch.path(), &generate_isp(&options)))
    };
    let one = with_threads(1);
    assert_eq!(one, with_threads(2));
    assert_eq!(one, with_threads(7));
}

#[test]
fn another_seed_is_another_company() {
    let with_seed = |seed: u64| {
        let scratch = tempfile::tempdir().unwrap();
        let mut options = options(200, scratch.path());
        options.seed = seed;
        digests(scratch.path(), &generate_isp(&options))
    };
    let (a, b) = (with_seed(1), with_seed(2));
    // The catalogue is the only table without chance.
    let same = a.iter().zip(&b).filter(|(a, b)| a == b).map(|(a, _)| a.0.as_str());
    assert_eq!(same.collect::<Vec<&str>>(), ["products.csv"]);
}

#[test]
fn a_smaller_company_is_the_beginning_of_a_larger_one() {
    let scratch = tempfile::tempdir().unwrap();
    let read = |customers: u64| {
        generate_isp(&options(customers, scratch.path()));
        std::fs::read_to_string(scratch.path().join("holdings.csv")).unwrap()
    };
    // 400 ends a run of households.
    let small = read(400);
    assert!(read(700).starts_with(&small));
}

#[test]
fn thinning_leaves_every_other_value_as_it_was() {
    let generated = |events: Option<u64>| {
        let scratch = tempfile::tempdir().unwrap();
        let mut options = options(1_000, scratch.path());
        options.events = events;
        let summary = generate_isp(&options);
        let rows = summary.files.iter().find(|file| file.path == "usage/usage.parquet").unwrap().rows;
        (rows, digests(scratch.path(), &summary))
    };
    let (all, whole) = generated(None);
    let (some, thinned) = generated(Some(20_000));
    assert!((17_000..=23_000).contains(&some) && some < all, "{some} of {all}");
    assert_eq!(generated(Some(u64::MAX / 4)).0, all);
    let differs = |pair: &(&(String, Digest), &(String, Digest))| pair.0 != pair.1;
    let differing: Vec<&str> = whole.iter().zip(&thinned).filter(differs).map(|(a, _)| a.0.as_str()).collect();
    assert_eq!(differing, ["usage/usage.parquet"]);
}

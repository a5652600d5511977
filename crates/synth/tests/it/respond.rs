//! Answers to a table of offers.

use std::path::Path;

use osusume_model::{Code, NoControl};
use osusume_storage::RealFs;
use osusume_synth::{Answers, Delivery, RespondOptions, Reveal, World, respond};
use osusume_tables::arrow::array::{BooleanArray, Float64Array};
use osusume_tables::read_batches;

use crate::support::{COMPANY, Chance, MATURE, day, digest, real_fs, typed, write_offers};

fn options(dir: &Path, delivery: Delivery) -> RespondOptions {
    let seed = World::isp().default_seed();
    RespondOptions { seed, delivery, reveal: Reveal::Expected, out: dir.join("answers.parquet") }
}

fn play(dir: &Path, delivery: Delivery) -> Answers {
    let options = options(dir, delivery);
    respond(&World::isp(), &dir.join("offers.parquet"), &options, &real_fs(), &NoControl).unwrap()
}

/// Sums of taken, expected without and expected with contact.
fn sums(dir: &Path) -> (f64, f64, f64) {
    let mut sums = (0.0, 0.0, 0.0);
    for batch in read_batches(&RealFs, &dir.join("answers.parquet"), &[]).unwrap() {
        let batch = batch.unwrap();
        sums.0 += typed::<BooleanArray>(&batch, 4).iter().filter(|taken| *taken == Some(true)).count() as f64;
        sums.1 += typed::<Float64Array>(&batch, 6).iter().flatten().sum::<f64>();
        sums.2 += typed::<Float64Array>(&batch, 7).iter().flatten().sum::<f64>();
    }
    sums
}

/// The offer each of the best customers is likeliest to take.
fn best_offers() -> Vec<(&'static str, i32, i16, &'static str)> {
    let mut rows: Vec<&'static Chance> = COMPANY.by_offer(MATURE).into_values().flatten().collect();
    rows.sort_unstable_by(|a, b| b.without.total_cmp(&a.without));
    rows.truncate(3_000);
    let mut rows: Vec<_> = rows.iter().map(|c| (c.customer.as_str(), c.as_of, 1, c.offer.as_str())).collect();
    rows.sort_unstable();
    rows.dedup_by_key(|row| row.0);
    rows
}

#[test]
fn answers_follow_the_truth_and_contact_adds_to_them() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path();
    write_offers(dir, &best_offers());
    let withheld = play(dir, Delivery::Withheld);
    let (taken, without, with) = sums(dir);
    assert!((taken - withheld.taken as f64).abs() < 0.5 && withheld.rows > 1_500);
    assert!((taken - without).abs() < 4.0 * without.sqrt() + 0.05 * without, "{taken} taken, {without} expected");
    assert!(with > 1.05 * without);
    play(dir, Delivery::Sent);
    let (taken, _, with) = sums(dir);
    assert!((taken - with).abs() < 4.0 * with.sqrt() + 0.05 * with, "{taken} taken, {with} expected when sent");
}

#[test]
fn the_same_offers_get_the_same_answers_in_any_order_of_rows() {
    let mut rows = best_offers();
    rows.truncate(200);
    let answers = |rows: &[(&str, i32, i16, &str)]| {
        let scratch = tempfile::tempdir().unwrap();
        write_offers(scratch.path(), rows);
        play(scratch.path(), Delivery::Sent);
        (sums(scratch.path()), digest(&scratch.path().join("answers.parquet")))
    };
    let first = answers(&rows);
    assert_eq!(first, answers(&rows));
    rows.reverse();
    let reversed = answers(&rows);
    assert!((first.0.0 - reversed.0.0).abs() < 0.5 && (first.0.2 - reversed.0.2).abs() < 1e-9);
}

#[test]
fn what_the_world_does_not_have_is_refused() {
    let check = |customer: &str, offer: &str, code: Code| {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path();
        write_offers(dir, &[(customer, day(MATURE), 1, offer)]);
        let result =
            respond(&World::isp(), &dir.join("offers.parquet"), &options(dir, Delivery::Sent), &real_fs(), &NoControl);
        assert_eq!(result.map_err(|fault| fault.code()), Err(code));
    };
    check("nobody", "tv", Code::UnknownCustomer);
    check("C000000001", "yacht", Code::UnknownProduct);
}

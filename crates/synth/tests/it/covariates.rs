//! Worlds whose customers are real: what the table says is in the tables, what happens is drawn, and the truth keeps its bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use osusume_model::{Code, NoControl};
use osusume_storage::RealFs;
use osusume_synth::{World, generate};
use osusume_testkit::data_dir;

use crate::support::{Cells, Chance, END, MATURE, by_offer, options, read_chances, real_fs};
use crate::truth::expected_auc;

/// The world, its table and its customers; nothing where the table is not at hand, which is said.
fn company(name: &str, folder: &str, file: &str) -> Option<(tempfile::TempDir, Vec<Chance>, PathBuf)> {
    let table = data_dir(folder)?.join(file);
    let world = World::shipped(name).unwrap().with_covariates(&table, &RealFs, &NoControl).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let mut options = options(world.default_customers().min(7_043), scratch.path());
    options.seed = world.default_seed();
    options.truth_as_of = [MATURE, END].map(|text| text.parse().unwrap()).to_vec();
    generate(&world, &options, &real_fs(), &NoControl).unwrap();
    let chances = read_chances(&scratch.path().join("truth/chances.parquet"));
    Some((scratch, chances, table))
}

fn truth_keeps_its_bounds(name: &str, chances: &[Chance]) {
    let offers = World::shipped(name).unwrap().offer_keys().len();
    for date in [MATURE, END] {
        let by_offer = by_offer(chances, date);
        assert_eq!(by_offer.len(), offers, "{name} {date}");
        for (offer, chances) in by_offer {
            let rate = chances.iter().map(|c| c.without).sum::<f64>() / chances.len() as f64;
            assert!((0.003..=0.05).contains(&rate), "{name} {offer} {date}: {rate}");
            let auc = expected_auc(chances.iter().map(|c| c.without));
            assert!((0.70..=0.82).contains(&auc), "{name} {offer} {date}: {auc}");
        }
    }
    assert!(chances.iter().all(|c| (-0.2..=0.4).contains(&c.effect)), "{name}");
    let customers: BTreeSet<&str> = chances.iter().map(|c| c.customer.as_str()).collect();
    let harmed: BTreeSet<&str> = chances.iter().filter(|c| c.effect < 0.0).map(|c| c.customer.as_str()).collect();
    let share = harmed.len() as f64 / customers.len() as f64;
    assert!((0.07..=0.13).contains(&share), "{name}: {share}");
}

#[test]
fn the_telco_customers_keep_their_attributes_and_services() {
    let Some((scratch, chances, _)) =
        company("telco_planted", "telco-churn", "WA_Fn-UseC_-Telco-Customer-Churn.csv.gz")
    else {
        return;
    };
    truth_keeps_its_bounds("telco_planted", &chances);
    let customers = Cells::read(&scratch.path().join("customers.csv"));
    assert_eq!(customers.len(), 7_043);
    // The table's own counts: 1,142 are seniors, 2,110 have dependents; one value in twenty is missing.
    let share = |column: &str, value: &str| {
        let known: Vec<[&str; 1]> = customers.of([column]).filter(|[cell]| !cell.is_empty()).collect();
        known.iter().filter(|[cell]| *cell == value).count() as f64 / known.len() as f64
    };
    // Four standard errors of the missing twentieth.
    assert!((share("senior", "yes") - 1_142.0 / 7_043.0).abs() < 0.004, "{}", share("senior", "yes"));
    assert!((share("dependents", "yes") - 2_110.0 / 7_043.0).abs() < 0.005, "{}", share("dependents", "yes"));
    assert!((share("payment_method", "Electronic check") - 2_365.0 / 7_043.0).abs() < 0.006);
    // The first customer of the table: DSL and online backup, month to month, one month of tenure.
    let holdings = Cells::read(&scratch.path().join("holdings.csv"));
    let first: Vec<[&str; 3]> = holdings
        .of(["customer_id", "product_id", "start_date"])
        .filter(|[customer, _, _]| *customer == "C000000000")
        .collect();
    let held: BTreeSet<&str> = first.iter().map(|[_, product, _]| *product).collect();
    assert!(["dsl", "backup", "support_basic", "term_month"].iter().all(|product| held.contains(product)), "{held:?}");
    assert!(first.iter().all(|[_, _, start]| *start >= "2026-08-25"), "{first:?}");
}

#[test]
fn the_households_of_the_complete_journey_keep_theirs() {
    let Some((scratch, chances, _)) = company("journey_planted", "complete-journey", "demographics.parquet") else {
        return;
    };
    truth_keeps_its_bounds("journey_planted", &chances);
    let customers = Cells::read(&scratch.path().join("customers.csv"));
    let mut seen: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (row, [age]) in customers.of(["age"]).enumerate() {
        seen.entry(row % 801).or_default().extend((!age.is_empty()).then_some(age));
    }
    assert!(seen.values().all(|ages| ages.len() == 1), "a household has one age, whoever it serves as");
    let newest = seen.values().filter(|ages| ages.contains("65+")).count();
    assert_eq!(newest, 72, "as many as in the table");
}

#[test]
fn a_world_with_real_customers_cannot_be_played_without_them() {
    let world = World::shipped("telco_planted").unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let fault = generate(&world, &options(10, scratch.path()), &real_fs(), &NoControl).unwrap_err();
    assert_eq!(fault.code(), Code::WorldInvalid);
    let table = scratch.path().join("table.csv");
    std::fs::write(&table, "customerID,tenure\nA,1\n").unwrap();
    let fault = world.with_covariates(&table, &RealFs, &NoControl).unwrap_err();
    assert_eq!(fault.code(), Code::ColumnMissing);
    let fault = World::isp().with_covariates(&table, &RealFs, &NoControl).unwrap_err();
    assert_eq!(fault.code(), Code::WorldInvalid);
}

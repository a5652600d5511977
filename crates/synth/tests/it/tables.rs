//! What the tables must hold: keys that match, intervals that do not overlap, faults in their shares, a fair coin.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{COMPANY, Cells, Company, companies, day};

fn share(hits: usize, of: usize) -> f64 {
    hits as f64 / of as f64
}

#[test]
fn every_row_belongs_to_a_customer_and_a_product() {
    for company in companies() {
        let name = company.name;
        let customers = company.cells("customers.csv");
        let known: BTreeSet<&str> = customers.of(["customer_id"]).map(|[id]| id).collect();
        assert!(known.len() >= 3_000 && known.len() == customers.len(), "{name}: {}", known.len());
        assert!(company.holdings().of(["customer_id"]).all(|[id]| known.contains(id)), "{name}: holdings");
        for table in ["tickets.csv", "contacts.csv", "consents.csv", "truth/customers.csv"] {
            let cells = company.cells(table);
            assert!(cells.of(["customer_id"]).all(|[id]| known.contains(id)), "{name}: {table}");
        }
        let products = company.cells("products.csv");
        let products: BTreeSet<&str> = products.of(["product_id"]).map(|[id]| id).collect();
        assert!(company.holdings().of(["product_id"]).all(|[id]| products.contains(id)), "{name}");
        assert!(company.cells("contacts.csv").of(["offer_id"]).all(|[id]| products.contains(id)), "{name}");
        let rows = company.summary.files.iter().find(|file| file.path == "customers.csv").unwrap().rows;
        assert_eq!(rows, known.len() as u64, "{name}");
    }
}

#[test]
fn nobody_holds_two_products_of_a_family_at_once() {
    companies().for_each(check_families);
}

fn check_families(company: &Company) {
    let products = company.cells("products.csv");
    let family: BTreeMap<&str, &str> = products.of(["product_id", "family"]).map(|[id, f]| (id, f)).collect();
    let holdings = company.holdings();
    let mut last: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    let columns = ["customer_id", "product_id", "start_date", "end_date"];
    let mut rows: Vec<[&str; 4]> = holdings.of(columns).collect();
    rows.sort_unstable_by_key(|[customer, product, start, _]| (*customer, family[product], day(start)));
    let (mut overlaps, n) = (0, rows.len());
    for [customer, product, start, end] in rows {
        let end = if end.is_empty() { i32::MAX } else { day(end) };
        assert!(day(start) < end, "{}", company.name);
        let before = last.insert((customer, family[product]), end);
        overlaps += usize::from(before.is_some_and(|before| before > day(start)));
    }
    // An end that has not arrived leaves its interval open beside the next one: late rows, nothing else.
    assert!(share(overlaps, n) < 0.01, "{}: {overlaps} of {n}", company.name);
}

#[test]
fn rows_arrive_after_what_they_tell_and_some_weeks_later() {
    for company in companies() {
        let name = company.name;
        let holdings = company.holdings();
        let delays: Vec<i32> = holdings.of(["start_date", "loaded_at"]).map(|[at, on]| day(on) - day(at)).collect();
        assert!(delays.iter().all(|delay| *delay >= 0), "{name}");
        // Between the joining of the oldest customers and the export, one row in twenty-five is late.
        let late = share(delays.iter().filter(|delay| **delay >= 6).count(), delays.len());
        assert!((0.035..=0.045).contains(&late), "{name}: {late}");
        assert!(delays.iter().any(|delay| *delay >= 35), "{name}");
        let latest = holdings.of(["loaded_at"]).map(|[on]| on.to_owned()).max().unwrap();
        assert!(latest.as_str() < "2026-09-30T21:00:01Z", "{name}: {latest} is after the export");
    }
}

#[test]
fn one_value_in_twenty_is_missing() {
    let customers = COMPANY.cells("customers.csv");
    let columns = ["birth_year", "prefecture", "remote_work", "router_color", "area_block"];
    let empty = customers.of(columns).flatten().filter(|cell| cell.is_empty()).count();
    let missing = share(empty, customers.len() * columns.len());
    assert!((0.045..=0.055).contains(&missing), "{missing}");
}

#[test]
fn tickets_are_written_in_both_languages_and_their_places_are_filled() {
    for company in companies() {
        let name = company.name;
        let tickets = std::fs::read_to_string(company.dir().join("tickets.csv")).unwrap();
        assert!(tickets.lines().count() > 1_000, "{name}");
        let japanese = tickets.lines().skip(1).filter(|line| !line.is_ascii()).count();
        let japanese = share(japanese, tickets.lines().count());
        assert!((0.65..=0.97).contains(&japanese), "{name}: {japanese}");
        assert!(!tickets.contains(['{', '}']), "{name}: a place without words");
    }
}

#[test]
fn the_trap_is_filled_only_after_the_outcome() {
    let customers = COMPANY.cells("customers.csv");
    let holdings = COMPANY.cells("holdings.csv");
    let fast: BTreeSet<&str> = holdings
        .of(["customer_id", "product_id", "start_date"])
        .filter(|[_, product, start]| product.starts_with("line_1") && day(start) >= day("2024-10-01"))
        .map(|[id, _, _]| id)
        .collect();
    let filled: Vec<&str> =
        customers.of(["customer_id", "welcome_gift_on"]).filter(|[_, on]| !on.is_empty()).map(|[id, _]| id).collect();
    assert!(filled.len() > 300);
    // All but the rows that have not arrived yet.
    let known = filled.iter().filter(|id| fast.contains(*id)).count();
    assert!(share(known, filled.len()) > 0.99);
}

#[test]
fn the_control_arm_is_drawn_by_a_fair_coin() {
    let contacts = COMPANY.cells("contacts.csv");
    let customers = COMPANY.cells("customers.csv");
    let birth: BTreeMap<&str, f64> = customers
        .of(["customer_id", "birth_year"])
        .filter_map(|[id, year]| year.parse().ok().map(|year| (id, year)))
        .collect();
    let years = |wanted: &str| years_of_arm(&contacts, &birth, wanted);
    let (random, control, targeted) = (years("random"), years("control"), years("targeted"));
    let (n, m) = (random.len() as f64, control.len() as f64);
    assert!(n > 1_000.0 && (n - m).abs() < 4.0 * (n + m).sqrt(), "{n} sent, {m} withheld");
    let distance = |a: &[f64], b: &[f64]| {
        let moments = |x: &[f64]| {
            let mean = x.iter().sum::<f64>() / x.len() as f64;
            (mean, x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64)
        };
        let ((mean_a, var_a), (mean_b, var_b)) = (moments(a), moments(b));
        (mean_a - mean_b).abs() / (var_a / a.len() as f64 + var_b / b.len() as f64).sqrt()
    };
    assert!(distance(&random, &control) < 4.0, "the arms differ in age");
    assert!(distance(&random, &targeted) > 4.0, "the rule aims at nobody");
    let mut probabilities = contacts.of(["arm", "action_probability"]).map(|[_, p]| p.parse::<f64>().unwrap());
    assert!(probabilities.all(|p| p > 0.0 && p < 1.0));
    assert!(contacts.of(["arm", "responded_at"]).all(|[arm, on]| arm != "control" || on.is_empty()));
}

fn years_of_arm(contacts: &Cells, birth: &BTreeMap<&str, f64>, wanted: &str) -> Vec<f64> {
    let rows = contacts.of(["customer_id", "arm"]).filter(|[_, arm]| *arm == wanted);
    rows.filter_map(|[id, _]| birth.get(id).copied()).collect()
}

#[test]
fn half_of_every_slice_is_held_back() {
    for company in companies() {
        let contacts = company.cells("contacts.csv");
        let of = |wanted: &str| contacts.of(["arm"]).filter(|[arm]| *arm == wanted).count() as f64;
        let (sent, withheld, targeted) = (of("random"), of("control"), of("targeted"));
        let even = (sent - withheld).abs() < 4.0 * (sent + withheld).sqrt();
        assert!(sent > 700.0 && targeted > sent && even, "{}: {sent}, {withheld}, {targeted}", company.name);
        let mut probabilities = contacts.of(["action_probability"]).map(|[p]| p.parse::<f64>().unwrap());
        assert!(probabilities.all(|p| p > 0.0 && p < 1.0), "{}", company.name);
    }
}

#[test]
fn nobody_is_contacted_against_their_consent() {
    companies().for_each(check_consents);
}

fn check_consents(company: &Company) {
    let consents = company.cells("consents.csv");
    let mut said: BTreeMap<(&str, &str), Vec<(&str, bool)>> = BTreeMap::new();
    for [id, channel, allowed, at] in consents.of(["customer_id", "channel", "allowed", "recorded_at"]) {
        said.entry((id, channel)).or_default().push((at, allowed == "yes"));
    }
    for [id, channel, at] in company.cells("contacts.csv").of(["customer_id", "channel", "sent_at"]) {
        let newest = said[&(id, channel)].iter().filter(|(on, _)| day(on) <= day(at)).max().unwrap();
        assert!(newest.1, "{}: {id} {channel} {at}", company.name);
    }
}

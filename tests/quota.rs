//! Limits and what counts against them, against a naive computation, row by row: plans that change, ends that become known late, three ways
//! to count.

use std::fmt::Write;
use std::fs;

use tempfile::TempDir;

use super::features::numbers;
use super::recipes::{Draw, assert_near, days, features, keys, midnight, utc};
use super::support::{OSUSUME, text};

const DAY: i64 = 86_400;
const CUSTOMERS: i64 = 30;
/// Gigabytes a month of each product; the last one has no limit of its own.
const PRODUCTS: [(&str, Option<f64>); 4] =
    [("plan_s", Some(20.0)), ("plan_l", Some(60.0)), ("extra", Some(7.5)), ("tv", None)];

const PIPELINE: &str = r#"
[pipeline]
name = "quota"
time_zone = "Europe/Berlin"
currency = "EUR"
purpose = "a test"
as_of = 2026-10-01

[sources.people]
role = "customers"
path = "people.csv"
columns = { customer = "customer" }
attributes = { space = "number" }

[sources.contracts]
role = "holdings"
path = "contracts.csv"
columns = { customer = "customer", product = "product", start = "start", end = "end", start_arrived = "known", end_arrived = "end_known" }

[sources.usage]
role = "events"
path = "usage.csv"
columns = { customer = "customer", at = "at", kind = "kind", value = "gb", arrived = "arrived" }

[sources.products]
role = "products"
path = "products.csv"
columns = { product = "product", family = "family", tier = "tier", margin = "margin" }
attributes = { cap_gb = "number" }

[train]
as_of = [2026-03-30, 2026-05-14, 2026-06-01, 2026-07-20]

[offers.upsell]
families = ["plan"]

[decide.consent]
required = false

[features]
windows_days = [30, 90]
recipes = []

[[features.quota]]
name = "data"
source = "usage"
kind = "down"
limit = "cap_gb"
period = "month"

[[features.quota]]
name = "burst"
source = "usage"
kind = "down"
limit = "cap_gb"
days = 9

[[features.quota]]
name = "space"
source = "usage"
kind = "stored"
limit = "space"

[[features.quota]]
name = "skips"
source = "usage"
kind = "down"
hit_kind = "refused"
"#;

struct Contract {
    customer: i64,
    product: usize,
    start: i64,
    known: i64,
    /// When it ends and when that was known.
    end: Option<(i64, i64)>,
}

struct Usage {
    customer: i64,
    at: i64,
    arrived: i64,
    kind: &'static str,
    gb: f64,
}

fn contracts(draw: &mut Draw) -> Vec<Contract> {
    let begin = days(2026, 1, 1) * DAY;
    let mut one = |i: i64| {
        let start = if i < CUSTOMERS { begin } else { begin + draw.below(240) * DAY + draw.below(DAY) };
        let known = start + if draw.below(3) == 0 { draw.below(40) * DAY } else { 60 };
        let end = start + (1 + draw.below(200)) * DAY;
        let end = (draw.below(2) == 0).then(|| (end, end + (draw.below(50) - 20) * DAY));
        let customer = if i < CUSTOMERS { i } else { draw.below(CUSTOMERS) };
        Contract { customer, product: draw.below(4) as usize, start, known, end }
    };
    (0..4 * CUSTOMERS).map(&mut one).collect()
}

/// No two rows of a customer at one instant.
fn usage(draw: &mut Draw) -> Vec<Usage> {
    let begin = days(2026, 1, 1) * DAY;
    let mut one = |i: i64| {
        let at = begin + draw.below(280) * DAY + draw.below(DAY / 4001) * 4001 + i % 4001;
        let kind = ["down", "down", "down", "stored", "refused"][draw.below(5) as usize];
        let arrived = at + if draw.below(5) == 0 { draw.below(45) * DAY } else { draw.below(9000) };
        // Halves, so that sums are the same in any order.
        Usage { customer: draw.below(CUSTOMERS), at, arrived, kind, gb: draw.below(36) as f64 / 2.0 }
    };
    (0..4000).map(&mut one).collect()
}

/// What a customer's limits were at an instant, as they were known at `as_of`: of the products held, added up.
fn cap(contracts: &[Contract], customer: i64, as_of: i64, at: i64) -> f64 {
    let held = contracts.iter().filter(|one| {
        let is_over = one.end.is_some_and(|(end, known)| known < as_of && end <= at);
        one.customer == customer && one.start < as_of && one.known < as_of && one.start <= at && !is_over
    });
    held.filter_map(|one| PRODUCTS[one.product].1).fold(f64::NAN, |sum, cap| if sum.is_nan() { cap } else { sum + cap })
}

/// The day on which the month of a day begins, and the month before.
fn months(day: i64) -> (i64, i64) {
    let starts: Vec<i64> = (2025..2027).flat_map(|year| (1..=12).map(move |month| days(year, month, 1))).collect();
    let at = starts.iter().rposition(|start| *start <= day).unwrap();
    (starts[at], starts[at - 1])
}

fn share(part: f64, of: f64) -> f64 {
    if of > 0.0 { part / of } else { f64::NAN }
}

/// Rows at which `sum(row)` came up to `limit(row)` and had not been there at the row before, or `begins(row)` anew.
fn hits(
    rows: &[&Usage],
    sum: impl Fn(usize) -> f64,
    limit: impl Fn(i64) -> f64,
    begins: impl Fn(usize) -> bool,
) -> Vec<i64> {
    let is_reached = |row: usize| {
        let limit = limit(rows[row].at);
        limit > 0.0 && sum(row) >= limit
    };
    let is_hit = |row: &usize| is_reached(*row) && (*row == 0 || begins(*row) || !is_reached(*row - 1));
    (0..rows.len()).filter(is_hit).map(|row| rows[row].at).collect()
}

#[test]
fn shares_and_hits_as_counted_row_by_row() {
    let dir = TempDir::new().unwrap();
    let (contracts, mut usage) = (contracts(&mut Draw(3)), usage(&mut Draw(4)));
    usage.sort_by_key(|row| row.at);
    let space = |customer: i64| (customer % 5 > 0).then_some(4.0 * (customer % 5) as f64);
    write_tables(&dir, &contracts, &usage, space);
    let table = features(dir.path(), PIPELINE);
    let column = |name: &str| numbers(&table, &format!("usage_{name}"));
    let (mut n_hits, mut n_full) = (0.0, 0);
    for (at, (customer, date)) in keys(&table).into_iter().enumerate() {
        let as_of = midnight(date);
        let known: Vec<&Usage> =
            usage.iter().filter(|row| row.customer == customer && row.at < as_of && row.arrived < as_of).collect();
        let of = |kind: &str| -> Vec<&Usage> { known.iter().filter(|row| row.kind == kind).copied().collect() };
        let down = of("down");
        let sum =
            |from: i64, to: i64| down.iter().filter(|row| (from..to).contains(&row.at)).map(|row| row.gb).sum::<f64>();
        let limit = |instant: i64| cap(&contracts, customer, as_of, instant);
        let expect =
            |name: &str, value: f64| assert_near(column(name)[at], value, &format!("{name} of c{customer} on {date}"));
        let told = |name: &str, hits: &[i64]| {
            for days in [30, 90] {
                let within = hits.iter().filter(|hit| **hit >= midnight(date - days)).count();
                expect(&format!("{name}_hits_{days}d"), within as f64);
            }
            let since = hits.last().map_or(f64::NAN, |hit| (as_of - hit) as f64 / DAY as f64);
            expect(&format!("{name}_hit_recency"), since);
        };
        let month_of = |instant: i64| {
            let day = (0..100).map(|i| instant.div_euclid(DAY) + 1 - i).find(|day| midnight(*day) <= instant).unwrap();
            midnight(months(day).0)
        };
        let (month, before) = (midnight(months(date).0), midnight(months(date).1));
        expect("data_used", share(sum(month, as_of), limit(as_of)));
        expect("data_used_before", share(sum(before, month), limit(month - 1)));
        let monthly = |row: usize| sum(month_of(down[row].at), down[row].at + 1);
        let is_new = |row: usize| month_of(down[row - 1].at) != month_of(down[row].at);
        let reached = hits(&down, monthly, limit, is_new);
        told("data", &reached);
        n_hits += column("data_hits_90d")[at];
        n_full += i32::from(column("data_used")[at] >= 1.0);

        let nine = 9 * DAY;
        expect("burst_used", share(sum(as_of - nine, as_of), limit(as_of)));
        expect("burst_used_before", share(sum(as_of - 2 * nine, as_of - nine), limit(as_of - nine - 1)));
        told("burst", &hits(&down, |row| sum(down[row].at - nine + 1, down[row].at + 1), limit, |_| false));

        let (stored, own) = (of("stored"), space(customer).unwrap_or(f64::NAN));
        expect("space_used", stored.last().map_or(f64::NAN, |row| share(row.gb, own)));
        told("space", &hits(&stored, |row| stored[row].gb, |_| own, |_| false));

        told("skips", &of("refused").iter().map(|row| row.at).collect::<Vec<_>>());
    }
    assert!(n_hits > 40.0 && n_full > 5, "{n_hits} {n_full}: some limits are reached");
    let schema = table.schema();
    assert!(!schema.fields().iter().any(|field| field.name() == "usage_skips_used"), "nothing is known of a limit");
}

fn write_tables(dir: &TempDir, contracts: &[Contract], usage: &[Usage], space: impl Fn(i64) -> Option<f64>) {
    let mut text = "customer,space\n".to_owned();
    for customer in 0..CUSTOMERS {
        writeln!(text, "c{customer},{}", space(customer).map_or(String::new(), |space| space.to_string())).unwrap();
    }
    fs::write(dir.path().join("people.csv"), &text).unwrap();
    let mut text = "customer,product,start,end,known,end_known\n".to_owned();
    for one in contracts {
        let [end, end_known] = one.end.map_or([String::new(), String::new()], |(end, known)| [utc(end), utc(known)]);
        let (start, known) = (utc(one.start), utc(one.known));
        writeln!(text, "c{},{},{start},{end},{known},{end_known}", one.customer, PRODUCTS[one.product].0).unwrap();
    }
    fs::write(dir.path().join("contracts.csv"), &text).unwrap();
    let mut text = "customer,at,kind,gb,arrived\n".to_owned();
    for row in usage {
        writeln!(text, "c{},{},{},{},{}", row.customer, utc(row.at), row.kind, row.gb, utc(row.arrived)).unwrap();
    }
    fs::write(dir.path().join("usage.csv"), &text).unwrap();
    let products =
        "product,family,tier,margin,cap_gb\nplan_s,plan,1,5,20\nplan_l,plan,2,9,60\nextra,extra,1,2,7.5\ntv,tv,1,3,\n";
    fs::write(dir.path().join("products.csv"), products).unwrap();
}

/// A back-run must not fail because nobody had reached the limit yet; and whoever used nothing used zero, not minus zero.
#[test]
fn a_limit_that_nobody_has_reached_yet_has_no_hits() {
    let dir = TempDir::new().unwrap();
    let (contracts, mut usage) = (contracts(&mut Draw(5)), usage(&mut Draw(6)));
    usage.sort_by_key(|row| row.at);
    write_tables(&dir, &contracts, &usage, |_| None);
    let table = features(dir.path(), &PIPELINE.replace("\"refused\"", "\"ceiling\""));
    let hits = numbers(&table, "usage_skips_hits_90d");
    assert!(!hits.is_empty() && hits.iter().all(|hits| *hits <= 0.0), "{hits:?}");
    let used = numbers(&table, "usage_data_used");
    assert!(used.iter().any(|used| *used <= 0.0));
    assert!(used.iter().all(|used| used.is_nan() || used.is_sign_positive()));
}

/// What counts and where the limit stands must be there; the message says what there is.
#[test]
fn what_is_not_there_is_said() {
    let dir = TempDir::new().unwrap();
    let (contracts, usage) = (contracts(&mut Draw(5)), usage(&mut Draw(6)));
    write_tables(&dir, &contracts, &usage, |_| None);
    let refused = |from: &str, to: &str, code: &str, part: &str| {
        fs::write(dir.path().join("pipeline.toml"), PIPELINE.replacen(from, to, 1)).unwrap();
        let arguments = ["features", "--quiet", "--out", "out.parquet", "pipeline.toml"];
        let done =
            std::process::Command::new(OSUSUME).args(arguments).current_dir(dir.path()).env_clear().output().unwrap();
        let said = text(&done.stderr);
        assert!(done.status.code() == Some(2) && said.contains(code) && said.contains(part), "{to}: {said}");
    };
    refused("limit = \"cap_gb\"", "limit = \"cap_bg\"", "E2006", "cap_gb");
    refused("kind = \"down\"", "kind = \"dwon\"", "E2006", "did you mean `down`");
    refused("source = \"usage\"", "source = \"contracts\"", "E2006", "usage");
    refused("period = \"month\"", "period = \"month\"\ndays = 3", "E2004", "features.quota[0].period");
    refused("limit = \"cap_gb\"\n", "", "E2005", "features.quota[0].limit");
    refused("name = \"burst\"", "name = \"data\"", "E2004", "features.quota[1].name");
    refused("windows_days = [30, 90]", "windows_days = [30, 90]\nnight_hours = [6]", "E2004", "features.night_hours");
    refused("value = \"gb\", ", "", "E2005", "features.quota[2].period");
}

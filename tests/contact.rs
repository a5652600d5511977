//! What contacts add, in companies whose truth is planted: takes follow a need and, where a contact does something, the contact.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::process::{Command, Stdio};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use osusume_model::Date;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

use super::support::{OSUSUME, names, text};

const CUSTOMERS: usize = 2_400;
const OFFERS: [&str; 2] = ["security", "storage"];
/// A take in the 60 days after a date, by a customer of middling need.
const RATE: f64 = 0.022;
/// Days a contact works for, and a label window lasts.
const WORKS: i32 = 60;

const PIPELINE: &str = r#"
[pipeline]
name = "plan"
time_zone = "UTC"
currency = "JPY"
purpose = "offers to customers"

[sources.customers]
role = "customers"
path = "customers.csv"
columns = { customer = "customer_id", joined = "joined_on" }
attributes = { need = "number", office = "integer" }

[sources.holdings]
role = "holdings"
path = "holdings.csv"
columns = { customer = "customer_id", product = "product_id", start = "start_date", end = "end_date", start_arrived = "loaded_on" }

[sources.contacts]
role = "contacts"
path = "contacts.csv"
columns = { customer = "customer_id", at = "sent_on", offer = "offer_id", channel = "channel", arm = "arm", probability = "probability" }

[sources.products]
role = "products"
path = "products.csv"
columns = { product = "product_id", family = "family", tier = "tier", margin = "margin" }

[offers]
cross_sell = { families = ["security", "storage"] }
horizon_days = 60
gap_days = 1
kept_days = 30

[train]
as_of = { every = "1 month", count = 5 }
min_positives = 50

[decide]
per_customer = 2
channels = ["mail"]
min_value_minor = 100
value = "taking"
# What is planted here is more than contacts usually do, and offers are valued one by one.
believed_response = { mean = 0.0, spread = 0.3, between_offers = 0.2 }
wear_out = 0.0
consent = { required = false }
holdout = { fraction = 0.3, salt = "plan" }
"#;

/// Splitmix64: enough for tests, and the same everywhere.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

/// A row of the contacts table.
struct Sent {
    customer: usize,
    offer: usize,
    day: Date,
    arm: &'static str,
    probability: f64,
}

/// A company that lives on day by day.
struct World {
    dir: TempDir,
    draws: Draws,
    /// Log-odds that a contact adds.
    effect: f64,
    today: Date,
    need: Vec<f64>,
    /// Customers × offers: the day of the take.
    taken: Vec<Option<Date>>,
    /// Customers × offers: the day of the last contact.
    contacted: Vec<Option<Date>>,
    sent: Vec<Sent>,
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

impl World {
    fn new(seed: u64, effect: f64) -> Self {
        let mut draws = Draws(seed);
        // The sum of three uniforms is near enough to a normal.
        let need = (0..CUSTOMERS).map(|_| 2.0 * (0..3).map(|_| draws.uniform() - 0.5).sum::<f64>()).collect();
        let cells = CUSTOMERS * OFFERS.len();
        Self {
            dir: TempDir::new().unwrap(),
            draws,
            effect,
            today: date("2025-01-01"),
            need,
            taken: vec![None; cells],
            contacted: vec![None; cells],
            sent: Vec::new(),
        }
    }

    fn contact(&mut self, customer: usize, offer: usize, arm: &'static str, probability: f64) {
        let day = self.today;
        self.sent.push(Sent { customer, offer, day, arm, probability });
        if arm != "control" {
            self.contacted[customer * OFFERS.len() + offer] = Some(day);
        }
    }

    /// A campaign that chases whoever needs the offer, and beside it a slice of `slice` of the customers drawn at random.
    fn campaign(&mut self, slice: f64) {
        for customer in 0..CUSTOMERS {
            for offer in 0..OFFERS.len() {
                let (draw, side, worked) = (self.draws.uniform(), self.draws.uniform(), self.draws.uniform());
                if self.taken[customer * OFFERS.len() + offer].is_some() {
                    continue;
                }
                if draw < slice {
                    self.contact(customer, offer, if side < 0.5 { "random" } else { "control" }, 0.5 * slice);
                } else if self.need[customer] > 0.7 && worked < 0.6 {
                    self.contact(customer, offer, "targeted", 0.6 * (1.0 - slice));
                }
            }
        }
    }

    /// Lets the days until `until` pass.
    fn live(&mut self, until: Date) {
        while self.today < until {
            for cell in (0..self.taken.len()).filter(|&cell| self.taken[cell].is_none()).collect::<Vec<usize>>() {
                let works = self.contacted[cell].is_some_and(|day| self.today - day < WORKS);
                let need = 0.9 * self.need[cell / OFFERS.len()] + if works { self.effect } else { 0.0 };
                if self.draws.uniform() < RATE / f64::from(WORKS) * need.exp() {
                    self.taken[cell] = Some(self.today);
                }
            }
            self.today = self.today + 1;
        }
    }

    /// Months with a campaign on the first day of each.
    fn months(&mut self, n: u32, slice: f64) {
        for _ in 0..n {
            self.campaign(slice);
            self.live(self.today.add_months(1));
        }
    }

    /// Campaigns so far apart that no contact still works when the next is made: what a contact adds is then not hidden by another.
    fn quarters(&mut self, n: u32, slice: f64) {
        for _ in 0..n {
            self.campaign(slice);
            self.live(self.today.add_months(3));
        }
    }

    fn write(&self) {
        let file = |name: &str, text: String| fs::write(self.dir.path().join(name), text).unwrap();
        let mut customers = "customer_id,joined_on,need,office\n".to_owned();
        let mut holdings = "customer_id,product_id,start_date,end_date,loaded_on\n".to_owned();
        for (customer, need) in self.need.iter().enumerate() {
            writeln!(customers, "C{customer},2024-06-01,{need:.4},{}", customer % 7).unwrap();
            writeln!(holdings, "C{customer},line,2024-06-01,,2024-06-01").unwrap();
        }
        for (cell, taken) in self.taken.iter().enumerate() {
            if let Some(day) = taken {
                let (customer, product) = (cell / OFFERS.len(), OFFERS[cell % OFFERS.len()]);
                writeln!(holdings, "C{customer},{product},{day},,{day}").unwrap();
            }
        }
        let mut contacts = "customer_id,sent_on,offer_id,channel,arm,probability\n".to_owned();
        for Sent { customer, offer, day, arm, probability } in &self.sent {
            writeln!(contacts, "C{customer},{day},{},mail,{arm},{probability:.6}", OFFERS[*offer]).unwrap();
        }
        file("customers.csv", customers);
        file("holdings.csv", holdings);
        file("contacts.csv", contacts);
        file(
            "products.csv",
            "product_id,family,tier,margin\nline,line,1,900\nsecurity,security,1,500\nstorage,storage,1,400\n"
                .to_owned(),
        );
        file("plan.toml", PIPELINE.to_owned());
    }

    /// A run of today.
    fn run(&self) -> Published {
        self.run_with("train.learn_from=\"everybody\"")
    }

    /// The same under a setting.
    fn run_with(&self, setting: &str) -> Published {
        self.run_under(&[setting])
    }

    /// The same under several.
    fn run_under(&self, settings: &[&str]) -> Published {
        self.write();
        let as_of = self.today.to_string();
        let arguments =
            ["run", "plan.toml", "--as-of", &as_of, "--no-export", "--quiet", "--set", "run.directory=\"runs\""];
        let output = Command::new(OSUSUME)
            .args(arguments)
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .current_dir(self.dir.path())
            .env_clear()
            .stdin(Stdio::null())
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let runs = self.dir.path().join("runs/plan");
        let run = runs.join(names(&runs).into_iter().rfind(|name| name.starts_with(&as_of)).unwrap());
        let summary: Value = serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
        let contacts = summary["offers"].as_array().unwrap().iter();
        let contacts = contacts.map(|offer| (offer["offer"].as_str().unwrap().to_owned(), offer["contact"].clone()));
        let rows = |name: &str| read(&run.join(name));
        let removed = summary["decisions"]["removed"].clone();
        let (offers, shadow) = (rows("offers.parquet"), rows("shadow.parquet"));
        Published { contacts: contacts.collect(), offers, shadow, removed }
    }

    /// Sends the offers of a run, and writes down both arms as the run drew them.
    fn send(&mut self, published: &Published) {
        for (rows, arm) in [(&published.offers, "targeted"), (&published.shadow, "control")] {
            for row in rows {
                self.contact(row.customer, row.offer, arm, row.action_probability);
            }
        }
    }

    /// Takes in the 60 days from `from` over the rows' customers.
    fn takes(&self, rows: &[Row], from: Date) -> f64 {
        let is_taken = |row: &&Row| {
            let taken = self.taken[row.customer * OFFERS.len() + row.offer];
            taken.is_some_and(|day| from <= day && day - from < WORKS)
        };
        rows.iter().filter(is_taken).count() as f64
    }
}

struct Published {
    contacts: BTreeMap<String, Value>,
    offers: Vec<Row>,
    shadow: Vec<Row>,
    /// Pairs removed, by rule.
    removed: Value,
}

/// A row of offers or shadow.
struct Row {
    customer: usize,
    offer: usize,
    propensity: f64,
    contacted: f64,
    alone: f64,
    uplift: [Option<f64>; 3],
    evidence: String,
    action_probability: f64,
    /// Expected value, and the ends of its interval.
    value: [Option<i64>; 3],
    margin: i64,
    lever: i64,
    cost: i64,
}

fn read(path: &std::path::Path) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap() {
        let batch: RecordBatch = batch.unwrap();
        let text = |name: &str, row: usize| batch[name].as_string::<i32>().value(row).to_owned();
        let number = |name: &str, row: usize| {
            let column = batch[name].as_primitive::<Float64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        let whole = |name: &str, row: usize| {
            let column = batch[name].as_primitive::<Int64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        rows.extend((0..batch.num_rows()).map(|row| Row {
            customer: text("customer_id", row)[1..].parse().unwrap(),
            offer: OFFERS.iter().position(|offer| *offer == text("offer", row)).unwrap(),
            propensity: number("propensity", row).unwrap(),
            contacted: number("propensity_contacted", row).unwrap(),
            alone: number("propensity_alone", row).unwrap(),
            uplift: ["uplift", "uplift_lower", "uplift_upper"].map(|name| number(name, row)),
            evidence: text("evidence", row),
            action_probability: number("action_probability", row).unwrap(),
            value: ["", "_lower", "_upper"].map(|end| whole(&format!("expected_value{end}_minor"), row)),
            margin: whole("margin_minor", row).unwrap(),
            lever: whole("lever_minor", row).unwrap(),
            cost: whole("contact_cost_minor", row).unwrap(),
        }));
    }
    rows
}

fn mean(rows: &[Row], of: impl Fn(&Row) -> f64) -> f64 {
    rows.iter().map(of).sum::<f64>() / rows.len() as f64
}

/// Value and interval of an offer's effect in log-odds.
fn effect(contact: &Value) -> [f64; 3] {
    let number = |value: &Value| value.as_f64().unwrap();
    [number(&contact["log_odds"]), number(&contact["interval"][0]), number(&contact["interval"][1])]
}

/// Share of takes in the 60 days after a targeted contact, over that of the draw's held-back: what campaigns seem to do.
fn naive_ratio(world: &World) -> f64 {
    let rate = |arm: &str| {
        let closed = world.sent.iter().filter(|sent| sent.arm == arm && world.today - sent.day > WORKS);
        let (mut n, mut takes) = (0.0, 0.0);
        for sent in closed {
            let taken = world.taken[sent.customer * OFFERS.len() + sent.offer];
            n += 1.0;
            takes += f64::from(u8::from(taken.is_some_and(|day| day >= sent.day && day - sent.day < WORKS)));
        }
        takes / n
    };
    rate("targeted") / rate("control")
}

#[test]
fn campaigns_that_chase_likely_buyers_get_no_credit() {
    let mut world = World::new(1, 0.0);
    world.months(14, 0.2);
    assert!(naive_ratio(&world) > 1.8, "campaigns look as if they sold: {}", naive_ratio(&world));
    let published = world.run();
    for (offer, contact) in &published.contacts {
        let [_, lower, upper] = effect(contact);
        assert!(lower < 0.0 && 0.0 < upper, "{offer}: {contact}");
        assert_eq!(contact["evidence"], "randomised");
        assert!(contact["draw"]["held_back"]["rows"].as_u64().unwrap() > 1_000, "{contact}");
    }
    for row in published.offers.iter().chain(&published.shadow) {
        let [uplift, lower, upper] = row.uplift.map(Option::unwrap);
        assert!(lower < 0.0 && 0.0 < upper && lower <= uplift && uplift <= upper);
        assert_eq!(row.evidence, "randomised");
    }
}

#[test]
fn a_contact_that_sells_is_found_and_the_propensity_lies_between() {
    let planted = 0.8;
    let mut world = World::new(2, planted);
    world.quarters(5, 0.5);
    let published = world.run();
    for (offer, contact) in &published.contacts {
        let [value, lower, upper] = effect(contact);
        assert!(lower < planted && planted < upper && lower > 0.2, "{offer}: {value} {lower} {upper}");
        // Half of those behind the propensity were being contacted, the chased and the drawn.
        let share = contact["contacted_share"].as_f64().unwrap();
        assert!((0.2..0.8).contains(&share), "{share}");
    }
    for row in &published.offers {
        assert!(row.alone < row.propensity && row.propensity < row.contacted);
        assert!((row.contacted - row.alone - row.uplift[0].unwrap()).abs() < 1e-12);
    }
    // Sent to everybody it names, the run's table is right about the takes; and so is its shadow about those left alone.
    let from = world.today;
    world.send(&published);
    world.live(from + WORKS);
    for (rows, of) in
        [(&published.offers, (|row| row.contacted) as fn(&Row) -> f64), (&published.shadow, |row| row.alone)]
    {
        let (observed, expected) = (world.takes(rows, from), mean(rows, of) * rows.len() as f64);
        let error = expected.sqrt() / expected;
        assert!((observed / expected - 1.0).abs() < 0.15 + 2.5 * error, "{observed} of {expected}");
    }
}

/// Learned from those left alone, the propensity is that without a contact, and half as many sell more than it says.
#[test]
fn models_of_those_left_alone_tell_of_them() {
    let mut world = World::new(3, 0.8);
    world.quarters(5, 0.5);
    for from in ["left_alone", "held_back"] {
        let published = world.run_with(&format!("train.learn_from=\"{from}\""));
        for row in published.offers.iter().chain(&published.shadow) {
            assert!((row.alone - row.propensity).abs() < 1e-6 && row.contacted > 1.2 * row.propensity, "{from}");
        }
        let share = |contact: &Value| contact["contacted_share"].as_f64();
        assert!(published.contacts.values().all(|contact| share(contact) == Some(0.0)));
    }
    let published = world.run_with("train.learn_from=\"left_alone\"");
    let from = world.today;
    world.send(&published);
    world.live(from + WORKS);
    let expected = mean(&published.shadow, |row| row.propensity) * published.shadow.len() as f64;
    let observed = world.takes(&published.shadow, from);
    assert!((observed / expected - 1.0).abs() < 0.15 + 2.5 / expected.sqrt(), "{observed} of {expected}");
}

/// A run's offers are contacts of the next: who was chosen bought more often, and always would have.
#[test]
fn five_rounds_on_own_offers_do_not_believe_in_themselves() {
    let mut world = World::new(3, 0.0);
    world.months(12, 0.0);
    let mut rounds = Vec::new();
    for round in 0..5 {
        let published = world.run();
        let from = world.today;
        let expected = if round == 0 { "observational" } else { "randomised" };
        assert!(published.offers.iter().all(|row| row.evidence == expected), "round {round}");
        for contact in published.contacts.values().filter(|contact| !contact.is_null()) {
            let [_, lower, upper] = effect(contact);
            assert!(lower < 0.0 && 0.0 < upper, "round {round}: {contact}");
        }
        world.send(&published);
        // Long enough for every window to be over, and for somebody to have bought on a later day.
        world.live(from + 100);
        let (observed, n) = (world.takes(&published.offers, from), published.offers.len() as f64);
        rounds.push((mean(&published.offers, |row| row.contacted), observed, n));
    }
    for (round, (contacted, observed, n)) in rounds.iter().enumerate() {
        let expected = contacted * n;
        let ratio = observed / expected;
        assert!((ratio - 1.0).abs() < 0.1 + 2.5 / expected.sqrt(), "round {round}: {observed} of {expected:.1}");
    }
    let ((first, ..), (last, ..)) = (rounds[0], rounds[4]);
    assert!(last < 1.2 * first, "{first} became {last}");
}

/// Months of margin counted in the pipeline file, as its defaults have them.
fn months() -> f64 {
    let interest = 0.95_f64.powf(-1.0 / 12.0) - 1.0;
    (0..12).map(|month| (0.98 / (1.0 + interest)).powi(month)).sum()
}

const INCREMENTAL: &str = "decide.value=\"incremental\"";

#[test]
fn an_offer_is_worth_what_the_contact_adds() {
    let mut world = World::new(2, 0.8);
    world.quarters(5, 0.5);
    let base = world.run_under(&[INCREMENTAL]);
    assert!(base.offers.len() > 100, "{}", base.offers.len());
    for row in base.offers.iter().chain(&base.shadow) {
        let gain = row.margin as f64 * months();
        let expected = (row.contacted - row.alone) * gain;
        let [value, lower, upper] = row.value.map(Option::unwrap);
        assert!((value as f64 - expected).abs() <= 0.51, "{value} {expected}");
        assert!(lower <= value && value <= upper && lower < upper);
        assert_eq!((row.lever, row.cost), (0, 0));
    }
    let key = |row: &Row| (row.customer, row.offer);
    let values: BTreeMap<_, _> = base.offers.iter().map(|row| (key(row), row.value[0].unwrap())).collect();
    // A lever moves the rank and leaves the value; a dearer channel and lost customers take from it.
    let pulled = world.run_under(&[INCREMENTAL, "decide.levers.security.factor=3.0"]);
    for row in &pulled.offers {
        let value = row.value[0].unwrap();
        assert_eq!(row.lever, if row.offer == 0 { row.lever } else { 0 });
        assert!(row.offer != 0 || (row.lever - 2 * value).abs() <= 2, "{} {value}", row.lever);
        assert_eq!(values.get(&key(row)).copied().unwrap_or(value), value);
    }
    let dearer = world.run_under(&[INCREMENTAL, "decide.channel_cost_minor.mail=70", "decide.churn_per_contact=0.001"]);
    assert!(dearer.offers.len() < base.offers.len() && !dearer.offers.is_empty());
    for row in &dearer.offers {
        // The line everybody holds, and what else is held of the two.
        let other = world.taken[row.customer * OFFERS.len() + 1 - row.offer].is_some();
        let held = 900 + if other { [400, 500][row.offer] } else { 0 };
        let lost = 70.0 + 0.001 * f64::from(held) * months();
        let difference = values[&key(row)] - row.value[0].unwrap();
        assert!((difference as f64 - lost).abs() <= 1.01 && row.cost == 70, "{difference} {lost}");
    }
}

#[test]
fn an_offer_that_contacts_make_rarer_is_not_made() {
    let mut world = World::new(5, -1.2);
    world.quarters(5, 0.5);
    for setting in [INCREMENTAL, "decide.value=\"taking\""] {
        let published = world.run_with(setting);
        let harmful: Vec<usize> =
            (0..OFFERS.len()).filter(|&offer| effect(&published.contacts[OFFERS[offer]])[2] < 0.0).collect();
        assert!(!harmful.is_empty());
        assert!(published.offers.iter().chain(&published.shadow).all(|row| !harmful.contains(&row.offer)));
        assert!(published.removed["harmful"].as_u64().unwrap() > 1_000, "{}", published.removed);
    }
}

#[test]
fn without_draws_takes_are_valued_and_the_row_says_so() {
    let mut world = World::new(3, 0.0);
    world.months(12, 0.0);
    let published = world.run_with(INCREMENTAL);
    for row in &published.offers {
        let expected = row.propensity * row.margin as f64 * months();
        assert!((row.value[0].unwrap() as f64 - expected).abs() <= 0.51);
        assert_eq!((row.evidence.as_str(), row.value[1], row.uplift[0]), ("observational", None, None));
    }
    let assumed = world.run_under(&[
        INCREMENTAL,
        "decide.response={ security = 0.5, storage = 0.5 }",
        "decide.min_value_minor=0",
    ]);
    for row in &assumed.offers {
        let expected = (row.contacted - row.alone) * row.margin as f64 * months();
        assert!((row.value[0].unwrap() as f64 - expected).abs() <= 0.51);
        assert_eq!((row.evidence.as_str(), row.value[1]), ("assumed", None));
    }
}

#[test]
fn an_offer_without_a_margin_is_an_error() {
    let mut world = World::new(4, 0.8);
    world.contact(0, 1, "control", 0.5);
    world.write();
    let products = "product_id,family,tier,margin\nline,line,1,900\nsecurity,security,1,\nstorage,storage,1,400\n";
    fs::write(world.dir.path().join("products.csv"), products).unwrap();
    let output = Command::new(OSUSUME)
        .args(["run", "plan.toml", "--as-of", "2025-01-01", "--no-export", "--quiet"])
        .current_dir(world.dir.path())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("security") && said.contains("margin"), "{said}");
}

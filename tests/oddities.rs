//! Tables that are odd but not broken: what a run leaves out of them, and that it says so.

use std::fmt::Write;
use std::fs;
use std::sync::OnceLock;

use serde_json::Value;

use super::support::{AS_OF, Company, names, text};

/// Holdings of a product that is in no catalogue.
const UNKNOWN: u64 = 7;
/// Customers whose consents had arrived by the as-of date; the others' arrive a day too late.
const HEARD: &str = "C000000200";

/// A company with all oddities at once, and what its run said on standard error.
struct Odd {
    company: Company,
    said: String,
}

impl Odd {
    fn new() -> &'static Self {
        static ODD: OnceLock<Odd> = OnceLock::new();
        ODD.get_or_init(|| {
            let company = Company::new();
            company.edit("data/isp/holdings.csv", with_unknown_products);
            company.edit("data/isp/tickets.csv", with_late_topic);
            company.edit("data/isp/consents.csv", with_arrivals);
            company.edit("data/isp/contacts.csv", with_other_dates);
            company.edit("pipelines/isp.toml", declared);
            let output = company.osusume(&["run", "pipelines/isp.toml", "--as-of", AS_OF]);
            let said = text(&output.stderr);
            assert!(output.status.success(), "{said}");
            Self { company, said }
        })
    }

    fn json(&self, file: &str) -> Value {
        let current = self.company.published().0;
        let run = current.split(' ').next().unwrap();
        serde_json::from_slice(&fs::read(self.company.path(&format!("runs/isp/{run}/{file}"))).unwrap()).unwrap()
    }

    /// Subjects of the features of one source and kind of sentence.
    fn subjects(&self, source: &str, sentence: &str) -> Vec<String> {
        let dictionary = self.json("features/dictionary.json");
        let features = dictionary["features"].as_array().unwrap().iter();
        let own = features.filter(|feature| feature["source"] == source && feature["text"] == sentence);
        let mut subjects: Vec<String> = own.map(|feature| feature["subject"].as_str().unwrap().to_owned()).collect();
        subjects.dedup();
        subjects
    }
}

fn with_unknown_products(csv: &str) -> String {
    let line = |(i, line): (usize, &str)| {
        let product = line.split(',').nth(2).unwrap();
        let is_changed = (11..11 + UNKNOWN as usize).contains(&i);
        if is_changed { line.replacen(&format!(",{product},"), ",line_9g,", 1) + "\n" } else { line.to_owned() + "\n" }
    };
    csv.lines().enumerate().map(line).collect()
}

/// Tickets of two topics, long before the first as-of date: those of `heard` arrived then, those of `unheard` do only after it.
fn with_late_topic(csv: &str) -> String {
    let mut text = csv.to_owned();
    for i in 0..200 {
        writeln!(text, "C{i:09},2025-01-10,,unheard,,,2026-09-15T00:00:00Z").unwrap();
        writeln!(text, "C{i:09},2025-01-10,,heard,,,2025-01-11T00:00:00Z").unwrap();
    }
    text
}

fn with_arrivals(csv: &str) -> String {
    let (header, rows) = csv.split_once('\n').unwrap();
    let arrival = |line: &str| if line < HEARD { "" } else { "2026-10-01T15:00:00Z" };
    rows.lines().fold(format!("{header},arrived_at\n"), |text, line| text + line + "," + arrival(line) + "\n")
}

/// The day of every contact as an old system writes it.
fn with_other_dates(csv: &str) -> String {
    let (header, rows) = csv.split_once('\n').unwrap();
    rows.lines().fold(format!("{header}\n"), |text, line| {
        let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
        fields[1] = fields[1][..10].replace('-', "/").replace("/0", "/");
        text + &fields.join(",") + "\n"
    })
}

fn declared(config: &str) -> String {
    let reload = "role = \"customers\"\nhistory = \"snapshot\"\nassume_static = [\"prefecture\", \"birth_year\"]";
    let config = config.replacen("role = \"customers\"", reload, 1);
    let config = config.replacen("role = \"contacts\"", "role = \"contacts\"\ndate_format = \"%Y/%m/%d\"", 1);
    config.replacen("at = \"recorded_at\"", "at = \"recorded_at\", arrived = \"arrived_at\"", 1)
}

#[test]
fn holdings_of_unknown_products_are_counted_and_warned_of() {
    let odd = Odd::new();
    let warning = odd.said.lines().find(|line| line.contains("E1027")).expect("a warning");
    assert!(warning.starts_with("warning"), "{warning}");
    assert!(odd.said.contains("line_9g (7)"), "{}", odd.said);
    assert_eq!(odd.json("summary.json")["holdings_of_unknown_products"], UNKNOWN);
    let counts = &odd.json("MANIFEST.json")["counts"]["holdings"];
    assert_eq!(counts["excluded"]["unknown_product"], UNKNOWN);
    let read = fs::read_to_string(odd.company.path("data/isp/holdings.csv")).unwrap().lines().count() as u64 - 1;
    assert_eq!((&counts["read"], &counts["accepted"]), (&read.into(), &(read - UNKNOWN).into()));
}

#[test]
fn of_a_reloaded_table_only_what_never_changes_becomes_a_feature() {
    assert_eq!(Odd::new().subjects("customers", "attribute"), ["birth_year", "prefecture"]);
}

#[test]
fn a_level_is_counted_from_its_arrival() {
    let topics = Odd::new().subjects("tickets", "count_window");
    assert!(topics.contains(&"heard".to_owned()), "{topics:?}");
    assert!(!topics.contains(&"unheard".to_owned()), "{topics:?}");
}

#[test]
fn a_consent_counts_from_its_arrival() {
    let delivered = fs::read_to_string(Odd::new().company.path("out/isp-offers.csv")).unwrap();
    let customers: Vec<&str> = delivered.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
    assert!(!customers.is_empty());
    assert!(customers.iter().all(|customer| *customer < HEARD), "{customers:?}");
}

#[test]
fn dates_of_a_declared_form_are_read() {
    let counts = &Odd::new().json("MANIFEST.json")["counts"]["contacts"];
    assert!(counts["read"].as_u64() > Some(0));
    assert_eq!((&counts["read"], &counts["rejected"]), (&counts["accepted"], &0.into()));
}

#[test]
fn a_quiet_run_says_nothing() {
    let company = Company::new();
    let output = company.osusume(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--quiet"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), "");
}

/// A shop with purchases and subscriptions whose offers are categories only: what is held stands on no ladder.
#[test]
fn categories_are_offered_beside_subscriptions() {
    let company = Company::new();
    let mut purchases = "id,at,product\n".to_owned();
    let mut held = "id,product,since\n".to_owned();
    let (mut people, mut seed) = ("id\n".to_owned(), 1_u64);
    for customer in 0..300 {
        writeln!(people, "K{customer}").unwrap();
        writeln!(held, "K{customer},box,2025-01-{:02}", customer % 28 + 1).unwrap();
        for month in 1..=9 {
            // A linear congruential generator (Knuth): who buys what is of no matter here, only that some do and others do not.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let product = ["tea", "jam", "rice", "salt"][(seed >> 40) as usize % 4];
            writeln!(purchases, "K{customer},2026-{month:02}-{:02},{product}", (seed >> 50) % 28 + 1).unwrap();
        }
    }
    let goods = "product,aisle,family,tier,margin\ntea,drinks,,,\njam,sweets,,,\nrice,staples,,,\nsalt,staples,,,\nbox,,box,1,5\n";
    for (name, table) in [("people", people), ("purchases", purchases), ("held", held), ("goods", goods.to_owned())] {
        fs::write(company.path(&format!("data/{name}.csv")), table).unwrap();
    }
    fs::write(company.path("pipelines/shop.toml"), SHOP).unwrap();
    let page = company.succeed(&["run", "pipelines/shop.toml", "--as-of", "2026-10-01"]);
    assert!(page.contains("drinks") && page.contains("sweets"), "{page}");
}

/// In a table of one date whoever holds nothing yet is a customer like any other.
#[test]
fn who_holds_nothing_stands_in_a_cross_section() {
    let company = Company::new();
    let mut table = "id;age;loan;card\n".to_owned();
    for customer in 0..600_u32 {
        // Every third holds a loan, every fourth a card, and half of all neither.
        let holds = |n: u32| if customer.is_multiple_of(n) { "yes" } else { "no" };
        writeln!(table, "K{customer};{};{};{}", 20 + customer % 50, holds(3), holds(4)).unwrap();
    }
    fs::write(company.path("data/bank.csv"), table).unwrap();
    fs::write(company.path("data/goods.csv"), "code,family,tier,margin\nloan,loan,1,9\ncard,card,1,2\n").unwrap();
    fs::write(company.path("pipelines/bank.toml"), BANK).unwrap();
    company.succeed(&["run", "pipelines/bank.toml", "--as-of", "2026-10-01"]);
    let current = fs::read_to_string(company.path("runs/bank/CURRENT")).unwrap();
    let summary = company.path(&format!("runs/bank/{}/summary.json", current.split(' ').next().unwrap()));
    let summary: Value = serde_json::from_slice(&fs::read(summary).unwrap()).unwrap();
    assert_eq!((&summary["customers"], &summary["decisions"]["scored"]), (&600.into(), &600.into()));
    let report = company.succeed(&["report", "runs/bank"]);
    assert!(!report.contains("expected value</p>"), "resemblance is worth no money");
    // A header of another delimiter is one mistake.
    company.edit("pipelines/bank.toml", |text| text.replace("delimiter = \";\"\n", ""));
    let output = company.osusume(&["check", "pipelines/bank.toml", "--as-of", "2026-10-01"]);
    let said = text(&output.stderr);
    assert_eq!(said.matches("error[E1004]").count(), 2, "one a source: {said}");
    assert!(said.contains("delimiter = \";\""), "{said}");
}

const BANK: &str = r#"
[pipeline]
name = "bank"
time_zone = "UTC"
currency = "EUR"
purpose = "tests"
[sources.customers]
role = "customers"
path = "../data/bank.csv"
delimiter = ";"
columns = { customer = "id" }
attributes = { age = "integer" }
[sources.held]
role = "cross_section"
path = "../data/bank.csv"
delimiter = ";"
columns = { customer = "id" }
holds = { loan = { loan = "yes" }, card = { card = "yes" } }
[sources.goods]
role = "products"
path = "../data/goods.csv"
columns = { product = "code", family = "family", tier = "tier", margin = "margin" }
[offers.cross_sell]
families = ["loan", "card"]
[decide]
consent = { required = false }
"#;

const SHOP: &str = r#"
[pipeline]
name = "shop"
time_zone = "UTC"
currency = "EUR"
purpose = "tests"
[sources.people]
role = "customers"
path = "../data/people.csv"
columns = { customer = "id" }
[sources.purchases]
role = "purchases"
path = "../data/purchases.csv"
columns = { customer = "id", at = "at", product = "product" }
[sources.held]
role = "holdings"
path = "../data/held.csv"
columns = { customer = "id", product = "product", start = "since" }
[sources.goods]
role = "products"
path = "../data/goods.csv"
columns = { product = "product", family = "family", tier = "tier", margin = "margin" }
attributes = { aisle = "category" }
[offers]
horizon_days = 28
gap_days = 0
kept_days = 0
[offers.category]
source = "purchases"
level = "aisle"
names = ["drinks", "sweets"]
not_bought_days = 60
margin_minor = 100
[train]
as_of = { every = "1 month", count = 3 }
min_positives = 5
[decide]
consent = { required = false }
hold_after = [{ event = "purchase", days = 3 }]
"#;

/// Contacts about offers nobody knows count toward limits like any other, and are counted.
#[test]
fn contacts_about_unknown_offers_are_counted() {
    let company = Company::new();
    let run = |more: &[&str]| {
        let arguments = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--quiet"];
        company.succeed(&[&arguments[..], more].concat());
        let name = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap();
        let read = fs::read(company.path(&format!("runs/isp/{name}/summary.json"))).unwrap();
        serde_json::from_slice::<Value>(&read).unwrap()["decisions"].clone()
    };
    let before = run(&[]);
    assert!(before.get("contacts_of_unknown_offers").is_none());
    let ids: Vec<String> = fs::read_to_string(company.path("data/isp/customers.csv"))
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect();
    company.edit("data/isp/contacts.csv", |csv| {
        let about = |id: &String| format!("{id},2026-09-20,old_campaign,mail,,,,2026-09-20T23:00:00Z\n").repeat(2);
        csv.to_owned() + &ids.iter().take(50).map(about).collect::<String>()
    });
    let after = run(&[]);
    assert_eq!(after["contacts_of_unknown_offers"], 100);
    let rested = |decisions: &Value| decisions["removed"]["contact_limit"].as_u64().unwrap_or(0);
    assert!(rested(&after) > rested(&before) + 50, "{} {}", rested(&after), rested(&before));
    assert!(run(&["--set", "decide.mandatory=[\"old_campaign\"]"]).get("contacts_of_unknown_offers").is_none());
}

/// Holdings that overlap are one: what is held, and at which step, is the same.
#[test]
fn overlapping_holdings_are_one() {
    let company = Company::new();
    let fates = || {
        company.succeed(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--quiet"]);
        let name = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap();
        let decided = super::timing::table(&company, &format!("runs/isp/{name}"), "decisions");
        let offers = ["line_1g", "line_10g", "tv", "wifi_mesh", "storage", "security_family"];
        let held = ["already_held", "higher_tier_held", "ladder_step", "prerequisite", "excluded"];
        let words = offers.map(|offer| super::timing::words(&decided, offer));
        words.map(|words| {
            words.into_iter().map(|word| held.contains(&word.as_str()).then_some(word)).collect::<Vec<_>>()
        })
    };
    let before = fates();
    company.edit("data/isp/holdings.csv", |csv| {
        let mut lines = csv.lines();
        let head = lines.next().unwrap().to_owned() + "\n";
        // Every third row stands there twice, under a second contract.
        let twice = |(at, line): (usize, &str)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[1] = "SECOND";
            if at % 3 == 0 { format!("{line}\n{}\n", cells.join(",")) } else { format!("{line}\n") }
        };
        head + &lines.enumerate().map(twice).collect::<String>()
    });
    assert!(before == fates());
    assert!(before.iter().flatten().flatten().count() > 200);
}

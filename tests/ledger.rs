//! Two runs a fortnight apart: what the first has out counts in the second, in both arms alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use arrow::array::{Array, AsArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::support::{AS_OF, Company, names};

const PIPELINE: &str = "pipelines/isp.toml";
/// As-of date of the first run: the second falls within the days of its limit.
const FIRST: &str = "2026-09-17";
/// A limit of one contact, and a holdout that is large enough to look at.
const SETTINGS: [&str; 4] = ["--set", "decide.contact_limit.max=1", "--set", "decide.holdout.fraction=0.4"];

type Table = Vec<BTreeMap<String, String>>;

fn run(company: &Company, as_of: &str, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", as_of, "--no-export", "--output", "json"];
    let said: Value = serde_json::from_str(&company.succeed(&[&arguments[..], &SETTINGS, more].concat())).unwrap();
    said["outcome"].as_str().unwrap().to_owned()
}

/// The text columns of a table of the newest run as of a date.
fn table(company: &Company, as_of: &str, name: &str) -> Table {
    let run = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(as_of)).unwrap();
    let file = File::open(company.path(&format!("runs/isp/{run}/{name}.parquet"))).unwrap();
    let mut table = Table::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            let schema = batch.schema();
            let cells = schema.fields().iter().zip(batch.columns()).filter_map(|(field, column)| {
                let text = column.as_string_opt::<i32>()?;
                text.is_valid(row).then(|| (field.name().clone(), text.value(row).to_owned()))
            });
            table.push(cells.collect());
        }
    }
    table
}

fn ids(table: &Table) -> BTreeSet<&str> {
    table.iter().map(|row| row["customer_id"].as_str()).collect()
}

/// What became of the offers of some customers: one set of words a customer.
fn fates<'a>(decisions: &'a Table, of: &BTreeSet<&str>) -> Vec<BTreeSet<&'a str>> {
    let words = |row: &'a BTreeMap<String, String>| {
        let offers = row.iter().filter(|(name, _)| !name.contains('/') && !["customer_id", "arm"].contains(&&***name));
        offers.map(|(_, word)| word.as_str()).collect()
    };
    decisions.iter().filter(|row| of.contains(row["customer_id"].as_str())).map(words).collect()
}

const CAMPAIGNS: [&str; 2] = ["--set", "decide.contact_limit.outstanding=true"];

/// Of the customers of some rows, the share rested by the limit.
fn share_rested(company: &Company, of: &Table) -> f64 {
    let decisions = table(company, AS_OF, "decisions");
    let fates = fates(&decisions, &ids(of));
    let is_rested = |words: &&BTreeSet<&str>| words.contains("contact_limit") && !words.contains("chosen");
    fates.iter().filter(is_rested).count() as f64 / fates.len() as f64
}

/// Rows of contacts made three days after the first run, about every `nth` of its offers.
fn contacts(offers: &Table, nth: usize) -> String {
    let row = |row: &BTreeMap<String, String>| {
        format!("{},2026-09-20,{},mail,targeted,0.5,,2026-09-20T23:00:00Z\n", row["customer_id"], row["offer"])
    };
    offers.iter().step_by(nth).map(row).collect()
}

#[test]
fn the_limit_rests_both_arms_alike() {
    let company = Company::new();
    assert_eq!(run(&company, FIRST, &[]), "published");
    let (offers, shadow) = (table(&company, FIRST, "offers"), table(&company, FIRST, "shadow"));
    assert!(ids(&offers).len() > 50 && ids(&shadow).len() > 30, "{} and {}", offers.len(), shadow.len());
    let made = std::fs::read_to_string(company.path("data/isp/contacts.csv")).unwrap();
    // By the share of offers that were contacted: the share of either arm that rests.
    for (nth, from, to) in [(0, 0.0, 0.15), (2, 0.35, 0.75), (1, 0.95, 1.0)] {
        let more = if nth == 0 { String::new() } else { contacts(&offers, nth) };
        std::fs::write(company.path("data/isp/contacts.csv"), format!("{made}{more}")).unwrap();
        assert_eq!(run(&company, AS_OF, &[]), "published");
        for arm in [&offers, &shadow] {
            let share = share_rested(&company, arm);
            assert!((from..=to).contains(&share), "every {nth}: {share}");
        }
    }
    let others = table(&company, AS_OF, "offers");
    assert!(!others.is_empty() && ids(&others).is_disjoint(&ids(&offers)), "others have their turn");
}

#[test]
fn what_is_out_counts_where_every_run_is_a_campaign() {
    let company = Company::new();
    assert_eq!(run(&company, FIRST, &CAMPAIGNS), "published");
    let (offers, shadow) = (table(&company, FIRST, "offers"), table(&company, FIRST, "shadow"));
    assert_eq!(run(&company, AS_OF, &CAMPAIGNS), "published");
    for arm in [&offers, &shadow] {
        assert!(share_rested(&company, arm) > 0.9);
    }
    assert_eq!(ids(&table(&company, AS_OF, "outstanding")).len(), ids(&offers).len() + ids(&shadow).len());

    // The same inputs and the same earlier run; and every customer is explained out of the run alone.
    assert_eq!(run(&company, AS_OF, &CAMPAIGNS), "already_published");
    std::fs::rename(company.path("runs/isp"), company.path("elsewhere")).unwrap();
    for id in ids(&shadow).into_iter().take(3).chain(ids(&offers).into_iter().take(3)) {
        let why: Value = serde_json::from_str(&company.succeed(&["why", id, "elsewhere", "--output", "json"])).unwrap();
        assert!(why["offers"].as_array().unwrap().iter().all(|offer| offer["fate"] != "chosen"));
    }
}

/// A contact that is fed back takes the place of the offer it came from.
#[test]
fn an_offer_and_its_contact_count_once() {
    let company = Company::new();
    let more = [
        "decide.contact_limit.outstanding=true",
        "decide.contact_limit.max=2",
        "decide.contact_limit.days=20",
        "decide.per_customer=1",
    ];
    let more = more.map(|setting| ["--set", setting]).concat();
    assert_eq!(run(&company, FIRST, &more), "published");
    // Contacts of the company's own making would count beside the planted ones.
    let made = std::fs::read_to_string(company.path("data/isp/contacts.csv")).unwrap();
    let is_left_alone = |row: &BTreeMap<String, String>| {
        let lately = format!("{},2026-09", row["customer_id"]);
        !made.lines().any(|line| line.starts_with(&lately))
    };
    let offers: Table = table(&company, FIRST, "offers").into_iter().filter(is_left_alone).collect();
    assert!(offers.len() > 50, "{}", offers.len());
    let about = |days: &[u8], name: Option<&str>| {
        let row = |row: &BTreeMap<String, String>, day: &u8| {
            let (customer, offer) = (&row["customer_id"], name.unwrap_or(&row["offer"]));
            format!("{customer},2026-09-{day},{offer},mail,targeted,0.5,,2026-09-{day}T23:00:00Z\n")
        };
        offers.iter().flat_map(|offer| days.iter().map(move |day| row(offer, day))).collect::<String>()
    };
    let contacts = |days: &[u8]| about(days, None);
    let rested = |contacts: String| {
        std::fs::write(company.path("data/isp/contacts.csv"), format!("{made}{contacts}")).unwrap();
        assert_eq!(run(&company, AS_OF, &more), "published");
        let decisions = table(&company, AS_OF, "decisions");
        fates(&decisions, &ids(&offers)).iter().filter(|words| words.contains("contact_limit")).count()
    };
    let (none, once, twice) = (rested(String::new()), rested(contacts(&[20])), rested(contacts(&[20, 21])));
    assert_eq!((none, once), (0, 0), "the contact is the offer's");
    assert!(twice > offers.len() / 2, "{twice} of {}", offers.len());
    // A contact about a newsletter was not the offer's, which is still out.
    let beside = rested(about(&[20], Some("newsletter")));
    assert!(beside > offers.len() / 2, "{beside} of {}", offers.len());
}

/// What is out lasts as long as the run said that made it, however short the offers of later runs are.
#[test]
fn an_offer_lasts_as_long_as_its_own_run_said() {
    let company = Company::new();
    assert_eq!(run(&company, FIRST, &CAMPAIGNS), "published");
    let offers = table(&company, FIRST, "offers");
    let short = ["offers.horizon_days=10", "offers.gap_days=1", "decide.contact_limit.days=5"];
    let short = short.map(|setting| ["--set", setting]).concat();
    assert_eq!(run(&company, AS_OF, &[&CAMPAIGNS[..], &short].concat()), "published");
    assert!(share_rested(&company, &offers) > 0.9);
}

/// An offer that may no longer be contacted about is out no more, though it would still count as taken.
#[test]
fn an_offer_is_out_until_it_is_too_late_for_it() {
    let company = Company::new();
    let rested = |until: &str| {
        let trigger = format!(
            "decide.trigger=[{{name=\"week\",when=\"customers_birth_year > 1900\",effect=\"date\",until=\"{until}\"}}]"
        );
        let more = [&CAMPAIGNS[..], &["--set", &trigger]].concat();
        assert_eq!(run(&company, FIRST, &more), "published");
        let offers = table(&company, FIRST, "offers");
        assert!(ids(&offers).len() > 50);
        assert_eq!(run(&company, AS_OF, &more), "published");
        let share = share_rested(&company, &offers);
        std::fs::remove_dir_all(company.path("runs")).unwrap();
        share
    };
    // The second run is fourteen days after the first.
    assert!(rested("15") > 0.8);
    assert!(rested("14") < 0.2);
}

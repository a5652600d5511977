//! Rules, triggers and lanes that a pipeline file declares, against what its tables say, told once more in the plainest way.

use std::collections::BTreeMap;
use std::fs::{self, File};

use arrow::array::{AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{Date32Type, Float32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::support::{AS_OF, Company, files_below, names, text};

const PIPELINE: &str = "pipelines/isp.toml";
const OVERLAY: &str = "pipelines/timing.toml";
/// 2026-10-01 as a day number.
const TODAY: i32 = 20_727;

const DECLARED: &str = r#"
[decide]
value = "taking"

[sources.customers]
restricted = ["birth_year"]

[[decide.rule]]
name = "elderly"
layer = "suitability"
offers = ["security", "line_10g"]
when = "customers_birth_year <= 1955"
reason_en = "not sold to customers past seventy"
reason_ja = "70歳以上のお客様には案内しません"

[[decide.rule]]
name = "open_trouble"
layer = "applicability"
unless = "is_absent(tickets_recency) or tickets_recency >= 60"

[[decide.rule]]
name = "osaka"
layer = "eligibility"
offers = ["tv"]
when = "customers_prefecture == 'osaka'"

[[decide.trigger]]
name = "renewal_near"
when = "holdings_days_to_renewal <= 200"
offers = ["tv"]
effect = "unlock"

[[decide.trigger]]
name = "renewal_call"
when = "holdings_days_to_renewal > 0"
offers = ["tv", "line_1g"]
effect = "date"
from = "holdings_days_to_renewal - 160"
until = "holdings_days_to_renewal - 30.5"

[[decide.trigger]]
name = "busy"
when = "usage_traffic_gb_surge_30d > 0.9"
offers = ["line"]
effect = "expire"
days = 21

[[decide.lane]]
name = "care"
when = "tickets_count_365d >= 2"
offers = ["support"]

[[decide.lane]]
name = "nurture"
when = "holdings_tenure < 180"
"#;

fn company(overlay: &str) -> Company {
    let company = Company::new();
    fs::write(company.path(OVERLAY), overlay).unwrap();
    company
}

/// The directory of a run with these further arguments.
pub(crate) fn run(company: &Company, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--quiet"];
    company.succeed(&[&arguments[..], more].concat());
    format!("runs/isp/{}", names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap())
}

pub(crate) fn table(company: &Company, run: &str, name: &str) -> RecordBatch {
    let file = File::open(company.path(&format!("{run}/{name}.parquet"))).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn texts(table: &RecordBatch, name: &str) -> Vec<Option<String>> {
    table.column_by_name(name).unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

pub(crate) fn words(table: &RecordBatch, name: &str) -> Vec<String> {
    texts(table, name).into_iter().map(Option::unwrap).collect()
}

fn numbers(table: &RecordBatch, name: &str) -> Vec<Option<f32>> {
    table.column_by_name(name).unwrap().as_primitive::<Float32Type>().iter().collect()
}

fn dates(table: &RecordBatch, name: &str) -> Vec<Option<i32>> {
    table.column_by_name(name).unwrap().as_primitive::<Date32Type>().iter().collect()
}

/// Born in, and lives in, by customer.
fn people(company: &Company) -> BTreeMap<String, (Option<i32>, String)> {
    let text = fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_owned(), (cells[4].parse().ok(), cells[6].to_owned()))
    };
    text.lines().skip(1).map(row).collect()
}

/// What a condition may look at, of one customer.
struct Person {
    born: Option<i32>,
    prefecture: String,
    tickets_recency: Option<f32>,
    tickets: f32,
    renewal: Option<f32>,
    tenure: Option<f32>,
    surge: Option<f32>,
}

fn read_people(company: &Company, run: &str) -> BTreeMap<String, Person> {
    let known = people(company);
    let features = table(company, run, "features/scoring");
    let of = |name: &str| numbers(&features, name);
    let columns = [
        of("tickets_recency"),
        of("tickets_count_365d"),
        of("holdings_days_to_renewal"),
        of("holdings_tenure"),
        of("usage_traffic_gb_surge_30d"),
    ];
    let ids = words(&table(company, run, "decisions"), "customer_id");
    let person = |(row, id): (usize, String)| {
        let (born, prefecture) = known[&id].clone();
        let [tickets_recency, tickets, renewal, tenure, surge] = [0, 1, 2, 3, 4].map(|column| columns[column][row]);
        let tickets = tickets.unwrap();
        (id, Person { born, prefecture, tickets_recency, tickets, renewal, tenure, surge })
    };
    ids.into_iter().enumerate().map(person).collect()
}

const ELIGIBILITY: [&str; 6] =
    ["no_consent", "already_held", "higher_tier_held", "ladder_step", "prerequisite", "excluded"];
const APPLICABILITY: [&str; 4] = ["recent_purchase", "contact_limit", "hold_after_complaint", "hold_after_purchase"];

fn lane(person: &Person) -> &'static str {
    match person {
        Person { tickets: 2.0.., .. } => "care",
        Person { tenure: Some(..180.0), .. } => "nurture",
        _ => "offer",
    }
}

/// The rule that must be told of a pair that had `before` without any declarations; `None` where none removes it.
fn expected<'a>(before: &'a str, offer: &str, person: &Person) -> Option<&'a str> {
    if ELIGIBILITY.contains(&before) {
        return Some(before);
    }
    if offer == "tv" && person.prefecture == "osaka" {
        return Some("rule:osaka");
    }
    if APPLICABILITY.contains(&before) {
        return Some(before);
    }
    if offer == "tv" && !person.renewal.is_some_and(|days| days <= 200.0) {
        return Some("no_trigger");
    }
    if person.tickets_recency.is_some_and(|days| days < 60.0) {
        return Some("rule:open_trouble");
    }
    let stays = match lane(person) {
        "care" => offer == "support_24h",
        "nurture" => false,
        _ => true,
    };
    if !stays {
        return Some("lane");
    }
    let is_spared =
        ["security", "security_family", "line_10g"].contains(&offer) && person.born.is_some_and(|year| year <= 1955);
    is_spared.then_some("rule:elderly")
}

#[test]
fn every_pair_is_removed_by_the_rule_that_the_file_says() {
    let company = company(DECLARED);
    let before = run(&company, &[]);
    let people = read_people(&company, &before);
    let undeclared = table(&company, &before, "decisions");
    assert!(words(&undeclared, "lane").iter().all(|lane| lane == "offer"));
    let run = run(&company, &["--overlay", OVERLAY]);
    let decided = table(&company, &run, "decisions");
    let ids = words(&decided, "customer_id");
    assert_eq!(ids, words(&undeclared, "customer_id"));

    let summary: Value =
        serde_json::from_slice(&fs::read(company.path(&format!("{run}/summary.json"))).unwrap()).unwrap();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let fields = decided.schema();
    let offers = fields.fields().iter().map(|field| field.name()).filter(|name| !name.contains('/'));
    for offer in offers.filter(|name| !["customer_id", "arm", "lane", "previous"].contains(&name.as_str())) {
        let (was, is) = (words(&undeclared, offer), words(&decided, offer));
        for ((id, was), is) in ids.iter().zip(was).zip(is) {
            match expected(&was, offer, &people[id]) {
                Some(rule) => assert_eq!(is, rule, "{id} {offer}"),
                None => {
                    assert!(["chosen", "below_threshold", "outranked"].contains(&is.as_str()), "{id} {offer}: {is}");
                }
            }
            *counts.entry(is).or_default() += 1;
        }
    }
    for rule in ["rule:osaka", "no_trigger", "rule:open_trouble", "lane", "rule:elderly"] {
        assert!(counts[rule] > 5, "{rule}: {counts:?}");
        assert_eq!(summary["decisions"]["removed"][rule], counts[rule], "{rule}");
    }
    let lanes = words(&decided, "lane");
    for (id, lane_of) in ids.iter().zip(&lanes) {
        assert_eq!(lane_of, lane(&people[id]));
    }
    for lane in ["care", "nurture", "offer"] {
        let n = lanes.iter().filter(|other| *other == lane).count();
        assert!(n > 3, "{lane}: {n}");
        assert_eq!(summary["decisions"]["lanes"][lane], n, "{lane}");
    }
    let page = fs::read_to_string(company.path(&format!("{run}/report.html"))).unwrap();
    assert!(page.contains(">nurture<") && page.contains(">care<"));
    restricted_is_nowhere(&company, &run);
    why_tells(&company, &run, &decided);
}

/// A restricted attribute stands in no file of features or models.
fn restricted_is_nowhere(company: &Company, run: &str) {
    for folder in ["features", "models"] {
        let files = files_below(&company.path(&format!("{run}/{folder}")));
        assert!(!files.is_empty());
        for (name, bytes) in files {
            assert!(!bytes.windows(10).any(|window| window == b"birth_year"), "{folder}/{name}");
        }
    }
}

fn why_tells(company: &Company, run: &str, decided: &RecordBatch) {
    let ids = words(decided, "customer_id");
    let first = |offer: &str, word: &str| {
        let at =
            words(decided, offer).iter().position(|other| other == word).unwrap_or_else(|| panic!("{offer} {word}"));
        ids[at].clone()
    };
    let why = |id: &str, language: &str| company.succeed(&["why", id, run, "--language", language]);
    let elderly = first("line_10g", "rule:elderly");
    assert!(why(&elderly, "en").contains("suitability (should), elderly: not sold to customers past seventy"));
    assert!(why(&elderly, "ja").contains("適否（提案すべきか）／elderly: 70歳以上のお客様には案内しません"));
    let trouble = why(&first("tv", "rule:open_trouble"), "en");
    let condition = "a rule of the pipeline file: not (is_absent(tickets_recency) or tickets_recency >= 60)";
    assert!(trouble.contains(condition), "{trouble}");
    let nurtured = first("tv", "lane");
    assert!(why(&nurtured, "en").contains("lane: "));
    let told: Value = serde_json::from_str(&company.succeed(&["why", &elderly, run, "--output", "json"])).unwrap();
    let spared = told["offers"].as_array().unwrap().iter().find(|offer| offer["rule"] == "rule:elderly").unwrap();
    assert_eq!(spared["condition"], "customers_birth_year <= 1955");
    assert_eq!((told["lane"].as_str(), spared["layer"].as_str()), (Some("offer"), Some("suitability")));
}

#[test]
fn triggers_date_and_expire_rows() {
    let company = company(DECLARED);
    let run = run(&company, &["--overlay", OVERLAY]);
    let people = read_people(&company, &run);
    let (mut seen, mut n_ended) = (BTreeMap::new(), 0);
    for name in ["offers", "shadow"] {
        let rows = table(&company, &run, name);
        let (ids, offers) = (words(&rows, "customer_id"), words(&rows, "offer"));
        let (triggers, expires) = (texts(&rows, "trigger"), dates(&rows, "expires_on"));
        let (from, until) = (dates(&rows, "contact_from"), dates(&rows, "contact_until"));
        for row in 0..rows.num_rows() {
            let (person, offer) = (&people[&ids[row]], offers[row].as_str());
            let is_tv = offer == "tv";
            let days = person.renewal.filter(|days| *days > 0.0).map(f64::from);
            let window = days.map(|days| ((days - 160.0).floor().max(0.0) as i32, (days - 30.5).floor() as i32));
            let is_busy = offer.starts_with("line") && person.surge.is_some_and(|surge| surge > 0.9);
            let ends = if is_busy { 21 } else { 67 };
            let window = window.filter(|(from, until)| from < until && (is_tv || offer == "line_1g"));
            // What ends before its days of contact begin has none.
            n_ended += u32::from(window.is_some_and(|(from, _)| (ends..67).contains(&from)));
            let window = window.filter(|(from, _)| *from < ends);
            let expected = match (is_tv, window, is_busy) {
                (true, ..) => Some("renewal_near"),
                (_, Some(_), _) => Some("renewal_call"),
                (.., true) => Some("busy"),
                _ => None,
            };
            assert_eq!(triggers[row].as_deref(), expected, "{} {offer}", ids[row]);
            assert_eq!(expires[row], Some(TODAY + ends));
            let window = window.map(|(from, until)| (TODAY + from, TODAY + until.min(ends)));
            assert_eq!(from[row].zip(until[row]), window, "{} {offer}", ids[row]);
            *seen.entry(expected).or_insert(0) += 1;
        }
    }
    assert!(seen.len() == 4 && seen.values().all(|n| *n > 2) && n_ended > 2, "{seen:?} {n_ended}");
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let company = company(DECLARED);
    let tables = |threads: &str| {
        let more = ["--overlay", OVERLAY, "--set", "decide.capacity=[{offer=\"tv\",max=30}]", "--threads", threads];
        let run = run(&company, &more);
        let read = ["offers", "shadow", "decisions"]
            .map(|name| fs::read(company.path(&format!("{run}/{name}.parquet"))).unwrap());
        fs::remove_dir_all(company.path("runs")).unwrap();
        read
    };
    assert!(tables("1") == tables("3"));
}

/// What `osusume check` says of an overlay.
fn refused(overlay: &str) -> String {
    let company = company(overlay);
    let output = company.osusume(&["check", PIPELINE, "--overlay", OVERLAY, "--as-of", AS_OF]);
    assert!(!output.status.success(), "{overlay}");
    let run = company.osusume(&["run", PIPELINE, "--overlay", OVERLAY, "--as-of", AS_OF, "--no-export"]);
    assert!(!run.status.success() && !company.path("runs/isp/CURRENT").exists(), "{overlay}");
    text(&output.stderr) + &text(&output.stdout)
}

#[test]
fn what_a_declaration_names_must_be_there() {
    let check = |overlay: &str, parts: &[&str]| {
        let said = refused(overlay);
        assert!(parts.iter().all(|part| said.contains(part)), "{overlay}\n{said}");
    };
    let rule = |rest: &str| format!("[[decide.rule]]\nname = \"r\"\nlayer = \"suitability\"\n{rest}\n");
    check(&rule("when = \"ticket_recency < 30\""), &["E2006", "decide.rule[0].when", "tickets_recency"]);
    check(&rule("when = \"customers_prefecture == 'osaca'\""), &["E2006", "osaca", "osaka"]);
    check(&rule("when = \"tickets_recency\""), &["E2017", "decide.rule[0].when"]);
    check(&rule("when = \"tickets_recency < 30\"\noffers = [\"tvv\"]"), &["E2006", "decide.rule[0].offers[0]", "tv"]);
    check(&rule(""), &["E2005", "decide.rule[0].when"]);
    check(&rule("when = \"tickets_recency <\""), &["E2017", "decide.rule[0].when"]);
    check(
        &rule("when = \"tickets_recency < 3\"\nunless = \"tickets_recency > 5\""),
        &["E2004", "decide.rule[0].unless"],
    );
    let twice = rule("when = \"tickets_recency < 3\"").repeat(2);
    check(&twice, &["E2004", "decide.rule[1].name"]);
    let trigger = |rest: &str| format!("[[decide.trigger]]\nname = \"t\"\nwhen = \"tickets_recency < 30\"\n{rest}\n");
    check(&trigger("effect = \"expire\""), &["E2005", "decide.trigger[0].days"]);
    check(&trigger("effect = \"unlock\"\ndays = 3"), &["E2004", "decide.trigger[0].days"]);
    check(
        &trigger("effect = \"date\"\nfrom = \"holdings_tenur\""),
        &["E2006", "decide.trigger[0].from", "holdings_tenure"],
    );
    check(&trigger("effect = \"date\"\nfrom = \"holdings_tenure > 3\""), &["E2017", "decide.trigger[0].from"]);
    check("[[decide.lane]]\nname = \"offer\"\nwhen = \"holdings_tenure > 3\"\n", &["E2004", "decide.lane[0].name"]);
    check(
        "[[decide.lane]]\nname = \"care\"\nwhen = \"holdings_tenure > 3\"\noffers = [\"suport\"]\n",
        &["E2006", "decide.lane[0].offers[0]", "support"],
    );
    check("[sources.customers]\nrestricted = [\"birth_yeer\"]\n", &["E2006", "restricted[0]", "birth_year"]);
}

//! Approaches in steps, against the contacts there were, told once more in the plainest way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use serde_json::Value;

use super::support::{AS_OF, Company, names, text};
use super::timing::{table, words};

const PIPELINE: &str = "pipelines/isp.toml";
const OVERLAY: &str = "pipelines/approach.toml";
const FIRST: &str = "2026-09-17";

/// What would hide steps is out of the way: every offer is worth a contact, and limits rest nobody.
const PLAIN: &str = r#"
[decide]
value = "taking"
min_value_minor = 0
contact_limit = { days = 30, max = 50 }
hold_after = []
per_customer = 5
holdout = { fraction = 0.2, salt = "steps" }
channel_cost_minor = { telephone = 40, mail = 5, member_page = 1 }
"#;

const STEPS: &str = r#"
[sources.contacts.columns]
step = "step"

[[decide.approach]]
name = "television"
offers = ["tv"]
stop_when = "customers_birth_year <= 1950"
again_days = 400
steps = [
    { name = "question", channel = "mail", offer = false },
    { name = "letter", channel = "mail", wait_days = 7 },
    { name = "call", channel = "telephone", wait_days = 14 },
]

[[decide.approach]]
name = "upgrade"
offers = ["line", "storage"]
stop_after_ignored = 2
steps = [{ name = "page" }, { name = "letter", wait_days = 30 }, { name = "call", wait_days = 90, channel = "telephone" }]
"#;

/// A company whose contacts have a column for steps.
fn company(overlay: &str) -> Company {
    let company = Company::new();
    company.edit("data/isp/contacts.csv", |table| {
        let mut lines = table.lines();
        let head = lines.next().unwrap();
        std::iter::once(format!("{head},step\n")).chain(lines.map(|line| format!("{line},\n"))).collect()
    });
    fs::write(company.path(OVERLAY), overlay).unwrap();
    company
}

fn run(company: &Company, as_of: &str, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", as_of, "--no-export", "--quiet", "--overlay", OVERLAY];
    company.succeed(&[&arguments[..], more].concat());
    format!("runs/isp/{}", names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(as_of)).unwrap())
}

fn optional(table: &RecordBatch, name: &str) -> Vec<Option<String>> {
    table.column_by_name(name).unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// A day as a number, only good for differences within two years.
fn day(date: &str) -> i32 {
    let part = |range: std::ops::Range<usize>| date[range].parse::<i32>().unwrap();
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month as usize - 1];
    (year - 2020) * 365 + (year - 2021) / 4 + 1 + before + day + i32::from(year % 4 == 0 && month > 2)
}

fn rows(company: &Company, file: &str) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(company.path(&format!("data/isp/{file}.csv"))).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let cells = |line: &str| head.iter().map(|&name| name.to_owned()).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(cells).collect()
}

/// What was known when the first of October began in Tokyo.
fn is_known(row: &BTreeMap<String, String>, at: &str) -> bool {
    row[at].as_str() < "2026-10-01" && row["loaded_at"].as_str() < "2026-09-30T15:00:00Z"
}

struct Approach {
    steps: &'static [(&'static str, i32)],
    products: &'static [&'static str],
    again: i32,
    ignored: Option<usize>,
}

const TELEVISION: Approach =
    Approach { steps: &[("question", 0), ("letter", 7), ("call", 14)], products: &["tv"], again: 400, ignored: None };
const UPGRADE: Approach = Approach {
    steps: &[("page", 0), ("letter", 30), ("call", 90)],
    products: &["line_1g", "line_10g", "storage"],
    again: i32::MAX,
    ignored: Some(2),
};

/// A contact: its day, the step it tells and whether it was answered.
type Contact = (i32, String, bool);

/// What becomes of the approach's offers: a rule, or the step that is due.
fn expected(approach: &Approach, contacts: &[Contact], events: &[i32], is_stopped: bool) -> &'static str {
    let today = day(AS_OF);
    let mut round: Vec<&Contact> = Vec::new();
    let (mut reached, mut last) = (0, 0);
    for contact in contacts {
        let gap = contact.0 - last;
        if round.is_empty() || gap >= approach.again {
            round.clear();
            reached = 0;
        }
        let named = approach.steps.iter().position(|step| step.0 == contact.1).map(|at| at + 1);
        let turn =
            || if reached == 0 || (reached < 3 && gap >= approach.steps[reached].1) { reached + 1 } else { reached };
        reached = reached.max(named.unwrap_or_else(turn));
        round.push(contact);
        last = contact.0;
    }
    if round.is_empty() || today - last >= approach.again {
        return if is_stopped { "approach_stopped" } else { approach.steps[0].0 };
    }
    if is_stopped || events.iter().any(|&event| event >= round[0].0) {
        return "approach_stopped";
    }
    if reached == approach.steps.len() {
        return "approach_done";
    }
    if today - last < approach.steps[reached].1 {
        return "step_wait";
    }
    let ignored = round.iter().rev().take_while(|contact| !contact.2).count();
    if approach.ignored.is_some_and(|most| ignored >= most) { "approach_stopped" } else { approach.steps[reached].0 }
}

/// What tables say of every customer and an approach: contacts about its offers, and days that would stop it.
fn facts(company: &Company, approach: &Approach) -> BTreeMap<String, (Vec<Contact>, Vec<i32>)> {
    let mut facts: BTreeMap<String, (Vec<Contact>, Vec<i32>)> = BTreeMap::new();
    for row in rows(company, "contacts").into_iter().filter(|row| is_known(row, "sent_at") && row["arm"] != "control") {
        if approach.products.contains(&row["offer_id"].as_str()) {
            let is_answered = !row["responded_at"].is_empty() && row["responded_at"].as_str() < "2026-09-30T15:00:00Z";
            let contact = (day(&row["sent_at"]), row["step"].clone(), is_answered);
            facts.entry(row["customer_id"].clone()).or_default().0.push(contact);
        }
    }
    for row in rows(company, "tickets").into_iter().filter(|row| row.len() > 3 && row["opened_at"].starts_with("20")) {
        if row["opened_at"].as_str() < "2026-09-30T15:00:00Z" {
            facts.entry(row["customer_id"].clone()).or_default().1.push(day(&row["opened_at"]));
        }
    }
    let holdings = rows(company, "holdings");
    for row in holdings.iter().filter(|row| is_known(row, "start_date")) {
        let own = |name: &str| row[name].as_str();
        let is_renewed = holdings.iter().any(|other| {
            ["customer_id", "product_id"].iter().all(|name| other[*name] == row[*name])
                && other["end_date"] == own("start_date")
        });
        if is_renewed {
            continue;
        }
        if approach.products.contains(&row["product_id"].as_str()) {
            facts.entry(row["customer_id"].clone()).or_default().1.push(day(&row["start_date"]));
        }
    }
    for (contacts, _) in facts.values_mut() {
        contacts.sort_by_key(|contact| contact.0);
    }
    facts
}

const OPEN: [&str; 3] = ["chosen", "below_threshold", "outranked"];

#[test]
fn steps_follow_from_the_contacts_there_were() {
    let company = company(&format!("{PLAIN}{STEPS}"));
    // Steps that were reported: a question lately, a letter before it, a call long ago, and a step there is none of.
    company.edit("data/isp/contacts.csv", |table| {
        let is_first = |line: &&str| line.contains(",tv,") || line.contains(",storage,");
        let mut n = 0;
        let lines = table.lines().map(|line| {
            if !is_first(&line) {
                return format!("{line}\n");
            }
            n += 1;
            format!("{line}{}\n", ["", "question", "letter", "call", "visit"][n % 5])
        });
        lines.collect()
    });
    let with = run(&company, AS_OF, &[]);
    let decided = table(&company, &with, "decisions");
    fs::write(company.path(OVERLAY), PLAIN).unwrap();
    let before = table(&company, &run(&company, AS_OF, &[]), "decisions");
    let ids = words(&decided, "customer_id");
    let born: BTreeMap<String, i32> = rows(&company, "customers")
        .iter()
        .filter_map(|row| Some((row["customer_id"].clone(), row["birth_year"].parse().ok()?)))
        .collect();
    let rows_made: BTreeMap<(String, String), Option<String>> = ["offers", "shadow"]
        .iter()
        .flat_map(|name| {
            let made = table(&company, &with, name);
            let keys = words(&made, "customer_id").into_iter().zip(words(&made, "offer"));
            keys.zip(optional(&made, "step")).collect::<Vec<_>>()
        })
        .collect();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for (approach, offers) in [(TELEVISION, &["tv"][..]), (UPGRADE, &["line_1g", "storage"][..])] {
        let facts = facts(&company, &approach);
        for offer in offers {
            let (was, is) = (words(&before, offer), words(&decided, offer));
            for ((id, was), is) in ids.iter().zip(was).zip(is) {
                let empty = (Vec::new(), Vec::new());
                let (contacts, events) = facts.get(id).unwrap_or(&empty);
                let is_stopped = *offer == "tv" && born.get(id).is_some_and(|year| *year <= 1950);
                let told = expected(&approach, contacts, events, is_stopped);
                if !OPEN.contains(&was.as_str()) {
                    assert_eq!(is, was, "{id} {offer}");
                    continue;
                }
                *seen.entry(told).or_default() += 1;
                if told.contains('_') {
                    assert_eq!(is, told, "{id} {offer}: {contacts:?} {events:?}");
                } else if is == "step_channel" {
                    assert!(told != "page", "{id} {offer}");
                    *seen.entry("step_channel").or_default() += 1;
                } else {
                    assert!(
                        OPEN.contains(&is.as_str()),
                        "{id} {offer}: {is} instead of {told}, {contacts:?} {events:?}"
                    );
                }
                if let Some(step) = rows_made.get(&(id.clone(), (*offer).to_owned())) {
                    assert_eq!(step.as_deref(), Some(told), "{id} {offer}");
                }
            }
        }
    }
    let all = ["question", "letter", "call", "page", "step_wait", "step_channel", "approach_stopped", "approach_done"];
    assert!(all.iter().all(|word| seen.get(word).is_some_and(|n| *n > 1)), "{seen:?}");
    // Offers of no approach have no step, and are as before.
    let is_none = |offer: &str| !["tv", "line_1g", "line_10g", "storage"].contains(&offer);
    assert!(rows_made.iter().filter(|((_, offer), _)| is_none(offer)).all(|(_, step)| step.is_none()));
}

#[test]
fn a_step_without_an_offer_is_a_contact_that_costs_and_opens_the_next() {
    let company = company(&format!("{PLAIN}{STEPS}"));
    let first = run(&company, FIRST, &[]);
    let offers = table(&company, &first, "offers");
    let (ids, names, channels) = (words(&offers, "customer_id"), words(&offers, "offer"), words(&offers, "channel"));
    let (kinds, steps) = (words(&offers, "kind"), optional(&offers, "step"));
    let values = offers.column_by_name("expected_value_minor").unwrap().as_primitive::<Int64Type>();
    let costs = offers.column_by_name("contact_cost_minor").unwrap().as_primitive::<Int64Type>();
    let mut asked = BTreeSet::new();
    for row in 0..offers.num_rows() {
        let (kind, step) = (kinds[row].as_str(), steps[row].as_deref());
        assert_eq!(kind == "check", step == Some("question"), "{kind} {step:?}");
        if kind == "check" {
            assert_eq!((values.value(row), costs.value(row), channels[row].as_str()), (-5, 5, "mail"));
            assert!(offers.column_by_name("expected_value_lower_minor").unwrap().is_null(row));
            asked.insert(ids[row].clone());
        }
        match (step, names[row].as_str()) {
            (Some("letter"), "tv") => assert_eq!(channels[row], "mail"),
            (Some("call"), _) => assert_eq!(channels[row], "telephone"),
            _ => {}
        }
    }
    assert!(asked.len() > 20, "{}", asked.len());
    let one = asked.first().unwrap().clone();
    let said = company.succeed(&["why", &one, &first]);
    assert!(said.contains("the step question makes no offer yet: it costs JPY 5"), "{said}");
    let said = company.succeed(&["why", &one, &first, "--language", "ja"]);
    assert!(said.contains("段階「question」では、まだ提案しません"), "{said}");

    // Half of those asked are reported back, eleven days before the next run: the letter is due to them, the others are asked again.
    let reported: Vec<&String> = asked.iter().step_by(2).collect();
    company.edit("data/isp/contacts.csv", |table| {
        let rows =
            reported.iter().map(|id| format!("{id},2026-09-20,tv,mail,targeted,0.5,,2026-09-20T23:00:00Z,question\n"));
        std::iter::once(table.to_owned()).chain(rows).collect()
    });
    let second = run(&company, AS_OF, &[]);
    let offers = table(&company, &second, "offers");
    let step: BTreeMap<String, Option<String>> = words(&offers, "customer_id")
        .into_iter()
        .zip(words(&offers, "offer"))
        .zip(optional(&offers, "step"))
        .filter(|((_, offer), _)| offer == "tv")
        .map(|((id, _), step)| (id, step))
        .collect();
    let count = |ids: &mut dyn Iterator<Item = &String>, name: &str| {
        ids.filter(|id| step.get(*id).is_some_and(|step| step.as_deref() == Some(name))).count()
    };
    let letters = count(&mut reported.iter().copied(), "letter");
    assert!(letters * 10 > reported.len() * 7, "{letters} of {}", reported.len());
    assert_eq!(count(&mut reported.iter().copied(), "question"), 0);
    let others: Vec<&String> = asked.iter().filter(|id| !reported.contains(id)).collect();
    assert_eq!(count(&mut others.iter().copied(), "letter"), 0);
    assert!(count(&mut others.iter().copied(), "question") * 10 > others.len() * 7);
}

/// Where every run is a campaign, a step that is out is waited for; the holdout goes on as if it had been made.
#[test]
fn what_is_out_is_not_made_twice() {
    let company = company(&format!("{PLAIN}{STEPS}"));
    let more = ["--set", "decide.contact_limit.outstanding=true"];
    let first = run(&company, FIRST, &more);
    let open = |name: &str, step: &str| -> BTreeSet<String> {
        let made = table(&company, &first, name);
        let rows = words(&made, "customer_id").into_iter().zip(optional(&made, "step"));
        rows.filter(|(_, found)| found.as_deref() == Some(step)).map(|(id, _)| id).collect()
    };
    let (asked, shadow) = (open("offers", "question"), open("shadow", "question"));
    assert!(asked.len() > 20 && shadow.len() > 5);
    let second = run(&company, AS_OF, &more);
    let decided = table(&company, &second, "decisions");
    let fates: BTreeMap<String, String> =
        words(&decided, "customer_id").into_iter().zip(words(&decided, "tv")).collect();
    let share = |ids: &BTreeSet<String>, words: &[&str]| {
        ids.iter().filter(|id| fates.get(*id).is_some_and(|word| words.contains(&word.as_str()))).count() * 10
            / ids.len()
    };
    assert!(share(&asked, &["step_wait"]) >= 8);
    assert!(share(&shadow, &OPEN) >= 8);
    let shadow_now = table(&company, &second, "shadow");
    let letters = words(&shadow_now, "customer_id").into_iter().zip(optional(&shadow_now, "step"));
    let letters = letters.filter(|(id, step)| shadow.contains(id) && step.as_deref() == Some("letter")).count();
    assert!(letters * 10 >= shadow.len() * 7, "{letters} of {}", shadow.len());
    // Explained out of the run alone.
    fs::rename(company.path("runs/isp"), company.path("elsewhere")).unwrap();
    for id in asked.iter().take(3).chain(shadow.iter().take(3)) {
        let why: Value = serde_json::from_str(&company.succeed(&["why", id, "elsewhere", "--output", "json"])).unwrap();
        let tv = why["offers"].as_array().unwrap().iter().find(|offer| offer["offer"] == "tv").unwrap();
        assert!(tv["rule"] == "step_wait" || shadow.contains(id) || !asked.contains(id), "{tv}");
    }
}

/// Places are given with the channels of steps in mind, and what the run says is what its rows add up to.
#[test]
fn places_know_the_channels_of_steps() {
    let company = company(&format!("{PLAIN}{STEPS}"));
    let limits = "decide.capacity=[{channel=\"mail\",max=25},{offer=\"tv\",max=30},{channel=\"telephone\",max=40}]";
    let id = run(&company, AS_OF, &["--set", limits, "--set", "decide.explore.fraction=0.1"]);
    let (mut mail, mut tv, mut calls) = (0, 0, 0);
    let offers = table(&company, &id, "offers");
    let (names, channels) = (words(&offers, "offer"), words(&offers, "channel"));
    for ((name, channel), step) in names.iter().zip(&channels).zip(optional(&offers, "step")) {
        mail += u32::from(channel == "mail");
        tv += u32::from(name == "tv");
        calls += u32::from(channel == "telephone");
        match (name.as_str(), step.as_deref()) {
            ("tv", Some("question" | "letter")) => assert_eq!(channel, "mail"),
            (_, Some("call")) => assert_eq!(channel, "telephone"),
            _ => {}
        }
    }
    assert!(mail == 25 && tv > 5 && tv <= 30 && calls <= 40, "{mail} {tv} {calls}");
    let ids = words(&offers, "customer_id");
    for at in (0..ids.len()).step_by(ids.len() / 4) {
        company.succeed(&["why", &ids[at], &id]);
    }
    let changed = company.succeed(&[
        "what-if",
        PIPELINE,
        "--overlay",
        OVERLAY,
        "--set",
        limits,
        "--set",
        "decide.explore.fraction=0.1",
        "--set",
        "decide.min_value_minor=0",
        "--output",
        "json",
    ]);
    let changed: Value = serde_json::from_str(&changed).unwrap();
    assert_eq!(changed["now"]["rows"].as_u64(), Some(ids.len() as u64));
}

#[test]
fn approaches_that_lead_nowhere_are_refused() {
    let refused = |overlay: &str, key: &str| {
        let company = company(&format!("{PLAIN}{overlay}"));
        let output = company.osusume(&["check", PIPELINE, "--overlay", OVERLAY, "--as-of", AS_OF]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(key), "{key}: {said}");
    };
    let one = |steps: &str| format!("[[decide.approach]]\nname = \"a\"\noffers = [\"tv\"]\nsteps = [{steps}]\n");
    refused(&one(""), "decide.approach[0].steps");
    refused(&one("{name=\"a\",offer=false}"), "decide.approach[0].steps[0].offer");
    refused(&one("{name=\"a\",wait_days=3}"), "decide.approach[0].steps[0].wait_days");
    refused(&one("{name=\"a\"},{name=\"a\"}"), "decide.approach[0].steps[1].name");
    refused(&one("{name=\"a\",channel=\"pigeon\"}"), "decide.approach[0].steps[0].channel");
    let twice = one("{name=\"a\"}") + "[[decide.approach]]\nname = \"b\"\noffers = [\"tv\"]\nsteps = [{name=\"a\"}]\n";
    refused(&twice, "decide.approach[1].offers");
    refused(&one("{name=\"a\"}").replace("\"tv\"", "\"tvv\""), "decide.approach[0].offers[0]");
    refused(&(one("{name=\"a\"}") + "stop_when = \"tickets_recencyy < 3\"\n"), "tickets_recency");
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let company = company(&format!("{PLAIN}{STEPS}"));
    let tables = |threads: &str| {
        let run = run(&company, AS_OF, &["--threads", threads]);
        let read = ["offers", "shadow", "decisions"]
            .map(|name| fs::read(company.path(&format!("{run}/{name}.parquet"))).unwrap());
        fs::remove_dir_all(company.path("runs")).unwrap();
        read
    };
    assert!(tables("1") == tables("3"));
}

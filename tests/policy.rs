//! The contact policy end to end: what was contacted how often, through what, answered or not, and what may be offered now.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use osusume_model::Date;

use super::support::{AS_OF, Company};
use super::timing::{run, table, words};

const OVERLAY: &str = "pipelines/policy.toml";
/// Contacts with a column that says whether they were sent.
const COLUMNS: &str = r#"
[sources.contacts]
columns = { customer = "customer_id", at = "sent_at", offer = "offer_id", channel = "channel", arm = "arm", probability = "action_probability", responded = "responded_at", arrived = "loaded_at", sent = "was_sent" }
"#;

/// A company whose only contacts are these: customer, days before the run, offer, channel, whether answered, whether sent.
fn company(contacts: &[(&str, i32, &str, &str, bool, &str)]) -> Company {
    let company = Company::new();
    fs::write(company.path(OVERLAY), COLUMNS).unwrap();
    let today: Date = AS_OF.parse().unwrap();
    let mut file =
        "customer_id,sent_at,offer_id,channel,arm,action_probability,responded_at,loaded_at,was_sent\n".to_owned();
    // Somebody's contact of long ago: a table without rows is refused.
    let long_ago = ("C000000000", 700, "tv", "mail", false, "yes");
    for &(customer, days, offer, channel, is_answered, sent) in contacts.iter().chain([&long_ago]) {
        let date = today + -days;
        let answer = if is_answered { format!("{}T00:00:00Z", date + 1) } else { String::new() };
        let times = format!("{answer},{date}T04:00:00Z,{sent}\n");
        file = file + &format!("{customer},{date}T03:00:00Z,{offer},{channel},targeted,0.5,") + &times;
    }
    fs::write(company.path("data/isp/contacts.csv"), file).unwrap();
    company
}

fn decide(company: &Company, settings: &[&str]) -> String {
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    run(company, &["--overlay", OVERLAY].into_iter().chain(settings).collect::<Vec<_>>())
}

/// What became of a customer's offers.
fn fates(company: &Company, run: &str, customer: &str) -> BTreeSet<String> {
    let decided = table(company, run, "decisions");
    let row = words(&decided, "customer_id").iter().position(|id| id == customer).unwrap();
    let schema = decided.schema();
    let offers = schema.fields().iter().map(|field| field.name()).filter(|name| !name.contains('/'));
    let offers = offers.filter(|name| !["customer_id", "arm", "lane", "previous"].contains(&name.as_str()));
    offers.map(|offer| words(&decided, offer)[row].clone()).collect()
}

/// Rows of both arms: customer, offer, channel and value.
fn rows(company: &Company, run: &str) -> Vec<(String, String, String, i64)> {
    let both = ["offers", "shadow"].map(|name| table(company, run, name));
    let of = |rows: &RecordBatch| {
        let [ids, offers, channels] = ["customer_id", "offer", "channel"].map(|name| words(rows, name));
        let values = rows.column_by_name("expected_value_minor").unwrap().as_primitive::<Int64Type>().values().to_vec();
        let rows = ids.into_iter().zip(offers).zip(channels).zip(values);
        rows.map(|(((id, offer), channel), value)| (id, offer, channel, value)).collect::<Vec<_>>()
    };
    both.iter().flat_map(of).collect()
}

/// Customers who get several offers when nobody was contacted, each reached by telephone.
fn lucky() -> Vec<String> {
    let company = company(&[]);
    let run = decide(&company, &["decide.hold_after=[]"]);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (id, _, channel, _) in rows(&company, &run) {
        *counts.entry(id).or_default() += usize::from(channel == "telephone");
    }
    counts.into_iter().filter(|(_, n)| *n >= 2).map(|(id, _)| id).take(8).collect()
}

#[test]
fn limits_holds_and_what_counts_for_nothing() {
    let lucky = lucky();
    assert_eq!(lucky.len(), 8);
    let [none, ignored, answered, fresh, invoiced, unsent, once, twice] =
        [0, 1, 2, 3, 4, 5, 6, 7].map(|i| lucky[i].as_str());
    let mut contacts = Vec::new();
    let mut contact = |customer, days: &[i32], offer, answered: Option<i32>, sent| {
        contacts.extend(days.iter().map(|&day| (customer, day, offer, "mail", answered == Some(day), sent)));
    };
    contact(ignored, &[80, 60, 40], "tv", None, "");
    contact(answered, &[80, 60, 40], "tv", Some(60), "yes");
    // The last of the three may still be answered.
    contact(fresh, &[60, 40, 3], "tv", None, "yes");
    contact(invoiced, &[20, 10, 5, 2], "invoice", None, "yes");
    contact(unsent, &[20, 10, 5, 2], "tv", None, "no");
    contact(once, &[8], "tv", None, "yes");
    contact(twice, &[20, 15], "tv", None, "yes");
    let company = company(&contacts);
    let ignored_hold = "decide.hold_after=[{event=\"ignored\",n=3,days=90,answer_days=7}]";

    let run = decide(&company, &[ignored_hold, "decide.mandatory=[\"invoice\"]"]);
    let is_rested = |customer, rule: &str| fates(&company, &run, customer).contains(rule);
    assert!(is_rested(ignored, "hold_after_ignored") && is_rested(twice, "contact_limit"));
    for customer in [none, answered, fresh, invoiced, unsent, once] {
        let fates = fates(&company, &run, customer);
        assert!(fates.contains("chosen"), "{customer}: {fates:?}");
    }

    let run = decide(&company, &[ignored_hold, "decide.contact_limit.min_days_between=10"]);
    let of = |customer| fates(&company, &run, customer);
    // Without the list an invoice is a contact as any other.
    assert!(of(invoiced).contains("contact_limit") && of(once).contains("too_soon") && of(fresh).contains("too_soon"));
    assert!(of(unsent).contains("chosen") && of(none).contains("chosen") && of(answered).contains("chosen"));
    let rows = rows(&company, &run);
    let ids: BTreeSet<&str> = rows.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "a row each");
}

#[test]
fn a_channel_that_is_used_up_gives_way_to_the_next() {
    let lucky = lucky();
    let [once, none] = [0, 1].map(|i| lucky[i].as_str());
    let company = company(&[(once, 40, "tv", "telephone", false, "yes"), (once, 100, "tv", "telephone", false, "yes")]);
    let limit = |max: u32| format!("decide.channel_limit=[{{channel=\"telephone\",days=60,max={max}}}]");
    let before = rows(&company, &decide(&company, &["decide.hold_after=[]"]));
    let by_telephone = |rows: &[(String, String, String, i64)], id: &str| {
        rows.iter().filter(|(other, _, channel, _)| other == id && channel == "telephone").count()
    };
    assert!(by_telephone(&before, once) >= 2 && by_telephone(&before, none) >= 2);
    let two = rows(&company, &decide(&company, &["decide.hold_after=[]", &limit(2)]));
    assert_eq!((by_telephone(&two, once), by_telephone(&two, none)), (1, 2), "one of the two was made");
    let one = rows(&company, &decide(&company, &["decide.hold_after=[]", &limit(1)]));
    assert_eq!((by_telephone(&one, once), by_telephone(&one, none)), (0, 1));

    // Places for all are settled under the same limits.
    let places = "decide.capacity=[{channel=\"telephone\",max=60}]";
    let settled = rows(&company, &decide(&company, &["decide.hold_after=[]", &limit(1), places]));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, _, _, _) in settled.iter().filter(|(_, _, channel, _)| channel == "telephone") {
        *counts.entry(id).or_default() += 1;
    }
    assert!(!counts.is_empty() && counts.values().all(|n| *n == 1) && !counts.contains_key(once), "{counts:?}");

    let all = "decide.channel_limit=[{channel=\"telephone\",days=60,max=0},{channel=\"mail\",days=60,max=0},{channel=\"member_page\",days=60,max=0}]";
    let run = decide(&company, &["decide.hold_after=[]", all]);
    assert!(rows(&company, &run).is_empty() && fates(&company, &run, none).contains("channel_limit"));
}

#[test]
fn weariness_has_a_price() {
    let lucky = lucky();
    let [weary, none] = [0, 1].map(|i| lucky[i].as_str());
    let company = company(&[(weary, 12, "tv", "mail", false, "yes")]);
    let values = |settings: &[&str]| -> BTreeMap<(String, String), i64> {
        let run = decide(
            &company,
            &[settings, &["decide.hold_after=[]", "decide.min_value_minor=0", "decide.per_customer=1"]].concat(),
        );
        rows(&company, &run).into_iter().map(|(id, offer, _, value)| ((id, offer), value)).collect()
    };
    let (before, after) = (values(&[]), values(&["decide.fatigue=[0,25]"]));
    for ((id, offer), value) in &after {
        if let Some(before) = before.get(&(id.clone(), offer.clone())) {
            assert_eq!(before - value, if id == weary { 25 } else { 0 }, "{id} {offer}");
        }
    }
    assert!(after.keys().any(|(id, _)| id == weary) && after.keys().any(|(id, _)| id == none));
}

/// The consents of a run lost half of their rows since the one before: an extract that broke off would open or close doors for nobody
/// knows whom.
#[test]
fn consents_that_shrank_by_half_are_refused() {
    let company = Company::with_run();
    company.edit("data/isp/consents.csv", |text| {
        let lines: Vec<&str> = text.lines().collect();
        lines[..lines.len() * 2 / 5].join("\n") + "\n"
    });
    let arguments = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export"];
    let output = company.osusume(&arguments);
    let said = super::support::text(&output.stderr);
    assert!(!output.status.success() && said.contains("E4018") && said.contains("consents"), "{said}");
    company.succeed(&[&arguments[..], &["--set", "quality.max_shrink=1"]].concat());
}

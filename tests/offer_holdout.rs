//! Single offers held back from some customers: who, what the others get, and what each is found to add.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use osusume_testkit::{check_golden, repository_root};
use serde_json::Value;

use super::support::{AS_OF, Company, decisions, names, rows, text};

const PIPELINE: &str = "pipelines/isp.toml";
const HELD: [&str; 4] = ["--set", "decide.holdout.offers={fraction=0.2}", "--set", "decide.holdout.per_offer={tv=0.4}"];
const BASE: [&str; 4] = ["--set", "decide.holdout.fraction=0.2", "--set", "decide.per_customer=2"];

fn run(company: &Company, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--quiet"];
    company.succeed(&[&arguments[..], &BASE, more].concat());
    names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap()
}

type Pairs = BTreeSet<(String, String)>;

fn pairs(company: &Company, run: &str, name: &str, arm: &str) -> Pairs {
    let rows = rows(company, run, name).into_iter().filter(|row| row.arm == arm);
    rows.map(|row| (row.customer, row.offer)).collect()
}

#[test]
fn held_back_offers_are_never_made_and_others_are() {
    let company = Company::new();
    let free = run(&company, &[]);
    let held = run(&company, &HELD);
    let (before, after) = (decisions(&company, &free), decisions(&company, &held));
    let is_held = |customer: &str, offer: &str| after[customer].1[offer] == "offer_holdout";
    // Nobody enters or leaves the holdout, and each offer is held back from its own share, those it never fitted among them.
    let mut shares: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for (customer, (arm, fates)) in &after {
        assert_eq!(*arm, before[customer].0, "{customer}");
        for (offer, fate) in fates.iter().filter(|(_, fate)| *fate != "no_consent") {
            let counts = shares.entry(offer).or_default();
            counts[0] += usize::from(fate == "offer_holdout");
            counts[1] += 1;
        }
    }
    for (offer, [held, all]) in shares {
        let expected = if offer == "tv" { 0.4 } else { 0.2 };
        assert!((held as f64 / all as f64 - expected).abs() < 0.08, "{offer}: {held} of {all}");
    }
    let offers = pairs(&company, &held, "offers", "offer");
    assert!(offers.iter().all(|(customer, offer)| !is_held(customer, offer)));
    // Without limits each row of the shadow is what the run without would have made but for other offers held back from the same customer.
    let made = pairs(&company, &free, "offers", "offer");
    let shadow = pairs(&company, &held, "shadow", "offer_holdout");
    assert!(shadow.len() > 20 && shadow.iter().all(|(customer, offer)| is_held(customer, offer)));
    let alone = |customer: &str| after[customer].1.values().filter(|fate| *fate == "offer_holdout").count() == 1;
    let of_those = |pairs: &Pairs| -> Pairs {
        pairs.iter().filter(|(customer, offer)| alone(customer) && is_held(customer, offer)).cloned().collect()
    };
    assert_eq!(of_those(&shadow), of_those(&made));
    // Somebody held out of an offer gets another one instead, and the global holdout is written as ever.
    assert!(shadow.iter().any(|(customer, _)| offers.iter().any(|(other, _)| other == customer)));
    let globally = pairs(&company, &held, "shadow", "holdout");
    assert!(globally.iter().all(|(customer, offer)| after[customer].0 == "holdout" && !is_held(customer, offer)));
    for row in rows(&company, &held, "shadow").iter().filter(|row| row.arm == "offer_holdout") {
        let expected = 0.8 * if row.offer == "tv" { 0.4 } else { 0.2 };
        assert!((row.probability - expected).abs() < 1e-9, "{}", row.probability);
    }
    // Both are retraced from the run alone, and arms and limits go with it.
    let (customer, _) = shadow.first().unwrap();
    let said = company.succeed(&["why", customer, &format!("runs/isp/{held}")]);
    assert!(said.contains("so that its effect can be measured"), "{said}");
    let limits = [
        "--set",
        "decide.capacity=[{channel=\"telephone\",max=60}]",
        "--set",
        "decide.arms={propensity=0.2,random=0.2}",
    ];
    let all = [&HELD[..], &limits].concat();
    let limited = run(&company, &all);
    let offers = rows(&company, &limited, "offers");
    assert_eq!(offers.iter().filter(|row| row.channel == "telephone").count(), 60);
    assert!(offers.iter().all(|row| decisions(&company, &limited)[&row.customer].1[&row.offer] == "chosen"));
    assert!(!pairs(&company, &limited, "shadow", "offer_holdout").is_empty());
    let asked = ["what-if", PIPELINE, "--output", "json", "--set", "decide.min_value_minor=300"];
    let asked: Value = serde_json::from_str(&company.succeed(&[&asked[..], &BASE, &all].concat())).unwrap();
    assert_eq!(asked["now"]["rows"], offers.len());
}

#[test]
fn holdouts_of_offers_there_are_not_are_refused() {
    let company = Company::new();
    let mut all = String::new();
    for set in [
        "decide.holdout.per_offer={tvv=0.1}",
        "decide.holdout.per_offer={tv=-0.1}",
        "decide.holdout.offers={fraction=0.7}",
    ] {
        for language in ["en", "ja"] {
            let output =
                company.osusume(&["run", PIPELINE, "--as-of", AS_OF, "--language", language, "--quiet", "--set", set]);
            assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
            all.push_str(&text(&output.stderr));
        }
    }
    check_golden(&repository_root().join("tests/golden/offer_holdout_refused.txt"), &all);
}

#[test]
fn what_an_offer_adds_to_all_others_is_found() {
    let company = Company::new();
    let generate = |day: &str| {
        fs::remove_dir_all(company.path("data/isp")).unwrap();
        let size = ["--customers", "1500", "--events", "20000"];
        company.succeed(&[&["synth", "isp", "--until", day, "--out", "data/isp"], &size[..]].concat());
    };
    generate("2026-06-24");
    company.edit(PIPELINE, |pipeline| pipeline.replace("\n[decide]\n", "\n[decide]\nvalue = \"taking\"\n"));
    let settings = ["--set", "decide.holdout.fraction=0.1", "--set", "decide.holdout.per_offer={security=0.4}"];
    company.succeed(&[&["run", PIPELINE, "--as-of", "2026-06-24", "--quiet"], &settings[..]].concat());
    let run = names(&company.path("runs/isp")).into_iter().find(|name| name.starts_with("2026-")).unwrap();
    let made = pairs(&company, &run, "offers", "offer");
    let held = pairs(&company, &run, "shadow", "offer_holdout");
    generate("2026-10-01");
    let evaluate = |more: &[&str]| company.succeed(&[&["evaluate", PIPELINE, "--as-of", "2026-10-01"], more].concat());
    let security = || -> Value {
        let found: Value = serde_json::from_str(&evaluate(&["--output", "json"])).unwrap();
        let offers = found["evaluation"]["offers"].as_array().unwrap();
        assert!(offers.iter().all(|offer| offer.get("held_back").is_some() == (offer["offer"] == "security")));
        offers.iter().find(|offer| offer["offer"] == "security").unwrap().clone()
    };
    let ends = |found: &Value| {
        let interval = &found["held_back"]["effect"]["interval"];
        (interval["lower"].as_f64().unwrap(), interval["upper"].as_f64().unwrap())
    };
    let idle = security();
    let customers = &idle["held_back"]["customers"];
    let known = customers["customers"].as_u64().unwrap() + customers["not_eligible"].as_u64().unwrap();
    assert_eq!(known, held.len() as u64);
    let (lower, upper) = ends(&idle);
    assert!(lower <= 0.0 && 0.0 <= upper, "nobody was contacted in this world: {lower} to {upper}");
    let takers: Vec<&String> =
        made.iter().filter(|(_, offer)| offer == "security").map(|(customer, _)| customer).collect();
    let takers: Vec<&&String> = takers.iter().step_by(2).collect();
    let bought: String = takers
        .iter()
        .map(|id| format!("{id},P{id},security,1,2026-07-15,,,500,2026-07-16T00:00:00Z,\n"))
        .collect::<Vec<_>>()
        .concat();
    company.edit("data/isp/holdings.csv", |table| format!("{table}{bought}"));
    let planted = security();
    let (lower, upper) = ends(&planted);
    let truth = takers.len() as f64 / planted["assigned"]["customers"].as_f64().unwrap();
    assert!(lower > 0.1 && (lower..=upper).contains(&truth), "{truth} in {lower} to {upper}");
    for (language, words) in [("en", "one offer held back"), ("ja", "オファー別の対照群")] {
        assert!(evaluate(&["--language", language]).contains(words));
    }
    let page = evaluate(&["--language", "en"]);
    let expected =
        page.split("what was expected of each hundred offers").nth(1).expect("what was expected stands on the page");
    let row = expected.lines().find(|line| line.trim_start().starts_with("security ")).unwrap();
    assert!(row.contains("understated"), "half of all who were offered it took it: {row}");
}

//! Explorers: who gets an offer by lot, how likely that was, and what it leaves alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::support::{AS_OF, Company, Row, decisions, names, rows};

const PIPELINE: &str = "pipelines/isp.toml";
const EXPLORE: [&str; 6] = [
    "--set",
    "decide.explore={fraction=0.3,among=3,min_value_minor=100}",
    "--set",
    "decide.min_value_minor=100",
    "--set",
    "decide.per_customer=2",
];

fn run(company: &Company, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--quiet"];
    company.succeed(&[&arguments[..], more].concat());
    names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap()
}

#[test]
fn lots_are_drawn_from_the_best_and_their_probability_is_known() {
    let company = Company::new();
    let free = run(&company, &EXPLORE[2..]);
    let ranked = decisions(&company, &free);
    let explored = run(&company, &EXPLORE);
    let (found, offers) = (decisions(&company, &explored), rows(&company, &explored, "offers"));
    let by_arm = |arm: &str| found.values().filter(|(of, _)| of == arm).count() as f64;
    let share = by_arm("explore") / (by_arm("explore") + by_arm("offer"));
    assert!((share - 0.3).abs() < 0.06, "{share}");
    // Nobody else is decided otherwise than without explorers; the holdout stays what it was.
    for (customer, (arm, fates)) in &found {
        if arm != "explore" {
            assert_eq!((arm, fates), (&ranked[customer].0, &ranked[customer].1), "{customer}");
        }
    }
    let mut lots: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &offers {
        lots.entry(&row.customer).or_default().push(row);
    }
    let is_open = |fate: &String| ["chosen", "outranked"].contains(&fate.as_str());
    let mut by_options: BTreeMap<usize, [u32; 2]> = BTreeMap::new();
    for (customer, (arm, fates)) in &found {
        let own = lots.get(customer.as_str()).map_or(&[][..], Vec::as_slice);
        assert!(own.iter().all(|row| row.arm == *arm));
        let open = ranked[customer].1.values().filter(|fate| is_open(fate)).count();
        let m = open.min(3);
        if arm == "explore" {
            assert!(own.len() <= 1);
            assert_eq!(fates.values().filter(|fate| *fate == "not_drawn").count(), open - own.len(), "{customer}");
            let counts = by_options.entry(m).or_default();
            counts[usize::from(own.is_empty())] += 1;
        }
        let chosen = ranked[customer].1.values().filter(|fate| *fate == "chosen").count();
        for row in own {
            let lot = 0.3 / (m + 1) as f64;
            let expected = match arm.as_str() {
                // One of a family is chosen at most, so what is chosen may stand behind the three best.
                "offer" => vec![0.95 * (0.7 + lot), 0.95 * 0.7],
                _ => vec![0.95 * lot, 0.95 * (0.7 + lot)],
            };
            assert!(
                expected.iter().any(|p| (p - row.probability).abs() < 1e-9),
                "{customer} {} {chosen}",
                row.probability
            );
            assert!(row.value >= 100);
        }
    }
    check_causes(&company, &explored, &found);
    // None is one lot of m + 1: five standard deviations.
    for (m, [some, none]) in by_options {
        let (n, p) = (f64::from(some + none), 1.0 / (m + 1) as f64);
        assert!(
            (f64::from(none) - n * p).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt() + 1e-9,
            "{m} options: {some} {none}"
        );
    }
}

/// Everybody is counted once: with an offer, held out, or without one for one cause; an explorer who drew none is not one whom nothing is
/// worth.
fn check_causes(company: &Company, run: &str, found: &BTreeMap<String, (String, BTreeMap<String, String>)>) {
    let text = std::fs::read_to_string(company.path(&format!("runs/isp/{run}/summary.json"))).unwrap();
    let told = serde_json::from_str::<Value>(&text).unwrap()["decisions"].clone();
    let causes: BTreeMap<String, u64> = serde_json::from_value(told["without"].clone()).unwrap();
    let count = |name: &str| told[name].as_u64().unwrap();
    assert_eq!(causes.values().sum::<u64>(), count("without_offer"));
    assert_eq!(count("with_offer") + count("without_offer") + count("holdout"), count("customers"));
    assert_eq!(causes.get("no_consent").copied().unwrap_or(0), count("unreachable"));
    let drew_none = |(arm, fates): &&(String, BTreeMap<String, String>)| {
        let has = |fate: &str| fates.values().any(|one| one == fate);
        arm == "explore" && has("not_drawn") && !has("chosen")
    };
    assert!(causes["not_drawn"] > 10);
    assert_eq!(causes["not_drawn"], found.values().filter(drew_none).count() as u64);
    let report: Value =
        serde_json::from_slice(&std::fs::read(company.path(&format!("runs/isp/{run}/report.json"))).unwrap()).unwrap();
    let shown = &report["customers"];
    assert_eq!(shown["without_offer"].as_u64(), Some(count("without_offer") - count("unreachable")));
    let page = company.succeed(&["runs", "show", PIPELINE, run]);
    let said = format!("{} customers: ", count("without_offer") - count("unreachable"));
    assert!(page.contains(&said) && page.contains("explore and drew none by lot"), "{page}");
}

#[test]
fn explorers_leave_the_others_their_places() {
    let company = Company::new();
    let capacity = "decide.capacity=[{channel=\"telephone\",max=60},{offer=\"tv\",max=20},{offer=\"storage\",max=0}]";
    let limited = run(&company, &[&EXPLORE[..], &["--set", capacity]].concat());
    let offers = rows(&company, &limited, "offers");
    let count = |is: &dyn Fn(&&Row) -> bool| offers.iter().filter(is).count();
    assert_eq!(count(&|row| row.channel == "telephone"), 60);
    assert!(count(&|row| row.offer == "tv") <= 20);
    assert_eq!(count(&|row| row.offer == "storage"), 0);
    let explorers: BTreeSet<&str> =
        offers.iter().filter(|row| row.arm == "explore").map(|row| row.customer.as_str()).collect();
    assert!(!explorers.is_empty() && explorers.len() <= 15, "{}", explorers.len());
    let text = std::fs::read_to_string(company.path(&format!("runs/isp/{limited}/summary.json"))).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["decisions"]["capacity"]["limits"][0]["used"], 60);
    let found = decisions(&company, &limited);
    assert_eq!(summary["decisions"]["explorers"], found.values().filter(|(arm, _)| arm == "explore").count());
    // Of every arm the page of one customer tells what was published.
    for arm in ["explore", "offer", "holdout"] {
        for customer in found.iter().filter(|(_, (of, _))| of == arm).map(|(customer, _)| customer).take(3) {
            let said = company.succeed(&["why", customer, &format!("runs/isp/{limited}"), "--output", "json"]);
            assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["arm"], arm);
        }
    }
    let explorer = *explorers.first().unwrap();
    let said = company.succeed(&["why", explorer, &format!("runs/isp/{limited}")]);
    assert!(said.contains("drawn by lot"), "{said}");
    let asked = ["what-if", PIPELINE, "--set", capacity, "--set", "decide.min_value_minor=300", "--output", "json"];
    let asked = company.succeed(&[&asked[..], &["--set", EXPLORE[1], "--set", EXPLORE[5]]].concat());
    let found: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(found["now"]["rows"], offers.len());
    assert_eq!(found["now"]["capacity"]["limits"][0]["used"], 60);
    assert!(found["then"]["rows"].as_u64() < found["now"]["rows"].as_u64());
}

/// What is believed to be worth too little is a lot like any other, but for what is told to be too dear.
#[test]
fn lots_are_drawn_from_what_the_ranking_would_not_make() {
    let company = Company::new();
    let costs = "decide.channel_cost_minor={mail=10,telephone=90000}";
    let policy =
        ["--set", "decide.channels=[\"mail\",\"telephone\"]", "--set", costs, "--set", "decide.min_value_minor=500"];
    let drawn = |more: &str| {
        let explore = format!("decide.explore={{fraction=0.3,among=5{more}}}");
        let run_id = run(&company, &[&policy[..], &["--set", &explore]].concat());
        let offers = rows(&company, &run_id, "offers");
        let found = decisions(&company, &run_id);
        let lots: Vec<Row> = offers.into_iter().filter(|row| row.arm == "explore").collect();
        for row in &lots {
            let lanes = found[&row.customer].1.values().filter(|fate| *fate == "not_drawn").count();
            // All of the others that are open were in the lot, up to five of them.
            let m = (lanes + 1).min(5) as f64;
            let fits = |p: f64| (p - row.probability).abs() < 1e-9;
            assert!(fits(0.95 * 0.3 / (m + 1.0)) || fits(0.95 * (0.7 + 0.3 / (m + 1.0))), "{m} {}", row.probability);
        }
        let customer = &lots[0].customer;
        let said = company.succeed(&["why", customer, &format!("runs/isp/{run_id}"), "--output", "json"]);
        assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["arm"], "explore");
        lots
    };
    let any = drawn("");
    assert!(any.iter().filter(|row| row.value < 500).count() > 20);
    assert!(any.iter().any(|row| row.channel == "telephone"), "who allows nothing but calls is called");
    let cheap = drawn(",min_value_minor=-40");
    assert!(cheap.iter().any(|row| row.value < 0) && cheap.iter().all(|row| row.value >= -40 && row.channel == "mail"));
    assert!(cheap.len() < any.len());
}

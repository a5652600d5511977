//! Policy arms: who is in them, what they get, that everything holds for them that holds for everybody, and what is measured by them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use osusume_testkit::{check_golden, repository_root};
use serde_json::Value;

use super::support::{AS_OF, Company, Row, decisions, names, rows, text};

const PIPELINE: &str = "pipelines/isp.toml";
const ARMS: &str = "decide.arms={propensity=0.2,random=0.2}";
/// A holdout and a value of every offer that are worth looking at.
const BASE: [&str; 4] = ["--set", "decide.holdout.fraction=0.3", "--set", "decide.per_customer=2"];

fn run(company: &Company, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--quiet"];
    company.succeed(&[&arguments[..], &BASE, more].concat());
    names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap()
}

fn summary(company: &Company, run: &str) -> Value {
    serde_json::from_slice(&fs::read(company.path(&format!("runs/isp/{run}/summary.json"))).unwrap()).unwrap()
}

fn members<'a, T>(found: &'a BTreeMap<String, (String, T)>, arm: &str) -> BTreeSet<&'a str> {
    found.iter().filter(|(_, (of, _))| of == arm).map(|(customer, _)| customer.as_str()).collect()
}

fn by_customer(rows: &[Row]) -> BTreeMap<&str, Vec<&Row>> {
    let mut found: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        found.entry(&row.customer).or_default().push(row);
    }
    found
}

#[test]
fn members_are_drawn_apart_and_the_others_are_decided_as_ever() {
    let company = Company::new();
    let alone = run(&company, &[]);
    let without = decisions(&company, &alone);
    assert_eq!(summary(&company, &alone)["decisions"].get("arms"), None);
    let mixed = run(&company, &["--set", ARMS]);
    let (found, offers) = (decisions(&company, &mixed), rows(&company, &mixed, "offers"));
    // Nobody enters or leaves the holdout, and whoever the ranking decides is decided as without arms.
    assert_eq!(members(&found, "holdout"), members(&without, "holdout"));
    for (customer, (arm, fates)) in found.iter().filter(|(_, (arm, _))| ["holdout", "offer"].contains(&arm.as_str())) {
        assert_eq!((arm, fates), (&without[customer].0, &without[customer].1), "{customer}");
    }
    let shadow = |run: &str| -> Vec<(String, String)> {
        rows(&company, run, "shadow").into_iter().map(|row| (row.customer, row.offer)).collect()
    };
    assert_eq!(shadow(&mixed), shadow(&alone));
    let told = &summary(&company, &mixed)["decisions"]["arms"];
    for arm in ["offer", "propensity", "random"] {
        assert_eq!(told[arm], members(&found, arm).len(), "{arm}");
    }
    let share = |arm: &str| members(&found, arm).len() as f64 / (found.len() - members(&found, "holdout").len()) as f64;
    assert!((share("propensity") - 0.2).abs() < 0.08 && (share("random") - 0.2).abs() < 0.08);
    // The arm of a row is its customer's, none is the holdout's, and of the random arm nobody gets two.
    let by_customer = by_customer(&offers);
    for (customer, own) in &by_customer {
        assert!(own.iter().all(|row| row.arm == found[*customer].0), "{customer}");
        assert!(own.iter().zip(1..).all(|(row, rank)| row.rank == rank), "{customer}");
        assert!(own[0].arm != "random" || own.len() == 1);
    }
    // A lot is drawn from what the rules leave: as many as are neither removed nor scored, and the probability says so.
    for customer in members(&found, "random") {
        let is_left = |fate: &&String| ["chosen", "outranked", "below_threshold", "wear_out"].contains(&fate.as_str());
        let left = without[customer].1.values().filter(is_left).count();
        let own = by_customer.get(customer).map_or(&[][..], Vec::as_slice);
        assert_eq!(own.len(), usize::from(left > 0), "{customer}");
        for row in own {
            assert!((row.probability - 0.7 * 0.2 / left as f64).abs() < 1e-9, "{customer} {}", row.probability);
            assert_eq!(found[customer].1[&row.offer], "chosen");
        }
    }
    // By the value of a take: the same as a run that values takes.
    let taking = run(&company, &["--set", "decide.value=\"taking\"", "--set", "decide.switch_gain=0.0"]);
    let (by_taking, other) = (rows(&company, &taking, "offers"), self::by_customer);
    let by_taking = other(&by_taking);
    let order =
        |rows: Option<&Vec<&Row>>| -> Vec<String> { rows.into_iter().flatten().map(|row| row.offer.clone()).collect() };
    for customer in members(&found, "propensity") {
        assert_eq!(order(by_customer.get(customer)), order(by_taking.get(customer)), "{customer}");
    }
    assert!(offers.iter().filter(|row| row.arm == "propensity").all(|row| (row.probability - 0.7 * 0.2).abs() < 1e-9));
    // Growing keeps members, and nobody changes from one small arm to the other.
    let larger = run(&company, &["--set", "decide.arms={propensity=0.3,random=0.4}"]);
    let larger = decisions(&company, &larger);
    for arm in ["propensity", "random"] {
        assert!(members(&found, arm).is_subset(&members(&larger, arm)), "{arm}");
    }
    // `why` and `what-if` retrace every arm.
    for arm in ["offer", "propensity", "random", "holdout"] {
        for customer in members(&found, arm).into_iter().take(4) {
            let said = company.succeed(&["why", customer, &format!("runs/isp/{mixed}"), "--output", "json"]);
            assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["arm"], arm);
        }
    }
}

#[test]
fn places_are_shared_and_explorers_are_the_rankings() {
    let company = Company::new();
    let capacity = "decide.capacity=[{channel=\"telephone\",max=60},{offer=\"tv\",max=20},{offer=\"storage\",max=0}]";
    let settings = ["--set", ARMS, "--set", capacity, "--set", "decide.explore={fraction=0.2,among=3}"];
    let limited = run(&company, &settings);
    let offers = rows(&company, &limited, "offers");
    let found = decisions(&company, &limited);
    let calls = |arm: &str| offers.iter().filter(|row| row.channel == "telephone" && row.arm == arm).count();
    let count = |is: &dyn Fn(&&Row) -> bool| offers.iter().filter(is).count();
    assert_eq!(count(&|row| row.channel == "telephone"), 60);
    assert!(count(&|row| row.offer == "tv") <= 20);
    assert_eq!(count(&|row| row.offer == "storage"), 0);
    // A fifth of sixty calls each, the lots by chance a few more or less, and the ranking the rest.
    assert!(calls("propensity") <= 14, "{}", calls("propensity"));
    assert!((2..=24).contains(&calls("random")), "{}", calls("random"));
    assert!(calls("offer") >= 20, "{}", calls("offer"));
    let used = &summary(&company, &limited)["decisions"]["capacity"]["limits"][0]["used"];
    assert_eq!(*used, 60);
    let known = members(&found, "explore").len()
        + ["offer", "propensity", "random", "holdout"].map(|arm| members(&found, arm).len()).iter().sum::<usize>();
    assert_eq!(known, found.len());
    let asked = ["what-if", PIPELINE, "--output", "json", "--set", "decide.min_value_minor=300"];
    let asked = company.succeed(&[&asked[..], &BASE, &settings].concat());
    let asked: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(asked["now"]["rows"], offers.len());
    assert_eq!(asked["now"]["capacity"]["limits"][0]["used"], 60);
    for arm in ["propensity", "random"] {
        let customer = offers.iter().find(|row| row.arm == arm).map(|row| row.customer.clone()).unwrap();
        let said = company.succeed(&["why", &customer, &format!("runs/isp/{limited}")]);
        assert!(said.contains(&format!("the arm `{arm}`")), "{said}");
    }
}

#[test]
fn arms_are_the_same_bytes_on_any_number_of_threads() {
    let company = Company::new();
    let settings = ["--set", ARMS, "--set", "decide.capacity=[{channel=\"telephone\",max=60}]"];
    let bytes = |threads: &str, memory: &str| {
        let run = run(&company, &[&settings[..], &["--threads", threads, "--memory", memory]].concat());
        let read = |name: &str| fs::read(company.path(&format!("runs/isp/{run}/{name}.parquet"))).unwrap();
        let tables = ["offers", "shadow", "decisions"].map(read);
        fs::remove_dir_all(company.path("runs")).unwrap();
        tables
    };
    assert!(bytes("1", "64MiB") == bytes("4", "1GiB"));
}

#[test]
fn arms_that_cannot_be_are_refused() {
    let company = Company::new();
    let mut all = String::new();
    for settings in [
        &["decide.arms={propensity=0.6,random=0.4}"][..],
        &["decide.arms={propensity=0.05}", "decide.holdout.fraction=0"],
        &["decide.arms={random=-0.1}"],
        &["decide.arms={rnadom=0.1}"],
    ] {
        let settings: Vec<&str> = settings.iter().flat_map(|set| ["--set", set]).collect();
        for language in ["en", "ja"] {
            let arguments = ["check", PIPELINE, "--language", language];
            let output = company.osusume(&[&arguments[..], &settings].concat());
            assert_eq!(output.status.code(), Some(2));
            all.push_str(&text(&output.stderr));
        }
    }
    check_golden(&repository_root().join("tests/golden/arms_refused.txt"), &all);
}

#[test]
fn arms_are_measured_against_the_holdout_and_each_other() {
    let company = Company::new();
    let generate = |day: &str| {
        fs::remove_dir_all(company.path("data/isp")).unwrap();
        let size = ["--customers", "1500", "--events", "20000"];
        company.succeed(&[&["synth", "isp", "--until", day, "--out", "data/isp"], &size[..]].concat());
    };
    generate("2026-06-24");
    let settings = ["--set", "decide.holdout.fraction=0.3", "--set", "decide.arms={propensity=0.3,random=0.3}"];
    // One evaluation in twenty may call an arm better by chance: of thirteen draws one did, and this is another.
    company.edit(PIPELINE, |pipeline| pipeline.replace("salt = \"isp-2026\"", "salt = \"another\""));
    company.succeed(&[&["run", PIPELINE, "--as-of", "2026-06-24", "--quiet"], &settings[..]].concat());
    let run = names(&company.path("runs/isp")).into_iter().find(|name| name.starts_with("2026-")).unwrap();
    let found = decisions(&company, &run);
    generate("2026-10-01");
    let evaluate = |more: &[&str]| company.succeed(&[&["evaluate", PIPELINE, "--as-of", "2026-10-01"], more].concat());
    let evaluation = |said: &str| serde_json::from_str::<Value>(said).unwrap()["evaluation"].clone();
    let idle = evaluation(&evaluate(&["--output", "json"]));
    let arms = idle["arms"].as_array().unwrap();
    assert_eq!(
        arms.iter().map(|arm| arm["arm"].as_str().unwrap()).collect::<Vec<_>>(),
        ["holdout", "offer", "propensity", "random"]
    );
    for arm in arms {
        assert_eq!(arm["customers"], members(&found, arm["arm"].as_str().unwrap()).len());
    }
    // The totals speak of the ranking and the holdout alone.
    assert_eq!(idle["total"]["offer"]["customers"], arms[1]["customers"]);
    assert_eq!(idle["total"]["holdout"]["takes"], arms[0]["takes"]);
    let comparisons = idle["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), 6);
    // Nobody was contacted in this world: whatever differs is chance, and nothing is called better.
    assert!(comparisons.iter().all(|one| one["verdict"] == "not_shown"), "{comparisons:?}");
    // Half of the random arm buy something dear; the window's revenue says so, and only of that arm.
    let takers: Vec<&str> = members(&found, "random").into_iter().step_by(2).collect();
    let rows: String = takers
        .iter()
        .map(|id| format!("{id},P{id},security,1,2026-07-15,,,90000,2026-07-16T00:00:00Z,\n"))
        .collect::<Vec<_>>()
        .concat();
    company.edit("data/isp/holdings.csv", |table| format!("{table}{rows}"));
    let planted = evaluation(&evaluate(&["--output", "json"]));
    for one in planted["comparisons"].as_array().unwrap() {
        let expected = if one["arm"] == "random" { "better" } else { "not_shown" };
        assert_eq!(one["verdict"], expected, "{one}");
        assert!((one["verdict_confidence"].as_f64().unwrap() - (1.0 - 0.05 / 6.0)).abs() < 1e-12);
    }
    for (language, words) in [("en", ["any offer by lot", "better"]), ("ja", ["無作為の抽選", "優れている"])]
    {
        let page = evaluate(&["--language", language]);
        let report = company.succeed(&["report", "runs/isp", "--language", language]);
        assert!(words.iter().all(|word| page.contains(word) && report.contains(word)), "{page}");
    }
}

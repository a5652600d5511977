//! A run, and what became of its offers once the tables have moved on.

use std::fs;

use osusume_testkit::{check_golden, repository_root};
use serde_json::Value;

use super::support::{Company, Row, decisions, files_below, lanes, names, rows, text};

const PIPELINE: &str = "pipelines/isp.toml";
/// As-of date of the run: 97 days (gap, window, kept days) before the end of the tables there are later.
const RUN_AS_OF: &str = "2026-06-24";
/// The day the tables later end at.
const LATER: &str = "2026-10-01";
/// The offer whose takes are planted.
const PLANTED: &str = "security";

impl Company {
    /// A company that made a run in June, holding out `fraction` of its customers.
    fn of_june(fraction: &str) -> Self {
        let company = Self::new();
        // What is planted are takes, so takes are what offers are made for, whatever a contact may add to them.
        company.edit(PIPELINE, |pipeline| pipeline.replace("\n[decide]\n", "\n[decide]\nvalue = \"taking\"\n"));
        company.generate_until(RUN_AS_OF);
        let fraction = format!("decide.holdout.fraction={fraction}");
        company.succeed(&["run", PIPELINE, "--as-of", RUN_AS_OF, "--set", &fraction, "--quiet"]);
        company
    }

    /// Writes the tables as they were exported on the morning of a day.
    fn generate_until(&self, day: &str) {
        fs::remove_dir_all(self.path("data/isp")).unwrap();
        let size = ["--customers", "1500", "--events", "20000"];
        self.succeed(&[&["synth", "isp", "--until", day, "--out", "data/isp"], &size[..]].concat());
    }

    fn evaluate(&self, more: &[&str]) -> Value {
        let arguments = ["evaluate", PIPELINE, "current", "--as-of", LATER, "--output", "json"];
        serde_json::from_str(&self.succeed(&[&arguments[..], more].concat())).unwrap()
    }

    /// Lets three of four customers the run assigned the planted offer take it in July.
    fn plant(&self) -> u64 {
        self.plant_with("")
    }

    /// The same; what stands in the further columns of each row comes last.
    fn plant_with(&self, further: &str) -> u64 {
        let offers = fs::read_to_string(self.path("out/isp-offers.csv")).unwrap();
        let header: Vec<&str> = offers.lines().next().unwrap().split(',').collect();
        let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
        let (customer, offer) = (at("CustomerId__c"), at("Offer__c"));
        let rows = offers.lines().skip(1).map(|line| line.split(',').collect::<Vec<&str>>());
        let assigned = rows.filter(|row| row[offer] == PLANTED).map(|row| row[customer]);
        let takers: Vec<&str> = assigned.enumerate().filter(|(i, _)| i % 4 != 3).map(|(_, taker)| taker).collect();
        let row = |id: &&str| format!("{id},P{id},{PLANTED},1,2026-07-15,,,500,2026-07-16T00:00:00Z,{further}\n");
        let rows = takers.iter().map(row).collect::<Vec<String>>().concat();
        self.edit("data/isp/holdings.csv", |table| format!("{table}{rows}"));
        takers.len() as u64
    }
}

#[test]
fn explorers_are_in_neither_arm() {
    let company = Company::new();
    company.generate_until(RUN_AS_OF);
    let settings = ["--set", "decide.holdout.fraction=0.4", "--set", "decide.explore.fraction=0.3"];
    company.succeed(&[&["run", PIPELINE, "--as-of", RUN_AS_OF, "--quiet"], &settings[..]].concat());
    let run = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(RUN_AS_OF)).unwrap();
    let text = fs::read_to_string(company.path(&format!("runs/isp/{run}/summary.json"))).unwrap();
    let decisions = serde_json::from_str::<Value>(&text).unwrap()["decisions"].clone();
    let count = |name: &str| decisions[name].as_u64().unwrap();
    company.generate_until(LATER);
    let found = company.evaluate(&settings);
    let arm = |name: &str| found["evaluation"]["total"][name]["customers"].as_u64().unwrap();
    assert!(count("explorers") > 100);
    assert_eq!(arm("offer"), count("customers") - count("holdout") - count("explorers"));
    assert_eq!(arm("holdout"), count("holdout"));
}

/// Nobody explores in a lane, so of those outside the holdout who are left to the ranking more are in lanes than of the holdout. What
/// customers in lanes do anyway must not look like an effect.
#[test]
fn lanes_and_explorers_are_no_effect() {
    let company = Company::new();
    company.edit(PIPELINE, |text| {
        let lane = "[[decide.lane]]\nname = \"new\"\nwhen = \"holdings_tenure < 400\"\n\n";
        text.replacen("[[export]]", &format!("{lane}[[export]]"), 1)
    });
    company.generate_until(RUN_AS_OF);
    let settings = ["--set", "decide.holdout.fraction=0.4", "--set", "decide.explore.fraction=0.5"];
    company.succeed(&[&["run", PIPELINE, "--as-of", RUN_AS_OF, "--quiet"], &settings[..]].concat());
    let run = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(RUN_AS_OF)).unwrap();
    let (found, lanes) = (decisions(&company, &run), lanes(&company, &run));
    let share_in_lane = |arm: &str| {
        let own = || found.iter().filter(|(_, (of, _))| of == arm);
        own().filter(|(customer, _)| lanes[*customer] == "new").count() as f64 / own().count() as f64
    };
    assert!(share_in_lane("explore") == 0.0 && share_in_lane("offer") > share_in_lane("holdout") + 0.1);
    company.generate_until(LATER);
    // Everybody in the lane takes it, contacted or not; whoever holds it already takes nothing.
    let row = |id: &String| format!("{id},P{id},{PLANTED},1,2026-07-15,,,500,2026-07-16T00:00:00Z,\n");
    let takers = lanes.iter().filter(|(_, lane)| *lane == "new").map(|(id, _)| id);
    let rows = takers.map(row).collect::<Vec<String>>().concat();
    company.edit("data/isp/holdings.csv", |table| format!("{table}{rows}"));
    let evaluation = company.evaluate(&[])["evaluation"].clone();
    let total = &evaluation["total"];
    let (lower, upper) = ends(&total["takes"]);
    assert!(lower <= 0.0 && 0.0 <= upper, "{lower} to {upper}");
    let rate = |arm: &str| total[arm]["attach_rate"].as_f64().unwrap();
    let plain = |arm: &str| total[arm]["takes"].as_f64().unwrap() / total[arm]["customers"].as_f64().unwrap();
    assert!(plain("offer") - plain("holdout") > upper, "plain means differ by more than chance allows");
    // By hand: outside of lanes each stands for the explorers too.
    let outside = |arm: &str| found.iter().filter(|(id, (of, _))| of == arm && lanes[*id] != "new").count() as f64;
    let weight = 1.0 + outside("explore") / outside("offer");
    let inside = found.iter().filter(|(id, (of, _))| of == "offer" && lanes[*id] == "new").count() as f64;
    let everybody = inside + weight * outside("offer");
    assert!((everybody - inside - outside("offer") - outside("explore")).abs() < 1e-6);
    assert!((rate("offer") - plain("offer")).abs() > 0.02 && rate("offer") < plain("offer"));
}

/// A company whose holdings say who made each change: always the customer.
fn telling_who(company: &Company) {
    company.edit("data/isp/holdings.csv", |table| {
        let line = |(i, line): (usize, &str)| format!("{line},{}\n", if i == 0 { "by_company" } else { "false" });
        table.lines().enumerate().map(line).collect()
    });
}

/// Takes of the planted offer that a run as of [`LATER`] learns from.
fn learned(company: &Company) -> u64 {
    let run = company.succeed(&["run", PIPELINE, "--as-of", LATER, "--no-export", "--output", "json"]);
    let run: Value = serde_json::from_str(&run).unwrap();
    let offers = run["summary"]["offers"].as_array().unwrap();
    offers.iter().find(|offer| offer["offer"] == PLANTED).unwrap()["positives"].as_u64().unwrap()
}

#[test]
fn what_the_company_did_is_no_take() {
    let company = Company::new();
    let column = "end_arrived = \"end_loaded_at\"";
    company.edit(PIPELINE, |text| text.replace(column, &format!("{column}, by_company = \"by_company\"")));
    company.generate_until(RUN_AS_OF);
    telling_who(&company);
    company.succeed(&["run", PIPELINE, "--as-of", RUN_AS_OF, "--set", "decide.holdout.fraction=0.3", "--quiet"]);
    company.generate_until(LATER);
    telling_who(&company);
    let run = names(&company.path("runs/isp")).into_iter().find(|name| name.starts_with("2026-")).unwrap();
    let takes = || {
        let arguments = ["evaluate", PIPELINE, &run, "--as-of", LATER, "--output", "json"];
        let found: Value = serde_json::from_str(&company.succeed(&arguments)).unwrap();
        offer(&found, PLANTED)["assigned"]["takes"].as_u64().unwrap()
    };
    let idle = takes();
    let planted = company.plant_with(",true");
    // Who was given it can no longer take it.
    let (given, learned_given) = (takes(), learned(&company));
    assert!(planted > 20 && given <= idle, "{given} of {planted} gifts, {idle} without");
    company.edit("data/isp/holdings.csv", |table| table.replace(",true\n", ",false\n"));
    let (taken, learned_taken) = (takes(), learned(&company));
    assert!(taken >= planted, "{taken} of {planted}");
    assert!(learned_taken >= learned_given + planted / 2, "{learned_taken} with {planted}, {learned_given} without");
}

fn offer<'a>(evaluated: &'a Value, key: &str) -> &'a Value {
    let offers = evaluated["evaluation"]["offers"].as_array().unwrap();
    offers.iter().find(|offer| offer["offer"] == key).unwrap()
}

fn ends(effect: &Value) -> (f64, f64) {
    let end = |name: &str| effect["interval"][name].as_f64().unwrap();
    (end("lower"), end("upper"))
}

#[test]
fn planted_takes_are_found_and_a_published_run_is_only_read() {
    let company = Company::of_june("0.3");
    company.generate_until(LATER);
    let before = files_below(&company.path("runs"));
    // Nobody was contacted in this world, so every interval should hold zero; one in twenty may miss.
    let idle = company.evaluate(&[]);
    assert_eq!(idle["outcome"], "published");
    let offers = idle["evaluation"]["offers"].as_array().unwrap();
    let told: Vec<(f64, f64)> =
        offers.iter().map(|offer| &offer["effect"]).filter(|e| !e["interval"].is_null()).map(ends).collect();
    let missed = told.iter().filter(|(lower, upper)| *lower > 0.0 || *upper < 0.0).count();
    assert!(told.len() >= 4 && missed <= 1, "{told:?}");
    let (lower, upper) = ends(&idle["evaluation"]["total"]["takes"]);
    assert!(lower <= 0.0 && 0.0 <= upper, "{lower} to {upper}");

    assert_eq!(company.evaluate(&[])["outcome"], "already_published");
    let planted = company.plant();
    let found = company.evaluate(&[]);
    let security = offer(&found, PLANTED);
    let reach = security["assigned"]["customers"].as_u64().unwrap();
    let (lower, upper) = ends(&security["effect"]);
    let truth = planted as f64 / reach as f64;
    assert!(planted > 20 && lower > 0.1 && (lower..=upper).contains(&truth), "{truth} in {lower} to {upper}");
    let total = ends(&found["evaluation"]["total"]["takes"]);
    assert!(total.0 > 0.0, "{planted} of {reach}: {total:?}");
    assert!(security["assigned"]["takes"].as_u64().unwrap() >= planted);
    // What was expected of the rows of the offer table, and that more came of it than that; of the others nothing else than before.
    let run = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(RUN_AS_OF)).unwrap();
    let made: Vec<Row> = rows(&company, &run, "offers").into_iter().filter(|row| row.offer == PLANTED).collect();
    let expected = &security["expected"];
    assert_eq!(expected["made"].as_u64(), Some(reach));
    assert!(reach as usize <= made.len() && reach as usize * 20 > made.len() * 19, "{reach} of {}", made.len());
    let mean = |of: fn(&Row) -> f64| made.iter().map(of).sum::<f64>() / made.len() as f64;
    let (value, told) = (mean(|row| row.value as f64), expected["expected_value_minor"].as_f64().unwrap());
    assert!((told / value - 1.0).abs() < 0.05, "{told} {value}");
    let takes = &expected["takes"];
    assert_eq!(takes["verdict"], "understated", "{takes}");
    assert!((takes["came"]["value"].as_f64().unwrap() - truth).abs() < 0.1 && takes["expected"].as_f64() < Some(0.3));
    let made_of = |offer: &Value| offer["expected"]["made"].as_u64().unwrap_or(0);
    let evaluation = &found["evaluation"];
    let of_offers: u64 = evaluation["offers"].as_array().unwrap().iter().map(made_of).sum();
    assert_eq!(evaluation["expected"]["made"].as_u64(), Some(of_offers));
    assert_eq!(evaluation["expected"]["takes"]["verdict"], "understated");
    for offer in idle["evaluation"]["offers"].as_array().unwrap() {
        let verdict = &offer["expected"]["takes"]["verdict"];
        assert!(verdict.is_null() || ["as_expected", "not_shown"].contains(&verdict.as_str().unwrap()), "{offer}");
    }
    assert_eq!(security["shadow"], offer(&idle, PLANTED)["shadow"], "nothing was planted in the holdout");
    assert_eq!(files_below(&company.path("runs")), before, "a published run is only read");

    let page = company.succeed(&["evaluate", PIPELINE, "--as-of", LATER, "--language", "ja"]);
    assert!(page.contains("比較対照群") && page.contains(PLANTED), "{page}");
    let report = company.succeed(&["report", "runs/isp", "--language", "en"]);
    assert!(report.contains("What the offers earned") && report.contains("all offers"), "{report}");
    assert!(report.contains("What was expected, and what came") && report.contains("sales: understated"), "{report}");
    let report = company.succeed(&["report", "runs/isp", "--language", "ja"]);
    assert!(report.contains("見込みと実績") && report.contains("成約: 過小"), "{report}");
    let run = names(&company.path("evaluations/isp"));
    assert_eq!(run.len(), 1);
    let kept = names(&company.path(&format!("evaluations/isp/{}", run[0])));
    assert_eq!(kept.len(), 4, "two evaluations, CURRENT and the lock: {kept:?}");
}

#[test]
fn the_same_tables_give_the_same_bytes_on_any_number_of_threads() {
    let company = Company::of_june("0.3");
    company.generate_until(LATER);
    let bytes = |threads: &str| {
        let done = company.evaluate(&["--threads", threads, "--memory", if threads == "1" { "64MiB" } else { "1GiB" }]);
        let file = company.path(done["directory"].as_str().unwrap()).join("evaluation.json");
        let bytes = fs::read(file).unwrap();
        fs::remove_dir_all(company.path("evaluations")).unwrap();
        bytes
    };
    assert_eq!(bytes("1"), bytes("4"));
}

/// Breaks something and compares what `evaluate` says of it, in both languages, with `tests/golden/`.
fn check(name: &str, code: i32, company: &Company, arguments: &[&str]) {
    for language in ["en", "ja"] {
        let all = [&["evaluate", PIPELINE], arguments, &["--quiet", "--language", language]].concat();
        let output = company.osusume(&all);
        let run = names(&company.path("runs/isp")).into_iter().find(|name| name.starts_with("2026-"));
        let said = text(&output.stderr).replace(&run.unwrap(), "[run]");
        let got = format!("exit code {}\n{said}", output.status.code().unwrap());
        check_golden(&repository_root().join(format!("tests/golden/{name}.{language}.txt")), &got);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(text(&output.stdout), "");
        assert!(!company.path("evaluations/isp").exists() || evaluations(company) == 0, "{name}: nothing is published");
    }
}

/// Evaluations there are, whole or not, of all runs.
fn evaluations(company: &Company) -> usize {
    let root = company.path("evaluations/isp");
    names(&root).iter().flat_map(|run| names(&root.join(run))).filter(|name| name != "LOCK").count()
}

#[test]
fn what_cannot_be_evaluated_is_said() {
    let company = Company::with_run();
    check("evaluate_unknown_run", 2, &company, &["2026-01-01-001-00000000"]);
    check("evaluate_too_early", 20, &company, &["current", "--as-of", LATER]);
    let run = names(&company.path("runs/isp")).into_iter().find(|name| name.starts_with("2026-")).unwrap();
    // By its directory it is the same run.
    check("evaluate_too_early", 20, &company, &[&format!("runs/isp/{run}"), "--as-of", LATER]);
    fs::write(company.path(&format!("runs/isp/{run}/summary.json")), "{}").unwrap();
    let changed = company.osusume(&["evaluate", PIPELINE, &run, "--as-of", LATER]);
    assert_eq!(changed.status.code(), Some(17), "{}", text(&changed.stderr));
    fs::remove_file(company.path("runs/isp/CURRENT")).unwrap();
    let never = company.osusume(&["evaluate", PIPELINE, &run]);
    assert_eq!(never.status.code(), Some(2), "no reader ever saw it: {}", text(&never.stderr));
    assert_eq!(company.osusume(&["evaluate", PIPELINE]).status.code(), Some(20));
}

#[test]
fn tables_that_lost_rows_are_refused_and_a_missing_holdout_is_said() {
    let company = Company::of_june("0");
    company.generate_until(LATER);
    let output = company.osusume(&["evaluate", PIPELINE, "--as-of", LATER]);
    let (page, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && said.contains("E4022"), "{said}");
    assert!(page.contains("nothing to compare with"), "{page}");
    fs::remove_dir_all(company.path("evaluations")).unwrap();
    company.edit("data/isp/holdings.csv", |table| {
        let kept: Vec<&str> = table.lines().enumerate().filter(|(i, _)| i % 2 == 0).map(|(_, line)| line).collect();
        kept.join("\n") + "\n"
    });
    check("evaluate_tables_shrunken", 10, &company, &["--as-of", LATER]);
}

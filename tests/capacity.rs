//! Places for fewer customers than want them: who gets them, what is said of the others, and that both arms are told alike.

use std::collections::BTreeMap;

use serde_json::Value;

use super::support::{AS_OF, Company, Row, decisions, names, rows, text};

const PIPELINE: &str = "pipelines/isp.toml";
/// Places for calls and for one offer, a campaign that was promised, and a holdout that is large enough to look at.
const CAPACITY: [&str; 6] = [
    "--set",
    "decide.capacity=[{channel=\"telephone\",max=60},{offer=\"tv\",max=20},{offer=\"storage\",min=3}]",
    "--set",
    "decide.holdout.fraction=0.4",
    "--set",
    "decide.per_customer=2",
];

fn run(company: &Company, more: &[&str]) -> String {
    let arguments = ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--quiet", "--output", "json"];
    company.succeed(&[&arguments[..], more].concat());
    names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap()
}

/// The word for each customer's offer in the decisions.
fn words(company: &Company, run: &str, offer: &str) -> BTreeMap<String, String> {
    decisions(company, run).into_iter().map(|(customer, (_, fates))| (customer, fates[offer].clone())).collect()
}

#[test]
fn places_go_where_they_are_worth_most() {
    let company = Company::new();
    let free = run(&company, &["--set", "decide.holdout.fraction=0.4", "--set", "decide.per_customer=2"]);
    let wanted = rows(&company, &free, "offers");
    let count = |rows: &[Row], is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
    assert!(count(&wanted, &|row| row.channel == "telephone") > 90, "more calls are wanted than there will be");
    let n_tv = count(&wanted, &|row| row.offer == "tv");
    assert!(n_tv > 24, "{n_tv}");
    std::fs::remove_dir_all(company.path("runs")).unwrap();

    let run_id = run(&company, &CAPACITY);
    let (offers, shadow) = (rows(&company, &run_id, "offers"), rows(&company, &run_id, "shadow"));
    assert_eq!(count(&offers, &|row| row.channel == "telephone"), 60);
    assert_eq!(count(&offers, &|row| row.offer == "tv"), 20);
    assert!(count(&offers, &|row| row.offer == "storage") >= 3);
    // Six customers in ten share the places; of the other four, as many as that are told at the same prices.
    let told = count(&shadow, &|row| row.offer == "tv");
    assert!((4..=26).contains(&told), "{told}");
    for row in offers.iter().chain(&shadow) {
        assert!(row.propensity > 0.0, "{} of {}", row.offer, row.customer);
    }

    // Nobody without TV would have been worth more than the one who got it for least: places in it are all that differ.
    let least = offers.iter().filter(|row| row.offer == "tv").map(|row| row.value).min().unwrap();
    let words = words(&company, &run_id, "tv");
    let lost: Vec<&String> = words.iter().filter(|(_, word)| *word == "no_capacity").map(|(id, _)| id).collect();
    assert!(!lost.is_empty());
    let summary: Value =
        serde_json::from_slice(&std::fs::read(company.path(&format!("runs/isp/{run_id}/summary.json"))).unwrap())
            .unwrap();
    let capacity = &summary["decisions"]["capacity"];
    assert_eq!(capacity["limits"][0]["used"], 60);
    assert_eq!(capacity["limits"][1]["used"], 20);
    assert!(capacity["limits"][1]["price_minor"].as_f64().unwrap() > 0.0);
    let (value, bound) = (capacity["value_minor"].as_f64().unwrap(), capacity["bound_minor"].as_f64().unwrap());
    assert!(value <= bound && value > 0.9 * bound, "{value} of {bound}");
    assert!(summary["decisions"]["removed"]["no_capacity"].as_u64().unwrap() >= lost.len() as u64);

    // What became of them is told from the run alone; a place lost names the rule.
    let mut beaten = 0;
    for id in lost.iter().take(5) {
        let said: Value =
            serde_json::from_str(&company.succeed(&["why", id, &format!("runs/isp/{run_id}"), "--output", "json"]))
                .unwrap();
        let tv = said["offers"].as_array().unwrap().iter().find(|offer| offer["offer"] == "tv").unwrap();
        assert_eq!(tv["rule"], "no_capacity");
        beaten += i64::from(tv["expected_value_minor"].as_i64().unwrap() <= least);
    }
    assert!(beaten >= 3, "{beaten} of 5 were worth less than the least of those who got a place");
    let chosen = &offers[0];
    let said = company.succeed(&["why", &chosen.customer, &format!("runs/isp/{run_id}")]);
    assert!(said.contains(&chosen.offer), "{said}");
}

#[test]
fn an_offer_there_is_none_of_has_no_places() {
    let company = Company::new();
    let settings = "decide.capacity=[{offer=\"stroage\",max=5}]";
    let output = company.osusume(&["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--set", settings]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("stroage") && said.contains("storage"), "{said}");
    assert!(said.contains("decide.capacity[0].offer"), "{said}");
}

/// The summary of a run.
fn summary(company: &Company, run: &str) -> Value {
    let text = std::fs::read(company.path(&format!("runs/isp/{run}/summary.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn a_budget_counts_what_contacts_cost() {
    let company = Company::new();
    let budget = "decide.capacity=[{budget_minor=1000},{offer=\"tv\",min=100000}]";
    let run_id = run(&company, &["--set", budget, "--set", "decide.contact_cost_minor=30"]);
    let offers = rows(&company, &run_id, "offers");
    let limits = &summary(&company, &run_id)["decisions"]["capacity"]["limits"];
    // 33 contacts cost 990, one more would be too much.
    assert_eq!(offers.len(), 33);
    assert_eq!((limits[0]["used"].as_i64(), limits[0]["budget_minor"].as_i64()), (Some(990), Some(1000)));
    assert!(limits[0]["price_minor"].as_f64().unwrap() > 0.0 && limits[0]["next_short_minor"].is_number());
    // The minimum asks for more than the budget and the customers leave, which is proved.
    assert_eq!(offers.iter().filter(|row| row.offer == "tv").count(), 33);
    assert_eq!(limits[1]["missing"].as_i64(), Some(100_000 - 33));
    assert!(!limits[1]["conflict"].as_array().unwrap().is_empty());
    // What no limit counts loses no place to others, however many offers a customer is made.
    let few = ["--set", "decide.capacity=[{offer=\"tv\",max=10}]", "--set", "decide.per_customer=3"];
    let few = run(&company, &few);
    let found = decisions(&company, &few);
    let lost = |offer: &str| found.values().filter(|(_, fates)| fates[offer] == "no_capacity").count();
    assert!(lost("tv") > 0);
    for offer in found.values().next().unwrap().1.keys().filter(|offer| *offer != "tv") {
        assert_eq!(lost(offer), 0, "{offer}");
    }
    let nothing =
        run(&company, &["--set", "decide.capacity=[{budget_minor=0}]", "--set", "decide.contact_cost_minor=30"]);
    assert!(rows(&company, &nothing, "offers").is_empty());
}

#[test]
fn a_household_is_asked_through_as_many_as_the_file_says() {
    let company = Company::new();
    // Four customers in a row of the table live together: households of several with offers.
    company.edit("data/isp/customers.csv", |table| {
        let mut lines = table.lines();
        let head = lines.next().unwrap().to_owned();
        let moved = lines.enumerate().map(|(at, line)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            let household = format!("H{:09}", at / 4);
            cells[1] = &household;
            cells.join(",")
        });
        std::iter::once(head).chain(moved).map(|line| line + "\n").collect()
    });
    let household: BTreeMap<String, String> = std::fs::read_to_string(company.path("data/isp/customers.csv"))
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| (line.split(',').next().unwrap().to_owned(), line.split(',').nth(1).unwrap().to_owned()))
        .collect();
    let asked = |run: &str, name: &str| {
        let mut members: BTreeMap<&str, BTreeMap<String, i64>> = BTreeMap::new();
        for row in rows(&company, run, name) {
            *members.entry(household[&row.customer].as_str()).or_default().entry(row.customer).or_default() +=
                row.value;
        }
        members.into_iter().map(|(household, own)| (household.to_owned(), own)).collect::<BTreeMap<_, _>>()
    };
    let free = run(&company, &[]);
    assert!(asked(&free, "offers").values().any(|own| own.len() > 2), "households of several with offers");
    let limited = run(&company, &["--set", "decide.per_household=1"]);
    for name in ["offers", "shadow"] {
        let (before, after) = (asked(&free, name), asked(&limited, name));
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
        for (household, own) in &after {
            let most = before[household].values().max();
            assert_eq!((own.len(), own.values().max()), (1, most), "{household}");
        }
    }
    let words = words(&company, &limited, "tv");
    let resting = words.iter().find(|(_, word)| *word == "household_limit").unwrap().0;
    let said = company.succeed(&["why", resting, &format!("runs/isp/{limited}")]);
    assert!(said.contains("others of the household are asked"), "{said}");
    let places = ["--set", "decide.per_household=1", "--set", "decide.capacity=[{channel=\"telephone\",max=40}]"];
    let placed = run(&company, &places);
    assert!(asked(&placed, "offers").values().all(|own| own.len() == 1));
    assert!(rows(&company, &placed, "offers").iter().filter(|row| row.channel == "telephone").count() <= 40);
    // Lots and other policies make offers that are worth too little for the ranking: nobody else of the household is asked then, either.
    for other in ["decide.explore={fraction=0.5}", "decide.arms={random=0.4,propensity=0.2}"] {
        let policy = ["--set", "decide.per_household=1", "--set", "decide.min_value_minor=400", "--set", other];
        let mixed = run(&company, &policy);
        for name in ["offers", "shadow"] {
            assert!(asked(&mixed, name).values().all(|own| own.len() == 1), "{other}");
        }
    }
}

#[test]
fn limits_that_say_nothing_are_refused() {
    let company = Company::new();
    let refused = |set: &str, key: &str| {
        let output = company.osusume(&["check", PIPELINE, "--set", "decide.contact_cost_minor=0", "--set", set]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(key), "{said}");
    };
    refused("decide.capacity=[{budget_minor=5}]", "decide.contact_cost_minor");
    refused("decide.capacity=[{budget_minor=5,max=3}]", "decide.capacity[0].max");
    refused("decide.capacity=[{}]", "decide.capacity[0].max");
    company.edit("pipelines/isp.toml", |pipeline| pipeline.replace("household = \"household_id\", ", ""));
    refused("decide.per_household=1", "sources.customers.columns.household");
}

/// A minimum makes as many offers that nobody would be made otherwise as it takes, and no household is asked twice for them.
#[test]
fn a_minimum_lifts_the_threshold_for_no_more_than_it_asks() {
    let company = Company::new();
    let policy = ["--set", "decide.min_value_minor=400", "--set", "decide.per_household=1"];
    let free = run(&company, &policy);
    let worth_it = rows(&company, &free, "offers").iter().filter(|row| row.offer == "tv").count();
    let least = worth_it + 7;
    let capacity = format!("decide.capacity=[{{offer=\"tv\",min={least}}}]");
    let due = run(&company, &[&policy[..], &["--set", &capacity]].concat());
    let offers = rows(&company, &due, "offers");
    let tv: Vec<&Row> = offers.iter().filter(|row| row.offer == "tv").collect();
    assert_eq!(tv.len(), least);
    let poor = tv.iter().filter(|row| row.value < 400).count();
    assert!((1..=least - worth_it.min(least)).contains(&poor), "{poor} of {least}, {worth_it} are worth it");
    assert!(offers.iter().all(|row| row.value >= 400 || row.offer == "tv"));
    let customers = std::fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let household: BTreeMap<&str, &str> = customers
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|cells| !cells[1].is_empty())
        .map(|cells| (cells[0], cells[1]))
        .collect();
    let mut asked: BTreeMap<&str, &str> = BTreeMap::new();
    for row in &offers {
        let Some(home) = household.get(row.customer.as_str()) else { continue };
        let other = asked.insert(home, &row.customer);
        assert!(other.is_none_or(|other| other == row.customer), "{home}: {other:?} and {}", row.customer);
    }
}

/// Limits that count some customers only: the published tables added up again, and what is said of each limit.
#[test]
fn limits_of_segments_count_their_customers_alone() {
    let company = Company::new();
    let prefecture: BTreeMap<String, String> = std::fs::read_to_string(company.path("data/isp/customers.csv"))
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| (line.split(',').next().unwrap().to_owned(), line.split(',').nth(6).unwrap().to_owned()))
        .collect();
    let count = |rows: &[Row], is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count() as i64;
    let is_osaka = |row: &Row| prefecture[&row.customer] == "osaka";
    let is_tokyo = |row: &Row| prefecture[&row.customer] == "tokyo";
    let free = rows(&company, &run(&company, &[]), "offers");
    let (osaka, tokyo) = (count(&free, &is_osaka), count(&free, &is_tokyo));
    assert!(osaka > 12 && tokyo > 12, "{osaka} {tokyo}");
    std::fs::remove_dir_all(company.path("runs")).unwrap();

    let condition = |name: &str| format!("when=\"customers_prefecture == '{name}'\"");
    let limits = format!(
        "decide.capacity=[{{{},max=7}},{{{},channel=\"telephone\",budget_minor=90}},{{{},offer=\"storage\",min=5}},{{{},min=4000}}]",
        condition("osaka"),
        condition("tokyo"),
        condition("tokyo"),
        condition("osaka")
    );
    for more in [&[][..], &["--set", "decide.explore.fraction=0.2"]] {
        let arguments =
            ["--set", &limits, "--set", "decide.contact_cost_minor=30", "--set", "decide.holdout.fraction=0.2"];
        let run_id = run(&company, &[&arguments[..], more].concat());
        let offers = rows(&company, &run_id, "offers");
        let summary = summary(&company, &run_id);
        let limits = summary["decisions"]["capacity"]["limits"].as_array().unwrap();
        assert_eq!(count(&offers, &is_osaka), 7);
        let calls = 30 * count(&offers, &|row| is_tokyo(row) && row.channel == "telephone");
        let storage = count(&offers, &|row| is_tokyo(row) && row.offer == "storage");
        assert!(calls <= 90 && storage >= 5, "{calls} {storage}");
        assert!(count(&offers, &|row| !is_osaka(row) && !is_tokyo(row)) > 30, "nobody else is limited");
        let used: Vec<i64> = limits.iter().map(|limit| limit["used"].as_i64().unwrap()).collect();
        assert_eq!(used, [7, calls, storage, 7]);
        assert_eq!(limits[0]["when"], "customers_prefecture == 'osaka'");
        assert!(limits[0]["price_minor"].as_f64().unwrap() > 0.0 && limits[0]["next_short_minor"].is_number());
        // What is asked for in Osaka contradicts what is allowed there, and that is proved.
        assert_eq!(limits[3]["missing"].as_i64(), Some(4000 - 7));
        assert!(limits[3]["conflict"].as_array().unwrap().iter().any(|at| at == 3));
        // Somebody who lost a place is told so out of the run alone.
        let words = words(&company, &run_id, "tv");
        let lost = words.iter().find(|(id, word)| *word == "no_capacity" && prefecture[*id] == "osaka").unwrap().0;
        let said = company.succeed(&["why", lost, &format!("runs/isp/{run_id}")]);
        assert!(said.contains("no place left"), "{said}");
        let overlay = ["what-if", PIPELINE, "--output", "json"];
        let asked: Value = serde_json::from_str(
            &company.succeed(&[&overlay[..], &arguments, more, &["--set", "decide.min_value_minor=20"]].concat()),
        )
        .unwrap();
        assert_eq!(asked["now"]["rows"].as_u64(), Some(offers.len() as u64));
        std::fs::remove_dir_all(company.path("runs")).unwrap();
    }
}

#[test]
fn conditions_of_limits_must_be_conditions() {
    let company = Company::new();
    let refused = |set: &str, key: &str| {
        let output = company.osusume(&["check", PIPELINE, "--as-of", AS_OF, "--set", set]);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(key), "{said}");
    };
    refused("decide.capacity=[{max=5,when=\"customers_prefecture ==\"}]", "decide.capacity[0].when");
    refused("decide.capacity=[{max=5,when=\"customers_prefectur == 'osaka'\"}]", "customers_prefecture");
    let nine: Vec<String> = (0..9).map(|i| format!("{{max=5,when=\"customers_birth_year > {}\"}}", 1950 + i)).collect();
    refused(&format!("decide.capacity=[{}]", nine.join(",")), "decide.capacity");
}

/// A minimum above all who may have the offer is met as far as it goes, proved to be out of reach and said; places for nobody are said too.
#[test]
fn what_cannot_be_met_is_said() {
    let company = Company::new();
    let told = |set: &str| {
        let arguments =
            ["run", PIPELINE, "--as-of", AS_OF, "--no-export", "--set", "decide.contact_cost_minor=30", "--set", set];
        let output = company.osusume(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let run_id = names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap();
        (run_id, format!("{}{}", text(&output.stdout), text(&output.stderr)))
    };
    let (run_id, said) = told("decide.capacity=[{offer=\"tv\",min=100000}]");
    let limit = &summary(&company, &run_id)["decisions"]["capacity"]["limits"][0];
    let made = rows(&company, &run_id, "offers").iter().filter(|row| row.offer == "tv").count() as i64;
    assert!(made > 30, "{made}");
    assert_eq!((limit["used"].as_i64(), limit["missing"].as_i64()), (Some(made), Some(100_000 - made)));
    assert_eq!(limit["conflict"], serde_json::json!([0]));
    assert!(said.contains("warning[E4037]: the minimum of 100,000 of `decide.capacity[0]` is missed by 99,"), "{said}");
    assert_eq!(limit["price_minor"].as_f64(), Some(0.0), "nothing would clear it");
    let (run_id, said) = told("decide.capacity=[{budget_minor=0}]");
    assert!(rows(&company, &run_id, "offers").is_empty() && said.contains("E4023"), "{said}");
    assert!(said.contains("most pairs end at \"no_capacity\""), "{said}");
}

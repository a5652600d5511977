//! What is sold to households and accounts: held by one member it is held by all, and one of them is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::support::{AS_OF, Company};
use super::timing::{run, table, words};

const OVERLAY: &str = "pipelines/units.toml";
const COLUMNS: &str = "[decide]\nvalue = \"taking\"\nmin_value_minor = 0\nholdout = { fraction = 0.3, salt = \"u\" }\n\
                       [sources.customers.columns]\naccount = \"account_id\"\n";

/// Television and Wi-Fi are sold to units of one kind; four customers in a row of the table are a household, three an account.
fn company(held_by: &str) -> Company {
    let company = Company::new();
    company.edit("data/isp/products.csv", |table| {
        let row = |line: &str| {
            let is_shared = line.starts_with("tv,") || line.starts_with("wifi_mesh,");
            (if is_shared { line.replace(",customer,", &format!(",{held_by},")) } else { line.to_owned() }) + "\n"
        };
        table.lines().map(row).collect()
    });
    company.edit("data/isp/customers.csv", |table| {
        let mut lines = table.lines();
        let head = format!("{},account_id\n", lines.next().unwrap());
        let row = |(at, line): (usize, &str)| {
            let mut cells: Vec<&str> = line.split(',').collect();
            let household = format!("H{:09}", at / 4);
            cells[1] = &household;
            // One in ten is in no account.
            let account = if at % 10 == 7 { String::new() } else { format!("A{}", at / 3) };
            format!("{},{account}\n", cells.join(","))
        };
        head + &lines.enumerate().map(row).collect::<String>()
    });
    fs::write(company.path(OVERLAY), COLUMNS).unwrap();
    company
}

/// The unit of each customer; alone for who is in none.
fn units(company: &Company, held_by: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let unit = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let unit = if held_by == "household" { cells[1] } else { cells[cells.len() - 1] };
        (cells[0].to_owned(), if unit.is_empty() { cells[0].to_owned() } else { unit.to_owned() })
    };
    text.lines().skip(1).map(unit).collect()
}

/// Who held the product when the first of October began in Tokyo.
fn holders(company: &Company, product: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(company.path("data/isp/holdings.csv")).unwrap();
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<String>>();
    let head = cells(text.lines().next().unwrap());
    let at = |name: &str| head.iter().position(|header| header == name).unwrap();
    let [start, end, loaded, ended] = ["start_date", "end_date", "loaded_at", "end_loaded_at"].map(at);
    let product_at = at("product_id");
    let is_held = |row: &Vec<String>| {
        let has_begun = row[start].as_str() < "2026-10-01" && row[loaded].as_str() < "2026-09-30T15:00:00Z";
        let is_over = !row[end].is_empty() && row[end].as_str() <= "2026-10-01";
        row[product_at] == product && has_begun && !(is_over && row[ended].as_str() < "2026-09-30T15:00:00Z")
    };
    text.lines().skip(1).map(cells).filter(is_held).map(|row| row[0].clone()).collect()
}

fn check(held_by: &str) {
    let company = company(held_by);
    let units = units(&company, held_by);
    let more = ["--overlay", OVERLAY];
    let id = run(&company, &more);
    let decided = table(&company, &id, "decisions");
    let ids = words(&decided, "customer_id");
    let mut asked_of_others = None;
    for (offer, product) in [("tv", "tv"), ("wifi_mesh", "wifi_mesh")] {
        let holders = holders(&company, product);
        let units_with: BTreeSet<&String> = holders.iter().filter_map(|id| units.get(id)).collect();
        let mut open: BTreeMap<&String, [u32; 2]> = BTreeMap::new();
        let (mut n_held, mut n_others) = (0, 0);
        for (id, word) in ids.iter().zip(words(&decided, offer)) {
            let unit = &units[id];
            let is_held = word == "already_held";
            assert_eq!(is_held, units_with.contains(unit) && word != "no_consent", "{id} {offer}: {word}");
            n_held += u32::from(is_held && !holders.contains(id));
            let counts = open.entry(unit).or_default();
            counts[0] += u32::from(["chosen", "outranked", "below_threshold"].contains(&word.as_str()));
            counts[1] += u32::from(word == "unit_asked");
            if word == "unit_asked" {
                n_others += 1;
                asked_of_others = Some(id.clone());
            }
        }
        assert!(n_held > 20 && n_others > 20, "{offer}: {n_held} {n_others}");
        // One of a unit is asked, and the others because of that one.
        assert!(open.values().all(|[open, others]| *open <= 1 && (*others == 0 || *open == 1)), "{open:?}");
    }
    let offers = table(&company, &id, "offers");
    let mut made: BTreeSet<(String, String)> = BTreeSet::new();
    for (customer, offer) in words(&offers, "customer_id").into_iter().zip(words(&offers, "offer")) {
        let is_shared = offer == "tv" || offer == "wifi_mesh";
        assert!(!is_shared || made.insert((units[&customer].clone(), offer)));
    }
    assert!(made.len() > 5);
    let said = company.succeed(&["why", &asked_of_others.unwrap(), &id]);
    assert!(said.contains("another member is asked about it"), "{said}");
    let arguments =
        ["what-if", "pipelines/isp.toml", "--overlay", OVERLAY, "--set", "decide.months=6", "--output", "json"];
    let asked: Value = serde_json::from_str(&company.succeed(&arguments)).unwrap();
    assert_eq!(asked["now"]["rows"].as_u64(), Some(offers.num_rows() as u64));
}

#[test]
fn what_a_household_holds_all_of_it_hold_and_one_is_asked() {
    check("household");
}

#[test]
fn what_an_account_holds_all_of_it_hold_and_one_is_asked() {
    check("account");
}

#[test]
fn places_and_threads_change_nothing_of_it() {
    let company = company("household");
    let units = units(&company, "household");
    let tables = |threads: &str, places: usize| {
        let capacity = format!("decide.capacity=[{{offer=\"tv\",max={places}}}]");
        let more = ["--overlay", OVERLAY, "--set", &capacity, "--threads", threads];
        let id = run(&company, &more);
        assert!(id.contains(AS_OF));
        let offers = table(&company, &id, "offers");
        let tv =
            words(&offers, "customer_id").into_iter().zip(words(&offers, "offer")).filter(|(_, offer)| offer == "tv");
        let tv: Vec<String> = tv.map(|(customer, _)| units[&customer].clone()).collect();
        let read = ["offers", "shadow", "decisions"]
            .map(|name| fs::read(company.path(&format!("{id}/{name}.parquet"))).unwrap());
        fs::remove_dir_all(company.path("runs")).unwrap();
        assert_eq!(tv.iter().collect::<BTreeSet<_>>().len(), tv.len(), "{tv:?}");
        (tv.len(), read)
    };
    let (free, _) = tables("1", 1000);
    assert!(free > 6, "{free}");
    let (made, one) = tables("1", free - 3);
    assert!(made == free - 3 && one == tables("3", free - 3).1, "{made} of {free}");
}

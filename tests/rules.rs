//! Recipe `rules`: what the rules of each date say becomes a feature of every offer.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::{AsArray, RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{Date32Type, Float32Type, Float64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

use super::support::{OSUSUME, text};

/// Six products that anybody may hold, in three pairs. Whoever holds a whole pair adds the bundle sooner or later; a product without its
/// other half leads nowhere. What is linear in the products sees three halves as more than one pair.
struct Pairs(TempDir);

const PIPELINE: &str = r#"
[pipeline]
name = "pairs"
time_zone = "UTC"
currency = "USD"
purpose = "offers"
as_of = 2026-01-01

[sources.holdings]
role = "holdings"
path = "../holdings.csv"
columns = { customer = "customer", product = "product", start = "start" }

[sources.products]
role = "products"
path = "../products.csv"
columns = { product = "product", family = "family", tier = "tier", margin = "margin" }

[offers]
cross_sell = { families = ["bundle"] }
horizon_days = 30
gap_days = 0
kept_days = 0

[features]
recipes = ["holding"]

[train]
as_of = { every = "1 month", count = 6 }

[mine]
baskets = "holdings"
min_support = 0.005
follow_days = 0

[decide]
channels = ["mail"]
consent = { required = false }
"#;

impl Pairs {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let mut state = 7_u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let mut holdings = String::from("customer,product,start\n");
        for customer in 0..4000 {
            let held: Vec<usize> = (0..6).filter(|_| next(2) == 0).collect();
            let has_pair = (0..3).any(|pair| held.contains(&(2 * pair)) && held.contains(&(2 * pair + 1)));
            writeln!(holdings, "c{customer},line,2024-01-01").unwrap();
            for product in held {
                writeln!(holdings, "c{customer},p{product},2024-01-01").unwrap();
            }
            let (month, day) = (next(23), 2 + next(26));
            if next(20) < if has_pair { 12 } else { 1 } {
                writeln!(
                    holdings,
                    "c{customer},bundle,{}-{:02}-{day:02}",
                    2024 + (month + 1) / 12,
                    (month + 1) % 12 + 1
                )
                .unwrap();
            }
        }
        let mut products = String::from("product,family,tier,margin\nline,line,1,100\nbundle,bundle,1,500\n");
        (0..6).for_each(|product| writeln!(products, "p{product},f{product},1,100").unwrap());
        fs::create_dir(dir.path().join("pipelines")).unwrap();
        for (name, content) in
            [("holdings.csv", &*holdings), ("products.csv", &*products), ("pipelines/pairs.toml", PIPELINE)]
        {
            fs::write(dir.path().join(name), content).unwrap();
        }
        Self(dir)
    }

    fn osusume(&self, arguments: &[&str]) -> Output {
        Command::new(OSUSUME).args(arguments).current_dir(self.0.path()).env_clear().output().unwrap()
    }

    /// The directory of the run with these settings.
    fn run(&self, settings: &[&str]) -> PathBuf {
        let sets: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let output = self.osusume(&[&["run", "pipelines/pairs.toml", "--no-export", "--quiet"], &sets[..]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let runs = self.0.path().join("runs/pairs");
        let current = fs::read_to_string(runs.join("CURRENT")).unwrap();
        runs.join(current.split_whitespace().next().unwrap())
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Mean AUC over the tests of the only offer.
fn auc(run: &Path) -> f64 {
    let summary = json(&run.join("summary.json"));
    let tests = summary["offers"][0]["tests"].as_array().unwrap();
    tests.iter().map(|test| test["auc"].as_f64().unwrap()).sum::<f64>() / tests.len() as f64
}

fn table(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let schema = reader.schema();
    concat_batches(&schema, &reader.collect::<Result<Vec<_>, _>>().unwrap()).unwrap()
}

#[test]
fn rules_tell_models_what_only_two_things_together_mean() {
    let pairs = Pairs::new();
    let without = auc(&pairs.run(&[]));
    let run = pairs.run(&["features.recipes=[\"holding\", \"rules\"]"]);
    let with = auc(&run);
    assert!(with > without + 0.02, "{without} {with}");
    // Whoever is offered the bundle because of it is told so, in both languages.
    let offers = table(&run.join("offers.parquet"));
    let of = |name: &str| offers.column_by_name(name).unwrap().as_string::<i32>().clone();
    let (customers, reasons) = (of("customer_id"), of("reason_1"));
    let is_told = |row: &usize| reasons.value(*row) == "rules:holdings_rules_bundle:+";
    let customer = customers.value((0..offers.num_rows()).find(is_told).unwrap()).to_owned();
    let told = |language: &str| {
        let output = pairs.osusume(&["why", &customer, "--language", language]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(told("en").contains("goes together with bundle"), "{}", told("en"));
    assert!(told("ja").contains("bundle と一緒に選ばれる"), "{}", told("ja"));
}

/// The evidence by its definition, out of the rules and the tiers that the run itself wrote down.
#[test]
fn the_feature_is_what_the_reported_rules_of_its_date_add_up_to() {
    let pairs = Pairs::new();
    let run = pairs.run(&["features.recipes=[\"holding\", \"rules\"]"]);
    let rules = table(&run.join("rules.parquet"));
    let column = |name: &str| rules.column_by_name(name).unwrap();
    let (dates, bounds) = (column("as_of"), column("conditional_lift_lower").as_primitive::<Float64Type>());
    let (reported, consequents) = (column("is_reported").as_boolean(), column("consequent").as_string::<i32>());
    let antecedent = |rule: usize| -> Vec<String> {
        let names = column("antecedent").as_list::<i32>().value(rule);
        names.as_string::<i32>().iter().map(|name| name.unwrap().to_owned()).collect()
    };
    let dates = dates.as_primitive::<Date32Type>();
    for file in ["features/training.parquet", "features/scoring.parquet"] {
        let features = table(&run.join(file));
        let of = |name: &str| features.column_by_name(name).unwrap().as_primitive::<Float32Type>();
        let as_of = features.column_by_name("as_of").unwrap().as_primitive::<Date32Type>();
        let evidence = of("holdings_rules_bundle");
        let mut fired = 0;
        for row in (0..features.num_rows()).step_by(7) {
            // The name of a family is the product's with another letter, and the only product of it.
            let holds = |product: &String| of(&format!("holdings_{}_tier", product.replace('p', "f"))).value(row) > 0.0;
            let is_open = of("holdings_bundle_tier").value(row) == 0.0;
            let fires = |rule: &usize| {
                dates.value(*rule) == as_of.value(row)
                    && reported.value(*rule)
                    && consequents.value(*rule) == "bundle"
                    && is_open
                    && antecedent(*rule).iter().all(holds)
            };
            let firing: Vec<usize> = (0..rules.num_rows()).filter(fires).collect();
            let expected: f64 = firing.iter().map(|&rule| bounds.value(rule).ln().max(0.0)).sum();
            assert!((f64::from(evidence.value(row)) - expected).abs() < 1e-5, "row {row} of {file}");
            fired += usize::from(!firing.is_empty());
        }
        assert!(fired > 50, "{file}: {fired}");
    }
}

#[test]
fn without_mining_there_is_nothing_to_say() {
    let pairs = Pairs::new();
    let (before, rest) = PIPELINE.split_once("[mine]").unwrap();
    let after = rest.split_once("[decide]").unwrap().1;
    fs::write(pairs.0.path().join("pipelines/pairs.toml"), format!("{before}[decide]{after}")).unwrap();
    let dictionary = |settings: &[&str]| {
        let dictionary = json(&pairs.run(settings).join("features/dictionary.json"));
        dictionary["features"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(dictionary(&["features.recipes=[\"holding\", \"rules\"]"]), dictionary(&[]));
}

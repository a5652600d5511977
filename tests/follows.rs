//! What is added after what, end to end, in a company where one product was made to lead to another.

use std::collections::BTreeMap;
use std::fs::{self, File};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::support::{AS_OF, Company, names};

/// The internet provider's world, but nobody holds television at first, and whoever takes it soon needs storage.
fn planted_world() -> String {
    let path = osusume_testkit::repository_root().join("crates/synth/worlds/isp.toml");
    let world = fs::read_to_string(path).unwrap();
    let world = with_offer(&world, "tv", 0.05, "");
    let world = with_offer(&world, "storage", 0.012, "{ weight = 2.0, gates = [{ holds = [\"tv\"] }] }");
    let planted = world.replace("held = { none = 0.78, tv = 0.22 }", "held = { none = 1.0, tv = 0.0 }");
    assert_ne!(world, planted, "television is one of the families");
    planted
}

/// The world with another rate and other terms of one offer.
fn with_offer(world: &str, product: &str, rate: f64, terms: &str) -> String {
    let offer = format!("[[offer]]\nproduct = \"{product}\"\n");
    let (before, rest) = world.split_once(&offer).unwrap();
    let (_, rest) = rest.split_once("per_60_days").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    let (kept, rest) = rest.split_once("terms = [\n").unwrap();
    let (_, after) = rest.split_once("\n]\n").unwrap();
    format!("{before}{offer}per_60_days = {rate}\n{kept}terms = [{terms}]\n{after}")
}

fn company() -> Company {
    let company = Company::new();
    fs::write(company.path("world.toml"), planted_world()).unwrap();
    let size = ["--customers", "3000", "--events", "20000", "--out", "data/planted"];
    company.succeed(&[&["synth", "--world", "world.toml"][..], &size].concat());
    company.edit("pipelines/isp.toml", |pipeline| pipeline.replace("data/isp/", "data/planted/"));
    company
}

/// Runs what mining needs and as little else as possible; the run's directory.
fn run(company: &Company, directory: &str, settings: &[&str]) -> std::path::PathBuf {
    run_with(company, directory, settings, &["--threads", "1"])
}

fn run_with(company: &Company, directory: &str, settings: &[&str], arguments: &[&str]) -> std::path::PathBuf {
    let small = [
        "mine.days=1000",
        "features.windows_days=[30]",
        "features.recipes=[\"tenure\"]",
        // No offer has so many takes: none needs a model.
        "train.min_positives=100000",
        "train.as_of={every=\"1 month\",count=2}",
    ];
    let directory_setting = format!("run.directory='{}'", company.path(directory).display());
    let sets = small.iter().chain(settings).copied().chain([directory_setting.as_str()]).flat_map(|set| ["--set", set]);
    let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--quiet"];
    company.succeed(&run.into_iter().chain(sets).chain(arguments.iter().copied()).collect::<Vec<_>>());
    let runs = company.path(directory).join("isp");
    let id = names(&runs).into_iter().find(|name| name.starts_with(AS_OF)).unwrap();
    runs.join(id)
}

fn follows(run: &std::path::Path) -> Value {
    let summary: Value = serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
    summary["rules"]["follows"].clone()
}

fn rows(run: &std::path::Path) -> RecordBatch {
    let file = File::open(run.join("follows.parquet")).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

#[test]
fn what_was_planted_is_found_and_told() {
    let company = company();
    let one = run(&company, "runs", &[]);
    let found = follows(&one);
    let top = &found["top"][0];
    assert_eq!((top["antecedent"].as_str(), top["consequent"].as_str()), (Some("tv"), Some("storage")), "{found}");
    let [ratio, lower, upper] = [0, 1, 2].map(|at| top["rate_ratio"][at].as_f64().unwrap());
    assert!(lower > 1.2 && lower < ratio && ratio < upper, "{top}");
    // Nothing else leads to anything by itself, so what is reported beside it must be little.
    assert!(found["reported"].as_u64().unwrap() <= 3 && found["compared"].as_u64().unwrap() > 50, "{found}");

    let rows = rows(&one);
    let count = |name: &str| rows.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
    let (customers, added) = (count("customers"), count("added"));
    assert!(customers.iter().zip(&added).all(|(all, added)| *added >= 10 && all - added >= 10));
    let dates = rows.column_by_name("as_of").unwrap().as_primitive::<Date32Type>();
    assert!(dates.values().is_sorted() && dates.values().first() < dates.values().last(), "two dates, the older first");
    let first = dates.values().iter().position(|date| Some(date) == dates.values().last()).unwrap();
    assert_eq!((customers[first], added[first]), (top["customers"].as_i64().unwrap(), top["added"].as_i64().unwrap()));
    let lower = rows.column_by_name("rate_ratio_lower").unwrap().as_primitive::<Float64Type>();
    assert!(lower.values()[first..].iter().is_sorted_by(|a, b| a >= b), "the surest first");
    let names = rows.column_by_name("antecedent").unwrap().as_string::<i32>();
    assert_eq!((names.value(first), names.null_count()), ("tv", 0));

    let page = fs::read_to_string(one.join("report.html")).unwrap();
    assert!(page.contains("What is added after what") && page.contains(&format!("×{ratio:.2}")), "{ratio}");
    let shown = company.succeed(&["runs", "show", "pipelines/isp.toml", "--language", "ja"]);
    assert!(shown.contains("tvの後にstorage"), "{shown}");
}

/// Rules of the run's own date over products and families, as counts by sides.
fn rules(run: &std::path::Path) -> BTreeMap<(Vec<String>, String), [i64; 8]> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(run.join("rules.parquet")).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
    let rows = arrow::compute::concat_batches(&schema, &batches).unwrap();
    let dates = rows.column_by_name("as_of").unwrap().as_primitive::<Date32Type>();
    let column = |name: &str| rows.column_by_name(name).unwrap().as_primitive::<Int64Type>();
    let own = |row: &usize| Some(&dates.value(*row)) == dates.values().iter().max();
    let rule = |row: usize| {
        let left = rows.column_by_name("antecedent").unwrap().as_list::<i32>().value(row);
        let mut left: Vec<String> = left.as_string::<i32>().iter().map(|name| name.unwrap().to_owned()).collect();
        left.sort();
        let right = rows.column_by_name("consequent").unwrap().as_string::<i32>().value(row).to_owned();
        let counts = ["n", "n_antecedent", "n_consequent", "n_both"];
        let later = ["later_n", "later_n_antecedent", "later_n_consequent", "later_n_both"];
        let counts =
            [counts, later].concat().into_iter().map(column).map(|it| if it.is_null(row) { -1 } else { it.value(row) });
        ((left, right), counts.collect::<Vec<i64>>().try_into().unwrap())
    };
    (0..rows.num_rows()).filter(own).map(rule).collect()
}

/// Families lie in baskets beside products, and no rule is about a product and its own.
#[test]
fn rules_speak_of_families_too() {
    let company = company();
    let products = fs::read_to_string(company.path("data/planted/products.csv")).unwrap();
    let mut lines = products.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let heads = lines.next().unwrap();
    let at = |name: &str| heads.iter().position(|head| *head == name).unwrap();
    let (key, family) = (at("product_id"), at("family"));
    let families: BTreeMap<String, String> =
        lines.map(|cells| (cells[key].to_owned(), format!("family:{}", cells[family]))).collect();
    let asked = ["mine.consequents=\"all\"", "mine.min_support=0.01", "mine.max_length=2"];
    let plain = rules(&run(&company, "plain", &asked));
    let found = rules(&run(&company, "above", &[&asked[..], &["mine.above=[\"family\"]"]].concat()));
    assert!(found.len() > plain.len() && !plain.is_empty());
    for (rule, counts) in &plain {
        assert_eq!(found.get(rule), Some(counts), "{rule:?}");
    }
    let of = |left: &str, right: &str| found.get(&(vec![left.to_owned()], right.to_owned()));
    for (left, right) in found.keys() {
        let related = |a: &String, b: &String| families.get(a) == Some(b) || families.get(b) == Some(a);
        assert!(!left.iter().any(|item| related(item, right)), "{left:?} {right}");
    }
    // A family of one product is that product, also in what came later.
    assert_eq!(families.values().filter(|family| *family == "family:storage").count(), 1);
    let of_storage: Vec<_> = found.keys().filter(|(left, _)| *left == ["storage"]).collect();
    assert!(!of_storage.is_empty());
    for (_, right) in of_storage {
        assert_eq!(of("storage", right), of("family:storage", right), "{right}");
    }
    for strange in ["aisle", "product"] {
        let set = format!("mine.above=[\"{strange}\"]");
        let output = company.osusume(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--set", &set]);
        let said = super::support::text(&output.stderr);
        assert!(said.contains("mine.above[0]") && said.contains("E2006") && said.contains("family"), "{said}");
    }
}

#[test]
fn settings_change_what_is_asked_and_threads_nothing() {
    let company = company();
    let by_one = run(&company, "one", &[]);
    let strict = run(&company, "strict", &["mine.correction=\"benjamini_yekutieli\""]);
    let n = |run: &std::path::Path| follows(run)["reported"].as_u64().unwrap();
    assert!(n(&strict) >= 1 && n(&strict) <= n(&by_one), "the planted pair stands up to the stricter correction");
    let soon = run(&company, "soon", &["mine.follow_days=30"]);
    assert_eq!(follows(&soon)["within_days"], 30);
    let none = run(&company, "none", &["mine.follow_days=0"]);
    assert!(follows(&none).is_null() && !none.join("follows.parquet").exists() && none.join("rules.parquet").exists());

    let again = run_with(&company, "again", &[], &["--threads", "3"]);
    let table = |run: &std::path::Path| fs::read(run.join("follows.parquet")).unwrap();
    assert!(table(&by_one) == table(&again), "the same rows are the same bytes");
}

//! `osusume inspect`: the features of one customer are those of the feature table, and follow from the rows it names.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use serde_json::Value;

use super::features::{numbers, table};
use super::support::{AS_OF, BEFORE, Company, text};

fn inspect(company: &Company, customer: &str, more: &[&str]) -> Value {
    let fixed = ["inspect", customer, "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--output", "json"];
    serde_json::from_str(&company.succeed(&[&fixed[..], more].concat())).unwrap()
}

/// The rows that a feature names, in the order of the table.
fn rows<'a>(found: &'a Value, feature: &Value) -> Vec<&'a Value> {
    let tables = found["tables"].as_array().unwrap();
    let table = tables.iter().find(|table| table["source"] == feature["source"]).unwrap();
    let named = |row: &&Value| feature["rows"].as_array().unwrap().contains(&row["row"]);
    table["rows"].as_array().unwrap().iter().filter(named).collect()
}

fn mean(rows: &[&Value], column: &str) -> Option<f64> {
    let values: Vec<f64> = rows.iter().map(|row| row[column].as_f64().unwrap()).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Whether a value follows from the rows named, for the features whose definition is that simple.
fn follows(found: &Value, feature: &Value) -> bool {
    let (name, value, rows) = (feature["name"].as_str().unwrap(), feature["value"].as_f64(), rows(found, feature));
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (a, b) => a == b,
    };
    let all = |column: &str, text: &str| rows.iter().all(|row| row[column] == text);
    let subject = feature["subject"].as_str().unwrap();
    match name {
        "holdings_held" => near(value, Some(rows.len() as f64)),
        "holdings_price" => {
            near(value.unwrap_or(0.0).into(), Some(rows.iter().map(|row| row["price"].as_f64().unwrap()).sum()))
        }
        "tickets_score_mean" => near(value, mean(&rows, "score")),
        "tickets_score_last" => rows.len() <= 1 && near(value, mean(&rows, "score")),
        _ if name.starts_with("tickets_topic") => near(value, Some(rows.len() as f64)) && all("topic", subject),
        _ if name.contains("_count_") => near(value, Some(rows.len() as f64)),
        _ if name.starts_with("usage_") && name.contains("_mean_") => {
            near(value, mean(&rows, "value")) && all("kind", subject)
        }
        _ if name.ends_with("recency") => rows.len() == usize::from(value.is_some()),
        _ => true,
    }
}

#[test]
fn features_follow_from_the_rows_named() {
    let company = Company::new();
    company.succeed(&["features", "pipelines/isp.toml", "--as-of", AS_OF, "--out", "all.parquet", "--quiet"]);
    let all = table(&company.path("all.parquet"));
    let ids = cast(all.column(0), &DataType::Utf8).unwrap();
    let dates = cast(all.column(1), &DataType::Utf8).unwrap();
    let (ids, dates) = (ids.as_string::<i32>(), dates.as_string::<i32>());
    let at: Vec<usize> = (0..all.num_rows()).filter(|&row| dates.value(row).starts_with(AS_OF)).step_by(40).collect();
    assert!(at.len() >= 8, "{}", at.len());
    for row in at {
        let found = inspect(&company, ids.value(row), &[]);
        assert_eq!(found["is_customer"], true);
        let features = found["features"].as_array().unwrap();
        assert_eq!(features.len() + 2, all.num_columns());
        for feature in features {
            let name = feature["name"].as_str().unwrap();
            assert!(follows(&found, feature), "{} of {}", feature, ids.value(row));
            if all.column_by_name(name).unwrap().data_type() == &DataType::Utf8 {
                continue;
            }
            let (expected, got) = (numbers(&all, name)[row], feature["value"].as_f64().unwrap_or(f64::NAN));
            assert!(
                expected.to_bits() == got.to_bits() || (expected - got).abs() <= 1e-12 * expected.abs(),
                "{name}: {expected} {got}"
            );
        }
    }
}

/// Recipes that have to be asked for name their rows, too, and say what the feature table says.
#[test]
fn recipes_that_are_asked_for_name_their_rows() {
    let company = Company::new();
    let recipes = r#"
[features]
recipes = ["weekend", "season"]

[features.utilisation]
source = "usage"
depth = "traffic_gb"

[[features.quota]]
name = "data"
source = "usage"
kind = "traffic_gb"
limit = "area_block"
period = "month"
"#;
    std::fs::write(company.path("recipes.toml"), recipes).unwrap();
    let overlay = ["--overlay", "recipes.toml"];
    let fixed = ["features", "pipelines/isp.toml", "--as-of", AS_OF, "--out", "all.parquet", "--quiet"];
    company.succeed(&[&fixed[..], &overlay].concat());
    let all = table(&company.path("all.parquet"));
    let ids = cast(all.column(0), &DataType::Utf8).unwrap();
    let dates = cast(all.column(1), &DataType::Utf8).unwrap();
    let (ids, dates) = (ids.as_string::<i32>(), dates.as_string::<i32>());
    let at: Vec<usize> = (0..all.num_rows()).filter(|&row| dates.value(row).starts_with(AS_OF)).step_by(90).collect();
    let mut named = 0;
    for row in at {
        let found = inspect(&company, ids.value(row), &overlay);
        for feature in found["features"].as_array().unwrap() {
            let name = feature["name"].as_str().unwrap();
            let rows = rows(&found, feature);
            let of = |kind: &str| rows.iter().all(|row| row["kind"] == kind);
            if all.column_by_name(name).unwrap().data_type() == &DataType::Utf8 {
                let stages = cast(all.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
                assert_eq!(feature["value"], stages.as_string::<i32>().value(row), "{name}");
                continue;
            }
            let (expected, got) = (numbers(&all, name)[row], feature["value"].as_f64());
            assert_eq!(expected.is_nan(), got.is_none(), "{name}");
            assert!(
                got.is_none_or(|got| (expected - got).abs() <= 1e-12 * expected.abs()),
                "{name}: {expected} {got:?}"
            );
            match name {
                _ if name.ends_with("_mean_season_last_year") => assert!(follows(&found, feature), "{feature}"),
                _ if name.starts_with("usage_data_hits_") => assert_eq!(got, Some(rows.len() as f64), "{feature}"),
                "usage_data_hit_recency" => assert_eq!(rows.len(), usize::from(got.is_some()), "{feature}"),
                "usage_data_used" | "usage_data_used_before" => assert!(of("traffic_gb"), "{feature}"),
                "usage_breadth_90d" => assert_eq!(rows.is_empty(), got == Some(0.0), "{feature}"),
                _ => continue,
            }
            named += rows.len();
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn the_past_is_shown_as_it_was_known() {
    let company = Company::new();
    let csv = std::fs::read_to_string(company.path("data/isp/holdings.csv")).unwrap();
    // Somebody whose holding ended between the dates.
    let ended = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let mut ended = ended.filter(|fields| fields[4] < BEFORE && fields[9] > BEFORE && fields[9] < AS_OF);
    let customer = ended.next().expect("somebody left in September")[0].to_owned();
    let ends = |found: &Value| {
        let tables = found["tables"].as_array().unwrap();
        let holdings = tables.iter().find(|table| table["source"] == "holdings").unwrap();
        holdings["rows"].as_array().unwrap().iter().filter(|row| !row["end"].is_null()).count()
    };
    let (now, before) = (inspect(&company, &customer, &[]), inspect(&company, &customer, &["--at", BEFORE]));
    assert!(ends(&before) < ends(&now), "the end was not known yet");
    assert_eq!(before["as_of"], BEFORE);
    let one = inspect(&company, &customer, &["--feature", "holdings_held"]);
    let (features, tables) = (one["features"].as_array().unwrap(), one["tables"].as_array().unwrap());
    assert_eq!((features.len(), tables.len()), (1, 1));
    assert_eq!(tables[0]["rows"].as_array().unwrap().len(), features[0]["rows"].as_array().unwrap().len());
}

#[test]
fn who_is_not_there_and_what_is_no_feature() {
    let company = Company::new();
    let fail = |arguments: &[&str], code: &str| {
        let output = company.osusume(&[&["inspect"], arguments].concat());
        let error = text(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(code) && !error.contains("C-none"), "{error}");
    };
    let of = |customer| [customer, "pipelines/isp.toml", "--as-of", AS_OF];
    fail(&of("C-none"), "E3015");
    let somebody = std::fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let somebody = somebody.lines().nth(1).unwrap().split(',').next().unwrap();
    fail(&[&of(somebody)[..], &["--at", "2026-10-02"]].concat(), "E2016");
    fail(&[&of(somebody)[..], &["--feature", "holdings_tenur"]].concat(), "E2016");
}

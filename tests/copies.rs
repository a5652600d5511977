//! Tables that are loaded again whole: dated copies tell what they said before, to the dates they are known at and to no other.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::features::{numbers, table};
use crate::support::{AS_OF, Company, names, text};

/// Dates of runs, and dates that later ones learn from.
const FIRST: &str = "2026-04-01";
const SECOND: &str = "2026-06-01";
const DATES: &str = "train={as_of=[2026-03-01,2026-04-01,2026-05-01,2026-06-01,2026-06-15],tests=[2026-06-15],folds=2,min_positives=20}";
const SMALL: [&str; 8] = [
    "--set",
    "train.folds=2",
    "--set",
    "train.min_positives=20",
    "--set",
    "train.as_of={every=\"1 month\",count=2}",
    "--set",
    "quality.max_shrink=1.0",
];

/// A company whose customers are loaded again whole every night.
fn reloaded() -> Company {
    let company = Company::new();
    company.edit("pipelines/isp.toml", |config| {
        let declared = "role = \"customers\"\nhistory = \"snapshot\"\nassume_static = [\"birth_year\", \"prefecture\"]";
        config.replacen("role = \"customers\"", declared, 1)
    });
    company
}

fn run(company: &Company, as_of: &str) {
    let fixed = ["run", "pipelines/isp.toml", "--as-of", as_of, "--no-export", "--quiet"];
    company.succeed(&[&fixed[..], &SMALL[..]].concat());
}

/// Gives every customer another value of a column, by its row.
fn rewrite(company: &Company, column: &str, value: impl Fn(usize) -> String) {
    company.edit("data/isp/customers.csv", |csv| {
        let (header, rows) = csv.split_once('\n').unwrap();
        let at = header.split(',').position(|name| name == column).unwrap();
        let rows = rows.lines().enumerate().map(|(i, row)| {
            let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
            cells[at] = value(i);
            cells.join(",") + "\n"
        });
        format!("{header}\n{}", rows.collect::<String>())
    });
}

/// A company with two runs and so two copies: the third byte of the payment day of each row tells which table it stood in.
fn copied() -> Company {
    let company = reloaded();
    rewrite(&company, "payment_day", |i| (1 + i % 5).to_string());
    run(&company, FIRST);
    rewrite(&company, "payment_day", |i| (11 + i % 5).to_string());
    run(&company, SECOND);
    rewrite(&company, "payment_day", |i| (21 + i % 5).to_string());
    company
}

fn copies(company: &Company) -> Vec<PathBuf> {
    let dir = company.path("history/isp/customers");
    names(&dir).into_iter().map(|name| dir.join(name)).collect()
}

/// The values of a feature by customer and date.
fn feature(company: &Company, name: &str, more: &[&str]) -> BTreeMap<(String, String), f64> {
    let out = company.path("features.parquet");
    let fixed = ["features", "pipelines/isp.toml", "--as-of", AS_OF, "--set", DATES, "--quiet", "--out"];
    company.succeed(&[&fixed[..], &[out.to_str().unwrap()], more].concat());
    let rows = table(&out);
    let texts = |name: &str| {
        let column = cast(rows.column_by_name(name).unwrap(), &DataType::Utf8).unwrap();
        column
            .as_string::<i32>()
            .iter()
            .map(|text| text.unwrap().chars().take(10).collect::<String>())
            .collect::<Vec<_>>()
    };
    let keys = texts("customer_id").into_iter().zip(texts("as_of"));
    keys.zip(numbers(&rows, name)).collect()
}

#[test]
fn a_date_reads_the_newest_copy_of_that_day_or_before() {
    let company = copied();
    let days = feature(&company, "customers_payment_day", &[]);
    let decade = |date: &str| {
        // Those who refused every channel are in no copy.
        let at_date: Vec<f64> = days.iter().filter(|((_, at), _)| at == date).map(|(_, day)| *day).collect();
        let there = at_date.iter().filter(|day| !day.is_nan()).count();
        let found = at_date.iter().filter(|day| there < at_date.len() * 3 / 4 || !day.is_nan());
        let found = found.map(|day| (day / 10.0).floor());
        let mut found: Vec<String> = found.map(|decade| decade.to_string()).collect();
        found.sort_unstable();
        found.dedup();
        found.join(" ")
    };
    let dates = ["2026-03-01", FIRST, "2026-05-01", SECOND, "2026-06-15", AS_OF];
    assert_eq!(dates.map(decade), ["NaN", "0", "0", "1", "1", "2"]);
    // Whoever was not there when the copy was made is not in it.
    let gone = copied();
    let path = copies(&gone);
    assert_eq!(path.len(), 2);
    fs::remove_file(&path[0]).unwrap();
    let without = feature(&gone, "customers_payment_day", &[]);
    let changed =
        |date: &str| days.iter().filter(|(key, day)| key.1 == date && without[*key].to_bits() != day.to_bits()).count();
    assert!(changed(FIRST) > 100 && changed("2026-05-01") > 100, "what only the copy told is absent");
    assert_eq!([SECOND, "2026-06-15", AS_OF].map(changed), [0, 0, 0]);
    assert!(without.iter().filter(|(key, _)| key.1 == "2026-05-01").all(|(_, day)| day.is_nan()));
}

#[test]
fn todays_table_says_nothing_of_the_dates_before() {
    let company = copied();
    let before = feature(&company, "customers_payment_day", &[]);
    rewrite(&company, "payment_day", |i| (i % 28 + 1).to_string());
    let after = feature(&company, "customers_payment_day", &["--threads", "1", "--memory", "64MiB"]);
    let differing: Vec<&str> = before
        .iter()
        .filter(|(key, day)| after[*key].to_bits() != day.to_bits())
        .map(|(key, _)| key.1.as_str())
        .collect();
    assert!(differing.len() > 100 && differing.iter().all(|date| *date == AS_OF), "{differing:?}");
}

#[test]
fn copies_belong_to_the_run_and_are_kept_once() {
    let company = reloaded();
    run(&company, FIRST);
    run(&company, SECOND);
    let kept = copies(&company);
    assert_eq!(kept.len(), 2, "one a date");
    let facts: Vec<_> = kept.iter().map(|path| fs::metadata(path).unwrap()).collect();
    assert_eq!(facts[0].ino(), facts[1].ino(), "one file for one content");
    assert!(facts.iter().all(|facts| facts.permissions().mode() & 0o777 == 0o600));
    let columns = table(&kept[0]).schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    assert!(
        columns.contains(&"attribute_payment_day".to_owned()) && !columns.contains(&"attribute_prefecture".to_owned())
    );
    // The same again is no new run, and one with a copy less is.
    run(&company, SECOND);
    assert_eq!(names(&company.path("runs/isp")).iter().filter(|name| name.starts_with(SECOND)).count(), 1);
    fs::remove_file(&kept[0]).unwrap();
    run(&company, SECOND);
    assert_eq!(names(&company.path("runs/isp")).iter().filter(|name| name.starts_with(SECOND)).count(), 2);
    // A process that died between publishing and keeping leaves it to the next run.
    fs::remove_dir_all(company.path("history")).unwrap();
    run(&company, AS_OF);
    let dates: Vec<String> =
        names(&company.path("history/isp/customers")).iter().map(|name| name[..10].to_owned()).collect();
    assert_eq!(dates, [SECOND, AS_OF]);
}

#[test]
fn copies_hold_nobody_who_refused_every_channel() {
    let company = reloaded();
    let first = fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let id = first.lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    company.edit("data/isp/consents.csv", |csv| {
        let channels = ["telephone", "mail", "app", "email", "member_page", "sms", "shop"];
        let refusals = channels.map(|channel| format!("{id},{channel},marketing,no,2026-03-01T00:00:00Z\n"));
        format!("{csv}{}", refusals.concat())
    });
    run(&company, FIRST);
    let rows = table(&copies(&company)[0]);
    let ids = rows.column_by_name("customer").unwrap().as_string::<i32>();
    assert!(ids.len() > 300 && !ids.iter().any(|found| found == Some(&id)));
}

#[test]
fn a_damaged_copy_ends_the_run_by_name() {
    let attempt = |spoil: &dyn Fn(&PathBuf)| {
        let company = copied();
        spoil(&copies(&company)[0]);
        let fixed = ["features", "pipelines/isp.toml", "--as-of", AS_OF, "--set", DATES, "--out", "f.parquet"];
        let output = company.osusume(&fixed);
        assert!(!output.status.success() && !company.path("f.parquet").exists());
        text(&output.stderr)
    };
    let flipped = attempt(&|path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    });
    assert!(flipped.contains("E3009") && flipped.contains("history/isp/customers"), "{flipped}");
    let cut = attempt(&|path| fs::write(path, b"PAR1").unwrap());
    assert!(cut.contains("E3009"), "{cut}");
    let renamed = attempt(&|path| fs::rename(path, path.with_file_name("copy.parquet")).unwrap());
    assert!(renamed.contains("copy.parquet") && renamed.contains("error[E"), "{renamed}");
    let directory = attempt(&|path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    });
    assert!(directory.contains("error[E"), "{directory}");
}

/// A column the older copy has not, and one that was a number there and is a category now.
#[test]
fn what_a_copy_lacks_is_absent_at_its_dates_and_said() {
    let company = copied();
    company
        .edit("pipelines/isp.toml", |config| config.replace("area_block = \"integer\"", "area_block = \"category\""));
    let out = ["features", "pipelines/isp.toml", "--as-of", AS_OF, "--set", DATES, "--out", "f.parquet"];
    let output = company.osusume(&out);
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("E4025") && said.contains("area_block"), "{said}");
    assert!(
        table(&company.path("f.parquet")).column_by_name("customers_area_block").is_none(),
        "no date learned from knows it"
    );
    assert_eq!(
        numbers(&table(&company.path("f.parquet")), "customers_payment_day").len(),
        table(&company.path("f.parquet")).num_rows()
    );
}

#[test]
fn check_and_report_say_since_when_copies_tell() {
    let company = copied();
    let page = company.succeed(&["check", "pipelines/isp.toml", "--as-of", AS_OF, "--set", DATES]);
    assert!(
        page.contains("dated copies") && page.contains(&format!("2 of `customers`, from {FIRST} on; 4 of 5 dates")),
        "{page}"
    );
    let fixed = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--set", DATES, "--no-export", "--quiet"];
    company.succeed(&fixed);
    let name = names(&company.path("runs/isp")).into_iter().find(|name| name.starts_with(AS_OF)).unwrap();
    let report = fs::read_to_string(company.path("runs/isp").join(&name).join("report.html")).unwrap();
    for said in ["birth_year, prefecture", "payment_day", "4 of the 5 dates"] {
        assert!(report.contains(said), "{said}");
    }
    let manifest = fs::read_to_string(company.path("runs/isp").join(&name).join("MANIFEST.json")).unwrap();
    assert!(manifest.contains(&format!("history/customers/{FIRST}")), "the copies are among the inputs");
}

#[test]
fn a_proof_disturbs_copies_too() {
    let company = copied();
    let fixed = ["prove", "leakage", "pipelines/isp.toml", "--as-of", AS_OF, "--set", DATES, "--output", "json"];
    let output = company.osusume(&fixed);
    let said = text(&output.stdout);
    let proof: serde_json::Value = serde_json::from_str(&said).unwrap();
    let rebuilds = proof["proof"]["rebuilds"].as_array().unwrap();
    let of_copies = rebuilds.iter().flat_map(|rebuild| rebuild["rows"].as_array().unwrap());
    let rows: u64 = of_copies.filter(|of| of[0] == "customers" && of[1].as_u64() > Some(0)).count() as u64;
    assert!(rows >= 4, "copies are disturbed at the dates before the newest: {said}");
    assert!(rebuilds.iter().all(|rebuild| rebuild["is_same"] == true), "{said}");
}

//! `osusume train`, `score` and `show` on plain files.

use std::fmt::Write as _;
use std::fs;
use std::process::Output;

use osusume_testkit::{check_golden, repository_root};
use serde_json::Value;

use super::support::{Company, text};

/// 600 rows: `plan` and `usage` decide, `color` does not; some values are missing, some columns are of no use.
fn table(company: &Company) {
    let mut csv = "id;plan;usage;color;joined;note;taken\n".to_owned();
    let mut state = 1_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    for id in 0..600 {
        let (plan, usage, color) = (next(3), next(100), next(4));
        let chance = 5 + 25 * plan + usage / 3;
        let taken = if next(100) < chance { "yes" } else { "no" };
        let usage = if id % 20 == 0 { "NA".to_owned() } else { usage.to_string() };
        let plan = ["basic", "plus", "\"pro; \"\"max\"\"\""][plan as usize];
        let color = ["red", "green", "blue", "gray"][color as usize];
        let _ = writeln!(csv, "r{id};{plan};{usage};{color};2026-0{}-1{};;{taken}", 1 + id % 9, id % 9);
    }
    csv.push_str("r600;basic;1;red;2026-01-01;;\n");
    fs::write(company.path("rows.csv"), csv).unwrap();
}

fn trained() -> Company {
    let company = Company::new();
    table(&company);
    company.succeed(&["train", "rows.csv", "--target", "taken", "--out", "model.json", "--quiet"]);
    company
}

fn golden(name: &str, got: &str) {
    check_golden(&repository_root().join(format!("tests/golden/{name}")), got);
}

#[test]
fn pages_in_both_languages() {
    let company = Company::new();
    table(&company);
    for language in ["en", "ja"] {
        let said = |arguments: &[&str]| company.succeed(&[arguments, &["--language", language]].concat());
        golden(
            &format!("flat_train.{language}.txt"),
            &said(&["train", "rows.csv", "--target", "taken", "--out", "model.json"]),
        );
        golden(&format!("flat_show.{language}.txt"), &said(&["show", "model.json"]));
        golden(
            &format!("flat_score.{language}.txt"),
            &said(&["score", "model.json", "rows.csv", "--out", "scores.csv"]),
        );
        said(&["show", "model.json", "--out", "page.html"]);
        golden(&format!("flat_page.{language}.txt"), &fs::read_to_string(company.path("page.html")).unwrap());
        said(&["train", "rows.csv", "--target", "taken", "--out", "linear.json", "--model", "linear"]);
        golden(&format!("flat_linear_show.{language}.txt"), &said(&["show", "linear.json"]));
        said(&["show", "linear.json", "--out", "linear.html"]);
        golden(&format!("flat_linear_page.{language}.txt"), &fs::read_to_string(company.path("linear.html")).unwrap());
        said(&["score", "linear.json", "rows.csv", "--out", "linear.csv"]);
    }
}

/// Two columns that say nothing alone and everything together.
#[test]
fn what_acts_together_is_learned_and_drawn() {
    let company = Company::new();
    let mut csv = "a,b,c,taken\n".to_owned();
    for row in 0..2000_u32 {
        let (a, b, c) = (row * 7 % 100, row * 13 % 89, row % 5);
        let is_taken = ((a > 50) == (b > 44)) != (row % 10 == 0);
        let _ = writeln!(csv, "{a},{b},k{c},{}", u8::from(is_taken));
    }
    fs::write(company.path("rows.csv"), csv).unwrap();
    let train = |kind: &str| {
        let said = company.succeed(&[
            "train",
            "rows.csv",
            "--target",
            "taken",
            "--out",
            "model.json",
            "--model",
            kind,
            "--output",
            "json",
        ]);
        serde_json::from_str::<Value>(&said).unwrap()["measured"]["auc"].as_f64().unwrap()
    };
    assert!(train("linear") < 0.6 && train("additive") > 0.85);
    let shown: Value = serde_json::from_str(&company.succeed(&["show", "model.json", "--output", "json"])).unwrap();
    assert_eq!(shown["maps"][0]["features"], serde_json::json!(["a", "b"]));
    company.succeed(&["show", "model.json", "--out", "page.html"]);
    let page = fs::read_to_string(company.path("page.html")).unwrap();
    assert!(page.contains("a and b together") && page.matches("class=\"cell").count() == 36, "{page}");
}

/// Two columns decide, 30 do not: an L1 penalty keeps the two, and scoring wants no other.
#[test]
fn an_l1_penalty_leaves_out_what_says_nothing() {
    let company = Company::new();
    let mut state = 7_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let noise: Vec<String> = (0..30).map(|j| format!("noise{j}")).collect();
    let mut csv = format!("usage,plan,{},taken\n", noise.join(","));
    for _ in 0..3_000 {
        let (usage, plan) = (next(100), next(2));
        let taken = u32::from(next(100) < 10 + usage / 2 + 20 * plan);
        let values: Vec<String> = noise.iter().map(|_| next(1_000).to_string()).collect();
        let _ = writeln!(csv, "{usage},{},{},{taken}", ["basic", "plus"][plan as usize], values.join(","));
    }
    fs::write(company.path("rows.csv"), csv).unwrap();
    let train = |options: &[&str]| {
        let base = ["train", "rows.csv", "--target", "taken", "--out", "model.json", "--output", "json"];
        serde_json::from_str::<Value>(&company.succeed(&[&base, options].concat())).unwrap()
    };
    let dense = train(&["--model", "linear"]);
    let sparse = train(&["--l1-share", "1"]);
    assert_eq!((sparse["kind"].as_str(), sparse["chosen"]["of"].as_u64()), (Some("linear"), Some(32)), "{sparse}");
    let kept = sparse["chosen"]["kept"].as_u64().unwrap();
    assert!((2..30).contains(&kept), "{sparse}");
    let auc = |trained: &Value| trained["measured"]["auc"].as_f64().unwrap();
    assert!(auc(&sparse) > auc(&dense) - 0.005, "{sparse} {dense}");
    let shown: Value = serde_json::from_str(&company.succeed(&["show", "model.json", "--output", "json"])).unwrap();
    let names: Vec<&str> = shown["features"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert!(names.len() <= kept as usize && names[..2].contains(&"usage") && names[..2].contains(&"plan"), "{names:?}");
    let header = names.join(",");
    fs::write(company.path("new.csv"), format!("{header}\n{}\n", vec![""; names.len()].join(","))).unwrap();
    company.succeed(&["score", "model.json", "new.csv", "--out", "scores.csv"]);
}

/// Labels by chance: nothing is left, and every row gets the base rate.
#[test]
fn an_l1_penalty_may_leave_nothing() {
    let company = Company::new();
    let mut csv = "a,taken\n".to_owned();
    // Each value of `a` has the same share.
    for row in 0..400_u32 {
        let _ = writeln!(csv, "{},{}", row / 4, u32::from(row % 4 == 0));
    }
    fs::write(company.path("rows.csv"), csv).unwrap();
    let options = ["--target", "taken", "--l1-share", "0.5", "--out", "model.json", "--output", "json"];
    let trained: Value =
        serde_json::from_str(&company.succeed(&[&["train", "rows.csv"], &options[..]].concat())).unwrap();
    if trained["chosen"]["kept"] == 0 {
        assert_eq!(trained["findings"][0]["finding"], "no_signal");
    }
    company.succeed(&["score", "model.json", "rows.csv", "--out", "scores.csv"]);
    let scores = fs::read_to_string(company.path("scores.csv")).unwrap();
    let all = scores.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse::<f64>().unwrap());
    assert!(all.into_iter().all(|p| (p - 0.25).abs() < 0.05), "{scores}");
}

/// The most frequent value has no coefficient of its own; it is no rare value for that.
#[test]
fn the_usual_value_is_named() {
    let company = Company::new();
    let mut csv = "plan,taken\n".to_owned();
    for row in 0..1000_u32 {
        let plan = if row % 10 < 7 { "basic" } else { "plus" };
        let taken = if plan == "plus" { row % 2 == 0 } else { row % 11 == 0 };
        let _ = writeln!(csv, "{plan},{}", if taken { "yes" } else { "no" });
    }
    fs::write(company.path("rows.csv"), csv).unwrap();
    company.succeed(&["train", "rows.csv", "--target", "taken", "--out", "model.json", "--quiet"]);
    fs::write(company.path("new.csv"), "plan\nbasic\nplus\ngold\n\n").unwrap();
    company.succeed(&["score", "model.json", "new.csv", "--out", "scores.csv"]);
    let scores = fs::read_to_string(company.path("scores.csv")).unwrap();
    let reasons: Vec<&str> = scores.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
    assert!(reasons[0].starts_with("plan is basic (-"), "{scores}");
    assert!(reasons[1].starts_with("plan is plus (+"), "{scores}");
    assert!(reasons[2].starts_with("plan is a rare value"), "{scores}");
}

#[test]
fn every_row_has_a_score_and_what_decides_is_a_reason() {
    let company = trained();
    company.succeed(&["score", "model.json", "rows.csv", "--out", "scores.csv"]);
    let scores = fs::read_to_string(company.path("scores.csv")).unwrap();
    let lines: Vec<&str> = scores.lines().collect();
    assert_eq!((lines.len(), lines[0]), (602, "row,propensity,reason_1,reason_2,reason_3"));
    let propensities: Vec<f64> =
        lines[1..].iter().map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert!(propensities.iter().all(|p| (0.0..1.0).contains(p)));
    let named = |column: &str| lines[1..].iter().filter(|line| line.contains(&format!("{column} is"))).count();
    assert!(named("plan") > 500 && named("usage") > 400, "{} {}", named("plan"), named("usage"));
    let shown: Value = serde_json::from_str(&company.succeed(&["show", "model.json", "--output", "json"])).unwrap();
    assert_eq!((&shown["positive"], &shown["rows"]), (&"yes".into(), &600.into()));
    assert!(shown["measured"]["auc"].as_f64().unwrap() > 0.65, "{shown}");
    let features: Vec<&str> =
        shown["features"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert!(features[..2].contains(&"plan") && features[..2].contains(&"usage"), "{features:?}");
    assert!(!features.contains(&"id") && !features.contains(&"note"), "{features:?}");
    // The mean of calibrated propensities is the rate.
    let expected = propensities[..600].iter().sum::<f64>() / shown["positives"].as_f64().unwrap();
    assert!((0.97..1.03).contains(&expected), "{expected}");
}

#[test]
fn columns_may_come_in_another_order_with_new_levels_and_without_the_target() {
    let company = trained();
    let model = fs::read(company.path("model.json")).unwrap();
    company.succeed(&["train", "rows.csv", "--target", "taken", "--out", "model.json", "--quiet", "--threads", "1"]);
    assert_eq!(fs::read(company.path("model.json")).unwrap(), model, "the same rows give the same bytes");
    fs::write(
        company.path("new.csv"),
        "color,usage,plan,joined\nred,80,plus,2026-01-01\npurple,,ultra,2026-01-01\nred,many,plus,\n",
    )
    .unwrap();
    let said = company.succeed(&["score", "model.json", "new.csv", "--out", "scores.csv"]);
    assert!(said.contains("usage: 1 value of another type"), "{said}");
    assert_eq!(fs::read_to_string(company.path("scores.csv")).unwrap().lines().count(), 4);
}

#[test]
fn parquet_is_read_like_csv() {
    let company = Company::new();
    company.edit("pipelines/isp.toml", |pipeline| pipeline.replace("salesforce-bulk2", "csv"));
    company.succeed(&["run", "pipelines/isp.toml", "--as-of", "2026-10-01", "--quiet"]);
    let score = |file: &str| {
        company.succeed(&[
            "train",
            file,
            "--target",
            "kind",
            "--ignore",
            "offer,family,key,margin_minor",
            "--out",
            "model.json",
            "--quiet",
        ]);
        company.succeed(&["score", "model.json", file, "--out", "scores.csv", "--quiet"]);
        fs::read_to_string(company.path("scores.csv")).unwrap().lines().count()
    };
    assert_eq!(score("out/isp-offers.parquet"), score("out/isp-offers.csv"));
}

#[test]
fn models_are_converted() {
    let company = trained();
    for language in ["en", "ja"] {
        let said = company.succeed(&["convert", "model.json", "--out", "model.onnx", "--language", language]);
        golden(&format!("flat_convert.{language}.txt"), &said);
    }
    let graph = fs::read(company.path("model.onnx")).unwrap();
    company.succeed(&["convert", "model.json", "--out", "again.onnx", "--quiet"]);
    assert_eq!(fs::read(company.path("again.onnx")).unwrap(), graph, "the same model gives the same bytes");
    let said = company.succeed(&["convert", "model.json", "--out", "model.pmml", "--output", "json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["format"], &said["outputs"]), (&"pmml".into(), &serde_json::json!(["propensity"])));
    assert!(
        said["inputs"].as_array().unwrap().contains(&serde_json::json!({ "name": "joined", "holds": "days" })),
        "{said}"
    );
    let document = fs::read_to_string(company.path("model.pmml")).unwrap();
    assert!(document.contains("<DataField name=\"plan\"") && document.contains("pro; &quot;max&quot;"), "{document}");
}

/// What cannot work says so in both languages, writes nothing, and repeats no value of the file.
fn check(name: &str, code: i32, arguments: &[&str], sabotage: impl Fn(&Company)) {
    for language in ["en", "ja"] {
        let company = trained();
        sabotage(&company);
        let output: Output = company.osusume(&[arguments, &["--language", language]].concat());
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        assert!(!company.path("new.json").exists() && !company.path("scores.csv").exists());
        golden(&format!("{name}.{language}.txt"), &text(&output.stderr));
    }
}

#[test]
fn what_cannot_be_learned() {
    let train = |target: &'static str| ["train", "rows.csv", "--target", target, "--out", "new.json"];
    check("flat_kind", 2, &[&train("taken")[..], &["--model", "forest"]].concat(), |_| {});
    check("flat_l1_kind", 2, &[&train("taken")[..], &["--model", "additive", "--l1-share", "0.5"]].concat(), |_| {});
    check("flat_l1_share", 2, &[&train("taken")[..], &["--l1-share", "1.5"]].concat(), |_| {});
    check("flat_target", 2, &train("color"), |_| {});
    check("flat_no_target", 13, &train("Taken"), |_| {});
    check("flat_positive", 2, &[&train("taken")[..], &["--positive", "maybe"]].concat(), |_| {});
    check("flat_no_columns", 10, &[&train("taken")[..], &["--ignore", "id,plan,usage,color,joined"]].concat(), |_| {});
    check("flat_row", 10, &train("taken"), |company| company.edit("rows.csv", |rows| rows.replacen("r3;", "r3;;", 1)));
    check("flat_over_input", 2, &["train", "rows.csv", "--target", "taken", "--out", "rows.csv"], |_| {});
}

/// All offers of a run are one graph over the features their models read; PMML has one output, so it has no room for them.
#[test]
fn the_models_of_a_run_are_converted() {
    let company = Company::with_run();
    let convert = |out: &str| company.osusume(&["convert", "runs/isp", "--out", out, "--output", "json"]);
    let said: Value = serde_json::from_str(&text(&convert("isp.onnx").stdout)).unwrap();
    let (current, _) = company.published();
    let run = current.split_whitespace().next().unwrap();
    let dictionary = fs::read_to_string(company.path(&format!("runs/isp/{run}/features/dictionary.json"))).unwrap();
    let dictionary: Value = serde_json::from_str(&dictionary).unwrap();
    let known =
        |name: &Value| dictionary["features"].as_array().unwrap().iter().any(|feature| feature["name"] == *name);
    let inputs = said["inputs"].as_array().unwrap();
    assert!(!inputs.is_empty() && inputs.iter().all(|input| known(&input["name"])), "{said}");
    let graph = fs::read(company.path("isp.onnx")).unwrap();
    let offers = b"line_1g\nline_10g\n";
    assert!(graph.windows(offers.len()).any(|bytes| bytes == offers), "offers stand in the order of the catalogue");
    let refused = convert("isp.pmml");
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("allowed: FILE.onnx\n"), "{}", text(&refused.stderr));
    let nothing = company.osusume(&["convert", "data", "--out", "data.onnx"]);
    assert!(text(&nothing.stderr).contains("E3011"), "{}", text(&nothing.stderr));
}

#[test]
fn what_cannot_be_converted() {
    check("flat_convert_ending", 2, &["convert", "model.json", "--out", "new.json"], |_| {});
    check("flat_convert_over", 2, &["convert", "model.json", "--out", "same.onnx"], |company| {
        fs::hard_link(company.path("model.json"), company.path("same.onnx")).unwrap();
    });
    check("flat_convert_name", 2, &["convert", "model.json", "--out", "new.pmml"], |company| {
        company.edit("rows.csv", |rows| rows.replacen(";taken\n", ";a\u{ffff}b\n", 1));
        company.succeed(&["train", "rows.csv", "--target", "a\u{ffff}b", "--out", "model.json", "--quiet"]);
    });
}

#[test]
fn what_cannot_be_scored() {
    let score = ["score", "model.json", "rows.csv", "--out", "scores.csv"];
    check("flat_missing_columns", 13, &score, |company| {
        company.edit("rows.csv", |rows| rows.replacen("plan;usage", "Plan;use", 1));
    });
    check("flat_tampered", 17, &score, |company| {
        company.edit("model.json", |model| model.replacen("\"rows\": 600", "\"rows\": 601", 1));
    });
    check("flat_version", 17, &score, |company| {
        company.edit("model.json", |model| model.replacen("\"format_version\": 2", "\"format_version\": 3", 1));
    });
    check("flat_no_model", 17, &["score", "rows.csv", "rows.csv", "--out", "scores.csv"], |_| {});
}

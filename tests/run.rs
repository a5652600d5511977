//! Runs that end well, and what can be done with what they published.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::support::{AS_OF, Company, names, text};

const RUN: [&str; 4] = ["run", "pipelines/isp.toml", "--as-of", AS_OF];

#[test]
fn a_second_run_is_already_published_and_every_file_is_as_it_was() {
    let company = Company::new();
    let first = company.succeed(&RUN);
    assert!(first.starts_with("published 2026-10-01-001-"), "{first}");
    assert!(first.contains("offers.parquet") && first.contains("osusume runs verify pipelines/isp.toml"), "{first}");
    let run = run_id(&company);
    assert!(company.path(&format!("runs/isp/{run}/offers.parquet")).is_file());
    assert_eq!(names(&company.path("out")).len(), 4, "two destinations, each with its manifest");

    let before = company.published();
    let second = company.succeed(&RUN);
    assert!(second.starts_with(&format!("already published as {run}")), "{second}");
    assert_eq!(company.published(), before);
    let verified = company.succeed(&["runs", "verify", "pipelines/isp.toml"]);
    assert!(verified.starts_with("all ") && verified.contains(&run), "{verified}");
    assert!(company.succeed(&["runs", "list", "pipelines/isp.toml"]).contains(&run));
    let shown = company.succeed(&["runs", "show", "pipelines/isp.toml", &run, "--language", "ja"]);
    assert!(shown.contains("公開中") && shown.contains("offers.parquet"), "{shown}");
}

#[test]
fn a_report_names_nobody_and_is_drawn_again_in_either_language() {
    let company = Company::with_run();
    let run = run_id(&company);
    let read = |name: &str| std::fs::read_to_string(company.path(&format!("runs/isp/{run}/{name}"))).unwrap();
    let (page, numbers) = (read("report.html"), read("report.json"));
    assert!(page.contains("customers with an offer") && page.contains("1 Gbps line"), "{page}");
    let customers = std::fs::read_to_string(company.path("data/isp/customers.csv")).unwrap();
    let ids: Vec<&str> = customers.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert!(ids.len() >= 400 && ids.iter().all(|id| !page.contains(id) && !numbers.contains(id)));

    agrees_with_the_summary(&numbers, &read("summary.json"));
    let by_run = format!("runs/isp/{run}");
    assert_eq!(company.succeed(&["report", &by_run]), page);
    assert_eq!(company.succeed(&["report", "runs/isp"]), page, "the current run");
    for _ in 0..2 {
        let written =
            company.succeed(&["report", &format!("{by_run}/report.json"), "--language", "ja", "--out", "ja.html"]);
        assert!(written.is_empty(), "{written}");
    }
    let japanese = std::fs::read_to_string(company.path("ja.html")).unwrap();
    assert!(japanese.contains("オファーのある顧客") && japanese.contains("光回線 1ギガ"), "{japanese}");
    company.succeed(&["runs", "verify", "pipelines/isp.toml"]);
    let missing = company.osusume(&["report", "runs/isp/none"]);
    assert!(!missing.status.success() && text(&missing.stderr).starts_with("error[E"), "{}", text(&missing.stderr));
}

/// What the report shows is what the run counted; what it withholds is `null`.
fn agrees_with_the_summary(numbers: &str, summary: &str) {
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let (report, summary) = (parse(numbers), parse(summary));
    assert_eq!(report["customers"]["known"], summary["customers"]);
    assert_eq!(report["learning"]["rows"], summary["training"]["rows"]);
    let offers = report["offers"].as_array().unwrap();
    assert_eq!(offers.len(), summary["offers"].as_array().unwrap().len());
    let mut shown = 0;
    for (told, counted) in offers.iter().zip(summary["offers"].as_array().unwrap()) {
        assert_eq!(told["offer"], counted["offer"]);
        for (ours, theirs) in [("offered", "offered"), ("rows", "rows"), ("takes", "positives")] {
            assert!(told[ours].is_null() || told[ours] == counted[theirs], "{told} {counted}");
            shown += u32::from(!told[ours].is_null());
        }
        for test in told["tests"].as_array().unwrap() {
            let rows = test["bands"].as_array().unwrap().iter().map(|band| band["rows"].as_u64().unwrap()).sum::<u64>();
            assert!(rows == 0 || Some(rows) == test["rows"].as_u64(), "{test}");
        }
    }
    assert!(shown > offers.len() as u32, "most counts are shown");
    for source in report["data"]["sources"].as_array().unwrap() {
        assert_eq!(source["read"], summary["sources"][source["source"].as_str().unwrap()]["read"]);
    }
}

#[test]
fn a_changed_file_is_found() {
    let company = Company::with_run();
    let run = run_id(&company);
    let path = company.path(&format!("runs/isp/{run}/summary.json"));
    std::fs::write(path, "{}").unwrap();
    let output = company.osusume(&["runs", "verify", "pipelines/isp.toml"]);
    assert_eq!(output.status.code(), Some(17));
    assert!(text(&output.stderr).starts_with("error[E3006]"), "{}", text(&output.stderr));
}

#[test]
fn a_destination_that_was_lost_is_written_again_with_the_same_bytes() {
    let company = Company::new();
    company.succeed(&RUN);
    let path = company.path("out/isp-offers.csv");
    let before = std::fs::read(&path).unwrap();
    std::fs::remove_dir_all(company.path("out")).unwrap();
    let second = company.succeed(&RUN);
    assert!(second.starts_with("already published"), "{second}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    // The manifest beside a file says what the file should be; it is not taken for the file.
    let halved = &before[..before.len() / 2];
    let swapped: Vec<u8> = before.iter().map(|byte| if *byte == b'1' { b'2' } else { *byte }).collect();
    for altered in [None, Some(halved), Some(swapped.as_slice())] {
        std::fs::remove_file(&path).unwrap();
        if let Some(bytes) = altered {
            std::fs::write(&path, bytes).unwrap();
        }
        company.succeed(&RUN);
        assert!(std::fs::read(&path).unwrap() == before, "{:?} bytes", altered.map(<[u8]>::len));
    }
}

#[test]
fn days_after_the_end_of_the_data_are_not_taken_for_days_without_a_take() {
    let company = Company::new();
    // All contracts in the tables were known by the end of September; the run asks for half a year later.
    let late = company.osusume(&["run", "pipelines/isp.toml", "--as-of", "2027-04-01", "--no-export"]);
    let told = text(&late.stderr);
    assert!(late.status.success() && told.contains("E4009"), "{told}");
    let run = run_id(&company);
    let summary = std::fs::read_to_string(company.path(&format!("runs/isp/{run}/summary.json"))).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    // Gap, window and kept days are 97 days: the newest date they fit behind lies before the end of June.
    let dates = summary["training"]["as_of_dates"].to_string();
    assert!(dates.contains("\"2026-06-") && !dates.contains("\"2026-07-"), "{dates}");
    // Once published, a date ten years ahead would refuse every run that is right.
    let before = company.published();
    let slip = company.osusume(&["run", "pipelines/isp.toml", "--as-of", "2036-10-01", "--no-export"]);
    assert_eq!(slip.status.code(), Some(16), "{}", text(&slip.stderr));
    assert_eq!(company.published(), before);
}

#[test]
fn check_publishes_nothing_and_leaves_nothing() {
    let company = Company::with_run();
    let (before, scratch) = (company.published(), company.path("scratch"));
    std::fs::create_dir(&scratch).unwrap();
    let mut command = company.command(&["check", "pipelines/isp.toml", "--as-of", AS_OF]);
    let output = command.env("TMPDIR", &scratch).output().unwrap();
    let page = text(&output.stdout);
    assert!(output.status.success() && page.starts_with("isp is ready to run"), "{page}");
    assert!(page.contains("(test)") && page.contains("line_10g"), "{page}");
    assert_eq!(company.published(), before);
    assert!(names(&scratch).is_empty());
}

#[test]
fn check_tells_every_fault_at_once() {
    let company = Company::with_run();
    company.edit("data/isp/customers.csv", |table| table.replacen("joined_on", "joined_at", 1));
    std::fs::remove_file(company.path("data/isp/tickets.csv")).unwrap();
    let output = company.osusume(&["check", "pipelines/isp.toml"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(13), "{said}");
    assert!(said.contains("error[E1004]") && said.contains("error[E1001]") && said.contains("2 errors"), "{said}");
}

#[test]
fn rows_set_aside_can_be_an_exit_code() {
    let company = Company::new();
    company.edit("data/isp/tickets.csv", |tickets| format!("{tickets}nobody,2026-01-01,,,,,2026-01-02\n"));
    let quality = ["--set", "quality.max_reject_rate=0.01", "--no-export"];
    let output = company.osusume(&[&RUN[..], &quality[..], &["--strict-exit"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("quarantine/rejects.csv"));
    let output = company.osusume(&[&RUN[..], &quality[..]].concat());
    assert_eq!(output.status.code(), Some(0), "without the option it is a warning");
}

#[test]
fn reasons_speak_the_words_of_the_company() {
    let company = Company::new();
    let words =
        "language = \"ja\"\nnames = { remote_work = \"在宅勤務\", household = \"世帯構成\", traffic_gb = \"通信量\" }";
    company.edit("pipelines/isp.toml", |config| config.replacen("language = \"en\"", words, 1));
    company.succeed(&[&RUN[..], &["--quiet", "--set", "train.min_positives=20"]].concat());
    let delivered = std::fs::read_to_string(company.path("out/isp-offers.csv")).unwrap();
    for (name, word) in [("remote_work", "在宅勤務"), ("household", "世帯構成"), (" traffic_gb", "通信量")] {
        assert!(!delivered.contains(name), "{name}");
        assert!(delivered.contains(word), "{word}");
    }
    assert!(!delivered.contains("在宅勤務 ") && !delivered.contains(" 通信量"), "no blanks between Japanese words");
}

#[test]
fn logs_and_data_can_be_json() {
    let company = Company::new();
    let output = company.osusume(&[&RUN[..], &["--log-format", "json", "--output", "json"]].concat());
    let data: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(data["outcome"], "published");
    assert_eq!(data["summary"]["customers"], 400);
    let lines: Vec<serde_json::Value> =
        text(&output.stderr).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stages = lines.iter().filter(|line| line["type"] == "stage_end").map(|line| line["stage"].as_str().unwrap());
    let expected = ["ingest", "mine", "features", "train", "score", "decide", "report", "publish", "export"];
    assert_eq!(stages.collect::<Vec<_>>(), expected);
}

#[test]
fn sigterm_ends_a_run_with_nothing_published() {
    let company = Company::with_run();
    let before = company.published();
    let slow = ["--log-format", "json", "--set", "train.min_positives=20", "--threads", "1"];
    let mut child = company.command(&[&RUN[..], &slow[..]].concat()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let begun = lines.find(|line| line.contains("stage_begin") && line.contains("train"));
    assert!(begun.is_some());
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let last: serde_json::Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!((&last["error"], &last["code"]), (&"E0002".into(), &143.into()));
    assert_eq!((&last["retryable"], &last["published"]), (&true.into(), &false.into()));
    assert_eq!(company.published(), before);
}

#[test]
fn every_code_is_explained_and_wrong_ones_are_refused() {
    let company = Company::new();
    assert!(company.succeed(&["explain", "e1017", "--language", "ja"]).starts_with("E1017"));
    assert_eq!(company.osusume(&["explain", "E9999"]).status.code(), Some(2));
    assert!(company.succeed(&["config", "reference"]).contains("horizon_days"));
    let schema: serde_json::Value = serde_json::from_str(&company.succeed(&["config", "schema"])).unwrap();
    assert!(schema.is_object());
    assert!(company.succeed(&["config", "effective", "pipelines/isp.toml"]).contains("max_reject_rate"));
    assert!(company.succeed(&["completions", "bash"]).contains("osusume"));
}

#[test]
fn customers_answer_the_published_offers() {
    let company = Company::with_run();
    let offers = format!("runs/isp/{}/offers.parquet", run_id(&company));
    let answered = company.succeed(&["synth", "respond", "isp", &offers, "--expected"]);
    assert!(answered.contains("responses.parquet"), "{answered}");
    assert!(company.path("responses.parquet").is_file());
}

fn run_id(company: &Company) -> String {
    company.published().0.split(' ').next().unwrap().to_owned()
}

/// Every offer with a model says what the gate measured of it, and the gate can be left open.
#[test]
fn the_calibration_gate_tells_what_it_measured() {
    let company = Company::new();
    let offers = |setting: &str| -> Vec<serde_json::Value> {
        let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--quiet"];
        company.succeed(&[&run[..], &["--set", setting, "--set", "train.min_positives=20"]].concat());
        let summary = std::fs::read(company.path(&format!("runs/isp/{}/summary.json", run_id(&company)))).unwrap();
        serde_json::from_slice::<serde_json::Value>(&summary).unwrap()["offers"].as_array().unwrap().clone()
    };
    let gated = offers("train.calibration_gate=true");
    let measured: Vec<_> = gated.iter().filter(|offer| !offer["calibration_gate"].is_null()).collect();
    assert!(measured.len() > 2, "{gated:?}");
    for offer in measured {
        let gate = &offer["calibration_gate"];
        let bounds = |of: &str| [0, 1, 2].map(|i| gate[of][i].as_f64().unwrap());
        let ([slope, low, high], [level, least, most]) = (bounds("slope"), bounds("observed_over_expected"));
        assert!(low < slope && slope < high && least < level && level < most, "{offer}");
        let is_met = low <= 1.25 && high >= 0.8 && least <= 1.1 && most >= 0.9;
        assert_eq!(
            (gate["holds"].as_bool(), &offer["basis"]),
            (Some(is_met), &if is_met { "model" } else { "rate" }.into())
        );
    }
    let open = offers("train.calibration_gate=false");
    assert!(open.iter().all(|offer| offer["calibration_gate"].is_null()));
}

/// What is declared of an offer takes the place of its family's rate where takes are few, and nowhere else.
#[test]
fn a_declared_rate_is_used_until_takes_come_in() {
    let company = Company::new();
    let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export", "--quiet", "--set"];
    let model = |settings: &[&str]| -> serde_json::Value {
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).skip(1).collect();
        company.succeed(&[&run[..], &settings].concat());
        let models = company.path(&format!("runs/isp/{}/models", run_id(&company)));
        let mut files = std::fs::read_dir(models).unwrap().map(|entry| entry.unwrap().path());
        let file = files.find(|file| file.to_string_lossy().ends_with("tv.json")).unwrap();
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    let number = |of: &serde_json::Value, key: &str| of[key].as_f64().unwrap();
    let declared = "train.prior=[{offer=\"tv\",rate=0.2}]";
    let (k, of_family) = ("train.min_positives=1000", model(&["train.min_positives=1000"]));
    let found = model(&[k, declared]);
    let (rows, takes) = (number(&found, "rows"), number(&found, "positives"));
    let missing = 1000.0 - takes;
    let expected = 1000.0 / (rows + missing / 0.2);
    assert!((number(&found, "rate") / expected - 1.0).abs() < 1e-12, "{found}");
    assert!(number(&found, "rate") > number(&of_family, "rate"));
    assert!((number(&found, "borrowed_share") - 5.0 * missing / (rows + 5.0 * missing)).abs() < 1e-12);
    // One take is enough here.
    assert!(number(&model(&["train.min_positives=1", declared]), "borrowed_share") < 1e-12);
    for wrong in ["train.prior=[{offer=\"tvv\",rate=0.2}]", "train.prior=[{offer=\"tv\",rate=1.5}]"] {
        let output = company.osusume(&[&run[..], &[wrong]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("train.prior[0]"));
    }
}

#[test]
fn a_company_that_is_offered_nothing_is_said() {
    let company = Company::new();
    let threshold = ["--set", "decide.min_value_minor=100000000"];
    let output = company.osusume(&[&["run", "pipelines/isp.toml", "--as-of", "2026-10-01"], &threshold[..]].concat());
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("warning[E4023]") && errors.contains("below_threshold"), "{errors}");
    let usual = company.osusume(&["run", "pipelines/isp.toml", "--as-of", "2026-10-02"]);
    assert!(!text(&usual.stderr).contains("E4023"));
}

//! Pipelines that ask for what cannot be or must not be: each is refused with a code before anything is published.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use super::support::{AS_OF, Company, OSUSUME, text};

/// The code and the exit code with which a run ends.
fn ends_with(company: &Company, further: &[&str]) -> (String, i32) {
    let run = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--log-format", "json"];
    let output = company.osusume(&[&run[..], further].concat());
    let said = text(&output.stderr);
    let last = said.lines().last().unwrap_or("{}");
    let line: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{said}"));
    let code = line["error"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned();
    (code, output.status.code().unwrap())
}

/// Breaks a company that has published and expects a code; what was published stays as it was.
fn check(name: &str, code: &str, exit: i32, sabotage: impl Fn(&Company)) {
    let company = Company::with_run();
    let before = company.published();
    sabotage(&company);
    assert_eq!(ends_with(&company, &[]), (code.to_owned(), exit), "{name}");
    assert_eq!(company.published(), before, "{name}");
}

fn config(company: &Company, from: &str, to: &str) {
    company.edit("pipelines/isp.toml", |text| text.replacen(from, to, 1));
}

#[test]
fn files_that_are_something_else() {
    let table = "data/isp/customers.csv";
    let replaced = |bytes: &'static [u8]| move |company: &Company| fs::write(company.path(table), bytes).unwrap();
    check("M002 only a mark", "E1003", 10, replaced(b"\xef\xbb\xbf"));
    check("M003 only a newline", "E1003", 10, replaced(b"\n"));
    check("M044 a workbook", "E1006", 10, replaced(b"PK\x03\x04\x14\0\0\0"));
    check("M045 Parquet", "E1006", 10, replaced(b"PAR1\0\0\0\0"));
    check("M046 a page", "E1006", 10, replaced(b"<!DOCTYPE html><title>Sign in</title>"));
    check("M047 JSON", "E1006", 10, replaced(b"{\"error\":\"quota\"}"));
    check("a directory with nothing in it", "E1001", 10, |company| {
        fs::remove_file(company.path(table)).unwrap();
        fs::create_dir(company.path(table)).unwrap();
    });
    check("a pipe", "E1002", 10, |company| {
        fs::remove_file(company.path(table)).unwrap();
        let made = Command::new("mkfifo").arg(company.path(table)).status().unwrap();
        assert!(made.success());
    });
    check("a link to itself", "E1001", 10, |company| {
        fs::remove_file(company.path(table)).unwrap();
        symlink(company.path(table), company.path(table)).unwrap();
    });
    check("M050 a file named twice", "E2004", 2, |company| {
        config(company, "\"../data/isp/tickets.csv\"", "[\"../data/isp/tickets.csv\", \"../data/isp/tick*.csv\"]");
    });
}

#[test]
fn tables_that_contradict_themselves() {
    let rows = |company: &Company, table: &str, edit: &dyn Fn(&str) -> String| {
        company.edit(&format!("data/isp/{table}.csv"), |csv| edit(csv));
    };
    let first_row = |csv: &str| csv.lines().nth(1).unwrap().to_owned();
    check("a product listed twice", "E2009", 2, |company| {
        rows(company, "products", &|csv| format!("{csv}{}\n", first_row(csv)));
    });
    let product = |company: &Company, key: &str, from: &str, to: &str| {
        rows(company, "products", &|csv| {
            let row = csv.lines().find(|line| line.starts_with(&format!("{key},"))).unwrap();
            csv.replacen(row, &row.replacen(from, to, 1), 1)
        });
    };
    check("a ladder that leads back to itself", "E2009", 2, |company| {
        product(company, "line_100m_old", ",4200,950,,,", ",4200,950,,,line_100m");
    });
    check("products that need each other first", "E2009", 2, |company| {
        product(company, "tv", "line,", "wifi,");
        product(company, "wifi_mesh", "line,", "tv,");
    });
    check("an offer that says not what it earns", "E2009", 2, |company| {
        product(company, "tv", ",2200,700,", ",2200,,");
    });
    check("M095 a customer told in two ways", "E1030", 10, |company| {
        config(company, "max_rejects = 1000", "max_rejects = 0");
        rows(company, "customers", &|csv| {
            format!("{csv}{}\n", first_row(csv).replace(",apartment,", ",house,").replace("chiba", "nara"))
        });
    });
    check("a margin beyond all prices", "E1024", 10, |company| {
        config(company, "\"quarantine\"", "\"abort\"");
        rows(company, "products", &|csv| csv.replacen(",700,", ",9223372036854775807,", 1));
    });
    check("a consent that cannot be read may be a refusal", "E4007", 12, |company| {
        rows(company, "consents", &|csv| csv.replacen(",no,2022-12-11T03:00:00Z", ",no,2022-12-32", 1));
    });
    check("nobody has consented", "E4006", 10, |company| {
        rows(company, "consents", &|csv| csv.replace(",yes,", ",no,"));
    });
    check("M096 orphans", "E1030", 10, |company| {
        rows(company, "tickets", &|csv| {
            (0..2_000).fold(csv.to_owned(), |csv, i| csv + &format!("Z{i},2026-01-01,,,,,\n"))
        });
    });
    check("M072 a number beyond all numbers", "E1024", 10, |company| {
        config(company, "\"quarantine\"", "\"abort\"");
        rows(company, "products", &|csv| csv.replacen(",3900,", ",99999999999999999999,", 1));
    });
    check("M085 dates of another order", "E1022", 10, |company| {
        config(company, "\"quarantine\"", "\"abort\"");
        rows(company, "consents", &|csv| csv.replacen("2022-12-11T03:00:00Z", "12/11/2022", 1));
    });
    check("a family that is not sold", "E2006", 2, |company| {
        config(company, "\"wifi\", \"tv\"", "\"wifi\", \"radio\"");
    });
}

#[test]
fn pipelines_that_ask_for_the_impossible() {
    check("M144 a rate above one", "E2004", 2, |company| {
        config(company, "max_reject_rate = 0.001", "max_reject_rate = 1.5");
    });
    check("M144 a rate that is none", "E2004", 2, |company| {
        config(company, "max_reject_rate = 0.001", "max_reject_rate = nan");
    });
    check("M142 a key twice", "E2001", 2, |company| {
        config(company, "max_rejects = 1000", "max_rejects = 1000\nmax_rejects = 2");
    });
    check("M145 a secret that is not there", "E2008", 2, |company| {
        config(company, "\"isp-2026\"", "\"${env:NOWHERE}\"");
    });
    check("a zone that is none", "E2004", 2, |company| config(company, "Asia/Tokyo", "Asia/Tokio"));
    check("more channels than are told apart", "E2004", 2, |company| {
        let channels: Vec<String> = (0..33).map(|i| format!("\"c{i}\"")).collect();
        config(company, "[\"telephone\", \"mail\", \"member_page\"]", &format!("[{}]", channels.join(", ")));
    });
    check("more asked for than allowed", "E2004", 2, |company| {
        config(company, "per_customer = 3", "per_customer = 3\ncapacity = [{ offer = \"tv\", min = 5, max = 3 }]");
    });
    check("too little memory", "E2004", 2, |company| config(company, "[report]", "[run]\nmemory = \"1MiB\"\n[report]"));
}

#[test]
fn what_was_read_and_what_was_published_are_no_destinations() {
    let to = |path: &'static str| {
        move |company: &Company| config(company, "\"../out/isp-offers.csv\"", &format!("\"{path}\""))
    };
    check("an input", "E2004", 2, to("../data/isp/customers.csv"));
    check("an input by another name", "E2004", 2, to("../pipelines/../data/isp/usage/../customers.csv"));
    check("the pointer to the current run", "E2004", 2, to("../runs/isp/CURRENT"));
    check("a published run", "E2004", 2, to("../runs/isp/offers.csv"));
    check("an input behind a link", "E2004", 2, |company| {
        symlink(company.path("data/isp"), company.path("out")).unwrap();
        config(company, "\"../out/isp-offers.csv\"", "\"../out/customers.csv\"");
    });
}

/// What has the destination's name and is no file stays what it is: a rename would put a file in its place.
#[test]
fn a_pipe_or_a_link_is_no_destination() {
    let company = Company::with_run();
    fs::create_dir(company.path("out")).unwrap();
    let (destination, kept) = (company.path("out/isp-offers.csv"), company.path("kept.csv"));
    fs::write(&kept, "kept").unwrap();
    symlink(&kept, &destination).unwrap();
    assert_eq!(ends_with(&company, &[]), ("E5001".to_owned(), 15));
    assert!(fs::symlink_metadata(&destination).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&kept).unwrap(), "kept");
    let run = company.published().0.split(' ').next().unwrap().to_owned();
    let numbers = company.path(&format!("runs/isp/{run}/report.json"));
    let before = fs::read(&numbers).unwrap();
    let own = numbers.to_str().unwrap();
    assert_eq!(company.osusume(&["report", "runs/isp", "--out", own]).status.code(), Some(14));
    assert_eq!(fs::read(&numbers).unwrap(), before, "a published run is never changed");
    fs::copy(&numbers, company.path("report.json")).unwrap();
    company.succeed(&["report", "report.json", "--out", "page.html"]);
}

#[test]
fn command_lines() {
    let company = Company::with_run();
    let exit = |arguments: &[&str]| company.osusume(arguments).status.code().unwrap();
    assert_eq!(exit(&["run", "pipelines/isp.toml"]), 2, "M143: no date is taken from the clock");
    assert_eq!(exit(&["run", "pipelines/none.toml", "--as-of", AS_OF]), 10);
    assert_eq!(exit(&["run", "data/isp/customers.csv", "--as-of", AS_OF]), 2);
    assert_eq!(exit(&["run", "pipelines/isp.toml", "--as-of", "2026-02-30"]), 2);
    assert_eq!(exit(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--set", "decide.holdout.salt=plain"]), 2, "M146");
    assert_eq!(exit(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--threads", "0"]), 2);
    assert_eq!(exit(&["runs", "show", "pipelines/isp.toml", "../../../etc"]), 2);
    let mut closed = Command::new("sh");
    closed.args(["-c", &format!("{OSUSUME} config reference | head -n 1")]).current_dir(company.path("")).env_clear();
    let output = closed.env("PATH", "/usr/bin:/bin").output().unwrap();
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
}

/// Names that would break a file name, a column or a page, and rows at the edges of what is allowed.
#[test]
fn names_of_any_kind_are_only_names() {
    let company = Company::new();
    let long = "x".repeat(400);
    company.edit("data/isp/tickets.csv", |csv| {
        let names = [
            "../../etc/passwd",
            "a b\\c",
            "=cmd|' /C calc'!A0",
            "<script>alert(1)</script>",
            "表ソ能",
            "as_of",
            "\u{1f600}",
            long.as_str(),
        ];
        let rows = names
            .iter()
            .flat_map(|name| (0..40).map(move |i| format!("C{i:09},2025-01-10,,\"{name}\",,,2025-01-11\n")));
        rows.fold(csv.to_owned(), |csv, row| csv + &row)
    });
    company.edit("data/isp/products.csv", |csv| csv.replacen("\ntv,", &format!("\n{}/..,", "t".repeat(300)), 1));
    let output = company.osusume(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--no-export"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!text(&output.stdout).contains('\u{1b}'));
}

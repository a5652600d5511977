//! What cannot work ends with a coded message, the right exit code, nothing published and the previous run still current.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use osusume_testkit::{check_golden, repository_root};

use super::support::{AS_OF, Company, OSUSUME, text};

const RUN: [&str; 5] = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet"];

/// Breaks a company with `sabotage` and compares what a run says of it, in both languages, with `tests/golden/`.
fn check(name: &str, code: i32, sabotage: impl Fn(&Company)) {
    check_with(name, code, |company, language| {
        sabotage(company);
        company.osusume(&[&RUN[..], &["--language", language]].concat())
    });
    check_json(name, code, sabotage);
}

fn check_with(name: &str, code: i32, run: impl Fn(&Company, &str) -> Output) {
    for language in ["en", "ja"] {
        let company = Company::with_run();
        let before = company.published();
        let output = run(&company, language);
        assert_eq!(company.published(), before, "{name}: nothing is published, nothing left behind");
        compare(name, language, &output);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(text(&output.stdout), "");
    }
}

/// The one line for a scheduler says the same as the exit code.
fn check_json(name: &str, code: i32, sabotage: impl Fn(&Company)) {
    let company = Company::with_run();
    let current = company.published().0;
    let previous = current.split(' ').next().unwrap();
    sabotage(&company);
    let output = company.osusume(&[&RUN[..], &["--log-format", "json"]].concat());
    let line: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&line["type"], &line["code"]), (&"exit_error".into(), &code.into()), "{name}");
    assert_eq!(line["published"], false);
    // A pipeline file that is not understood does not tell where its runs are.
    assert!(line["previous"] == previous || code == 2, "{name}: {line}");
}

/// Exit code and standard error, without what differs from run to run.
fn compare(name: &str, language: &str, output: &Output) {
    let code = output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    let got = format!("exit code {code}\n{}", filtered(&text(&output.stderr)));
    check_golden(&repository_root().join(format!("tests/golden/{name}.{language}.txt")), &got);
}

/// The end of a run's name is a digest of the whole configuration, and free space is what it is.
fn filtered(text: &str) -> String {
    let mut parts = text.split("-001-");
    let mut filtered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_digest = part.len() >= 8 && part[..8].bytes().all(|byte| byte.is_ascii_hexdigit());
        filtered.push_str("-001-");
        filtered.push_str(if is_digest { "[config]" } else { "" });
        filtered.push_str(if is_digest { &part[8..] } else { part });
    }
    filtered
}

/// The lines of a table, the first as it is, the others through `edit`.
fn rows(table: &str, edit: impl Fn(&str) -> Option<String>) -> String {
    let lines = table.lines().enumerate();
    let kept = lines.filter_map(|(i, line)| if i == 0 { Some(line.to_owned()) } else { edit(line) });
    kept.map(|line| line + "\n").collect()
}

#[test]
fn missing_file() {
    check("missing_file", 10, |company| fs::remove_file(company.path("data/isp/holdings.csv")).unwrap());
}

#[test]
fn unknown_column() {
    check("unknown_column", 13, |company| {
        company.edit("data/isp/customers.csv", |table| table.replacen("joined_on", "joined_at", 1));
    });
}

#[test]
fn wrong_type() {
    check("wrong_type", 10, |company| {
        company.edit("data/isp/products.csv", |table| table.replacen(",line,2,", ",line,second,", 1));
    });
}

#[test]
fn config_typo() {
    check("config_typo", 2, |company| {
        company.edit("pipelines/isp.toml", |config| config.replace("horizon_days", "horizn_days"));
    });
}

#[test]
fn empty_table() {
    check("empty_table", 10, |company| {
        company.edit("data/isp/holdings.csv", |table| rows(table, |_| None));
    });
}

#[test]
fn empty_file() {
    check("empty_file", 10, |company| company.edit("data/isp/customers.csv", |_| String::new()));
}

#[test]
fn column_misspelled() {
    check("column_misspelled", 13, |company| {
        company.edit("pipelines/isp.toml", |config| config.replacen("\"joined_on\"", "\"joind_on\"", 1));
    });
}

#[test]
fn consent_channel() {
    check("consent_channel", 2, |company| {
        company.edit("pipelines/isp.toml", |config| {
            config.replacen("[\"telephone\", \"mail\", \"member_page\"]", "[\"fax\", \"post\"]", 1)
        });
    });
}

#[test]
fn consent_purpose() {
    check("consent_purpose", 2, |company| {
        company.edit("pipelines/isp.toml", |config| {
            config.replacen("[decide]", "[decide]\nconsent = { purpose = \"sales\" }", 1)
        });
    });
}

#[test]
fn end_before_start() {
    check("end_before_start", 10, |company| {
        company.edit("pipelines/isp.toml", |config| config.replacen("\"quarantine\"", "\"abort\"", 1));
        company.edit("data/isp/holdings.csv", |table| {
            table.replacen(
                "L000000000,line_1g,1,2022-12-11,2024-10-18",
                "L000000000,line_1g,1,2022-12-11,2022-12-10",
                1,
            )
        });
    });
}

#[test]
fn older_than_what_is_published() {
    const EARLIER: [&str; 5] = ["run", "pipelines/isp.toml", "--as-of", "2026-08-01", "--quiet"];
    check_with("older", 11, |company, language| company.osusume(&[&EARLIER[..], &["--language", language]].concat()));
    let company = Company::with_run();
    let output = company.osusume(&[&EARLIER[..], &["--log-format", "json"]].concat());
    assert!(!text(&output.stderr).contains("stage_begin"), "said before anything is computed");
}

#[test]
fn all_zero_label() {
    check("all_zero_label", 10, |company| {
        company.edit("data/isp/holdings.csv", |table| {
            // Whoever holds something has held it since before the first label window.
            rows(table, |line| line.split(',').nth(4).filter(|start| *start < "2025-11-01").map(|_| line.to_owned()))
        });
    });
}

#[test]
fn directory_that_cannot_be_written() {
    check("not_writable", 14, |company| {
        // Permissions do not bind the superuser; a directory in the place of a file binds everybody.
        fs::remove_file(company.path("runs/isp/LOCK")).unwrap();
        fs::create_dir(company.path("runs/isp/LOCK")).unwrap();
    });
}

#[test]
fn lock_held() {
    check_with("lock_held", 11, |company, language| {
        let mut lock = File::options().write(true).truncate(true).open(company.path("runs/isp/LOCK")).unwrap();
        lock.lock().unwrap();
        let holder =
            r#"{"pid":4711,"host":"batch-1","boot_id":"b","start":"2026-10-01T01:00:00Z","cmd":"osusume run"}"#;
        lock.write_all(holder.as_bytes()).unwrap();
        company.osusume(&[&RUN[..], &["--language", language]].concat())
    });
}

#[test]
fn file_size_limit() {
    check_with("file_size_limit", 14, |company, language| {
        let script = format!("ulimit -f 8 && exec {OSUSUME} {} --language {language}", RUN.join(" "));
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(company.path("")).env_clear().output().unwrap()
    });
}

/// A full disk: a file system in memory, a few pages larger than what is published, in a name space of its own.
#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn full_disk() {
    if !may_mount() {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    for language in ["en", "ja"] {
        let company = Company::with_run();
        let output = on_small_disk(&company, language);
        assert_eq!(output.status.code(), Some(14), "{}", text(&output.stderr));
        let got = filtered(&text(&output.stderr));
        let (published, rest) = got.split_once("---\n").unwrap();
        assert_eq!(published, "2026-09-01-001-[config]\nCURRENT\nLOCK\n", "nothing is published, nothing left behind");
        let rest: String = rest.lines().map(|line| without_bytes(line) + "\n").collect();
        let path = repository_root().join(format!("tests/golden/full_disk.{language}.txt"));
        check_golden(&path, &format!("exit code 14\n{rest}"));
    }
}

fn may_mount() -> bool {
    let mount = ["-rm", "sh", "-c", "mount -t tmpfs none /mnt"];
    Command::new("unshare").args(mount).output().is_ok_and(|output| output.status.success())
}

/// Runs with `runs/` on the small disk; standard error is the listing of `runs/isp` afterwards, a line, and what the run said.
fn on_small_disk(company: &Company, language: &str) -> Output {
    let script = format!(
        "cp -r runs kept && mount -t tmpfs -o size=$(($(du -sk runs | cut -f1) + 200))k none runs && cp -r kept/* runs/ && \
         {OSUSUME} {} --language {language} 2>said; code=$?; (ls -A runs/isp | LC_ALL=C sort; echo ---; cat said) >&2; exit $code",
        RUN.join(" ")
    );
    let path = "/usr/sbin:/usr/bin:/sbin:/bin";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script]).current_dir(company.path("")).env_clear().env("PATH", path);
    command.output().unwrap()
}

/// Which write meets the end of the disk, and how much is left then, depends on the order of threads.
fn without_bytes(line: &str) -> String {
    match line.split_once("]: ").filter(|_| line.contains("E3004")) {
        Some((code, said)) => format!("{code}]: {}", said.replace(',', "").replace(|c: char| c.is_ascii_digit(), "")),
        None if line.starts_with("  -->") => "  --> [file]".to_owned(),
        None => line.to_owned(),
    }
}

#[test]
fn a_destination_that_cannot_be_written_leaves_the_run_published() {
    for language in ["en", "ja"] {
        let company = Company::with_run();
        fs::write(company.path("out"), "a file where a directory is needed").unwrap();
        let output = company.osusume(&[&RUN[..], &["--language", language]].concat());
        assert_eq!(output.status.code(), Some(15));
        assert!(company.published().0.starts_with(AS_OF));
        compare("destination", language, &output);
    }
}

#[test]
fn command_line() {
    for language in ["en", "ja"] {
        let company = Company::with_run();
        let output = company.osusume(&["run", "pipelines/isp.toml", "--as-of", "today", "--language", language]);
        assert_eq!(output.status.code(), Some(2));
        compare("command_line", language, &output);
    }
}

#[test]
fn every_golden_file_is_used() {
    let used = [
        include_str!("arms.rs"),
        include_str!("baskets.rs"),
        include_str!("errors.rs"),
        include_str!("evaluate.rs"),
        include_str!("flat.rs"),
        include_str!("offer_holdout.rs"),
        include_str!("power.rs"),
        include_str!("what_if.rs"),
        include_str!("why.rs"),
    ]
    .concat();
    for path in fs::read_dir(repository_root().join("tests/golden")).unwrap() {
        let path = path.unwrap().path();
        let stem = Path::new(path.file_stem().unwrap()).file_stem().unwrap().to_str().unwrap().to_owned();
        let ways = [format!("\"{stem}\""), format!("golden/{stem}."), format!("\"{stem}.{{language}}.txt")];
        assert!(ways.iter().any(|way| used.contains(way)), "{stem}");
    }
}

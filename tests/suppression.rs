//! Customers who must not be marketed to: in no table of a run, in no delivery, and never for want of a list that can be trusted.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use osusume_model::{Control, Stop};
use osusume_pipeline::config::{Config, Layers};
use osusume_pipeline::{Event, Host, LockInfo, Request, Stage, export, run};
use serde_json::Value;

use super::support::{AS_OF, BEFORE, Company, decisions, names, rows, text};

const LIST: &str = "suppression.path='data/isp/suppressed.csv'";

fn run_of(company: &Company, more: &[&str]) -> String {
    let arguments = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet"];
    company.succeed(&[&arguments[..], more].concat());
    names(&company.path("runs/isp")).into_iter().rfind(|name| name.starts_with(AS_OF)).unwrap()
}

/// The list is read from beside the pipeline file.
fn list(company: &Company, ids: &[&str]) {
    fs::write(company.path("pipelines/data/isp/suppressed.csv"), format!("customer_id\n{}\n", ids.join("\n"))).unwrap();
}

fn company() -> Company {
    let company = Company::new();
    fs::create_dir_all(company.path("pipelines/data/isp")).unwrap();
    company
}

/// Customers who are offered something, each once.
fn offered(company: &Company, run: &str) -> Vec<String> {
    let mut ids: Vec<String> = rows(company, run, "offers").into_iter().map(|row| row.customer).collect();
    ids.dedup();
    ids
}

/// Whether a file holds an id, in an encoding of one byte or of two for each letter.
fn holds(path: &Path, id: &str) -> bool {
    let bytes = fs::read(path).unwrap();
    let wide: Vec<u8> = id.bytes().flat_map(|byte| [byte, 0]).collect();
    [id.as_bytes(), &wide].into_iter().any(|looked| bytes.windows(looked.len()).any(|window| window == looked))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Cases 147 and 148.
#[test]
fn whoever_is_on_the_list_is_nowhere() {
    let company = company();
    let before = run_of(&company, &[]);
    let chosen = offered(&company, &before);
    let shadow: Vec<String> = rows(&company, &before, "shadow").into_iter().map(|row| row.customer).collect();
    let gone = [&chosen[0], &chosen[3], &chosen[9], &shadow[0]];
    // In other spellings than the tables'.
    let spelled = [gone[0].to_lowercase(), format!(" {} ", gone[1]), gone[2].replace('C', "Ｃ"), gone[3].clone()];
    list(&company, &spelled.iter().map(String::as_str).collect::<Vec<_>>());
    let run_id = run_of(&company, &["--set", LIST]);
    let dir = company.path(&format!("runs/isp/{run_id}"));
    let decided = decisions(&company, &run_id);
    assert_eq!(decided.len() + gone.len(), decisions(&company, &before).len());
    for id in gone {
        assert!(!decided.contains_key(id.as_str()), "{id}");
        assert!(
            rows(&company, &run_id, "offers")
                .iter()
                .chain(&rows(&company, &run_id, "shadow"))
                .all(|row| row.customer != *id)
        );
        let why = company.osusume(&["why", id, &format!("runs/isp/{run_id}")]);
        assert!(!why.status.success(), "{id}");
        for file in names(&company.path("out")) {
            assert!(!holds(&company.path(&format!("out/{file}")), id), "{id} in {file}");
        }
    }
    let summary = json(&dir.join("summary.json"));
    let customers = &summary["sources"]["customers"];
    assert_eq!(customers["suppressed"], 4);
    let balance = ["accepted", "rejected", "suppressed", "excluded"].map(|key| customers[key].as_u64().unwrap());
    assert_eq!(customers["read"].as_u64(), Some(balance.iter().sum()));
    let manifest = json(&dir.join("MANIFEST.json"));
    assert_eq!(manifest["counts"]["customers"]["suppressed"], 4);
    assert_eq!(manifest["counts"]["[suppression]"]["read"], 4);
    assert!(manifest["inputs"].to_string().contains("suppressed.csv"));
    // The same list in another order is the same run but for its file; without a change nothing is made anew.
    assert_eq!(run_of(&company, &["--set", LIST]), run_id);
}

/// Puts a customer on the list the moment a delivery begins.
struct Objecting<'a> {
    company: &'a Company,
    id: String,
}

impl Control for Objecting<'_> {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        None
    }
}

impl Host for Objecting<'_> {
    fn event(&self, event: Event) {
        if let Event::Begin(Stage::Export) = event {
            list(self.company, &["C000000001", &self.id]);
        }
    }
    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
    fn elapsed_seconds(&self) -> f64 {
        0.0
    }
}

#[test]
fn whoever_objects_after_the_run_is_not_delivered() {
    let company = company();
    list(&company, &["C000000001"]);
    let first = run_of(&company, &["--set", LIST, "--no-export"]);
    let id = offered(&company, &first).into_iter().find(|id| id != "C000000001").unwrap();
    fs::remove_dir_all(company.path("runs")).unwrap();

    let file = company.path("pipelines/isp.toml");
    let directory = format!("run.directory='{}'", company.path("runs").display());
    let parquet = format!(
        "export=[{{profile='parquet',path='{0}/a.parquet'}},{{profile='csv',path='{0}/a.csv'}}]",
        company.path("out").display()
    );
    let sets = [directory, LIST.to_owned(), parquet];
    let config = Config::load(Layers { file: Path::new(&file), overlays: &[], sets: &sets }, &|_| None).unwrap();
    let none = String::new;
    let lock = LockInfo { pid: 1, host: none(), boot_id: none(), start: none(), cmd: none() };
    let request = Request { config: &config, as_of: AS_OF.parse().ok(), memory: 1 << 30, lock, started_us: 0 };
    let host = Objecting { company: &company, id: id.clone() };
    let ran = run(&request, &host).unwrap();
    let delivered = export(&config, &ran.lock, &host).unwrap();
    assert!(delivered.iter().all(|to| to.suppressed > 0), "{delivered:?}");
    assert_eq!(delivered[0].rows, delivered[1].rows);
    assert!(!holds(&company.path("out/a.csv"), &id));
    let manifest = json(&company.path("out/a.csv.manifest.json"));
    assert_eq!(manifest["rows_suppressed"].as_u64(), Some(delivered[1].suppressed));
    assert!(osusume_pipeline::is_exported(&config, manifest["run_id"].as_str().unwrap(), &host));
    // Somebody else objects: what lies at the destination is no longer what may lie there.
    list(&company, &["C000000001", &id, "C000000002"]);
    assert!(!osusume_pipeline::is_exported(&config, manifest["run_id"].as_str().unwrap(), &host));
    fs::remove_file(company.path("pipelines/data/isp/suppressed.csv")).unwrap();
    let refused = export(&config, &ran.lock, &host_without(&company)).unwrap_err();
    assert_eq!(refused.code().id(), "E6001");
}

/// A host that changes nothing.
fn host_without(company: &Company) -> impl Host + '_ {
    struct Still<'a>(#[expect(dead_code, reason = "the company must live as long")] &'a Company);
    impl Control for Still<'_> {
        fn progress(&self, _done: u64, _total: u64) {}
        fn stop(&self) -> Option<Stop> {
            None
        }
    }
    impl Host for Still<'_> {
        fn event(&self, _event: Event) {}
        fn secret(&self, _name: &str) -> Option<String> {
            None
        }
        fn elapsed_seconds(&self) -> f64 {
            0.0
        }
    }
    Still(company)
}

#[test]
fn a_list_that_cannot_be_trusted_ends_the_run() {
    let company = company();
    let path = company.path("pipelines/data/isp/suppressed.csv");
    let refused = |code: &str, more: &[&str]| {
        for verb in ["run", "check"] {
            let arguments = [verb, "pipelines/isp.toml", "--as-of", AS_OF, "--language", "en", "--set", LIST];
            let output = company.osusume(&[&arguments[..], more].concat());
            let said = text(&output.stdout) + &text(&output.stderr);
            assert!(output.status.code() == Some(12) && said.contains(code), "{verb}: {said}");
        }
        assert!(!company.path("runs/isp/CURRENT").exists() && !company.path("out").exists());
    };
    refused("E6001", &[]);
    fs::write(&path, "id\nC000000001\n").unwrap();
    refused("E6001", &[]);
    fs::write(&path, "customer_id\nC000000001\n\"C0000").unwrap();
    refused("E6001", &[]);
    fs::write(&path, "customer_id\n").unwrap();
    refused("E6001", &[]);
    list(&company, &["17", "18"]);
    refused("E6004", &[]);
    list(&company, &["C000000001"]);
    // Written a hundred days before the as-of date of the run.
    let days = |date: &str| u64::try_from(date.parse::<osusume_model::Date>().unwrap().0).unwrap();
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs((days(AS_OF) - 100) * 86_400);
    File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
    refused("E6002", &["--set", "suppression.max_age_days=30"]);
    let publish = |more: &[&str]| run_of(&company, &[&["--set", LIST, "--no-export"], more].concat());
    publish(&["--set", "suppression.max_age_days=120"]);
    fs::write(&path, "customer_id\n").unwrap();
    publish(&["--set", "suppression.allow_empty=true", "--set", "quality.max_shrink=1"]);
    list(&company, &["17", "18"]);
    publish(&["--set", "suppression.allow_unmatched=true"]);
}

#[test]
fn a_list_that_has_lost_half_of_its_customers_ends_the_run() {
    let company = company();
    list(&company, &["C000000001", "C000000002", "C000000003", "C000000004"]);
    company.succeed(&["run", "pipelines/isp.toml", "--as-of", BEFORE, "--quiet", "--no-export", "--set", LIST]);
    list(&company, &["C000000001"]);
    let output = company.osusume(&["run", "pipelines/isp.toml", "--as-of", AS_OF, "--language", "en", "--set", LIST]);
    let said = text(&output.stderr);
    assert!(
        output.status.code() == Some(12)
            && said.contains("[E6003]: the suppression list has 1 customer; run 2026-09-01"),
        "{said}"
    );
    assert!(company.published().0.starts_with(BEFORE));
}

#[test]
fn nothing_is_delivered_of_people_under_pseudonyms_nor_for_another_purpose() {
    let company = company();
    let said = |set: &str, more: &[&str]| {
        let arguments = ["run", "pipelines/isp.toml", "--as-of", AS_OF, "--quiet", "--language", "en", "--set", set];
        let output = company.osusume(&[&arguments[..], more].concat());
        (output.status.code().unwrap(), text(&output.stderr))
    };
    for class in ["pseudonymised", "anonymous"] {
        let (code, text) = said(&format!("sources.customers.data_class='{class}'"), &[]);
        assert!(code == 12 && text.contains("E6005") && text.contains(class), "{text}");
    }
    let (code, text) = said("sources.tickets.purposes=['customer support']", &[]);
    assert!(
        code == 12 && text.contains("[E6006]: `tickets` may be used for customer support, and not for `"),
        "{text}"
    );
    assert!(!company.path("runs").exists());
    let (code, text) = said("sources.customers.data_class='pseudonymised'", &["--set", "export=[]"]);
    assert_eq!(code, 0, "{text}");
}

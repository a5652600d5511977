//! The pipelines on real tables: one of a single date, one as dirty as a warehouse left it. Skipped where the tables are absent.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::support::{OSUSUME, text};

/// A working directory with our pipelines, and the tables of `data` where they look for them.
struct Pipelines(TempDir);

impl Pipelines {
    fn new(data: &str) -> Option<Self> {
        let tables = osusume_testkit::data_dir(data)?;
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("data")).unwrap();
        symlink(fs::canonicalize(tables).unwrap(), dir.path().join("data").join(data)).unwrap();
        symlink(osusume_testkit::repository_root().join("pipelines"), dir.path().join("pipelines")).unwrap();
        Some(Self(dir))
    }

    /// Standard output of a run, and the directory it published.
    fn run(&self, pipeline: &str, more: &[&str]) -> (String, PathBuf) {
        let runs = self.0.path().join("runs");
        let file = format!("pipelines/{pipeline}.toml");
        let mut command = Command::new(OSUSUME);
        command.args(["run", &file, "--no-export", "--set"]).arg(format!("run.directory={}", runs.display()));
        let output = command.args(more).current_dir(self.0.path()).env_clear().output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let current = fs::read_to_string(runs.join(pipeline).join("CURRENT")).unwrap();
        let run = current.split(' ').next().unwrap();
        (text(&output.stdout), runs.join(pipeline).join(run))
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The area under the curve of every offer's only or newest test.
fn areas(summary: &Value) -> Vec<(String, f64)> {
    let offers = summary["offers"].as_array().unwrap().iter();
    offers
        .filter_map(|offer| {
            let auc = offer["tests"].as_array()?.last()?["auc"].as_f64()?;
            Some((offer["offer"].as_str()?.to_owned(), auc))
        })
        .collect()
}

/// The model file of an offer.
fn model(run: &Path, offer: &str) -> Value {
    let names = super::support::names(&run.join("models"));
    let name = names.iter().find(|name| name.ends_with(&format!("-{offer}.json"))).unwrap();
    json(&run.join("models").join(name))
}

/// Coefficients of a model that are not zero, by feature.
fn seen(model: &Value) -> Vec<&str> {
    let columns = model["model"]["columns"].as_array().unwrap().iter();
    columns.filter(|column| column["beta"] != 0.0).map(|column| column["feature"].as_str().unwrap()).collect()
}

#[test]
fn a_cross_section_says_who_resembles_holders_and_reads_no_answer() {
    let Some(pipelines) = Pipelines::new("telco-churn") else { return };
    let (page, run) = pipelines.run("telco", &[]);
    assert!(page.contains("says who resembles holders, not who will buy"), "{page}");
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("who resembles those who hold a product, not who will buy it"));
    let summary = json(&run.join("summary.json"));
    assert_eq!(summary["design"], "cross_section");
    let customers = &summary["sources"]["customers"];
    assert_eq!((&customers["read"], &customers["rejected"]), (&7_043.into(), &0.into()));
    assert_eq!((&customers["excluded_not_kept"], &summary["customers"]), (&1_869.into(), &5_174.into()));
    let found = areas(&summary);
    let names: Vec<&str> = found.iter().map(|(offer, _)| offer.as_str()).collect();
    let expected = ["term_1y", "term_2y", "security", "backup", "protection", "support", "tv", "movies"];
    assert!(expected.iter().all(|offer| names.contains(offer)) && names.len() == expected.len(), "{names:?}");
    // What is held resembles itself: well above chance, and far from the certainty of an answer that was read.
    assert!(found.iter().all(|(_, auc)| (0.65..0.95).contains(auc)), "{found:?}");

    let security = model(&run, "security");
    let withheld: Vec<&str> = security["withheld"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(withheld, ["customers_monthlycharges", "services_security_tier"]);
    assert!(!seen(&security).iter().any(|feature| withheld.contains(feature)));
    assert!(seen(&security).contains(&"services_tv_tier"));
    assert!(seen(&model(&run, "term_2y")).contains(&"customers_monthlycharges"), "the term has no part in the bill");

    // A bill that is shown although the service stands on it gives the answer away.
    let (_, leaky) = pipelines.run("telco", &["--set", "sources.customers.reveals={}"]);
    let leaky = areas(&json(&leaky.join("summary.json")));
    let mean = |areas: &[(String, f64)]| areas.iter().map(|(_, auc)| auc).sum::<f64>() / areas.len() as f64;
    assert!(mean(&leaky) > mean(&found) + 0.05, "{leaky:?} against {found:?}");
}

#[test]
fn a_dirty_shop_is_read_to_the_last_line() {
    let Some(pipelines) = Pipelines::new("online-retail") else { return };
    let (page, run) = pipelines.run("shop", &["--as-of", "2011-12-10"]);
    assert!(page.contains("135,080") && page.contains("without a customer"), "{page}");
    let summary = json(&run.join("summary.json"));
    let lines = &summary["sources"]["invoices"];
    let counts = ["read", "accepted", "rejected", "excluded", "excluded_anonymous"].map(|key| lines[key].as_u64());
    assert_eq!(counts, [541_909, 406_829, 0, 135_080, 135_080].map(Some));
    assert_eq!(summary["customers"], 4_372);
    assert_eq!(summary["offers"].as_array().unwrap().len(), 20);
    let tests = summary["training"]["tests"].as_array().unwrap();
    assert_eq!(tests.len(), 3);
    assert!(tests.iter().all(|test| test["mean_auc"].as_f64().unwrap() > 0.6), "{tests:?}");
    // A purchase that was cancelled within the days to keep it is no take: without them there are more.
    let takes = |summary: &Value| -> u64 {
        summary["offers"].as_array().unwrap().iter().map(|offer| offer["labels"]["positive"].as_u64().unwrap()).sum()
    };
    let kept_or_not = ["--as-of", "2011-12-10", "--set", "offers.kept_days=0"];
    let (_, other) = pipelines.run("shop", &kept_or_not);
    assert!(takes(&json(&other.join("summary.json"))) > takes(&summary));
}

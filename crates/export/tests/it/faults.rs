//! Every operation of a delivery fails once, and the machine loses power before each: a consumer never takes half a delivery.

use std::path::Path;

use osusume_export::{Destination, Profile, Sink, deliver_csv, profile};
use osusume_model::Code;
use osusume_storage::sim::{Damage, Failure, FailurePlan, SimFs};
use osusume_storage::{Digest, Fs};
use osusume_text::Language;

use crate::shop::{deliver, dictionary, lineage, models, names, read, rows};

fn split() -> Profile {
    Profile { max_rows: 3, ..profile("csv").unwrap() }
}

/// A destination with an older delivery of one file.
fn before() -> SimFs {
    let fs = SimFs::new();
    deliver(&fs, "offers.csv", &profile("csv").unwrap(), Language::En, &rows()[..1]).unwrap();
    fs
}

/// What a careful consumer takes: the rows of the manifest, if every part it lists is there with its digest.
fn taken(fs: &dyn Fs) -> Option<u64> {
    let found = fs.metadata(Path::new("offers.csv.manifest.json")).unwrap();
    found.filter(|found| found.is_file)?;
    let manifest: serde_json::Value = serde_json::from_slice(&read(fs, "offers.csv.manifest.json")).unwrap();
    for part in manifest["parts"].as_array().unwrap() {
        let name = part["name"].as_str().unwrap();
        fs.metadata(Path::new(name)).unwrap()?;
        if Digest::of(&read(fs, name)).to_string() != part["sha256"].as_str().unwrap() {
            return None;
        }
    }
    manifest["rows"].as_u64()
}

#[test]
fn every_operation_may_fail() {
    let whole = before();
    let first = whole.n_ops();
    deliver(&whole, "offers.csv", &split(), Language::En, &rows()).unwrap();
    let n_ops = whole.n_ops() - first;
    assert_eq!(taken(&whole), Some(5));
    for at in 0..n_ops {
        for (failure, is_sticky) in [(Failure::Io, false), (Failure::Io, true), (Failure::DiskFull, true)] {
            let fs = before();
            fs.set_plan(Some(FailurePlan { at: fs.n_ops() + at, is_sticky, failure }));
            let delivered = deliver(&fs, "offers.csv", &split(), Language::En, &rows());
            fs.set_plan(None);
            if let Err(fault) = delivered {
                let expected = [Code::ExportFailed, Code::DiskFull, Code::FileUnreadable];
                assert!(expected.contains(&fault.code()), "{fault:?}");
            }
            assert!([Some(1), Some(5)].contains(&taken(&fs)), "operation {at} {failure:?} {is_sticky}");
            deliver(&fs, "offers.csv", &split(), Language::En, &rows()).unwrap();
            assert_eq!(taken(&fs), Some(5));
            let whole = ["offers.csv.manifest.json", "offers.part-001.csv", "offers.part-002.csv"];
            let found = names(&fs, "");
            assert!(whole.iter().all(|name| found.iter().any(|found| found == name)), "{found:?}");
        }
    }
}

#[test]
fn power_may_fail_before_every_operation() {
    let fs = before();
    fs.keep_history();
    deliver(&fs, "offers.csv", &profile("csv").unwrap(), Language::En, &rows()).unwrap();
    for (i, snapshot) in fs.history().iter().enumerate() {
        for seed in 0..4 {
            let left = snapshot.after_power_cut(Damage::SyncedOnly, seed);
            // The name is taken over before the manifest is: in between, a consumer sees that they do not belong together.
            assert!([Some(1), None, Some(5)].contains(&taken(&left)), "before operation {i}");
        }
    }
    assert_eq!(taken(&fs), Some(5));
}

#[test]
fn a_delivery_overtaken_by_another_shows_nothing_of_its_own() {
    let fs = SimFs::new();
    let (models, dictionary, profile) = (models(), dictionary(), profile("csv").unwrap());
    let lineage = lineage(&models, &dictionary, Language::En);
    let to = Destination { path: Path::new("offers.csv"), token: "fedcba987654", may_show: &|| Ok(()) };
    let mut overtaken = |sink: Sink<'_>| {
        rows().iter().try_for_each(&mut *sink)?;
        deliver(&fs, "offers.csv", &profile, Language::En, &rows()[..1]).map(|_| ())
    };
    let fault = deliver_csv(&fs, &to, &profile, &lineage, &mut overtaken).unwrap_err();
    assert_eq!(fault.code(), Code::ExportFailed);
    assert_eq!(taken(&fs), Some(1), "the other's, whole");
    assert_eq!(names(&fs, ""), ["offers.csv", "offers.csv.manifest.json"]);
}

#[test]
fn what_a_killed_delivery_left_goes_with_the_next() {
    let fs = SimFs::new();
    for name in [".offers.csv.fedcba987654.001.tmp", ".offers.csv.fedcba987654.manifest.tmp"] {
        fs.overwrite(Path::new(name), b"half".to_vec());
    }
    deliver(&fs, "offers.csv", &profile("csv").unwrap(), Language::En, &rows()).unwrap();
    assert_eq!(names(&fs, ""), ["offers.csv", "offers.csv.manifest.json"]);
}

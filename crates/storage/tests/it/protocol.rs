//! What publishing, listing and verifying promise when nothing fails.

use std::path::Path;
use std::sync::Arc;

use osusume_model::{Arg, Code, NoControl};
use osusume_storage::sim::{Failure, FailurePlan, SimFs};
use osusume_storage::{
    CURRENT_NAME, Digest, Finding, Fs, InputEntry, MANIFEST_NAME, Runs, SpillDir, Staging, Standing, Timings,
    clean_staging, next_run_id, run_key,
};

use crate::runs_of_a_shop::{ROOT, content, date, lock, manifest, publish, seen, stage};

fn simulated() -> (SimFs, Arc<dyn Fs>, Runs) {
    let fs = SimFs::new();
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    (fs, Arc::clone(&shared), Runs::new(shared, ROOT))
}

#[test]
fn before_the_first_run_there_is_nothing_and_no_error_but_that() {
    let (_, _, runs) = simulated();
    assert_eq!(runs.current().unwrap(), None);
    assert_eq!(runs.open_current().unwrap_err().code(), Code::NothingPublished);
    assert!(runs.list().unwrap().is_empty());
    assert!(runs.find_key(&Digest::of(b"")).unwrap().is_none());
    let unknown = "2026-10-01-001-00000000".parse().unwrap();
    assert_eq!(runs.show(unknown).unwrap_err().code(), Code::RunUnknown);
}

#[test]
fn a_published_run_says_what_it_holds_and_points_to_its_predecessor() {
    let (_, fs, runs) = simulated();
    let first = publish(&fs, Path::new(ROOT), date("2026-09-01"), "old").unwrap();
    let second = publish(&fs, Path::new(ROOT), date("2026-10-01"), "new").unwrap();
    let run = runs.open_current().unwrap();
    assert_eq!((run.current, &run.manifest), (second.current, &second.manifest));
    assert_eq!(run.manifest.previous, Some(first.current));
    assert_eq!(run.manifest.outputs.len(), content("new").len());
    let customers = run.manifest.output("tables/customers.parquet").unwrap();
    let bytes = &content("new")["tables/customers.parquet"];
    assert_eq!((customers.bytes, customers.sha256, customers.rows), (9000, Digest::of(bytes), Some(9000)));
    assert!(run.manifest.output("timings.json").is_none());
    assert_eq!(run.path_of("nothing.parquet").unwrap_err().code(), Code::FileDamaged);
    assert_eq!(Timings::read(&*fs, &run.dir).unwrap().unwrap().stages.len(), 1);
    assert_eq!(runs.show(first.current.run_id).unwrap().manifest, first.manifest);
    assert_eq!(runs.find_key(&first.manifest.run_key).unwrap().unwrap().current, first.current);
    let standings: Vec<Standing> = runs.list().unwrap().iter().map(|listed| listed.standing).collect();
    assert_eq!(standings, [Standing::Published, Standing::Current]);
    assert!(fs.list_dir(Path::new(ROOT)).unwrap().iter().all(|entry| !entry.name.starts_with('.')));
}

#[test]
fn the_same_run_on_two_file_systems_has_the_same_bytes() {
    let digest = || {
        let (_, fs, _) = simulated();
        publish(&fs, Path::new(ROOT), date("2026-10-01"), "new").unwrap().current
    };
    assert_eq!(digest(), digest());
}

#[test]
fn an_older_run_is_fenced_off_and_leaves_no_trace_in_readers_eyes() {
    let (_, fs, runs) = simulated();
    let root = Path::new(ROOT);
    let newest = publish(&fs, root, date("2026-10-01"), "new").unwrap();
    let fault = publish(&fs, root, date("2026-09-30"), "old").map(|_| ()).unwrap_err();
    assert_eq!(fault.code(), Code::Fenced);
    let current = Arg::Name(newest.current.run_id.to_string());
    assert!(fault.args().contains(&("current", current)), "{fault:?}");
    assert_eq!(runs.list().unwrap().len(), 1);
    assert_eq!(seen(&fs, root, &["new"]), Ok(Some("new")));
}

/// Two writers without a common lock, as on a network file system: the one with the lower number comes too late.
#[test]
fn a_slow_writer_cannot_replace_newer_output() {
    let (_, fs, _) = simulated();
    let root = Path::new(ROOT);
    let slow = lock(&fs, root).unwrap();
    let staging = stage(&slow, date("2026-10-01"), "old").unwrap();
    drop(slow);
    let fast = lock(&fs, root).unwrap();
    let faster = stage(&fast, date("2026-10-01"), "new").unwrap();
    assert_eq!(faster.run_id().seq(), staging.run_id().seq() + 1);
    let told = manifest(faster.run_id(), "new");
    faster.publish(told, &fast).unwrap();
    let told = manifest(staging.run_id(), "old");
    assert_eq!(staging.publish(told, &fast).map(|_| ()).unwrap_err().code(), Code::Fenced);
    assert_eq!(seen(&fs, root, &["new", "old"]), Ok(Some("new")));
}

#[test]
fn a_run_stopped_before_the_pointer_moved_is_listed_as_unpublished_and_its_number_is_spent() {
    let (sim, fs, runs) = simulated();
    let root = Path::new(ROOT);
    publish(&fs, root, date("2026-10-01"), "old").unwrap();
    // Fail the creation of CURRENT.tmp: the operation before the last four (write, sync, rename, sync).
    let probe = sim.fork();
    let shared: Arc<dyn Fs> = Arc::new(probe.clone());
    publish(&shared, root, date("2026-10-01"), "new").unwrap();
    sim.set_plan(Some(FailurePlan {
        at: sim.n_ops() + probe.n_ops() - 5,
        is_sticky: false,
        failure: Failure::DiskFull,
    }));
    assert_eq!(publish(&fs, root, date("2026-10-01"), "new").map(|_| ()).unwrap_err().code(), Code::DiskFull);
    let listed = runs.list().unwrap();
    assert_eq!(listed.iter().map(|l| l.standing).collect::<Vec<_>>(), [Standing::Current, Standing::Unpublished]);
    let key = listed[1].manifest.as_ref().unwrap().run_key;
    assert!(runs.find_key(&key).unwrap().is_none(), "never seen by a reader, so not published");
    assert!(runs.verify(listed[1].run_id, &NoControl).unwrap().findings.is_empty());
    let again = publish(&fs, root, date("2026-10-01"), "new").unwrap();
    assert_eq!(again.current.run_id.seq(), 3);
}

#[test]
fn rows_that_do_not_add_up_stop_the_publication() {
    let (_, fs, runs) = simulated();
    let lock = lock(&fs, Path::new(ROOT)).unwrap();
    let staging = stage(&lock, date("2026-10-01"), "new").unwrap();
    let mut told = manifest(staging.run_id(), "new");
    told.counts.get_mut("customers").unwrap().read += 1;
    assert_eq!(staging.publish(told, &lock).map(|_| ()).unwrap_err().code(), Code::CountBalance);
    assert_eq!(runs.current().unwrap(), None);
}

#[test]
fn an_unfinished_file_or_a_foreign_one_stops_the_publication() {
    let (_, fs, runs) = simulated();
    let lock = lock(&fs, Path::new(ROOT)).unwrap();
    let staging = stage(&lock, date("2026-10-01"), "new").unwrap();
    drop(staging.create_file("scores.parquet").unwrap());
    let told = manifest(staging.run_id(), "new");
    assert_eq!(staging.publish(told, &lock).map(|_| ()).unwrap_err().code(), Code::Bug);
    assert_eq!(runs.current().unwrap(), None);
}

#[test]
fn names_that_leave_the_directory_are_refused() {
    let (_, fs, _) = simulated();
    let lock = lock(&fs, Path::new(ROOT)).unwrap();
    let staging = Staging::create(&lock, next_run_id(&lock, date("2026-10-01"), &Digest::of(b"")).unwrap()).unwrap();
    for name in ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b", "a\nb", "a\\b", MANIFEST_NAME, "timings.json"]
    {
        assert_eq!(staging.create_file(name).map(|_| ()).unwrap_err().code(), Code::Bug, "{name:?}");
    }
    assert_eq!(staging.create_side_file("offers.parquet").map(|_| ()).unwrap_err().code(), Code::Bug);
    assert!(staging.write_file("a/b-c_1.x.parquet", b"", None).is_ok());
    staging.discard().unwrap();
    assert_eq!(fs.list_dir(Path::new(ROOT)).unwrap().len(), 1, "only LOCK is left");
}

#[test]
fn cleaning_removes_what_dead_runs_left_and_nothing_else() {
    let (_, fs, runs) = simulated();
    let root = Path::new(ROOT);
    publish(&fs, root, date("2026-09-01"), "old").unwrap();
    let lock = lock(&fs, root).unwrap();
    let staging = stage(&lock, date("2026-10-01"), "new").unwrap();
    let spills = SpillDir::create(Arc::clone(&fs), staging.dir().join("spill"), 100).unwrap();
    spills.create_file().unwrap().append(b"left").unwrap();
    std::mem::forget(spills);
    drop(fs.create(&root.join("CURRENT.tmp")).unwrap());
    drop(fs.create(&root.join("notes.txt")).unwrap());
    let name = format!(".staging-{}", staging.run_id());
    assert_eq!(clean_staging(&lock).unwrap(), [name, "CURRENT.tmp".to_owned()]);
    assert_eq!(clean_staging(&lock).unwrap(), Vec::<String>::new());
    assert!(fs.metadata(&root.join("notes.txt")).unwrap().is_some());
    assert_eq!(seen(&fs, root, &["old"]), Ok(Some("old")));
    assert_eq!(runs.list().unwrap().len(), 1);
}

#[test]
fn verify_names_every_file_that_is_not_what_it_was() {
    let (sim, fs, runs) = simulated();
    let run = publish(&fs, Path::new(ROOT), date("2026-10-01"), "new").unwrap();
    let id = run.current.run_id;
    let clean = runs.verify(id, &NoControl).unwrap();
    assert_eq!((clean.n_files, clean.n_bytes, clean.check(&run.dir)), (5, 12_740, Ok(())));
    let mut flipped = content("new")["tables/customers.parquet"].clone();
    flipped[8999] ^= 1;
    sim.overwrite(&run.dir.join("tables/customers.parquet"), flipped);
    sim.overwrite(&run.dir.join("offers.parquet"), vec![1]);
    fs.remove_file(&run.dir.join("models/line_10g.json")).unwrap();
    drop(fs.create(&run.dir.join("models/.hidden")).unwrap());
    drop(fs.create(&run.dir.join("log.jsonl")).unwrap());
    let found = runs.verify(id, &NoControl).unwrap();
    let expected = [
        ("models/.hidden", Finding::Extra),
        ("models/line_10g.json", Finding::Missing),
        ("offers.parquet", Finding::Length),
        ("tables/customers.parquet", Finding::Bytes),
    ];
    assert_eq!(found.findings, expected.map(|(path, finding)| (path.to_owned(), finding)));
    let fault = found.check(&run.dir).unwrap_err();
    assert_eq!((fault.code(), fault.others().len()), (Code::DigestMismatch, 3));
}

#[test]
fn a_damaged_old_run_is_told_in_the_list_and_does_not_stop_new_ones() {
    let (sim, fs, runs) = simulated();
    let root = Path::new(ROOT);
    let first = publish(&fs, root, date("2026-08-01"), "first").unwrap();
    let second = publish(&fs, root, date("2026-09-01"), "old").unwrap();
    publish(&fs, root, date("2026-10-01"), "new").unwrap();
    let mut bytes = second.manifest.to_bytes();
    bytes[60] ^= 1;
    sim.overwrite(&second.dir.join(MANIFEST_NAME), bytes);
    let listed = runs.list().unwrap();
    let read: Vec<bool> = listed.iter().map(|listed| listed.manifest.is_ok()).collect();
    assert_eq!(read, [true, false, true]);
    assert_eq!(listed[0].standing, Standing::Unpublished, "nobody can vouch for it any more");
    assert!(runs.find_key(&first.manifest.run_key).unwrap().is_none());
    assert_eq!(runs.verify(second.current.run_id, &NoControl).unwrap_err().code(), Code::DigestMismatch);
    assert!(publish(&fs, root, date("2026-10-01"), "again").is_ok());
}

#[test]
fn a_pointer_that_cannot_be_read_stops_everything() {
    let (sim, fs, runs) = simulated();
    let root = Path::new(ROOT);
    publish(&fs, root, date("2026-10-01"), "new").unwrap();
    sim.overwrite(&root.join(CURRENT_NAME), b"2026-10-01-001-00000000".to_vec());
    assert_eq!(runs.open_current().unwrap_err().code(), Code::FileDamaged);
    assert_eq!(publish(&fs, root, date("2026-11-01"), "old").map(|_| ()).unwrap_err().code(), Code::FileDamaged);
}

#[test]
fn the_run_key_follows_content_and_nothing_else() {
    let input = |path: &str, bytes: &[u8]| InputEntry {
        path: path.into(),
        bytes: bytes.len() as u64,
        sha256: Digest::of(bytes),
    };
    let (a, b) = (input("a.csv", b"1"), input("b.csv", b"2"));
    let (config, as_of) = (Digest::of(b"config"), date("2026-10-01"));
    let key = run_key(&config, as_of, "1.2.3", &[a.clone(), b.clone()]);
    assert_eq!(key, run_key(&config, as_of, "1.9.0", &[b.clone(), a.clone()]));
    let others = [
        run_key(&Digest::of(b"other"), as_of, "1.2.3", &[a.clone(), b.clone()]),
        run_key(&config, as_of + 1, "1.2.3", &[a.clone(), b.clone()]),
        run_key(&config, as_of, "2.0.0", &[a.clone(), b.clone()]),
        run_key(&config, as_of, "1.2.3", std::slice::from_ref(&a)),
        run_key(&config, as_of, "1.2.3", &[a.clone(), input("b.csv", b"3")]),
        run_key(&config, as_of, "1.2.3", &[a, input("c.csv", b"2")]),
    ];
    assert!(others.iter().all(|other| *other != key));
    let zero = |version| run_key(&config, as_of, version, &[]);
    assert!(zero("0.1.0") == zero("0.1.9") && zero("0.1.0") != zero("0.2.0"));
}

#[test]
fn numbers_run_out_after_999_runs_of_a_date() {
    let (_, fs, _) = simulated();
    let lock = lock(&fs, Path::new(ROOT)).unwrap();
    fs.create_dir(&lock.root().join("2026-10-01-999-00000000")).unwrap();
    let next = |text| next_run_id(&lock, date(text), &Digest::of(b""));
    assert_eq!(next("2026-10-01").unwrap_err().code(), Code::CannotWrite);
    assert_eq!(next("2026-10-02").unwrap().seq(), 1);
}

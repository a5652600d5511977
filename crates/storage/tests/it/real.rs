//! The same promises on the operating system's file system: modes, links, locks, threads.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

use osusume_model::{Arg, Code, Control, NoControl, Stop};
use osusume_storage::{Digest, Fs, RealFs, Runs, check_destination, fault_in, hash_file, hash_input};

use crate::runs_of_a_shop::{content, date, info, lock, noise, publish, seen, stage};

fn real() -> (tempfile::TempDir, Arc<dyn Fs>, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("runs/shop");
    (dir, Arc::new(RealFs), root)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_run_is_published_private_and_whole() {
    let (_dir, fs, root) = real();
    publish(&fs, &root, date("2026-09-01"), "old").unwrap();
    let run = publish(&fs, &root, date("2026-10-01"), "new").unwrap();
    assert_eq!(seen(&fs, &root, &["old", "new"]), Ok(Some("new")));
    assert_eq!(Runs::new(Arc::clone(&fs), &root).list().unwrap().len(), 2);
    for dir in [&root, &run.dir, &run.dir.join("tables"), &run.dir.join("tables/parts")] {
        assert_eq!(mode(dir), 0o700, "{}", dir.display());
    }
    for file in ["MANIFEST.json", "offers.parquet", "timings.json", "../CURRENT", "../LOCK"] {
        assert_eq!(mode(&run.dir.join(file)), 0o600, "{file}");
    }
    let bytes = fs::read(run.dir.join("tables/customers.parquet")).unwrap();
    assert_eq!(&bytes, &content("new")["tables/customers.parquet"]);
}

#[test]
fn the_lock_is_exclusive_names_its_holder_and_is_free_when_dropped() {
    let (_dir, fs, root) = real();
    let held = lock(&fs, &root).unwrap();
    let fault = lock(&fs, &root).map(|_| ()).unwrap_err();
    assert_eq!(fault.code(), Code::LockHeld);
    let expected = [("pid", Arg::Int(4711)), ("host", "batch-1".into()), ("since", info().start.into())];
    assert_eq!(fault.args(), expected);
    drop(held);
    assert!(lock(&fs, &root).is_ok());
}

#[test]
fn of_many_writers_at_once_exactly_one_wins_each_round() {
    let (_dir, fs, root) = real();
    for round in 0..25 {
        let (winners, barrier) = (AtomicU32::new(0), Barrier::new(16));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    barrier.wait();
                    let lock = lock(&fs, &root);
                    match &lock {
                        Ok(_) => drop(winners.fetch_add(1, Ordering::Relaxed)),
                        Err(fault) => assert_eq!(fault.code(), Code::LockHeld),
                    }
                    // Nobody lets go before all have asked.
                    barrier.wait();
                });
            }
        });
        assert_eq!(winners.into_inner(), 1, "round {round}");
    }
}

#[test]
fn files_of_one_run_may_be_written_by_many_threads() {
    let (_dir, fs, root) = real();
    let lock = lock(&fs, &root).unwrap();
    let staging = stage(&lock, date("2026-10-01"), "new").unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let staging = &staging;
            scope.spawn(move || {
                staging.write_file(&format!("features/2026/part-{number}"), &[number; 50], None).unwrap()
            });
        }
    });
    let paths: Vec<String> = staging.outputs().into_iter().map(|output| output.path).collect();
    assert!(paths.len() == 13 && paths.is_sorted(), "{paths:?}");
}

#[test]
fn nothing_of_ours_is_opened_through_a_link_or_is_a_pipe() {
    let (dir, fs, _) = real();
    let (target, link, pipe) = (dir.path().join("target"), dir.path().join("link"), dir.path().join("pipe"));
    fs::write(&target, b"safe").unwrap();
    symlink(&target, &link).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(fs.create(&link).map(|_| ()).unwrap_err().code(), Code::CannotWrite);
    assert_eq!(fs.create(&target).map(|_| ()).unwrap_err().code(), Code::CannotWrite);
    assert_eq!(fs.open(&link).map(|_| ()).unwrap_err().code(), Code::FileUnreadable);
    assert_eq!(fs.open_input(&link).unwrap().read_all(10).unwrap(), b"safe");
    for path in [&pipe, &dir.path().to_owned(), &dir.path().join("absent")] {
        assert_eq!(fs.open(path).map(|_| ()).unwrap_err().code(), Code::FileUnreadable, "{}", path.display());
        assert_eq!(fs.open_input(path).map(|_| ()).unwrap_err().code(), Code::FileUnreadable);
    }
    let listed = fs.list_dir(dir.path()).unwrap();
    let kinds: Vec<(&str, bool)> = listed.iter().map(|entry| (entry.name.as_str(), entry.is_file)).collect();
    assert_eq!(kinds, [("link", false), ("pipe", false), ("target", true)]);
    assert!(!fs.metadata(&link).unwrap().unwrap().is_file);
    assert_eq!(fs.metadata(&dir.path().join("absent")).unwrap(), None);
    assert_eq!(fs::read(&target).unwrap(), b"safe");
}

#[test]
fn a_destination_is_a_file_or_free_and_no_part_of_a_run() {
    let (dir, fs, _) = real();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("file"), b"old").unwrap();
    symlink(path("file"), path("link")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    fs::create_dir_all(path("runs/isp/one/models")).unwrap();
    fs::write(path("runs/isp/one/MANIFEST.json"), b"{}").unwrap();
    fs::write(path("runs/isp/CURRENT"), b"one").unwrap();
    let code = |name: &str| check_destination(&*fs, &path(name)).map_err(|fault| fault.code());
    for free in ["file", "absent", "absent/below", "runs/report.html", "runs/other/report.html"] {
        assert_eq!(code(free), Ok(()), "{free}");
    }
    let taken = ["link", "pipe", "runs", "runs/isp/one/report.json", "runs/isp/one/models/m.json", "runs/isp/CURRENT"];
    for taken in taken.into_iter().chain(["runs/isp/one/models/../new"]) {
        assert_eq!(code(taken), Err(Code::CannotWrite), "{taken}");
    }
}

#[test]
fn renames_replace_only_where_told_to() {
    let (dir, fs, _) = real();
    let path = |name: &str| dir.path().join(name);
    for name in ["a", "b"] {
        fs.create_dir(&path(name)).unwrap();
        fs.create(&path(name).join("file")).unwrap().write_all(name.as_bytes()).unwrap();
    }
    assert_eq!(fs.rename_noreplace(&path("a"), &path("b")).unwrap_err().code(), Code::CannotWrite);
    assert_eq!(fs::read(path("b/file")).unwrap(), b"b");
    fs.rename_noreplace(&path("a"), &path("c")).unwrap();
    fs.rename(&path("c/file"), &path("b/file")).unwrap();
    assert_eq!(fs::read(path("b/file")).unwrap(), b"a");
    fs.link(&path("b/file"), &path("linked")).unwrap();
    assert_eq!(fs::metadata(path("linked")).unwrap().nlink(), 2);
    assert_eq!(fs.link(&path("b/file"), &path("linked")).unwrap_err().code(), Code::CannotWrite);
    fs.remove_dir_all(&path("b")).unwrap();
    fs.remove_file(&path("linked")).unwrap();
    assert_eq!(fs.list_dir(dir.path()).unwrap().len(), 1);
    assert!(fs.free_space(dir.path()).unwrap() > 0);
}

#[test]
fn ranges_are_checked_before_anything_is_allocated() {
    let (dir, fs, _) = real();
    let path = dir.path().join("file");
    let bytes = noise("file", 3_000_000);
    fs::write(&path, &bytes).unwrap();
    let file = fs.open(&path).unwrap();
    assert_eq!(file.read_range(2_999_990, 10).unwrap(), &bytes[2_999_990..]);
    assert_eq!(file.read_range(3_000_000, 0).unwrap(), b"");
    for (offset, len) in [(0, u64::MAX), (u64::MAX, 2), (2_999_990, 11)] {
        assert_eq!(file.read_range(offset, len).unwrap_err().code(), Code::FileUnreadable);
    }
    assert_eq!(file.read_all(2_999_999).unwrap_err().code(), Code::RecordTooLarge);
    assert_eq!(file.read_all(3_000_000).unwrap(), bytes);
    let content = hash_file(&*fs, &path, &NoControl).unwrap();
    assert_eq!((content.bytes, content.sha256), (3_000_000, Digest::of(&bytes)));
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
    assert_eq!(file.read_range(2_999_990, 10).unwrap_err().code(), Code::FileChanged);
}

/// Appends to the file the first time it hears of progress.
struct Meddler(PathBuf, AtomicU32);

impl Control for Meddler {
    fn progress(&self, _done: u64, _total: u64) {
        if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
            fs::OpenOptions::new().append(true).open(&self.0).unwrap().write_all(b"more").unwrap();
        }
    }

    fn stop(&self) -> Option<Stop> {
        None
    }
}

struct Stopper;

impl Control for Stopper {
    fn progress(&self, _done: u64, _total: u64) {}

    fn stop(&self) -> Option<Stop> {
        Some(Stop::Deadline)
    }
}

#[test]
fn an_input_that_changes_while_it_is_hashed_is_refused() {
    let (dir, fs, _) = real();
    let path = dir.path().join("input.csv");
    fs::write(&path, noise("input", 2_500_000)).unwrap();
    assert!(hash_input(&*fs, &path, &NoControl).is_ok());
    assert_eq!(
        hash_input(&*fs, &path, &Meddler(path.clone(), AtomicU32::new(0))).unwrap_err().code(),
        Code::FileChanged
    );
    assert_eq!(hash_input(&*fs, &path, &Stopper).unwrap_err().code(), Code::DeadlinePassed);
}

#[test]
fn a_fault_survives_writers_that_know_only_io_errors() {
    let full = RealFullDisk;
    let mut writer = std::io::BufWriter::with_capacity(4, full);
    let error = writer.write_all(b"more than four").unwrap_err();
    let wrapped = std::io::Error::other(Box::new(error) as Box<dyn std::error::Error + Send + Sync>);
    assert_eq!(fault_in(&wrapped).map(|fault| fault.code()), Some(Code::DiskFull));
    assert_eq!(fault_in(&std::io::Error::other("foreign")), None);
}

struct RealFullDisk;

impl Write for RealFullDisk {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(osusume_storage::carry(osusume_model::Fault::new(Code::DiskFull)))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

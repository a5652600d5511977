//! MANIFEST.json, CURRENT and LOCK with damaged bytes: always a fault, never a panic, never half a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, keyed_hash};
use osusume_storage::sim::SimFs;
use osusume_storage::{CURRENT_NAME, Current, Fs, LOCK_NAME, LockAttempt, MANIFEST_NAME, Manifest, Runs};

use crate::runs_of_a_shop::{ROOT, date, lock, manifest, publish};

const SEED: u64 = 0xF022;
const N_MUTATIONS: u64 = 5_000;

/// One to three edits: flip, overwrite, insert, delete, repeat or cut.
fn mutate(original: &[u8], seed: u64) -> Vec<u8> {
    let mut n_drawn = 0_u64;
    let mut draw = |below: usize| {
        n_drawn += 1;
        (keyed_hash("mutation", &[seed.to_le_bytes(), n_drawn.to_le_bytes()].concat()) % below.max(1) as u64) as usize
    };
    let mut bytes = original.to_vec();
    for _ in 0..=draw(3) {
        let (at, len) = (draw(bytes.len()), 1 + draw(9));
        let end = (at + len).min(bytes.len());
        match draw(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << draw(8),
            1 if !bytes.is_empty() => bytes[at] = b"0159afz{}[]\",:- \n\0"[draw(18)],
            2 => bytes.insert(at, draw(256) as u8),
            3 => drop(bytes.drain(at..end)),
            4 => bytes.splice(at..at, original[..len.min(original.len())].to_vec()).for_each(drop),
            5 => bytes.extend_from_within(at..end),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

fn published() -> (SimFs, Arc<dyn Fs>, Runs, PathBuf) {
    let fs = SimFs::new();
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    publish(&shared, Path::new(ROOT), date("2026-09-01"), "old").unwrap();
    let run = publish(&shared, Path::new(ROOT), date("2026-10-01"), "new").unwrap();
    (fs, Arc::clone(&shared), Runs::new(shared, ROOT), run.dir)
}

/// Reads with every mutation of `path` in place; returns how many there were.
fn refuse_every_mutation(path: &Path, fs: &SimFs, runs: &Runs, seed: u64) -> u64 {
    let original = fs.open(path).unwrap().read_all(1 << 20).unwrap();
    let mut n_mutations = 0;
    for number in 0..N_MUTATIONS {
        let bytes = mutate(&original, seed + number);
        if bytes == original {
            continue;
        }
        n_mutations += 1;
        fs.overwrite(path, bytes.clone());
        let fault = runs.open_current().expect_err("a mutated file must not be accepted");
        let is_known = matches!(fault.code(), Code::FileDamaged | Code::DigestMismatch | Code::FormatVersion);
        assert!(is_known, "seed {}: {fault:?}", seed + number);
        // Neither may the other readers panic, or call such a run published.
        assert!(
            runs.find_key(&manifest_key()).is_err_and(|_| true) || runs.find_key(&manifest_key()).unwrap().is_none()
        );
        drop(runs.list());
    }
    fs.overwrite(path, original);
    assert!(runs.open_current().is_ok());
    n_mutations
}

fn manifest_key() -> osusume_storage::Digest {
    let id = "2026-10-01-001-00000000".parse().unwrap();
    manifest(id, "new").run_key
}

#[test]
fn a_mutated_manifest_or_pointer_is_refused() {
    let (fs, _, runs, dir) = published();
    let n_manifests = refuse_every_mutation(&dir.join(MANIFEST_NAME), &fs, &runs, SEED);
    let n_pointers = refuse_every_mutation(&Path::new(ROOT).join(CURRENT_NAME), &fs, &runs, SEED);
    println!("mutations refused: {n_manifests} manifests, {n_pointers} pointers, seed {SEED}");
    assert!(n_manifests > 4_000 && n_pointers > 4_000);
}

/// Without the digest the parser stands alone: what it accepts must be whole and write itself back.
#[test]
fn the_parsers_accept_nothing_they_would_not_write() {
    let (fs, _, _, dir) = published();
    let original = fs.open(&dir.join(MANIFEST_NAME)).unwrap().read_all(1 << 20).unwrap();
    let pointer = fs.open(&Path::new(ROOT).join(CURRENT_NAME)).unwrap().read_all(100).unwrap();
    let path = Path::new("MANIFEST.json");
    for number in 0..N_MUTATIONS {
        if let Ok(read) = Manifest::from_bytes(&mutate(&original, number), path) {
            assert_eq!(Manifest::from_bytes(&read.to_bytes(), path), Ok(read), "seed {number}");
        }
        let bytes = mutate(&pointer, number);
        if let Ok(read) = Current::from_bytes(&bytes, path) {
            assert_eq!(read.to_bytes(), bytes, "seed {number}");
        }
    }
}

#[test]
fn a_manifest_of_another_version_is_named_so_and_not_damaged() {
    let (fs, _, _, dir) = published();
    let bytes = fs.open(&dir.join(MANIFEST_NAME)).unwrap().read_all(1 << 20).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let code = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Manifest::from_bytes(text.replacen(from, to, 1).as_bytes(), Path::new("m")).map(|_| ()).map_err(|f| f.code())
    };
    let version = "\"format_version\": 1,";
    assert_eq!(code(version, "\"format_version\": 2, \"unheard_of\": [],"), Err(Code::FormatVersion));
    assert_eq!(code(version, "\"format_version\": 0,"), Err(Code::FormatVersion));
    assert_eq!(code(version, "\"format_version\": 1, \"unheard_of\": [],"), Err(Code::FileDamaged));
    assert_eq!(code(version, ""), Err(Code::FileDamaged));
    assert_eq!(code("tables/customers.parquet", "tables/../../customers.parquet"), Err(Code::FileDamaged));
    assert_eq!(code("tables/customers.parquet", "/etc/customers.parquet"), Err(Code::FileDamaged));
    assert_eq!(code("\"accepted\": 4", "\"accepted\": 5"), Err(Code::FileDamaged));
    assert_eq!(code("\"accepted\": 4", "\"accepted\": 18446744073709551615"), Err(Code::FileDamaged));
    assert_eq!(code("\"as_of\": \"2026-10-01\"", "\"as_of\": \"2026-02-30\""), Err(Code::FileDamaged));
}

#[test]
fn a_lock_file_of_any_content_names_a_holder_or_nobody() {
    let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
    let root = Path::new("r");
    fs.create_dir(root).unwrap();
    let good = br#"{"pid":4711,"host":"batch-1","boot_id":"b","start":"s","cmd":"run"}"#;
    for number in 0..500 {
        let content = mutate(good, number);
        let LockAttempt::Held(held) = fs.try_lock(&root.join(LOCK_NAME), &content).unwrap() else { panic!("free") };
        let fault = lock(&fs, root).map(|_| ()).unwrap_err();
        assert_eq!((fault.code(), fault.args().len()), (Code::LockHeld, 3));
        drop(held);
    }
}

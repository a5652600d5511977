//! Damaged Parquet files become faults, never panics.

use std::fs;
use std::sync::Arc;

use osusume_model::{Exit, NoControl};
use osusume_tables::arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
use osusume_tables::{Format, Ingest, ParquetSink};

use crate::common::{Random, events, target};

fn seed_file(dir: &std::path::Path) -> Vec<u8> {
    let n = 2_000;
    let ids: StringArray = (0..n).map(|i| Some(format!("C{}", i % 97))).collect();
    let days: StringArray = (0..n).map(|i| Some(format!("2026-01-{:02}", i % 28 + 1))).collect();
    let kinds: StringArray = (0..n).map(|i| (i % 5 > 0).then(|| format!("k{}", i % 5))).collect();
    let amounts: Float64Array = (0..n).map(|i| Some(f64::from(i))).collect();
    let extra: Int64Array = (0..n).map(i64::from).map(Some).collect();
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(ids) as _, true),
        ("day", Arc::new(days) as _, true),
        ("kind", Arc::new(kinds) as _, true),
        ("amount", Arc::new(amounts) as _, true),
        ("extra", Arc::new(extra) as _, true),
    ])
    .unwrap();
    let mut sink = ParquetSink::create(&target(dir), "seed.parquet", &batch.schema(), &[]).unwrap();
    sink.write(&batch).unwrap();
    sink.finish().unwrap();
    fs::read(dir.join("seed.parquet")).unwrap()
}

/// Flips, overwrites, cuts or repeats a piece; the footer is struck as often as the data.
fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let footer = u32::from_le_bytes(seed[seed.len() - 8..seed.len() - 4].try_into().unwrap()) as usize + 8;
    for _ in 0..=random.below(3) {
        let len = bytes.len() as u64;
        let at =
            if random.below(2) == 0 { len.saturating_sub(1 + random.below(footer as u64)) } else { random.below(len) };
        let at = at as usize;
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 0xff, 0x7f, 0x80, 0x15][random.below(5) as usize],
            2 => bytes.truncate(at.max(1)),
            3 => {
                let end = (at + 1 + random.below(16) as usize).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let end = (at + 1 + random.below(16) as usize).min(bytes.len());
                bytes.drain(at..end);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[test]
fn damaged_files_are_refused_or_read() {
    let dir = tempfile::tempdir().unwrap();
    let seed = seed_file(dir.path());
    let mut random = Random(20_261_001);
    let hook = std::panic::take_hook();
    // The decoder's panics are caught; their backtraces would bury the output.
    std::panic::set_hook(Box::new(|_| {}));
    let mut outcomes = [0; 2];
    let mut bad = Vec::new();
    for case in 0..400 {
        let path = dir.path().join("case.parquet");
        fs::write(&path, mutate(&seed, &mut random)).unwrap();
        let mut spec = events(std::slice::from_ref(&path));
        spec.format = Format::Parquet;
        let out = dir.path().join(format!("out{case}"));
        // Reading is what is tested; finishing would only force files to the disk.
        let read = || Ingest::new(target(&out), 1 << 30, &NoControl).and_then(|mut ingest| ingest.read(&spec));
        let result = std::panic::catch_unwind(read);
        match result {
            Ok(Ok(count)) if count.read == count.accepted + count.rejected => outcomes[0] += 1,
            Ok(Err(fault)) if matches!(fault.code().info().exit, Exit::Input | Exit::Contract) => outcomes[1] += 1,
            other => bad.push((case, other.map(|r| r.map(|_| ())).map_err(|_| "panic"))),
        }
    }
    std::panic::set_hook(hook);
    assert!(bad.is_empty(), "{bad:?}");
    assert!(outcomes[0] > 20 && outcomes[1] > 200, "{outcomes:?}");
}

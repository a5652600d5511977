//! Spilled values come back as they were, within the cap, and leave nothing behind.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use osusume_model::{Arg, Code};
use osusume_storage::sim::SimFs;
use osusume_storage::{Chunk, Fs, RealFs, SpillDir};
use proptest::prelude::*;

fn simulated(cap: u64) -> (Arc<dyn Fs>, SpillDir) {
    let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
    let dir = SpillDir::create(Arc::clone(&fs), "spill", cap).unwrap();
    (fs, dir)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_come_back_bit_by_bit(blocks in prop::collection::vec(prop::collection::vec(any::<u64>(), 0..40), 0..12)) {
        let (_, dir) = simulated(1 << 20);
        let mut file = dir.create_file().unwrap();
        let chunks: Vec<(Chunk, Chunk)> = blocks
            .iter()
            .map(|block| {
                let floats: Vec<f64> = block.iter().map(|bits| f64::from_bits(*bits)).collect();
                (file.append_values(block).unwrap(), file.append_values(&floats).unwrap())
            })
            .collect();
        prop_assert_eq!(dir.used_bytes(), blocks.iter().map(|block| block.len() as u64 * 16).sum::<u64>());
        let file = file.into_reader().unwrap();
        for (block, (whole, floats)) in blocks.iter().zip(chunks).rev() {
            prop_assert_eq!(&file.read_values::<u64>(whole).unwrap(), block);
            let bits: Vec<u64> = file.read_values::<f64>(floats).unwrap().iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(&bits, block);
        }
    }
}

#[test]
fn the_cap_holds_over_all_files_together() {
    let (fs, dir) = simulated(10);
    let (mut a, mut b) = (dir.create_file().unwrap(), dir.create_file().unwrap());
    a.append(b"123456").unwrap();
    let fault = b.append(b"12345").unwrap_err();
    assert_eq!(fault.code(), Code::DiskFull);
    assert_eq!(&fault.args()[..2], [("needed", Arg::Int(5)), ("free", Arg::Int(4))]);
    assert_eq!(b.append(b"1234").unwrap(), Chunk { offset: 0, len: 4 });
    assert_eq!(dir.used_bytes(), 10);
    dir.remove().unwrap();
    assert_eq!(fs.metadata(Path::new("spill")).unwrap(), None);
}

#[test]
fn a_chunk_that_is_not_there_is_a_fault() {
    let (_, dir) = simulated(100);
    let mut file = dir.create_file().unwrap();
    file.append(b"1234567").unwrap();
    let file = file.into_reader().unwrap();
    assert_eq!(file.read(Chunk { offset: 4, len: 4 }).unwrap_err().code(), Code::FileUnreadable);
    assert_eq!(file.read_values::<u32>(Chunk { offset: 0, len: 7 }).unwrap_err().code(), Code::FileDamaged);
    assert_eq!(file.read_values::<u16>(Chunk { offset: 1, len: 4 }).unwrap(), [0x3332, 0x3534]);
}

#[test]
fn on_disk_spills_are_private_and_removed_when_dropped() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("spill");
    let dir = SpillDir::create(Arc::new(RealFs), &path, 1 << 20).unwrap();
    let mut file = dir.create_file().unwrap();
    let chunk = file.append_values(&[1.5_f32, f32::NAN]).unwrap();
    let file = file.into_reader().unwrap();
    assert!(file.read_values::<f32>(chunk).unwrap()[1].is_nan());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("spill-000000"))), (0o700, 0o600));
    drop(dir);
    assert!(!path.exists());
}

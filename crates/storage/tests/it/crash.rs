//! Power cuts before every operation of a publication, with every damage the assumptions of module `publish` allow.

use std::path::Path;
use std::sync::Arc;

use osusume_storage::sim::{Damage, SimFs, Snapshot};
use osusume_storage::{Fs, Runs};

use crate::runs_of_a_shop::{ROOT, date, lock, publish, seen};

const SEED: u64 = 0x0505_2026;

#[derive(Default)]
struct Tally {
    n_cuts: u64,
    n_images: u64,
    n_old: u64,
    n_new: u64,
    violations: Vec<String>,
}

impl Tally {
    fn count(&mut self, outcome: Result<Option<&str>, String>, allowed: [Option<&str>; 2], place: &str) {
        self.n_images += 1;
        match outcome {
            Ok(name) if name == allowed[1] => self.n_new += 1,
            Ok(name) if name == allowed[0] => self.n_old += 1,
            Ok(name) => self.violations.push(format!("{place}: saw {name:?}")),
            Err(why) => self.violations.push(format!("{place}: {why}")),
        }
    }
}

fn dynamic(fs: &SimFs) -> Arc<dyn Fs> {
    Arc::new(fs.clone())
}

/// A file system on which `old` has been published, when given.
fn with_published(old: Option<&str>) -> SimFs {
    let fs = SimFs::new();
    if let Some(old) = old {
        publish(&dynamic(&fs), Path::new(ROOT), date("2026-09-01"), old).unwrap();
    }
    fs
}

/// Every image of a snapshot: the kinds without chance once, the others for each seed.
fn images(snapshot: &Snapshot, seeds: std::ops::Range<u64>) -> impl Iterator<Item = (Damage, u64, SimFs)> {
    Damage::ALL.into_iter().flat_map(move |damage| {
        let has_chance = matches!(damage, Damage::Subset | Damage::Torn512 | Damage::Torn4096 | Damage::LostEntries);
        let seeds = if has_chance { seeds.clone() } else { 0..1 };
        seeds.map(move |seed| (damage, seed, snapshot.after_power_cut(damage, seed)))
    })
}

/// Publishes `new` over `old` and reads every image of every operation boundary.
fn campaign(fs: &SimFs, old: Option<&'static str>, n_seeds: u64) -> Tally {
    let (root, new) = (Path::new(ROOT), "new");
    fs.keep_history();
    publish(&dynamic(fs), root, date("2026-10-01"), new).unwrap();
    let mut tally = Tally::default();
    let history = fs.history();
    for (cut, snapshot) in history.iter().enumerate() {
        tally.n_cuts += 1;
        let first = SEED + cut as u64 * n_seeds;
        for (damage, seed, image) in images(snapshot, first..first + n_seeds) {
            let place = format!("before operation {cut}, {damage:?}, seed {seed}");
            tally.count(seen(&dynamic(&image), root, &["old", new]), [old, Some(new)], &place);
        }
    }
    // After publishing returned, nothing may bring the old run back.
    for (damage, seed, image) in images(&fs.snapshot(), SEED..SEED + n_seeds) {
        let place = format!("after the end, {damage:?}, seed {seed}");
        tally.count(seen(&dynamic(&image), root, &["old", new]), [Some(new), Some(new)], &place);
    }
    tally
}

#[test]
fn a_power_cut_leaves_exactly_the_old_or_exactly_the_new_run() {
    for old in [Some("old"), None] {
        let fs = with_published(old);
        // Small writes, so that cuts fall inside files as well.
        fs.set_max_write(700);
        let tally = campaign(&fs, old, 24);
        println!(
            "power cuts: over {old:?}: {} cuts, {} images ({} old, {} new), {} violations, seed {SEED}",
            tally.n_cuts,
            tally.n_images,
            tally.n_old,
            tally.n_new,
            tally.violations.len()
        );
        assert_eq!(tally.violations, Vec::<String>::new());
        assert!(tally.n_old > 0 && tally.n_new > 0 && tally.n_images >= 5_000, "{} images", tally.n_images);
    }
}

/// The campaign has teeth: with any one sync left out, it finds a violation.
#[test]
fn every_sync_of_the_protocol_is_needed() {
    // Before the files, a first publication syncs the directories above its root: two more.
    for (old, n_before) in [(Some("old"), 0), (None, 2)] {
        let base = with_published(old);
        let clean = base.fork();
        campaign(&clean, old, 1);
        let unneeded: Vec<u64> = (0..clean.n_syncs())
            .filter(|skipped| {
                let fs = base.fork();
                fs.skip_sync(*skipped);
                campaign(&fs, old, 3).violations.is_empty()
            })
            .collect();
        // The first sync of the root is for kills, which the last test makes. Of the files, nobody misses the bytes of
        // the empty output (the third) and of the side file (the sixth).
        assert_eq!(unneeded, [n_before, n_before + 3, n_before + 6]);
        // The root, six files, five directories, the manifest, the root, the pointer, the root again.
        assert_eq!(clean.n_syncs(), n_before + 16);
    }
}

/// A cut during a publication, then a cut during the run that cleans up and publishes again.
#[test]
fn a_second_cut_during_recovery_changes_nothing() {
    let root = Path::new(ROOT);
    let fs = with_published(Some("old"));
    fs.keep_history();
    publish(&dynamic(&fs), root, date("2026-10-01"), "new").unwrap();
    let mut tally = Tally::default();
    for (cut, snapshot) in fs.history().iter().enumerate() {
        let left = snapshot.after_power_cut(Damage::Subset, SEED + cut as u64);
        let before = seen(&dynamic(&left), root, &["old", "new"]).unwrap();
        left.keep_history();
        publish(&dynamic(&left), root, date("2026-10-01"), "again").unwrap();
        for (second, snapshot) in left.history().iter().enumerate().skip(cut % 2).step_by(2) {
            tally.n_cuts += 1;
            let image = snapshot.after_power_cut(Damage::Torn512, SEED + second as u64);
            let place = format!("cut {cut}, then {second}");
            tally.count(seen(&dynamic(&image), root, &["old", "new", "again"]), [before, Some("again")], &place);
        }
        assert_eq!(seen(&dynamic(&left), root, &["again"]), Ok(Some("again")));
        let names = left.list_dir(root).unwrap();
        assert!(names.iter().all(|entry| !entry.name.starts_with('.') && entry.name != "CURRENT.tmp"), "{names:?}");
    }
    println!("compound: {} images, {} violations, seed {SEED}", tally.n_images, tally.violations.len());
    assert_eq!(tally.violations, Vec::<String>::new());
    assert!(tally.n_images >= 500, "{}", tally.n_images);
}

/// A kill at any point, then a run that publishes the same again unless it finds it published: after that nothing is lost.
#[test]
fn what_is_found_published_after_a_kill_survives_a_power_cut() {
    let root = Path::new(ROOT);
    for old in [Some("old"), None] {
        let fs = with_published(old);
        fs.keep_history();
        let run = publish(&dynamic(&fs), root, date("2026-10-01"), "new").unwrap();
        let mut n_found = 0;
        for (cut, snapshot) in fs.history().iter().enumerate() {
            let left = snapshot.after_kill();
            let held = lock(&dynamic(&left), root).unwrap();
            let found = Runs::new(dynamic(&left), root).find_key(&run.manifest.run_key).unwrap();
            drop(held);
            n_found += u64::from(found.is_some());
            if found.is_none() {
                publish(&dynamic(&left), root, date("2026-10-01"), "new").unwrap();
            }
            for (damage, seed, image) in images(&left.snapshot(), 0..3) {
                let place = format!("kill before {cut}, {damage:?}, seed {seed}");
                assert_eq!(seen(&dynamic(&image), root, &["old", "new"]), Ok(Some("new")), "{place}");
            }
        }
        assert_eq!(n_found, 1, "only the last sync comes after the pointer");
    }
}

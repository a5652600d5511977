//! Every operation of a publication fails, once or for good, with a full disk or an input/output error.

use std::path::Path;
use std::sync::Arc;

use osusume_model::{Code, Fault};
use osusume_storage::Fs;
use osusume_storage::sim::{Damage, Failure, FailurePlan, SimFs};

use crate::runs_of_a_shop::{ROOT, date, publish, seen};

const SEED: u64 = 0xE10;

fn dynamic(fs: &SimFs) -> Arc<dyn Fs> {
    Arc::new(fs.clone())
}

fn assert_clear(fault: &Fault, failure: Failure, place: &str) {
    let expected: &[Code] = match failure {
        Failure::DiskFull => &[Code::DiskFull, Code::FileUnreadable],
        Failure::Io => &[Code::CannotWrite, Code::SyncFailed, Code::FileUnreadable],
    };
    assert!(expected.contains(&fault.code()), "{place}: {fault:?}");
    assert!(fault.place().file.is_some(), "{place}: {fault:?}");
}

/// One failing publication; whether readers already saw the new run.
fn fail_at(base: &SimFs, plan: FailurePlan) -> bool {
    let (root, place) = (Path::new(ROOT), format!("{plan:?}"));
    let fs = base.fork();
    fs.set_plan(Some(plan));
    let fault = publish(&dynamic(&fs), root, date("2026-10-01"), "new").map(|_| ()).unwrap_err();
    assert_clear(&fault, plan.failure, &place);
    if fault.code() == Code::SyncFailed {
        assert_eq!(fs.n_ops(), plan.at + 1, "{place}: something was tried after a failed sync");
    }
    fs.set_plan(None);
    let now = seen(&dynamic(&fs), root, &["old", "new"]).unwrap_or_else(|why| panic!("{place}: {why}"));
    for damage in Damage::ALL {
        let image = fs.snapshot().after_power_cut(damage, SEED + plan.at);
        let then = seen(&dynamic(&image), root, &["old", "new"]);
        assert!(
            then == Ok(Some("old")) || (now == Some("new") && then == Ok(Some("new"))),
            "{place}: {damage:?} {then:?}"
        );
    }
    publish(&dynamic(&fs), root, date("2026-10-01"), "again").unwrap_or_else(|fault| panic!("{place}: {fault:?}"));
    let image = fs.snapshot().after_power_cut(Damage::SyncedOnly, 0);
    assert_eq!(seen(&dynamic(&image), root, &["again"]), Ok(Some("again")), "{place}");
    now == Some("new")
}

#[test]
fn whatever_fails_the_old_run_stays_and_the_next_run_succeeds() {
    let base = SimFs::new();
    publish(&dynamic(&base), Path::new(ROOT), date("2026-09-01"), "old").unwrap();
    let counting = base.fork();
    publish(&dynamic(&counting), Path::new(ROOT), date("2026-10-01"), "new").unwrap();
    let (n_ops, mut n_failures, mut n_new) = (counting.n_ops(), 0, 0);
    for at in 0..n_ops {
        for is_sticky in [false, true] {
            for failure in [Failure::DiskFull, Failure::Io] {
                n_new += u64::from(fail_at(&base, FailurePlan { at, is_sticky, failure }));
                n_failures += 1;
            }
        }
    }
    println!("failures: {n_failures} over {n_ops} operations, {n_new} after CURRENT moved, 0 violations, seed {SEED}");
    // Only the last sync comes after the pointer.
    assert_eq!(n_new, 4);
}

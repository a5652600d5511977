//! Limits: what is a hit and what is none, and what is refused. The naive computation over random customers stands with the pipeline's tests.

use osusume_model::{DAY_US, NoControl};
use osusume_windows::{
    Counted, Cutoffs, Error, Intervals, Limit, Maybe, QuotaCell, QuotaRows, Span, quota_cells, quota_use,
};

fn rows<'a>(at: &'a [i64], amount: &'a [f64], offsets: &'a [u32]) -> QuotaRows<'a> {
    QuotaRows { offsets, at, arrived: None, amount, said: None }
}

/// Hits of one customer under a limit of 10 up to the instant 1000.
fn hits(at: &[i64], amount: &[f64], counted: Counted<'_>) -> Vec<usize> {
    let offsets = [0, at.len() as u32];
    quota_use(&rows(at, amount, &offsets), counted, Limit::Own(&[10.0]), 0, (&[1000], 0)).hits
}

#[test]
fn a_limit_is_reached_once_until_it_is_left_or_counting_starts_again() {
    let at = [0, 10, 20, 30, 40, 50];
    assert_eq!(hits(&at, &[9.0, 10.0, 12.0, 3.0, f64::NAN, 11.0], Counted::Newest), [1, 5], "staying there is no hit");
    let starts = [-100, 30];
    assert_eq!(hits(&at, &[4.0, 6.0, 1.0, 9.0, 0.5, 0.5], Counted::Since(&starts)), [1, 5]);
    let at = at.map(|at| at * DAY_US / 10 - 100 * DAY_US);
    // 4 + 6 reach it; 6 + 1 and 1 + 8 do not; 8 + 1 + 1 within two days of 24 hours.
    assert_eq!(hits(&at, &[4.0, 6.0, 1.0, 8.0, 1.0, 1.0], Counted::Days(2)), [1], "a row two days old is out");
    assert_eq!(hits(&at, &[4.0, 6.0, 1.0, 8.0, 2.0, 9.0], Counted::Days(2)), [1, 4]);
}

#[test]
fn what_is_not_known_by_then_counts_for_nothing() {
    let (at, amount, offsets) = ([0, 10, 20], [9.0, 9.0, 9.0], [0, 3]);
    let arrived = [5, 200, 30];
    let rows = QuotaRows { arrived: Some(&arrived), ..rows(&at, &amount, &offsets) };
    let used = |as_of: i64| quota_use(&rows, Counted::Since(&[-1]), Limit::Own(&[20.0]), 0, (&[as_of], 0)).used;
    assert_eq!([used(5), used(6), used(31), used(201)], [0.0, 9.0 / 20.0, 18.0 / 20.0, 27.0 / 20.0]);
    // The limit goes from 20 to 50 at 15; nobody knows before 100.
    let (product, start, start_arrived) = ([0, 1], [-50, 15], [-50, 99]);
    let end = Maybe { values: &[15, 0], valid: Some(&[true, false]) };
    let held = Intervals {
        offsets: &[0, 2],
        product: &product,
        start: &start,
        end,
        start_arrived: Some(&start_arrived),
        end_arrived: Some(Maybe { values: &[99, 0], valid: None }),
        renews: None,
        price: None,
        quantity: None,
        by_company: None,
    };
    let found = |as_of| quota_use(&rows, Counted::Since(&[-1]), Limit::Held(&held, &[20.0, 50.0]), 0, (&[as_of], 0));
    assert_eq!((found(99).used, found(100).used), (18.0 / 20.0, 18.0 / 50.0));
    assert_eq!((found(201).used, found(201).hits), (27.0 / 50.0, vec![]), "27 lie below what was then in force");
}

#[test]
fn no_limit_and_one_of_nothing_are_never_reached() {
    let (at, amount, offsets) = ([0, 10], [0.0, 5.0], [0, 2]);
    let rows = rows(&at, &amount, &offsets);
    for limit in [Limit::Unknown, Limit::Own(&[0.0]), Limit::Own(&[f64::NAN]), Limit::Own(&[-1.0])] {
        let found = quota_use(&rows, Counted::Since(&[-1]), limit, 0, (&[100], 0));
        assert!(found.used.is_nan() && found.used_before.is_nan() && found.hits.is_empty());
    }
    let said = QuotaRows { said: Some(&[true, false]), ..rows };
    assert_eq!(quota_use(&said, Counted::Newest, Limit::Unknown, 0, (&[100], 0)).hits, [0], "but a row may say so");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (at, amount, offsets) = ([0, 10], [1.0, 5.0], [0, 2]);
    let cutoffs = Cutoffs::new(vec![100], vec![Span { start: 0, end: 100 }]).unwrap();
    let ask = |rows: &QuotaRows<'_>, limit: Limit<'_>, cell: QuotaCell, n: usize| {
        let mut out = vec![0.0_f64; n];
        quota_cells(rows, Counted::Newest, limit, (&cutoffs, &[cell]), &mut out, &NoControl).map(|()| out)
    };
    let rows = rows(&at, &amount, &offsets);
    assert_eq!(ask(&rows, Limit::Own(&[10.0]), QuotaCell::Used, 1).unwrap(), [0.5]);
    assert!(matches!(ask(&rows, Limit::Own(&[10.0]), QuotaCell::Hits(1), 1), Err(Error::Window { window: 1, .. })));
    assert!(matches!(ask(&rows, Limit::Own(&[]), QuotaCell::Used, 1), Err(Error::Length { what: "limits", .. })));
    assert!(matches!(ask(&rows, Limit::Unknown, QuotaCell::Used, 2), Err(Error::Length { what: "out", .. })));
    let short = QuotaRows { amount: &[1.0], ..rows };
    assert!(matches!(ask(&short, Limit::Unknown, QuotaCell::Used, 1), Err(Error::Length { what: "amount", .. })));
}

//! Training and test apart in time.

use osusume_windows::{Error, LabelWindow, PositiveTake, check_disjoint_takes, is_purged};

#[test]
fn a_window_that_ends_at_the_test_as_of_stays() {
    let window = |window_end| LabelWindow { as_of: 0, gap_end: 5, window_end, known_by: window_end };
    assert!(!is_purged(&window(100), 100));
    assert!(is_purged(&window(101), 100));
}

#[test]
fn a_take_in_both_is_an_error() {
    let take = |customer, offer, at| PositiveTake { customer, offer, at };
    let mut train = [take(7, 1, 50), take(2, 0, 10)];
    assert_eq!(check_disjoint_takes(&mut train, &mut [take(7, 1, 51), take(7, 0, 50), take(2, 1, 10)]), Ok(()));
    let found = check_disjoint_takes(&mut train, &mut [take(9, 9, 9), take(7, 1, 50)]);
    assert_eq!(found, Err(Error::TakeInBoth { customer: 7, offer: 1, at: 50 }));
}

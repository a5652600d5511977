//! Intervals of what a contact adds, over companies with a known truth; the example `contact_coverage` prints more of them.

use crate::drawn::{Company, Effects, OPEN, USUAL};

const SIZES: Company = Company {
    effects: Effects { mean: 0.1, spread: 0.2, within: 0.15 },
    contacted: [1_000.0, 20_000.0],
    held_back: 1.0,
    rate: [0.003, 0.03],
    prior: OPEN,
};

#[test]
fn intervals_cover_effects_that_differ() {
    // Where so few are held back that hardly any of them takes anything, what is assumed of the spread makes intervals wide.
    for (held_back, most) in [(1.0, 0.98), (0.1, 0.995)] {
        let found = Company { held_back, ..SIZES }.coverage(60);
        assert!((0.93..=most).contains(&found.covered), "{held_back}: {found:?}");
    }
}

/// Without any effect the offers are all alike, and what is known of one is known of all: intervals are on the wide side.
#[test]
fn intervals_cover_no_effect() {
    let found = Company { effects: Effects { mean: 0.0, spread: 0.0, within: 0.0 }, ..SIZES }.coverage(60);
    assert!(found.covered >= 0.95 && found.above < 0.03, "{found:?}");
}

/// What contacts mostly do is what is believed by default.
#[test]
fn intervals_cover_effects_as_they_are_believed() {
    let effects = Effects { mean: 0.095, spread: 0.05, within: 0.04 };
    for contacted in [[300.0, 3_000.0], [1_000.0, 20_000.0]] {
        let found = Company { effects, contacted, prior: USUAL, ..SIZES }.coverage(60);
        assert!((0.93..=0.995).contains(&found.covered), "{contacted:?}: {found:?}");
    }
}

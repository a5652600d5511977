//! Small seeded runs of what the example `coverage` prints at length.

use crate::world::World;

/// Six hundred seeds of a 95 % interval: four standard errors are 3.6 points, and discreteness of rare takes may add to the top.
fn check(world: World) {
    let got = world.rate_coverage(0..600);
    assert!(got.n >= 590, "{world:?}: only {} intervals", got.n);
    assert!((91.4..98.6).contains(&got.percent()), "{world:?}: {} %", got.percent());
}

fn world(n_customers: usize, rate: f64, lift: f64) -> World {
    World { n_customers, rate, lift, fractions: [0.05, 0.05], halves: [1.0, 1.0], alike: 0.3 }
}

#[test]
fn no_effect_is_covered_however_rare_the_takes() {
    check(world(2_000, 0.003, 1.0));
    check(world(2_000, 0.01, 1.0));
    check(world(2_000, 0.05, 1.0));
    check(world(10_000, 0.003, 1.0));
}

#[test]
fn a_known_effect_is_covered() {
    check(world(2_000, 0.01, 2.0));
    check(world(2_000, 0.05, 1.5));
}

#[test]
fn unequal_probabilities_that_go_with_the_rate_do_not_bias() {
    check(World { fractions: [0.05, 0.2], halves: [0.7, 1.3], ..world(2_000, 0.05, 1.0) });
    check(World { fractions: [0.05, 0.2], halves: [1.3, 0.7], ..world(2_000, 0.05, 2.0) });
}

#[test]
fn households_that_act_alike_are_paid_for() {
    check(World { alike: 1.0, ..world(2_000, 0.05, 1.0) });
}

#[test]
fn a_symmetric_interval_would_not_do() {
    let got = world(2_000, 0.01, 1.0).symmetric_coverage(0..600);
    assert!(got.percent() < 80.0, "{} %", got.percent());
}

#[test]
fn revenue_with_a_long_tail_is_covered() {
    let got = world(2_000, 0.01, 1.0).mean_coverage(0..600);
    assert!((91.4..98.6).contains(&got.percent()), "{} %", got.percent());
}

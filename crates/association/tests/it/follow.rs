use std::collections::BTreeMap;

use osusume_association::{Error, Follow, FollowParams, History, ItemRole, follow};
use osusume_model::{Date, NoControl};
use proptest::prelude::*;

use crate::lives::{Lives, WORLDS, discoveries, is_planted};

const PARAMS: FollowParams<'_> = FollowParams {
    within_days: 30,
    from: Date(-10_000),
    tenure_borders: &[90, 365],
    level: 0.95,
    roles: None,
    closes: None,
    min_customers: 0,
    min_expected: 0.0,
};

fn pair(lives: &Lives, params: &FollowParams<'_>, (a, b): (u32, u32)) -> Option<Follow> {
    let found = lives.follow(4, params).found;
    found.into_iter().find(|it| (it.antecedent, it.consequent) == (a, b))
}

#[test]
fn windows_end_with_the_first_b_the_window_and_the_end_of_the_data() {
    // A = 0, B = 1, another item = 2; January 1970 throughout, so there is one stratum.
    let lives = Lives::new(
        &[
            &[(0, 0), (5, 1), (6, 0), (7, 1)], // five days to B; purchases after it start nothing
            &[(1, 0)],                         // thirty days without
            &[(2, 2), (10, 1)],                // another purchase, eight days to B
            &[(20, 2)],                        // another purchase, cut at the end of the data
            &[(3, 1)],                         // B alone
        ],
        31,
    );
    let found = pair(&lives, &PARAMS, (0, 1)).unwrap();
    assert_eq!((found.n_customers, found.n_windows, found.n_added, found.days), (2, 2, 1, 35));
    assert_eq!(found.lead_days.map(|days| days as i64), [5; 3]);
    // 1 added in 35 days against 1 in 8 + 11.
    assert!((found.rate_ratio - (1.0 / 35.0) / (1.0 / 19.0)).abs() < 1e-12, "{found:?}");
    assert!(found.lower < found.rate_ratio && found.rate_ratio < found.upper && found.p_value > 0.5);
}

#[test]
fn what_makes_b_impossible_ends_a_window_without_b() {
    let lives = Lives::new(&[&[(0, 0), (5, 3), (9, 1)], &[(1, 0), (4, 1)], &[(2, 2), (12, 1)], &[(3, 3), (4, 0)]], 31);
    let closes = [vec![], vec![], vec![], vec![1]];
    let found = pair(&lives, &FollowParams { closes: Some(&closes), ..PARAMS }, (0, 1)).unwrap();
    // The first customer's window ends with the step above B, the last one's A came too late.
    assert_eq!((found.n_customers, found.n_added, found.days), (2, 1, 5 + 3));
}

#[test]
fn a_window_starts_on_the_first_day_or_later_and_what_was_before_is_owned() {
    let lives = Lives::new(&[&[(0, 1), (20, 0)], &[(0, 0), (20, 0), (25, 1)], &[(21, 2), (22, 1)]], 31);
    let found = pair(&lives, &FollowParams { from: Date(10), ..PARAMS }, (0, 1)).unwrap();
    assert_eq!((found.n_customers, found.n_windows, found.n_added, found.days), (1, 1, 1, 5));
}

#[test]
fn strata_are_compared_within() {
    // In January both sides have the rate 1/10, in March both 1/20: overall they differ, within a month they do not.
    let january = |item| vec![(0, item), (10, 1)];
    let march = |item| vec![(60, item), (80, 1)];
    let customers = vec![january(0), january(0), january(0), january(2), march(0), march(2), march(2), march(2)];
    let lives = Lives { since: vec![Date(0); 8], until: vec![Date(400); 8], customers };
    assert!((pair(&lives, &PARAMS, (0, 1)).unwrap().rate_ratio - 1.0).abs() < 1e-12);
}

#[test]
fn large_purchases_are_compared_with_large_ones() {
    // Who buys two items comes back for B within ten days, who buys one within twenty. A is in half of either.
    let large = |item| vec![(0, 3), (0, item), (10, 1)];
    let small = |item| vec![(0, item), (20, 1)];
    let customers = vec![large(0), large(0), large(0), large(2), small(0), small(2), small(2), small(2)];
    let lives = Lives { since: vec![Date(0); 8], until: vec![Date(400); 8], customers };
    assert!((pair(&lives, &PARAMS, (0, 1)).unwrap().rate_ratio - 1.0).abs() < 1e-12);
}

#[test]
fn nothing_to_compare_is_a_hypothesis_at_most() {
    assert_eq!(Lives::new(&[&[(0, 0), (5, 1)]], 100).follow(4, &PARAMS).found, []);
    assert_eq!(Lives::new(&[&[(0, 2)]], 100).follow(4, &PARAMS).n_hypotheses, 0);
    assert_eq!(Lives::default().follow(4, &PARAMS).n_hypotheses, 0);
}

#[test]
fn nobody_who_adds_b_after_a_is_a_ratio_of_nothing() {
    let lives = Lives::new(&[&[(0, 0)], &[(0, 2), (9, 1)]], 31);
    let found = pair(&lives, &PARAMS, (0, 1)).unwrap();
    assert_eq!((found.rate_ratio, found.lower, found.p_value), (0.0, 0.0, 1.0));
    assert!(found.upper.is_infinite() && found.lead_days[1].is_nan());
}

#[test]
fn pairs_are_chosen_by_margins_and_roles() {
    let two = |at| vec![(at, 0), (at + 1, 2), (at + 5, 1)];
    let lives = Lives { customers: (0..20).map(two).collect(), since: vec![Date(0); 20], until: vec![Date(100); 20] };
    let roles = [ItemRole::Both, ItemRole::Both, ItemRole::Antecedent, ItemRole::Ignore];
    let pairs = |params: &FollowParams<'_>| {
        let found = lives.follow(4, params);
        (found.found.iter().map(|it| (it.antecedent, it.consequent)).collect::<Vec<_>>(), found.n_hypotheses)
    };
    assert_eq!(pairs(&FollowParams { roles: Some(&roles), ..PARAMS }), (vec![(0, 1), (2, 1)], 2));
    assert_eq!(pairs(&FollowParams { roles: Some(&roles), min_customers: 20, ..PARAMS }).1, 2);
    assert_eq!(pairs(&FollowParams { roles: Some(&roles), min_customers: 21, ..PARAMS }).1, 0);
    // All twenty add B, half of the days after A: ten are expected, whoever they are.
    let expecting = |min_expected| pairs(&FollowParams { roles: Some(&roles), min_expected, ..PARAMS }).1;
    assert!(expecting(8.0) == 2 && expecting(12.0) < 2, "{} {}", expecting(8.0), expecting(12.0));
}

/// A window as the naive reading of the definition finds it.
struct Naive {
    customer: usize,
    key: (i32, usize, usize),
    is_after: bool,
    days: f64,
    added: f64,
}

fn naive_windows(lives: &Lives, (a, b, closing): (u32, u32, u32), params: &FollowParams<'_>) -> Vec<Naive> {
    let mut windows = Vec::new();
    for (customer, bought) in lives.customers.iter().enumerate() {
        let mut by_day: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
        for (day, item) in bought {
            let items = by_day.entry(*day).or_default();
            if !items.contains(item) {
                items.push(*item);
            }
        }
        let ending = by_day.iter().find(|(_, items)| items.contains(&b) || items.contains(&closing));
        let (until, since) = (lives.until[customer].0, lives.since[customer].0);
        for (day, items) in &by_day {
            if *day < params.from.0 || *day >= until || ending.is_some_and(|(end, _)| day >= end) {
                continue;
            }
            let last = (*day + params.within_days as i32).min(until);
            let ends = ending.filter(|(end, _)| **end <= last);
            let days = f64::from(ends.map_or(last, |(end, _)| *end) - day);
            let added = f64::from(u8::from(ends.is_some_and(|(_, items)| items.contains(&b))));
            let (year, month, _) = Date(*day).ymd();
            let band = params.tenure_borders.iter().filter(|border| (**border as i32) <= day - since).count();
            let key = (year * 12 + month as i32, band, items.len());
            windows.push(Naive { customer, key, is_after: items.contains(&a), days, added });
        }
    }
    windows
}

/// Σₛ D₁ T₀ / T and Σₛ D₀ T₁ / T with a weight for every customer.
fn halves(windows: &[Naive], weight: impl Fn(usize) -> f64) -> (f64, f64) {
    let mut strata: BTreeMap<(i32, usize, usize), [f64; 4]> = BTreeMap::new();
    for window in windows {
        let stratum = strata.entry(window.key).or_default();
        let (side, weight) = (2 * usize::from(window.is_after), weight(window.customer));
        stratum[side] += weight * window.added;
        stratum[side + 1] += weight * window.days;
    }
    strata.values().fold((0.0, 0.0), |(after, other), [d0, t0, d1, t1]| {
        let all = (t0 + t1).max(1e-300);
        (after + d1 * t0 / all, other + d0 * t1 / all)
    })
}

/// The ratio, and the standard error of its logarithm by moving the weight of each customer a little.
fn naive_ratio(windows: &[Naive], n_customers: usize) -> (f64, f64) {
    let (after, other) = halves(windows, |_| 1.0);
    let ratio = after / other;
    let step = 1e-5;
    let moved = |customer: usize, by: f64| {
        let (after, other) = halves(windows, |c| if c == customer { 1.0 + by } else { 1.0 });
        after - ratio * other
    };
    let slope = |customer: usize| (moved(customer, step) - moved(customer, -step)) / (2.0 * step);
    let variance: f64 = (0..n_customers).map(|customer| slope(customer).powi(2)).sum();
    (ratio, variance.sqrt() / after)
}

fn lives() -> impl Strategy<Value = Lives> {
    let bought = prop::collection::vec((0..150_i32, 0..4_u32), 0..8).prop_map(|mut rows| {
        rows.sort_by_key(|row| row.0);
        rows
    });
    let customer = (bought, -400..1_i32, 100..200_i32);
    prop::collection::vec(customer, 1..8).prop_map(|customers| Lives {
        since: customers.iter().map(|it| Date(it.1)).collect(),
        until: customers.iter().map(|it| Date(it.2)).collect(),
        customers: customers.into_iter().map(|it| it.0).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_number_is_that_of_the_definition(lives in lives(), from in 0..40_i32) {
        let closes = [vec![], vec![], vec![], vec![1]];
        let params = FollowParams { closes: Some(&closes), from: Date(from), ..PARAMS };
        let found = lives.follow(4, &params);
        for it in &found.found {
            let closing = if it.consequent == 1 { 3 } else { it.consequent };
            let windows = naive_windows(&lives, (it.antecedent, it.consequent, closing), &params);
            let after: Vec<&Naive> = windows.iter().filter(|window| window.is_after).collect();
            let customers = |is_counted: fn(&Naive) -> bool| {
                let mut customers: Vec<usize> =
                    after.iter().filter(|w| is_counted(w)).map(|w| w.customer).collect();
                customers.dedup();
                customers.len() as u64
            };
            prop_assert_eq!(it.n_windows, after.len() as u64);
            prop_assert_eq!((it.n_customers, it.n_added), (customers(|_| true), customers(|w| w.added > 0.0)));
            prop_assert_eq!(it.days, after.iter().map(|w| w.days).sum::<f64>() as u64);
            let (ratio, error) = naive_ratio(&windows, lives.customers.len());
            prop_assert!((it.rate_ratio - ratio).abs() <= 1e-12 * ratio, "{} and {ratio}", it.rate_ratio);
            if ratio > 0.0 && error > 1e-6 {
                // Central differences leave about a millionth.
                let width = (it.upper / it.lower).ln() / (2.0 * 1.959_963_984_540_054);
                prop_assert!((width - error).abs() <= 1e-5 * error.max(1.0), "{width} and {error}");
            }
        }
        // Nothing depends on who comes first.
        let mut turned = lives.clone();
        turned.customers.reverse();
        turned.since.reverse();
        turned.until.reverse();
        let again = turned.follow(4, &params);
        let told = |follows: &osusume_association::Follows| {
            follows.found.iter().map(|it| (it.antecedent, it.consequent, it.n_added, it.rate_ratio)).collect::<Vec<_>>()
        };
        prop_assert_eq!(told(&found), told(&again));
    }
}

#[test]
fn activity_alone_leads_to_nothing() {
    for world in WORLDS {
        let found: Vec<(Vec<Follow>, Vec<bool>)> = (0..20).map(|seed| discoveries(world, seed, false)).collect();
        let all: Vec<&Follow> = found.iter().flat_map(|(found, _)| found).collect();
        let mut ratios: Vec<f64> = all.iter().map(|it| it.rate_ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        assert!((0.97..=1.03).contains(&median), "{world:?}: median {median}");
        let covered = all.iter().filter(|it| it.lower <= 1.0 && 1.0 <= it.upper).count() as f64 / all.len() as f64;
        assert!((0.92..=0.98).contains(&covered), "{world:?}: {covered} of {} intervals cover 1", all.len());
        let false_worlds = found.iter().filter(|(_, is_found)| is_found.contains(&true)).count();
        // Where everything is false the share of false discoveries is that of the worlds with any: a tenth, and three standard errors.
        assert!(false_worlds <= 6, "{world:?}: {false_worlds} of 20 worlds have a discovery");
    }
}

#[test]
fn what_was_planted_is_found() {
    for world in WORLDS {
        let is_found = |seed| {
            let (found, is_found) = discoveries(world, seed, true);
            found.iter().zip(is_found).any(|(it, is_found)| is_found && is_planted(it) && it.rate_ratio > 1.3)
        };
        let n_found = (0..10).filter(|seed| is_found(*seed)).count();
        assert!(n_found >= 8, "{world:?}: {n_found} of 10");
    }
}

#[test]
fn bad_histories_are_named() {
    let history = History {
        offsets: &[0, 2],
        items: &[0, 1],
        days: &[Date(5), Date(4)],
        since: &[Date(0)],
        until: &[Date(9)],
        n_items: 2,
    };
    let error = |history: &History<'_>| follow(history, &PARAMS, &NoControl).unwrap_err();
    assert_eq!(error(&history), Error::Unsorted { what: "days", customer: 0 });
    assert_eq!(error(&History { days: &[Date(1)], ..history }), Error::Length { what: "days", got: 1, expected: 2 });
    let two_days = History { days: &[Date(1); 2], ..history };
    assert_eq!(error(&History { n_items: 1, ..two_days }), Error::Item { basket: 0, item: 1, n_items: 1 });
    let refused = |params: &FollowParams<'_>| follow(&two_days, params, &NoControl).unwrap_err();
    let within_days = refused(&FollowParams { within_days: 0, ..PARAMS });
    assert_eq!(within_days, Error::Parameter { name: "within_days", allowed: "from 1 to 3660", got: 0.0 });
    let closes = [vec![7], vec![]];
    let closed = refused(&FollowParams { closes: Some(&closes), ..PARAMS });
    assert_eq!(closed, Error::Item { basket: 0, item: 7, n_items: 2 });
    let roles = refused(&FollowParams { roles: Some(&[ItemRole::Both]), ..PARAMS });
    assert_eq!(roles, Error::Length { what: "roles", got: 1, expected: 2 });
}

use osusume_association::{Error, Follow, FollowParams, History, follow};
use osusume_model::{Date, NoControl};

use crate::oracle::Stream;

const PARAMS: FollowParams<'_> = FollowParams { within_days: 30, tenure_borders: &[90, 365], level: 0.95 };

/// Customers as lists of (day, item).
struct Shop {
    customers: Vec<Vec<(i32, u32)>>,
    since: Vec<Date>,
    until: Vec<Date>,
}

fn run(shop: &Shop, n_items: u32, pair: (u32, u32)) -> Follow {
    let ends = shop.customers.iter().scan(0, |sum, bought| {
        *sum += bought.len();
        Some(*sum)
    });
    let offsets: Vec<usize> = std::iter::once(0).chain(ends).collect();
    let (days, items): (Vec<Date>, Vec<u32>) =
        shop.customers.iter().flatten().map(|(day, item)| (Date(*day), *item)).unzip();
    let history =
        History { offsets: &offsets, items: &items, days: &days, since: &shop.since, until: &shop.until, n_items };
    follow(&history, &[pair], &PARAMS, &NoControl).expect("a well-formed history")[0]
}

fn shop(customers: &[&[(i32, u32)]], until: i32) -> Shop {
    let n = customers.len();
    let customers = customers.iter().map(|bought| bought.to_vec()).collect();
    Shop { customers, since: vec![Date(0); n], until: vec![Date(until); n] }
}

#[test]
fn windows_end_with_the_first_b_the_window_and_the_end_of_the_data() {
    // A = 0, B = 1, another item = 2; January 1970 throughout, so there is one stratum.
    let shop = shop(
        &[
            &[(0, 0), (5, 1), (6, 0), (7, 1)], // five days to B; purchases after it start nothing
            &[(1, 0)],                         // thirty days without
            &[(2, 2), (10, 1)],                // another purchase, eight days to B
            &[(20, 2)],                        // another purchase, cut at the end of the data
            &[(3, 1)],                         // B alone
        ],
        31,
    );
    let found = run(&shop, 3, (0, 1));
    assert_eq!((found.n_exposed, found.n_added, found.exposed_days), (2, 1, 35));
    assert_eq!(found.lead_days.map(|days| days as i64), [5; 3]);
    // 1 added in 35 days against 1 in 8 + 11.
    assert!((found.rate_ratio - (1.0 / 35.0) / (1.0 / 19.0)).abs() < 1e-12, "{found:?}");
    assert!(found.lower < found.rate_ratio && found.rate_ratio < found.upper);
}

#[test]
fn strata_are_compared_within() {
    // In January both sides have the rate 1/10, in March both 1/20: overall they differ, within a month they do not.
    let january = |item| vec![(0, item), (10, 1)];
    let march = |item| vec![(60, item), (80, 1)];
    let customers = vec![january(0), january(0), january(0), january(2), march(0), march(2), march(2), march(2)];
    let shop = Shop { since: vec![Date(0); 8], until: vec![Date(400); 8], customers };
    assert!((run(&shop, 3, (0, 1)).rate_ratio - 1.0).abs() < 1e-12);
}

#[test]
fn nothing_to_compare_is_no_number() {
    let found = run(&shop(&[&[(0, 0), (5, 1)]], 100), 3, (0, 1));
    assert!(found.rate_ratio.is_nan() && found.lower.is_nan());
    assert!(run(&shop(&[&[(0, 2)]], 100), 3, (0, 1)).lead_days[0].is_nan());
}

/// Customers differ in how much they buy, and what they buy is chance.
fn active_world(seed: u64) -> Shop {
    let mut stream = Stream::new(seed);
    let n = 1_500;
    let customers = (0..n)
        .map(|_| {
            let daily = 0.002 + 0.05 * stream.unit().powi(3);
            let bought = (0..720).filter(|_| stream.unit() < daily).collect::<Vec<i32>>();
            bought.into_iter().map(|day| (day, stream.below(8))).collect()
        })
        .collect();
    Shop { customers, since: vec![Date(0); n], until: vec![Date(720); n] }
}

#[test]
fn activity_alone_leads_to_nothing() {
    let found: Vec<Follow> = (0..120).map(|seed| run(&active_world(seed + 1), 8, (0, 1))).collect();
    let mut ratios: Vec<f64> = found.iter().map(|it| it.rate_ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    assert!((0.97..=1.03).contains(&median), "median {median}");
    let covered = found.iter().filter(|it| it.lower <= 1.0 && 1.0 <= it.upper).count();
    // 93 to 97 % of many; two standard errors more for 120 seeds.
    assert!((107..=120).contains(&covered), "{covered} of 120 intervals cover 1");
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
    let error = |history: &History<'_>| follow(history, &[(0, 1)], &PARAMS, &NoControl).unwrap_err();
    assert_eq!(error(&history), Error::Unsorted { what: "days", customer: 0 });
    assert_eq!(error(&History { days: &[Date(1)], ..history }), Error::Length { what: "days", got: 1, expected: 2 });
    assert_eq!(
        error(&History { days: &[Date(1); 2], n_items: 1, ..history }),
        Error::Item { basket: 0, item: 1, n_items: 1 }
    );
}

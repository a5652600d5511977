use std::collections::BTreeMap;

use osusume_model::NoControl;
use proptest::prelude::*;

use super::*;

/// A market, owned.
#[derive(Clone, Debug)]
struct Company {
    customers: Vec<Customer>,
    families: Vec<u16>,
    channels: Vec<u8>,
    limits: Vec<Limit>,
    /// What offers cost through each channel; empty where that is the same.
    costs: Vec<f64>,
    open: Vec<bool>,
}

#[derive(Clone, Debug)]
struct Customer {
    bids: Vec<(u16, f32)>,
    places: u8,
    reach: ChannelSet,
    segment: u16,
    key: u64,
}

struct Columns {
    offsets: Vec<usize>,
    offers: Vec<u16>,
    values: Vec<f32>,
    places: Vec<u8>,
    reach: Vec<ChannelSet>,
    segments: Vec<u16>,
    keys: Vec<u64>,
}

impl Company {
    fn columns(&self) -> Columns {
        let mut offsets = vec![0];
        offsets.extend(self.customers.iter().scan(0, |end, customer| {
            *end += customer.bids.len();
            Some(*end)
        }));
        let bids = || self.customers.iter().flat_map(|customer| &customer.bids);
        Columns {
            offsets,
            offers: bids().map(|bid| bid.0).collect(),
            values: bids().map(|bid| bid.1).collect(),
            places: self.customers.iter().map(|customer| customer.places).collect(),
            reach: self.customers.iter().map(|customer| customer.reach).collect(),
            segments: self.customers.iter().map(|customer| customer.segment).collect(),
            keys: self.customers.iter().map(|customer| customer.key).collect(),
        }
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            families: &self.families,
            channels: &self.channels,
            costs: &self.costs,
            limits: &self.limits,
            open: &self.open,
        }
    }

    fn assign(&self) -> Assignment {
        let columns = self.columns();
        assign(&columns.bids(), &self.terms(), &NoControl).unwrap()
    }

    /// What a channel costs more than the cheapest the customer is reached by.
    fn extra(&self, customer: &Customer, channel: usize) -> f64 {
        let reached = (0..self.costs.len()).filter(|&c| customer.reach.contains(self.channels[c]));
        let least = reached.map(|c| self.costs[c]).fold(f64::INFINITY, f64::min);
        self.costs.get(channel).map_or(0.0, |cost| cost - least)
    }

    /// Every set of choices a customer may have: the uses and the value.
    fn sets(&self, customer: &Customer) -> Vec<(Vec<i64>, f64)> {
        let n = self.channels.len();
        let mut sets = vec![(vec![], vec![0_i64; self.limits.len()], 0.0)];
        for &(offer, value) in &customer.bids {
            for (families, uses, sum) in sets.clone() {
                let family = self.families[usize::from(offer)];
                if families.len() >= usize::from(customer.places) || families.contains(&family) {
                    continue;
                }
                for channel in (0..n).filter(|&c| customer.reach.contains(self.channels[c])) {
                    let choice = usize::from(offer) * n + channel;
                    if !self.open.is_empty() && !self.open[choice] {
                        continue;
                    }
                    let more = uses
                        .iter()
                        .zip(&self.limits)
                        .map(|(use_, limit)| use_ + limit.uses_in(customer.segment, choice))
                        .collect();
                    let mut families: Vec<u16> = families.clone();
                    families.push(family);
                    sets.push((families, more, sum + f64::from(value) - self.extra(customer, channel)));
                }
            }
        }
        sets.into_iter().map(|(_, uses, sum)| (uses, sum)).collect()
    }

    /// The best value within the limits by trying everything, customer after customer; `None` where the minima cannot be met.
    fn optimum(&self) -> Option<f64> {
        let mut best: BTreeMap<Vec<i64>, f64> = BTreeMap::from([(vec![0; self.limits.len()], 0.0)]);
        for customer in &self.customers {
            let sets = self.sets(customer);
            let mut next: BTreeMap<Vec<i64>, f64> = BTreeMap::new();
            for (used, sum) in &best {
                for (more, value) in &sets {
                    let used: Vec<i64> = used.iter().zip(more).map(|(a, b)| a + b).collect();
                    if used.iter().zip(&self.limits).all(|(&used, limit)| limit.max.is_none_or(|max| used <= max)) {
                        let entry = next.entry(used).or_insert(f64::NEG_INFINITY);
                        *entry = entry.max(sum + value);
                    }
                }
            }
            best = next;
        }
        let met = best.iter().filter(|(used, _)| used.iter().zip(&self.limits).all(|(&used, limit)| used >= limit.min));
        met.map(|(_, &sum)| sum).reduce(f64::max)
    }

    /// Checks an assignment by code that shares nothing with the solver, and returns its value.
    fn check(&self, assignment: &Assignment) -> f64 {
        let mut used = vec![0; self.limits.len()];
        let mut value = 0.0;
        for (c, customer) in self.customers.iter().enumerate() {
            let mine: Vec<&Placement> = assignment.placements.iter().filter(|p| p.customer as usize == c).collect();
            assert!(mine.len() <= usize::from(customer.places));
            let mut families: Vec<u16> = mine.iter().map(|p| self.families[usize::from(p.offer)]).collect();
            families.sort_unstable();
            assert!(families.windows(2).all(|pair| pair[0] < pair[1]), "one offer a family");
            for placement in mine {
                assert!(customer.reach.contains(placement.channel));
                let channel = self.channels.iter().position(|&bit| bit == placement.channel).unwrap();
                let choice = usize::from(placement.offer) * self.channels.len() + channel;
                assert!(self.open.is_empty() || self.open[choice]);
                value += f64::from(customer.bids.iter().find(|bid| bid.0 == placement.offer).unwrap().1);
                value -= self.extra(customer, channel);
                used.iter_mut()
                    .zip(&self.limits)
                    .for_each(|(used, limit)| *used += limit.uses_in(customer.segment, choice));
            }
        }
        assert_eq!(used, assignment.used);
        assert!((value - assignment.value).abs() < 1e-6 * value.abs().max(1.0));
        let within = |(used, limit): (&i64, &Limit)| limit.max.is_none_or(|max| *used <= max);
        assert!(used.iter().zip(&self.limits).all(within), "{used:?} within {:?}", self.limits);
        value
    }

    /// The largest value of a bid.
    fn largest(&self) -> f64 {
        let bids = self.customers.iter().flat_map(|customer| &customer.bids);
        bids.map(|bid| f64::from(bid.1.abs())).fold(0.0, f64::max)
    }
}

impl Columns {
    fn bids(&self) -> Bids<'_> {
        Bids {
            offsets: &self.offsets,
            offers: &self.offers,
            values: &self.values,
            places: &self.places,
            reach: &self.reach,
            segments: &self.segments,
            keys: &self.keys,
        }
    }
}

/// A limit on the choices `which` (offer, position of the channel) says count, one place each.
fn places(
    n_offers: usize,
    n_channels: usize,
    min: i64,
    max: Option<i64>,
    which: impl Fn(usize, usize) -> bool,
) -> Limit {
    let uses = (0..n_offers * n_channels).map(|choice| i64::from(which(choice / n_channels, choice % n_channels)));
    Limit { uses: uses.collect(), min, max, segments: Vec::new() }
}

fn customers(n_offers: u16, n_channels: u32, most: usize) -> impl Strategy<Value = Vec<Customer>> {
    let customer = (
        prop::collection::btree_map(0..n_offers, 0..60_i16, 0..=usize::from(n_offers)),
        0..3_u8,
        0..1_u32 << n_channels,
        0..2_u16,
        prop::num::u64::ANY,
    );
    let customer = customer.prop_map(|(bids, places, reach, segment, key)| Customer {
        // Quarters, so that sums are exact and ties happen.
        bids: bids.into_iter().map(|(offer, value)| (offer, f32::from(value - 8) / 4.0)).collect(),
        places,
        reach: ChannelSet(reach),
        segment,
        key,
    });
    prop::collection::vec(customer, 1..most)
}

/// A customer who bids for offer 0.
fn one_bid(value: f32, key: u64) -> Customer {
    Customer { bids: vec![(0, value)], places: 1, reach: ChannelSet(1), segment: 0, key }
}

/// Offers with a limit of their own each, reached through one channel.
fn by_offer() -> impl Strategy<Value = Company> {
    (customers(4, 1, 8), prop::collection::vec((0..3_i64, prop::option::of(0..4_i64)), 4), prop::bool::ANY).prop_map(
        |(customers, caps, same_family)| Company {
            customers,
            families: if same_family { vec![0, 0, 1, 2] } else { vec![0, 1, 2, 3] },
            channels: vec![0],
            costs: vec![],
            limits: (0..4)
                .map(|offer| {
                    let (min, max) = (0, caps[offer].1);
                    places(4, 1, min, max, move |o, _| o == offer)
                })
                .collect(),
            open: Vec::new(),
        },
    )
}

/// What offers cost through two channels, or nothing.
fn costs() -> impl Strategy<Value = Vec<f64>> {
    let quarters = (0..40_u8, 0..40_u8).prop_map(|(a, b)| vec![f64::from(a) / 4.0, f64::from(b) / 4.0]);
    prop_oneof![1 => Just(Vec::new()), 2 => quarters]
}

/// Channels that cost different amounts, with a limit each.
fn by_channel() -> impl Strategy<Value = Company> {
    let caps = prop::collection::vec((0..3_i64, prop::option::of(0..4_i64)), 2);
    (customers(3, 2, 7), caps, costs()).prop_map(|(customers, caps, costs)| {
        let limit = |(channel, (min, max)): (usize, (i64, Option<i64>))| {
            places(3, 2, max.map_or(min, |max| min.min(max)), max, move |_, c| c == channel)
        };
        let limits = caps.into_iter().enumerate().map(limit).collect();
        Company { customers, families: vec![0, 1, 1], channels: vec![1, 0], limits, costs, open: vec![] }
    })
}

/// Limits on offers, channels and money at once, with minima, and offers that some channels are closed to.
fn coupled() -> impl Strategy<Value = Company> {
    let caps = prop::collection::vec((0..2_i64, 0..4_i64), 5);
    let open = prop_oneof![Just(Vec::new()), prop::collection::vec(prop::bool::weighted(0.7), 6)];
    let terms = (prop::option::of(0..30_i64), costs(), open);
    (customers(3, 2, 7), caps, terms).prop_map(|(customers, caps, (budget, costs, open))| {
        let mut limits: Vec<Limit> = (0..3)
            .map(|offer| places(3, 2, caps[offer].0.min(caps[offer].1), Some(caps[offer].1), move |o, _| o == offer))
            .collect();
        limits.extend((0..2).map(|channel| places(3, 2, 0, Some(caps[3 + channel].1), move |_, c| c == channel)));
        limits.push(Limit { uses: vec![3, 1, 3, 1, 5, 1], min: 0, max: budget, segments: Vec::new() });
        Company { customers, families: vec![0, 1, 1], channels: vec![1, 0], limits, costs, open }
    })
}

/// As [`by_offer`], with minima.
fn due_by_offer() -> impl Strategy<Value = Company> {
    (by_offer(), prop::collection::vec(0..4_i64, 4)).prop_map(|(mut company, minima)| {
        for (limit, min) in company.limits.iter_mut().zip(minima) {
            limit.min = limit.max.map_or(min, |max| min.min(max));
        }
        company
    })
}

/// A limit for each segment on all offers, and one for one segment on one offer.
fn by_segment() -> impl Strategy<Value = Company> {
    (customers(3, 1, 8), prop::collection::vec(0..5_i64, 2), prop::option::of(0..3_i64)).prop_map(
        |(customers, caps, one)| {
            let mut limits: Vec<Limit> = (0..2).map(|_| places(3, 1, 0, None, |_, _| true)).collect();
            for (segment, (limit, cap)) in limits.iter_mut().zip(caps).enumerate() {
                (limit.max, limit.segments) = (Some(cap), vec![segment as u16]);
            }
            if let Some(one) = one {
                limits[1].uses[2] = 0;
                limits.push(Limit { segments: vec![1], ..places(3, 1, 0, Some(one), |o, _| o == 2) });
            }
            Company { customers, families: vec![0, 1, 2], channels: vec![0], limits, costs: vec![], open: vec![] }
        },
    )
}

/// The same company with no limits but some of its own.
fn with_limits(company: &Company, which: &[usize]) -> Company {
    Company { limits: which.iter().map(|&k| company.limits[k].clone()).collect(), ..company.clone() }
}

/// What is said to be missing is, and what is said to be impossible is; whether every minimum missed is proved impossible.
fn check_shortfalls(company: &Company, assignment: &Assignment) -> bool {
    let short: Vec<(usize, i64)> = company
        .limits
        .iter()
        .zip(&assignment.used)
        .enumerate()
        .filter(|(_, (limit, used))| *used < &limit.min)
        .map(|(k, (limit, used))| (k, limit.min - used))
        .collect();
    let said: Vec<(usize, i64)> = assignment.shortfalls.iter().map(|one| (one.limit, one.missing)).collect();
    assert_eq!(short, said);
    for one in assignment.shortfalls.iter().filter(|one| !one.conflict.is_empty()) {
        assert!(one.conflict.contains(&one.limit));
        assert_eq!(with_limits(company, &one.conflict).optimum(), None, "{one:?}");
    }
    assignment.shortfalls.iter().all(|one| !one.conflict.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// Where each choice counts toward one limit, the optimum itself is found.
    #[test]
    fn places_by_offer_are_assigned_at_the_optimum(company in by_offer()) {
        let assignment = company.assign();
        let value = company.check(&assignment);
        let optimum = company.optimum().unwrap();
        prop_assert!((value - optimum).abs() < 1e-6, "{value} of {optimum}");
        prop_assert!(assignment.bound >= optimum - 1e-6, "bound {} under {optimum}", assignment.bound);
    }

    /// The same with minima; where these cannot be met that is proved.
    #[test]
    fn minima_by_offer_are_met_or_proved_impossible(company in due_by_offer()) {
        let assignment = company.assign();
        let value = company.check(&assignment);
        let is_proved = check_shortfalls(&company, &assignment);
        match company.optimum() {
            Some(optimum) => {
                prop_assert!(assignment.shortfalls.is_empty());
                prop_assert!((value - optimum).abs() < 1e-6, "{value} of {optimum}");
            }
            None => prop_assert!(is_proved, "{:?}", assignment.shortfalls),
        }
    }

    /// The same with limits on segments.
    #[test]
    fn places_by_segment_are_assigned_at_the_optimum(company in by_segment()) {
        let assignment = company.assign();
        let value = company.check(&assignment);
        let optimum = company.optimum().unwrap();
        prop_assert!((value - optimum).abs() < 1e-6, "{value} of {optimum}");
        prop_assert!(assignment.bound >= optimum - 1e-6, "bound {} under {optimum}", assignment.bound);
    }

    /// The same with limits on channels that cost different amounts: a place in a dear one goes to whom it is worth most.
    #[test]
    fn places_by_channel_are_assigned_at_the_optimum(company in by_channel()) {
        let assignment = company.assign();
        let value = company.check(&assignment);
        let is_proved = check_shortfalls(&company, &assignment);
        match company.optimum() {
            Some(optimum) => {
                prop_assert!((value - optimum).abs() < 1e-6, "{value} of {optimum}");
                prop_assert!(assignment.bound >= optimum - 1e-6, "bound {} under {optimum}", assignment.bound);
            }
            None => prop_assert!(is_proved, "{:?}", assignment.shortfalls),
        }
    }

    /// With limits that cross, what is lost is at most one bid a limit.
    #[test]
    fn limits_that_cross_cost_at_most_a_bid_each(company in coupled()) {
        let assignment = company.assign();
        let value = company.check(&assignment);
        check_shortfalls(&company, &assignment);
        if let Some(optimum) = company.optimum() {
            let is_met = company.limits.iter().zip(&assignment.used).all(|(limit, &used)| used >= limit.min);
            prop_assert!(value <= optimum + 1e-6 || !is_met);
            prop_assert!(assignment.bound >= optimum - 1e-6, "bound {} under {optimum}", assignment.bound);
            let dearest = company.costs.iter().copied().fold(0.0, f64::max);
            let allowed = company.limits.len() as f64 * (company.largest() + dearest);
            prop_assert!(value >= assignment.bound - allowed - 1e-6, "{value} of {}", assignment.bound);
        }
    }
}

/// Numbers without meaning, always the same.
fn noise(i: u64) -> f64 {
    osusume_model::unit_interval(osusume_model::keyed_hash("noise", &i.to_le_bytes()))
}

fn large(n: usize) -> Company {
    let customers = (0..n as u64)
        .map(|i| Customer {
            bids: (0..6_u16)
                .map(|offer| (offer, (100.0 * noise(i) * noise(i * 6 + u64::from(offer) + 1_000_000)) as f32))
                .collect(),
            places: 1 + (i % 2) as u8,
            reach: ChannelSet([0b01, 0b10, 0b11][(i % 3) as usize]),
            segment: (i % 2) as u16,
            key: i,
        })
        .collect();
    let tenth = n as i64 / 10;
    let mut limits = vec![
        places(6, 2, 0, Some(tenth), |_, c| c == 0),
        places(6, 2, 0, Some(2 * tenth), |_, c| c == 1),
        places(6, 2, tenth, None, |o, _| o == 5),
    ];
    limits.extend((0..3).map(|offer| places(6, 2, 0, Some(tenth / 4), move |o, _| o == offer)));
    Company {
        customers,
        families: vec![0, 1, 2, 3, 4, 5],
        channels: vec![0, 1],
        limits,
        costs: vec![0.0, 0.1],
        open: vec![],
    }
}

/// Many customers under limits that all bind: everything holds, and the gap to the bound is small.
#[test]
fn the_gap_of_a_large_market_is_small() {
    let company = large(20_000);
    let assignment = company.assign();
    let columns = company.columns();
    assert_eq!(assignment.used[0], 2_000);
    assert_eq!(assignment.used[1], 4_000);
    assert!(assignment.used[2] >= 2_000);
    let gap = (assignment.bound - assignment.value) / assignment.bound;
    assert!((0.0..1e-4).contains(&gap), "{gap}");
    // The holdout's rule, told to everybody, is nearly what was assigned.
    let at = AtPrices::new(company.terms(), &assignment.choice_prices, columns.reach.iter().copied());
    let n_told: usize = (0..columns.reach.len())
        .map(|c| {
            let range = columns.offsets[c]..columns.offsets[c + 1];
            at.choose(columns.reach[c], columns.places[c], (&columns.offers[range.clone()], &columns.values[range]))
                .len()
        })
        .sum();
    assert!(n_told.abs_diff(assignment.placements.len()) < 60, "{n_told} of {}", assignment.placements.len());
}

#[test]
fn threads_change_nothing() {
    for n in [3_000, 30_000] {
        let company = large(n);
        let run = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(|| company.assign());
        assert_eq!(run(1), run(3));
    }
}

/// Customers in another order get the same, at the same prices to the bit.
#[test]
fn the_order_of_customers_changes_nothing() {
    for n in [900, 30_000] {
        let company = large(n);
        let mut shuffled = company.clone();
        shuffled.customers.sort_by_key(|customer| osusume_model::keyed_hash("shuffle", &customer.key.to_le_bytes()));
        let [(a, here), (b, there)] = [&company, &shuffled].map(|company| {
            let assignment = company.assign();
            let key = |one: &Placement| (company.customers[one.customer as usize].key, one.offer, one.channel);
            let mut placements: Vec<(u64, u16, u8)> = assignment.placements.iter().map(key).collect();
            placements.sort_unstable();
            (assignment, placements)
        });
        assert_eq!(here, there);
        let numbers = |one: &Assignment| (one.prices.clone(), one.choice_prices.clone(), one.used.clone());
        assert_eq!(numbers(&a), numbers(&b));
        assert_eq!((a.value.to_bits(), a.bound.to_bits()), (b.value.to_bits(), b.bound.to_bits()));
        let by = |one: &Assignment| -> Vec<Option<f64>> { one.last.iter().map(|last| last.map(|l| l.by)).collect() };
        assert_eq!(by(&a), by(&b));
    }
}

/// The first outside a limit, and what was missing to the last inside.
#[test]
fn the_last_place_was_lost_by_the_difference() {
    let customers = [3.0, 9.0, 5.5, 8.0, 1.0].into_iter().zip(0..).map(|(value, key)| one_bid(value, key)).collect();
    let limits = vec![places(1, 1, 0, Some(2), |_, _| true), places(1, 1, 0, Some(9), |_, _| true)];
    let company = Company { customers, families: vec![0], channels: vec![0], limits, costs: vec![], open: vec![] };
    let last = company.assign().last;
    let loser = last[0].unwrap();
    assert_eq!((loser.customer, loser.offer), (2, 0));
    assert!((loser.by - 2.5).abs() < 1e-9, "{}", loser.by);
    assert_eq!(last[1], None);
}

/// A minimum above what a channel may carry is said to contradict it, one above the bids to stand alone.
#[test]
fn minima_that_cannot_be_met_are_named() {
    let customers: Vec<Customer> = (0..30_000).map(|key| one_bid(1.0 + noise(key) as f32, key)).collect();
    let cost = Limit { uses: vec![3], min: 0, max: Some(299), segments: vec![] };
    let limits = vec![places(1, 1, 100, None, |_, _| true), cost];
    let company = Company { customers, families: vec![0], channels: vec![0], limits, costs: vec![], open: vec![] };
    let assignment = company.assign();
    company.check(&assignment);
    assert_eq!(assignment.shortfalls, [Shortfall { limit: 0, missing: 1, conflict: vec![0, 1] }]);
    let limits = vec![places(1, 1, 40_000, None, |_, _| true)];
    let assignment = Company { limits, ..company }.assign();
    assert_eq!(assignment.shortfalls, [Shortfall { limit: 0, missing: 10_000, conflict: vec![0] }]);
}

/// Without limits everybody gets the best of the bids.
#[test]
fn no_limits_leave_everybody_the_best() {
    let mut company = large(50);
    company.limits.clear();
    let assignment = company.assign();
    company.check(&assignment);
    assert!((assignment.bound - assignment.value).abs() < 1e-9);
    assert_eq!(assignment.placements.len(), 75);
}

/// One rate for everybody: the places go to the first customers, and all of them are used.
#[test]
fn equal_bids_fill_every_place() {
    let customer = Customer { bids: vec![(0, 5.0)], places: 1, reach: ChannelSet(1), segment: 0, key: 7 };
    let limits = vec![places(1, 1, 0, Some(300), |_, _| true)];
    let company = Company {
        customers: vec![customer; 30_000],
        families: vec![0],
        channels: vec![0],
        limits,
        costs: vec![],
        open: vec![],
    };
    let assignment = company.assign();
    assert!((company.check(&assignment) - 1500.0).abs() < 1e-9);
}

/// Where two channels are alike, the one customers are rather reached through is filled first.
#[test]
fn places_in_the_preferred_channel_are_used_up() {
    let customer = Customer { bids: vec![(0, 5.0)], places: 1, reach: ChannelSet(0b1_0010), segment: 0, key: 7 };
    let limits = vec![places(1, 2, 0, Some(30), |_, channel| channel == 0), places(1, 2, 0, Some(50), |_, _| true)];
    let company = Company {
        customers: vec![customer; 2_000],
        families: vec![0],
        channels: vec![4, 1],
        limits,
        costs: vec![],
        open: vec![],
    };
    let assignment = company.assign();
    company.check(&assignment);
    assert_eq!(assignment.used, [30, 50]);
}

/// Values that differ by less than any width: the price settles between the last who got a place and the first who did not.
#[test]
fn nearly_equal_bids_are_told_apart_by_the_price() {
    let of = |i: u64| one_bid(96.0 + 1e-3 * noise(i) as f32, i);
    let customers = (0..700).map(of).collect();
    let limits = vec![places(1, 1, 0, Some(100), |_, _| true)];
    let company = Company { customers, families: vec![0], channels: vec![0], limits, costs: vec![], open: vec![] };
    let assignment = company.assign();
    let at = AtPrices::new(company.terms(), &assignment.choice_prices, [ChannelSet(1)]);
    let is_told = |customer: &&Customer| !at.choose(ChannelSet(1), 1, (&[0], &[customer.bids[0].1])).is_empty();
    let told = company.customers.iter().filter(is_told).count();
    assert!((95..=105).contains(&told), "{told}");
}

//! The truth is hard enough, rare enough, and comes true.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Chance, Company, END, MATURE, companies, day};

/// The area under the curve that takes drawn with these probabilities have in expectation.
pub(crate) fn expected_auc(probabilities: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = probabilities.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (mut below, mut pairs, mut positives) = (0.0, 0.0, 0.0);
    for p in sorted {
        pairs += p * (below + (1.0 - p) / 2.0);
        below += 1.0 - p;
        positives += p;
    }
    pairs / (below * positives)
}

#[test]
fn base_rates_and_areas_lie_where_every_world_keeps_them() {
    for company in companies() {
        let name = company.name;
        for date in [MATURE, END] {
            let offers = company.by_offer(date);
            assert_eq!(offers.len(), company.world.offer_keys().len(), "{name} {date}");
            for (offer, chances) in offers {
                let rate = chances.iter().map(|c| c.without).sum::<f64>() / chances.len() as f64;
                assert!((0.003..=0.05).contains(&rate), "{name} {offer} {date}: {rate}");
                let auc = expected_auc(chances.iter().map(|c| c.without));
                assert!((0.70..=0.82).contains(&auc), "{name} {offer} {date}: {auc}");
            }
        }
    }
}

#[test]
fn contact_helps_some_and_harms_a_tenth() {
    for company in companies() {
        let name = company.name;
        let of_end: Vec<&Chance> = company.chances.iter().filter(|c| c.as_of == day(END)).collect();
        assert!(of_end.iter().all(|c| (-0.2..=0.4).contains(&c.effect)), "{name}");
        let customers: BTreeSet<&str> = of_end.iter().map(|c| c.customer.as_str()).collect();
        let harmed: BTreeSet<&str> = of_end.iter().filter(|c| c.effect < 0.0).map(|c| c.customer.as_str()).collect();
        let share = harmed.len() as f64 / customers.len() as f64;
        assert!((0.07..=0.13).contains(&share), "{name}: {share}");
        // A contact of the last weeks may still be at work, and a second one adds less than it or tires.
        let otherwise = of_end.iter().filter(|c| (c.with >= c.without) != (c.effect >= 0.0)).count();
        assert!(otherwise * 50 < of_end.len(), "{name}: {otherwise} of {}", of_end.len());
    }
}

#[test]
fn the_truth_comes_true() {
    for company in companies() {
        let takes = Takes::read(company);
        let (mut expected, mut variance, mut observed) = (0.0, 0.0, 0.0);
        for chance in company.by_offer(MATURE).into_values().flatten() {
            expected += chance.without;
            variance += chance.without * (1.0 - chance.without);
            observed += f64::from(u8::from(takes.has(chance)));
        }
        // Four standard errors, and a twentieth more for what the truth leaves out: the campaigns of the window add takes.
        let allowed = 4.0 * f64::sqrt(variance) + 0.05 * expected;
        assert!((observed - expected).abs() < allowed, "{}: {observed} takes, {expected} expected", company.name);
    }
}

/// First starts of families by customer, read from the holdings as a pipeline would.
struct Takes {
    intervals: BTreeMap<String, Vec<(String, i32, i32, i32)>>,
    products: BTreeMap<String, (String, i32)>,
}

impl Takes {
    fn read(company: &Company) -> Self {
        let products = company.cells("products.csv");
        let products: BTreeMap<String, (String, i32)> = products
            .of(["product_id", "family", "tier"])
            .map(|[id, family, tier]| (id.to_owned(), (family.to_owned(), tier.parse().unwrap())))
            .collect();
        let mut intervals: BTreeMap<String, Vec<(String, i32, i32, i32)>> = BTreeMap::new();
        for [customer, product, start, end] in
            company.holdings().of(["customer_id", "product_id", "start_date", "end_date"])
        {
            let (family, tier) = products[product].clone();
            let end = if end.is_empty() { i32::MAX } else { day(end) };
            intervals.entry(customer.to_owned()).or_default().push((family, tier, day(start), end));
        }
        Self { intervals, products }
    }

    /// Whether the holdings show a take of the offer in the label window that was kept.
    fn has(&self, chance: &Chance) -> bool {
        let (family, tier) = &self.products[&chance.offer];
        let from = chance.as_of + 7;
        // Whoever owns nothing of a shop stands in no row.
        let intervals = self.intervals.get(&chance.customer).map_or(&[][..], Vec::as_slice);
        let mut starts = intervals.iter().filter(|(f, t, start, _)| f == family && t >= tier && *start >= chance.as_of);
        starts.next().is_some_and(|(_, _, start, end)| (from..from + 60).contains(start) && end - start >= 30)
    }
}

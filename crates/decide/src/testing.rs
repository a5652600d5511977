//! Random small companies for the property tests, and the rules of eligibility told once more in the plainest way.

use osusume_model::{Catalogue, Date, HeldBy, Minor, NoControl, Offer, OfferKind, Product, ProductId, Tier};
use proptest::prelude::*;

use crate::{ChannelSet, Customers, Ladder, Rule, Verdict, check_products, eligibility, offers_of};

pub(crate) const AS_OF: Date = Date(20_000);
pub(crate) const CHANNELS: ChannelSet = ChannelSet(0b011);

/// A catalogue and customers, owned.
#[derive(Clone, Debug)]
pub(crate) struct Company {
    pub(crate) catalogue: Catalogue,
    pub(crate) people: Vec<Person>,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) held: Vec<ProductId>,
    pub(crate) consents: ChannelSet,
    pub(crate) suppressed: bool,
    pub(crate) bought: [bool; 2],
    /// One an offer, as propensities.
    pub(crate) units: Vec<f32>,
    /// One an offer, repeated when there are more offers.
    pub(crate) propensities: Vec<f32>,
}

/// The columns a [`Customers`] borrows.
pub(crate) struct Columns {
    pub(crate) offsets: Vec<u32>,
    pub(crate) held: Vec<ProductId>,
    pub(crate) consents: Vec<ChannelSet>,
    pub(crate) suppressed: Vec<bool>,
    pub(crate) bought: Vec<bool>,
    pub(crate) units: Option<Vec<f32>>,
}

impl Columns {
    pub(crate) fn of(people: &[Person]) -> Self {
        let mut offsets = vec![0];
        offsets.extend(people.iter().scan(0, |end, person| {
            *end += person.held.len() as u32;
            Some(*end)
        }));
        Self {
            offsets,
            held: people.iter().flat_map(|person| person.held.clone()).collect(),
            consents: people.iter().map(|person| person.consents).collect(),
            suppressed: people.iter().map(|person| person.suppressed).collect(),
            bought: people.iter().flat_map(|person| person.bought).collect(),
            units: None,
        }
    }

    /// The same with what takers are expected to take.
    pub(crate) fn of_company(company: &Company) -> Self {
        Self { units: Some(company.units()), ..Self::of(&company.people) }
    }

    pub(crate) fn customers(&self) -> Customers<'_> {
        Customers {
            held_offsets: &self.offsets,
            held: &self.held,
            consents: &self.consents,
            suppressed: Some(&self.suppressed),
            bought: Some(&self.bought),
            incumbents: None,
            contacts_left: None,
            channels_left: None,
            recent_contacts: None,
            approaches: None,
            units: self.units.as_deref(),
        }
    }
}

impl Company {
    pub(crate) fn ladder(&self) -> Ladder {
        Ladder::new(&self.catalogue).unwrap()
    }

    pub(crate) fn verdicts(&self, columns: &Columns) -> Vec<Verdict> {
        eligibility(&self.ladder(), &columns.customers(), AS_OF, CHANNELS, &NoControl).unwrap()
    }

    /// Customers × offers; NaN for what is not sold in numbers.
    pub(crate) fn units(&self) -> Vec<f32> {
        let pairs =
            (0..self.people.len()).flat_map(|person| (0..self.catalogue.offers.len()).map(move |at| (person, at)));
        pairs.map(|(person, offer_idx)| self.units_of(person, offer_idx).unwrap_or(f32::NAN)).collect()
    }

    /// What one customer is expected to take of an offer that is sold in numbers.
    pub(crate) fn units_of(&self, person: usize, offer_idx: usize) -> Option<f32> {
        let product = self.catalogue.offers[offer_idx].product?;
        let units = &self.people[person].units;
        self.catalogue.products[product.0 as usize].counted.then(|| units[offer_idx % units.len()])
    }

    /// Customers × offers.
    pub(crate) fn propensities(&self) -> Vec<f32> {
        let n = self.catalogue.offers.len();
        self.people.iter().flat_map(|person| person.propensities.iter().copied().cycle().take(n)).collect()
    }
}

/// Products of three families in up to three tiers, with prerequisites, exclusions and a replaced code; offers; and people.
pub(crate) fn company() -> impl Strategy<Value = Company> {
    // Few distinct margins make ties of values likely.
    let margins = prop::collection::vec((-1..5_i64).prop_map(|hundreds| hundreds * 100), 12);
    let links = prop::collection::vec((0..12_usize, 0..3_usize, any::<bool>()), 0..4);
    let window = (-2..3_i32, -2..4_i32);
    let people = prop::collection::vec(person(), 1..25);
    let flags = any::<[bool; 3]>();
    (margins, links, window, people, flags).prop_map(|(margins, links, window, people, [skips_steps, of_b, of_c])| {
        let mut catalogue = Catalogue { products: products(&margins, &links), offers: Vec::new(), skips_steps };
        for product in &mut catalogue.products {
            product.counted = product.key == "b1" && of_b || product.key == "c1" && of_c;
        }
        let families = |list: &[&str]| list.iter().map(|&f| f.to_owned()).collect::<Vec<_>>();
        catalogue.offers = offers_of(&catalogue.products, &families(&["a", "b", "c"]), &families(&["b", "c"])).unwrap();
        catalogue.offers[0].valid_from = Some(AS_OF + window.0);
        catalogue.offers[1].valid_until = Some(AS_OF + window.1);
        catalogue.offers.extend(["tea", "rice"].map(|name| Offer {
            key: name.to_owned(),
            kind: OfferKind::Category,
            family: name.to_owned(),
            product: None,
            margin: Minor(margins[3]),
            valid_from: None,
            valid_until: None,
        }));
        Company { catalogue, people }
    })
}

/// Links are (product, target family, excludes instead of requires); they are dropped where they contradict each other.
fn products(margins: &[i64], links: &[(usize, usize, bool)]) -> Vec<Product> {
    let steps = [
        ("a1", 1),
        ("a2", 2),
        ("a2old", 2),
        ("a3", 3),
        ("aold", 1),
        ("b1", 1),
        // Three offers of one family that are open at once.
        ("b2x", 2),
        ("b2y", 2),
        ("b2z", 2),
        ("c1", 1),
        ("c4", 4),
        // A withdrawn tier between two that are sold: whoever holds it stands where its successor does.
        ("cold", 2),
    ];
    let mut products: Vec<Product> = steps
        .iter()
        .zip(margins)
        .map(|(&(key, tier), &margin)| Product {
            key: key.to_owned(),
            family: key[..1].to_owned(),
            tier: Tier(tier),
            held_by: HeldBy::Customer,
            margin: Minor(margin),
            requires: vec![],
            excludes: vec![],
            replaces: match key {
                "a1" => vec!["aold".to_owned()],
                "a3" => vec!["a2old".to_owned()],
                "c4" => vec!["cold".to_owned(), "gone".to_owned()],
                _ => vec![],
            },
            survival: (tier == 3).then_some(0.97),
            offer_cost: Minor(if ["b1", "b2x"].contains(&key) { 30 } else { 0 }),
            ..Product::default()
        })
        .collect();
    let plain = products.clone();
    for &(product, target, is_exclusion) in links {
        let name = if is_exclusion { ["a", "b1", "c"] } else { ["a", "b", "c"] }[target].to_owned();
        let product = &mut products[product];
        if is_exclusion { &mut product.excludes } else { &mut product.requires }.push(name);
    }
    if check_products(&products).is_ok() { products } else { plain }
}

fn person() -> impl Strategy<Value = Person> {
    let held = prop::collection::vec((0..12_u32).prop_map(ProductId), 0..5);
    // Eighths make ties likely.
    let propensity = prop_oneof![9 => (0..9_u8).prop_map(|p| f32::from(p) / 8.0), 1 => Just(f32::NAN)];
    let flags = (prop::bool::weighted(0.1), any::<[bool; 2]>());
    let units = prop::collection::vec((1..40_u8).prop_map(|units| f32::from(units) / 4.0), 1..9);
    let numbers = (prop::collection::vec(propensity, 1..9), units);
    (held, 0..8_u32, flags, numbers).prop_map(|(held, bits, flags, (propensities, units))| Person {
        held,
        consents: ChannelSet(bits),
        suppressed: flags.0,
        bought: flags.1,
        units,
        propensities,
    })
}

/// The product that stands for this one now.
pub(crate) fn became<'a>(catalogue: &'a Catalogue, product: &'a Product) -> &'a Product {
    let newer = catalogue.products.iter().rfind(|other| other.replaces.contains(&product.key));
    newer.map_or(product, |newer| became(catalogue, newer))
}

/// The first rule that removes the offer, from names and definitions alone.
pub(crate) fn plain_verdict(catalogue: &Catalogue, offer_idx: usize, person: &Person) -> Verdict {
    let offer = &catalogue.offers[offer_idx];
    let held: Vec<&Product> = person.held.iter().map(|id| &catalogue.products[id.0 as usize]).collect();
    let tier_of = |family: &str| {
        held.iter().filter(|p| p.family == family).map(|p| became(catalogue, p).tier.0).max().unwrap_or(0)
    };
    let mut applies = Vec::new();
    let mut rule = |rule: Rule, does: bool| applies.extend(does.then_some(rule));
    rule(Rule::NotValid, offer.valid_from.is_some_and(|d| d > AS_OF) || offer.valid_until.is_some_and(|d| d <= AS_OF));
    rule(Rule::Suppressed, person.suppressed);
    rule(Rule::NoConsent, (0..32).all(|c| !(person.consents.contains(c) && CHANNELS.contains(c))));
    if let Some(id) = offer.product {
        let product = &catalogue.products[id.0 as usize];
        let tier = tier_of(&offer.family);
        let is_sold = |p: &&Product| !catalogue.products.iter().any(|q| q.replaces.contains(&p.key));
        let below =
            catalogue.products.iter().filter(is_sold).filter(|p| p.family == offer.family && p.tier < product.tier);
        let lower = below.map(|p| p.tier.0).max().unwrap_or(0);
        let is_upsell = offer.kind == OfferKind::Upsell;
        // Of what is sold in numbers more may be had.
        let is_more = product.counted && tier == product.tier.0;
        let is_held = if is_upsell { tier == product.tier.0 } else { tier > 0 && tier <= product.tier.0 && !is_more };
        rule(Rule::AlreadyHeld, is_held);
        rule(Rule::HigherTierHeld, tier > product.tier.0);
        rule(Rule::LadderStep, is_upsell && if catalogue.skips_steps { tier == 0 } else { tier < lower });
        rule(Rule::Prerequisite, product.requires.iter().any(|family| tier_of(family) == 0));
        rule(
            Rule::Excluded,
            held.iter().any(|p| product.excludes.contains(&p.key) || product.excludes.contains(&p.family)),
        );
    } else {
        rule(Rule::RecentPurchase, person.bought[usize::from(offer.key == "rice")]);
    }
    applies.into_iter().min().map_or(Verdict::Eligible, Verdict::Removed)
}

//! What a catalogue must satisfy, and the offers that follow from it.

mod error;

use std::collections::{BTreeMap, BTreeSet};

use osusume_model::{Offer, OfferKind, Product, ProductId, Tier};

pub use error::CatalogueError;

/// Checks everything a catalogue can be asked without knowing what is to be sold; all faults together.
///
/// A code in `replaces` that is in no catalogue any more is no fault: replaced codes are often gone.
///
/// # Errors
/// All contradictions found.
pub fn check_products(products: &[Product]) -> Result<(), Vec<CatalogueError>> {
    let families: BTreeSet<&str> = products.iter().map(|product| product.family.as_str()).collect();
    let by_key: BTreeMap<&str, &Product> = products.iter().map(|product| (product.key.as_str(), product)).collect();
    let mut errors = Vec::new();
    for pair in products.windows(2).filter(|pair| pair[0].key >= pair[1].key) {
        errors.push(CatalogueError::NotSorted { product: pair[1].key.clone() });
    }
    for product in products {
        check_product(product, &families, &by_key, &mut errors);
    }
    let unobtainable = unobtainable(products);
    if errors.is_empty() && !unobtainable.is_empty() {
        errors.push(CatalogueError::RequiresCycle { products: unobtainable });
    }
    let circle = replaced_in_circle(products, &by_key);
    if !circle.is_empty() {
        errors.push(CatalogueError::ReplacesCycle { products: circle });
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn check_product(
    product: &Product,
    families: &BTreeSet<&str>,
    by_key: &BTreeMap<&str, &Product>,
    errors: &mut Vec<CatalogueError>,
) {
    let key = || product.key.clone();
    if product.tier == Tier(0) {
        errors.push(CatalogueError::TierZero { product: key() });
    }
    for family in product.requires.iter().filter(|family| !families.contains(family.as_str())) {
        errors.push(CatalogueError::UnknownRequired { product: key(), family: family.clone() });
    }
    for name in &product.excludes {
        if *name == product.family || product.requires.contains(name) {
            errors.push(CatalogueError::ExcludesNeeded { product: key(), family: name.clone() });
        } else if !families.contains(name.as_str()) && !by_key.contains_key(name.as_str()) {
            errors.push(CatalogueError::UnknownExcluded { product: key(), name: name.clone() });
        }
    }
    let is_elsewhere = |code: &&String| by_key.get(code.as_str()).is_some_and(|old| old.family != product.family);
    for replaced in product.replaces.iter().filter(is_elsewhere) {
        errors.push(CatalogueError::ReplacesOtherFamily { product: key(), replaced: replaced.clone() });
    }
}

/// Products that nobody can come to hold, starting from nothing: the least fixed point of "all required families can be held".
fn unobtainable(products: &[Product]) -> Vec<String> {
    let mut obtainable: BTreeSet<&str> = BTreeSet::new();
    let can = |product: &Product, held: &BTreeSet<&str>| product.requires.iter().all(|f| held.contains(f.as_str()));
    loop {
        let next: BTreeSet<&str> = products
            .iter()
            .filter(|product| can(product, &obtainable))
            .map(|product| product.family.as_str())
            .collect();
        if next.len() == obtainable.len() {
            return products.iter().filter(|p| !can(p, &obtainable)).map(|p| p.key.clone()).collect();
        }
        obtainable = next;
    }
}

/// Products from which following `replaces` leads back to themselves.
fn replaced_in_circle(products: &[Product], by_key: &BTreeMap<&str, &Product>) -> Vec<String> {
    let leads_back = |start: &&Product| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = start.replaces.iter().map(String::as_str).collect();
        while let Some(code) = open.pop() {
            if seen.insert(code)
                && let Some(product) = by_key.get(code)
            {
                open.extend(product.replaces.iter().map(String::as_str));
            }
        }
        seen.contains(start.key.as_str())
    };
    products.iter().filter(leads_back).map(|product| product.key.clone()).collect()
}

/// The offers that follow from the catalogue, in their fixed order: upsells by (family as given, tier, key), then cross-sells by family
/// as given.
///
/// An upsell family gives one offer for each product above tier 1, a cross-sell family one at its lowest tier. Replaced products are
/// never offered. The offer's key is the product's, its margin the product's own; [`crate::rank`] subtracts what is held.
///
/// # Errors
/// Those of [`check_products`], and what the two lists contradict.
pub fn offers_of(
    products: &[Product],
    upsell: &[String],
    cross_sell: &[String],
) -> Result<Vec<Offer>, Vec<CatalogueError>> {
    check_products(products)?;
    let mut errors = twice(upsell);
    errors.extend(twice(cross_sell));
    let mut offers = Vec::new();
    for family in upsell {
        upsells(products, family, &mut offers, &mut errors);
    }
    for family in cross_sell {
        match cross_sell_of(products, family) {
            Ok(id) => offers.push(offer(products, id, OfferKind::CrossSell)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(offers) } else { Err(errors) }
}

/// The lowest tier above `tier` that the family still sells; from `Tier(0)` its lowest one.
pub fn next_tier(products: &[Product], family: &str, tier: Tier) -> Option<Tier> {
    sold(products, family).into_iter().map(|(product_tier, _)| product_tier).find(|&other| other > tier)
}

/// (tier, position) of the family's products that no other one replaces, ascending.
pub(crate) fn sold(products: &[Product], family: &str) -> Vec<(Tier, ProductId)> {
    let replaced: BTreeSet<&str> = products.iter().flat_map(|p| p.replaces.iter().map(String::as_str)).collect();
    let mut sold: Vec<(Tier, ProductId)> = (0..)
        .zip(products)
        .filter(|(_, product)| product.family == family && !replaced.contains(product.key.as_str()))
        .map(|(id, product)| (product.tier, ProductId(id)))
        .collect();
    sold.sort_unstable();
    sold
}

fn upsells(products: &[Product], family: &str, offers: &mut Vec<Offer>, errors: &mut Vec<CatalogueError>) {
    let steps = sold(products, family);
    let Some(&(lowest, _)) = steps.first() else {
        errors.push(CatalogueError::UnknownFamily { family: family.to_owned() });
        return;
    };
    let above: Vec<(Tier, ProductId)> = steps.into_iter().filter(|step| step.0 > Tier(1)).collect();
    if above.is_empty() {
        errors.push(CatalogueError::NothingToUpsell { family: family.to_owned() });
    }
    for (tier, id) in above {
        if tier == lowest {
            errors.push(CatalogueError::NoLowerTier { product: products[id.0 as usize].key.clone() });
        }
        offers.push(offer(products, id, OfferKind::Upsell));
    }
}

fn cross_sell_of(products: &[Product], family: &str) -> Result<ProductId, CatalogueError> {
    let steps = sold(products, family);
    let Some(&(lowest, id)) = steps.first() else {
        return Err(CatalogueError::UnknownFamily { family: family.to_owned() });
    };
    let of_lowest = steps.iter().filter(|step| step.0 == lowest);
    let products: Vec<String> = of_lowest.map(|step| products[step.1.0 as usize].key.clone()).collect();
    if products.len() == 1 {
        Ok(id)
    } else {
        Err(CatalogueError::LowestTierTwice { family: family.to_owned(), products })
    }
}

fn offer(products: &[Product], id: ProductId, kind: OfferKind) -> Offer {
    let product = &products[id.0 as usize];
    Offer {
        key: product.key.clone(),
        kind,
        family: product.family.clone(),
        product: Some(id),
        margin: product.margin,
        valid_from: product.valid_from,
        valid_until: product.valid_until,
    }
}

fn twice(families: &[String]) -> Vec<CatalogueError> {
    let is_again = |&(at, family): &(usize, &String)| families[..at].contains(family);
    let again = families.iter().enumerate().filter(is_again);
    again.map(|(_, family)| CatalogueError::FamilyTwice { family: family.clone() }).collect()
}

#[cfg(test)]
mod tests;

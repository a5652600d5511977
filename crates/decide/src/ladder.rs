//! The catalogue as the kernels read it: names resolved to indexes once.

use osusume_model::{Catalogue, Date, Minor, OfferId, OfferKind, Product, ProductId, Tier};

use crate::catalogue::{CatalogueError, check_products, sold};

/// A checked catalogue with families, prerequisites and exclusions as indexes.
#[derive(Clone, Debug)]
pub struct Ladder {
    pub(crate) n_families: usize,
    pub(crate) products: Vec<Step>,
    pub(crate) offers: Vec<Rung>,
    pub(crate) n_categories: usize,
}

/// Where a product stands: on the step of the product that replaces it, with the margin of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) family: u32,
    pub(crate) tier: Tier,
    pub(crate) margin: Minor,
    pub(crate) survival: Option<f64>,
}

/// What an offer asks of what is held.
#[derive(Clone, Debug)]
pub(crate) struct Rung {
    pub(crate) family: u32,
    pub(crate) target: Target,
    pub(crate) margin: Minor,
    pub(crate) survival: Option<f64>,
    pub(crate) incentive: Minor,
    /// Whether whoever holds it may be offered more.
    pub(crate) is_counted: bool,
    pub(crate) requires: Vec<u32>,
    pub(crate) excluded_families: Vec<u32>,
    pub(crate) excluded_products: Vec<ProductId>,
    pub(crate) valid_from: Option<Date>,
    pub(crate) valid_until: Option<Date>,
}

/// The place on the ladder that an offer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// From `lower`, the next lower tier sold, to `tier`.
    Upsell { lower: Tier, tier: Tier },
    /// From nothing to `tier`.
    CrossSell { tier: Tier },
    /// The category of this position among the categories.
    Category { position: usize },
}

impl Ladder {
    /// Checks the products and resolves the names.
    ///
    /// A name in `excludes` that is both a family and a product means the family. An offer without a product is a category.
    ///
    /// # Errors
    /// Those of [`check_products`]; `NoLowerTier` for an upsell from nowhere; `UnknownFamily` for an upsell or cross-sell without a
    /// product.
    pub fn new(catalogue: &Catalogue) -> Result<Self, Vec<CatalogueError>> {
        check_products(&catalogue.products)?;
        let mut families: Vec<&str> = catalogue.products.iter().map(|product| product.family.as_str()).collect();
        families.extend(catalogue.offers.iter().map(|offer| offer.family.as_str()));
        families.sort_unstable();
        families.dedup();
        let mut ladder = Self { n_families: families.len(), products: Vec::new(), offers: Vec::new(), n_categories: 0 };
        for (product, stands_for) in catalogue.products.iter().zip(standing_for(&catalogue.products)) {
            let family = position(&families, &product.family).expect("every product's family is listed");
            let (tier, margin) = (catalogue.products[stands_for].tier, product.margin);
            ladder.products.push(Step { family, tier, margin, survival: product.survival });
        }
        let mut errors = Vec::new();
        for offer_idx in 0..catalogue.offers.len() {
            match ladder.rung(catalogue, &families, offer_idx) {
                Ok(rung) => ladder.offers.push(rung),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(ladder) } else { Err(errors) }
    }

    /// Number of offers, the width of every matrix.
    pub fn n_offers(&self) -> usize {
        self.offers.len()
    }

    /// Number of offers that are categories, the width of [`crate::Customers::bought`].
    pub fn n_categories(&self) -> usize {
        self.n_categories
    }

    fn rung(&mut self, catalogue: &Catalogue, families: &[&str], offer_idx: usize) -> Result<Rung, CatalogueError> {
        let offer = &catalogue.offers[offer_idx];
        let product = offer.product.map(|id| &catalogue.products[id.0 as usize]);
        let names = |list: &[String]| list.iter().filter_map(|name| position(families, name)).collect();
        let excludes = product.map_or(&[][..], |product| &product.excludes);
        Ok(Rung {
            family: position(families, &offer.family).expect("every offer's family is listed"),
            target: self.target(catalogue, OfferId(offer_idx as u32))?,
            margin: offer.margin,
            survival: product.and_then(|product| product.survival),
            incentive: product.map_or(Minor(0), |product| product.offer_cost),
            is_counted: product.is_some_and(|product| product.counted),
            requires: product.map_or(Vec::new(), |product| names(&product.requires)),
            excluded_families: names(excludes),
            excluded_products: excludes.iter().filter_map(|name| product_named(catalogue, families, name)).collect(),
            valid_from: offer.valid_from,
            valid_until: offer.valid_until,
        })
    }

    fn target(&mut self, catalogue: &Catalogue, offer: OfferId) -> Result<Target, CatalogueError> {
        let offer = &catalogue.offers[offer.0 as usize];
        if offer.kind == OfferKind::Category {
            self.n_categories += 1;
            return Ok(Target::Category { position: self.n_categories - 1 });
        }
        let Some(id) = offer.product else {
            return Err(CatalogueError::UnknownFamily { family: offer.family.clone() });
        };
        let tier = self.products[id.0 as usize].tier;
        if offer.kind == OfferKind::CrossSell {
            return Ok(Target::CrossSell { tier });
        }
        if catalogue.skips_steps {
            return Ok(Target::Upsell { lower: Tier(1), tier });
        }
        let lower = sold(&catalogue.products, &offer.family).into_iter().rev().map(|step| step.0).find(|t| *t < tier);
        let lower = lower.ok_or_else(|| CatalogueError::NoLowerTier { product: offer.key.clone() })?;
        Ok(Target::Upsell { lower, tier })
    }
}

/// For each product the one it became: `replaces` followed to its end, itself where nothing replaces it. Of several products that
/// replace one, the last in the catalogue counts.
///
/// `products` passed [`check_products`]: their `replaces` form no circle.
fn standing_for(products: &[Product]) -> Vec<usize> {
    let mut successor: Vec<Option<usize>> = vec![None; products.len()];
    for (newer, product) in products.iter().enumerate() {
        for code in &product.replaces {
            if let Ok(older) = products.binary_search_by(|other| other.key.as_str().cmp(code)) {
                successor[older] = Some(newer);
            }
        }
    }
    let end_of = |start| std::iter::successors(Some(start), |&at| successor[at]).last();
    (0..products.len()).map(|start| end_of(start).expect("the start itself is listed")).collect()
}

fn position(sorted: &[&str], name: &str) -> Option<u32> {
    sorted.binary_search(&name).ok().map(|at| at as u32)
}

/// The product an excluded name means, unless it means a family.
fn product_named(catalogue: &Catalogue, families: &[&str], name: &str) -> Option<ProductId> {
    if position(families, name).is_some() {
        return None;
    }
    let found = catalogue.products.binary_search_by(|product| product.key.as_str().cmp(name));
    found.ok().map(|at| ProductId(at as u32))
}

//! Products, ladders and the offers that follow from them.

use crate::{Date, Minor};

/// Index of a product in its [`Catalogue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(pub u32);

/// Index of an offer, in the order of the offer table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId(pub u32);

/// Step of a ladder: a higher tier is an upgrade; tier 0 is "nothing held".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier(pub u16);

/// The unit a product is sold to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeldBy {
    /// The customer: at most one of a family each.
    #[default]
    Customer,
    /// Each contract of the customer on its own.
    Contract,
    /// The household together.
    Household,
    /// The business account together.
    Account,
}

/// A product as the products table declares it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Product {
    /// The company's own product code.
    pub key: String,
    /// The family, e.g. `line`.
    pub family: String,
    /// Step within the family's ladder, 1 for the lowest.
    pub tier: Tier,
    /// The unit it is sold to.
    pub held_by: HeldBy,
    /// Margin a month.
    pub margin: Minor,
    /// Families of which something must be held.
    pub requires: Vec<String>,
    /// Families or products of which nothing may be held.
    pub excludes: Vec<String>,
    /// Product codes this one replaces: moving between them is a migration, never a take.
    pub replaces: Vec<String>,
    /// Share of its holders who still hold it a month later, in (0, 1]; the pipeline's where it is absent.
    pub survival: Option<f64>,
    /// What the company gives to whoever takes it: a discount, a device.
    pub offer_cost: Minor,
    /// Sold in numbers: margin and offer cost are per unit, and whoever holds it may be offered more.
    pub counted: bool,
    /// First day it may be offered.
    pub valid_from: Option<Date>,
    /// First day it may no longer be offered.
    pub valid_until: Option<Date>,
}

/// How an offer's take is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferKind {
    /// The first start of this product from a strictly lower tier of the same family.
    Upsell,
    /// The first holding of the family.
    CrossSell,
    /// A purchase out of a category not bought for a while.
    Category,
}

/// One offer: one model, one column of scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The name in tables, e.g. `line_1g` or a category's name.
    pub key: String,
    /// Upsell, cross-sell or category.
    pub kind: OfferKind,
    /// The family, which pooled rates and reasons use.
    pub family: String,
    /// The product offered; `None` for a category of purchases.
    pub product: Option<ProductId>,
    /// Margin a month (or a purchase, for a category).
    pub margin: Minor,
    /// First day it may be offered.
    pub valid_from: Option<Date>,
    /// First day it may no longer be offered.
    pub valid_until: Option<Date>,
}

/// All products and the offers that follow from them, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Products sorted by key; [`ProductId`] is the position.
    pub products: Vec<Product>,
    /// Offers; [`OfferId`] is the position.
    pub offers: Vec<Offer>,
    /// Whether an upsell is open from every lower tier, not only from the next.
    pub skips_steps: bool,
}

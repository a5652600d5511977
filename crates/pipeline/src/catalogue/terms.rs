//! What the products table says of offering a product: what it earns, how long it is kept, what it costs to give, and when it may be
//! offered.

use osusume_model::{Code, Date, Fault, Offer, OfferKind, Product, Result};
use osusume_tables::{Column, Values};

use super::{PlainTable, integer};
use crate::calendar::Calendar;
use crate::config::Config;

/// Fills in what the table says beside the ladder. `rows`: the input row of each product.
///
/// # Errors
/// An unknown time zone; `CatalogueContradiction` for shares and costs that cannot be.
pub(super) fn fill(config: &Config, table: &PlainTable, rows: &[usize], products: &mut [Product]) -> Result<()> {
    let column = |name: &str| table.columns.get(name);
    let [survival, cost, from, until] = ["survival", "offer_cost", "valid_from", "valid_until"].map(column);
    let counted = column("counted");
    let calendar = Calendar::new(&config.pipeline.time_zone)?;
    let date = |column: Option<&Column>, row| Some(calendar.day(integer(column?, row)?));
    for (product, &row) in products.iter_mut().zip(rows) {
        product.survival = survival.and_then(|column| number(column, row));
        product.offer_cost.0 = cost.and_then(|column| integer(column, row)).unwrap_or(0);
        product.counted = counted.and_then(|column| integer(column, row)) == Some(1);
        product.valid_from = date(from, row);
        product.valid_until = date(until, row);
    }
    let is_share = |product: &Product| product.survival.is_none_or(|kept| kept > 0.0 && kept <= 1.0);
    let is_never = |from: Date, until: Date| from >= until;
    Fault::all(
        [
            contradiction(products, "`survival` must be a share a month above 0 and at most 1", |product| {
                !is_share(product)
            }),
            contradiction(products, "`offer_cost` must not be negative", |product| product.offer_cost.0 < 0),
            contradiction(products, "`valid_until` must come after `valid_from`", |product| {
                product.valid_from.zip(product.valid_until).is_some_and(|(from, until)| is_never(from, until))
            }),
        ]
        .into_iter()
        .flatten()
        .collect(),
    )
}

/// Every product that is offered must say what it earns: a missing margin is no margin of nothing.
///
/// # Errors
/// `CatalogueContradiction`.
pub(super) fn check_margins(table: &PlainTable, rows: &[usize], products: &[Product], offers: &[Offer]) -> Result<()> {
    let margin = table.columns.get("margin");
    let is_missing = |position: usize| margin.is_none_or(|column| integer(column, rows[position]).is_none());
    let offered = offers.iter().filter_map(|offer| offer.product).map(|id| id.0 as usize);
    let missing: Vec<String> = offered.filter(|&id| is_missing(id)).map(|id| products[id].key.clone()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fault::new(Code::CatalogueContradiction)
        .with("names", missing)
        .because("an offered product needs a `margin`, and has none"))
}

/// What is sold in numbers is offered beside other products, out of holdings with dates: how many units a step up the ladder would replace
/// is not known where it is valued, and a cross-section does not say how many were taken.
///
/// # Errors
/// `CatalogueContradiction`.
pub(super) fn check_counted(config: &Config, products: &[Product], offers: &[Offer]) -> Result<()> {
    let of = |offer: &Offer| offer.product.map(|id| &products[id.0 as usize]);
    let is_step = |product: &Product| {
        offers.iter().any(|offer| offer.kind == OfferKind::Upsell && offer.family == product.family)
    };
    let is_offered = |product: &Product| offers.iter().filter_map(of).any(|offered| offered.key == product.key);
    let faults = [
        contradiction(
            products,
            "a product sold in numbers (`counted`) has a family of `offers.upsell.families`: an upgrade replaces one product by one, so offer the family by `offers.cross_sell.families`, or leave the flag empty",
            |product| product.counted && is_step(product),
        ),
        contradiction(
            products,
            "a product sold in numbers (`counted`) cannot be offered out of a cross-section, which does not tell how many were taken: leave the flag empty",
            |product| product.counted && config.is_cross_section() && is_offered(product),
        ),
    ];
    Fault::all(faults.into_iter().flatten().collect())
}

fn contradiction(products: &[Product], detail: &str, is_wrong: impl Fn(&Product) -> bool) -> Option<Fault> {
    let names: Vec<String> = products.iter().filter(|one| is_wrong(one)).map(|product| product.key.clone()).collect();
    (!names.is_empty()).then(|| Fault::new(Code::CatalogueContradiction).with("names", names).because(detail))
}

fn number(column: &Column, row: usize) -> Option<f64> {
    let is_valid = column.valid.as_ref().is_none_or(|valid| valid[row]);
    match &column.values {
        Values::F64(values) if is_valid => Some(values[row]),
        Values::I64(values) if is_valid => Some(values[row] as f64),
        _ => None,
    }
}

//! The catalogue: products and offers out of the products table and the pipeline file.

mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use osusume_decide::{CatalogueError, offers_of};
use osusume_model::{Catalogue, Code, Fault, HeldBy, Minor, NoControl, Offer, OfferKind, Product, Result, Tier};
use osusume_tables::{Column, Names, TableFile, Values, split_list};
use osusume_windows::OfferRule;
use rayon::prelude::*;

use crate::config::{AttributeKind, CategoryOffers, Config, FAMILY_LEVEL, PRODUCT_LEVEL, Role};
use crate::plan::Join;
use crate::stages::ingest::attribute_column;

/// Products, offers, and the small tables the kernels look products up in.
pub(crate) struct Goods {
    /// Products sorted by key, and the offers.
    pub(crate) catalogue: Catalogue,
    /// Families, sorted.
    pub(crate) families: Vec<String>,
    /// Family of each product.
    pub(crate) family: Vec<u32>,
    /// Tier of each product.
    pub(crate) tier: Vec<u16>,
    /// The product that stands for each after `replaces`.
    pub(crate) canonical: Vec<u32>,
    /// English and Japanese name of each product, where the table has them.
    pub(crate) names: Vec<[Option<String>; 2]>,
    /// What each product costs a month, in minor units, where the table says so.
    pub(crate) prices: Vec<Option<i64>>,
    /// Levels of each attribute that is a category: product position → level.
    pub(crate) attributes: BTreeMap<String, Join>,
    /// Values of each attribute that is a number, by product; NaN where absent.
    pub(crate) numbers: BTreeMap<String, Vec<f64>>,
    /// The products that were bought, sorted, where products themselves are offered out of purchases.
    sold: Names,
}

impl Goods {
    /// Reads the products table, if there is one, and draws up the offers. `sold`: the products of the purchases, sorted.
    ///
    /// # Errors
    /// `CatalogueContradiction`, `NoOffers`, and faults of the table.
    pub(crate) fn read(config: &Config, table: Option<&TableFile>, sold: Option<Names>) -> Result<Self> {
        let columns = table.map(|table| PlainTable::read(config, table)).transpose()?.unwrap_or_default();
        let (mut products, rows) = columns.sorted();
        if let Some(pair) = products.windows(2).find(|pair| pair[0].key == pair[1].key) {
            return Err(Fault::new(Code::CatalogueContradiction)
                .with("names", vec![pair[0].key.clone()])
                .because("listed twice"));
        }
        terms::fill(config, &columns, &rows, &mut products)?;
        let mut goods = Self::of_products(products);
        let names = ["name_en", "name_ja"].map(|name| columns.columns.get(name));
        goods.names = rows.par_iter().map(|&row| names.map(|column| text(column?, row).map(str::to_owned))).collect();
        let price = columns.columns.get("price");
        goods.prices = rows.iter().map(|&row| integer(price?, row)).collect();
        goods.attributes = columns.joins(config, &rows);
        goods.numbers = columns.numbers(config, &rows);
        goods.sold = sold.unwrap_or_default();
        goods.check_held(config)?;
        goods.catalogue.offers = goods.offers(config)?;
        terms::check_counted(config, &goods.catalogue.products, &goods.catalogue.offers)?;
        goods.catalogue.skips_steps = config.offers.skip_steps;
        terms::check_margins(&columns, &rows, &goods.catalogue.products, &goods.catalogue.offers)?;
        if goods.catalogue.offers.is_empty() {
            return Err(Fault::new(Code::NoOffers));
        }
        Ok(goods)
    }

    /// Of products alone, sorted by key, without names, attributes or offers.
    pub(crate) fn of_products(products: Vec<Product>) -> Self {
        // Of the products of a grocer none has a family.
        let (unnamed, named): (Vec<&str>, Vec<&str>) =
            products.iter().map(|p| p.family.as_str()).partition(|family| family.is_empty());
        let families: BTreeSet<&str> = named.into_iter().chain(unnamed.first().copied()).collect();
        let families: Vec<String> = families.into_iter().map(str::to_owned).collect();
        let position = |name: &str| families.partition_point(|family| family.as_str() < name) as u32;
        let family = products.iter().map(|p| if p.family.is_empty() { 0 } else { position(&p.family) }).collect();
        let tier = products.iter().map(|p| p.tier.0).collect();
        let canonical = canonical(&products);
        let catalogue = Catalogue { products, ..Catalogue::default() };
        let (names, attributes, sold) = (Vec::new(), BTreeMap::new(), Names::default());
        let prices = Vec::new();
        Self { catalogue, families, family, tier, canonical, names, prices, attributes, numbers: BTreeMap::new(), sold }
    }

    fn offers(&self, config: &Config) -> Result<Vec<Offer>> {
        let offers = &config.offers;
        let mut found = Vec::new();
        if !offers.upsell_families.is_empty() || !offers.cross_sell_families.is_empty() {
            self.check_families(config)?;
            found = offers_of(&self.catalogue.products, &offers.upsell_families, &offers.cross_sell_families)
                .map_err(|errors| contradictions(&errors))?;
        }
        if let Some(category) = &offers.category {
            self.check_categories(category)?;
            found.extend(category.names.iter().map(|name| Offer {
                key: name.clone(),
                kind: OfferKind::Category,
                family: name.clone(),
                product: None,
                margin: Minor(category.margin_minor),
                valid_from: None,
                valid_until: None,
            }));
        }
        check_keys(&found)?;
        Ok(found)
    }

    /// Every family offered must be one of the products'.
    fn check_families(&self, config: &Config) -> Result<()> {
        let keys = [
            ("offers.upsell.families", &config.offers.upsell_families),
            ("offers.cross_sell.families", &config.offers.cross_sell_families),
        ];
        let named = keys.into_iter().flat_map(|(key, names)| names.iter().map(move |name| (key, name)));
        let unknown = named.filter(|(_, name)| !self.families.contains(name));
        let fault = |(key, name): (&str, &String)| {
            let known = self.families.iter().filter(|family| !family.is_empty()).take(20).cloned();
            let fault = Fault::new(Code::ConfigUnknownName).named(key).with("key", key).with("got", name.as_str());
            fault.with("allowed", known.collect::<Vec<_>>())
        };
        Fault::all(unknown.map(fault).collect())
    }

    /// What a cross-section says is held must be products, and what gives something away must give away families.
    fn check_held(&self, config: &Config) -> Result<()> {
        let products: Vec<&str> = self.catalogue.products.iter().map(|product| product.key.as_str()).collect();
        let families: Vec<&str> = self.families.iter().map(String::as_str).collect();
        let held = config.sources.values().flat_map(|source| {
            source.holds.keys().map(move |product| (format!("sources.{}.holds", source.name), product))
        });
        let revealed = config.sources.values().flat_map(|source| {
            let named = source.reveals.iter().flat_map(|(header, families)| families.iter().map(move |f| (header, f)));
            named.map(move |(header, family)| (format!("sources.{}.reveals.{header}", source.name), family))
        });
        let unknown = |key: String, name: &String, known: &[&str]| {
            let allowed: Vec<String> = known.iter().take(20).map(|&name| name.to_owned()).collect();
            let fault = Fault::new(Code::ConfigUnknownName).named(&key).with("key", key.as_str());
            (!known.contains(&name.as_str())).then(|| fault.with("got", name.as_str()).with("allowed", allowed))
        };
        let held = held.filter_map(|(key, name)| unknown(key, name, &products));
        Fault::all(held.chain(revealed.filter_map(|(key, name)| unknown(key, name, &families))).collect())
    }

    /// Every category offered must be a level of the products' attribute, or a product that was bought.
    fn check_categories(&self, category: &CategoryOffers) -> Result<()> {
        let sold = || if category.level == PRODUCT_LEVEL { self.sold.to_vec() } else { Vec::new() };
        let levels: Vec<String> = self.attributes.get(&category.level).map_or_else(sold, |join| join.names.to_vec());
        let unknown = category.names.iter().filter(|name| levels.binary_search(name).is_err());
        Fault::all(
            unknown
                .map(|name| {
                    Fault::new(Code::ConfigUnknownName)
                        .with("key", "offers.category.names")
                        .with("got", name.as_str())
                        .with("allowed", levels.iter().take(20).cloned().collect::<Vec<_>>())
                })
                .collect(),
        )
    }

    /// The position of a product by its key.
    pub(crate) fn position(&self, key: &str) -> Option<u32> {
        self.catalogue.products.binary_search_by(|p| p.key.as_str().cmp(key)).ok().map(|i| i as u32)
    }

    /// The offers of products sold in numbers, ascending, with the product that stands for each after `replaces`.
    pub(crate) fn counted(&self) -> Vec<(usize, u32)> {
        let products = self.catalogue.offers.iter().enumerate().filter_map(|(at, offer)| Some((at, offer.product?.0)));
        let counted = products.filter(|(_, product)| self.catalogue.products[*product as usize].counted);
        counted.map(|(at, product)| (at, self.canonical[product as usize])).collect()
    }

    /// The families with something sold in numbers, by position.
    pub(crate) fn counted_families(&self) -> BTreeSet<usize> {
        let products = self.catalogue.products.iter().zip(&self.family);
        products.filter(|(product, _)| product.counted).map(|(_, &family)| family as usize).collect()
    }

    /// The label rules of the offers that follow from the catalogue, in the order of offers.
    pub(crate) fn rules(&self) -> Vec<OfferRule> {
        let products = self.catalogue.offers.iter().filter_map(|offer| Some((offer, offer.product?)));
        products
            .map(|(offer, product)| {
                let conditions = &self.catalogue.products[product.0 as usize];
                let family = |name: &String| self.families.binary_search(name).ok().map(|i| i as u32);
                let is_product = |name: &&String| family(name).is_none();
                OfferRule {
                    kind: offer.kind,
                    family: self.family[product.0 as usize],
                    tier: self.tier[product.0 as usize],
                    skips_steps: self.catalogue.skips_steps,
                    counted: conditions.counted.then(|| self.canonical[product.0 as usize]),
                    requires: conditions.requires.iter().filter_map(family).collect(),
                    excluded_families: conditions.excludes.iter().filter_map(family).collect(),
                    // As in crate `decide`: a name that is both means the family.
                    excluded_products: conditions
                        .excludes
                        .iter()
                        .filter(is_product)
                        .filter_map(|name| self.position(name))
                        .collect(),
                }
            })
            .collect()
    }

    /// For a dictionary of product codes: the position of each in the catalogue, `u32::MAX` for unknown ones.
    ///
    /// Dictionaries are sorted, and so are the products: each key is looked for from where the one before it was found.
    pub(crate) fn positions(&self, dictionary: &[String]) -> Vec<u32> {
        let products = &self.catalogue.products;
        let (mut at, mut before) = (0, "");
        let mut found = Vec::with_capacity(dictionary.len());
        for key in dictionary {
            // A dictionary in another order costs time, and nothing else.
            at = self.not_before(key, if key.as_str() < before { 0 } else { at });
            let is_known = products.get(at).is_some_and(|product| product.key == *key);
            found.push(if is_known { at as u32 } else { u32::MAX });
            before = key;
        }
        found
    }

    /// The first product from `start` on whose key is not before `key`, by steps that double (Bentley and Yao, 1976).
    fn not_before(&self, key: &str, start: usize) -> usize {
        let products = &self.catalogue.products[start..];
        let mut step = 1;
        while products.get(step - 1).is_some_and(|product| product.key.as_str() < key) {
            step *= 2;
        }
        let from = step / 2;
        let rest = &products[from..step.min(products.len())];
        start + from + rest.partition_point(|product| product.key.as_str() < key)
    }

    /// The families of the products, where they have any.
    fn family_levels(&self) -> Option<Join> {
        let names: Arc<[String]> = self.families.iter().filter(|name| !name.is_empty()).cloned().collect();
        let (n_unnamed, none) = ((self.families.len() - names.len()) as u32, names.len() as u32);
        // Families are sorted, so that the one without a name is the first.
        let map = self.family.iter().map(|family| family.checked_sub(n_unnamed).unwrap_or(none)).collect();
        (none > 0).then_some(Join { map, names })
    }

    /// For a dictionary of product codes: the level of an attribute, the family, or the product itself, as a join.
    pub(crate) fn join(&self, attribute: &str, dictionary: &[String]) -> Option<Join> {
        if attribute == PRODUCT_LEVEL && !self.attributes.contains_key(attribute) {
            return Some(Join { map: (0..dictionary.len() as u32).collect(), names: dictionary.into() });
        }
        let families = || (attribute == FAMILY_LEVEL).then(|| self.family_levels()).flatten();
        let levels = self.attributes.get(attribute).cloned().or_else(families)?;
        let none = levels.names.len() as u32;
        let level = |position: &u32| levels.map.get(*position as usize).copied().unwrap_or(none);
        let map = self.positions(dictionary).iter().map(level).collect();
        Some(Join { map, names: Arc::clone(&levels.names) })
    }
}

/// All contradictions of a catalogue as one fault.
pub(crate) fn contradictions(errors: &[CatalogueError]) -> Fault {
    let mut faults = errors.iter().map(|error| Fault::new(Code::CatalogueContradiction).because(error));
    let first = faults.next().unwrap_or_else(|| Fault::new(Code::CatalogueContradiction));
    first.and(faults.collect())
}

/// Decisions have two columns an offer beside their own, and no two columns may share a name.
fn check_keys(offers: &[Offer]) -> Result<()> {
    let mut columns = ["customer_id", "arm", "lane"].map(str::to_owned).into_iter().collect::<BTreeSet<String>>();
    let names = |offer: &Offer| [offer.key.clone(), format!("{}/won_by", offer.key)];
    let is_taken = |offer: &&Offer| names(offer).into_iter().any(|name| !columns.insert(name));
    let taken: Vec<String> = offers.iter().filter(is_taken).map(|offer| offer.key.clone()).collect();
    if taken.is_empty() {
        return Ok(());
    }
    let detail = "an offer's name is that of another offer or of a column of the decisions";
    Err(Fault::new(Code::CatalogueContradiction).with("names", taken).because(detail))
}

/// Follows `replaces` to the newest product; a loop ends where it began.
fn canonical(products: &[Product]) -> Vec<u32> {
    let position = |key: &str| products.binary_search_by(|p| p.key.as_str().cmp(key)).ok();
    let mut successor: Vec<Option<usize>> = vec![None; products.len()];
    for (newer, product) in products.iter().enumerate() {
        for older in product.replaces.iter().filter_map(|key| position(key)) {
            successor[older] = Some(newer);
        }
    }
    (0..products.len())
        .map(|start| {
            let mut at = start;
            for _ in 0..products.len() {
                match successor[at] {
                    Some(next) if next != start => at = next,
                    _ => break,
                }
            }
            at as u32
        })
        .collect()
}

/// The products table as columns in input order.
#[derive(Default)]
struct PlainTable {
    n_rows: usize,
    columns: BTreeMap<String, Column>,
}

impl PlainTable {
    fn read(config: &Config, table: &TableFile) -> Result<Self> {
        let source = config.sources.values().find(|source| source.role == Role::Products);
        let Some(source) = source else { return Ok(Self::default()) };
        let mut names: Vec<String> = source.columns.keys().cloned().collect();
        names.extend(source.attributes.keys().map(|header| attribute_column(header)));
        let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        let part = table.read_all(&wanted, &NoControl)?;
        let n_rows = part.n_rows;
        Ok(Self { n_rows, columns: names.into_iter().zip(part.columns).collect() })
    }

    /// The products in order of their keys, and the input row of each.
    fn sorted(&self) -> (Vec<Product>, Vec<usize>) {
        let columns = ProductColumns::of(self);
        let key = |row: usize| columns.product.and_then(|column| text(column, row)).unwrap_or_default();
        let mut order: Vec<(u64, usize)> =
            (0..self.n_rows).into_par_iter().map(|row| (head_of(key(row)), row)).collect();
        // Of two rows with one key the first comes first.
        order.par_sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| key(a.1).cmp(key(b.1))).then_with(|| a.1.cmp(&b.1))
        });
        let rows: Vec<usize> = order.into_iter().map(|(_, row)| row).collect();
        (rows.par_iter().map(|&row| columns.product(row)).collect(), rows)
    }

    /// Values by product, for every attribute that is a number. `rows`: the input row of each product.
    fn numbers(&self, config: &Config, rows: &[usize]) -> BTreeMap<String, Vec<f64>> {
        let source = config.sources.values().find(|source| source.role == Role::Products);
        let attributes = source.map(|source| source.attributes.clone()).unwrap_or_default();
        let numbers =
            attributes.into_iter().filter(|(_, kind)| matches!(kind, AttributeKind::Integer | AttributeKind::Number));
        let value = |column: &Column, row: usize| match &column.values {
            _ if column.valid.as_ref().is_some_and(|valid| !valid[row]) => f64::NAN,
            Values::I64(values) => values[row] as f64,
            Values::F64(values) => values[row],
            Values::Code(_) | Values::Text(_) => f64::NAN,
        };
        numbers
            .filter_map(|(header, _)| {
                let column = self.columns.get(&attribute_column(&header))?;
                Some((header, rows.iter().map(|&row| value(column, row)).collect()))
            })
            .collect()
    }

    /// Product position → level, for every attribute that is a category. `rows`: the input row of each product.
    fn joins(&self, config: &Config, rows: &[usize]) -> BTreeMap<String, Join> {
        let source = config.sources.values().find(|source| source.role == Role::Products);
        let attributes = source.map(|source| source.attributes.clone()).unwrap_or_default();
        let categories = attributes.into_iter().filter(|(_, kind)| *kind == AttributeKind::Category);
        categories
            .filter_map(|(header, _)| {
                let column = self.columns.get(&attribute_column(&header))?;
                let (Values::Code(codes), Some(names)) = (&column.values, &column.dictionary) else { return None };
                let none = names.len() as u32;
                let is_valid = |row: usize| column.valid.as_ref().is_none_or(|valid| valid[row]);
                let map = rows.iter().map(|&row| if is_valid(row) { codes[row] } else { none }).collect();
                Some((header, Join { map, names: Arc::clone(names.texts()) }))
            })
            .collect()
    }
}

/// The first eight bytes as a number that is ordered as they are.
fn head_of(text: &str) -> u64 {
    let (mut head, len) = ([0; 8], text.len().min(8));
    head[..len].copy_from_slice(&text.as_bytes()[..len]);
    u64::from_be_bytes(head)
}

/// The text of a row, where the column has one.
fn text(column: &Column, row: usize) -> Option<&str> {
    if column.valid.as_ref().is_some_and(|valid| !valid[row]) {
        return None;
    }
    match &column.values {
        Values::Text(texts) => Some(texts.get(row)),
        Values::Code(codes) => column.dictionary.as_ref().map(|names| names[codes[row] as usize].as_str()),
        _ => None,
    }
}

/// The columns that products are made of, each looked for once.
struct ProductColumns<'a> {
    product: Option<&'a Column>,
    family: Option<&'a Column>,
    tier: Option<&'a Column>,
    held_by: Option<&'a Column>,
    margin: Option<&'a Column>,
    lists: [Option<&'a Column>; 3],
}

impl<'a> ProductColumns<'a> {
    fn of(table: &'a PlainTable) -> Self {
        let find = |name: &str| table.columns.get(name);
        Self {
            product: find("product"),
            family: find("family"),
            tier: find("tier"),
            held_by: find("held_by"),
            margin: find("margin"),
            lists: ["requires", "excludes", "replaces"].map(find),
        }
    }

    fn product(&self, row: usize) -> Product {
        let text = |column: Option<&'a Column>| column.and_then(|column| text(column, row));
        let integer = |column: Option<&Column>| column.and_then(|column| integer(column, row));
        let [requires, excludes, replaces] = self
            .lists
            .map(|column| text(column).map(|list| split_list(list).map(str::to_owned).collect()).unwrap_or_default());
        Product {
            key: text(self.product).unwrap_or_default().to_owned(),
            family: text(self.family).unwrap_or_default().to_owned(),
            tier: Tier(integer(self.tier).and_then(|tier| u16::try_from(tier).ok()).unwrap_or(0)),
            held_by: match text(self.held_by) {
                Some("contract") => HeldBy::Contract,
                Some("household") => HeldBy::Household,
                Some("account") => HeldBy::Account,
                _ => HeldBy::Customer,
            },
            margin: Minor(integer(self.margin).unwrap_or(0)),
            requires,
            excludes,
            replaces,
            ..Product::default()
        }
    }
}

fn integer(column: &Column, row: usize) -> Option<i64> {
    let is_valid = column.valid.as_ref().is_none_or(|valid| valid[row]);
    match &column.values {
        Values::I64(values) if is_valid => Some(values[row]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_a_search_each() {
        let product = |i: usize| Product {
            key: format!("p{i:04}"),
            family: String::new(),
            tier: Tier(0),
            held_by: HeldBy::Customer,
            margin: Minor(0),
            requires: Vec::new(),
            excludes: Vec::new(),
            replaces: Vec::new(),
            ..Product::default()
        };
        let goods = Goods::of_products((0..1_000).filter(|i| i % 7 != 3).map(product).collect());
        let of = |keys: Vec<usize>| keys.into_iter().map(|i| format!("p{i:04}")).collect::<Vec<String>>();
        let all: Vec<usize> = (0..1_005).collect();
        let few = vec![0, 1, 3, 400, 401, 999, 1_004];
        let mixed: Vec<usize> = (0..500).map(|i| i * 617 % 1_003).collect();
        for dictionary in [of(all), of(few), of(mixed), Vec::new()] {
            let expected: Vec<u32> = dictionary.iter().map(|key| goods.position(key).unwrap_or(u32::MAX)).collect();
            assert_eq!(goods.positions(&dictionary), expected);
        }
    }

    #[test]
    fn no_two_columns_of_the_decisions_share_a_name() {
        let offer = |key: &&str| Offer {
            key: (*key).to_owned(),
            kind: OfferKind::Category,
            family: (*key).to_owned(),
            product: None,
            margin: Minor(0),
            valid_from: None,
            valid_until: None,
        };
        let check = |keys: &[&str]| check_keys(&keys.iter().map(offer).collect::<Vec<_>>());
        assert_eq!(check(&["tv", "tv2", "won_by"]), Ok(()));
        for keys in [&["arm"][..], &["lane"], &["customer_id"], &["tv", "tv"], &["tv", "tv/won_by"]] {
            assert_eq!(check(keys).map_err(|fault| fault.code()), Err(Code::CatalogueContradiction), "{keys:?}");
        }
    }
}

//! What a run can go on with and is most likely a slip: words and probabilities of contacts that mean nothing, holdings within each other,
//! channels nobody spoke of, margins that cannot be meant.

mod overlaps;

use std::collections::BTreeMap;

use osusume_model::{Code, Fault, Offer, OfferKind, Product, Result};
use osusume_tables::TableFile;

use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Config, Role};
use crate::job::Job;
use crate::seam::Block;
use crate::stages::train::ARMS;

/// Words of a table shown, the most frequent first.
const GOT_SHOWN: usize = 3;
/// Known words shown.
const NAMES_SHOWN: usize = 20;

/// A warning for everything found, in the order of what it is about.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn doubts(job: &Job<'_>, tables: &Checked, goods: &Goods) -> Result<Vec<Fault>> {
    let mut found = contact_words(job, tables, goods)?;
    found.extend(probabilities(job, tables)?);
    found.extend(overlaps::overlaps(job, tables, goods)?);
    found.extend(silent_channels(job.config, tables));
    found.extend(margins(&goods.catalogue.products, &goods.catalogue.offers));
    Ok(found)
}

/// Rows of contacts that are read for what they add and say a word nobody knows: they are left out of every comparison.
fn contact_words(job: &Job<'_>, tables: &Checked, goods: &Goods) -> Result<Vec<Fault>> {
    let Some(source) = job.config.source_of(Role::Contacts) else { return Ok(Vec::new()) };
    let Some(table) = tables.table(&source.name) else { return Ok(Vec::new()) };
    let offers: Vec<&str> = goods.catalogue.offers.iter().map(|offer| offer.key.as_str()).collect();
    // Contacts about products that are no longer offered, or about a family, are history and no slip.
    let is_known = |word: &str| {
        let is_family = || goods.families.iter().any(|family| family == word);
        offers.contains(&word) || goods.position(word).is_some() || is_family()
    };
    let is_arm = |word: &str| ARMS.iter().any(|(arm, _)| word.eq_ignore_ascii_case(arm));
    let arms: Vec<&str> = ARMS.iter().map(|(arm, _)| *arm).collect();
    let columns = [("arm", &is_arm as &dyn Fn(&str) -> bool, &arms), ("offer", &is_known, &offers)];
    let mut faults = Vec::new();
    for (column, is_known, known) in columns {
        if source.column(column).is_none() {
            continue;
        }
        let Some((rows, got)) = unknown_words(job, tables, table, column, is_known)? else { continue };
        let allowed: Vec<String> = known.iter().take(NAMES_SHOWN).map(|&word| word.to_owned()).collect();
        let fault = Fault::new(Code::WordsUnknown).with("source", source.name.as_str()).with("column", column);
        faults.push(fault.with("rows", rows).with("of", table.n_rows()).with("got", got).with("allowed", allowed));
    }
    Ok(faults)
}

/// Rows of contacts whose probability is none: they are learned from as if it had not been written.
fn probabilities(job: &Job<'_>, tables: &Checked) -> Result<Option<Fault>> {
    let source = job.config.source_of(Role::Contacts).filter(|source| source.column("probability").is_some());
    let Some(source) = source else { return Ok(None) };
    let Some(table) = tables.table(&source.name) else { return Ok(None) };
    let mut rows = 0_u64;
    for customers in tables.passes() {
        job.check_stop()?;
        let block = Block::read(table, customers, &["probability"], &job.quiet())?;
        let n_rows = block.offsets.last().map_or(0, |&end| end as usize);
        let is_none = |p: f64| p <= 0.0 || p > 1.0;
        rows += (0..n_rows).filter(|&row| is_none(block.number("probability", row))).count() as u64;
    }
    let fault = || Fault::new(Code::ProbabilityUnusable).with("source", source.name.as_str()).with("rows", rows);
    Ok((rows > 0).then(|| fault().with("of", table.n_rows())))
}

/// The rows whose word is not known, and their most frequent words with how many rows say them.
fn unknown_words(
    job: &Job<'_>,
    tables: &Checked,
    table: &TableFile,
    column: &str,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<Option<(u64, Vec<String>)>> {
    let words = table.dictionary(column).unwrap_or_default();
    if words.iter().all(|word| is_known(word.trim())) {
        return Ok(None);
    }
    let mut counts = vec![0_u64; words.len()];
    for customers in tables.passes() {
        job.check_stop()?;
        let block = Block::read(table, customers, &[column], &job.quiet())?;
        for code in block.codes_or(column, u32::MAX) {
            // An absent word is none, not an unknown one.
            if let Some(count) = counts.get_mut(code as usize) {
                *count += 1;
            }
        }
    }
    let mut unknown: Vec<(u64, &String)> = counts.into_iter().zip(words.iter()).collect();
    unknown.retain(|(count, word)| *count > 0 && !is_known(word.trim()));
    unknown.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let total: u64 = unknown.iter().map(|(count, _)| count).sum();
    let shown = unknown
        .iter()
        .take(GOT_SHOWN)
        .map(|(count, word)| format!("{word} ({})", osusume_text::thousands(*count as i64)))
        .collect();
    Ok((total > 0).then_some((total, shown)))
}

/// Channels of the run that no row of the consents names: nobody can have consented to them, nor can a refusal be heard.
fn silent_channels(config: &Config, tables: &Checked) -> Vec<Fault> {
    let source = config.source_of(Role::Consents).filter(|source| source.column("channel").is_some());
    let known = source.and_then(|source| tables.table(&source.name)?.dictionary("channel")).unwrap_or_default();
    let silent = config.decide.channels.iter().filter(|channel| !known.is_empty() && !known.contains(channel));
    let fault = |channel: &String| {
        let allowed: Vec<String> = known.iter().take(NAMES_SHOWN).cloned().collect();
        let fault = Fault::new(Code::ChannelUnspoken).named("decide.channels").with("channel", channel.as_str());
        let fault = fault.with("source", source.map_or("", |source| source.name.as_str())).with("allowed", allowed);
        // A name that is a channel of the run already was not the one meant.
        let free = known.iter().filter(|name| !config.decide.channels.contains(name)).map(String::as_str);
        match osusume_text::suggest(channel, free) {
            Some(name) => fault.with("suggestion", name),
            None => fault,
        }
    };
    silent.map(fault).collect()
}

/// Products that earn less than nothing, and steps up a ladder that earn less than the step below.
fn margins(products: &[Product], offers: &[Offer]) -> Vec<Fault> {
    let offered = || offers.iter().filter_map(|offer| Some((offer.kind, &products[offer.product?.0 as usize])));
    let negative: Vec<String> =
        offered().filter(|(_, product)| product.margin.0 < 0).map(|(_, product)| product.key.clone()).collect();
    let mut best: BTreeMap<(&str, u16), &Product> = BTreeMap::new();
    for product in products {
        let step = best.entry((product.family.as_str(), product.tier.0)).or_insert(product);
        if product.margin > step.margin {
            *step = product;
        }
    }
    let below = |product: &Product| {
        let lower = best.range((product.family.as_str(), 0)..(product.family.as_str(), product.tier.0));
        lower.map(|(_, step)| *step).rfind(|step| step.margin > product.margin)
    };
    let steps = offered().filter(|(kind, _)| *kind == OfferKind::Upsell);
    let inverted: Vec<String> =
        steps.filter_map(|(_, product)| Some(format!("{} < {}", product.key, below(product)?.key))).collect();
    let fault = |code, names: Vec<String>| (!names.is_empty()).then(|| Fault::new(code).with("names", names));
    [fault(Code::MarginNegative, negative), fault(Code::MarginBelowStep, inverted)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use osusume_model::{Minor, ProductId, Tier};

    use super::*;

    fn product(key: &str, tier: u16, margin: i64) -> Product {
        let (key, family) = (key.to_owned(), "plan".to_owned());
        Product { key, family, tier: Tier(tier), margin: Minor(margin), ..Product::default() }
    }

    fn offer(position: u32, products: &[Product], kind: OfferKind) -> Offer {
        let product = &products[position as usize];
        Offer {
            key: product.key.clone(),
            kind,
            family: product.family.clone(),
            product: Some(ProductId(position)),
            margin: product.margin,
            valid_from: None,
            valid_until: None,
        }
    }

    fn told(margin_of: [i64; 3]) -> Vec<(Code, String)> {
        let tiers = ["P-LIT", "P-REG", "P-PRM"].into_iter().zip(1..).zip(margin_of);
        let products: Vec<Product> = tiers.map(|((key, tier), margin)| product(key, tier, margin)).collect();
        let offers = [offer(1, &products, OfferKind::Upsell), offer(2, &products, OfferKind::Upsell)];
        let names = |fault: &Fault| format!("{:?}", fault.args()[0].1);
        margins(&products, &offers).iter().map(|fault| (fault.code(), names(fault))).collect()
    }

    #[test]
    fn margins_below_nothing_and_below_the_step_under_them_are_told_once() {
        assert_eq!(told([1000, 3900, 3900]), []);
        assert_eq!(told([1000, 3900, 1000]), [(Code::MarginBelowStep, r#"Names(["P-PRM < P-REG"])"#.to_owned())]);
        let negative = [
            (Code::MarginNegative, r#"Names(["P-PRM"])"#.to_owned()),
            (Code::MarginBelowStep, r#"Names(["P-PRM < P-REG"])"#.to_owned()),
        ];
        assert_eq!(told([1000, 3900, -5]), negative);
    }
}

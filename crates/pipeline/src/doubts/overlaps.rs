//! Holdings of the same product that last at the same time.

use std::collections::BTreeSet;

use osusume_model::{Code, Fault, Result};

use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Role, Source};
use crate::job::Job;
use crate::seam::Block;

/// A warning for the holdings of a source that begin while their customer holds the same product already, by the same contract where
/// contracts are told. What is sold in numbers may be held so: units add up.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(super) fn overlaps(job: &Job<'_>, tables: &Checked, goods: &Goods) -> Result<Option<Fault>> {
    let Some(source) = job.config.source_of(Role::Holdings) else { return Ok(None) };
    let Some(table) = tables.table(&source.name) else { return Ok(None) };
    let counted: BTreeSet<u32> = goods.counted().into_iter().map(|(_, product)| product).collect();
    let names = table.dictionary("product").unwrap_or_default();
    let is_one: Vec<bool> = goods.positions(&names).iter().map(|product| !counted.contains(product)).collect();
    let mut rows = 0;
    for customers in tables.passes() {
        job.check_stop()?;
        let block = Block::read(table, customers, &columns(source), &job.quiet())?;
        rows += within_others(&block, &is_one);
    }
    let fault = || Fault::new(Code::HoldingsOverlap).with("source", source.name.as_str()).with("rows", rows);
    Ok((rows > 0).then(|| fault().with("of", table.n_rows())))
}

fn columns(source: &Source) -> Vec<&'static str> {
    let columns = ["product", "start", "end", "contract"];
    columns.into_iter().filter(|name| source.column(name).is_some()).collect()
}

/// How many holdings of a block begin within an earlier one; `is_one` by code of the product.
fn within_others(block: &Block, is_one: &[bool]) -> u64 {
    let (products, contracts) = (block.codes("product"), block.codes("contract"));
    let (starts, ends) = (block.times("start"), block.integers("end"));
    let (mut rows, mut held) = (0, Vec::new());
    for bounds in block.offsets.windows(2) {
        held.clear();
        held.extend((bounds[0] as usize..bounds[1] as usize).filter_map(|row| {
            let product = products?.get(row).filter(|&code| is_one.get(code as usize) != Some(&false))?;
            let contract = contracts.and_then(|contracts| contracts.get(row));
            Some((product, contract, starts[row], ends.and_then(|ends| ends.get(row)).unwrap_or(i64::MAX)))
        }));
        held.sort_unstable();
        rows += nested(&held);
    }
    rows
}

/// Of holdings in the order of product, contract and start, those that begin before another of the same has ended.
fn nested(held: &[(u32, Option<u32>, i64, i64)]) -> u64 {
    let (mut rows, mut before) = (0, None);
    for &(product, contract, start, end) in held {
        let same = before.filter(|&(of, _)| of == (product, contract));
        let lasts_until = same.map_or(i64::MIN, |(_, until)| until);
        // A row that ends before it begins holds nothing.
        rows += u64::from(start < lasts_until && start < end);
        before = Some(((product, contract), lasts_until.max(end)));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holdings_within_each_other_are_counted() {
        let day = |product, contract, start, end| (product, contract, start, end);
        assert_eq!(nested(&[day(1, None, 1, 5), day(1, None, 5, 9)]), 0, "one after the other");
        assert_eq!(nested(&[day(1, None, 1, 6), day(1, None, 5, 9)]), 1);
        assert_eq!(
            nested(&[day(1, None, 1, i64::MAX), day(1, None, 1, i64::MAX), day(1, None, 8, 9)]),
            2,
            "told twice"
        );
        assert_eq!(
            nested(&[day(1, Some(1), 1, 9), day(1, Some(2), 2, 9), day(2, Some(2), 3, 9)]),
            0,
            "other contracts"
        );
        assert_eq!(nested(&[day(1, None, 1, 20), day(1, None, 2, 3), day(1, None, 4, 5)]), 2, "the first still lasts");
        assert_eq!(nested(&[day(1, None, 1, 9), day(1, None, 5, 5)]), 0, "never held");
    }
}

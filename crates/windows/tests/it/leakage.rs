//! Nothing that is not visible at an as-of instant reaches its row: not a bit.

use osusume_model::DAY_US;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::world::{Row, aggregates, computed, config, customers, cutoffs, row};

/// What to do to a hidden row.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Keep,
    Delete,
    Poison,
    Delay,
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![Just(Harm::Keep), Just(Harm::Delete), Just(Harm::Poison), Just(Harm::Delay)]
}

/// Harms every row that is hidden at `as_of` and adds `extra` rows that are hidden too.
fn harmed(rows: &[Row], as_of: i64, harms: &[Harm], extra: &[Row]) -> Vec<Row> {
    let mut out = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        if row.at < as_of && row.arrived < as_of {
            out.push(row.clone());
            continue;
        }
        match harms[i % harms.len()] {
            Harm::Keep => out.push(row.clone()),
            Harm::Delete => {}
            Harm::Poison => out.push(Row {
                money: Some(i64::MAX / 3),
                real: -1e99,
                metric: Some(1),
                item: 3,
                at: row.at,
                arrived: row.arrived.max(as_of),
            }),
            Harm::Delay => out.push(Row { at: row.at.max(as_of) + DAY_US, ..row.clone() }),
        }
    }
    out.extend(extra.iter().map(|r| Row { arrived: r.arrived.max(as_of), ..r.clone() }));
    out.sort_by_key(|r| r.at);
    out
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn hidden_rows_change_no_bit(
        customers in customers(30),
        harms in vec(harm(), 1..12),
        extra in vec(row(), 0..12),
        k in 0..7_usize,
    ) {
        let (aggregates, cutoffs) = (aggregates(), cutoffs());
        let as_of = cutoffs.as_of()[k];
        let before = computed(&customers, &cutoffs, &aggregates);
        let changed: Vec<Vec<Row>> = customers.iter().map(|rows| harmed(rows, as_of, &harms, &extra)).collect();
        let after = computed(&changed, &cutoffs, &aggregates);
        let n = aggregates.len();
        for c in 0..customers.len() {
            let at = (c * cutoffs.as_of().len() + k) * n;
            for a in 0..n {
                prop_assert_eq!(before[at + a].to_bits(), after[at + a].to_bits(), "{:?}", aggregates[a]);
            }
        }
    }
}

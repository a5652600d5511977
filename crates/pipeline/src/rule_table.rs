//! Tables of itemsets and rules as far as they need no date: stage `mine` and the command of that name write the same columns.

use std::borrow::Cow;
use std::sync::Arc;

use osusume_association::{Contingency, Evidence, Itemsets, Rules, measure};
use osusume_tables::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int16Array, Int64Array, ListBuilder, StringArray, StringBuilder,
};
use osusume_tables::arrow::datatypes::{DataType, Field};

/// Rows written at once.
pub(crate) const BATCH_ROWS: usize = 1 << 16;

/// The four counts of a rule, behind antecedent and consequent.
pub(crate) const COUNTS: [&str; 4] = ["n", "n_antecedent", "n_consequent", "n_both"];
const MEASURES: [&str; 17] = [
    "support",
    "confidence",
    "lift",
    "leverage",
    "conviction",
    "jaccard",
    "kulczynski",
    "imbalance_ratio",
    "zhang",
    "odds_ratio",
    "chi_squared",
    "improvement",
    "expected",
    "conditional_lift",
    "conditional_lift_lower",
    "p_value",
    "q_value",
];

/// The name of an item.
pub(crate) type Names<'a> = &'a dyn Fn(u32) -> Cow<'a, str>;

/// Rules with what the data say for them.
#[derive(Clone, Copy)]
pub(crate) struct Tested<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) evidence: &'a [Evidence],
    /// Those with a q-value of at most this are reported.
    pub(crate) rate: f64,
}

impl Tested<'_> {
    /// Whether rule `r` is below the false-discovery rate.
    pub(crate) fn is_reported(&self, r: usize) -> bool {
        self.evidence[r].q_value <= self.rate
    }

    /// Rules by the lower bound of the conditional lift, highest first; ties by joint count, then by the order of items.
    pub(crate) fn strongest_first(&self) -> Vec<usize> {
        let bound = |r: usize| Some(self.evidence[r].conditional_lift_lower).filter(|x| !x.is_nan()).unwrap_or(0.0);
        let key = |r: usize| (self.rules.antecedent(r), self.rules.consequents[r]);
        let mut order: Vec<usize> = (0..self.rules.len()).collect();
        order.sort_by(|&a, &b| {
            let by_count = || self.rules.n_both[b].cmp(&self.rules.n_both[a]);
            bound(b).total_cmp(&bound(a)).then_with(by_count).then_with(|| key(a).cmp(&key(b)))
        });
        order
    }

    /// The columns [`rule_fields`] names, of `rows` in their order.
    pub(crate) fn columns(&self, rows: &[usize], names: Names<'_>) -> Vec<ArrayRef> {
        let mut antecedents = NameLists::new();
        for &r in rows {
            antecedents.push(self.rules.antecedent(r), names);
        }
        let consequent = |&r: &usize| names(self.rules.consequents[r]);
        let mut columns: Vec<ArrayRef> =
            vec![antecedents.finish(), Arc::new(StringArray::from_iter_values(rows.iter().map(consequent)))];
        let counts = |r: usize| cells(self.rules.contingency(r));
        columns.extend((0..COUNTS.len()).map(|i| whole(rows.iter().map(|&r| Some(counts(r)[i])))));
        columns.extend((0..MEASURES.len()).map(|i| real(rows.iter().map(|&r| Some(self.measures(r)[i])))));
        columns.push(Arc::new(rows.iter().map(|&r| Some(self.is_reported(r))).collect::<BooleanArray>()));
        columns
    }

    fn measures(&self, r: usize) -> [f64; 17] {
        let (counts, evidence) = (self.rules.contingency(r), &self.evidence[r]);
        let of = |name: &str| (measure(name).expect("it is one of the kernel's").value)(&counts);
        [
            counts.support(),
            counts.confidence(),
            counts.lift(),
            counts.leverage(),
            counts.conviction(),
            of("jaccard"),
            of("kulczynski"),
            of("imbalance_ratio"),
            of("zhang"),
            of("odds_ratio"),
            of("chi_squared"),
            self.rules.improvements[r],
            evidence.expected,
            evidence.conditional_lift,
            evidence.conditional_lift_lower,
            evidence.p_value,
            evidence.q_value,
        ]
    }
}

/// Columns of a rule from its antecedent to whether it is reported.
pub(crate) fn rule_fields() -> Vec<Field> {
    let mut fields = vec![names_field("antecedent"), Field::new("consequent", DataType::Utf8, false)];
    fields.extend(COUNTS.map(|name| Field::new(name, DataType::Int64, false)));
    fields.extend(MEASURES.map(|name| Field::new(name, DataType::Float64, true)));
    fields.push(Field::new("is_reported", DataType::Boolean, false));
    fields
}

/// Itemsets as lists, short ones first and among these the most frequent.
pub(crate) struct SetLists {
    /// Offsets, items and counts, in the order of the trie.
    lists: (Vec<usize>, Vec<u32>, Vec<u32>),
    /// Places in the lists, in the order of the table.
    pub(crate) order: Vec<usize>,
    n: u64,
}

impl SetLists {
    pub(crate) fn new(itemsets: &Itemsets) -> Self {
        let lists = itemsets.to_lists();
        let mut out = Self { order: (0..lists.2.len()).collect(), lists, n: itemsets.n };
        let mut order = std::mem::take(&mut out.order);
        order.sort_by(|&a, &b| {
            let size = out.members(a).len().cmp(&out.members(b).len());
            size.then(out.count(b).cmp(&out.count(a))).then_with(|| out.members(a).cmp(out.members(b)))
        });
        Self { order, ..out }
    }

    /// Bytes that so many sets with so many items together take.
    pub(crate) fn bytes(sets: u64, items: u64) -> u64 {
        // Offset, place and count of each set.
        (20 * sets).saturating_add(4 * items)
    }

    /// How many transactions there are.
    pub(crate) fn n(&self) -> u64 {
        self.n
    }

    /// The items of a set, ascending.
    pub(crate) fn members(&self, set: usize) -> &[u32] {
        &self.lists.1[self.lists.0[set]..self.lists.0[set + 1]]
    }

    /// How many have them all.
    pub(crate) fn count(&self, set: usize) -> u32 {
        self.lists.2[set]
    }

    /// The columns [`itemset_fields`] names, of `sets` in their order.
    pub(crate) fn columns(&self, sets: &[usize], names: Names<'_>) -> Vec<ArrayRef> {
        let mut items = NameLists::new();
        for &set in sets {
            items.push(self.members(set), names);
        }
        let counts = sets.iter().map(|&set| i64::from(self.count(set)));
        vec![
            items.finish(),
            Arc::new(Int16Array::from_iter_values(sets.iter().map(|&set| self.members(set).len() as i16))),
            Arc::new(Int64Array::from_iter_values(counts.clone())),
            Arc::new(Float64Array::from_iter_values(counts.map(|count| count as f64 / self.n as f64))),
        ]
    }
}

/// Columns of an itemset.
pub(crate) fn itemset_fields() -> Vec<Field> {
    vec![
        names_field("items"),
        Field::new("size", DataType::Int16, false),
        Field::new("count", DataType::Int64, false),
        Field::new("support", DataType::Float64, false),
    ]
}

/// A column of lists of names.
struct NameLists(ListBuilder<StringBuilder>);

impl NameLists {
    fn new() -> Self {
        Self(ListBuilder::new(StringBuilder::new()).with_field(name_field()))
    }

    fn push(&mut self, members: &[u32], names: Names<'_>) {
        for &item in members {
            self.0.values().append_value(names(item));
        }
        self.0.append(true);
    }

    fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

fn name_field() -> Field {
    Field::new("item", DataType::Utf8, false)
}

fn names_field(name: &str) -> Field {
    Field::new(name, DataType::List(Arc::new(name_field())), false)
}

/// The counts in the order of [`COUNTS`].
pub(crate) fn cells(counts: Contingency) -> [i64; 4] {
    [counts.n, counts.n_antecedent, counts.n_consequent, counts.n_both].map(|count| count as i64)
}

pub(crate) fn whole(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

/// What cannot be computed is null; a conviction without bound is infinite, as Parquet knows it.
pub(crate) fn real(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.map(|value| value.filter(|x| !x.is_nan())).collect::<Float64Array>())
}

//! The tables `rules.parquet` and `itemsets.parquet`.

use std::sync::Arc;

use osusume_association::{Contingency, Itemsets, measure};
use osusume_model::{Date, Result};
use osusume_tables::ParquetSink;
use osusume_tables::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int16Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder,
};
use osusume_tables::arrow::datatypes::{DataType, Field, Schema};

use super::{Found, Items, ranked};
use crate::job::Job;
use crate::kernel::batch;

/// Rules of every date.
const RULES: &str = "rules.parquet";
/// Itemsets of the run's date.
const ITEMSETS: &str = "itemsets.parquet";
/// Rows written at once.
const BATCH_ROWS: usize = 1 << 16;

/// Writes both tables.
pub(super) struct Writer {
    rules: ParquetSink,
    itemsets: ParquetSink,
    rule_schema: Arc<Schema>,
    itemset_schema: Arc<Schema>,
}

impl Writer {
    pub(super) fn create(job: &Job<'_>) -> Result<Self> {
        let (rule_schema, itemset_schema) = (Arc::new(rule_schema()), Arc::new(itemset_schema()));
        let create = |path, schema| ParquetSink::create(&job.target(), path, schema, &[]);
        let (rules, itemsets) = (create(RULES, &rule_schema)?, create(ITEMSETS, &itemset_schema)?);
        Ok(Self { rules, itemsets, rule_schema, itemset_schema })
    }

    /// Writes the rules of a date, the strongest first; those with a q-value of at most `rate` are reported.
    pub(super) fn rules(&mut self, items: &Items, found: &Found, rate: f64) -> Result<()> {
        for rules in ranked(found).chunks(BATCH_ROWS) {
            self.rules.write(&rule_batch(&self.rule_schema, items, found, rules, rate)?)?;
        }
        Ok(())
    }

    /// Writes the itemsets of a date, short ones first and among these the most frequent; returns how many.
    pub(super) fn itemsets(&mut self, items: &Items, as_of: Date, itemsets: &Itemsets) -> Result<u64> {
        let (offsets, members, counts) = itemsets.to_lists();
        let members = |set: usize| &members[offsets[set]..offsets[set + 1]];
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by(|&a, &b| {
            let size = members(a).len().cmp(&members(b).len());
            size.then(counts[b].cmp(&counts[a])).then_with(|| members(a).cmp(members(b)))
        });
        for sets in order.chunks(BATCH_ROWS) {
            let mut lists = Lists::new();
            for &set in sets {
                lists.push(items, members(set));
            }
            let columns: Vec<ArrayRef> = vec![
                Arc::new(Date32Array::from(vec![as_of.0; sets.len()])),
                lists.finish(),
                Arc::new(Int16Array::from_iter_values(sets.iter().map(|&set| members(set).len() as i16))),
                Arc::new(Int64Array::from_iter_values(sets.iter().map(|&set| i64::from(counts[set])))),
                Arc::new(Float64Array::from_iter_values(
                    sets.iter().map(|&set| f64::from(counts[set]) / itemsets.n as f64),
                )),
            ];
            self.itemsets.write(&batch(&self.itemset_schema, columns)?)?;
        }
        Ok(order.len() as u64)
    }

    pub(super) fn finish(self) -> Result<()> {
        self.rules.finish()?;
        self.itemsets.finish().map(|_| ())
    }
}

/// A column of lists of names.
struct Lists(ListBuilder<StringBuilder>);

impl Lists {
    fn new() -> Self {
        Self(ListBuilder::new(StringBuilder::new()).with_field(name_field()))
    }

    fn push(&mut self, items: &Items, members: &[u32]) {
        for &item in members {
            self.0.values().append_value(&items.names[item as usize]);
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

fn names(name: &str) -> Field {
    Field::new(name, DataType::List(Arc::new(name_field())), false)
}

fn itemset_schema() -> Schema {
    Schema::new(vec![
        Field::new("as_of", DataType::Date32, false),
        names("items"),
        Field::new("size", DataType::Int16, false),
        Field::new("count", DataType::Int64, false),
        Field::new("support", DataType::Float64, false),
    ])
}

/// Columns of numbers behind antecedent and consequent, in order; those of the time that followed may be absent.
const COUNTS: [&str; 4] = ["n", "n_antecedent", "n_consequent", "n_both"];
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
const LATER_MEASURES: [&str; 2] = ["later_confidence", "later_lift"];

/// What the columns of `rules.parquet` mean, in their order.
pub(crate) const RULE_MEANINGS: [(&str, &str); 32] = [
    ("as_of", "the rule rests on nothing that happened or arrived on this day or after it"),
    ("antecedent", "what is there: products, or levels of the attribute `mine.level`"),
    ("consequent", "what is there as well; only what is offered, unless `mine.consequents = \"all\"`"),
    ("n", "baskets in all; every measure follows from the four counts"),
    ("n_antecedent", "those with the antecedent"),
    ("n_consequent", "those with the consequent"),
    ("n_both", "those with both"),
    ("support", "`n_both` / `n`"),
    ("confidence", "`n_both` / `n_antecedent`"),
    ("lift", "`confidence` over the consequent's share of all baskets; 1 is independence"),
    ("leverage", "`support` less what it would be by chance"),
    (
        "conviction",
        "how much rarer the antecedent stands without the consequent than by chance; infinite for a rule that never fails",
    ),
    ("jaccard", "`n_both` over the baskets with either"),
    ("kulczynski", "mean of `confidence` and the antecedent's share of the baskets with the consequent"),
    (
        "imbalance_ratio",
        "how unequal the two are: the difference of their counts over the baskets with either; 0 for equal ones",
    ),
    ("zhang", "association from -1 (never together) to 1 (always), 0 is independence"),
    (
        "odds_ratio",
        "odds of the consequent with the antecedent over those without it; infinite for a rule that never fails",
    ),
    ("chi_squared", "of independence, whatever the sizes of baskets: what is evidence stands in `p_value`"),
    (
        "improvement",
        "`confidence` less the highest confidence of a rule with fewer of the antecedents; rules that improve nothing are left out",
    ),
    ("expected", "baskets with both by chance, given how large baskets are: large ones hold everything together"),
    ("conditional_lift", "`n_both` / `expected`"),
    ("conditional_lift_lower", "its lower bound (one-sided, 95 %), with the customer as the unit"),
    ("p_value", "of chance given the size of baskets; of a longer antecedent, that one of its parts adds nothing"),
    ("q_value", "the lowest false-discovery rate at which the rule is reported"),
    ("is_reported", "`q_value` is at most `mine.false_discovery_rate`"),
    (
        "later_from",
        "first day of the time that followed: for a date models learn from, that date; for the run's own date the newest of these, and null for rules that were not there then",
    ),
    (
        "later_n",
        "what followed: receipts from `later_from` to the run's date; of holdings, the customers who did not hold the consequent at `later_from`",
    ),
    ("later_n_antecedent", "those with the antecedent; of holdings, at `later_from`"),
    ("later_n_consequent", "those with the consequent; of holdings, at the run's date"),
    ("later_n_both", "those with both"),
    ("later_confidence", "`later_n_both` / `later_n_antecedent`; of holdings it speaks of taking, not of having"),
    ("later_lift", "`later_confidence` over the consequent's share in what followed"),
];

/// The schema of `rules.parquet`.
pub(crate) fn rule_schema() -> Schema {
    let mut fields = vec![Field::new("as_of", DataType::Date32, false), names("antecedent")];
    fields.push(Field::new("consequent", DataType::Utf8, false));
    fields.extend(COUNTS.map(|name| Field::new(name, DataType::Int64, false)));
    fields.extend(MEASURES.map(|name| Field::new(name, DataType::Float64, true)));
    fields.push(Field::new("is_reported", DataType::Boolean, false));
    fields.push(Field::new("later_from", DataType::Date32, true));
    fields.extend(COUNTS.map(|name| Field::new(format!("later_{name}"), DataType::Int64, true)));
    fields.extend(LATER_MEASURES.map(|name| Field::new(name, DataType::Float64, true)));
    Schema::new(fields)
}

fn rule_batch(schema: &Arc<Schema>, items: &Items, found: &Found, rules: &[usize], rate: f64) -> Result<RecordBatch> {
    let mut antecedents = Lists::new();
    for &r in rules {
        antecedents.push(items, found.rules.antecedent(r));
    }
    let consequent = |&r: &usize| items.names[found.rules.consequents[r] as usize].as_str();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![found.as_of.0; rules.len()])),
        antecedents.finish(),
        Arc::new(StringArray::from_iter_values(rules.iter().map(consequent))),
    ];
    let counts = |r: usize| cells(found.rules.contingency(r));
    columns.extend((0..COUNTS.len()).map(|i| whole(rules.iter().map(|&r| Some(counts(r)[i])))));
    columns.extend((0..MEASURES.len()).map(|i| real(rules.iter().map(|&r| Some(measures(found, r)[i])))));
    let is_reported = rules.iter().map(|&r| Some(found.evidence[r].q_value <= rate));
    columns.push(Arc::new(is_reported.collect::<BooleanArray>()));
    let later = |r: usize| found.later[r];
    columns.push(Arc::new(rules.iter().map(|&r| later(r).map(|later| later.from.0)).collect::<Date32Array>()));
    let later_cells = |r: usize| later(r).map(|later| cells(later.counts));
    columns.extend((0..COUNTS.len()).map(|i| whole(rules.iter().map(|&r| later_cells(r).map(|cells| cells[i])))));
    columns.push(real(rules.iter().map(|&r| later(r).map(|later| later.counts.confidence()))));
    columns.push(real(rules.iter().map(|&r| later(r).map(|later| later.counts.lift()))));
    batch(schema, columns)
}

fn cells(counts: Contingency) -> [i64; 4] {
    [counts.n, counts.n_antecedent, counts.n_consequent, counts.n_both].map(|count| count as i64)
}

fn measures(found: &Found, r: usize) -> [f64; 17] {
    let (counts, evidence) = (found.rules.contingency(r), &found.evidence[r]);
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
        found.rules.improvements[r],
        evidence.expected,
        evidence.conditional_lift,
        evidence.conditional_lift_lower,
        evidence.p_value,
        evidence.q_value,
    ]
}

fn whole(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

/// What cannot be computed is null; a conviction without bound is infinite, as Parquet knows it.
fn real(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.map(|value| value.filter(|x| !x.is_nan())).collect::<Float64Array>())
}

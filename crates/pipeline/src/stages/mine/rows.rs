//! The tables `rules.parquet` and `itemsets.parquet`.

use std::borrow::Cow;
use std::sync::Arc;

use osusume_association::Itemsets;
use osusume_model::{Date, Result};
use osusume_tables::ParquetSink;
use osusume_tables::arrow::array::{ArrayRef, Date32Array, RecordBatch};
use osusume_tables::arrow::datatypes::{DataType, Field, Schema};

use super::small::sets_told;
use super::{Found, Items, ranked};
use crate::job::Job;
use crate::kernel::batch;
use crate::rule_table::{BATCH_ROWS, COUNTS, SetLists, cells, itemset_fields, real, rule_fields, whole};

/// Rules of every date.
const RULES: &str = "rules.parquet";
/// Itemsets of the run's date.
const ITEMSETS: &str = "itemsets.parquet";

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

    /// Writes the itemsets of a date that may be told, short ones first and among these the most frequent; returns how many.
    pub(super) fn itemsets(&mut self, items: &Items, as_of: Date, itemsets: &Itemsets) -> Result<u64> {
        let lists = SetLists::new(itemsets);
        let told = sets_told(&lists);
        for sets in told.chunks(BATCH_ROWS) {
            let mut columns = vec![dates(as_of, sets.len())];
            columns.extend(lists.columns(sets, &|item| Cow::Borrowed(items.levels.names[item as usize].as_str())));
            self.itemsets.write(&batch(&self.itemset_schema, columns)?)?;
        }
        Ok(told.len() as u64)
    }

    pub(super) fn finish(self) -> Result<()> {
        self.rules.finish()?;
        self.itemsets.finish().map(|_| ())
    }
}

fn dates(as_of: Date, rows: usize) -> ArrayRef {
    Arc::new(Date32Array::from(vec![as_of.0; rows]))
}

fn date_field() -> Field {
    Field::new("as_of", DataType::Date32, false)
}

fn itemset_schema() -> Schema {
    Schema::new([vec![date_field()], itemset_fields()].concat())
}

const LATER_MEASURES: [&str; 2] = ["later_confidence", "later_lift"];

/// What the columns of `rules.parquet` mean, in their order.
pub(crate) const RULE_MEANINGS: [(&str, &str); 32] = [
    ("as_of", "the rule rests on nothing that happened or arrived on this day or after it"),
    (
        "antecedent",
        "what is there: products, or levels of the attribute `mine.level`; what they belong to by `mine.above` as in `department:bakery`",
    ),
    ("consequent", "what is there as well; only what is offered, unless `mine.consequents = \"all\"`"),
    (
        "n",
        "baskets in all: what a customer holds on the day, or receipts with at least one line of a positive quantity that has a level; baskets of more than 1,000 items are left out. Every measure follows from the four counts",
    ),
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
    let mut fields = [vec![date_field()], rule_fields()].concat();
    fields.push(Field::new("later_from", DataType::Date32, true));
    fields.extend(COUNTS.map(|name| Field::new(format!("later_{name}"), DataType::Int64, true)));
    fields.extend(LATER_MEASURES.map(|name| Field::new(name, DataType::Float64, true)));
    Schema::new(fields)
}

fn rule_batch(schema: &Arc<Schema>, items: &Items, found: &Found, rules: &[usize], rate: f64) -> Result<RecordBatch> {
    let mut columns = vec![dates(found.as_of, rules.len())];
    columns
        .extend(found.tested(rate).columns(rules, &|item| Cow::Borrowed(items.levels.names[item as usize].as_str())));
    let later = |r: usize| found.later[r];
    columns.push(Arc::new(rules.iter().map(|&r| later(r).map(|later| later.from.0)).collect::<Date32Array>()));
    let later_cells = |r: usize| later(r).map(|later| cells(later.counts));
    columns.extend((0..COUNTS.len()).map(|i| whole(rules.iter().map(|&r| later_cells(r).map(|cells| cells[i])))));
    columns.push(real(rules.iter().map(|&r| later(r).map(|later| later.counts.confidence()))));
    columns.push(real(rules.iter().map(|&r| later(r).map(|later| later.counts.lift()))));
    batch(schema, columns)
}

//! The table `follows.parquet`.

use std::sync::Arc;

use osusume_association::Follow;
use osusume_model::{Date, Result};
use osusume_report::SMALLEST_SHOWN;
use osusume_tables::ParquetSink;
use osusume_tables::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int16Array, Int64Array, RecordBatch, StringArray,
};
use osusume_tables::arrow::datatypes::{DataType, Field, Schema};

use super::Items;
use super::follows::{Followed, Found};
use crate::config::Mine;
use crate::job::Job;
use crate::kernel::batch;

/// What follows what, of both dates.
const FOLLOWS: &str = "follows.parquet";
/// Rows written at once.
const BATCH_ROWS: usize = 1 << 16;

/// What the columns of `follows.parquet` mean, in their order.
pub(crate) const FOLLOW_MEANINGS: [(&str, &str); 22] = [
    ("as_of", "the row rests on nothing that happened or arrived on this day or after it"),
    ("antecedent", "what was bought: a product, or a level of the attribute `mine.level`"),
    ("consequent", "what was added; only what is offered, unless `mine.consequents = \"all\"`"),
    ("within_days", "`mine.follow_days`"),
    ("customers", "who bought the antecedent, in the `mine.days` before the date, without owning the consequent"),
    ("added", "those of them who added the consequent within so many days"),
    ("days", "days in the windows after the antecedent, until the consequent was added or no more is known"),
    (
        "rate_ratio",
        "how many times as often a day as in the windows after other purchases of the same month, tenure and size (Mantel and Haenszel)",
    ),
    ("rate_ratio_lower", "lower end of its 95 % interval, with the customer as the unit"),
    ("rate_ratio_upper", "upper end"),
    ("lead_days_quarter", "days from the last antecedent by which a quarter of those who added the consequent had"),
    ("lead_days_half", "by which half of them had"),
    ("lead_days_three_quarters", "by which three quarters of them had"),
    ("p_value", "of a ratio of at most 1"),
    (
        "q_value",
        "the lowest false-discovery rate at which the row is reported, over all pairs that could be told from chance",
    ),
    ("is_reported", "`q_value` is at most `mine.false_discovery_rate`"),
    (
        "later_from",
        "first day of the time that followed, which is the newest date models learn from; null for pairs that were not there then, or that too few purchases followed to tell anything",
    ),
    (
        "later_customers",
        "who bought the antecedent since, without owning the consequent; null where 1 to 9 of them did, or did not, add it",
    ),
    ("later_added", "those of them who added the consequent within so many days; null likewise"),
    ("later_rate_ratio", "the ratio since"),
    ("later_rate_ratio_lower", "lower end of its interval"),
    ("later_rate_ratio_upper", "upper end; infinite where nobody added the consequent"),
];

/// The schema of `follows.parquet`.
pub(crate) fn follow_schema() -> Schema {
    let of =
        |data_type: DataType, is_nullable: bool| move |name: &&str| Field::new(*name, data_type.clone(), is_nullable);
    let mut fields = vec![Field::new("as_of", DataType::Date32, false)];
    fields.extend(["antecedent", "consequent"].iter().map(of(DataType::Utf8, false)));
    fields.push(Field::new("within_days", DataType::Int16, false));
    fields.extend(["customers", "added", "days"].iter().map(of(DataType::Int64, false)));
    fields.extend(["rate_ratio", "rate_ratio_lower", "rate_ratio_upper"].iter().map(of(DataType::Float64, false)));
    let leads = ["lead_days_quarter", "lead_days_half", "lead_days_three_quarters"];
    fields.extend(leads.iter().map(of(DataType::Int16, false)));
    fields.extend(["p_value", "q_value"].iter().map(of(DataType::Float64, false)));
    fields.push(Field::new("is_reported", DataType::Boolean, false));
    fields.push(Field::new("later_from", DataType::Date32, true));
    fields.extend(["later_customers", "later_added"].iter().map(of(DataType::Int64, true)));
    let later = ["later_rate_ratio", "later_rate_ratio_lower", "later_rate_ratio_upper"];
    fields.extend(later.iter().map(of(DataType::Float64, true)));
    Schema::new(fields)
}

/// Writes what follows of every date; the surest of each come first.
pub(super) fn write(job: &Job<'_>, config: &Mine, items: &Items, followed: &[Followed]) -> Result<()> {
    let schema = Arc::new(follow_schema());
    let mut sink = ParquetSink::create(&job.target(), FOLLOWS, &schema, &[])?;
    for of_date in followed {
        for rows in of_date.found.chunks(BATCH_ROWS) {
            sink.write(&follow_batch(&schema, config, items, of_date.as_of, rows)?)?;
        }
    }
    sink.finish().map(|_| ())
}

fn follow_batch(
    schema: &Arc<Schema>,
    config: &Mine,
    items: &Items,
    as_of: Date,
    rows: &[Found],
) -> Result<RecordBatch> {
    let name = |item: u32| items.levels.names[item as usize].as_str();
    let names = |item: fn(&Follow) -> u32| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| name(item(&row.follow)))))
    };
    let whole = |count: fn(&Follow) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| count(&row.follow) as i64)))
    };
    let real = |value: &dyn Fn(&Found) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(value)))
    };
    let later = |value: fn(&Follow) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.later.map(|later| value(&later.follow))).collect::<Float64Array>())
    };
    let later_count = |count: fn(&Follow) -> u64| -> ArrayRef {
        let shown = |row: &Found| row.later.map(|later| later.follow).filter(may_be_counted);
        Arc::new(rows.iter().map(|row| shown(row).map(|follow| count(&follow) as i64)).collect::<Int64Array>())
    };
    let lead = |quarter: usize| -> ArrayRef {
        Arc::new(Int16Array::from_iter_values(rows.iter().map(|row| row.follow.lead_days[quarter] as i16)))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Date32Array::from(vec![as_of.0; rows.len()])),
        names(|it| it.antecedent),
        names(|it| it.consequent),
        Arc::new(Int16Array::from(vec![config.follow_days as i16; rows.len()])),
        whole(|it| it.n_customers),
        whole(|it| it.n_added),
        whole(|it| it.days),
        real(&|it| it.follow.rate_ratio),
        real(&|it| it.follow.lower),
        real(&|it| it.follow.upper),
        lead(0),
        lead(1),
        lead(2),
        real(&|it| it.follow.p_value),
        real(&|it| it.q_value),
        Arc::new(rows.iter().map(|row| Some(row.q_value <= config.false_discovery_rate)).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|row| row.later.map(|later| later.from.0)).collect::<Date32Array>()),
        later_count(|it| it.n_customers),
        later_count(|it| it.n_added),
        later(|it| it.rate_ratio),
        later(|it| it.lower),
        later(|it| it.upper),
    ];
    batch(schema, columns)
}

/// Whether neither those who added it nor those who did not are so few that they may not be counted.
fn may_be_counted(follow: &Follow) -> bool {
    let is_small = |count: u64| (1..SMALLEST_SHOWN).contains(&count);
    !is_small(follow.n_added) && !is_small(follow.n_customers - follow.n_added)
}

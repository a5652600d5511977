//! Every key of the pipeline file, once: checks, defaults, the reference and the JSON Schema all come from this table.

mod arms;
mod benefit;
mod decide;
mod delivery;
mod features;
mod guard;
mod inputs;
mod learning;
mod offers;
mod privacy;
mod timing;
mod value;

use super::field::Field;

/// The roles a source can have, in the order of the reference.
pub(super) const ROLES: &[&str] =
    &["customers", "purchases", "holdings", "cross_section", "events", "voice", "contacts", "products", "consents"];

/// What a feature of one's own computes over the rows of a window.
pub(super) const MEASURES: &[&str] = &[
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "std_dev",
    "last",
    "distinct",
    "recency",
    "days_since",
    "first",
    "gap",
    "trend",
    "surge",
    "share",
    "first_value",
    "quantile",
    "decayed_count",
    "decayed_sum",
    "streak",
    "longest_streak",
];

/// Stretches of the calendar that features of one's own may look at.
pub(super) const WINDOWS: &[&str] = &["month_to_date", "previous_month", "same_month_last_year", "season_last_year"];

/// The days of the week.
pub(super) const WEEKDAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// What a streak counts.
pub(super) const PERIODS: &[&str] = &["day", "week", "month"];

/// How a leak shows in the tables.
pub(super) const SIGNS: &[&str] =
    &["identifies", "missing", "gives_away", "collapses", "order", "repeated", "early_arrival"];

/// The delivery profiles of crate `export`.
pub(super) const PROFILES: &[&str] =
    &["parquet", "csv", "csv-cp932", "excel-ja", "salesforce-bulk2", "hubspot-import", "kintone"];

/// Any whole number that money, counts or rows may reach: exact in a float.
const MANY: f64 = 1e15;

/// The sections, in the order of the reference.
const SECTIONS: &[&[Field]] = &[
    inputs::FIELDS,
    privacy::FIELDS,
    offers::FIELDS,
    benefit::FIELDS,
    features::FIELDS,
    learning::FIELDS,
    decide::FIELDS,
    arms::FIELDS,
    timing::FIELDS,
    value::FIELDS,
    guard::FIELDS,
    delivery::FIELDS,
];

/// Every key, sections and keys in the order of the reference.
pub const FIELDS: &[Field] = &joined::<{ n_fields() }>();

const fn n_fields() -> usize {
    let (mut section, mut n) = (0, 0);
    while section < SECTIONS.len() {
        n += SECTIONS[section].len();
        section += 1;
    }
    n
}

/// All sections in one array.
const fn joined<const N: usize>() -> [Field; N] {
    let mut all = [SECTIONS[0][0]; N];
    let (mut section, mut at, mut n) = (0, 0, 0);
    while n < N {
        if at == SECTIONS[section].len() {
            (section, at) = (section + 1, 0);
        } else {
            all[n] = SECTIONS[section][at];
            (at, n) = (at + 1, n + 1);
        }
    }
    all
}

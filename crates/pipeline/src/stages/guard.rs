//! Guard: what was delivered, audited by groups of customers that models may not see.
//!
//! Everything is read from the run's own tables, the offers as they go out, so the audit shares no step with the decisions it looks at.

use osusume_evaluate::{Rows, observed_over_expected, ratio_to_everybody};
use osusume_model::{AsOf, Result, check_stop};
use osusume_numeric::distributions::{Interval, wilson};
use osusume_report::{Audit, Cell, Group, SMALLEST_SHOWN};
use osusume_tables::arrow::array::{AsArray, RecordBatch};
use osusume_tables::arrow::datatypes::{Int64Type, UInt32Type};
use osusume_tables::{CustomerIndex, read_batches};

use super::decide::{DECISIONS, HOLDOUT, OFFERS};
use super::ingest::attribute_column;
use super::score::SCORES;
use super::train::{CONFIDENCE, Models, Tested};
use crate::checked::Checked;
use crate::config::{AttributeKind, Guard, History, Role, Source};
use crate::job::Job;
use crate::seam::Block;
use crate::stages::features::SCORING;
use crate::stages::score::propensities;

/// Groups shown of an attribute at most; smaller ones are joined.
const MOST_GROUPS: usize = 30;

/// What becomes of a pair that the rules about the customer leave: it is made, or something outside the customer decides.
const LEFT: [&str; 6] = ["chosen", "outranked", "below_threshold", "household_limit", "no_capacity", "not_drawn"];

/// The group of every customer by one attribute.
struct Grouping {
    attribute: String,
    is_restricted: bool,
    names: Vec<String>,
    /// Position of the name of each customer; one behind the last for no value.
    of: Vec<u16>,
}

/// What is known of one customer after the decisions.
#[derive(Clone, Copy, Default)]
struct Person {
    is_audited: bool,
    is_eligible: bool,
    pairs: u32,
    propensity: f64,
    offers: u32,
    value: f64,
}

/// Sums over the customers of a group.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    customers: u64,
    eligible: u64,
    with_offer: u64,
    offers: u64,
    pairs: u64,
    propensity: f64,
    value: f64,
    value_squared: f64,
}

/// Audits the offers in the staging directory; nothing where the pipeline declares no groups.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn audit(job: &Job<'_>, tables: &Checked, models: &Models, as_of: AsOf) -> Result<Vec<Audit>> {
    let guard = &job.config.guard;
    let Some(source) = job.config.source_of(Role::Customers).filter(|_| !guard.groups.is_empty()) else {
        return Ok(Vec::new());
    };
    let people = people(job, tables)?;
    let newest: Vec<&Tested> = models.tested.last().into_iter().flatten().flatten().collect();
    let mut audits = Vec::new();
    for attribute in &guard.groups {
        let grouping = grouping(job, tables, source, (guard, attribute), as_of)?;
        audits.push(of_grouping(&grouping, &people, &newest));
    }
    Ok(audits)
}

/// The customers' values of an attribute as of the run, in bands where it is a number.
fn grouping(
    job: &Job<'_>,
    tables: &Checked,
    source: &Source,
    (guard, attribute): (&Guard, &str),
    as_of: AsOf,
) -> Result<Grouping> {
    let column = attribute_column(attribute);
    let kind = source.attributes.get(attribute).copied().unwrap_or(AttributeKind::Category);
    let none = Vec::new();
    let edges = guard.bands.get(attribute).unwrap_or(&none);
    let table = tables.table(&source.name);
    let names = match kind {
        AttributeKind::Flag => vec!["no".to_owned(), "yes".to_owned()],
        AttributeKind::Integer | AttributeKind::Number => bands(edges),
        AttributeKind::Category | AttributeKind::Text => {
            table.and_then(|table| table.dictionary(&column)).map_or_else(Vec::new, |levels| levels.to_vec())
        }
    };
    let absent = u16::try_from(names.len()).unwrap_or(u16::MAX);
    let mut of = Vec::with_capacity(tables.customers.len());
    if let Some(table) = table {
        let is_arrival_known = source.history != History::Snapshot && source.column("arrived").is_some();
        let columns = [column.as_str(), "arrived"];
        let before = if is_arrival_known { as_of.instant.0 } else { i64::MAX };
        for customers in tables.passes() {
            let block = Block::read(table, customers, &columns[..=usize::from(is_arrival_known)], &job.quiet())?;
            let codes = block.codes(&column);
            let value = |row: usize| match codes {
                Some(codes) => codes.get(row).map_or(f64::NAN, f64::from),
                None => block.number(&column, row),
            };
            let place = |value: f64| match kind {
                _ if value.is_nan() => absent,
                AttributeKind::Integer | AttributeKind::Number => edges.partition_point(|edge| *edge <= value) as u16,
                _ => (value as usize).min(usize::from(absent)) as u16,
            };
            let rows = (0..block.n_customers()).map(|customer| block.newest_known(customer, before));
            of.extend(rows.map(|row| row.map_or(absent, |row| place(value(row)))));
        }
    }
    of.resize(tables.customers.len(), absent);
    let is_restricted = source.restricted.iter().any(|header| header == attribute);
    Ok(Grouping { attribute: attribute.to_owned(), is_restricted, names, of })
}

/// Names of the bands between edges, the lowest first.
fn bands(edges: &[f64]) -> Vec<String> {
    let ends = |at: usize| (at.checked_sub(1).map(|at| edges[at]), edges.get(at));
    (0..=edges.len())
        .map(|at| match ends(at) {
            (None, Some(upper)) => format!("< {upper}"),
            (Some(lower), Some(upper)) => format!("{lower} – < {upper}"),
            (Some(lower), None) => format!("≥ {lower}"),
            (None, None) => "*".to_owned(),
        })
        .collect()
}

/// What was decided about everybody, by customer.
fn people(job: &Job<'_>, tables: &Checked) -> Result<Vec<Person>> {
    let mut people = vec![Person::default(); tables.customers.len()];
    let (fs, dir) = (&**job.staging.fs(), job.staging.dir());
    let mut indexes = Vec::new();
    for batch in read_batches(fs, &dir.join(SCORING), &["customer"])? {
        indexes.extend_from_slice(batch?.column(0).as_primitive::<UInt32Type>().values());
    }
    let mut chances = Vec::new();
    let mut row = 0;
    let mut scores = read_batches(fs, &dir.join(SCORES), &["propensity"])?;
    for batch in read_batches(fs, &dir.join(DECISIONS), &[])? {
        check_stop(&job.quiet())?;
        let batch = batch?;
        let fates = fates(&batch);
        while chances.len() < batch.num_rows() * fates.len() {
            let Some(next) = scores.next() else { break };
            chances.extend(propensities(&next?));
        }
        let arm = batch.column_by_name("arm").map(AsArray::as_string::<i32>);
        for at in 0..batch.num_rows() {
            let person = &mut people[indexes[row] as usize];
            person.is_audited = arm.is_some_and(|arm| arm.value(at) != HOLDOUT);
            for (offer, fate) in fates.iter().enumerate() {
                if LEFT.contains(&fate.value(at)) {
                    person.is_eligible = true;
                    person.pairs += 1;
                    person.propensity += f64::from(chances[at * fates.len() + offer]);
                }
            }
            row += 1;
        }
        chances.drain(..(batch.num_rows() * fates.len()).min(chances.len()));
    }
    delivered(job, &tables.customers, &mut people)?;
    Ok(people)
}

/// The columns of a batch of decisions that say what became of each offer.
fn fates(batch: &RecordBatch) -> Vec<&osusume_tables::arrow::array::StringArray> {
    let schema = batch.schema_ref().clone();
    let own = ["customer_id", "arm", "lane", super::decide::PREVIOUS];
    let is_fate = |name: &str| !own.contains(&name) && !name.ends_with("/won_by");
    let columns = schema.fields().iter().zip(batch.columns());
    columns.filter(|(field, _)| is_fate(field.name())).map(|(_, column)| column.as_string::<i32>()).collect()
}

/// The rows of the offer table.
fn delivered(job: &Job<'_>, customers: &CustomerIndex, people: &mut [Person]) -> Result<()> {
    let path = job.staging.dir().join(OFFERS);
    for batch in read_batches(&**job.staging.fs(), &path, &["customer_id", "expected_value_minor"])? {
        check_stop(&job.quiet())?;
        let batch = batch?;
        let (ids, values) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            if let Some(customer) = customers.find(ids.value(row)) {
                let person = &mut people[customer as usize];
                person.offers += 1;
                person.value += values.value(row) as f64;
            }
        }
    }
    Ok(())
}

fn of_grouping(grouping: &Grouping, people: &[Person], newest: &[&Tested]) -> Audit {
    let mut sums = vec![Sums::default(); grouping.names.len() + 1];
    for (person, &group) in people.iter().zip(&grouping.of).filter(|(person, _)| person.is_audited) {
        sums[usize::from(group)].add(person);
    }
    // The largest first; small ones, and those behind the last shown, are one group.
    let mut order: Vec<usize> = (0..sums.len()).filter(|&at| sums[at].customers > 0).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(sums[at].customers), at));
    let mut n_own = order.iter().take(MOST_GROUPS).take_while(|&&at| sums[at].customers >= SMALLEST_SHOWN).count();
    let rest = |n: usize| order[n..].iter().map(|&at| sums[at].customers).sum::<u64>();
    // What is joined must be enough together.
    while n_own > 0 && (1..SMALLEST_SHOWN).contains(&rest(n_own)) {
        n_own -= 1;
    }
    let shown = order[..n_own].iter().map(|&at| vec![at]);
    let parts: Vec<Vec<usize>> = shown.chain((n_own < order.len()).then(|| order[n_own..].to_vec())).collect();
    let all = together(&sums, &(0..sums.len()).collect::<Vec<_>>());
    let tested = Newest::of(newest, &grouping.of);
    let named = |at: &Vec<usize>| match at.as_slice() {
        [one] if *one == grouping.names.len() => ("absent", String::new()),
        [one] => ("group", grouping.names[*one].clone()),
        _ => ("others", String::new()),
    };
    let group = |parts: &Vec<usize>| {
        let (kind, name) = named(parts);
        let belongs = |group: u16| parts.contains(&usize::from(group));
        group(name, kind, (&together(&sums, parts), &all), tested.measure(&belongs))
    };
    Audit {
        attribute: grouping.attribute.clone(),
        is_restricted: grouping.is_restricted,
        everybody: self::group(String::new(), "everybody", (&all, &all), tested.measure(&|_| true)),
        groups: parts.iter().map(group).collect(),
    }
}

impl Sums {
    fn add(&mut self, person: &Person) {
        self.customers += 1;
        self.eligible += u64::from(person.is_eligible);
        self.with_offer += u64::from(person.offers > 0);
        self.offers += u64::from(person.offers);
        self.pairs += u64::from(person.pairs);
        self.propensity += person.propensity;
        self.value += person.value;
        self.value_squared += person.value * person.value;
    }
}

fn together(sums: &[Sums], parts: &[usize]) -> Sums {
    parts.iter().fold(Sums::default(), |mut all, &at| {
        let one = &sums[at];
        all.customers += one.customers;
        all.eligible += one.eligible;
        all.with_offer += one.with_offer;
        all.offers += one.offers;
        all.pairs += one.pairs;
        all.propensity += one.propensity;
        all.value += one.value;
        all.value_squared += one.value_squared;
        all
    })
}

/// The rows of the newest test over all offers, each with its customer's group.
struct Newest {
    group: Vec<u16>,
    customer: Vec<u32>,
    y: Vec<bool>,
    propensity: Vec<f64>,
}

impl Newest {
    fn of(tests: &[&Tested], groups: &[u16]) -> Self {
        let rows = || tests.iter().flat_map(|test| test.customer.iter().copied());
        Self {
            group: rows().map(|customer| groups[customer as usize]).collect(),
            customer: rows().collect(),
            y: tests.iter().flat_map(|test| test.y.iter().copied()).collect(),
            propensity: tests.iter().flat_map(|test| test.propensity.iter().copied()).collect(),
        }
    }

    /// Takes and takes over takes expected of some groups, by customer.
    fn measure(&self, belongs: &dyn Fn(u16) -> bool) -> (u64, Option<[f64; 3]>) {
        let rows: Vec<usize> = (0..self.y.len()).filter(|&row| belongs(self.group[row])).collect();
        let labels: Vec<bool> = rows.iter().map(|&row| self.y[row]).collect();
        let probabilities: Vec<f64> = rows.iter().map(|&row| self.propensity[row]).collect();
        let mut dense = std::collections::BTreeMap::new();
        let mut number = |customer: u32| {
            let next = dense.len() as u32;
            *dense.entry(customer).or_insert(next)
        };
        let clusters: Vec<u32> = rows.iter().map(|&row| number(self.customer[row])).collect();
        let rows = Rows { probabilities: &probabilities, labels: &labels, clusters: Some(&clusters) };
        let found = observed_over_expected(&rows, CONFIDENCE).ok();
        let takes = labels.iter().filter(|&&label| label).count() as u64;
        let told = found.map(|found| [found.ratio, found.interval.lower, found.interval.upper]);
        (takes, told.filter(|ends| ends.iter().all(|end| end.is_finite())))
    }
}

fn group(
    name: String,
    kind: &str,
    (own, all): (&Sums, &Sums),
    (takes, observed_over_expected): (u64, Option<[f64; 3]>),
) -> Group {
    let share = |part: u64| {
        let Interval { lower, upper } = wilson(part, own.customers, CONFIDENCE);
        (own.customers > 0).then(|| [part as f64 / own.customers as f64, lower, upper])
    };
    Group {
        group: name,
        kind: kind.to_owned(),
        customers: own.customers.into(),
        eligible: own.eligible.into(),
        eligible_share: share(own.eligible),
        with_offer: own.with_offer.into(),
        offer_share: share(own.with_offer),
        ratio: ratio_to_everybody([own.with_offer, own.customers], [all.with_offer, all.customers], CONFIDENCE),
        offers_per_100: (own.customers > 0).then(|| 100.0 * own.offers as f64 / own.customers as f64),
        value_minor: mean(own),
        propensity: (own.pairs > 0).then(|| own.propensity / own.pairs as f64).filter(|mean| mean.is_finite()),
        takes: Cell::from(takes),
        observed_over_expected,
    }
}

/// Mean value of a customer with an offer and its interval, by the normal distribution.
fn mean(sums: &Sums) -> Option<[f64; 3]> {
    let n = sums.with_offer as f64;
    if sums.with_offer < 2 {
        return None;
    }
    let mean = sums.value / n;
    let variance = ((sums.value_squared - n * mean * mean) / (n - 1.0)).max(0.0);
    let Interval { lower, upper } = Interval::normal(mean, (variance / n).sqrt(), CONFIDENCE);
    Some([mean, lower, upper])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_make_bands() {
        assert_eq!(bands(&[1955.0, 1975.5]), ["< 1955", "1955 – < 1975.5", "≥ 1975.5"]);
    }

    #[test]
    fn small_groups_are_joined_until_they_are_enough() {
        let of: Vec<u16> = (0..60).map(|i| [0, 0, 0, 0, 1, 1][i % 6]).chain([2; 4]).chain([3; 3]).collect();
        let grouping = Grouping {
            attribute: "age".to_owned(),
            is_restricted: true,
            names: ["a", "b", "c"].map(str::to_owned).to_vec(),
            of,
        };
        let person = Person { is_audited: true, is_eligible: true, pairs: 2, propensity: 0.5, offers: 1, value: 10.0 };
        let audit = of_grouping(&grouping, &[person; 67], &[]);
        let shown: Vec<(&str, &str, Option<u64>)> = audit
            .groups
            .iter()
            .map(|group| (group.group.as_str(), group.kind.as_str(), group.customers.get()))
            .collect();
        // 4 and 3 are 7 together, so that b joins them.
        assert_eq!(shown, [("a", "group", Some(40)), ("", "others", Some(27))]);
        assert_eq!(audit.everybody.customers.get(), Some(67));
        assert_eq!(audit.everybody.value_minor, Some([10.0, 10.0, 10.0]));
        assert_eq!(audit.groups[0].propensity, Some(0.25));
    }
}

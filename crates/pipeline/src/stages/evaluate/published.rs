//! What the run decided, with customers as the tables number them now.
//!
//! **Whom numbers speak of.** Everybody the run decided about: what they would have done had the ranking decided all of them, against what
//! they would have done left alone. Per offer it is everybody the ranking assigns the offer to or, held out, would have assigned it to.
//!
//! | who | where they count | weight, but for a constant of the arm |
//! |---|---|---|
//! | `holdout` | against everybody else; by rows of the shadow per offer | 1 / f |
//! | `offer`, in no lane of their own | the ranking's side | 1 / ((1 − f) (1 − ε)): they stand for the explorers too |
//! | `offer`, in a lane, where nobody explores | the ranking's side | 1 / (1 − f) |
//! | `explore` | in none: a lot is no part of what a policy earned | – |
//! | `propensity`, `random` | their own arm, whoever they are: `arms` | 1 |
//! | rows of `offer_holdout` | against those assigned that one offer | that of their customer in the arm `offer` |
//!
//! f and the shares of policy arms are the same for everybody and cancel within an arm; ε is not, and is taken as it was drawn, lane by
//! lane ([`share_left`]), since places may have made it smaller than it was asked for. An offer held back from some is held back alike from
//! those inside the holdout and outside, so both sides of that offer's effect leave the same customers out. `action_probability` of a row
//! is how likely the customer was to be made the offer, by lot or by rank, and not how likely to be where they count here.

use std::collections::BTreeSet;
use std::path::Path;

use osusume_evaluate::share_left;
use osusume_model::Result;
use osusume_storage::{Fs, Run};
use osusume_tables::arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use osusume_tables::arrow::datatypes::{Float64Type, Int64Type};
use osusume_tables::{CustomerIndex, read_batches, read_metadata};

use super::damaged;
use crate::stages::decide::{self, DECISIONS, OFFERS, SHADOW};
use crate::stages::score::{SCORES, propensities};

/// Position of the holdout in what has an entry an arm.
pub(super) const HOLDOUT: usize = 0;
/// Position of those whom the ranking decided.
pub(super) const OFFER: usize = 1;
/// The words of all arms, by position; those after the first two were decided by another policy.
pub(super) const ARMS: [&str; 4] = [decide::HOLDOUT, decide::OFFER, decide::PROPENSITY, decide::RANDOM];

/// A customer an offer was assigned to, or would have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assigned {
    pub(super) customer: u32,
    pub(super) propensity: f64,
    /// Probability of the arm the customer is in, but for a constant of the arm.
    pub(super) probability: f64,
    /// What the run expected of the row.
    pub(super) expected: Expected,
}

/// What the run expected of a row; money in minor units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    /// Probability of a take once contacted.
    pub(super) contacted: f64,
    /// What the contact adds to it, with the ends of its interval (or itself, where it has none); where something tells it.
    pub(super) uplift: Option<[f64; 3]>,
    /// Whether the interval is one.
    pub(super) has_interval: bool,
    /// What a take brings in a month.
    pub(super) margin: f64,
    /// The value the row was made for.
    pub(super) value: f64,
}

/// One arm of an offer.
#[derive(Clone, Debug, Default)]
pub(super) struct ArmRows {
    pub(super) rows: Vec<Assigned>,
    /// Rows of customers who are in no table any more.
    pub(super) lost: u64,
}

/// A published run, read.
pub(super) struct PublishedRun {
    /// The arm of every customer of the tables, `None` for those the run did not decide about.
    pub(super) arm: Vec<Option<usize>>,
    /// Customers decided about, and those of each arm who are in no table any more.
    pub(super) n_decided: u64,
    pub(super) lost: [u64; ARMS.len()],
    /// By customer, the share of those the ranking may decide whom it did decide, in the customer's lane: the others explore.
    pub(super) share: Vec<f64>,
    /// Ids of those whose offers the ranking did not choose: they are in neither arm of an offer.
    pub(super) apart: BTreeSet<String>,
    /// Keys of the offers, in the run's order.
    pub(super) offers: Vec<String>,
    /// By offer, its arms.
    pub(super) assigned: Vec<[ArmRows; 2]>,
    /// By offer, customers outside the holdout who would have been made it but for being held out of this one.
    pub(super) held_back: Vec<ArmRows>,
    /// Customers × offers; NaN for whom the run did not score.
    pub(super) propensity: Vec<f32>,
}

impl PublishedRun {
    /// Reads decisions, scores, offers and shadow.
    ///
    /// # Errors
    /// `FileDamaged`, and faults of reading.
    pub(super) fn read(fs: &dyn Fs, run: &Run, customers: &CustomerIndex) -> Result<Self> {
        let scores = run.path_of(SCORES)?;
        let (_, metadata) = read_metadata(fs, &scores)?;
        let keys = metadata.iter().find(|(key, _)| key == "offers").ok_or_else(|| damaged(&scores, "offers"))?;
        let offers: Vec<String> = keys.1.lines().map(str::to_owned).collect();
        let mut read = Self {
            arm: vec![None; customers.len()],
            n_decided: 0,
            lost: [0; ARMS.len()],
            share: vec![1.0; customers.len()],
            apart: BTreeSet::new(),
            assigned: vec![<[ArmRows; 2]>::default(); offers.len()],
            held_back: vec![ArmRows::default(); offers.len()],
            propensity: vec![f32::NAN; customers.len() * offers.len()],
            offers,
        };
        read.decisions(fs, &run.path_of(DECISIONS)?, customers)?;
        read.scores(fs, &scores, customers)?;
        read.rows(fs, &run.path_of(OFFERS)?, customers, OFFER)?;
        read.rows(fs, &run.path_of(SHADOW)?, customers, HOLDOUT)?;
        Ok(read)
    }

    fn decisions(&mut self, fs: &dyn Fs, path: &Path, customers: &CustomerIndex) -> Result<()> {
        // Runs of early versions knew no lanes; then everybody is in the same one.
        let has_lanes = decide::has_column(fs, path, "lane")?;
        let columns: Vec<&str> = ["customer_id", "arm"].into_iter().chain(has_lanes.then_some("lane")).collect();
        let mut names: Vec<String> = Vec::new();
        let (mut who, mut lanes, mut is_left) = (Vec::new(), Vec::new(), Vec::new());
        for batch in read_batches(fs, path, &columns)? {
            let batch = batch?;
            let (ids, arms) = (texts(&batch, "customer_id", path)?, texts(&batch, "arm", path)?);
            let of_batch = if has_lanes { Some(texts(&batch, "lane", path)?) } else { None };
            for row in 0..batch.num_rows() {
                let customer = self.decision(ids.value(row), arms.value(row), path, customers)?;
                if [decide::OFFER, decide::EXPLORE].contains(&arms.value(row)) {
                    let lane = of_batch.map_or("", |lanes| lanes.value(row));
                    let at = names.iter().position(|name| name == lane);
                    lanes.push(at.unwrap_or(names.len()) as u32);
                    names.extend(at.is_none().then(|| lane.to_owned()));
                    who.push(customer);
                    is_left.push(arms.value(row) == decide::OFFER);
                }
            }
        }
        let shares = share_left(&lanes, &is_left);
        for (customer, share) in who.into_iter().zip(shares).filter(|(_, share)| *share > 0.0) {
            if let Some(customer) = customer {
                self.share[customer as usize] = share;
            }
        }
        Ok(())
    }

    /// One customer decided about; their number, if they are in the tables still.
    fn decision(&mut self, id: &str, arm: &str, path: &Path, customers: &CustomerIndex) -> Result<Option<u32>> {
        self.n_decided += 1;
        let position = ARMS.iter().position(|word| *word == arm);
        if position.is_none_or(|position| position > OFFER) {
            self.apart.insert(id.to_owned());
        }
        let customer = customers.find(id);
        match (position, customer) {
            (Some(position), Some(customer)) => self.arm[customer as usize] = Some(position),
            (Some(position), None) => self.lost[position] += 1,
            (None, _) if arm == decide::EXPLORE => {}
            (None, _) => return Err(damaged(path, "arm")),
        }
        Ok(customer)
    }

    fn scores(&mut self, fs: &dyn Fs, path: &Path, customers: &CustomerIndex) -> Result<()> {
        let n_offers = self.offers.len();
        for batch in read_batches(fs, path, &["customer_id", "propensity"])? {
            let batch = batch?;
            let ids = texts(&batch, "customer_id", path)?;
            let values = propensities(&batch);
            if values.len() != ids.len() * n_offers {
                return Err(damaged(path, "propensity"));
            }
            for (id, values) in ids.iter().flatten().zip(values.chunks_exact(n_offers.max(1))) {
                if let Some(customer) = customers.find(id) {
                    let at = customer as usize * n_offers;
                    self.propensity[at..at + n_offers].copy_from_slice(values);
                }
            }
        }
        Ok(())
    }

    fn rows(&mut self, fs: &dyn Fs, path: &Path, customers: &CustomerIndex, arm: usize) -> Result<()> {
        let has_arms = decide::has_column(fs, path, "arm")?;
        let tells = TOLD.map(|name| decide::has_column(fs, path, name).map(|has| has.then_some(name)));
        let tells = tells.into_iter().collect::<Result<Vec<_>>>()?;
        let mut columns = vec!["customer_id", "offer", "propensity", "action_probability"];
        columns.extend(tells.iter().flatten());
        columns.extend(has_arms.then_some("arm"));
        for batch in read_batches(fs, path, &columns)? {
            let batch = batch?;
            let (ids, keys) = (texts(&batch, "customer_id", path)?, texts(&batch, "offer", path)?);
            let propensity = numbers(&batch, "propensity", path)?;
            let probability = numbers(&batch, "action_probability", path)?;
            let arms = if has_arms { Some(texts(&batch, "arm", path)?) } else { None };
            let expected = Told::new(&batch, propensity);
            for row in 0..batch.num_rows() {
                let offer = self.offers.iter().position(|key| key == keys.value(row));
                let offer = offer.ok_or_else(|| damaged(path, "offer"))?;
                let made_with = probability.value(row);
                if !(made_with > 0.0 && made_with <= 1.0) {
                    return Err(damaged(path, "action_probability"));
                }
                if self.apart.contains(ids.value(row)) {
                    continue;
                }
                let is_held_back = arms.is_some_and(|arms| arms.value(row) == decide::OFFER_HOLDOUT);
                let rows = if is_held_back { &mut self.held_back[offer] } else { &mut self.assigned[offer][arm] };
                match customers.find(ids.value(row)) {
                    Some(customer) => rows.rows.push(Assigned {
                        customer,
                        propensity: propensity.value(row),
                        probability: self.share[customer as usize],
                        expected: expected.of(row),
                    }),
                    None => rows.lost += 1,
                }
            }
        }
        Ok(())
    }
}

/// The columns of what was expected; early versions have fewer of them.
const TOLD: [&str; 6] =
    ["propensity_contacted", "uplift", "uplift_lower", "uplift_upper", "margin_minor", "expected_value_minor"];

/// What a batch of rows tells of what was expected.
struct Told<'a> {
    propensity: &'a Float64Array,
    contacted: Option<&'a Float64Array>,
    uplift: [Option<&'a Float64Array>; 3],
    money: [Option<&'a Int64Array>; 2],
}

impl<'a> Told<'a> {
    fn new(batch: &'a RecordBatch, propensity: &'a Float64Array) -> Self {
        let real = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>();
        let money = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        Self {
            propensity,
            contacted: real(TOLD[0]),
            uplift: [real(TOLD[1]), real(TOLD[2]), real(TOLD[3])],
            money: [money(TOLD[4]), money(TOLD[5])],
        }
    }

    fn of(&self, row: usize) -> Expected {
        let real = |column: Option<&Float64Array>| {
            column
                .filter(|column| column.is_valid(row))
                .map(|column| column.value(row))
                .filter(|value| value.is_finite())
        };
        let money = |column: Option<&Int64Array>| column.map_or(0.0, |column| column.value(row) as f64);
        let [uplift, lower, upper] = self.uplift.map(real);
        Expected {
            contacted: real(self.contacted).unwrap_or_else(|| self.propensity.value(row)),
            uplift: uplift.map(|value| [value, lower.unwrap_or(value), upper.unwrap_or(value)]),
            has_interval: lower.is_some() && upper.is_some(),
            margin: money(self.money[0]),
            value: money(self.money[1]),
        }
    }
}

fn texts<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a StringArray> {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.filter(|column| column.null_count() == 0).ok_or_else(|| damaged(path, name))
}

fn numbers<'a>(batch: &'a RecordBatch, name: &str, path: &Path) -> Result<&'a Float64Array> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
    column.filter(|column| column.null_count() == 0).ok_or_else(|| damaged(path, name))
}

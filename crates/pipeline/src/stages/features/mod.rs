//! Features: raw values as of many dates, and the labels beside them; cells stream out partition by partition.

mod cases;
mod cells;
mod derived;
mod groups;
mod household;
mod labels;
mod levels;
mod people;
mod quota;
mod rows;
mod stage;
mod table;
mod trace;

use std::ops::Range;
use std::sync::Arc;

use osusume_model::{AsOf, FeatureSpec, Result, keyed_hash, unit_interval};
use osusume_tables::ParquetSink;
use osusume_windows::Label;

pub(crate) use cells::{Blocks, HoldingSlices, product_positions};
pub(crate) use derived::expression_fault;
pub(crate) use labels::{block_of, label, window};
pub(crate) use rows::{label_column, take_column, units_column};
pub(crate) use table::write_table;
pub(crate) use trace::inspect;

use self::groups::Groups;
use self::people::People;
use self::rows::RowAt;
use crate::calendar::Schedule;
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{Config, Recipe, Role};
use crate::job::Job;
use crate::seam::Block;
use crate::stages::ingest;
use crate::stages::mine::Leads;

/// Rows to learn from.
pub(crate) const TRAINING: &str = "features/training.parquet";
/// Rows to score.
pub(crate) const SCORING: &str = "features/scoring.parquet";

/// What the stage leaves behind.
pub(crate) struct FeatureTables {
    /// The dictionary, in the order of the columns.
    pub(crate) specs: Vec<FeatureSpec>,
    /// Share of the customers whose rows are trained on: so many that about `train.max_rows` of the rows there are remain.
    pub(crate) sample: f64,
    /// Customers left out of them because they refused every channel.
    pub(crate) opted_out: u64,
    /// Rows in each file.
    pub(crate) training_rows: u64,
    pub(crate) scoring_rows: u64,
    /// By offer, the number of rows with each label, in the order of [`Label`].
    pub(crate) labels: Vec<[u64; 5]>,
    /// For each date of [`Schedule::open`], by offer, the number of rows that models will learn from once their labels are known.
    pub(crate) open: Vec<Vec<u64>>,
    /// Holding rows left out because their product is in no catalogue.
    pub(crate) unknown_products: u64,
}

/// Computes features and labels for the sampled customers as of every mature date, and features of everybody as of the run's date. `leads`:
/// what was mined, if anything.
///
/// # Errors
/// Faults of reading and writing, and a stop asked for.
pub(crate) fn build(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    schedule: &Schedule,
    leads: Option<Leads>,
) -> Result<FeatureTables> {
    let first = schedule.mature[0].instant;
    if let Some((_, fault)) = ingest::unknown_products(job, tables, goods)? {
        job.warn(fault);
    }
    let people = People::read(job, tables, goods, schedule)?;
    let mut groups = Groups::draw(job, tables, goods, first, &people)?;
    groups.rules(job, goods, leads);
    groups.derive(job)?;
    let dates: Vec<AsOf> = schedule.mature.iter().copied().chain([schedule.score]).collect();
    groups.learn(job, tables, goods, &dates)?;
    let n_customers = tables.n_customers();
    let sample = (job.config.train.max_rows as f64 / people.rows.max(1) as f64).min(1.0);
    let mut writer = Writer::create(job, (tables, goods), groups, (people, sample), schedule)?;
    let partitions = partitions(job, tables, writer.groups.specs.len(), schedule, sample);
    for customers in partitions {
        job.check_stop()?;
        writer.partition(job, tables, goods, schedule, customers.clone())?;
        job.host.progress(u64::from(customers.end), u64::from(n_customers));
    }
    writer.finish()
}

/// The dictionary a run would have, drawn up without a value computed. Of what rules lead to it has every offer, of which a run has those
/// that some rule leads to.
///
/// # Errors
/// As of [`build`].
pub(crate) fn dictionary(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    schedule: &Schedule,
) -> Result<Vec<FeatureSpec>> {
    let people = People::read(job, tables, goods, schedule)?;
    let mut groups = Groups::draw(job, tables, goods, schedule.mature[0].instant, &people)?;
    groups.every_rule(job, goods);
    groups.derive(job)?;
    Ok(groups.specs)
}

/// Runs of customers whose rows and cells fit into a quarter of the memory budget. The bytes written do not depend on them.
fn partitions(job: &Job<'_>, tables: &Checked, n_features: usize, schedule: &Schedule, sample: f64) -> Vec<Range<u32>> {
    let n_customers = tables.n_customers();
    let row_bytes = tables.decoded_bytes();
    // Cells exist twice: as the kernel's matrix and as the batch on its way out.
    let cells = (1.0 + sample * schedule.mature.len() as f64) * n_features as f64 * 8.0;
    let per_customer = row_bytes as f64 / f64::from(n_customers.max(1)) * 2.0 + cells;
    let most = (job.memory as f64 / 4.0 / per_customer).clamp(256.0, 65_536.0) as u32;
    (0..n_customers.div_ceil(most)).map(|i| i * most..n_customers.min((i + 1) * most)).collect()
}

struct Writer {
    groups: Groups,
    training: ParquetSink,
    scoring: ParquetSink,
    training_schema: Arc<osusume_tables::arrow::datatypes::Schema>,
    scoring_schema: Arc<osusume_tables::arrow::datatypes::Schema>,
    wanted: Vec<Wanted>,
    people: People,
    sample: f64,
    labels: Vec<[u64; 5]>,
    open: Vec<Vec<u64>>,
    unknown_products: u64,
}

impl Writer {
    fn create(
        job: &Job<'_>,
        (tables, goods): (&Checked, &Goods),
        groups: Groups,
        (people, sample): (People, f64),
        schedule: &Schedule,
    ) -> Result<Self> {
        let training_schema = Arc::new(rows::schema(&groups.specs, Some((&goods.catalogue.offers, &goods.counted()))));
        let scoring_schema = Arc::new(rows::schema(&groups.specs, None));
        let dates: Vec<String> = schedule.mature.iter().map(|date| date.date.to_string()).collect();
        let metadata = [("as_of_dates".to_owned(), dates.join(" "))];
        let training = ParquetSink::create(&job.target(), TRAINING, &training_schema, &metadata)?;
        let scoring = ParquetSink::create(&job.target(), SCORING, &scoring_schema, &[])?;
        let wanted = Wanted::all(job, tables);
        let labels = vec![[0; 5]; goods.catalogue.offers.len()];
        let open = vec![vec![0; labels.len()]; schedule.open.len()];
        Ok(Self {
            groups,
            training,
            scoring,
            training_schema,
            scoring_schema,
            wanted,
            people,
            sample,
            labels,
            open,
            unknown_products: 0,
        })
    }

    fn partition(
        &mut self,
        job: &Job<'_>,
        tables: &Checked,
        goods: &Goods,
        schedule: &Schedule,
        customers: Range<u32>,
    ) -> Result<()> {
        let (blocks, unknown) = read_blocks(job, tables, goods, &self.wanted, &customers)?;
        self.unknown_products += unknown;
        let everybody: Vec<u32> = customers.clone().collect();
        let learned: Vec<u32> = self.people.among(&customers).map(|at| at as u32).collect();
        self.count_open(job, goods, &blocks, schedule, (&learned, everybody.len()))?;
        let seed = format!("{}/sample", job.config.train.seed);
        let is_sampled = |customer: u32| {
            self.sample >= 1.0
                || unit_interval(keyed_hash(&seed, tables.customers.id(customer).as_bytes())) < self.sample
        };
        let keep: Vec<u32> = learned.into_iter().filter(|&at| is_sampled(customers.start + at)).collect();
        let (past, now) = (schedule.mature.as_slice(), [schedule.score]);
        // Where nearly everybody is learned from, one walk over the rows serves all dates; a cross-section has the same date twice.
        if self.sample >= 1.0 && past.iter().all(|date| date.instant < now[0].instant) {
            let mut is_learned = vec![false; everybody.len()];
            for &at in &keep {
                is_learned[at as usize] = true;
            }
            let dates = [past, &now].concat();
            return self.write(job, goods, &blocks, schedule, (&everybody, &is_learned), (&dates, past.len()));
        }
        self.write(job, goods, &blocks, schedule, (&everybody, &[]), (&now, 0))?;
        if keep.is_empty() {
            return Ok(());
        }
        let sampled = blocks.iter().map(|(name, block)| (name.clone(), block.select(&keep))).collect();
        let customers: Vec<u32> = keep.iter().map(|&c| c + customers.start).collect();
        let all = vec![true; customers.len()];
        self.write(job, goods, &sampled, schedule, (&customers, &all), (past, past.len()))
    }

    /// Writes the rows of some customers: of the first `n_past` dates, all mature, to learn from if they may be, of the date behind them, if
    /// any, to score.
    fn write(
        &mut self,
        job: &Job<'_>,
        goods: &Goods,
        blocks: &Blocks,
        schedule: &Schedule,
        (customers, is_learned): (&[u32], &[bool]),
        (dates, n_past): (&[AsOf], usize),
    ) -> Result<()> {
        let active = labels::active(job, goods, blocks, dates, customers.len())?;
        let at = active_rows(&active, dates.len());
        let cells = cells::compute(job, &self.groups.groups, goods, blocks, dates)?;
        let (mut learned, scored): (Vec<RowAt>, Vec<RowAt>) =
            at.into_iter().partition(|row| (row.date as usize) < n_past);
        learned.retain(|row| is_learned[row.customer as usize]);
        if n_past < dates.len() {
            self.scoring.write(&rows::batch(&self.scoring_schema, &scored, customers, dates, &cells, None)?)?;
        }
        if n_past > 0 {
            let labels = label(job, goods, blocks, schedule, &dates[..n_past], customers.len())?;
            self.count(&learned, n_past, &labels.label);
            let labels = Some((&labels, n_past));
            self.training.write(&rows::batch(&self.training_schema, &learned, customers, dates, &cells, labels)?)?;
        }
        Ok(())
    }

    fn count(&mut self, at: &[RowAt], n_dates: usize, labels: &[Label]) {
        let n_offers = self.labels.len();
        for row in at {
            let cell = row.customer as usize * n_dates + row.date as usize;
            for (counts, label) in self.labels.iter_mut().zip(&labels[cell * n_offers..]) {
                counts[*label as usize] += 1;
            }
        }
    }

    /// Counts the rows of `learned` whose labels are not known yet.
    fn count_open(
        &mut self,
        job: &Job<'_>,
        goods: &Goods,
        blocks: &Blocks,
        schedule: &Schedule,
        (learned, n_customers): (&[u32], usize),
    ) -> Result<()> {
        let (dates, n_offers) = (schedule.open.as_slice(), self.labels.len());
        if dates.is_empty() || n_offers == 0 {
            return Ok(());
        }
        let active = labels::active(job, goods, blocks, dates, n_customers)?;
        let labels = label(job, goods, blocks, schedule, dates, n_customers)?.label;
        for &customer in learned {
            for (date, counts) in self.open.iter_mut().enumerate() {
                let row = customer as usize * dates.len() + date;
                let labels = labels[row * n_offers..].iter().zip(counts).filter(|_| active[row]);
                labels.for_each(|(label, count)| *count += u64::from(*label == Label::Immature));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<FeatureTables> {
        let training = self.training.finish()?;
        let scoring = self.scoring.finish()?;
        Ok(FeatureTables {
            specs: self.groups.specs,
            sample: self.sample,
            opted_out: self.people.opted_out,
            training_rows: training.rows,
            scoring_rows: scoring.rows,
            labels: self.labels,
            open: self.open,
            unknown_products: self.unknown_products,
        })
    }
}

/// A source and the columns that are read of it.
struct Wanted {
    source: String,
    columns: Vec<String>,
    role: Role,
}

impl Wanted {
    /// The sources features and labels are made of.
    fn all(job: &Job<'_>, tables: &Checked) -> Vec<Self> {
        let sources = job.config.sources.values().filter(|s| !matches!(s.role, Role::Products | Role::Consents));
        let wanted = |source: &crate::config::Source| {
            let (columns, role) = (wanted_columns(job.config, source), source.role);
            let source = source.name.clone();
            Self { source, columns, role }
        };
        let copied = job.config.sources.values().filter_map(|source| Some((source, tables.copied(&source.name)?)));
        let copied = copied.map(|(source, copied)| {
            let columns = copied.columns.iter().cloned().chain(["arrived".to_owned()]).collect();
            Self { source: copied.table.clone(), columns, role: source.role }
        });
        sources.map(wanted).chain(copied).collect()
    }
}

/// The rows of some customers, by table, and how many of them name a product that is in no catalogue.
fn read_blocks(
    job: &Job<'_>,
    tables: &Checked,
    goods: &Goods,
    wanted: &[Wanted],
    customers: &Range<u32>,
) -> Result<(Blocks, u64)> {
    let (mut blocks, mut unknown) = (Blocks::new(), 0);
    if job.config.features.recipes.contains(&Recipe::Household) {
        blocks.insert(household::BLOCK.to_owned(), household::block(customers));
    }
    for Wanted { source, columns, role } in wanted {
        let Some(table) = tables.table(source) else { continue };
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let block = Block::read(table, customers.clone(), &columns, &job.quiet())?;
        let block = match role {
            Role::Holdings => {
                let known = known_products(goods, block);
                unknown += known.1;
                known.0
            }
            Role::CrossSection => {
                let held = block.unfolded(&job.config.sources[source]);
                blocks.insert(labels::STANDS.to_owned(), block);
                held
            }
            Role::Contacts => sent_only(&block),
            _ => block,
        };
        blocks.insert(source.clone(), block);
    }
    Ok((blocks, unknown))
}

fn active_rows(active: &[bool], n_dates: usize) -> Vec<RowAt> {
    let positions = active.iter().enumerate().filter(|(_, is_active)| **is_active);
    positions.map(|(i, _)| RowAt { customer: (i / n_dates) as u32, date: (i % n_dates) as u32 }).collect()
}

/// The columns of a source that features or labels read: all that were declared, except the customer and texts whose tone nobody asks for.
fn wanted_columns(config: &Config, source: &crate::config::Source) -> Vec<String> {
    let is_left_out = |name: &str| name == "customer" || name == "text" && !config.reads_text(source);
    let declared = source.columns.keys().filter(|name| !is_left_out(name)).cloned();
    let attributes = source.attributes.keys().map(|header| ingest::attribute_column(header));
    let held = ingest::held_headers(source).into_iter().map(ingest::held_column);
    declared.chain(attributes).chain(held).collect()
}

/// Drops rows whose product is in no catalogue, and says how many.
pub(crate) fn known_products(goods: &Goods, block: Block) -> (Block, u64) {
    let positions = product_positions(goods, &block);
    let codes = block.codes_or("product", 0);
    let is_known = |row: usize| positions.get(codes[row] as usize).is_some_and(|&position| position != u32::MAX);
    let unknown = (0..codes.len()).filter(|&row| !is_known(row)).count() as u64;
    if unknown == 0 { (block, 0) } else { (block.filter(is_known), unknown) }
}

/// Drops the rows of controls and of what was reported as not sent: nobody was contacted there.
pub(crate) fn sent_only(block: &Block) -> Block {
    let block = &drawn_only(block);
    match block.integers("sent") {
        Some(sent) => block.filter(|row| sent.get(row) != Some(0)),
        None => block.clone(),
    }
}

/// Drops the rows of controls.
pub(crate) fn drawn_only(block: &Block) -> Block {
    let names = block.column("arm").and_then(|column| column.dictionary.clone());
    let control = names.and_then(|names| names.iter().position(|name| name.trim().eq_ignore_ascii_case("control")));
    match (control, block.codes("arm")) {
        (Some(control), Some(arms)) => block.filter(|row| arms.get(row) != Some(control as u32)),
        _ => block.clone(),
    }
}

//! Writes a company: blocks of customers are played in parallel and written in order.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Control, Date, Result, check_stop};
use osusume_storage::{Fs, WriteFile, create_dirs, write_fault};
use osusume_tables::arrow::datatypes::Schema;
use osusume_tables::{ParquetSink, Target};
use rayon::prelude::*;

use crate::World;
use crate::columns::{CONTACTS, chances_schema, usage_schema, worth_schema};
use crate::household::{Approach, Play, play};
use crate::person::{HOUSEHOLD_RUN, households};
use crate::respond::approaches;
use crate::rows::{Recorder, Table, Tables, quoted};
use crate::schema::{Item, Product};
use crate::truth::chances;
use crate::worth::worth;

/// Customers a task; a multiple of [`HOUSEHOLD_RUN`].
const BLOCK: u64 = 512;
/// Blocks in memory at once. Constant, so that memory does not grow with the number of threads.
const BLOCKS_AT_ONCE: u64 = 16;
/// Customers whose usage is counted to find out how much to thin.
const THINNING_SAMPLE: u64 = 256;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of customers.
    pub customers: u64,
    /// Seed; the world's own in [`World::default_seed`].
    pub seed: u64,
    /// About how many usage rows to write; all of them when absent. Metrics late in the file are left out first, then old months.
    pub events: Option<u64>,
    /// Write what an export made on this day's morning holds; the world's end when absent. Later than the end, life goes on without campaigns.
    pub until: Option<Date>,
    /// As-of dates the truth is told for; the world's end when empty.
    /// A date is rounded down to the beginning of its week, counted from the world's end.
    pub truth_as_of: Vec<Date>,
    /// Tell beside the chances what one, two and three contacts are worth within twelve months, in `truth/worth.parquet`.
    pub worth: bool,
    /// An offer table whose rows reach their customers when each label window begins: the tables as they stand after that.
    pub offers: Option<PathBuf>,
    /// Directory the tables are written into; created when absent.
    pub out_dir: PathBuf,
}

/// One file written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Path under the output directory.
    pub path: String,
    /// Rows without the header.
    pub rows: u64,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Files in the order of writing.
    pub files: Vec<Written>,
}

/// Generates the tables of a company into `options.out_dir`. The same bytes for any number of threads.
///
/// # Errors
/// `CannotWrite`, `DiskFull`, or the request to stop.
pub fn generate(world: &World, options: &Options, fs: &Arc<dyn Fs>, control: &dyn Control) -> Result<Summary> {
    world.check_customers()?;
    for dir in ["", "usage", "truth"] {
        create_dirs(&**fs, &options.out_dir.join(dir))?;
    }
    let until = options.until.map_or(world.plan().end, |date| date.0);
    let usage_from = thinning(world, options, until);
    let approaches =
        options.offers.as_ref().map(|path| approaches(world, path, &**fs)).transpose()?.unwrap_or_default();
    let recorder = Recorder::new(world, options.seed, until, &usage_from);
    let mut files = open_files(world, options, fs)?;
    let n_blocks = options.customers.div_ceil(BLOCK);
    for first in (0..n_blocks).step_by(BLOCKS_AT_ONCE as usize) {
        check_stop(control)?;
        let blocks: Vec<Tables> = (first..(first + BLOCKS_AT_ONCE).min(n_blocks))
            .into_par_iter()
            .map(|block| generate_block(world, options, (until, &approaches), &recorder, block * BLOCK))
            .collect();
        for tables in blocks {
            files.append(tables)?;
        }
        control.progress((first + BLOCKS_AT_ONCE).min(n_blocks), n_blocks);
    }
    let mut written = files.finish(&**fs)?;
    written.insert(1, write_products(world, options, &**fs)?);
    Ok(Summary { files: written })
}

fn generate_block(
    world: &World,
    options: &Options,
    (until, approaches): (i32, &[Approach]),
    recorder: &Recorder<'_>,
    first: u64,
) -> Tables {
    let mut tables = Tables::default();
    let dates: Vec<i32> = match options.truth_as_of.as_slice() {
        [] => vec![world.plan().end.min(until)],
        given => given.iter().map(|date| date.0).collect(),
    };
    let end = (first + BLOCK).min(options.customers);
    for run in (first..end).step_by(HOUSEHOLD_RUN as usize) {
        for members in households(world.file(), options.seed, run, end) {
            let (truth, worths) = (&mut tables.true_chances, &mut tables.true_worth);
            let of_household = of(approaches, &members);
            let lives = play(
                Play { world, seed: options.seed, members: &members, until, dates: &dates, approaches: of_household },
                &mut |snapshot| {
                    let told = chances(world, options.seed, snapshot, 0.0);
                    truth.extend(snapshot.person.number, snapshot.as_of, &told);
                    if options.worth {
                        let told = worth(world, options.seed, snapshot, &CONTACTS);
                        worths.extend(snapshot.person.number, snapshot.as_of, &told);
                    }
                },
            );
            for life in &lives {
                recorder.record(life, &mut tables);
            }
        }
    }
    tables
}

/// The approaches to a household, whose numbers lie side by side.
fn of<'a>(approaches: &'a [Approach], members: &[u64]) -> &'a [Approach] {
    let (Some(first), Some(last)) = (members.first(), members.last()) else { return &[] };
    let start = approaches.partition_point(|approach| approach.number < *first);
    &approaches[start..approaches.partition_point(|approach| approach.number <= *last)]
}

/// For each metric the first day written, so that about `options.events` rows come out.
fn thinning(world: &World, options: &Options, until: i32) -> Vec<i32> {
    let n_metrics = world.file().metric.len();
    let Some(events) = options.events else { return vec![i32::MIN; n_metrics] };
    let sample = THINNING_SAMPLE.min(options.customers.max(1));
    let mut days: Vec<Vec<i32>> = vec![Vec::new(); n_metrics];
    for run in (0..sample).step_by(HOUSEHOLD_RUN as usize) {
        for members in households(world.file(), options.seed, run, sample) {
            for life in play(
                Play { world, seed: options.seed, members: &members, until, dates: &[], approaches: &[] },
                &mut |_| {},
            ) {
                life.log.usage.iter().for_each(|row| days[row.metric].push(row.day));
            }
        }
    }
    // Rows of the sample that may be written; a missing value is no row.
    let present = 1.0 - world.file().setting.missing;
    let mut left = (events as f64 * sample as f64 / options.customers.max(1) as f64 / present) as usize;
    days.iter_mut()
        .map(|days| {
            days.sort_unstable_by(|a, b| b.cmp(a));
            let kept = left.min(days.len());
            left -= kept;
            if kept == days.len() { i32::MIN } else { days.get(kept).map_or(i32::MAX, |day| day + 1) }
        })
        .collect()
}

/// The files being written, each under a temporary name.
struct Files<'a> {
    world: &'a World,
    dir: &'a Path,
    lines: Vec<Lines>,
    usage: ParquetSink,
    chances: ParquetSink,
    worth: Option<ParquetSink>,
}

/// A CSV file being written.
struct Lines {
    path: &'static str,
    file: Box<dyn WriteFile>,
    rows: u64,
}

const USAGE: &str = "usage/usage.parquet";
const CHANCES: &str = "truth/chances.parquet";
const WORTH: &str = "truth/worth.parquet";

fn open_files<'a>(world: &'a World, options: &'a Options, fs: &Arc<dyn Fs>) -> Result<Files<'a>> {
    let fixed = ["customer_id", "household_id", "joined_on", "loaded_at"];
    let attributes = world.file().attribute.iter().map(|a| a.name.as_str());
    let customers = fixed.into_iter().chain(attributes).collect::<Vec<&str>>().join(",");
    let is_shop = world.file().shop.is_some();
    let mut headers: Vec<(&'static str, &str)> = vec![
        ("customers.csv", &customers),
        (
            if is_shop { "truth/holdings.csv" } else { "holdings.csv" },
            "customer_id,line_id,product_id,seats,start_date,end_date,renewal_date,monthly_fee,loaded_at,end_loaded_at",
        ),
        ("tickets.csv", "customer_id,opened_at,closed_at,topic,body,satisfaction,loaded_at"),
        ("contacts.csv", "customer_id,sent_at,offer_id,channel,arm,action_probability,responded_at,loaded_at"),
        ("consents.csv", "customer_id,channel,purpose,allowed,recorded_at"),
        ("truth/customers.csv", "customer_id,segment,response,left_on"),
        ("truth/triggers.csv", "customer_id,trigger,day"),
    ];
    let of_shop = [
        ("purchases.csv", "customer_id,basket_id,bought_at,product_id,quantity,unit_price,loaded_at"),
        ("sold.csv", "customer_id,serial,product_id,sold_on,returned_on,loaded_at,return_loaded_at"),
    ];
    headers.extend(of_shop.into_iter().filter(|_| is_shop));
    let dir = &options.out_dir;
    let mut lines = Vec::new();
    for (path, header) in headers {
        let mut file = create_part(&**fs, dir, path)?;
        writeln!(file, "{header}").map_err(|error| write_fault(&dir.join(path), &error))?;
        lines.push(Lines { path, file, rows: 0 });
    }
    let usage = create_parquet(fs, dir, USAGE, &usage_schema())?;
    let chances = create_parquet(fs, dir, CHANCES, &chances_schema())?;
    let worth = options.worth.then(|| create_parquet(fs, dir, WORTH, &worth_schema())).transpose()?;
    Ok(Files { world, dir, lines, usage, chances, worth })
}

pub(crate) fn create_parquet(fs: &Arc<dyn Fs>, dir: &Path, path: &str, schema: &Schema) -> Result<ParquetSink> {
    remove_part(&**fs, dir, path)?;
    let target = Target::Dir { fs: Arc::clone(fs), dir: dir.to_owned() };
    ParquetSink::create(&target, &format!("{path}.part"), schema, &[])
}

impl Files<'_> {
    fn append(&mut self, tables: Tables) -> Result<()> {
        let Tables {
            customers,
            holdings,
            tickets,
            contacts,
            consents,
            true_customers,
            true_triggers,
            usage,
            true_chances,
            true_worth,
            purchases,
            sold,
        } = tables;
        // Of a company that is no shop, the last two have no file.
        let of_lines: [Table; 9] =
            [customers, holdings, tickets, contacts, consents, true_customers, true_triggers, purchases, sold];
        for (lines, table) in self.lines.iter_mut().zip(of_lines) {
            lines.file.write_all(&table.bytes).map_err(|error| write_fault(&self.dir.join(lines.path), &error))?;
            lines.rows += table.rows;
        }
        self.usage.write(&usage.batch(self.world)?)?;
        self.chances.write(&true_chances.batch(self.world)?)?;
        self.worth.as_mut().map_or(Ok(()), |sink| sink.write(&true_worth.batch(self.world)?))
    }

    fn finish(self, fs: &dyn Fs) -> Result<Vec<Written>> {
        let mut written = Vec::new();
        for Lines { path, mut file, rows } in self.lines {
            file.sync()?;
            written.push(Written { path: path.to_owned(), rows });
        }
        let sinks = [(USAGE, self.usage), (CHANCES, self.chances)].into_iter();
        for (path, sink) in sinks.chain(self.worth.map(|sink| (WORTH, sink))) {
            written.push(Written { path: path.to_owned(), rows: sink.finish()?.rows });
        }
        for Written { path, .. } in &written {
            fs.rename(&part(self.dir, path), &self.dir.join(path))?;
        }
        Ok(written)
    }
}

pub(crate) fn part(dir: &Path, path: &str) -> PathBuf {
    dir.join(format!("{path}.part"))
}

/// Opens a file under a temporary name; one left by an earlier, broken attempt is replaced.
fn create_part(fs: &dyn Fs, dir: &Path, path: &str) -> Result<Box<dyn WriteFile>> {
    remove_part(fs, dir, path)?;
    fs.create(&part(dir, path))
}

fn remove_part(fs: &dyn Fs, dir: &Path, path: &str) -> Result<()> {
    let part = part(dir, path);
    if fs.metadata(&part)?.is_some() { fs.remove_file(&part) } else { Ok(()) }
}

fn write_products(world: &World, options: &Options, fs: &dyn Fs) -> Result<Written> {
    let path = "products.csv";
    let shop = world.file().shop.as_ref();
    let paid = if shop.is_some() { "price,margin" } else { "monthly_fee,monthly_margin" };
    let header = format!("product_id,name_en,name_ja,family,tier,held_by,{paid},requires,excludes,replaces\n");
    let products = &world.file().product;
    let amounts = |price, margin| format!("{},{}", world.amount(price), world.amount(margin));
    let line = |p: &Product| {
        let lists = [&p.requires, &p.excludes, &p.replaces].map(|list| list.join("|")).join(",");
        let names = format!("{},{},{}", p.id, quoted(&p.name_en), quoted(&p.name_ja));
        format!("{names},{},{},customer,{},{lists}\n", p.family, p.tier, amounts(p.fee, p.margin))
    };
    let item = |i: &Item| {
        let names = format!("{},{},{}", i.id, quoted(&i.name_en), quoted(&i.name_ja));
        format!("{names},{},1,customer,{},,,\n", i.kind, amounts(i.price, i.margin))
    };
    let items = shop.iter().flat_map(|shop| &shop.item);
    let lines: Vec<String> = std::iter::once(header).chain(products.iter().map(line)).chain(items.map(item)).collect();
    let (text, rows) = (lines.concat(), lines.len() as u64 - 1);
    let mut file = create_part(fs, &options.out_dir, path)?;
    file.write_all(text.as_bytes()).map_err(|error| write_fault(&options.out_dir.join(path), &error))?;
    file.sync()?;
    drop(file);
    fs.rename(&part(&options.out_dir, path), &options.out_dir.join(path))?;
    Ok(Written { path: path.to_owned(), rows })
}

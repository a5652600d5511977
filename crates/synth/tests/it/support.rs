//! Generating into a scratch directory, and reading back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use osusume_model::{Date, NoControl};
use osusume_storage::{Digest, Fs, RealFs};
use osusume_synth::{Options, Summary, World, generate};
use osusume_tables::arrow::array::{Array, ArrayRef, Date32Array, Float64Array, Int16Array, RecordBatch, StringArray};
use osusume_tables::{ParquetSink, Target, read_batches};

/// The last as-of date whose label window lies inside the history, on the beginning of a week of the world.
pub(crate) const MATURE: &str = "2026-07-23";
/// The day after the history.
pub(crate) const END: &str = "2026-10-01";

pub(crate) fn real_fs() -> Arc<dyn Fs> {
    Arc::new(RealFs)
}

pub(crate) fn options(customers: u64, out_dir: &Path) -> Options {
    let seed = World::isp().default_seed();
    Options {
        customers,
        seed,
        events: None,
        until: None,
        truth_as_of: Vec::new(),
        worth: false,
        offers: None,
        out_dir: out_dir.to_owned(),
    }
}

pub(crate) fn generate_isp(options: &Options) -> Summary {
    generate(&World::isp(), options, &real_fs(), &NoControl).expect("a scratch directory takes every file")
}

/// Path and digest of every file the summary names.
pub(crate) fn digests(dir: &Path, summary: &Summary) -> Vec<(String, Digest)> {
    summary.files.iter().map(|file| (file.path.clone(), digest(&dir.join(&file.path)))).collect()
}

pub(crate) fn digest(path: &Path) -> Digest {
    Digest::of(&std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn day(text: &str) -> i32 {
    text[..10].parse::<Date>().expect("tables hold dates").0
}

/// A table as cells by column name.
pub(crate) struct Cells {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Cells {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the table was generated");
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<String>>());
        let header = lines.next().expect("a table has a header");
        Self { header, rows: lines.collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The named columns of every row.
    pub(crate) fn of<const N: usize>(&self, names: [&str; N]) -> impl Iterator<Item = [&str; N]> {
        let positions = names.map(|name| self.header.iter().position(|h| h == name).expect("the table has the column"));
        self.rows.iter().map(move |row| positions.map(|i| row[i].as_str()))
    }
}

/// One row of the truth.
pub(crate) struct Chance {
    pub(crate) customer: String,
    pub(crate) as_of: i32,
    pub(crate) offer: String,
    pub(crate) without: f64,
    pub(crate) with: f64,
    pub(crate) effect: f64,
}

/// A company generated once for all tests.
pub(crate) struct Company {
    pub(crate) name: &'static str,
    pub(crate) world: World,
    scratch: tempfile::TempDir,
    pub(crate) summary: Summary,
    pub(crate) chances: Vec<Chance>,
}

/// The internet provider.
pub(crate) static COMPANY: LazyLock<Company> = LazyLock::new(|| Company::generate("isp", 6_000));

/// Every other company that comes with the program, smaller.
static OTHERS: LazyLock<Vec<Company>> = LazyLock::new(|| {
    World::names().filter(|name| *name != "isp").map(|name| Company::generate(name, OTHER_CUSTOMERS)).collect()
});
const OTHER_CUSTOMERS: u64 = 3_000;

/// Every company that comes with the program.
pub(crate) fn companies() -> impl Iterator<Item = &'static Company> {
    std::iter::once(&*COMPANY).chain(OTHERS.iter())
}

impl Company {
    fn generate(name: &'static str, customers: u64) -> Self {
        let world = World::shipped(name).expect("it comes with the program");
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let mut options = options(customers, scratch.path());
        options.seed = world.default_seed();
        options.truth_as_of = [MATURE, END].map(|text| text.parse().expect("a date")).to_vec();
        let summary = generate(&world, &options, &real_fs(), &NoControl).expect("a scratch directory takes every file");
        let chances = read_chances(&scratch.path().join("truth/chances.parquet"));
        Self { name, world, scratch, summary, chances }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn cells(&self, table: &str) -> Cells {
        Cells::read(&self.dir().join(table))
    }

    /// What customers hold; of a shop, whose tables do not tell it, what they own by the truth.
    pub(crate) fn holdings(&self) -> Cells {
        let is_told = self.dir().join("holdings.csv").exists();
        self.cells(if is_told { "holdings.csv" } else { "truth/holdings.csv" })
    }

    /// Chances as of a date, by offer.
    pub(crate) fn by_offer(&self, as_of: &str) -> BTreeMap<&str, Vec<&Chance>> {
        by_offer(&self.chances, as_of)
    }
}

/// Chances as of a date, by offer.
pub(crate) fn by_offer<'a>(chances: &'a [Chance], as_of: &str) -> BTreeMap<&'a str, Vec<&'a Chance>> {
    let mut offers: BTreeMap<&str, Vec<&Chance>> = BTreeMap::new();
    for chance in chances.iter().filter(|chance| chance.as_of == day(as_of)) {
        offers.entry(chance.offer.as_str()).or_default().push(chance);
    }
    offers
}

pub(crate) fn read_chances(path: &Path) -> Vec<Chance> {
    let batches = read_batches(&RealFs, path, &[]).expect("the truth was generated");
    batches.flat_map(|batch| chances_of(&batch.expect("a whole file"))).collect()
}

fn chances_of(batch: &RecordBatch) -> Vec<Chance> {
    let (customer, as_of) = (typed::<StringArray>(batch, 0), typed::<Date32Array>(batch, 1));
    let offer = typed::<StringArray>(batch, 2);
    let numbers = [3, 4, 5].map(|i| typed::<Float64Array>(batch, i));
    (0..batch.num_rows())
        .map(|i| Chance {
            customer: customer.value(i).to_owned(),
            as_of: as_of.value(i),
            offer: offer.value(i).to_owned(),
            without: numbers[0].value(i),
            with: numbers[1].value(i),
            effect: numbers[2].value(i),
        })
        .collect()
}

pub(crate) fn typed<T: Array + 'static>(batch: &RecordBatch, i: usize) -> &T {
    batch.column(i).as_any().downcast_ref::<T>().expect("the type of the column")
}

/// A table of one offer a row: customer, as-of date, rank, offer.
pub(crate) fn write_offers(dir: &Path, rows: &[(&str, i32, i16, &str)]) {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer_id", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0)))),
        ("as_of", Arc::new(Date32Array::from_iter_values(rows.iter().map(|r| r.1)))),
        ("rank", Arc::new(Int16Array::from_iter_values(rows.iter().map(|r| r.2)))),
        ("offer", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.3)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let target = Target::Dir { fs: real_fs(), dir: dir.to_owned() };
    let mut sink = ParquetSink::create(&target, "offers.parquet", batch.schema_ref(), &[]).unwrap();
    sink.write(&batch).unwrap();
    sink.finish().unwrap();
}

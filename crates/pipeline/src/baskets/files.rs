//! What was mined as Parquet files, with the columns a run of a pipeline writes, but for its dates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use osusume_model::{Code, Fault, Result, check_stop};
use osusume_storage::{Fs, RealFs, create_dirs};
use osusume_tables::arrow::array::ArrayRef;
use osusume_tables::arrow::datatypes::{Field, Schema};
use osusume_tables::{ParquetSink, Target};

use super::MinedBaskets;
use super::memory::Budget;
use super::rules::MinedRules;
use super::scratch::Scratch;
use crate::flat::check_other;
use crate::host::Host;
use crate::job::Quiet;
use crate::kernel::batch;
use crate::rule_table::{BATCH_ROWS, SetLists, itemset_fields, rule_fields};

/// The files in the directory asked for.
const ITEMSETS: &str = "itemsets.parquet";
const RULES: &str = "rules.parquet";

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenTable {
    /// Where it is.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
}

/// Refuses a directory in which a file would replace one of those that are read or what is no regular file.
///
/// # Errors
/// `ConfigNotAllowed`, `CannotWrite`.
pub fn check_out(dir: &Path, inputs: &[&Path]) -> Result<()> {
    if RealFs.metadata(dir)?.is_some_and(|found| found.is_file) {
        return Err(Fault::new(Code::CannotWrite)
            .in_file(dir.display().to_string())
            .because("it is a file, no directory"));
    }
    let check = |name: &&str| inputs.iter().try_for_each(|input| check_other(&dir.join(name), input));
    [ITEMSETS, RULES].iter().try_for_each(check)
}

/// Writes `itemsets.parquet`, and `rules.parquet` where there are rules; a file of that name is replaced when the new one is whole.
///
/// # Errors
/// `MemoryBudget`, faults of writing, and a stop asked for.
pub fn write_tables(
    mined: &MinedBaskets,
    rules: Option<&MinedRules>,
    dir: &Path,
    host: &dyn Host,
) -> Result<Vec<WrittenTable>> {
    create_dirs(&RealFs, dir)?;
    let work = Scratch::create(dir, ".osusume-mine")?;
    let writer = Writer { mined, work: work.path(), dir, host };
    let mut written = vec![writer.itemsets()?];
    written.extend(rules.map(|rules| writer.rules(rules)).transpose()?);
    for table in &written {
        let name = table.path.file_name().unwrap_or_default();
        RealFs.rename(&work.path().join(name), &table.path)?;
    }
    RealFs.sync_dir(dir)?;
    Ok(written)
}

struct Writer<'a> {
    mined: &'a MinedBaskets,
    work: &'a Path,
    dir: &'a Path,
    host: &'a dyn Host,
}

impl Writer<'_> {
    fn itemsets(&self) -> Result<WrittenTable> {
        let Some(itemsets) = &self.mined.itemsets else {
            return Ok(WrittenTable { path: self.dir.join(ITEMSETS), rows: 0 });
        };
        let n_items = self.mined.by_size.iter().zip(0_u64..).map(|(sets, size)| sets.saturating_mul(size));
        let needed = SetLists::bytes(self.mined.sets, n_items.fold(0, u64::saturating_add));
        Budget(self.mined.memory).check(self.mined.held().saturating_add(needed), "itemsets")?;
        let lists = SetLists::new(itemsets);
        let names = |item| self.mined.names.name(item);
        self.write(ITEMSETS, itemset_fields(), &lists.order, &|sets| lists.columns(sets, &names))
    }

    fn rules(&self, rules: &MinedRules) -> Result<WrittenTable> {
        let names = |item| self.mined.names.name(item);
        self.write(RULES, rule_fields(), rules.order(), &|rows| rules.tested().columns(rows, &names))
    }

    fn write(
        &self,
        name: &str,
        fields: Vec<Field>,
        order: &[usize],
        columns: &dyn Fn(&[usize]) -> Vec<ArrayRef>,
    ) -> Result<WrittenTable> {
        let schema = Arc::new(Schema::new(fields));
        let target = Target::Dir { fs: Arc::new(RealFs), dir: self.work.to_owned() };
        let mut sink = ParquetSink::create(&target, name, &schema, &[])?;
        for (batches, rows) in order.chunks(BATCH_ROWS).enumerate() {
            self.host.progress((batches * BATCH_ROWS) as u64, order.len() as u64);
            check_stop(&Quiet::new(self.host))?;
            sink.write(&batch(&schema, columns(rows))?)?;
        }
        Ok(WrittenTable { path: self.dir.join(name), rows: sink.finish()?.rows })
    }
}

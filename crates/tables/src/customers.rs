//! Customers as dense indexes in the order (bucket, id bytes).

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use osusume_model::{BUCKETS, Code, Result, bucket_of};
use osusume_storage::Fs;
use rayon::prelude::*;

use crate::input::in_file;
use crate::interner::Interner;
use crate::output::{FileFacts, Target};
use crate::sink::{ParquetSink, read_batches};
use crate::suppressed::Suppressed;

/// Column of the index file.
const ID: &str = "customer_id";
/// Ids written at once.
const BATCH_ROWS: usize = 1 << 16;

/// All customers of a run: dense `u32` indexes in the order (bucket, id bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerIndex {
    ids: String,
    /// End of each id in `ids`.
    ends: Vec<usize>,
    /// `BUCKETS + 1` long: bucket `b` holds the indexes `starts[b]..starts[b + 1]`.
    starts: Vec<u32>,
}

impl CustomerIndex {
    /// Number of customers.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The id of a customer. Panics when `index` is not below [`CustomerIndex::len`].
    pub fn id(&self, index: u32) -> &str {
        let at = index as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.ids[start..self.ends[at]]
    }

    /// First index of each bucket and, last, the number of customers: 1,025 values.
    pub fn bucket_starts(&self) -> &[u32] {
        &self.starts
    }

    /// The index of an id. Binary search within its bucket: O(log(n / 1024)).
    pub fn find(&self, id: &str) -> Option<u32> {
        let bucket = bucket_of(id.as_bytes()) as usize;
        let (mut low, mut high) = (self.starts[bucket], self.starts[bucket + 1]);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.id(middle) < id {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < self.starts[bucket + 1] && self.id(low) == id).then_some(low)
    }

    /// Reads an index that [`CustomerIndex::write`] wrote.
    ///
    /// # Errors
    /// `FileDamaged` when it cannot be decoded or is not in order.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self> {
        let damaged = || in_file(Code::FileDamaged, path);
        let mut index = Self { ids: String::new(), ends: Vec::new(), starts: Vec::new() };
        let mut buckets = Vec::new();
        for batch in read_batches(fs, path, &[ID])? {
            let batch = batch?;
            let ids = batch.column(0).as_any().downcast_ref::<StringArray>().ok_or_else(damaged)?;
            for id in ids {
                let id = id.ok_or_else(damaged)?;
                index.ids.push_str(id);
                index.ends.push(index.ids.len());
                buckets.push(bucket_of(id.as_bytes()));
            }
        }
        let key = |i: usize| (buckets[i], index.id(i as u32));
        if (1..buckets.len()).any(|i| key(i - 1) >= key(i)) {
            return Err(damaged().because("ids out of order"));
        }
        index.starts = starts_of(buckets.into_iter());
        Ok(index)
    }

    /// Writes the ids in order of index, one column `customer_id`.
    pub fn write(&self, target: &Target<'_>, relative: &str) -> Result<FileFacts> {
        let schema = Schema::new(vec![Field::new(ID, DataType::Utf8, false)]);
        let mut sink = ParquetSink::create(target, relative, &schema, &[])?;
        for start in (0..self.len()).step_by(BATCH_ROWS) {
            let end = (start + BATCH_ROWS).min(self.len());
            let ids: StringArray = (start..end).map(|i| Some(self.id(i as u32))).collect();
            let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![Arc::new(ids)]);
            sink.write(&batch.expect("one text column, as the schema says"))?;
        }
        sink.finish()
    }
}

/// First position of each bucket in a sequence sorted by bucket, and its length.
fn starts_of(sorted_buckets: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0_u32; BUCKETS as usize + 1];
    for bucket in sorted_buckets {
        starts[bucket as usize + 1] += 1;
    }
    for b in 0..BUCKETS as usize {
        starts[b + 1] += starts[b];
    }
    starts
}

/// Customers while sources are read: provisional numbers in order of first sight.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) ids: Interner,
    /// Customers whose defining rows contradict each other, in ascending order.
    removed: Vec<u32>,
    /// By provisional number: whether only rows that had not arrived yet have named the customer. As long as the last one of whom that held.
    awaited: Vec<bool>,
    /// Whose rows are never taken.
    pub(crate) suppressed: Suppressed,
}

impl Registry {
    /// The provisional number of a customer that is not removed.
    pub(crate) fn find(&self, id: &[u8]) -> Option<u32> {
        self.ids.find(id).filter(|number| !self.is_removed(*number))
    }

    pub(crate) fn is_removed(&self, number: u32) -> bool {
        self.removed.binary_search(&number).is_ok()
    }

    pub(crate) fn remove(&mut self, numbers: &[u32]) {
        self.removed.extend_from_slice(numbers);
        self.removed.sort_unstable();
        self.removed.dedup();
    }

    /// Takes note of a customer named by a row that had not arrived yet.
    pub(crate) fn expect(&mut self, id: &[u8]) {
        let before = self.ids.len() as u32;
        let number = self.ids.intern(id);
        if number == before {
            self.awaited.resize(number as usize + 1, false);
            self.awaited[number as usize] = true;
        }
    }

    /// Takes note of a customer named by a row that had arrived.
    pub(crate) fn meet(&mut self, number: u32) {
        if let Some(awaited) = self.awaited.get_mut(number as usize) {
            *awaited = false;
        }
    }

    pub(crate) fn is_awaited(&self, number: u32) -> bool {
        self.awaited.get(number as usize).is_some_and(|awaited| *awaited)
    }

    /// The index, and the final number of each provisional one (`u32::MAX` for one who is removed or still awaited).
    pub(crate) fn index(&self) -> (CustomerIndex, Vec<u32>) {
        let mut order: Vec<(u32, u32)> = (0..self.ids.len() as u32)
            .into_par_iter()
            .filter(|number| !self.is_removed(*number) && !self.is_awaited(*number))
            .map(|number| (bucket_of(self.ids.get(number)), number))
            .collect();
        // Ids are distinct, so the order is total and the unstable sort has one result.
        order.par_sort_unstable_by(|a, b| (a.0, self.ids.get(a.1)).cmp(&(b.0, self.ids.get(b.1))));
        let mut index = CustomerIndex { ids: String::new(), ends: Vec::with_capacity(order.len()), starts: Vec::new() };
        let mut finals = vec![u32::MAX; self.ids.len()];
        for (at, &(_, number)) in order.iter().enumerate() {
            finals[number as usize] = at as u32;
            index.ids.push_str(std::str::from_utf8(self.ids.get(number)).expect("sources give UTF-8"));
            index.ends.push(index.ids.len());
        }
        index.starts = starts_of(order.iter().map(|&(bucket, _)| bucket));
        (index, finals)
    }
}

#[cfg(test)]
mod tests {
    use osusume_storage::RealFs;

    use super::*;

    fn registry(n: u32) -> Registry {
        let mut registry = Registry::default();
        for i in 0..n {
            registry.ids.intern(format!("C{:05}", i.wrapping_mul(7919) % n).as_bytes());
        }
        registry
    }

    #[test]
    fn index_is_ordered_findable_and_survives_a_file() {
        let mut registry = registry(5_000);
        registry.remove(&[17]);
        let (index, finals) = registry.index();
        assert_eq!((index.len(), finals[17]), (4_999, u32::MAX));
        let key = |i: u32| (bucket_of(index.id(i).as_bytes()), index.id(i));
        assert!((1..index.len() as u32).all(|i| key(i - 1) < key(i)));
        for number in (0..5_000).filter(|&n| n != 17) {
            let id = std::str::from_utf8(registry.ids.get(number)).unwrap();
            assert_eq!(index.find(id), Some(finals[number as usize]));
        }
        assert_eq!(index.find("nobody"), None);
        for bucket in 0..BUCKETS {
            let range = index.bucket_starts()[bucket as usize]..index.bucket_starts()[bucket as usize + 1];
            assert!(range.into_iter().all(|i| key(i).0 == bucket));
        }
        let dir = tempfile::tempdir().unwrap();
        let target = Target::Dir { fs: Arc::new(RealFs), dir: dir.path().to_owned() };
        assert_eq!(index.write(&target, "customer_index.parquet").unwrap().rows, 4_999);
        assert_eq!(CustomerIndex::open(&RealFs, &dir.path().join("customer_index.parquet")).unwrap(), index);
    }
}

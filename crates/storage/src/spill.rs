//! Work files of a stage whose data does not fit its memory budget.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use osusume_model::{Code, Fault, Result};

use crate::fs::{Fs, ReadFile, WriteFile, shown, write_fault};

const BUFFER_BYTES: usize = 256 * 1024;

/// Where some bytes stand in a spill file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Offset of the first byte.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
}

/// A fixed-width number as spilled: little-endian, no header.
pub trait Value: Copy {
    /// Bytes of one value.
    const BYTES: usize;
    /// Appends the value to `bytes`.
    fn put(self, bytes: &mut Vec<u8>);
    /// The value in exactly [`Value::BYTES`] bytes.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! values {
    ($($number:ty),+) => {$(
        impl Value for $number {
            const BYTES: usize = size_of::<$number>();

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn get(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("the caller cuts pieces of this width"))
            }
        }
    )+};
}

values!(u8, u16, u32, u64, i16, i32, i64, f32, f64);

/// A directory of work files, mode 0700, with a cap on their bytes; removed when dropped.
///
/// Put it inside the staging directory, so that [`crate::clean_staging`] removes what a killed run left.
pub struct SpillDir {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    budget: Arc<Budget>,
    n_files: AtomicU64,
}

struct Budget {
    cap: u64,
    used: AtomicU64,
}

impl Budget {
    /// Takes `len` bytes of the budget; `DiskFull` with what was needed in all and what is left.
    fn take(&self, len: u64, path: &Path) -> Result<()> {
        let grow = |used: u64| used.checked_add(len).filter(|sum| *sum <= self.cap);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow) {
            Ok(_) => Ok(()),
            Err(used) => Err(Fault::new(Code::DiskFull)
                .in_file(shown(path))
                .with("needed", len)
                .with("free", self.cap - used)
                .because("spill cap")),
        }
    }
}

impl SpillDir {
    /// Creates `dir`, which must not exist, for at most `cap_bytes` in all its files together.
    pub fn create(fs: Arc<dyn Fs>, dir: impl Into<PathBuf>, cap_bytes: u64) -> Result<Self> {
        let dir = dir.into();
        fs.create_dir(&dir)?;
        let budget = Arc::new(Budget { cap: cap_bytes, used: AtomicU64::new(0) });
        Ok(Self { fs, dir, budget, n_files: AtomicU64::new(0) })
    }

    /// Starts a new file, mode 0600. May be called from several threads.
    pub fn create_file(&self) -> Result<SpillWriter> {
        let number = self.n_files.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("spill-{number:06}"));
        let file = BufWriter::with_capacity(BUFFER_BYTES, self.fs.create(&path)?);
        Ok(SpillWriter { fs: Arc::clone(&self.fs), budget: Arc::clone(&self.budget), file, path, len: 0 })
    }

    /// Bytes spilled so far.
    pub fn used_bytes(&self) -> u64 {
        self.budget.used.load(Ordering::Relaxed)
    }

    /// Removes the directory and reports when that fails, which dropping cannot.
    pub fn remove(self) -> Result<()> {
        self.fs.remove_dir_all(&self.dir)
    }
}

impl Drop for SpillDir {
    fn drop(&mut self) {
        // Nobody to report to; what stays is removed with the staging directory.
        let _ = self.fs.remove_dir_all(&self.dir);
    }
}

/// A spill file being appended to.
pub struct SpillWriter {
    fs: Arc<dyn Fs>,
    budget: Arc<Budget>,
    file: BufWriter<Box<dyn WriteFile>>,
    path: PathBuf,
    len: u64,
}

impl SpillWriter {
    /// Appends bytes and says where they stand.
    ///
    /// # Errors
    /// `DiskFull` when the directory's cap or the disk does not allow it.
    pub fn append(&mut self, bytes: &[u8]) -> Result<Chunk> {
        let chunk = Chunk { offset: self.len, len: bytes.len() as u64 };
        self.budget.take(chunk.len, &self.path)?;
        self.file.write_all(bytes).map_err(|error| write_fault(&self.path, &error))?;
        self.len += chunk.len;
        Ok(chunk)
    }

    /// Appends numbers, little-endian.
    pub fn append_values<T: Value>(&mut self, values: &[T]) -> Result<Chunk> {
        let mut bytes = Vec::with_capacity(values.len() * T::BYTES);
        for value in values {
            value.put(&mut bytes);
        }
        self.append(&bytes)
    }

    /// Ends writing and opens the file for reading. Work files are never synced: a restart begins again.
    pub fn into_reader(mut self) -> Result<SpillReader> {
        self.file.flush().map_err(|error| write_fault(&self.path, &error))?;
        Ok(SpillReader { file: self.fs.open(&self.path)?, path: self.path })
    }
}

/// A finished spill file; may be read from several threads.
pub struct SpillReader {
    file: Box<dyn ReadFile>,
    path: PathBuf,
}

impl SpillReader {
    /// The bytes of a chunk.
    pub fn read(&self, chunk: Chunk) -> Result<Vec<u8>> {
        self.file.read_range(chunk.offset, chunk.len)
    }

    /// The numbers of a chunk; `FileDamaged` when its length is not a multiple of their width.
    pub fn read_values<T: Value>(&self, chunk: Chunk) -> Result<Vec<T>> {
        let bytes = self.read(chunk)?;
        let pieces = bytes.chunks_exact(T::BYTES);
        if !pieces.remainder().is_empty() {
            return Err(Fault::new(Code::FileDamaged)
                .in_file(shown(&self.path))
                .because("not a whole number of values"));
        }
        Ok(pieces.map(T::get).collect())
    }
}

//! Parquet files behind `storage::ReadFile`, with everything that guards against what a damaged one does to the decoder.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use osusume_model::{Code, Fault, Result};
use osusume_storage::{ReadFile, carry, fault_in};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::footer;
use crate::input::in_file;

/// Bytes fetched at once by sequential reads.
const BUFFER_BYTES: u64 = 1 << 16;

/// A file as parquet's reader wants it.
#[derive(Clone)]
pub(crate) struct Chunks(pub(crate) Arc<dyn ReadFile>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = ChunkCursor;

    fn get_read(&self, start: u64) -> parquet::errors::Result<ChunkCursor> {
        Ok(ChunkCursor { file: Arc::clone(&self.0), at: start, buffer: Vec::new(), used: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let bytes = self.0.read_range(start, length as u64).map_err(|fault| ParquetError::External(Box::new(fault)))?;
        Ok(Bytes::from(bytes))
    }
}

/// A sequential reader of a part of a file.
pub(crate) struct ChunkCursor {
    file: Arc<dyn ReadFile>,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Read for ChunkCursor {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.used == self.buffer.len() {
            let len = BUFFER_BYTES.min(self.file.len().saturating_sub(self.at));
            self.buffer = self.file.read_range(self.at, len).map_err(carry)?;
            self.at += len;
            self.used = 0;
        }
        let n = out.len().min(self.buffer.len() - self.used);
        out[..n].copy_from_slice(&self.buffer[self.used..self.used + n]);
        self.used += n;
        Ok(n)
    }
}

/// Runs a decoder and turns its errors and panics into a fault: the decoder still panics on some damaged files.
pub(crate) fn guarded<T>(
    code: Code,
    path: &Path,
    decode: impl FnOnce() -> std::result::Result<T, ParquetError>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(fault_in(&error).unwrap_or_else(|| in_file(code, path).because(error))),
        Err(_) => Err(in_file(code, path).because("the decoder gave up")),
    }
}

/// The metadata of a Parquet file, after a check that its numbers can be true.
pub(crate) fn metadata(file: &Chunks, path: &Path, code: Code) -> Result<ArrowReaderMetadata> {
    footer::check(&*file.0).map_err(|detail| in_file(code, path).because(detail))?;
    let load = || ArrowReaderMetadata::load(file, ArrowReaderOptions::new().with_skip_arrow_metadata(true));
    let metadata = guarded(code, path, load)?;
    check_metadata(&metadata, file.0.len()).map_err(|detail| in_file(code, path).because(detail))?;
    Ok(metadata)
}

/// Row counts add up and every column chunk lies inside the file.
fn check_metadata(metadata: &ArrowReaderMetadata, file_len: u64) -> std::result::Result<(), &'static str> {
    let metadata = metadata.metadata();
    let mut rows = 0_i64;
    for group in metadata.row_groups() {
        if group.num_rows() < 0 {
            return Err("negative row count");
        }
        rows = rows.checked_add(group.num_rows()).ok_or("row count overflows")?;
        for column in group.columns() {
            let (offset, length) = (column.data_page_offset(), column.compressed_size());
            let start = column.dictionary_page_offset().filter(|&at| at > 0).map_or(offset, |at| at.min(offset));
            let end = u64::try_from(start).ok().zip(u64::try_from(length).ok()).and_then(|(a, b)| a.checked_add(b));
            if end.is_none_or(|end| end > file_len) {
                return Err("a column chunk lies outside the file");
            }
            if column.num_values() < 0 || column.uncompressed_size() < 0 {
                return Err("negative size");
            }
        }
    }
    if rows == metadata.file_metadata().num_rows() { Ok(()) } else { Err("row counts of the row groups do not add up") }
}

/// A fault of a file that cannot be what its name says.
pub(crate) fn wrong_format(path: &Path, found: &str) -> Fault {
    in_file(Code::WrongFormat, path).with("found", found).with("expected", "parquet")
}

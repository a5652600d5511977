//! The record interface: whatever the file's format, a source gives blocks of typed columns and rejected rows.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use osusume_model::{Code, Result};
use osusume_storage::{Content, Digest};

use crate::cells::Cells;
use crate::levels::Levels;

/// Gives a file's rows in order. The inside may be replaced by a faster reader; this is all that ingest sees.
pub trait RecordSource: Send {
    /// The next blocks in file order; none at the end of the file.
    ///
    /// # Errors
    /// What faults the whole file: damage, an open quote at its end, a missing column.
    fn next_blocks(&mut self) -> Result<Vec<Block>>;

    /// What is known of the file once all blocks are read.
    ///
    /// # Errors
    /// `FileChanged` when it is no longer the file that was opened.
    fn finish(&mut self) -> Result<InputFile>;
}

/// An input file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// As the user named it.
    pub path: PathBuf,
    /// Size and digest of the stored bytes; a Parquet file has none where nobody asked for it.
    pub content: Option<Content>,
    /// `csv` or `parquet`, and the declared dialect, for the quarantine's scans.
    pub dialect: String,
}

/// Consecutive rows of one file.
#[derive(Debug)]
pub struct Block {
    /// Rows met: accepted and rejected, without blank lines.
    pub read: u64,
    /// Where the block starts.
    pub start: BlockStart,
    /// Position in the file of each declared column.
    pub fields: Arc<[usize]>,
    /// The declared columns in order, all as long as `places`.
    pub columns: Vec<BlockColumn>,
    /// Where each accepted row stands.
    pub places: Places,
    /// The rejected rows in file order.
    pub rejects: Vec<Reject>,
    /// The text that places point into, as long as rows may still be rejected; empty where there is none.
    pub text: Vec<u8>,
}

/// Where a block starts in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockStart {
    /// Rows before it in the file.
    pub record: u64,
    /// 1-based line of its first row; 0 where lines do not exist.
    pub line: u64,
    /// Bytes before it in the decoded text.
    pub byte: u64,
    /// The Parquet row group it lies in.
    pub row_group: Option<u32>,
    /// Rows before it in that row group.
    pub row_in_group: u64,
}

/// One column of a block.
#[derive(Debug)]
pub struct BlockColumn {
    /// The values; category codes count into `levels`.
    pub cells: Cells,
    pub(crate) levels: Levels,
}

/// Where a row stands, counted from its block's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowPlace {
    /// Rows before it.
    pub record: u32,
    /// Lines before it.
    pub line: u32,
    /// Bytes before it.
    pub byte: u32,
    /// Its length with the line end.
    pub bytes: u32,
}

/// Where the accepted rows of a block stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Places {
    /// One after the other, so many of them, in a file that has no lines.
    All(u32),
    /// Each for itself.
    Each(Vec<RowPlace>),
}

impl Places {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::All(n) => *n as usize,
            Self::Each(places) => places.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a row stands.
    pub fn get(&self, row: usize) -> RowPlace {
        match self {
            Self::All(_) => RowPlace { record: row as u32, ..RowPlace::default() },
            Self::Each(places) => places[row],
        }
    }
}

/// A rejected row: the reason and the shape of the offending cell, never its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where the row stands.
    pub place: RowPlace,
    /// Why.
    pub code: Code,
    /// Position among the declared columns, where one cell is to blame.
    pub column: Option<usize>,
    /// That column's position in the file.
    pub field: Option<usize>,
    /// What would have been accepted.
    pub expected: Cow<'static, str>,
    /// Length of the offending cell.
    pub value_bytes: usize,
    /// Its character classes.
    pub shape: String,
    /// Digest of the row's text with its line end, where it has one and it is at hand.
    pub raw: Option<Digest>,
}

impl Reject {
    /// A reject that concerns the row as a whole.
    pub(crate) fn of_row(place: RowPlace, code: Code, expected: impl Into<Cow<'static, str>>) -> Self {
        let (expected, shape) = (expected.into(), String::new());
        Self { place, code, column: None, field: None, expected, value_bytes: 0, shape, raw: None }
    }
}

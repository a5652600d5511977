//! Typed values of one column while they are read, moved, spilled and sorted.
//!
//! Absence needs no second vector: `i64::MIN`, NaN, `u32::MAX` and the empty text stand for it, and none of them is accepted as a value.

use std::ops::Range;

/// Absent whole number, amount, flag or instant.
pub(crate) const NO_I64: i64 = i64::MIN;
/// Absent category.
pub(crate) const NO_CODE: u32 = u32::MAX;

/// Values of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Whole numbers, minor units, flags, microseconds; `i64::MIN` is absent.
    I64(Vec<i64>),
    /// Decimals; NaN is absent.
    F64(Vec<f64>),
    /// Codes; `u32::MAX` is absent.
    Code(Vec<u32>),
    /// Texts; the empty one is absent.
    Text(TextCells),
}

/// Texts end to end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextCells {
    /// End of each text in `bytes`.
    pub(crate) ends: Vec<usize>,
    /// UTF-8.
    pub(crate) bytes: Vec<u8>,
}

impl TextCells {
    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One text as bytes.
    pub fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    /// The last text.
    pub(crate) fn last(&self) -> Option<&[u8]> {
        self.len().checked_sub(1).map(|row| self.get(row))
    }

    pub(crate) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }
}

/// Consecutive values of one column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CellSlice<'a> {
    I64(&'a [i64]),
    F64(&'a [f64]),
    Code(&'a [u32]),
    /// Texts from a position on, and how many.
    Text(&'a TextCells, usize, usize),
}

impl CellSlice<'_> {
    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::I64(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::Code(v) => v.len(),
            Self::Text(_, _, n) => *n,
        }
    }

    /// No values, of the same type.
    pub(crate) fn empty_like(&self) -> Cells {
        match self {
            Self::I64(_) => Cells::I64(Vec::new()),
            Self::F64(_) => Cells::F64(Vec::new()),
            Self::Code(_) => Cells::Code(Vec::new()),
            Self::Text(..) => Cells::Text(TextCells::default()),
        }
    }
}

impl Cells {
    /// The values at some positions.
    pub(crate) fn slice(&self, rows: Range<usize>) -> CellSlice<'_> {
        match self {
            Self::I64(v) => CellSlice::I64(&v[rows]),
            Self::F64(v) => CellSlice::F64(&v[rows]),
            Self::Code(v) => CellSlice::Code(&v[rows]),
            Self::Text(v) => CellSlice::Text(v, rows.start, rows.len()),
        }
    }

    /// Appends consecutive values.
    pub(crate) fn extend_slice(&mut self, from: CellSlice<'_>) {
        match (self, from) {
            (Self::I64(to), CellSlice::I64(v)) => to.extend_from_slice(v),
            (Self::F64(to), CellSlice::F64(v)) => to.extend_from_slice(v),
            (Self::Code(to), CellSlice::Code(v)) => to.extend_from_slice(v),
            (Self::Text(to), CellSlice::Text(v, first, n)) => (first..first + n).for_each(|row| to.push(v.get(row))),
            _ => unreachable!("a column keeps its type"),
        }
    }

    /// No values, of the same type.
    pub(crate) fn empty_like(&self) -> Self {
        match self {
            Self::I64(_) => Self::I64(Vec::new()),
            Self::F64(_) => Self::F64(Vec::new()),
            Self::Code(_) => Self::Code(Vec::new()),
            Self::Text(_) => Self::Text(TextCells::default()),
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::I64(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::Code(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held in memory.
    pub(crate) fn footprint(&self) -> usize {
        match self {
            Self::I64(v) => 8 * v.capacity(),
            Self::F64(v) => 8 * v.capacity(),
            Self::Code(v) => 4 * v.capacity(),
            Self::Text(v) => 8 * v.ends.capacity() + v.bytes.capacity(),
        }
    }

    /// Forgets all values from `rows` on.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match self {
            Self::I64(v) => v.truncate(rows),
            Self::F64(v) => v.truncate(rows),
            Self::Code(v) => v.truncate(rows),
            Self::Text(v) => v.truncate(rows),
        }
    }

    /// Makes room for so many more values.
    pub(crate) fn reserve(&mut self, rows: usize) {
        match self {
            Self::I64(v) => v.reserve_exact(rows),
            Self::F64(v) => v.reserve_exact(rows),
            Self::Code(v) => v.reserve_exact(rows),
            Self::Text(v) => v.ends.reserve_exact(rows),
        }
    }

    /// Appends the values of `from` at the given rows.
    pub(crate) fn extend_rows(&mut self, from: &Self, rows: &[u32]) {
        match (self, from) {
            (Self::I64(to), Self::I64(v)) => to.extend(rows.iter().map(|&row| v[row as usize])),
            (Self::F64(to), Self::F64(v)) => to.extend(rows.iter().map(|&row| v[row as usize])),
            (Self::Code(to), Self::Code(v)) => to.extend(rows.iter().map(|&row| v[row as usize])),
            (Self::Text(to), Self::Text(v)) => rows.iter().for_each(|&row| to.push(v.get(row as usize))),
            _ => unreachable!("a column keeps its type"),
        }
    }

    /// The values at the given rows.
    pub(crate) fn at(&self, rows: &[u32]) -> Self {
        let mut cells = self.empty_like();
        cells.extend_rows(self, rows);
        cells
    }

    /// Appends all of `from`.
    pub(crate) fn append(&mut self, from: &Self) {
        match (self, from) {
            (Self::I64(to), Self::I64(v)) => to.extend_from_slice(v),
            (Self::F64(to), Self::F64(v)) => to.extend_from_slice(v),
            (Self::Code(to), Self::Code(v)) => to.extend_from_slice(v),
            (Self::Text(to), Self::Text(v)) => {
                let base = to.bytes.len();
                to.bytes.extend_from_slice(&v.bytes);
                to.ends.extend(v.ends.iter().map(|end| base + end));
            }
            _ => unreachable!("a column keeps its type"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_truncation_and_gathering() {
        let mut texts = TextCells::default();
        for text in ["a", "", "bcd", "é"] {
            texts.push(text.as_bytes());
        }
        let mut cells = Cells::Text(texts);
        let mut gathered = cells.empty_like();
        gathered.extend_rows(&cells, &[3, 0, 2]);
        cells.truncate(2);
        gathered.append(&cells);
        let Cells::Text(texts) = gathered else { panic!("type") };
        let found: Vec<&str> = (0..texts.len()).map(|i| std::str::from_utf8(texts.get(i)).unwrap()).collect();
        assert_eq!(found, ["é", "a", "bcd", "a", ""]);
    }
}

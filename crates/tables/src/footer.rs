//! A walk over a Parquet footer before the decoder sees it.
//!
//! The decoder reserves memory for as many row groups as the footer claims; a damaged number would abort the process.
//! The walk skips through the Thrift compact encoding and allocates nothing.

use osusume_storage::ReadFile;

/// Row groups are numbered by i16.
const MAX_ROW_GROUPS: u64 = 32_767;
/// Nothing in a footer is nested deeper.
const MAX_DEPTH: u32 = 24;
/// A footer is small beside its data; this allows for very wide files.
const MAX_FOOTER: u64 = 1 << 28;
/// Field of `FileMetaData` that lists the row groups.
const ROW_GROUPS: i64 = 4;

/// Whether the last bytes are a footer that can be decoded; the error says what is wrong.
pub(crate) fn check(file: &dyn ReadFile) -> Result<(), &'static str> {
    let len = file.len();
    let tail = len.checked_sub(8).and_then(|at| file.read_range(at, 8).ok()).ok_or("too short for a Parquet file")?;
    if &tail[4..] != b"PAR1" {
        return Err("no PAR1 at the end");
    }
    let footer_len = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let start = (len - 8).checked_sub(footer_len).filter(|_| footer_len <= MAX_FOOTER);
    let start = start.ok_or("the footer is longer than the file")?;
    let footer = file.read_range(start, footer_len).map_err(|_| "the footer cannot be read")?;
    Walk { bytes: &footer }.structure(0).ok_or("the footer is damaged")
}

/// What is left of the footer.
struct Walk<'a> {
    bytes: &'a [u8],
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, n: u64) -> Option<()> {
        self.bytes = self.bytes.get(usize::try_from(n).ok()?..)?;
        Some(())
    }

    fn structure(&mut self, depth: u32) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut field = 0_i64;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            let delta = i64::from(header >> 4);
            field = if delta > 0 {
                field + delta
            } else {
                let zigzag = self.varint()?;
                (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
            };
            let limit = if depth == 0 && field == ROW_GROUPS { MAX_ROW_GROUPS } else { u64::MAX };
            self.value(header & 0x0f, depth, limit, true)?;
        }
    }

    /// Skips one value. In a struct's field a boolean is its type; in a list it takes a byte.
    fn value(&mut self, kind: u8, depth: u32, limit: u64, is_field: bool) -> Option<()> {
        match kind {
            1 | 2 if is_field => Some(()),
            1..=3 => self.take(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.take(8),
            8 => {
                let n = self.varint()?;
                self.take(n)
            }
            9 | 10 => self.list(depth, limit),
            12 => self.structure(depth + 1),
            // Maps do not occur in Parquet footers.
            _ => None,
        }
    }

    fn list(&mut self, depth: u32, limit: u64) -> Option<()> {
        let header = self.byte()?;
        let short = u64::from(header >> 4);
        let n = if short == 15 { self.varint()? } else { short };
        // Every element takes a byte at least.
        if n > limit || n > self.bytes.len() as u64 {
            return None;
        }
        for _ in 0..n {
            self.value(header & 0x0f, depth + 1, u64::MAX, false)?;
        }
        Some(())
    }
}

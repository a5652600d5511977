//! The CSV scanner: text to blocks of whole records, and records to fields.
//!
//! A quote opens a quoted field only at the field's start; anywhere else it is a stray one, and the record is rejected.
//! Since outside quoted fields every delimiter ends a field, a quote is an opening one exactly when the byte before it is a delimiter or a line end.

use memchr::{memchr, memchr_iter, memchr2};
use osusume_model::{Code, Fault, Result};

use crate::spec::CsvDialect;

/// Where a splitter's text comes from.
pub(crate) trait ReadMore {
    /// Appends some more text; 0 bytes only at the end.
    fn read_more(&mut self, out: &mut Vec<u8>) -> Result<usize>;
}

/// Blocks are cut after at least this many bytes, at the last record's end.
const BLOCK_BYTES: usize = 1 << 20;

/// Whole records as text, and where they start.
#[derive(Debug, Default)]
pub(crate) struct RawBlock {
    pub(crate) text: Vec<u8>,
    /// 1-based line of the first record.
    pub(crate) line: u64,
    /// Offset in the decoded text.
    pub(crate) byte: u64,
}

/// Cuts a text into blocks of whole records.
pub(crate) struct Splitter {
    quote: u8,
    delimiter: u8,
    max_record: usize,
    block_bytes: usize,
    pending: Vec<u8>,
    line: u64,
    byte: u64,
    ended: bool,
}

/// How far a walk over pending text has come.
#[derive(Clone, Copy, Default)]
struct Walk {
    at: usize,
    /// End of the last whole record.
    boundary: usize,
    /// Where the quoted field that is still open was opened.
    open: Option<usize>,
}

impl Splitter {
    pub(crate) fn new(dialect: &CsvDialect) -> Self {
        Self {
            quote: dialect.quote,
            delimiter: dialect.delimiter,
            max_record: dialect.max_record_bytes,
            block_bytes: BLOCK_BYTES,
            pending: Vec::new(),
            line: 1,
            byte: 0,
            ended: false,
        }
    }

    /// The first record, taken alone: the header.
    pub(crate) fn first(&mut self, input: &mut dyn ReadMore) -> Result<Option<RawBlock>> {
        let block_bytes = std::mem::replace(&mut self.block_bytes, 1);
        let block = self.next(input);
        self.block_bytes = block_bytes;
        let Some(mut block) = block? else { return Ok(None) };
        let mut end = 0;
        let mut walk = Walk::default();
        // The block holds whole records only, so a first boundary exists.
        while end == 0 && walk.at < block.text.len() {
            end = self.step(&block.text, &mut walk, true);
        }
        let end = if end == 0 { block.text.len() } else { end };
        let rest = block.text.split_off(end);
        self.line = block.line + count_lines(&block.text);
        self.byte = block.byte + block.text.len() as u64;
        self.pending.splice(0..0, rest);
        Ok(Some(block))
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// `UnterminatedQuote` and `RecordTooLarge` name the line where the field or record starts.
    pub(crate) fn next(&mut self, input: &mut dyn ReadMore) -> Result<Option<RawBlock>> {
        let mut walk = Walk::default();
        loop {
            // One byte more than asked: a quote at the very end waits for the byte behind it.
            while !self.ended && self.pending.len() <= walk.at + self.block_bytes {
                self.ended = input.read_more(&mut self.pending)? == 0;
            }
            let pending = std::mem::take(&mut self.pending);
            self.walk(&pending, &mut walk);
            self.pending = pending;
            if self.ended {
                return self.last(walk);
            }
            if walk.boundary > 0 {
                return Ok(Some(self.cut(walk.boundary)));
            }
            if self.pending.len() > self.max_record {
                return Err(self.too_large(walk));
            }
        }
    }

    fn too_large(&self, walk: Walk) -> Fault {
        let at = walk.open.unwrap_or(0);
        let fault = Fault::new(Code::RecordTooLarge).with("bytes", self.pending.len()).with("limit", self.max_record);
        self.placed(fault, at)
    }

    fn last(&mut self, walk: Walk) -> Result<Option<RawBlock>> {
        if let Some(open) = walk.open {
            return Err(self.placed(Fault::new(Code::UnterminatedQuote), open));
        }
        let end = self.pending.len();
        Ok(if end == 0 { None } else { Some(self.cut(end)) })
    }

    /// Adds line, column (in bytes) and offset of a position in the pending text.
    fn placed(&self, fault: Fault, at: usize) -> Fault {
        let before = &self.pending[..at];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        fault.at(self.line + count_lines(before), (at - line_start) as u64 + 1).at_byte(self.byte + at as u64)
    }

    fn cut(&mut self, end: usize) -> RawBlock {
        let rest = self.pending[end..].to_vec();
        let mut text = std::mem::replace(&mut self.pending, rest);
        text.truncate(end);
        let block = RawBlock { line: self.line, byte: self.byte, text };
        self.line += count_lines(&block.text);
        self.byte += end as u64;
        block
    }

    fn walk(&self, text: &[u8], walk: &mut Walk) {
        // Without any quote the last line end is the last boundary.
        if walk.open.is_none() && memchr(self.quote, &text[walk.at..]).is_none() {
            if let Some(newline) = memchr::memrchr(b'\n', &text[walk.at..]) {
                walk.boundary = walk.at + newline + 1;
            }
            walk.at = text.len();
            return;
        }
        loop {
            let before = walk.at;
            let end = self.step(text, walk, self.ended);
            walk.boundary = walk.boundary.max(end);
            if walk.at == before || walk.at >= text.len() {
                return;
            }
        }
    }

    /// Goes to the next line end or over the next quote; returns the end of a record when it met one, else 0.
    fn step(&self, text: &[u8], walk: &mut Walk, is_all: bool) -> usize {
        if walk.open.is_some() {
            self.step_quoted(text, walk, is_all);
            return 0;
        }
        let Some(found) = memchr2(b'\n', self.quote, &text[walk.at..]) else {
            walk.at = text.len();
            return 0;
        };
        let at = walk.at + found;
        walk.at = at + 1;
        if text[at] == b'\n' {
            return at + 1;
        }
        let before = if at == 0 { b'\n' } else { text[at - 1] };
        if before == self.delimiter || before == b'\n' {
            walk.open = Some(at);
        }
        0
    }

    fn step_quoted(&self, text: &[u8], walk: &mut Walk, is_all: bool) {
        let Some(found) = memchr(self.quote, &text[walk.at..]) else {
            walk.at = text.len();
            return;
        };
        let at = walk.at + found;
        match text.get(at + 1) {
            // The next byte decides whether this quote is doubled: stay before it until that byte is here.
            None if !is_all => walk.at = at,
            Some(&next) if next == self.quote => walk.at = at + 2,
            _ => {
                walk.at = at + 1;
                walk.open = None;
            }
        }
    }
}

fn count_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

/// One field of a record: its content's range and whether doubled quotes stand in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) has_doubled: bool,
}

/// A record's extent, after [`RecordReader::next`] filled the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) start: usize,
    /// Behind the line end.
    pub(crate) end: usize,
    /// Line ends inside and behind it.
    pub(crate) lines: u32,
    pub(crate) is_stray: bool,
    pub(crate) has_lone_cr: bool,
}

/// Walks the records of a block.
#[derive(Debug)]
pub(crate) struct RecordReader<'a> {
    text: &'a [u8],
    at: usize,
    delimiter: u8,
    quote: u8,
    /// Fields of the current record.
    pub(crate) fields: Vec<Field>,
}

impl<'a> RecordReader<'a> {
    pub(crate) fn new(text: &'a [u8], dialect: &CsvDialect) -> Self {
        Self { text, at: 0, delimiter: dialect.delimiter, quote: dialect.quote, fields: Vec::new() }
    }

    /// The next record; its fields are in `self.fields`.
    pub(crate) fn next(&mut self) -> Option<Record> {
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        self.fields.clear();
        let mut record = Record { start, end: start, lines: 0, is_stray: false, has_lone_cr: false };
        while !self.field(&mut record) {}
        record.end = self.at;
        Some(record)
    }

    /// Reads one field; true when the record ends with it.
    fn field(&mut self, record: &mut Record) -> bool {
        if self.text.get(self.at) == Some(&self.quote) { self.quoted_field(record) } else { self.plain_field(record) }
    }

    fn plain_field(&mut self, record: &mut Record) -> bool {
        let start = self.at;
        let rest = &self.text[start..];
        // Fields are short, so a byte loop beats a call of memchr for each.
        let length = rest.iter().position(|&b| b == self.delimiter || b == b'\n' || b == self.quote || b == b'\r');
        let Some(length) = length else {
            self.push(start, self.text.len());
            self.at = self.text.len();
            return true;
        };
        let stop = start + length;
        let b = self.text[stop];
        if b == self.delimiter || b == b'\n' {
            self.push(start, stop);
            self.at = stop + 1;
            record.lines += u32::from(b == b'\n');
            return b == b'\n';
        }
        self.plain_rest(start, stop, record)
    }

    /// The rest of a plain field after a carriage return or a stray quote.
    fn plain_rest(&mut self, start: usize, from: usize, record: &mut Record) -> bool {
        let stop = memchr2(self.delimiter, b'\n', &self.text[from..]).map_or(self.text.len(), |found| from + found);
        let is_end = self.text.get(stop) != Some(&self.delimiter);
        let has_newline = self.text.get(stop) == Some(&b'\n');
        let end = if is_end && stop > start && self.text[stop - 1] == b'\r' { stop - 1 } else { stop };
        record.is_stray |= memchr(self.quote, &self.text[from..end.max(from)]).is_some();
        record.has_lone_cr |= memchr(b'\r', &self.text[start..end]).is_some();
        self.push(start, end);
        self.at = (stop + 1).min(self.text.len());
        record.lines += u32::from(has_newline);
        is_end
    }

    fn quoted_field(&mut self, record: &mut Record) -> bool {
        let start = self.at + 1;
        let (mut at, mut has_doubled) = (start, false);
        let end = loop {
            match memchr(self.quote, &self.text[at..]) {
                // The splitter lets no block end inside quotes; a block that does is read to its end.
                None => break self.text.len(),
                Some(found) if self.text.get(at + found + 1) == Some(&self.quote) => {
                    has_doubled = true;
                    at += found + 2;
                }
                Some(found) => break at + found,
            }
        };
        record.lines += count_lines(&self.text[start..end]) as u32;
        self.fields.push(Field { start, end, has_doubled });
        self.at = (end + 1).min(self.text.len());
        match self.text[self.at..] {
            [] => true,
            [b, ..] if b == self.delimiter => {
                self.at += 1;
                false
            }
            [b'\n', ..] | [b'\r', b'\n', ..] | [b'\r'] => {
                let crlf = usize::from(self.text[self.at] == b'\r');
                record.lines += u32::from(self.text.get(self.at + crlf) == Some(&b'\n'));
                self.at = (self.at + crlf + 1).min(self.text.len());
                true
            }
            _ => {
                record.is_stray = true;
                let from = self.at;
                let is_end = self.plain_rest(start, from, record);
                self.fields.pop();
                is_end
            }
        }
    }

    fn push(&mut self, start: usize, end: usize) {
        self.fields.push(Field { start, end, has_doubled: false });
    }
}

#[cfg(test)]
mod tests;

//! CSV files as a record source.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memmem;
use osusume_model::{Code, Fault, Result, suggest};
use osusume_storage::{Digest, Fs};
use rayon::prelude::*;

use crate::block::{Block, BlockColumn, BlockStart, InputFile, Places, RecordSource, Reject, RowPlace};
use crate::input::{Input, in_file};
use crate::levels::Levels;
use crate::scan::{Field, RawBlock, Record, RecordReader, Splitter};
use crate::spec::{ColumnSpec, CsvDialect, Encoding, SourceSpec};
use crate::value::{CellFault, ColumnBuilder, expected, shape_of};
use crate::zone::Zone;

/// Blocks parsed side by side; a constant, so that faults surface at the same place whatever the thread count.
const BATCH: usize = 8;
/// More columns than this is no table.
const MAX_COLUMNS: usize = 10_000;
/// Undecodable rows from which on a block speaks for the whole file.
const MIN_UNDECODABLE: u64 = 3;

/// Reads one CSV file.
pub(crate) struct CsvSource {
    path: PathBuf,
    input: Input,
    splitter: Splitter,
    layout: Arc<Layout>,
    ready: Vec<RawBlock>,
    is_started: bool,
    records: u64,
}

/// All that parsing a block needs; shared by threads.
struct Layout {
    dialect: CsvDialect,
    columns: Vec<ColumnSpec>,
    /// Position in the file of each declared column.
    field_of: Arc<[usize]>,
    n_fields: usize,
    /// The header record without its line end; empty when there is none.
    header: Vec<u8>,
    zone: Arc<Zone>,
    is_transcoded: bool,
    /// A row that reads well may yet be rejected for its customer, and its text is digested then.
    is_keeping_text: bool,
}

impl CsvSource {
    pub(crate) fn open(
        fs: &dyn Fs,
        path: &Path,
        spec: &SourceSpec,
        dialect: &CsvDialect,
        zone: Arc<Zone>,
    ) -> Result<Self> {
        let mut input = Input::open(fs, path, dialect.encoding)?;
        let mut splitter = Splitter::new(dialect);
        let first = splitter.first(&mut input).map_err(|fault| locate(fault, path))?;
        let first = first.ok_or_else(|| in_file(Code::FileEmpty, path).with("what", "header"))?;
        let mut layout = Layout {
            dialect: dialect.clone(),
            columns: spec.columns.clone(),
            field_of: Arc::from([]),
            n_fields: 0,
            header: Vec::new(),
            zone,
            is_transcoded: input.is_transcoded(),
            is_keeping_text: spec.customer.is_some(),
        };
        let mut ready = Vec::new();
        if let Err(fault) = layout.read_header(path, &first) {
            return Err(declared_wrong(fs, path, spec, dialect).unwrap_or(fault));
        }
        if !dialect.header {
            ready.push(first);
        }
        Ok(Self {
            path: path.to_owned(),
            input,
            splitter,
            layout: Arc::new(layout),
            ready,
            is_started: false,
            records: 0,
        })
    }

    fn fill(input: &mut Input, splitter: &mut Splitter) -> Result<Vec<RawBlock>> {
        let mut blocks = Vec::with_capacity(BATCH);
        while blocks.len() < BATCH {
            let Some(block) = splitter.next(input)? else { break };
            blocks.push(block);
        }
        Ok(blocks)
    }
}

impl RecordSource for CsvSource {
    fn next_blocks(&mut self) -> Result<Vec<Block>> {
        let Self { path, input, splitter, layout, ready, is_started, .. } = self;
        let locate = |fault| locate(fault, path);
        if !std::mem::replace(is_started, true) {
            ready.extend(Self::fill(input, splitter).map_err(locate)?);
        }
        let current = std::mem::take(ready);
        // Reading and decompressing the next blocks costs no time while the current ones are parsed.
        let parse = || current.into_par_iter().map(|raw| layout.parse_whole(raw)).collect::<Result<Vec<Block>>>();
        let (next, blocks) = rayon::join(|| Self::fill(input, splitter), parse);
        let mut blocks = blocks.map_err(locate)?;
        if !blocks.is_empty() {
            *ready = next.map_err(locate)?;
        }
        for block in &mut blocks {
            block.start.record = self.records;
            self.records += block.read;
        }
        Ok(blocks)
    }

    fn finish(&mut self) -> Result<InputFile> {
        let content = Some(self.input.finish()?);
        Ok(InputFile { path: self.path.clone(), content, dialect: describe(&self.layout.dialect) })
    }
}

/// What to say where columns are missing because the file is UTF-8 and was declared to be something else.
fn declared_wrong(fs: &dyn Fs, path: &Path, spec: &SourceSpec, dialect: &CsvDialect) -> Option<Fault> {
    dialect.encoding.filter(|encoding| *encoding != Encoding::Utf8)?;
    let names = header(fs, path, &CsvDialect { encoding: Some(Encoding::Utf8), ..dialect.clone() }).ok()?;
    let are_there = spec.columns.iter().all(|column| names.contains(&column.header));
    are_there.then(|| locate(wrong_encoding(dialect, "utf-8").at(1, 1), path))
}

/// The names in the header of a file.
pub(crate) fn header(fs: &dyn Fs, path: &Path, dialect: &CsvDialect) -> Result<Vec<String>> {
    let mut input = Input::open(fs, path, dialect.encoding)?;
    let first = Splitter::new(dialect).first(&mut input).map_err(|fault| locate(fault, path))?;
    let first = first.ok_or_else(|| in_file(Code::FileEmpty, path).with("what", "header"))?;
    check_header_text(path, dialect, &first.text)?;
    let mut reader = RecordReader::new(&first.text, dialect);
    reader.next().ok_or_else(|| in_file(Code::FileEmpty, path).with("what", "header"))?;
    let names = names(&first.text, &reader.fields, dialect.quote);
    check_names(path, &names)?;
    Ok(names)
}

fn names(text: &[u8], fields: &[Field], quote: u8) -> Vec<String> {
    fields.iter().map(|field| String::from_utf8_lossy(&content(text, *field, quote)).into_owned()).collect()
}

fn locate(fault: Fault, path: &Path) -> Fault {
    fault.in_file(path.display().to_string())
}

fn describe(dialect: &CsvDialect) -> String {
    let encoding = match dialect.encoding {
        None => "utf-8 (not declared)",
        Some(Encoding::Utf8) => "utf-8",
        Some(Encoding::Utf16) => "utf-16",
        Some(Encoding::Cp932) => "cp932",
    };
    let shown = |b: u8| char::from(b).escape_default().to_string();
    format!("csv delimiter={} quote={} encoding={encoding}", shown(dialect.delimiter), shown(dialect.quote))
}

impl Layout {
    /// Takes the columns' positions from the first record.
    fn read_header(&mut self, path: &Path, first: &RawBlock) -> Result<()> {
        let mut reader = RecordReader::new(&first.text, &self.dialect);
        let record = reader.next().ok_or_else(|| in_file(Code::FileEmpty, path).with("what", "header"))?;
        check_header_text(path, &self.dialect, &first.text)?;
        self.n_fields = reader.fields.len();
        let end = first.text.trim_ascii_end().len();
        if end == 0 {
            return Err(in_file(Code::FileEmpty, path).with("what", "header"));
        }
        if record.has_lone_cr {
            let fault = in_file(Code::WrongFormat, path).at(1, 1);
            return Err(fault.with("found", "carriage returns as line ends").with("expected", "line feeds"));
        }
        if self.n_fields > MAX_COLUMNS {
            return Err(in_file(Code::RecordTooLarge, path)
                .with("bytes", self.n_fields)
                .with("limit", MAX_COLUMNS)
                .at(1, 1));
        }
        let names = names(&first.text, &reader.fields, self.dialect.quote);
        if self.dialect.header {
            self.header = first.text[..end].to_vec();
            check_names(path, &names)?;
        }
        let faults = self.find_columns(path, &names);
        // A header taken for a single column is one mistake, however many columns are missing by it.
        match parting(&first.text).filter(|_| self.dialect.header && names.len() == 1) {
            Some(sign) => Fault::all(faults.into_iter().take(1).map(|fault| fault.with("delimiter", sign)).collect()),
            None => Fault::all(faults),
        }
    }

    fn find_columns(&mut self, path: &Path, names: &[String]) -> Vec<Fault> {
        let (mut faults, mut field_of) = (Vec::new(), Vec::with_capacity(self.columns.len()));
        for column in &self.columns {
            let position = if self.dialect.header {
                names.iter().position(|name| *name == column.header)
            } else {
                column.header.parse::<usize>().ok().filter(|n| (1..=names.len()).contains(n)).map(|n| n - 1)
            };
            match position {
                Some(position) => field_of.push(position),
                None => faults.push(column_missing(path, &column.header, names)),
            }
        }
        self.field_of = field_of.into();
        faults
    }

    /// The block, with its text where rows may still be rejected for who they speak of.
    fn parse_whole(&self, raw: RawBlock) -> Result<Block> {
        let block = self.parse(&raw)?;
        Ok(Block { text: if self.is_keeping_text { raw.text } else { Vec::new() }, ..block })
    }

    fn parse(&self, raw: &RawBlock) -> Result<Block> {
        let mut reader = RecordReader::new(&raw.text, &self.dialect);
        let mut parser = BlockParser::new(self, raw);
        while let Some(record) = reader.next() {
            parser.take(record, &reader.fields);
        }
        parser.finish()
    }
}

/// `ColumnMissing` with the columns that are there and the nearest one.
pub(crate) fn column_missing(path: &Path, column: &str, names: &[String]) -> Fault {
    // A hundred names are as many as anyone reads.
    let shown: Vec<String> = names.iter().take(100).cloned().collect();
    let fault = in_file(Code::ColumnMissing, path).named(column).with("column", column).with("columns", shown);
    let same = names.iter().map(String::as_str).find(|name| folded(name) == folded(column));
    match same.or_else(|| suggest(column, names.iter().map(String::as_str))) {
        Some(name) => fault.with("suggestion", name),
        None => fault,
    }
}

/// The sign that parts the columns of a header, by its looks.
fn parting(header: &[u8]) -> Option<&'static str> {
    let signs = [(b';', ";"), (b'\t', "\\t"), (b'|', "|"), (b',', ",")];
    signs.into_iter().find(|(sign, _)| header.contains(sign)).map(|(_, text)| text)
}

/// A name without case, width, spaces and separators.
fn folded(name: &str) -> String {
    let narrow = |c: char| match c {
        // The full-width forms stand in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    name.chars().map(narrow).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn check_names(path: &Path, names: &[String]) -> Result<()> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    match twice {
        Some(name) => Err(in_file(Code::ColumnTwice, path).at(1, 1).named(name.as_str()).with("column", name.as_str())),
        None => Ok(()),
    }
}

fn check_header_text(path: &Path, dialect: &CsvDialect, text: &[u8]) -> Result<()> {
    let hint = if memchr::memchr(0, text).is_some() {
        "utf-16"
    } else if std::str::from_utf8(text).is_err() {
        if is_cp932(text) { "cp932" } else { "unknown" }
    } else {
        return Ok(());
    };
    Err(wrong_encoding(dialect, hint).in_file(path.display().to_string()).at(1, 1))
}

fn wrong_encoding(dialect: &CsvDialect, hint: &str) -> Fault {
    let declared = match dialect.encoding {
        Some(Encoding::Cp932) => "cp932",
        Some(Encoding::Utf16) => "utf-16",
        Some(Encoding::Utf8) | None => "utf-8",
    };
    Fault::new(Code::WrongEncoding).with("encoding", declared).with("hint", hint)
}

/// The fault of a text that is not what its encoding says, with a guess of what it is.
pub(crate) fn decoding_fault(dialect: &CsvDialect, text: &[u8]) -> Fault {
    wrong_encoding(dialect, if is_cp932(text) { "cp932" } else { "unknown" })
}

fn is_cp932(text: &[u8]) -> bool {
    encoding_rs::SHIFT_JIS.decode_without_bom_handling_and_without_replacement(text).is_some()
}

/// A field's text, with doubled quotes made single.
fn content(text: &[u8], field: Field, quote: u8) -> Cow<'_, [u8]> {
    let raw = &text[field.start..field.end];
    if !field.has_doubled {
        return Cow::Borrowed(raw);
    }
    let mut single = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(&b) = rest.next() {
        single.push(b);
        if b == quote {
            rest.next();
        }
    }
    Cow::Owned(single)
}

/// Collects the rows of one block.
struct BlockParser<'a> {
    layout: &'a Layout,
    raw: &'a RawBlock,
    /// Some bytes of the block are not UTF-8, so each record is looked at.
    has_undecodable: bool,
    has_control: bool,
    has_replacement: bool,
    builders: Vec<ColumnBuilder>,
    places: Vec<RowPlace>,
    rejects: Vec<Reject>,
    read: u32,
    line: u32,
    /// Rows that are not in the declared encoding, or hold what an earlier decoding put for such bytes.
    undecodable: u64,
    first_undecodable: Option<RowPlace>,
    first_hole: Option<RowPlace>,
}

impl<'a> BlockParser<'a> {
    fn new(layout: &'a Layout, raw: &'a RawBlock) -> Self {
        Self {
            layout,
            raw,
            has_undecodable: std::str::from_utf8(&raw.text).is_err(),
            has_control: memchr::memchr(0, &raw.text).is_some(),
            has_replacement: !layout.is_transcoded && has_replacement(&raw.text),
            builders: layout.columns.iter().map(|column| ColumnBuilder::new(column.kind)).collect(),
            places: Vec::new(),
            rejects: Vec::new(),
            read: 0,
            line: 0,
            undecodable: 0,
            first_undecodable: None,
            first_hole: None,
        }
    }

    fn take(&mut self, record: Record, fields: &[Field]) {
        let bytes = (record.end - record.start) as u32;
        let place = RowPlace { record: self.read, line: self.line, byte: record.start as u32, bytes };
        self.line += record.lines;
        if let [only] = fields
            && only.start == record.start
            && only.end == record.start
            && !record.is_stray
        {
            // A blank line is no row; an empty quoted field would start behind its quote.
            return;
        }
        self.read += 1;
        match self.check_record(record, fields, place).and_then(|()| self.push_cells(fields, place)) {
            Ok(()) => self.places.push(place),
            Err(reject) => {
                for builder in &mut self.builders {
                    builder.cells.truncate(self.places.len());
                }
                self.rejects
                    .push(Reject { raw: Some(Digest::of(&self.raw.text[record.start..record.end])), ..*reject });
            }
        }
    }

    /// What concerns the record as a whole.
    fn check_record(
        &mut self,
        record: Record,
        fields: &[Field],
        place: RowPlace,
    ) -> std::result::Result<(), Box<Reject>> {
        let text = &self.raw.text[record.start..record.end];
        let layout = self.layout;
        let reject = |code, expected: Cow<'static, str>| Err(Box::new(Reject::of_row(place, code, expected)));
        if text.len() > layout.dialect.max_record_bytes {
            return reject(Code::RecordTooLarge, format!("{} bytes", layout.dialect.max_record_bytes).into());
        }
        if self.has_undecodable && std::str::from_utf8(text).is_err() || layout.is_transcoded && has_replacement(text) {
            self.count_undecodable(place);
            return reject(Code::WrongEncoding, "text in the declared encoding".into());
        }
        if self.has_replacement && has_replacement(text) {
            // A damaged name is no reason to lose a customer; a file full of them is.
            self.count_undecodable(place);
        }
        if record.is_stray {
            return reject(Code::StrayQuote, "quotes only around a whole field".into());
        }
        let row = text.trim_ascii_end();
        if self.has_control && !row.is_empty() && row.iter().all(|&byte| byte == 0) {
            self.first_hole.get_or_insert(place);
        }
        if record.has_lone_cr || self.has_control && memchr::memchr(0, text).is_some() {
            return reject(Code::ControlByte, "text without control bytes".into());
        }
        if fields.len() != layout.n_fields {
            let code = if fields.len() < layout.n_fields { Code::RowTooShort } else { Code::RowTooLong };
            return reject(code, format!("{} fields, got {}", layout.n_fields, fields.len()).into());
        }
        if !layout.header.is_empty() && text.starts_with(&layout.header) && text.trim_ascii_end() == layout.header {
            return reject(Code::HeaderRepeated, "data".into());
        }
        Ok(())
    }

    fn count_undecodable(&mut self, place: RowPlace) {
        self.undecodable += 1;
        self.first_undecodable.get_or_insert(place);
    }

    fn push_cells(&mut self, fields: &[Field], place: RowPlace) -> std::result::Result<(), Box<Reject>> {
        let layout = self.layout;
        for (i, column) in layout.columns.iter().enumerate() {
            let text = content(&self.raw.text, fields[layout.field_of[i]], layout.dialect.quote);
            let is_absent =
                text.is_empty() || layout.dialect.null_tokens.iter().any(|token| token.as_bytes() == &*text);
            let result = if !is_absent {
                self.builders[i].push(&text, &layout.zone)
            } else if column.is_required() {
                Err(CellFault { code: Code::ValueMissing, expected: expected(column.kind) })
            } else {
                self.builders[i].push_absent();
                Ok(())
            };
            if let Err(fault) = result {
                return Err(Box::new(Reject {
                    place,
                    code: fault.code,
                    column: Some(i),
                    field: Some(layout.field_of[i]),
                    expected: fault.expected.into(),
                    value_bytes: text.len(),
                    shape: shape_of(&text),
                    raw: None,
                }));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Block> {
        self.check_holes()?;
        self.check_encoding()?;
        let start = BlockStart { line: self.raw.line, byte: self.raw.byte, ..BlockStart::default() };
        let columns = self
            .builders
            .into_iter()
            .map(|builder| BlockColumn { cells: builder.cells, levels: Levels::Texts(builder.levels) })
            .collect();
        Ok(Block {
            read: self.read.into(),
            start,
            fields: Arc::clone(&self.layout.field_of),
            columns,
            places: Places::Each(self.places),
            rejects: self.rejects,
            text: Vec::new(),
        })
    }

    /// A row of nothing but NUL is a hole that a crash left where rows had been: how many is not known.
    fn check_holes(&self) -> Result<()> {
        let Some(place) = self.first_hole else { return Ok(()) };
        let fault = Fault::new(Code::WrongFormat).with("found", "NUL bytes").with("expected", "rows");
        Err(fault.at(self.raw.line + u64::from(place.line), 1).at_byte(self.raw.byte + u64::from(place.byte)))
    }

    /// Many undecodable rows mean another encoding than a few damaged bytes.
    fn check_encoding(&self) -> Result<()> {
        let is_file = self.undecodable >= MIN_UNDECODABLE && self.undecodable * 20 >= u64::from(self.read);
        let Some(place) = self.first_undecodable.filter(|_| is_file && !self.layout.is_transcoded) else {
            return Ok(());
        };
        let hint = if is_cp932(&self.raw.text) { "cp932" } else { "unknown" };
        let fault = wrong_encoding(&self.layout.dialect, hint);
        Err(fault.at(self.raw.line + u64::from(place.line), 1).at_byte(self.raw.byte + u64::from(place.byte)))
    }
}

/// Whether a decoder had to put U+FFFD.
pub(crate) fn has_replacement(text: &[u8]) -> bool {
    memmem::find(text, "\u{fffd}".as_bytes()).is_some()
}

//! Plain files that nobody has declared: every column of a CSV or Parquet file, as it is stored, block by block.
//!
//! Nothing is guessed here but the delimiter; what the texts of a CSV column are is the reader's to find out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::DataType;
use memchr::memchr;
use osusume_model::{Code, Control, Fault, Result, check_stop};
use osusume_storage::Fs;

use crate::block::{Block, RecordSource};
use crate::cells::{Cells, TextCells};
use crate::chunks::{Chunks, metadata};
use crate::csv::{CsvSource, header};
use crate::dates::DateFormat;
use crate::input::{Input, in_file};
use crate::parquet_source::ParquetSource;
use crate::quarantine::reject_fault;
use crate::scan::ReadMore;
use crate::spec::{
    Anonymous, ColumnKind, ColumnSpec, Container, CsvDialect, Encoding, Format, Identity, RejectLimits, SourceSpec,
    Ties,
};
use crate::value::parse_decimal;
use crate::zone::Zone;

/// Delimiters a first line may be cut by; of those that stand in it equally often the first counts.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// A header longer than this is no header.
const HEADER_BYTES: usize = 1 << 20;

/// How a column is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainKind {
    /// Text; every column of a CSV file is.
    Text,
    /// Numbers.
    Number,
    /// Dates or instants.
    Instant,
    /// Something a table of this project has no use for, such as a list.
    Unsupported,
}

/// A column of a plain file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainColumn {
    /// The name in the header.
    pub name: String,
    /// How it is stored.
    pub kind: PlainKind,
}

/// A file whose header has been read.
#[derive(Clone, Debug)]
pub struct PlainFile {
    path: PathBuf,
    format: Format,
    columns: Vec<PlainColumn>,
}

/// Cells of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum PlainCells {
    /// Texts; the empty one is absent.
    Text(TextCells),
    /// Numbers; NaN is absent.
    Number(Vec<f64>),
    /// Microseconds since 1970, UTC, a local time counting as UTC; `i64::MIN` is absent.
    Instant(Vec<i64>),
}

/// Consecutive rows.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainBlock {
    /// The columns asked for, in that order.
    pub columns: Vec<PlainCells>,
    /// Rows of each.
    pub n_rows: usize,
}

impl PlainFile {
    /// Reads the header. The extension tells the format: `.parquet`, else CSV, plain or compressed.
    ///
    /// `delimiter`: between the fields of CSV; without one, the candidate the first line has most of.
    ///
    /// # Errors
    /// What is wrong with a header: `FileEmpty`, `ColumnTwice`, `WrongEncoding` and the like.
    pub fn open(fs: &dyn Fs, path: &Path, delimiter: Option<u8>, encoding: Option<Encoding>) -> Result<Self> {
        if Container::of(path) == Some(Container::Parquet) {
            return Self::open_parquet(fs, path);
        }
        let delimiter = match delimiter {
            Some(delimiter) => delimiter,
            None => delimiter_of(&first_line(fs, path, encoding)?),
        };
        let dialect = CsvDialect { delimiter, encoding, ..CsvDialect::default() };
        let names = header(fs, path, &dialect)?;
        let columns = names.into_iter().map(|name| PlainColumn { name, kind: PlainKind::Text }).collect();
        Ok(Self { path: path.to_owned(), format: Format::Csv(dialect), columns })
    }

    fn open_parquet(fs: &dyn Fs, path: &Path) -> Result<Self> {
        // Opening a source of no columns checks the file's kind first.
        let file = Self { path: path.to_owned(), format: Format::Parquet, columns: Vec::new() };
        drop(file.source(fs, &file.spec(&[]))?);
        let chunks = Chunks(Arc::from(fs.open_input(path)?));
        let metadata = metadata(&chunks, path, Code::ParquetDamaged)?;
        let fields = metadata.schema().fields().iter();
        let columns: Vec<PlainColumn> =
            fields.map(|field| PlainColumn { name: field.name().clone(), kind: kind_of(field.data_type()) }).collect();
        let mut names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(in_file(Code::ColumnTwice, path).named(pair[0]).with("column", pair[0]));
        }
        Ok(Self { columns, ..file })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The columns in the file's order.
    pub fn columns(&self) -> &[PlainColumn] {
        &self.columns
    }

    /// Between two fields of a CSV file.
    pub fn delimiter(&self) -> Option<char> {
        match &self.format {
            Format::Csv(dialect) => Some(char::from(dialect.delimiter)),
            Format::Parquet => None,
        }
    }

    /// `ColumnMissing` for a name, with the names there are and the nearest one.
    pub fn missing(&self, name: &str) -> Fault {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        crate::csv::column_missing(&self.path, name, &names)
    }

    /// Hands every block to `sink` in the file's order; returns the number of rows.
    ///
    /// `columns` are positions among [`Self::columns`], none of them unsupported. Rows of another shape than the header are faults,
    /// so that the n-th row handed over is the n-th row of the file.
    ///
    /// # Errors
    /// The first row that cannot be read, with its place; damage; what `sink` says.
    pub fn read(
        &self,
        fs: &dyn Fs,
        columns: &[usize],
        control: &dyn Control,
        sink: &mut dyn FnMut(PlainBlock) -> Result<()>,
    ) -> Result<u64> {
        let spec = self.spec(columns);
        let mut source = self.source(fs, &spec)?;
        let mut n_rows = 0;
        loop {
            check_stop(control)?;
            let blocks = source.next_blocks()?;
            if blocks.is_empty() {
                break;
            }
            for block in blocks {
                if let Some(reject) = block.rejects.first() {
                    return Err(reject_fault(&self.path, &spec, block.start, reject));
                }
                n_rows += block.read;
                sink(plain(block))?;
            }
        }
        source.finish()?;
        Ok(n_rows)
    }

    fn spec(&self, columns: &[usize]) -> SourceSpec {
        let column = |(i, &at): (usize, &usize)| ColumnSpec {
            // Logical names must differ; the header's may look like anything.
            name: i.to_string(),
            header: self.columns[at].name.clone(),
            kind: match self.columns[at].kind {
                PlainKind::Text | PlainKind::Unsupported => ColumnKind::Text,
                PlainKind::Number => ColumnKind::Measure,
                PlainKind::Instant => ColumnKind::Timestamp,
            },
            required: false,
        };
        SourceSpec {
            name: "file".to_owned(),
            paths: vec![self.path.clone()],
            format: self.format.clone(),
            zone: "UTC".to_owned(),
            dates: DateFormat::default(),
            columns: columns.iter().enumerate().map(column).collect(),
            customer: None,
            order_by: None,
            interval: None,
            limits: RejectLimits::default(),
            identity: Identity::Extends,
            anonymous: Anonymous::Reject,
            keep: Vec::new(),
            ties: Ties::Input,
            cutoff: None,
        }
    }

    fn source(&self, fs: &dyn Fs, spec: &SourceSpec) -> Result<Box<dyn RecordSource>> {
        let zone = Arc::new(Zone::new(&spec.zone)?);
        Ok(match &self.format {
            Format::Csv(dialect) => Box::new(CsvSource::open(fs, &self.path, spec, dialect, zone)?),
            Format::Parquet => Box::new(ParquetSource::open(fs, &self.path, spec, zone, false)?),
        })
    }
}

fn plain(block: Block) -> PlainBlock {
    let cells = |cells: Cells| match cells {
        Cells::Text(texts) => PlainCells::Text(texts),
        Cells::F64(numbers) => PlainCells::Number(numbers),
        Cells::I64(instants) => PlainCells::Instant(instants),
        Cells::Code(_) => unreachable!("plain files are read without categories"),
    };
    let n_rows = block.places.len();
    PlainBlock { columns: block.columns.into_iter().map(|column| cells(column.cells)).collect(), n_rows }
}

fn kind_of(stored: &DataType) -> PlainKind {
    match stored {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean => PlainKind::Text,
        DataType::Dictionary(_, values) => match kind_of(values) {
            PlainKind::Text => PlainKind::Text,
            _ => PlainKind::Unsupported,
        },
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => PlainKind::Instant,
        DataType::Decimal256(_, _) => PlainKind::Unsupported,
        other if other.is_numeric() => PlainKind::Number,
        _ => PlainKind::Unsupported,
    }
}

/// A text that is a plain decimal number, blanks around it not counted.
pub fn parse_number(text: &[u8]) -> Option<f64> {
    parse_decimal(text.trim_ascii()).ok()
}

/// The first line as decoded text, or the first mebibyte of it.
fn first_line(fs: &dyn Fs, path: &Path, encoding: Option<Encoding>) -> Result<Vec<u8>> {
    let mut input = Input::open(fs, path, encoding)?;
    let mut text = Vec::new();
    while text.len() < HEADER_BYTES && memchr(b'\n', &text).is_none() && input.read_more(&mut text)? > 0 {}
    text.truncate(memchr(b'\n', &text).unwrap_or(text.len()));
    Ok(text)
}

/// The candidate that stands in the line most often, outside quotes.
fn delimiter_of(line: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    for &byte in line {
        is_quoted ^= byte == b'"';
        if let Some(at) = DELIMITERS.iter().position(|&delimiter| delimiter == byte && !is_quoted) {
            counts[at] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    counts.iter().position(|&count| count == most).map_or(DELIMITERS[0], |at| DELIMITERS[at])
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    };
    use arrow::datatypes::Float32Type;
    use osusume_model::NoControl;
    use osusume_storage::RealFs;

    use super::*;
    use crate::{ParquetSink, Target};

    fn csv(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn read(path: &Path) -> Result<(Vec<PlainColumn>, Vec<PlainCells>)> {
        let file = PlainFile::open(&RealFs, path, None, None)?;
        let all: Vec<usize> =
            (0..file.columns().len()).filter(|&i| file.columns()[i].kind != PlainKind::Unsupported).collect();
        let mut columns = Vec::new();
        file.read(&RealFs, &all, &NoControl, &mut |block| {
            columns = block.columns;
            Ok(())
        })?;
        Ok((file.columns().to_vec(), columns))
    }

    #[test]
    fn the_commonest_candidate_delimits() {
        for (line, expected) in
            [("a,b,c", b','), ("\"a,b,c\";d", b';'), ("a\tb;c\td", b'\t'), ("a", b','), ("a|b", b'|')]
        {
            assert_eq!(delimiter_of(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn csv_is_text() {
        let (_dir, path) = csv("\"x\";y\n 1;a\n;\"b;c\"\n");
        let (columns, cells) = read(&path).unwrap();
        assert_eq!(columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["x", "y"]);
        let PlainCells::Text(x) = &cells[0] else { panic!("text") };
        let PlainCells::Text(y) = &cells[1] else { panic!("text") };
        assert_eq!((x.get(0), x.get(1), y.get(1)), (&b" 1"[..], &b""[..], &b"b;c"[..]));
    }

    #[test]
    fn rows_of_another_shape_are_faults_with_their_place() {
        let (_dir, path) = csv("a,b\n1,2\n1,2,3\n");
        let fault = read(&path).unwrap_err();
        assert_eq!((fault.code(), fault.place().line), (Code::RowTooLong, Some(3)));
        let (_dir, path) = csv("a,a\n1,2\n");
        assert_eq!(read(&path).unwrap_err().code(), Code::ColumnTwice);
    }

    #[test]
    fn parquet_columns_by_stored_type() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::Dir { fs: Arc::new(RealFs), dir: dir.path().to_owned() };
        let lists = ListArray::from_iter_primitive::<Float32Type, _, _>([Some([Some(1.0)]), None]);
        let columns: [(&str, ArrayRef); 6] = [
            ("n", Arc::new(Int64Array::from(vec![Some(7), None]))),
            ("x", Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(0.5)]))),
            ("t", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("d", Arc::new(Date32Array::from(vec![Some(1), None]))),
            ("l", Arc::new(lists)),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut sink = ParquetSink::create(&target, "x.parquet", &batch.schema(), &[]).unwrap();
        sink.write(&batch).unwrap();
        sink.finish().unwrap();
        let (columns, cells) = read(&dir.path().join("x.parquet")).unwrap();
        assert_eq!(
            columns.iter().map(|column| column.kind).collect::<Vec<_>>(),
            [
                PlainKind::Number,
                PlainKind::Number,
                PlainKind::Text,
                PlainKind::Text,
                PlainKind::Instant,
                PlainKind::Unsupported
            ]
        );
        let number = |column: usize| match &cells[column] {
            PlainCells::Number(values) => values.iter().map(|v| (!v.is_nan()).then_some(*v)).collect::<Vec<_>>(),
            _ => panic!("numbers"),
        };
        assert_eq!((number(0), number(1)), (vec![Some(7.0), None], vec![None, Some(0.5)]), "NaN is absent");
        let PlainCells::Text(flags) = &cells[3] else { panic!("text") };
        assert_eq!((flags.get(0), flags.get(1)), (&b"true"[..], &b""[..]));
        assert_eq!(cells[4], PlainCells::Instant(vec![86_400_000_000, i64::MIN]));
    }
}

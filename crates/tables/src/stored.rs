//! A source's files as they are stored, to be written again with rows left out, changed or added.
//!
//! Nothing is checked here: rows that ingest would reject for a cell are handed over like others, so that a copy meets the same rules.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use osusume_model::{Code, Control, DAY_US, Date, Fault, Result, Timestamp, check_stop};
use osusume_storage::{Fs, fault_in};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use crate::block::RecordSource;
use crate::cells::Cells;
use crate::convert::convert;
use crate::csv::CsvSource;
use crate::input::in_file;
use crate::output::{OutputFile, Target};
use crate::parquet_source::read_columns;
use crate::spec::{Coder, ColumnKind, ColumnSpec, CsvDialect, Format, SourceSpec};
use crate::value::coded;
use crate::zone::Zone;

/// A cell that is put in the place of a stored one.
#[derive(Clone, Debug, PartialEq)]
pub enum NewCell {
    /// Nothing.
    Absent,
    /// An instant, microseconds UTC; a column of days gets the first day that begins at it or later.
    Instant(i64),
    /// A text; a column of numbers gets the number it is, if it is one.
    Text(String),
    /// A number; absent where the column cannot hold it.
    Number(f64),
}

/// Hands the declared columns of a file of a source to `sink`, each header once, batch by batch in the file's order: texts where the file is
/// CSV, else as Parquet stores them. Records of a CSV file that are no rows, for their shape or their bytes, are left out. Of a text that
/// nobody may keep `sink` gets what is told of it.
///
/// # Errors
/// What faults the file as a whole, a stop asked for, and what `sink` says.
pub fn read_stored(
    fs: &dyn Fs,
    spec: &SourceSpec,
    path: &Path,
    control: &dyn Control,
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let headers = headers(spec);
    let sink = &mut |batch| sink(told(spec, batch)?);
    match &spec.format {
        Format::Csv(dialect) => read_texts(fs, spec, (path, dialect), &headers, control, sink),
        Format::Parquet => read_columns(fs, path, &headers, &mut |batch| {
            check_stop(control)?;
            sink(batch)
        }),
    }
}

/// A batch with what is told of the texts that nobody may keep in their place.
fn told(spec: &SourceSpec, batch: RecordBatch) -> Result<RecordBatch> {
    let coder = |header: &str| {
        let mut kinds = spec.columns.iter().filter(|column| column.header == header).map(|column| column.kind);
        match (kinds.next(), kinds.next()) {
            (Some(ColumnKind::Coded(coder)), None) => Some(coder),
            _ => None,
        }
    };
    let coders: Vec<Option<Coder>> = batch.schema().fields().iter().map(|field| coder(field.name())).collect();
    if coders.iter().all(Option::is_none) {
        return Ok(batch);
    }
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for ((field, column), coder) in batch.schema().fields().iter().zip(batch.columns()).zip(coders) {
        let Some(coder) = coder else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
            continue;
        };
        let texts = cast_with_options(column, &DataType::Utf8, &CastOptions { safe: true, ..CastOptions::default() })
            .map_err(|error| Fault::new(Code::Bug).because(error))?;
        let texts = texts.as_string::<i32>();
        let told = texts.iter().map(|text| coded(coder, text?.as_bytes())).collect::<StringArray>();
        fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
        columns.push(Arc::new(told) as ArrayRef);
    }
    self::batch(&Arc::new(Schema::new(fields)), columns)
}

/// The headers a source reads, each once.
fn headers(spec: &SourceSpec) -> Vec<&str> {
    let mut headers: Vec<&str> = Vec::new();
    for column in &spec.columns {
        if !headers.contains(&column.header.as_str()) {
            headers.push(&column.header);
        }
    }
    headers
}

fn read_texts(
    fs: &dyn Fs,
    spec: &SourceSpec,
    (path, dialect): (&Path, &CsvDialect),
    headers: &[&str],
    control: &dyn Control,
    sink: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let column = |(i, header): (usize, &&str)| ColumnSpec {
        name: i.to_string(),
        header: (*header).to_owned(),
        kind: ColumnKind::Text,
        required: false,
    };
    let columns = headers.iter().enumerate().map(column).collect();
    let (keep, paths) = (Vec::new(), vec![path.to_owned()]);
    let texts = SourceSpec {
        columns,
        customer: None,
        order_by: None,
        interval: None,
        cutoff: None,
        keep,
        paths,
        ..spec.clone()
    };
    let schema = Arc::new(Schema::new(
        headers.iter().map(|header| Field::new(*header, DataType::Utf8, true)).collect::<Vec<_>>(),
    ));
    let mut source = CsvSource::open(fs, path, &texts, dialect, Arc::new(Zone::new(&spec.zone)?))?;
    loop {
        check_stop(control)?;
        let blocks = source.next_blocks()?;
        if blocks.is_empty() {
            return Ok(());
        }
        for block in blocks {
            let columns = block.columns.iter().map(|column| texts_of(&column.cells)).collect();
            sink(batch(&schema, columns)?)?;
        }
    }
}

fn texts_of(cells: &Cells) -> ArrayRef {
    let Cells::Text(texts) = cells else { unreachable!("every column was declared a text") };
    let text = |row: usize| Some(String::from_utf8_lossy(texts.get(row))).filter(|text| !text.is_empty());
    Arc::new((0..texts.len()).map(text).collect::<StringArray>())
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| Fault::new(Code::Bug).because(error))
}

/// A stored column as ingest would read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredColumn {
    /// Whole numbers, such as instants and flags, with `i64::MIN` for what is absent; empty for columns of other kinds.
    pub integers: Vec<i64>,
    /// Rows that ingest rejects for this cell, ascending.
    pub faulty: Vec<usize>,
}

/// Reads a stored column by its declaration.
///
/// # Errors
/// `Bug` for an array that cannot serve the column's kind.
pub fn stored_column(array: &ArrayRef, column: &ColumnSpec, zone: &Zone) -> Result<StoredColumn> {
    let (converted, faults) =
        convert(array, column, &[], zone).map_err(|error| Fault::new(Code::Bug).because(error))?;
    let integers = match converted.cells {
        Cells::I64(values) => values,
        _ => Vec::new(),
    };
    Ok(StoredColumn { integers, faulty: faults.into_iter().map(|(row, _)| row).collect() })
}

/// The zone of a source's local times, with its own form of dates.
///
/// # Errors
/// `ConfigUnknownName` for a zone the bundled database does not hold.
pub fn zone_of(spec: &SourceSpec) -> Result<Zone> {
    Ok(Zone::new(&spec.zone)?.with_dates(&spec.dates))
}

/// Cells as an array of a stored type.
///
/// # Errors
/// `Bug` for a type no source can have.
pub fn stored_cells(stored: &DataType, cells: &[NewCell], zone: &Zone) -> Result<ArrayRef> {
    let is_time = matches!(stored, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
    let array = match stored {
        DataType::Date32 | DataType::Date64 => days(cells, zone),
        DataType::Timestamp(_, zoned) => instants(cells, zoned.is_some(), zone),
        _ if stored.is_numeric() => numbers(cells),
        _ => texts(cells),
    };
    // A number that the column cannot hold is absent; nothing else is lost on the way.
    let options = CastOptions { safe: !is_time, ..CastOptions::default() };
    cast_with_options(&array, stored, &options).map_err(|error| Fault::new(Code::Bug).because(error))
}

fn days(cells: &[NewCell], zone: &Zone) -> ArrayRef {
    let day = |cell: &NewCell| match cell {
        NewCell::Instant(at) => {
            let day = zone.date_of(Timestamp(*at));
            let begins = zone.midnight(day).map_or(*at, |midnight| midnight.0);
            Some(day.0 + i32::from(begins < *at))
        }
        _ => None,
    };
    Arc::new(cells.iter().map(day).collect::<Date32Array>())
}

fn instants(cells: &[NewCell], is_zoned: bool, zone: &Zone) -> ArrayRef {
    let instant = |cell: &NewCell| match cell {
        NewCell::Instant(at) if is_zoned => Some(*at),
        NewCell::Instant(at) => Some(zone.local(*at)),
        _ => None,
    };
    let array: TimestampMicrosecondArray = cells.iter().map(instant).collect();
    if is_zoned { Arc::new(array.with_timezone("UTC")) } else { Arc::new(array) }
}

fn numbers(cells: &[NewCell]) -> ArrayRef {
    let number = |cell: &NewCell| match cell {
        NewCell::Number(number) => Some(*number),
        NewCell::Text(text) => text.parse().ok(),
        _ => None,
    };
    Arc::new(cells.iter().map(number).collect::<Float64Array>())
}

fn texts(cells: &[NewCell]) -> ArrayRef {
    let text = |cell: &NewCell| match cell {
        NewCell::Absent => None,
        NewCell::Instant(at) => Some(rfc3339(*at)),
        NewCell::Text(text) => Some(text.clone()),
        NewCell::Number(number) => Some(number.to_string()),
    };
    Arc::new(cells.iter().map(text).collect::<StringArray>())
}

/// An instant as `2026-10-01T00:00:00.000000Z`.
fn rfc3339(at: i64) -> String {
    let (days, micros) = (at.div_euclid(DAY_US), at.rem_euclid(DAY_US));
    let seconds = micros / 1_000_000;
    let date = Date(i32::try_from(days).unwrap_or(i32::MAX));
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{date}T{hours:02}:{minutes:02}:{:02}.{:06}Z", seconds % 60, micros % 1_000_000)
}

/// Writes batches as they are stored into a Parquet file of their own.
pub struct StoredSink {
    writer: ArrowWriter<OutputFile>,
    rows: u64,
    path: std::path::PathBuf,
}

impl StoredSink {
    /// Starts the file `relative` in `target`, which must not exist yet.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(target: &Target<'_>, relative: &str, schema: &SchemaRef) -> Result<Self> {
        let file = target.create_file(relative)?;
        let path = file.path().to_owned();
        let writer = ArrowWriter::try_new(file, Arc::clone(schema), None).map_err(|error| fault(&path, error))?;
        Ok(Self { writer, rows: 0, path })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(|error| fault(&self.path, error))
    }

    /// Ends the file; returns the number of rows.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish(self) -> Result<u64> {
        let file = self.writer.into_inner().map_err(|error| fault(&self.path, error))?;
        file.finish(self.rows).map(|facts| facts.rows)
    }
}

fn fault(path: &Path, error: ParquetError) -> Fault {
    fault_in(&error).unwrap_or_else(|| in_file(Code::CannotWrite, path).because(error))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, Int64Array, TimestampSecondArray};
    use arrow::datatypes::{Int64Type, TimeUnit, TimestampSecondType};
    use osusume_model::NoControl;
    use osusume_storage::RealFs;

    use super::*;
    use crate::spec::{Anonymous, Identity, RejectLimits, Ties};
    use crate::{DateFormat, Ingest};

    fn spec(path: &Path, format: Format) -> SourceSpec {
        let column = |name: &str, kind| ColumnSpec { name: name.into(), header: name.into(), kind, required: true };
        SourceSpec {
            name: "buys".into(),
            paths: vec![path.to_owned()],
            format,
            zone: "Asia/Tokyo".into(),
            dates: DateFormat::default(),
            columns: vec![
                column("who", ColumnKind::Customer),
                column("day", ColumnKind::Timestamp),
                column("what", ColumnKind::Category),
            ],
            customer: Some(0),
            order_by: Some(1),
            interval: None,
            limits: RejectLimits { max_reject_rate: 1.0, ..RejectLimits::default() },
            identity: Identity::Extends,
            anonymous: Anonymous::Reject,
            keep: Vec::new(),
            ties: Ties::Content,
            cutoff: None,
        }
    }

    fn target(dir: &Path) -> Target<'static> {
        Target::Dir { fs: Arc::new(RealFs), dir: dir.to_owned() }
    }

    fn table(dir: &Path, spec: &SourceSpec) -> Vec<u8> {
        let mut ingest = Ingest::new(target(dir), 1 << 30, &NoControl).unwrap();
        ingest.read(spec).unwrap();
        ingest.finish().unwrap();
        std::fs::read(dir.join("tables/buys.parquet")).unwrap()
    }

    /// A copy is text in Parquet, and ingest makes the same table of it.
    #[test]
    fn a_copy_of_csv_gives_the_same_table() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("buys.csv");
        let text = "who,day,rest,what\n\" B\",2026-01-02,x,\"tea, \"\"green\"\"\"\nA,2026-01-03T04:05:06+09:00,y,NULL\nB\n007,2026-01-01,,milk\n";
        std::fs::write(&path, text).unwrap();
        let dialect = CsvDialect { null_tokens: vec!["NULL".into()], ..CsvDialect::default() };
        let mut csv = spec(&path, Format::Csv(dialect));
        csv.columns[2].required = false;
        csv.limits.max_rejects = 1;
        csv.limits.on_error = crate::OnError::Quarantine;
        let to = target(dir.path());
        let mut sink = None;
        read_stored(&RealFs, &csv, &path, &NoControl, &mut |batch| {
            assert_eq!(batch.num_columns(), 3, "only what is declared");
            let sink = sink.get_or_insert_with(|| StoredSink::create(&to, "copy.parquet", &batch.schema()).unwrap());
            sink.write(&batch)
        })
        .unwrap();
        assert_eq!(sink.unwrap().finish().unwrap(), 3);
        let parquet = SourceSpec {
            format: Format::Parquet,
            paths: vec![dir.path().join("copy.parquet")],
            limits: csv.limits,
            columns: csv.columns.clone(),
            ..spec(&path, Format::Parquet)
        };
        assert_eq!(table(&dir.path().join("a"), &csv), table(&dir.path().join("b"), &parquet));
    }

    /// A text's length, unless it is one.
    fn length(text: &str) -> Option<String> {
        let is_told = text.bytes().all(|b| b.is_ascii_digit());
        (text != "?").then(|| if is_told { text.to_owned() } else { text.chars().count().to_string() })
    }

    /// What nobody may keep stands neither in a copy nor in a table, and both say the same of it.
    #[test]
    fn of_a_coded_text_only_the_code_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("buys.csv");
        std::fs::write(
            &path,
            "who,day,what\nA,2026-01-02,夜に遅い\nA,2026-01-03,\nB,2026-01-04,?\nB,2026-01-05,slow\n",
        )
        .unwrap();
        let mut csv = spec(&path, Format::Csv(CsvDialect::default()));
        csv.columns[2].kind = ColumnKind::Coded(Coder(length));
        csv.columns[2].required = false;
        let (to, mut copied) = (target(dir.path()), Vec::new());
        read_stored(&RealFs, &csv, &path, &NoControl, &mut |batch| {
            let mut sink = StoredSink::create(&to, "copy.parquet", &batch.schema()).unwrap();
            let told = batch.column(2).as_string::<i32>().iter().map(|text| text.map(str::to_owned));
            copied.extend(told);
            sink.write(&batch)?;
            sink.finish().map(drop)
        })
        .unwrap();
        assert_eq!(copied, [Some("4".to_owned()), None, None, Some("4".to_owned())]);
        let paths = vec![dir.path().join("copy.parquet")];
        let parquet = SourceSpec { format: Format::Parquet, paths, ..csv.clone() };
        let (a, b) = (table(&dir.path().join("a"), &csv), table(&dir.path().join("b"), &parquet));
        assert!(a == b && !String::from_utf8_lossy(&a).contains("slow"));
    }

    #[test]
    fn new_cells_take_the_stored_type() {
        let zone = Zone::new("Asia/Tokyo").unwrap();
        let noon: Date = "2026-10-01".parse().unwrap();
        let midnight = zone.midnight(noon).unwrap().0;
        let cells = [NewCell::Instant(midnight), NewCell::Instant(midnight + 1), NewCell::Absent];
        let of = |stored: &DataType| stored_cells(stored, &cells, &zone).unwrap();
        let days = of(&DataType::Date32);
        let days = days.as_any().downcast_ref::<Date32Array>().unwrap();
        assert_eq!(days.iter().collect::<Vec<_>>(), [Some(noon.0), Some(noon.0 + 1), None], "never an earlier day");
        let local = of(&DataType::Timestamp(TimeUnit::Second, None));
        let local: &TimestampSecondArray = local.as_primitive::<TimestampSecondType>();
        assert_eq!(local.value(0), i64::from(noon.0) * 86_400);
        let zoned = of(&DataType::Timestamp(TimeUnit::Second, Some("+00:00".into())));
        assert_eq!(zoned.as_primitive::<TimestampSecondType>().value(0), midnight / 1_000_000);
        let texts = of(&DataType::Utf8);
        assert_eq!(texts.as_string::<i32>().value(0), "2026-09-30T15:00:00.000000Z");
        let column = ColumnSpec { name: "t".into(), header: "t".into(), kind: ColumnKind::Timestamp, required: true };
        let read = stored_column(&texts, &column, &zone).unwrap();
        assert_eq!((read.integers, read.faulty), (vec![midnight, midnight + 1, i64::MIN], vec![2]));
        let numbers = [NewCell::Text("12".into()), NewCell::Text("x".into()), NewCell::Number(1e300)];
        let numbers = stored_cells(&DataType::Int64, &numbers, &zone).unwrap();
        let expected = Int64Array::from(vec![Some(12), None, None]);
        assert_eq!(numbers.as_primitive::<Int64Type>(), &expected);
        let codes = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert!(!stored_cells(&codes, &[NewCell::Text("a".into())], &zone).unwrap().is_null(0));
    }
}

//! Stored Parquet types to declared kinds.

use std::path::Path;
use std::sync::Arc;

use osusume_model::{Code, Fault, NoControl};
use osusume_storage::RealFs;
use osusume_tables::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeListArray,
    Float32Array, Float64Array, Int32Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use osusume_tables::arrow::datatypes::{Float32Type, Int32Type};
use osusume_tables::{ColumnKind, Format, ParquetSink, SourceSpec, TableFile, Values, read_batches, read_metadata};

use crate::common::{column, events, run, target};

fn write(dir: &Path, batch: &RecordBatch) {
    let mut sink =
        ParquetSink::create(&target(dir), "in.parquet", &batch.schema(), &[("k".into(), "v".into())]).unwrap();
    sink.write(batch).unwrap();
    sink.finish().unwrap();
}

/// Values, their validity, and the codes of the rejected rows.
type Read = (Values, Option<Vec<bool>>, Vec<Code>);

/// One stored column read as one declared kind: the values, or the code of the fault.
fn read(array: ArrayRef, kind: ColumnKind) -> Result<Read, Code> {
    let dir = tempfile::tempdir().unwrap();
    let batch = RecordBatch::try_from_iter_with_nullable([("v", array, true)]).unwrap();
    write(dir.path(), &batch);
    let spec = SourceSpec {
        name: "t".into(),
        format: Format::Parquet,
        columns: vec![column("v", kind)],
        customer: None,
        order_by: None,
        ..events(&[dir.path().join("in.parquet")])
    };
    let (tables, _) = run(&dir.path().join("out"), &[spec]).map_err(|fault| fault.code())?;
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/t.parquet")).unwrap();
    let mut part = table.read_all(&["v"], &NoControl).unwrap();
    let column = part.columns.remove(0);
    Ok((column.values, column.valid, tables.faults.iter().map(Fault::code).collect()))
}

fn integers(array: ArrayRef, kind: ColumnKind) -> (Vec<i64>, Vec<Code>) {
    match read(array, kind) {
        Ok((Values::I64(values), _, codes)) => (values.to_vec(), codes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn texts_of_every_layout() {
    let views: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("a longer text than twelve")]));
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec![Some("a"), None, Some("a longer text than twelve")]));
    let coded: DictionaryArray<Int32Type> =
        vec![Some("a"), None, Some("a longer text than twelve")].into_iter().collect();
    for array in [views, large, Arc::new(coded)] {
        let (values, valid, codes) = read(array, ColumnKind::Text).unwrap();
        let Values::Text(texts) = values else { panic!("type") };
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["a", "", "a longer text than twelve"]);
        assert_eq!((valid, codes), (Some(vec![true, false, true]), vec![]));
    }
    let (values, ..) = read(Arc::new(Int32Array::from(vec![20, 3])), ColumnKind::Category).unwrap();
    assert_eq!(values, Values::Code(vec![0, 1].into()), "levels are sorted as texts");
}

#[test]
fn numbers() {
    let unsigned = Arc::new(UInt64Array::from(vec![7, u64::MAX]));
    assert_eq!(integers(unsigned, ColumnKind::Integer), (vec![7], vec![Code::OutOfRange]));
    let floats = || Arc::new(Float64Array::from(vec![1.1, 2.675, f64::NAN, 1e300]));
    let (values, codes) = integers(floats(), ColumnKind::Minor { digits: 2 });
    assert_eq!((values, codes), (vec![110], vec![Code::WrongType, Code::OutOfRange, Code::OutOfRange]));
    let (values, _, codes) = read(floats(), ColumnKind::Decimal).unwrap();
    assert_eq!((values, codes), (Values::F64(vec![1.1, 2.675].into()), vec![Code::WrongType, Code::OutOfRange]));
    let (values, ..) = read(Arc::new(Float32Array::from(vec![0.5])), ColumnKind::Decimal).unwrap();
    assert_eq!(values, Values::F64(vec![0.5].into()));
    let decimals = Decimal128Array::from(vec![12_345, 12_340]).with_precision_and_scale(9, 3).unwrap();
    assert_eq!(integers(Arc::new(decimals), ColumnKind::Minor { digits: 2 }), (vec![1234], vec![Code::WrongType]));
    let flags = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
    assert_eq!(integers(flags, ColumnKind::Flag), (vec![1, 0, 0], vec![]));
    let texts = Arc::new(StringArray::from(vec!["12", "x"]));
    assert_eq!(integers(texts, ColumnKind::Integer), (vec![12], vec![Code::WrongType]));
}

#[test]
fn instants() {
    const HOUR: i64 = 3_600_000_000;
    let local = Arc::new(TimestampMillisecondArray::from(vec![0, 9 * 3_600_000]));
    assert_eq!(integers(local, ColumnKind::Timestamp), (vec![-9 * HOUR, 0], vec![]));
    let zoned = Arc::new(TimestampNanosecondArray::from(vec![1_500, i64::MAX]).with_timezone("UTC"));
    assert_eq!(integers(zoned, ColumnKind::Timestamp), (vec![1], vec![Code::OutOfRange]));
    let days = Arc::new(Date32Array::from(vec![1]));
    assert_eq!(integers(days, ColumnKind::Timestamp), (vec![15 * HOUR], vec![]));
}

#[test]
fn types_that_cannot_serve() {
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    assert_eq!(read(Arc::clone(&numbers), ColumnKind::Customer).unwrap_err(), Code::ColumnType);
    assert_eq!(read(Arc::clone(&numbers), ColumnKind::Timestamp).unwrap_err(), Code::ColumnType);
    let days: ArrayRef = Arc::new(Date32Array::from(vec![1]));
    assert_eq!(read(days, ColumnKind::Integer).unwrap_err(), Code::ColumnType);
}

#[test]
fn a_sink_writes_the_same_bytes_however_rows_arrive() {
    let n = 600_000;
    let values: ArrayRef = Arc::new((0..n).map(|i| Some(f64::from(i) * 0.5)).collect::<Float64Array>());
    let names: ArrayRef = Arc::new((0..n).map(|i| Some(format!("n{}", i % 977))).collect::<StringArray>());
    let batch = RecordBatch::try_from_iter([("v", values), ("n", names)]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, step: usize| {
        let mut sink =
            ParquetSink::create(&target(dir.path()), name, &batch.schema(), &[("k".into(), "v".into())]).unwrap();
        for start in (0..batch.num_rows()).step_by(step) {
            sink.write(&batch.slice(start, step.min(batch.num_rows() - start))).unwrap();
        }
        sink.finish().unwrap()
    };
    let (one, many) = (write("a.parquet", usize::MAX >> 1), write("b.parquet", 7_777));
    assert_eq!((one.rows, &one), (n as u64, &many));
    let path = dir.path().join("a.parquet");
    let (rows, pairs) = read_metadata(&RealFs, &path).unwrap();
    assert_eq!((rows, pairs.as_slice()), (n as u64, &[("k".to_owned(), "v".to_owned())][..]));
    let batches: Vec<RecordBatch> = read_batches(&RealFs, &path, &["n", "v"]).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), n as usize);
    assert_eq!(batches[0].schema().field(0).name(), "n");
}

#[test]
fn lists_of_scores_survive() {
    let scores = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..1_000).map(|i| Some((0..3).map(move |offer| (offer != i % 3).then_some(i as f32 + 0.25)))),
        3,
    );
    let batch = RecordBatch::try_from_iter([("propensity", Arc::new(scores) as ArrayRef)]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &batch);
    let path = dir.path().join("in.parquet");
    let read: Vec<RecordBatch> = read_batches(&RealFs, &path, &[]).unwrap().map(Result::unwrap).collect();
    // The stored schema does not say that the lists are of fixed size.
    let lists = read[0].column(0).as_list::<i32>();
    let expected = batch.column(0).as_fixed_size_list();
    assert_eq!((lists.len(), lists.values()), (1_000, expected.values()));
}

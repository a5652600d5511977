//! A real shop's year: counts and sums that were computed elsewhere.

use osusume_model::NoControl;
use osusume_storage::RealFs;
use osusume_tables::{ColumnKind, Format, SourceSpec, TableFile, Values};

use crate::common::{column, events, run, shared_data};

#[test]
fn the_complete_journey_is_read_whole() {
    let Some(data) = shared_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let transactions = SourceSpec {
        name: "transactions".into(),
        format: Format::Parquet,
        // The shop does not say its zone; in one with summer time, purchases in the repeated hour would be rejected.
        zone: "UTC".into(),
        columns: vec![
            column("household_id", ColumnKind::Customer),
            column("transaction_timestamp", ColumnKind::Timestamp),
            column("basket_id", ColumnKind::Category),
            column("product_id", ColumnKind::Category),
            column("sales_value", ColumnKind::Minor { digits: 2 }),
            column("quantity", ColumnKind::Integer),
        ],
        ..events(&[data.join("complete-journey/transactions.parquet")])
    };
    let products = SourceSpec {
        name: "products".into(),
        format: Format::Parquet,
        columns: vec![column("product_id", ColumnKind::Text), column("department", ColumnKind::Category)],
        customer: None,
        order_by: None,
        ..events(&[data.join("complete-journey/products.parquet")])
    };
    let (tables, counts) = run(&dir.path().join("out"), &[transactions, products]).unwrap();
    assert_eq!((counts[0].read, counts[1].accepted), (1_469_307, 92_331));
    assert_eq!(tables.customers.len(), 2_469);
    let table = TableFile::open(&RealFs, &dir.path().join("out/tables/transactions.parquet")).unwrap();
    assert_eq!(table.n_rows(), counts[0].accepted);
    let part = table.read_all(&["sales_value", "transaction_timestamp"], &NoControl).unwrap();
    let (Values::I64(sales), Values::I64(times)) = (&part.columns[0].values, &part.columns[1].values) else {
        panic!("types")
    };
    assert_eq!(
        (table.dictionary("basket_id").unwrap().len(), table.dictionary("product_id").unwrap().len()),
        (155_848, 68_509)
    );
    assert_eq!((counts[0].rejected, sales.iter().sum::<i64>()), (0, 459_603_958));
    let key = |row: usize| (part.customer[row], times[row]);
    assert!((1..part.n_rows).all(|row| key(row - 1) <= key(row)));
}

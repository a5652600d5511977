//! What contacts are worth, and what the customers of a shop carry home.

use std::collections::BTreeMap;

use osusume_model::NoControl;
use osusume_synth::{Delivery, RespondOptions, Reveal, World, generate, respond};
use osusume_tables::arrow::array::{Float64Array, StringArray};
use osusume_tables::read_batches;

use crate::support::{END, companies, day, options, real_fs, typed, write_offers};

/// Customer, offer, and of one contact: gain, drag, leaving without and with it.
type Told = (String, String, [f64; 4]);

fn told(path: &std::path::Path) -> Vec<Told> {
    let batches =
        read_batches(&*real_fs(), path, &["customer_id", "offer", "gain_1", "drag_1", "leaves_alone", "leaves_1"]);
    let rows = |batch: osusume_tables::arrow::array::RecordBatch| {
        let (customer, offer) = (typed::<StringArray>(&batch, 0), typed::<StringArray>(&batch, 1));
        let number = |column, row| typed::<Float64Array>(&batch, column).value(row);
        (0..batch.num_rows())
            .map(|row| {
                (customer.value(row).to_owned(), offer.value(row).to_owned(), [2, 3, 4, 5].map(|c| number(c, row)))
            })
            .collect::<Vec<Told>>()
    };
    batches.unwrap().flat_map(|batch| rows(batch.unwrap())).collect()
}

#[test]
fn answers_tell_the_worth_that_the_table_tells() {
    for name in ["isp", "store"] {
        let world = World::shipped(name).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let mut asked = options(400, scratch.path());
        (asked.seed, asked.worth) = (world.default_seed(), true);
        generate(&world, &asked, &real_fs(), &NoControl).unwrap();
        let mut table = told(&scratch.path().join("truth/worth.parquet"));
        assert!(table.len() > 1_000, "{name}");
        let (gains, drags): (Vec<f64>, Vec<f64>) = table.iter().map(|(_, _, told)| (told[0], told[1])).unzip();
        assert!(gains.iter().any(|gain| *gain > 0.0) && gains.iter().any(|gain| *gain < 0.0), "{name}");
        assert!(drags.iter().all(|drag| *drag <= 1e-9) && drags.iter().any(|drag| *drag < -1.0), "{name}");
        table.dedup_by_key(|row| row.0.clone());
        let rows: Vec<_> = table.iter().map(|(id, offer, _)| (id.as_str(), day(END), 1, offer.as_str())).collect();
        write_offers(scratch.path(), &rows);
        let out = scratch.path().join("answers.parquet");
        let options =
            RespondOptions { seed: asked.seed, delivery: Delivery::Sent, reveal: Reveal::Expected, out: out.clone() };
        let answers =
            respond(&world, &scratch.path().join("offers.parquet"), &options, &real_fs(), &NoControl).unwrap();
        let expected: f64 = table.iter().map(|(_, _, told)| told[0] + told[1]).sum();
        let truth = answers.truth.unwrap();
        assert!((truth.worth - expected).abs() < 1e-6 * expected.abs(), "{name}: {} {expected}", truth.worth);
        let leaves: f64 = table.iter().map(|(_, _, told)| told[3]).sum();
        assert!((truth.leaves_contacted - leaves).abs() < 1e-9 * leaves && truth.leaves_alone < leaves, "{name}");
    }
}

#[test]
fn what_is_sold_lies_in_baskets_and_brings_what_goes_with_it() {
    let store = companies().find(|company| company.name == "store").unwrap();
    let (lines, sold) = (store.cells("purchases.csv"), store.cells("sold.csv"));
    let mut bought: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    let mut returns = 0;
    for [customer, product, quantity] in lines.of(["customer_id", "product_id", "quantity"]) {
        let quantity: i32 = quantity.parse().unwrap();
        returns += usize::from(quantity < 0);
        *bought.entry((customer, product)).or_default() += quantity;
    }
    // Late rows are missing from one table or the other.
    let standing = sold.of(["customer_id", "product_id", "returned_on"]).filter(|[_, _, on]| on.is_empty());
    let (found, lost): (Vec<_>, Vec<_>) =
        standing.partition(|[id, product, _]| bought.get(&(*id, *product)).is_some_and(|n| *n > 0));
    assert!(found.len() > 3_000 && lost.len() * 50 < found.len(), "{} of {}", lost.len(), found.len());
    let given_back = sold.of(["returned_on"]).filter(|[on]| !on.is_empty()).count();
    assert!(returns > 50 && returns.abs_diff(given_back) * 10 < returns, "{returns} lines, {given_back} things");
    // Filters go with drip makers.
    let share = |owns: bool| {
        let of = |id: &str| bought.get(&(id, "drip_maker")).is_some_and(|n| *n > 0) == owns;
        let items = lines.of(["customer_id", "product_id"]).filter(|[id, _]| of(id));
        let (filters, all) =
            items.fold((0.0, 0.0), |(f, n), [_, item]| (f + f64::from(u8::from(item == "filters_100")), n + 1.0));
        filters / all
    };
    assert!(share(true) > 1.5 * share(false), "{} {}", share(true), share(false));
}

use super::*;
use crate::DecideError;
use crate::testing::{AS_OF, CHANNELS, Columns, Company, company, plain_verdict};
use osusume_model::{NoControl, Stop};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn is_the_plain_reading_of_the_rules(company in company()) {
        let verdicts = company.verdicts(&Columns::of(&company.people));
        let n_offers = company.catalogue.offers.len();
        for (cell, verdict) in verdicts.into_iter().enumerate() {
            let expected = plain_verdict(&company.catalogue, cell % n_offers, &company.people[cell / n_offers]);
            prop_assert_eq!(verdict, expected, "customer {} offer {}", cell / n_offers, cell % n_offers);
        }
    }

    #[test]
    fn a_customer_is_judged_alone(company in company()) {
        let together = company.verdicts(&Columns::of(&company.people));
        let alone = |person| company.verdicts(&Columns::of(std::slice::from_ref(person)));
        prop_assert_eq!(together, company.people.iter().flat_map(alone).collect::<Vec<_>>());
    }

    #[test]
    fn training_rows_differ_only_by_consent(company in company()) {
        let columns = Columns::of(&company.people);
        let customers = Customers { permission: Permission::ForTraining, ..columns.customers() };
        let training = eligibility(&company.ladder(), &customers, AS_OF, CHANNELS, &NoControl).unwrap();
        for (with, without) in company.verdicts(&columns).into_iter().zip(training) {
            prop_assert!(with == without || with == Verdict::Removed(Rule::NoConsent));
            prop_assert!(without != Verdict::Removed(Rule::NoConsent));
        }
    }
}

/// A company of many blocks: the same people over and over.
fn many() -> Company {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut company = company().new_tree(&mut runner).unwrap().current();
    company.people = company.people.into_iter().cycle().take(30_000).collect();
    company
}

#[test]
fn threads_change_nothing() {
    let company = many();
    let columns = Columns::of(&company.people);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| company.verdicts(&columns))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(7));
}

struct Stopping;

impl Control for Stopping {
    fn progress(&self, _done: u64, _total: u64) {}
    fn stop(&self) -> Option<Stop> {
        Some(Stop::Deadline)
    }
}

#[test]
fn a_stop_is_obeyed_and_no_customers_are_no_fault() {
    let company = many();
    let columns = Columns::of(&company.people);
    let stopped = eligibility(&company.ladder(), &columns.customers(), AS_OF, CHANNELS, &Stopping);
    assert_eq!(stopped, Err(DecideError::Stopped(Stop::Deadline)));
    assert_eq!(company.verdicts(&Columns::of(&[])), vec![]);
}

use super::*;
use crate::DecideError;
use crate::testing::{AS_OF, CHANNELS, Columns, Company, company, plain_verdict};
use osusume_model::{Catalogue, HeldBy, Minor, NoControl, Product, Stop};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn is_the_plain_reading_of_the_rules(company in company()) {
        let verdicts = company.verdicts(&Columns::of_company(&company));
        let n_offers = company.catalogue.offers.len();
        for (cell, verdict) in verdicts.into_iter().enumerate() {
            let expected = plain_verdict(&company.catalogue, cell % n_offers, &company.people[cell / n_offers]);
            prop_assert_eq!(verdict, expected, "customer {} offer {}", cell / n_offers, cell % n_offers);
        }
    }

    #[test]
    fn a_customer_is_judged_alone(company in company()) {
        let together = company.verdicts(&Columns::of_company(&company));
        let alone = |person| company.verdicts(&Columns::of(std::slice::from_ref(person)));
        prop_assert_eq!(together, company.people.iter().flat_map(alone).collect::<Vec<_>>());
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
    let columns = Columns::of_company(&company);
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
    let columns = Columns::of_company(&company);
    let stopped = eligibility(&company.ladder(), &columns.customers(), AS_OF, CHANNELS, &Stopping);
    assert_eq!(stopped, Err(DecideError::Stopped(Stop::Deadline)));
    assert_eq!(company.verdicts(&Columns::of(&[])), vec![]);
}

/// A withdrawn product stands where its successor stands; its code is its own.
#[test]
fn a_replaced_product_is_held_as_itself_on_the_step_of_its_successor() {
    let product = |key: &str, family: &str, tier, margin, excludes: &[&str], replaces: &[&str]| Product {
        key: key.to_owned(),
        family: family.to_owned(),
        tier: Tier(tier),
        held_by: HeldBy::Customer,
        margin: Minor(margin),
        requires: vec![],
        excludes: excludes.iter().map(|&code| code.to_owned()).collect(),
        replaces: replaces.iter().map(|&code| code.to_owned()).collect(),
        ..Product::default()
    };
    let products = vec![
        product("a_slow", "line", 1, 300, &[], &[]),
        product("fast", "line", 3, 900, &[], &[]),
        product("old", "line", 1, 700, &[], &["older"]),
        product("older", "line", 1, 650, &[], &[]),
        product("slow", "line", 2, 500, &[], &["old"]),
        product("x", "extra", 1, 100, &["old"], &[]),
    ];
    let offers = crate::offers_of(&products, &["line".to_owned()], &["extra".to_owned()]).unwrap();
    assert_eq!(offers.iter().map(|offer| offer.key.as_str()).collect::<Vec<_>>(), ["slow", "fast", "x"]);
    let ladder = Ladder::new(&Catalogue { products, offers, skips_steps: false }).unwrap();
    let check = |held: u32, expected: [Verdict; 3]| {
        let held = [ProductId(held)];
        let customers = Customers {
            held_offsets: &[0, 1],
            held: &held,
            consents: &[ChannelSet(1)],
            suppressed: None,
            bought: None,
            incumbents: None,
            contacts_left: None,
            channels_left: None,
            recent_contacts: None,
            approaches: None,
            units: None,
        };
        let got = eligibility(&ladder, &customers, AS_OF, ChannelSet(1), &NoControl).unwrap();
        assert_eq!(got, expected);
    };
    let (open, step) = (Verdict::Eligible, Verdict::Removed(Rule::LadderStep));
    let (held, excluded) = (Verdict::Removed(Rule::AlreadyHeld), Verdict::Removed(Rule::Excluded));
    check(0, [open, step, open]);
    check(2, [held, open, excluded]);
    check(3, [held, open, open]);
    check(4, [held, open, open]);
}

use osusume_model::{Minor, OfferKind};

use super::drawn::days_covered;
use super::*;

fn drawn(arm: Arm, probability: Option<f64>) -> Drawn {
    Drawn { customer: 0, offer: 0, day: Date(20_000), arm, probability, is_taken: false, has_left: None }
}

/// By draw, its arms in order.
fn check(rows: &[Drawn], expected: &[&[Arm]]) {
    let found: Vec<Vec<Arm>> =
        lotteries(0, rows).iter().map(|lottery| lottery.rows.iter().map(|row| row.arm).collect()).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_draw_has_two_sides() {
    use Arm::{Control, Random, Targeted};
    let random = [drawn(Random, Some(0.02)), drawn(Control, Some(0.02))];
    check(&random, &[&[Random, Control]]);
    // A rule's contacts without anybody held back beside them, with or without a logged probability.
    check(&[random[0], random[1], drawn(Targeted, Some(0.6))], &[&[Random, Control]]);
    check(&[drawn(Targeted, Some(0.6)), drawn(Targeted, None)], &[]);
    // A run's own offers and its holdout, beside an older slice.
    let own = [drawn(Targeted, Some(0.95)), drawn(Control, Some(0.050_000_000_000_000_044))];
    check(&[random[0], own[0], random[1], own[1]], &[&[Targeted, Control], &[Random, Control]]);
    // A run that explores makes its choices less likely, by how much is left to the lot; another day's holdout is not its own.
    let held_out = drawn(Control, Some(0.1));
    let (many, few) = (drawn(Targeted, Some(0.8855)), drawn(Targeted, Some(0.8775)));
    check(&[many, held_out, few], &[&[Targeted, Control, Targeted]]);
    let later = Drawn { day: Date(20_030), ..held_out };
    check(&[many, later], &[&[Control]]);
    check(&[many, later, drawn(Targeted, Some(0.9))], &[&[Control, Targeted]]);
    // What the lot alone made is too unlikely for the ranking's choice.
    check(&[many, held_out, drawn(Targeted, Some(0.006))], &[&[Targeted, Control]]);
    // Without logged probabilities the words alone tell.
    check(&[drawn(Random, None), drawn(Control, None)], &[&[Random, Control]]);
    assert!(lotteries(1, &random).is_empty());
}

#[test]
fn a_contact_works_as_long_as_a_window() {
    let first: Date = "2026-03-01".parse().unwrap();
    let check = |contacts: &[i32], expected: i32| {
        assert_eq!(days_covered(first, 60, contacts.iter().map(|&days| first + days)), expected, "{contacts:?}");
    };
    check(&[], 0);
    check(&[0], 60);
    check(&[-59], 1);
    check(&[-60], 0);
    check(&[59], 1);
    check(&[60], 0);
    check(&[-30, -20, 50], 50);
    check(&[-30, 40], 50);
}

#[test]
fn parts_lie_around_the_propensity() {
    let contact = Contact {
        evidence: ContactEvidence::Randomised,
        log_odds: 0.3,
        interval: Some([-0.1, 0.7]),
        contacted_share: 0.25,
        draw: None,
    };
    let parts = contact.parts(0.02);
    assert!(parts.alone < 0.02 && 0.02 < parts.contacted);
    assert!((0.75 * parts.alone + 0.25 * parts.contacted - 0.02).abs() < 1e-12);
    let [lower, upper] = parts.interval.unwrap();
    assert!(lower < 0.0 && 0.0 < parts.uplift && parts.uplift < upper);
    assert!((parts.uplift - (parts.contacted - parts.alone)).abs() < 1e-15);
}

#[test]
fn what_is_declared_is_assumed() {
    let contact = Contact::assumed(0.25, 0.0);
    let parts = contact.parts(0.02);
    let odds = |p: f64| p / (1.0 - p);
    assert!((parts.alone - 0.02).abs() < 1e-15 && parts.interval.is_none());
    assert!((odds(parts.contacted) / odds(0.02) - 1.25).abs() < 1e-12);
    assert_eq!(contact.evidence.word(), "assumed");
}

#[test]
fn an_offers_own_response_goes_before_its_familys() {
    let offer = |key: &str, family: &str| Offer {
        key: key.to_owned(),
        kind: OfferKind::CrossSell,
        family: family.to_owned(),
        product: None,
        margin: Minor(0),
        valid_from: None,
        valid_until: None,
    };
    let offers = [offer("wifi_mesh", "wifi"), offer("wifi_router", "wifi"), offer("tv", "tv")];
    let declared = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, share)| ((*name).to_owned(), *share)).collect();
    let found = responses(&declared(&[("wifi", 0.1), ("wifi_mesh", 0.3)]), &offers);
    assert_eq!(found, [Some(0.3), Some(0.1), None]);
}

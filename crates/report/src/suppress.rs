//! Withholds small counts throughout a report, and what they could be worked out from.
//!
//! Counts that must be withheld together are tied: customers with an offer, offers, and pairs offered are often the same number;
//! customers nobody decided about follow from the number of pairs.

use crate::Cell;
use crate::cell::{is_small, withhold};
use crate::numbers::{
    Arm, Decisions, Evaluation, ExpectedRow, Follow, LimitRow, Numbers, OfferRow, QuantityRow, Rule, StabilityRow,
    StepBackRow, Test,
};

/// The outcome of pairs that stand in the offer table.
pub(crate) const OFFERED: &str = "offered";

pub(crate) fn suppress(numbers: &mut Numbers) {
    further_offers(numbers);
    lanes(&mut numbers.decisions);
    // Ties and totals pull one another in; each round withholds at least one more cell or is the last.
    loop {
        let before = (numbers.customers.clone(), numbers.decisions.clone(), offered(&numbers.offers));
        customers(numbers);
        tie(numbers);
        decisions(&mut numbers.decisions, &mut numbers.offers);
        if before == (numbers.customers.clone(), numbers.decisions.clone(), offered(&numbers.offers)) {
            break;
        }
    }
    values(numbers);
    for offer in &mut numbers.offers {
        learned(offer);
        if let Some(contact) = &mut offer.contact {
            arms([&mut contact.contacted, &mut contact.held_back]);
        }
        if let Some(StepBackRow { takes, back }) = &mut offer.step_backs {
            counts(takes, back);
        }
        if let Some(QuantityRow { takes, mean, .. }) = &mut offer.quantity {
            primary(takes);
            *mean = mean.filter(|_| takes.get().is_some());
        }
    }
    if let Some(churn) = &mut numbers.decisions.churn {
        arms([&mut churn.contacted, &mut churn.held_back]);
    }
    triggers(&mut numbers.decisions);
    limits(&mut numbers.decisions, &numbers.offers);
    if let Some(stability) = &mut numbers.decisions.stability {
        changes(stability);
    }
    let is_reach_shown = numbers.customers.with_offer.get().is_some();
    for audit in &mut numbers.audits {
        crate::guard::suppress(audit, is_reach_shown);
    }
    primary(&mut numbers.learning.rows);
    together(numbers);
    numbers.rules.retain(rests_on_enough);
    numbers.follows.retain(is_of_enough);
    let effects = numbers.evaluation.iter_mut().flat_map(|found| {
        let of_arms = found.arms.iter_mut().map(|arm| &mut arm.takes);
        found.total.iter_mut().chain(&mut found.offers).chain(of_arms)
    });
    for effect in effects {
        arms([&mut effect.offered, &mut effect.held_back]);
    }
    if let Some(found) = &mut numbers.evaluation {
        expected(found);
    }
}

/// What came of the offers made is what came of those offered above, so it is withheld with it; and the offers together tell what came of
/// one alone that is not shown.
fn expected(found: &mut Evaluation) {
    let thin = |row: &ExpectedRow| {
        let effect = found.offers.iter().find(|effect| effect.offer == row.offer);
        effect.is_some_and(|effect| effect.offered.takes.get().is_none())
    };
    let is_thin: Vec<bool> = found.expected.iter().map(thin).collect();
    for (row, is_thin) in found.expected.iter_mut().zip(is_thin).filter(|(row, _)| !row.offer.is_empty()) {
        counts(&mut row.made.customers, &mut row.made.takes);
        if is_thin {
            row.made.takes = Cell::WITHHELD;
        }
    }
    if let Some((all, offers)) = found.expected.split_first_mut().filter(|(all, _)| all.offer.is_empty()) {
        // The takes of the others stand above, so none of them can be withheld in its place.
        let takes: Vec<Cell> = offers.iter().map(|row| row.made.takes).collect();
        counts(&mut all.made.customers, &mut all.made.takes);
        let hidden = takes.iter().filter(|cell| cell.get().is_none()).count();
        let rest = all.made.takes.get().map(|all| all.saturating_sub(takes.iter().filter_map(|cell| cell.get()).sum()));
        // One alone, or a few of all of them, could be worked out of the whole.
        if hidden == 1 || hidden > 0 && rest.is_none_or(is_small) {
            all.made.takes = Cell::WITHHELD;
        }
    }
    for row in found.expected.iter_mut().filter(|row| row.made.takes.get().is_none()) {
        row.made.rate = None;
        (row.takes.came, row.takes.factor) = (None, None);
    }
}

fn offered(offers: &[OfferRow]) -> Vec<Cell> {
    offers.iter().map(|offer| offer.offered).collect()
}

fn primary(cell: &mut Cell) {
    if cell.is_small() {
        *cell = Cell::WITHHELD;
    }
}

/// Offers less customers with an offer: how many have a second one.
fn further_offers(numbers: &mut Numbers) {
    let (offers, customers) = (numbers.decisions.offers.get(), numbers.customers.with_offer.get());
    if let (Some(offers), Some(customers)) = (offers, customers)
        && is_small(offers.saturating_sub(customers))
    {
        numbers.customers.with_offer = Cell::WITHHELD;
    }
}

fn customers(numbers: &mut Numbers) {
    let all = &mut numbers.customers;
    let parts = [&mut all.with_offer, &mut all.without_offer, &mut all.not_asked, &mut all.holdout];
    sum(&mut all.known, parts.into_iter().collect());
    if !all.without.is_empty() {
        sum(&mut all.without_offer, all.without.iter_mut().map(|row| &mut row.customers).collect());
    }
}

/// A total and its parts; a total that is withheld needs a part that is, or the parts would tell it.
fn sum(total: &mut Cell, mut parts: Vec<&mut Cell>) {
    primary(total);
    if let Some(total) = total.get() {
        withhold(total, &mut parts);
        return;
    }
    for part in &mut parts {
        primary(part);
    }
    if parts.iter().all(|part| part.get().is_some())
        && let Some(smallest) = parts.iter_mut().filter(|part| part.get() != Some(0)).min_by_key(|part| part.get())
    {
        **smallest = Cell::WITHHELD;
    }
}

fn tie(numbers: &mut Numbers) {
    let offered_pairs =
        numbers.decisions.outcomes.iter_mut().find(|row| row.outcome == OFFERED).map(|row| &mut row.pairs);
    let mut same = vec![&mut numbers.customers.with_offer, &mut numbers.decisions.offers];
    same.extend(offered_pairs);
    if same.iter().any(|cell| cell.get().is_none() || cell.is_small()) {
        for cell in same {
            *cell = Cell::WITHHELD;
        }
    }
    if numbers.customers.not_asked.get().is_none() {
        numbers.decisions.pairs = Cell::WITHHELD;
    }
}

/// How many were decided about is no secret, so one lane of few needs another withheld beside it.
fn lanes(decisions: &mut Decisions) {
    let total = decisions.lanes.iter().filter_map(|row| row.customers.get()).sum();
    withhold(total, &mut decisions.lanes.iter_mut().map(|row| &mut row.customers).collect::<Vec<_>>());
}

/// Offers with and without each trigger are all offers.
fn triggers(decisions: &mut Decisions) {
    sum(&mut decisions.offers, decisions.triggers.iter_mut().map(|row| &mut row.offers).collect());
}

/// What counts toward a limit is a count of offers that the page shows, or a part of one.
fn limits(decisions: &mut Decisions, offers: &[OfferRow]) {
    let (all, channels) = (decisions.offers, &decisions.channels);
    for limit in &mut decisions.limits {
        let of_offer = limit.offer.as_ref().and_then(|key| offers.iter().find(|offer| offer.offer == *key));
        let of_channel = limit.channel.as_ref().and_then(|name| channels.iter().find(|row| row.channel == *name));
        // What counts of one offer or one channel is that row's own number, shown or withheld with it.
        let around = match (of_offer, of_channel) {
            (None, None) => [Some(all), None],
            (offer, channel) => [offer.map(|offer| offer.offered), channel.map(|row| row.offers)],
        };
        let is_told = |limit: &LimitRow, whole: Cell| match (whole.get(), limit.used.get()) {
            (Some(_), Some(_)) if limit.budget_minor.is_some() => true,
            (Some(whole), Some(used)) => !is_small(used) && !is_small(whole.saturating_sub(used)),
            _ => false,
        };
        if !around.into_iter().flatten().all(|whole| is_told(limit, whole)) {
            (limit.used, limit.missing) = (Cell::WITHHELD, Cell::WITHHELD);
        }
    }
}

/// Customers by what became of their first offer, and those of them with another or none by the cause.
fn changes(row: &mut StabilityRow) {
    let flipped = row.changed.get().zip(row.ended.get()).map(|(changed, ended)| changed + ended);
    let mut parts = [&mut row.kept, &mut row.changed, &mut row.ended];
    let total = parts.iter().filter_map(|cell| cell.get()).sum();
    withhold(total, &mut parts);
    primary(&mut row.begun);
    let is_hidden = [row.kept, row.changed, row.ended].iter().any(|cell| cell.get().is_none());
    if is_hidden {
        row.flip_rate = None;
    }
    let mut causes: Vec<&mut Cell> = row.causes.iter_mut().map(|cause| &mut cause.customers).collect();
    match flipped {
        Some(flipped) if !is_hidden => withhold(flipped, &mut causes),
        _ => causes.into_iter().for_each(|cell| *cell = Cell::WITHHELD),
    }
}

fn decisions(decisions: &mut Decisions, offers: &mut [OfferRow]) {
    sum(&mut decisions.offers, offers.iter_mut().map(|offer| &mut offer.offered).collect());
    sum(&mut decisions.offers, decisions.channels.iter_mut().map(|row| &mut row.offers).collect());
    sum(&mut decisions.pairs, decisions.outcomes.iter_mut().map(|row| &mut row.pairs).collect());
}

/// Money tells how many offers earn it.
fn values(numbers: &mut Numbers) {
    for offer in numbers.offers.iter_mut().filter(|offer| offer.offered.get().is_none()) {
        offer.expected_value_minor = None;
    }
    let n_hidden = numbers.offers.iter().filter(|offer| offer.expected_value_minor.is_none()).count();
    // The total less the values shown would be the one value that is not.
    if numbers.decisions.offers.get().is_none() || n_hidden == 1 {
        numbers.decisions.expected_value_minor = None;
    }
}

/// Takes and non-takes both need enough customers behind them.
fn counts(rows: &mut Cell, takes: &mut Cell) {
    let others = rows.get().zip(takes.get()).map(|(rows, takes)| rows.saturating_sub(takes));
    if takes.is_small() || rows.get().is_none() || others.is_some_and(is_small) {
        *takes = Cell::WITHHELD;
    }
    primary(rows);
}

fn learned(offer: &mut OfferRow) {
    let tested: Option<u64> = offer.tests.iter().map(|test| test.takes.get()).sum();
    for test in &mut offer.tests {
        tested_rows(test);
    }
    counts(&mut offer.rows, &mut offer.takes);
    // Takes at dates that were no test: what is learned from less what was tested.
    let earlier = offer.takes.get().zip(tested).map(|(all, tested)| all.saturating_sub(tested));
    if earlier.is_some_and(is_small) {
        offer.takes = Cell::WITHHELD;
    }
}

fn tested_rows(test: &mut Test) {
    counts(&mut test.rows, &mut test.takes);
    let is_thin = |rows: Cell, takes: Cell| match (rows.get(), takes.get()) {
        (Some(rows), Some(takes)) => takes == 0 || is_small(takes) || is_small(rows.saturating_sub(takes)),
        _ => true,
    };
    if test.takes.get().is_none() || test.bands.iter().any(|band| is_thin(band.rows, band.takes)) {
        test.bands.clear();
    }
}

/// The test over all offers may only add up what is shown offer by offer.
fn together(numbers: &mut Numbers) {
    let Some(all) = &mut numbers.learning.together else { return };
    tested_rows(all);
    let newest = numbers.offers.iter().filter_map(OfferRow::newest).filter(|test| test.as_of == all.as_of);
    let shown: u64 = newest.filter_map(|test| test.takes.get()).sum();
    if all.takes.get() != Some(shown) {
        numbers.learning.together = None;
    }
}

/// All four cells of a rule's table can be worked out from its measures; a rule with a small one is left out.
fn rests_on_enough(rule: &Rule) -> bool {
    let Some(joint) = rule.joint.get() else { return false };
    let both = joint as f64;
    let (all, antecedent) = (both / rule.support, both / rule.confidence);
    let consequent = rule.confidence * all / rule.lift;
    let cells = [both, antecedent - both, consequent - both, all - antecedent - consequent + both];
    cells.iter().all(|cell| cell.is_finite() && !is_small(cell.round().max(0.0) as u64))
}

/// A ratio with its interval tells about how many it rests on; one of a few is left out, and so is one that leaves a few.
fn is_of_enough(follow: &Follow) -> bool {
    let (Some(customers), Some(added)) = (follow.customers.get(), follow.added.get()) else { return false };
    let others = customers.saturating_sub(added);
    added > 0 && others > 0 && !is_small(added) && !is_small(others)
}

/// The difference and one rate tell the other rate, so the takes of both arms are withheld together.
fn arms(mut arms: [&mut Arm; 2]) {
    let mut is_thin = false;
    for Arm { customers, takes, .. } in &mut arms {
        counts(customers, takes);
        is_thin |= takes.get().is_none();
    }
    for arm in arms.into_iter().filter(|_| is_thin) {
        (arm.takes, arm.rate) = (Cell::WITHHELD, None);
    }
}

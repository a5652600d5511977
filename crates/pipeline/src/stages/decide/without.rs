//! Why customers get no offer: one cause each, so that the causes, those with an offer and the holdout add up to everybody.

use osusume_decide::Rule;

use super::conditions::EVERYBODY;

/// What became of an offer that was made.
const CHOSEN: &str = "chosen";
/// None of the offers left was worth the contact.
const BELOW_THRESHOLD: &str = "below_threshold";
/// The rules removed every offer, in a lane of its own.
const LANE: &str = "lane";
/// The rules removed every offer.
const RULES: &str = "rules";

/// The cause of a customer without an offer, by what became of each offer; `None` for one who has an offer.
///
/// Of several the one that came last on the way to an offer: a lot, another policy, the household, the places, the worth, the rules.
/// Whoever no channel may reach has that cause alone.
pub(super) fn cause(fates: &[&str], lane: &str) -> Option<&'static str> {
    let has = |fate: &str| fates.contains(&fate);
    if has(CHOSEN) {
        return None;
    }
    let settled = [Rule::NoConsent, Rule::NotDrawn, Rule::OtherArm, Rule::HouseholdLimit, Rule::NoCapacity];
    let by_rule = settled.into_iter().map(Rule::id).find(|rule| has(rule));
    let is_worthless = has(BELOW_THRESHOLD) || has(Rule::WearOut.id());
    let by_worth = is_worthless.then_some(BELOW_THRESHOLD);
    Some(by_rule.or(by_worth).unwrap_or(if lane == EVERYBODY { RULES } else { LANE }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fates: &[&str], lane: &str, expected: Option<&str>) {
        assert_eq!(cause(fates, lane), expected, "{fates:?}");
    }

    #[test]
    fn the_last_thing_in_the_way_is_the_cause() {
        check(&["already_held", "chosen"], EVERYBODY, None);
        check(&["no_consent", "no_consent"], "care", Some("no_consent"));
        check(&["already_held", "not_drawn"], EVERYBODY, Some("not_drawn"));
        check(&["below_threshold", "no_capacity"], EVERYBODY, Some("no_capacity"));
        check(&["contact_limit", "below_threshold"], EVERYBODY, Some("below_threshold"));
        check(&["already_held", "contact_limit"], EVERYBODY, Some("rules"));
        check(&["already_held", "lane"], "care", Some("lane"));
        // An explorer whom the rules leave nothing to draw from has drawn nothing.
        check(&["already_held", "too_soon"], EVERYBODY, Some("rules"));
        check(&[], EVERYBODY, Some("rules"));
    }
}

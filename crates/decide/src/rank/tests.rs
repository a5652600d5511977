use super::*;
use crate::testing::{CHANNELS, Columns, Company, became, company, plain_verdict};
use crate::{Approach, ApproachStep, Approaches, ChannelSet, DecideError, Lever, Response, Stand, apply_approaches};
use osusume_model::{Catalogue, Date, NoControl, OfferKind, Product, ProductId};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn policy() -> impl Strategy<Value = RankPolicy> {
    let lifetime = (1..30_u32, 0.8..=1.0_f64).prop_map(|(horizon_months, monthly_survival)| Lifetime {
        horizon_months,
        monthly_survival,
        monthly_discount: 0.01,
    });
    let limits = (1..5_usize, 1..3_usize, -20..200_i64);
    // More terms than there are offers: each test takes as many as its company needs.
    let terms = prop::collection::vec(terms(), 20);
    let churn = prop_oneof![3 => Just(0.0), 1 => -0.02..0.1_f64];
    let replaces = prop::bool::weighted(0.75);
    (limits, (0..60_i64, 0..60_i64), lifetime, terms, (churn, replaces)).prop_map(
        |((per_customer, per_family, threshold), costs, lifetime, offers, (churn_per_contact, upsell_replaces))| {
            RankPolicy {
                upsell_replaces,
                wear_out: 0.0,
                fatigue: Vec::new(),
                switch_gain: 0.0,
                per_customer,
                per_family,
                threshold: Minor(threshold),
                channels: vec![
                    Channel { index: 1, contact_cost: Minor(costs.0) },
                    Channel { index: 0, contact_cost: Minor(costs.1) },
                ],
                lifetime,
                churn_per_contact,
                offers,
            }
        },
    )
}

/// Half of the offers have no effect told, one in eight a harmful one.
fn terms() -> impl Strategy<Value = OfferTerms> {
    let response =
        (0.0..=1.0_f64, -0.5..0.8_f64, prop::option::of(0.0..0.6_f64)).prop_map(|(share, log_odds, half)| {
            let interval = half.map(|half| [log_odds - half, log_odds + half]);
            Response { contacted_share: share, log_odds, interval }
        });
    let lever = prop_oneof![
        2 => Just(Lever::default()),
        1 => (0.0..3.0_f64, -50..50_i64).prop_map(|(factor, added)| Lever { factor, added: Minor(added) })
    ];
    (prop::option::of(response), prop_oneof![Just(0.0), 0.0..0.6_f64], lever).prop_map(
        |(response, step_back_rate, lever)| OfferTerms {
            response,
            is_harmful: response.is_some_and(|response| response.is_harmful()),
            step_back_rate,
            lever,
        },
    )
}

fn of_company(policy: &RankPolicy, company: &Company) -> RankPolicy {
    let offers = policy.offers[..company.catalogue.offers.len()].to_vec();
    RankPolicy { offers, ..policy.clone() }
}

fn ranked(company: &Company, policy: &RankPolicy) -> Ranked {
    let columns = Columns::of_company(company);
    let verdicts = company.verdicts(&columns);
    let pairs = (verdicts.as_slice(), &company.propensities()[..]);
    rank(&company.ladder(), &columns.customers(), pairs, &of_company(policy, company), &NoControl).unwrap()
}

/// `margin Σ (survival / (1 + discount))^m` over the months up to the horizon.
fn plain_worth(policy: &RankPolicy, margin: i64, survival: Option<f64>) -> f64 {
    let lifetime = policy.lifetime;
    let kept = survival.unwrap_or(lifetime.monthly_survival) / (1.0 + lifetime.monthly_discount);
    margin as f64 * (0..lifetime.horizon_months).map(|month| kept.powi(month as i32)).sum::<f64>()
}

/// What a taker is expected to take; one of what is not sold in numbers.
fn units_of(company: &Company, customer: usize, offer_idx: usize) -> f64 {
    company.units_of(customer, offer_idx).map_or(1.0, f64::from)
}

/// The value of one pair without and with the lever, from the formula.
fn plain_values(company: &Company, policy: &RankPolicy, customer: usize, offer_idx: usize, p: f64) -> (i64, i64) {
    let (offer, terms) = (&company.catalogue.offers[offer_idx], &policy.offers[offer_idx]);
    let products = &company.catalogue.products;
    let mut held: Vec<&Product> = company.people[customer].held.iter().map(|id| &products[id.0 as usize]).collect();
    held.sort_by(|a, b| a.key.cmp(&b.key));
    held.dedup_by(|a, b| a.key == b.key);
    let worth = |product: &Product| plain_worth(policy, product.margin.0, product.survival);
    let remaining = held.iter().map(|product| worth(product)).sum::<f64>().max(0.0);
    let of_family = held.iter().filter(|product| product.family == offer.family);
    let tier = |product: &Product| became(&company.catalogue, product).tier;
    let highest = of_family.clone().map(|product| tier(product)).max();
    let replaced = of_family.filter(|product| Some(tier(product)) == highest).map(|product| worth(product));
    let replaced = replaced.fold(f64::NEG_INFINITY, f64::max);
    let product = offer.product.map(|id| &products[id.0 as usize]);
    let mut gain = match product {
        None => offer.margin.0 as f64,
        Some(product) if offer.kind == OfferKind::Upsell => {
            worth(product) - if replaced.is_finite() && policy.upsell_replaces { replaced } else { 0.0 }
        }
        Some(product) => worth(product) * units_of(company, customer, offer_idx),
    };
    if let Some(product) = product.filter(|_| gain > 0.0) {
        let survival = product.survival.unwrap_or(policy.lifetime.monthly_survival);
        gain *= 1.0 - (terms.step_back_rate - (1.0 - survival.powi(3))).clamp(0.0, 1.0);
    }
    let given = product.map_or(0, |product| product.offer_cost.0) as f64;
    let incentive = (given * units_of(company, customer, offer_idx)).round_ties_even();
    let [p0, p1] = terms
        .response
        .map_or([0.0, p], |response| osusume_evaluate::split(p, response.contacted_share, response.log_odds));
    let cheapest = policy.channels.iter().filter(|one| company.people[customer].consents.contains(one.index));
    let cost = cheapest.map(|one| one.contact_cost.0).min().unwrap_or(0);
    let adds = p1 * (gain - incentive) - p0 * gain;
    let churn = policy.churn_per_contact * remaining;
    let lever = terms.lever;
    let rounded = |amount: f64| amount.round_ties_even() as i64;
    (rounded(adds - churn) - cost, rounded(lever.factor * adds - churn) + lever.added.0 - cost)
}

/// What a month of the offer adds, from the definition.
fn plain_margin(company: &Company, policy: &RankPolicy, customer: usize, offer_idx: usize) -> i64 {
    let offer = &company.catalogue.offers[offer_idx];
    let products = company.people[customer].held.iter().map(|id| &company.catalogue.products[id.0 as usize]);
    let held = products.filter(|p| p.family == offer.family);
    // Of products of one tier the one worth more over its lifetime.
    let worth = |p: &Product| plain_worth(policy, p.margin.0, p.survival);
    let tier = |p: &Product| became(&company.catalogue, p).tier;
    let held =
        held.max_by(|a, b| tier(a).cmp(&tier(b)).then(worth(a).total_cmp(&worth(b))).then(a.margin.cmp(&b.margin)));
    (offer.margin.0 as f64 * units_of(company, customer, offer_idx)).round_ties_even() as i64
        - if offer.kind == OfferKind::Upsell && policy.upsell_replaces {
            held.map_or(0, |held| held.margin.0)
        } else {
            0
        }
}

/// One customer's decisions and offers: all pairs valued, sorted, and filtered.
fn plain(company: &Company, policy: &RankPolicy, customer: usize) -> (Vec<Decision>, Vec<(usize, i64)>) {
    let (offers, person) = (&company.catalogue.offers, &company.people[customer]);
    let propensities = company.propensities();
    let mut decisions = Vec::new();
    let mut running = Vec::new();
    for offer_idx in 0..offers.len() {
        let p = f64::from(propensities[customer * offers.len() + offer_idx]);
        let verdict = plain_verdict(&company.catalogue, offer_idx, person);
        let (_, value) = plain_values(company, policy, customer, offer_idx, p);
        let harms = |response: Response| response.interval.is_some_and(|ends| ends[1] < 0.0);
        decisions.push(match verdict {
            Verdict::Removed(rule) => Decision::Removed(rule),
            Verdict::Eligible if policy.offers[offer_idx].response.is_some_and(harms) => {
                Decision::Removed(Rule::Harmful)
            }
            Verdict::Eligible if p.is_nan() => Decision::Removed(Rule::NotScored),
            Verdict::Eligible => Decision::BelowThreshold,
        });
        if decisions[offer_idx] == Decision::BelowThreshold && value >= policy.threshold.0 {
            running.push((offer_idx, p, value));
        }
    }
    running.sort_by(|a, b| b.2.cmp(&a.2).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0)));
    let mut chosen: Vec<(usize, i64)> = Vec::new();
    for (offer_idx, _, value) in running {
        let family: Vec<usize> =
            chosen.iter().map(|c| c.0).filter(|&c| offers[c].family == offers[offer_idx].family).collect();
        decisions[offer_idx] = if family.len() == policy.per_family {
            Decision::Outranked { by: OfferId(*family.last().unwrap() as u32) }
        } else if chosen.len() == policy.per_customer {
            Decision::Outranked { by: OfferId(chosen.last().unwrap().0 as u32) }
        } else {
            chosen.push((offer_idx, value));
            Decision::Chosen { rank: chosen.len() as u16 }
        };
    }
    (decisions, chosen)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn is_sort_all_and_filter(company in company(), policy in policy()) {
        let got = ranked(&company, &policy);
        let n_offers = company.catalogue.offers.len();
        let mut choices = got.choices.iter();
        for customer in 0..company.people.len() {
            let (decisions, chosen) = plain(&company, &policy, customer);
            prop_assert_eq!(&got.decisions[customer * n_offers..(customer + 1) * n_offers], &decisions[..]);
            for (place, (offer_idx, value)) in chosen.into_iter().enumerate() {
                let choice = choices.next().unwrap();
                prop_assert_eq!((choice.customer as usize, usize::from(choice.rank)), (customer, place + 1));
                prop_assert_eq!((choice.offer.0 as usize, (choice.expected_value + choice.lever).0), (offer_idx, value));
                let (expected, _) = plain_values(&company, &policy, customer, offer_idx, choice.propensity);
                prop_assert_eq!(choice.expected_value.0, expected);
                prop_assert_eq!(choice.margin.0, plain_margin(&company, &policy, customer, offer_idx));
                let consents = company.people[customer].consents;
                let is_dearer = policy.channels[0].contact_cost > policy.channels[1].contact_cost;
                prop_assert_eq!(choice.channel, u8::from(consents.contains(1) && !(is_dearer && consents.contains(0))));
                prop_assert_eq!(got.expected_values[customer * n_offers + offer_idx], Some(Minor(value)));
            }
        }
        prop_assert!(choices.next().is_none());
    }

    /// No offer that a rule removes, and none without consent, is ever chosen; no family and no customer gets too many.
    #[test]
    fn limits_hold(company in company(), policy in policy()) {
        let got = ranked(&company, &policy);
        for choice in &got.choices {
            let person = &company.people[choice.customer as usize];
            prop_assert!(person.consents.contains(choice.channel) && CHANNELS.contains(choice.channel) && !person.suppressed);
            prop_assert!(choice.expected_value + choice.lever >= policy.threshold);
            let mine: Vec<_> = got.choices.iter().filter(|other| other.customer == choice.customer).collect();
            prop_assert!(mine.len() <= policy.per_customer);
            let family = |c: &Choice| &company.catalogue.offers[c.offer.0 as usize].family;
            prop_assert!(mine.iter().filter(|other| family(other) == family(choice)).count() <= policy.per_family);
        }
    }

    /// Every row is a contact to come: with few contacts left, the best offers stay and the next ones are outranked.
    #[test]
    fn no_more_offers_than_contacts_left(company in company(), policy in policy(), left in 1..4_u16) {
        let columns = Columns::of_company(&company);
        let verdicts = company.verdicts(&columns);
        let pairs = (verdicts.as_slice(), &company.propensities()[..]);
        let all_left = vec![left; company.people.len()];
        let customers = Customers { contacts_left: Some(&all_left), ..columns.customers() };
        let limited = rank(&company.ladder(), &customers, pairs, &of_company(&policy, &company), &NoControl).unwrap();
        let fewer = RankPolicy { per_customer: policy.per_customer.min(usize::from(left)), ..policy.clone() };
        prop_assert_eq!(limited, ranked(&company, &fewer));
    }

    /// What was made first last time stays first unless another is worth more by the gain, and never below the threshold.
    #[test]
    fn an_offer_made_last_time_gives_way_to_one_worth_more_by_the_gain(
        company in company(), policy in policy(), gain in 0.0..2.0_f64, last in 0_u32..6,
    ) {
        let policy = RankPolicy { per_customer: 1, switch_gain: gain, ..of_company(&policy, &company) };
        let columns = Columns::of_company(&company);
        let verdicts = company.verdicts(&columns);
        let pairs = (verdicts.as_slice(), &company.propensities()[..]);
        let all_last = vec![last; company.people.len()];
        let customers = Customers { incumbents: Some(&all_last), ..columns.customers() };
        let ranked = rank(&company.ladder(), &customers, pairs, &policy, &NoControl).unwrap();
        let ahead = |value: Minor| (gain * value.0.max(0) as f64).round_ties_even() as i64;
        let n = company.catalogue.offers.len();
        for choice in &ranked.choices {
            let values = &ranked.expected_values[choice.customer as usize * n..][..n];
            let best = *values.iter().flatten().max().unwrap();
            let own = values[choice.offer.0 as usize].unwrap();
            prop_assert!(own >= policy.threshold);
            let is_kept = choice.offer.0 == last && best.0 <= own.0 + ahead(own);
            prop_assert!(own == best || is_kept);
            if let Some(Some(value)) = values.get(last as usize) {
                let stays = *value >= policy.threshold && ahead(*value) > 0 && best.0 <= value.0 + ahead(*value);
                prop_assert!(!stays || choice.offer.0 == last);
            }
        }
    }

    /// A channel that is used up is as good as refused, the next one takes its place, and none gets more than is left.
    #[test]
    fn no_more_offers_than_a_channel_has_left(company in company(), policy in policy(), seed in 0..1000_u16) {
        let left: Vec<u16> = (0..company.people.len() as u16 * 2).map(|i| (seed + i * 7) % 4).collect();
        let columns = Columns::of_company(&company);
        let verdicts = company.verdicts(&columns);
        let propensities = company.propensities();
        let pairs = (verdicts.as_slice(), &propensities[..]);
        let customers = Customers { channels_left: Some(&left), ..columns.customers() };
        let policy = of_company(&policy, &company);
        let got = rank(&company.ladder(), &customers, pairs, &policy, &NoControl).unwrap();
        let wanted = wanted(&company.ladder(), &customers, pairs, &policy, &vec![false; pairs.0.len() / company.people.len()], &NoControl).unwrap();
        for customer in 0..company.people.len() {
            let left = |channel: u8| left[customer * 2 + usize::from(channel)];
            let open = |channel: u8| company.people[customer].consents.contains(channel) && left(channel) > 0;
            let channels = policy.channels.iter().filter(|channel| open(channel.index));
            let expected = channels.min_by_key(|channel| channel.contact_cost).map(|channel| channel.index);
            let mine: Vec<_> = got.choices.iter().filter(|choice| choice.customer as usize == customer).collect();
            for choice in &mine {
                prop_assert_eq!(Some(choice.channel), expected);
            }
            let places = usize::from(wanted.places[customer]);
            prop_assert!(expected.is_none_or(|channel| mine.len() <= usize::from(left(channel)) && places <= usize::from(left(channel))));
            for channel in [0, 1] {
                let reaches = open(channel) && usize::from(left(channel)) >= places;
                prop_assert!(reaches || !wanted.reach[customer].contains(channel));
            }
        }
    }

    /// Steps bind their offers to a channel, and one without an offer stands for it less what is still to be paid for.
    #[test]
    fn steps_choose_channels_and_defer_what_is_earned(company in company(), policy in policy(), bound in 0..2_u8, later in 0..2_u8) {
        let n_offers = company.catalogue.offers.len();
        let mail = |channel, makes_offer| ApproachStep { wait_days: 0, channel, makes_offer };
        let steps = vec![mail(Some(bound), false), mail(Some(later), true)];
        let all = [Approach { offers: (0..n_offers).map(|offer| offer % 2 == 0).collect(), steps, ..Approach::default() }];
        let stands: Vec<Stand> = (0..company.people.len()).map(|at| Stand::Due((at % 2) as u8)).collect();
        let columns = Columns::of_company(&company);
        let customers = Customers { approaches: Some(Approaches { all: &all, stands: &stands }), ..columns.customers() };
        let mut verdicts = company.verdicts(&columns);
        apply_approaches(&customers, &mut verdicts);
        let propensities = company.propensities();
        let policy = of_company(&policy, &company);
        let ladder = company.ladder();
        let got = rank(&ladder, &customers, (&verdicts, &propensities), &policy, &NoControl).unwrap();
        let free = rank(&ladder, &columns.customers(), (&verdicts, &propensities), &policy, &NoControl).unwrap();
        let cost = |channel: u8| policy.channels.iter().find(|one| one.index == channel).unwrap().contact_cost;
        let cheapest = |customer: usize| {
            let open = policy.channels.iter().filter(|one| company.people[customer].consents.contains(one.index));
            open.map(|one| one.contact_cost).min().unwrap()
        };
        for (cell, value) in got.expected_values.iter().enumerate() {
            let (customer, offer) = (cell / n_offers, cell % n_offers);
            let Some(value) = value else { continue };
            let own = match (offer % 2, customer % 2) {
                (1, _) => cheapest(customer),
                (_, 0) => cost(bound) + cost(later),
                _ => cost(later),
            };
            prop_assert_eq!(*value + own, free.expected_values[cell].unwrap() + cheapest(customer));
        }
        for choice in got.choices.iter().filter(|choice| choice.offer.0 % 2 == 0) {
            let is_check = choice.customer % 2 == 0;
            prop_assert_eq!(choice.channel, if is_check { bound } else { later });
            prop_assert_eq!(choice.worth.prepares.is_some(), is_check);
            if is_check {
                let churn = choice.worth.churn_cost.round_ties_even() as i64;
                prop_assert!((choice.expected_value.0 + churn + cost(bound).0).abs() <= 1);
                prop_assert_eq!(choice.interval, None);
            }
        }
    }

    /// Of all sets of a customer's offers the one is made that brings the most over what each must be worth, each contact worn by the others
    /// and by recent ones.
    #[test]
    fn no_set_of_offers_is_worth_more(company in company(), policy in policy(), wear in 0.05..0.9_f64, recent in 0..4_u16) {
        let columns = Columns::of_company(&company);
        let verdicts = company.verdicts(&columns);
        let propensities = company.propensities();
        let recent: Vec<u16> = (0..company.people.len() as u16).map(|i| (i + recent) % 3).collect();
        let customers = Customers { recent_contacts: Some(&recent), ..columns.customers() };
        let policy = RankPolicy { wear_out: wear, per_customer: policy.per_customer.min(3), ..of_company(&policy, &company) };
        let ranked = rank(&company.ladder(), &customers, (&verdicts, &propensities), &policy, &NoControl).unwrap();
        let n_offers = company.catalogue.offers.len();
        for (customer, recent) in recent.iter().enumerate() {
            let of = |offer: usize, n: usize| plain_worn(&company, &policy, (customer, offer), usize::from(*recent) + n - 1);
            let fates = &ranked.decisions[customer * n_offers..][..n_offers];
            let is_open = |offer: &usize| !matches!(fates[*offer], Decision::Removed(rule) if rule != Rule::WearOut);
            let open: Vec<usize> = (0..n_offers).filter(is_open).collect();
            let best = best_set(&company, &policy, &open, &of);
            let mine: Vec<&Choice> = ranked.choices.iter().filter(|choice| choice.customer as usize == customer).collect();
            let got: i64 = mine.iter().map(|choice| (choice.expected_value + choice.lever - policy.threshold).0).sum();
            prop_assert_eq!(got, best, "{:?}", fates);
            for choice in &mine {
                prop_assert_eq!((choice.expected_value + choice.lever).0, of(choice.offer.0 as usize, mine.len()));
                prop_assert!(choice.interval.is_none_or(|[lower, upper]| lower <= choice.expected_value && choice.expected_value <= upper));
            }
            let is_worn = fates.contains(&Decision::Removed(Rule::WearOut));
            prop_assert!(!is_worn || (!mine.is_empty() && mine.len() < policy.per_customer));
        }
    }

    /// The k-th contact costs the goodwill of one after those before it: no set of offers brings more once all of it is paid.
    #[test]
    fn fatigue_is_paid_for_every_contact(company in company(), policy in policy(), costs in prop::collection::vec(0..90_i64, 1..4)) {
        let columns = Columns::of_company(&company);
        let verdicts = company.verdicts(&columns);
        let propensities = company.propensities();
        let recent: Vec<u16> = (0..company.people.len() as u16).map(|i| i % 3).collect();
        let customers = Customers { recent_contacts: Some(&recent), ..columns.customers() };
        // Shares that are not whole would be rounded, and several rounded ones need not add up: six of them always do.
        let fatigue: Vec<Minor> = costs.iter().map(|cost| Minor(6 * cost)).collect();
        let policy = RankPolicy { fatigue, per_customer: policy.per_customer.min(3), ..of_company(&policy, &company) };
        let got = rank(&company.ladder(), &customers, (&verdicts, &propensities), &policy, &NoControl).unwrap();
        let n_offers = company.catalogue.offers.len();
        for (customer, recent) in recent.iter().enumerate() {
            let mean = |n: usize| {
                let paid = |k: usize| policy.fatigue[(usize::from(*recent) + k).min(policy.fatigue.len() - 1)].0;
                (0..n).map(paid).sum::<i64>() / n as i64
            };
            let of = |offer: usize, n: usize| {
                let p = f64::from(propensities[customer * n_offers + offer]);
                plain_values(&company, &policy, customer, offer, p).1 - mean(n)
            };
            let fates = &got.decisions[customer * n_offers..][..n_offers];
            let is_open = |offer: &usize| !matches!(fates[*offer], Decision::Removed(rule) if rule != Rule::WearOut);
            let open: Vec<usize> = (0..n_offers).filter(is_open).collect();
            let mine: Vec<&Choice> = got.choices.iter().filter(|choice| choice.customer as usize == customer).collect();
            let sum: i64 = mine.iter().map(|choice| (choice.expected_value + choice.lever - policy.threshold).0).sum();
            prop_assert_eq!(sum, best_set(&company, &policy, &open, &of));
            prop_assert!(mine.iter().all(|choice| choice.worth.fatigue.0 == mean(mine.len())));
        }
    }

    /// A removed pair leaves the values of the others as they were.
    #[test]
    fn pairs_are_valued_alone(company in company(), policy in policy()) {
        let columns = Columns::of_company(&company);
        let verdicts = company.verdicts(&columns);
        let full = ranked(&company, &policy);
        let mut fewer = verdicts.clone();
        for verdict in fewer.iter_mut().step_by(3) {
            *verdict = Verdict::Removed(Rule::ContactLimit);
        }
        let propensities = company.propensities();
        let got = rank(&company.ladder(), &columns.customers(), (&fewer, &propensities), &of_company(&policy, &company), &NoControl).unwrap();
        for (cell, value) in got.expected_values.into_iter().enumerate() {
            prop_assert_eq!(value, if cell % 3 == 0 { None } else { full.expected_values[cell] });
        }
    }
}

/// The value with the lever of a pair whose effect `others` contacts have worn.
fn plain_worn(company: &Company, policy: &RankPolicy, (customer, offer): (usize, usize), others: usize) -> i64 {
    let n_offers = company.catalogue.offers.len();
    let p = f64::from(company.propensities()[customer * n_offers + offer]);
    let mut policy = policy.clone();
    let Some(response) = policy.offers[offer].response else {
        return plain_values(company, &policy, customer, offer, p).1;
    };
    let [alone, fresh] = osusume_evaluate::split(p, response.contacted_share, response.log_odds);
    let left = (1.0 - policy.wear_out).powi(others as i32);
    let contacted = if fresh > alone { alone + left * (fresh - alone) } else { fresh };
    // The same two probabilities, said by a response that nobody was being contacted by.
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let log_odds = if alone > 0.0 && alone < 1.0 { logit(contacted) - logit(alone) } else { 0.0 };
    policy.offers[offer].response = Some(Response { contacted_share: 0.0, log_odds, interval: response.interval });
    plain_values(company, &policy, customer, offer, alone).1
}

/// The largest sum of values above the threshold over all sets that the limits allow.
fn best_set(company: &Company, policy: &RankPolicy, open: &[usize], of: &dyn Fn(usize, usize) -> i64) -> i64 {
    let family = |offer: usize| &company.catalogue.offers[offer].family;
    let mut best = 0;
    for set in 1_u32..1 << open.len() {
        let n = set.count_ones() as usize;
        if n > policy.per_customer {
            continue;
        }
        let taken: Vec<usize> = (0..open.len()).filter(|at| set >> at & 1 == 1).map(|at| open[at]).collect();
        let in_family = |one: usize| taken.iter().filter(|&&other| family(other) == family(one)).count();
        let pays = |one: usize| of(one, n) >= policy.threshold.0;
        if taken.iter().all(|&one| in_family(one) <= policy.per_family && pays(one)) {
            best = best.max(taken.iter().map(|&one| of(one, n) - policy.threshold.0).sum());
        }
    }
    best
}

fn sample() -> (Company, RankPolicy) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let company = company().new_tree(&mut runner).unwrap().current();
    (company, policy().new_tree(&mut runner).unwrap().current())
}

#[test]
fn threads_change_nothing() {
    let (mut company, policy) = sample();
    company.people = company.people.into_iter().cycle().take(30_000).collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| ranked(&company, &policy))
    };
    let one = with(1);
    assert!(one == with(2) && one == with(7));
    assert!(!one.choices.is_empty());
}

#[test]
fn a_propensity_out_of_range_is_an_error_and_nobody_is_asked_without_consent() {
    let (company, policy) = sample();
    let policy = RankPolicy { offers: vec![OfferTerms::default(); company.catalogue.offers.len()], ..policy };
    let columns = Columns::of_company(&company);
    let n_pairs = company.people.len() * company.catalogue.offers.len();
    let (verdicts, mut propensities) = (vec![Verdict::Eligible; n_pairs], vec![0.5_f32; n_pairs]);
    let all = vec![ChannelSet(0b11); company.people.len()];
    let none = vec![ChannelSet(0); company.people.len()];
    let ladder = company.ladder();
    let run = |propensities: &[f32], consents| {
        let customers = Customers { consents, ..columns.customers() };
        rank(&ladder, &customers, (&verdicts, propensities), &policy, &NoControl)
    };
    let refused = run(&propensities, &none).unwrap();
    assert!(refused.decisions.iter().all(|decision| *decision == Decision::Removed(Rule::NoConsent)));
    propensities[ladder.n_offers() - 1] = 1.5;
    let expected = DecideError::NotAProbability { customer: 0, offer: ladder.n_offers() - 1 };
    assert_eq!(run(&propensities, &all), Err(expected));
}

/// Who is expected to take ten is worth ten times the gain and the incentive, and nothing else changes.
#[test]
fn units_multiply_gain_incentive_and_margin() {
    let product = Product {
        key: "seat".to_owned(),
        family: "seats".to_owned(),
        tier: osusume_model::Tier(1),
        margin: Minor(300),
        offer_cost: Minor(7),
        counted: true,
        ..Product::default()
    };
    let offers = crate::offers_of(std::slice::from_ref(&product), &[], &["seats".to_owned()]).unwrap();
    let ladder = Ladder::new(&Catalogue { products: vec![product], offers, skips_steps: false }).unwrap();
    let lifetime = Lifetime { horizon_months: 12, monthly_survival: 0.98, monthly_discount: 0.0 };
    let policy = RankPolicy {
        upsell_replaces: true,
        per_customer: 1,
        per_family: 1,
        threshold: Minor(0),
        channels: vec![Channel { index: 0, contact_cost: Minor(5) }],
        lifetime,
        churn_per_contact: 0.001,
        wear_out: 0.0,
        fatigue: Vec::new(),
        switch_gain: 0.0,
        offers: vec![OfferTerms::default()],
    };
    let customers = Customers {
        held_offsets: &[0, 1, 2],
        held: &[ProductId(0), ProductId(0)],
        consents: &[ChannelSet(1); 2],
        suppressed: None,
        bought: None,
        incumbents: None,
        contacts_left: None,
        channels_left: None,
        recent_contacts: None,
        approaches: None,
        units: None,
    };
    let judge = |units: Option<&[f32]>| {
        let customers = Customers { units, ..customers };
        let verdicts = crate::eligibility(&ladder, &customers, Date(0), ChannelSet(1), &NoControl).unwrap();
        rank(&ladder, &customers, (&verdicts, &[0.25; 2]), &policy, &NoControl)
    };
    // Both hold a seat, and both are offered more.
    let plain = judge(None).unwrap();
    assert_eq!(plain.choices.len(), 2);
    let counted = judge(Some(&[10.0, 1.0])).unwrap();
    let (ten, one) = (counted.choices[0], counted.choices[1]);
    assert_eq!((ten.worth.units, one.worth.units, plain.choices[1].worth.units), (Some(10.0), Some(1.0), None));
    assert_eq!((ten.worth.incentive, ten.margin), (Minor(70), Minor(3_000)));
    assert_eq!((one.expected_value, one.margin), (plain.choices[1].expected_value, Minor(300)));
    let months = lifetime.expected_months();
    let expected = 0.25 * (10.0 * 300.0 * months - 70.0) - 0.001 * 300.0 * months;
    assert_eq!(ten.expected_value, Minor(expected.round_ties_even() as i64 - 5));
    assert_eq!(judge(Some(&[f32::NAN; 2])).unwrap(), plain);
    for bad in [0.0, -3.0, f32::INFINITY] {
        let refused = Err(DecideError::NotAQuantity { customer: 1, offer: 0 });
        assert_eq!(judge(Some(&[2.0, bad])), refused);
    }
}

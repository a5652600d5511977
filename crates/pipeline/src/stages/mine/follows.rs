//! What is added after what: every pair the margins admit, compared with what is added after other purchases.

use std::collections::{BTreeMap, BTreeSet};

use osusume_association::{FalseDiscovery, Follow, FollowParams, Follows, ItemRole, follow, q_values};
use osusume_model::{AsOf, Date, Result};
use osusume_report::SMALLEST_SHOWN;

use super::baskets::Baskets;
use super::bought::Bought;
use super::{Items, TOLD};
use crate::config::Mine;
use crate::job::Job;
use crate::kernel::association_fault;

/// Borders between bands of tenure in days: whoever is new adds more.
const TENURE_BORDERS: [u32; 3] = [30, 90, 365];
/// Level of the interval.
const LEVEL: f64 = 0.95;
/// Fewest customers expected to add something by chance: with fewer, only what is many times as often could be told from it.
const MIN_EXPECTED: f64 = 5.0;

/// What was found to follow as of one date.
pub(super) struct Followed {
    pub(super) as_of: Date,
    /// Those that follow more often than after other purchases, of enough customers; the surest first.
    pub(super) found: Vec<Found>,
    /// Pairs compared.
    pub(super) compared: u64,
}

/// A pair.
pub(super) struct Found {
    pub(super) follow: Follow,
    pub(super) q_value: f64,
    /// The same pair in the time that followed; absent where it was not found before, or too few purchases followed to tell it from chance.
    pub(super) later: Option<Later>,
}

/// A pair counted again.
#[derive(Clone, Copy)]
pub(super) struct Later {
    /// First day of the time it was counted in; the pair was found before.
    pub(super) from: Date,
    pub(super) follow: Follow,
}

/// What the summary has to say of what follows.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct FollowSummary {
    /// Days within which something is added.
    pub within_days: u32,
    /// Pairs compared before the run's date.
    pub compared: u64,
    /// Those of them below the false-discovery rate.
    pub reported: u64,
    /// The surest of these, by the lower end of their interval.
    pub top: Vec<ToldFollow>,
}

/// A pair in the summary.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ToldFollow {
    /// What was bought.
    pub antecedent: String,
    /// What was added.
    pub consequent: String,
    /// Customers who bought the first without owning the second.
    pub customers: u64,
    /// Those of them who added the second in time.
    pub added: u64,
    /// How many times as often as after other purchases, with the interval.
    pub rate_ratio: [f64; 3],
    /// Days by which a quarter, half and three quarters of them had.
    pub lead_days: [f64; 3],
    /// The ratio since the newest date models learn from, where the pair was found before it.
    pub later_rate_ratio: Option<f64>,
}

/// What follows as of the newest date models learn from and as of the run's own, the last of `dates`; nothing where nothing is asked.
///
/// # Errors
/// A stop asked for.
pub(super) fn find(
    job: &Job<'_>,
    config: &Mine,
    items: &Items,
    baskets: &Baskets,
    dates: &[AsOf],
) -> Result<Vec<Followed>> {
    let own = *dates.last().expect("the run's own date is among them");
    let Some(bought) = baskets.bought(own) else { return Ok(Vec::new()) };
    let asked = Asked { job, config, items };
    let mut all = Vec::new();
    let mut since: BTreeMap<(u32, u32), Later> = BTreeMap::new();
    if let Some(newest) = dates.iter().rev().nth(1) {
        let before = baskets.bought(*newest).expect("it is there for the run's date");
        let mut found = asked.found(&before)?;
        since = asked.since(&bought, newest.date, &found)?;
        remember(&mut found, &since);
        all.push(found);
    }
    let mut found = asked.found(&bought)?;
    remember(&mut found, &since);
    all.push(found);
    Ok(all)
}

/// Sets what came later of the pairs that were found before.
fn remember(followed: &mut Followed, since: &BTreeMap<(u32, u32), Later>) {
    for found in &mut followed.found {
        found.later = since.get(&key(&found.follow)).copied();
    }
}

fn key(follow: &Follow) -> (u32, u32) {
    (follow.antecedent, follow.consequent)
}

/// Whether nothing is told of fewer customers than a report shows, neither of those who added it nor of those who did not.
fn is_of_enough(follow: &Follow) -> bool {
    follow.n_added >= SMALLEST_SHOWN && follow.n_customers - follow.n_added >= SMALLEST_SHOWN
}

struct Asked<'a> {
    job: &'a Job<'a>,
    config: &'a Mine,
    items: &'a Items,
}

impl Asked<'_> {
    /// The pairs of a date that follow more often than after other purchases.
    fn found(&self, bought: &Bought) -> Result<Followed> {
        let from = bought.as_of - self.config.days as i32;
        let follows = self.compare(bought, from, &self.items.roles)?;
        Ok(followed(bought.as_of, &follows, self.config.correction.into()))
    }

    /// What became of the pairs found at `from`, in windows that start then or later.
    fn since(&self, bought: &Bought, from: Date, found: &Followed) -> Result<BTreeMap<(u32, u32), Later>> {
        let known: BTreeSet<(u32, u32)> = found.found.iter().map(|it| key(&it.follow)).collect();
        let roles = roles_of(&known, self.items.roles.len());
        let follows = self.compare(bought, from, &roles)?.found.into_iter();
        let kept = follows.filter(|it| known.contains(&key(it)));
        Ok(kept.map(|follow| (key(&follow), Later { from, follow })).collect())
    }

    fn compare(&self, bought: &Bought, from: Date, roles: &[ItemRole]) -> Result<Follows> {
        let params = FollowParams {
            within_days: self.config.follow_days,
            from,
            tenure_borders: &TENURE_BORDERS,
            level: LEVEL,
            roles: Some(roles),
            closes: self.items.closes.as_deref(),
            min_customers: SMALLEST_SHOWN,
            min_expected: MIN_EXPECTED,
        };
        follow(&bought.history(), &params, &self.job.quiet()).map_err(|error| association_fault(&error))
    }
}

/// Where items stand in these pairs, so that no more are compared than there is need of.
fn roles_of(pairs: &BTreeSet<(u32, u32)>, n_items: usize) -> Vec<ItemRole> {
    let mut roles = vec![ItemRole::Ignore; n_items];
    for (antecedent, _) in pairs {
        roles[*antecedent as usize] = ItemRole::Antecedent;
    }
    for (_, consequent) in pairs {
        let role = &mut roles[*consequent as usize];
        *role = if role.may_precede() { ItemRole::Both } else { ItemRole::Consequent };
    }
    roles
}

fn followed(as_of: Date, follows: &Follows, rate: FalseDiscovery) -> Followed {
    let p_values: Vec<f64> = follows.found.iter().map(|it| it.p_value).collect();
    let q_values = q_values(&p_values, follows.n_hypotheses, rate);
    let pairs = follows.found.iter().zip(q_values);
    let told = pairs.filter(|(follow, _)| follow.rate_ratio > 1.0 && is_of_enough(follow));
    let mut found: Vec<Found> = told.map(|(follow, q_value)| Found { follow: *follow, q_value, later: None }).collect();
    found.sort_by(|a, b| {
        let (a, b) = (&a.follow, &b.follow);
        b.lower.total_cmp(&a.lower).then(b.n_added.cmp(&a.n_added)).then(key(a).cmp(&key(b)))
    });
    Followed { as_of, found, compared: follows.n_hypotheses }
}

/// What the summary tells of the run's own date.
pub(super) fn summary(config: &Mine, items: &Items, own: &Followed) -> FollowSummary {
    let reported: Vec<&Found> = own.found.iter().filter(|it| it.q_value <= config.false_discovery_rate).collect();
    let told = |it: &&Found| {
        let follow = &it.follow;
        ToldFollow {
            antecedent: items.levels.names[follow.antecedent as usize].clone(),
            consequent: items.levels.names[follow.consequent as usize].clone(),
            customers: follow.n_customers,
            added: follow.n_added,
            rate_ratio: [follow.rate_ratio, follow.lower, follow.upper],
            lead_days: follow.lead_days,
            later_rate_ratio: it.later.map(|later| later.follow.rate_ratio),
        }
    };
    FollowSummary {
        within_days: config.follow_days,
        compared: own.compared,
        reported: reported.len() as u64,
        top: reported.iter().take(TOLD).map(told).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow_of((antecedent, consequent): (u32, u32), (n_customers, n_added): (u64, u64), lower: f64) -> Follow {
        Follow {
            antecedent,
            consequent,
            n_customers,
            n_added,
            n_windows: n_customers,
            days: 900,
            rate_ratio: lower * 1.5,
            lower,
            upper: lower * 2.0,
            p_value: 0.001,
            lead_days: [3.0, 7.0, 20.0],
        }
    }

    fn of(found: Vec<Follow>) -> Followed {
        followed(Date(0), &Follows { found, n_hypotheses: 40 }, FalseDiscovery::BenjaminiHochberg)
    }

    #[test]
    fn what_is_told_is_of_ten_customers_on_either_side_and_more_often() {
        let pairs = [((100, 10), 1.2), ((100, 9), 1.2), ((19, 10), 1.2), ((20, 10), 1.1), ((100, 50), 0.5)];
        let found = (0..).zip(pairs).map(|(i, (counts, lower))| follow_of((i, 9), counts, lower)).collect();
        let told: Vec<u32> = of(found).found.iter().map(|it| it.follow.antecedent).collect();
        assert_eq!(told, [0, 3], "the surest first");
    }

    #[test]
    fn those_not_told_stay_in_the_family() {
        let found = of(vec![follow_of((0, 1), (100, 50), 1.2), follow_of((2, 1), (12, 6), 1.2)]);
        // Two p-values of a thousandth among 40 hypotheses.
        assert!((found.found[0].q_value - 0.02).abs() < 1e-12, "{}", found.found[0].q_value);
    }

    #[test]
    fn items_stand_where_a_pair_has_them() {
        let roles = roles_of(&BTreeSet::from([(0, 2), (2, 1)]), 4);
        assert_eq!(roles, [ItemRole::Antecedent, ItemRole::Consequent, ItemRole::Both, ItemRole::Ignore]);
    }

    #[test]
    fn only_a_pair_found_before_has_a_later_one() {
        let mut now = of(vec![follow_of((0, 1), (100, 50), 1.2), follow_of((2, 1), (100, 50), 1.3)]);
        let later = Later { from: Date(-90), follow: follow_of((2, 1), (30, 4), 0.9) };
        remember(&mut now, &BTreeMap::from([((2, 1), later)]));
        let known: Vec<bool> = now.found.iter().map(|it| it.later.is_some()).collect();
        assert_eq!(known, [true, false]);
    }
}

//! Features of one's own: what `features.own` of the pipeline file declares, beside the recipes.

use osusume_model::{Family, FeatureKind, FeatureSpec, NullMeaning, Unit, Window};
use osusume_windows::{Aggregate, Amount, Filter, Measure};

use super::{EVER, EventRecipes, Sense, Use, plain};
use crate::config::{OwnFeature, OwnMeasure, OwnPeriod, Reach};

impl EventRecipes<'_> {
    /// Adds the features of one's own that read this source, in the order of the file.
    pub(super) fn own(&mut self) {
        let config = self.config;
        for own in config.features.own.iter().filter(|own| own.source == self.source.name) {
            let all = config.features.all_windows();
            let position = |reach: Reach| all.iter().position(|one| *one == reach).map_or(EVER, |at| at + 1);
            let windows: Vec<usize> = own.reaches().into_iter().map(position).collect();
            for window in if windows.is_empty() { vec![EVER] } else { windows } {
                for level in self.own_levels(own) {
                    self.add_own(own, window, level.as_ref());
                }
            }
        }
    }

    /// The filter, rank and name of each level; one without a filter where there is nothing to tell apart.
    fn own_levels(&self, own: &OwnFeature) -> Vec<Option<(Filter, usize, String)>> {
        let Some(by) = &own.by else { return vec![None] };
        let Some(column) = self.column_named(by) else { return Vec::new() };
        let levels = self.group.columns[column].levels.iter();
        let rank = |name: &String, rank: usize| match own.only.as_slice() {
            [] => Some(rank).filter(|rank| *rank < own.levels),
            only => only.iter().position(|one| one == name),
        };
        let ranked = levels.filter_map(|level| {
            let rank = rank(&level.name, level.rank)?;
            Some(Some((Filter { column, code: level.code }, rank, level.name.clone())))
        });
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by_key(|level| level.as_ref().map(|(_, rank, _)| *rank));
        ranked
    }

    /// The column that has this name in `features.own`.
    fn column_named(&self, name: &str) -> Option<usize> {
        let is_called = |sense: &Sense| match sense {
            Sense::Category(attribute) => attribute == name,
            other => sense_name(other) == Some(name),
        };
        self.group.columns.iter().position(|column| is_called(&column.sense))
    }

    fn add_own(&mut self, own: &OwnFeature, window: usize, level: Option<&(Filter, usize, String)>) {
        let of = own.of.as_deref().and_then(|name| self.column_named(name));
        let Some(measure) = measure(own, of) else { return };
        let span = self.span(window);
        let days = span.and_then(Window::days).map(|[start_days, _]| start_days);
        let is_money = of.is_some_and(|of| {
            matches!(self.group.columns[of].kind, Use::Money | Use::Priced { .. }) && own.measure.takes_numbers()
        });
        let (family, unit, null, text_key) = meaning(own, is_money);
        let subject = level.map(|(_, _, name)| name.clone());
        let counted = || own.of.clone().filter(|_| own.measure == OwnMeasure::Distinct);
        let subject = subject.or_else(counted).unwrap_or_else(|| self.source.name.clone());
        self.group.aggregates.push(Aggregate { measure, filter: level.map(|(filter, _, _)| *filter), window });
        self.specs.push(FeatureSpec {
            name: column_name(&own.name, days, level),
            family: if level.is_some() && family != Family::Recency { Family::Mix } else { family },
            source: self.source.name.clone(),
            window: span,
            unit,
            null,
            kind: FeatureKind::Numeric,
            text_key,
            subject,
        });
    }
}

/// What a column is called in `features.own`.
fn sense_name(sense: &Sense) -> Option<&'static str> {
    match sense {
        Sense::Kind => Some("kind"),
        Sense::Value => Some("value"),
        Sense::Amount => Some("amount"),
        Sense::Product => Some("product"),
        Sense::Basket => Some("basket"),
        Sense::Topic => Some("topic"),
        Sense::Category(_)
        | Sense::Offered
        | Sense::Score
        | Sense::Tone
        | Sense::Night
        | Sense::Weekend
        | Sense::OfKind(_) => None,
    }
}

/// The kernel's measure over the column `of`; `None` where it lacks one.
fn measure(own: &OwnFeature, of: Option<usize>) -> Option<Measure> {
    let amount = of.map_or(Amount::Rows, Amount::Sum);
    let half_life_days = own.half_life_days;
    let calendar = OwnPeriod::ALL.iter().position(|period| *period == own.period).unwrap_or_default();
    Some(match own.measure {
        OwnMeasure::Count => Measure::Count,
        OwnMeasure::Sum => Measure::Sum(of?),
        OwnMeasure::Mean => Measure::Mean(of?),
        OwnMeasure::Min => Measure::Min(of?),
        OwnMeasure::Max => Measure::Max(of?),
        OwnMeasure::StdDev => Measure::StdDev(of?),
        OwnMeasure::Last => Measure::Last(of?),
        OwnMeasure::Distinct => Measure::Distinct(of?),
        OwnMeasure::Recency => Measure::RecencyDays,
        OwnMeasure::DaysSince => Measure::WholeDays,
        OwnMeasure::First => Measure::FirstDays,
        OwnMeasure::Gap => Measure::MeanGapDays,
        OwnMeasure::Trend => Measure::Trend(of?),
        OwnMeasure::Surge => Measure::Surge(amount),
        OwnMeasure::Share => Measure::Share(amount),
        OwnMeasure::FirstValue => Measure::FirstValue(of?),
        OwnMeasure::Quantile => Measure::Quantile { column: of?, level: own.level },
        OwnMeasure::DecayedCount => Measure::DecayedCount { half_life_days },
        OwnMeasure::DecayedSum => Measure::DecayedSum { column: of?, half_life_days },
        OwnMeasure::Streak => Measure::Streak { calendar },
        OwnMeasure::LongestStreak => Measure::LongestStreak { calendar },
    })
}

/// Family, unit, meaning of an absent value, and words.
fn meaning(own: &OwnFeature, is_money: bool) -> (Family, Unit, NullMeaning, &'static str) {
    use NullMeaning::{Never, NotYet, Unknown};
    let value = if is_money { Unit::Minor } else { Unit::Native };
    match own.measure {
        OwnMeasure::Count => (Family::Frequency, Unit::Count, Never, "count_window"),
        OwnMeasure::Distinct => (Family::Frequency, Unit::Count, Never, "distinct_window"),
        OwnMeasure::Sum => (Family::Money, value, Never, "sum_window"),
        OwnMeasure::Mean => (Family::Money, value, Unknown, "mean_window"),
        OwnMeasure::Min => (Family::Money, value, Unknown, "min_window"),
        OwnMeasure::Max => (Family::Money, value, Unknown, "max_window"),
        OwnMeasure::StdDev => (Family::Money, value, Unknown, "std_dev_window"),
        OwnMeasure::Last => (Family::Money, value, Unknown, "last_value"),
        OwnMeasure::Recency | OwnMeasure::DaysSince => (Family::Recency, Unit::Days, NotYet, "recency"),
        OwnMeasure::First => (Family::Recency, Unit::Days, NotYet, "first"),
        OwnMeasure::Gap => (Family::Recency, Unit::Days, NotYet, "mean_gap"),
        OwnMeasure::Trend => (Family::Trend, Unit::Ratio, Unknown, "trend"),
        OwnMeasure::Surge => (Family::Surge, Unit::Ratio, Unknown, "surge"),
        OwnMeasure::Share => (Family::Mix, Unit::Share, Unknown, "share_window"),
        OwnMeasure::FirstValue => (Family::Money, value, Unknown, "first_value"),
        OwnMeasure::Quantile => (Family::Money, value, Unknown, "quantile_window"),
        // A number of rows no longer, once they are weighed.
        OwnMeasure::DecayedCount => (Family::Frequency, Unit::Native, Never, "decayed_count"),
        OwnMeasure::DecayedSum => (Family::Money, value, Never, "decayed_sum"),
        OwnMeasure::Streak => (Family::Frequency, Unit::Count, Never, streak_key(own.period)),
        OwnMeasure::LongestStreak => (Family::Frequency, Unit::Count, Never, longest_streak_key(own.period)),
    }
}

fn streak_key(period: OwnPeriod) -> &'static str {
    match period {
        OwnPeriod::Day => "streak_day",
        OwnPeriod::Week => "streak_week",
        OwnPeriod::Month => "streak_month",
    }
}

fn longest_streak_key(period: OwnPeriod) -> &'static str {
    match period {
        OwnPeriod::Day => "longest_streak_day",
        OwnPeriod::Week => "longest_streak_week",
        OwnPeriod::Month => "longest_streak_month",
    }
}

fn column_name(name: &str, days: Option<u32>, level: Option<&(Filter, usize, String)>) -> String {
    let mut name = name.to_owned();
    if let Some(days) = days {
        name = name.replace("{days}", &days.to_string());
    }
    if let Some((_, rank, level)) = level {
        name = name.replace("{rank}", &rank.to_string()).replace("{level}", &plain(level));
    }
    name
}

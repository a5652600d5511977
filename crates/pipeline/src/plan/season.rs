//! The season: what was done a year before the label window.

use osusume_model::{Family, NullMeaning, Unit};
use osusume_windows::Measure;

use super::{EventRecipes, Meaning, Sense};
use crate::config::{OwnWindow, Reach, Recipe, Role};

impl EventRecipes<'_> {
    /// Over the days that were the label window a year earlier: purchases, what was paid, and dealings with each offered category; of
    /// events the mean of every metric, or how often each kind happened. Absent at dates to which the table does not reach back.
    pub(super) fn season(&mut self) {
        let reach = Reach::Calendar(OwnWindow::SeasonLastYear);
        let window = self.config.features.all_windows().iter().position(|one| *one == reach);
        let Some(window) = window.filter(|_| self.wants(Recipe::Season)).map(|at| at + 1) else { return };
        let before = self.group.aggregates.len();
        match self.source.role {
            Role::Purchases => self.season_of_purchases(window),
            Role::Events => self.season_of_events(window),
            _ => {}
        }
        self.group.reaching.extend(before..self.group.aggregates.len());
        for spec in &mut self.specs[before..] {
            spec.null = NullMeaning::Unknown;
        }
    }

    fn season_of_purchases(&mut self, window: usize) {
        let lines = self.meaning("count", Family::Frequency, Unit::Count, "count_window");
        self.add(Measure::Count, None, window, lines);
        if let Some(amount) = self.position(&Sense::Amount) {
            let meaning = self.meaning("sum", Family::Money, Unit::Minor, "sum_window");
            self.add(Measure::Sum(amount), None, window, meaning);
        }
        if let Some(offered) = self.position(&Sense::Offered) {
            for (filter, category) in self.levels(offered) {
                let name = format!("offer_{category}_count");
                let meaning = self.meaning(name, Family::Affinity, Unit::Count, "affinity_count");
                self.add(Measure::Count, Some(filter), window, Meaning { subject: category, ..meaning });
            }
        }
    }

    fn season_of_events(&mut self, window: usize) {
        let kinds = self.position(&Sense::Kind).map_or_else(
            || vec![(None, self.source.name.clone())],
            |column| self.levels(column).into_iter().map(|(filter, name)| (Some(filter), name)).collect(),
        );
        let value = self.position(&Sense::Value);
        for (filter, kind) in kinds {
            let (measure, name, family, unit, key) = match value {
                Some(column) => (Measure::Mean(column), "mean", Family::Money, Unit::Native, "mean_window"),
                None => (Measure::Count, "count", Family::Frequency, Unit::Count, "count_window"),
            };
            let meaning = self.meaning(format!("{kind}_{name}"), family, unit, key);
            self.add(measure, filter, window, Meaning { subject: kind, ..meaning });
        }
    }
}

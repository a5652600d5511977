//! Nights and weekends: which share of what happens in a window falls on them.

use osusume_model::{Family, NullMeaning, Unit};
use osusume_windows::{Amount, Filter, Measure};

use super::{EventColumn, EventRecipes, Meaning, Sense, Use};

/// Shorter windows lack a weekend.
const SHORTEST: u32 = 7;

impl EventRecipes<'_> {
    /// Shares of the night and of the weekend, where the table has a column that tells them. Where every row has a value it is the values
    /// that are shared out, metric by metric, because rows of a daily meter fall on weekends for everybody alike; else rows are, and what
    /// was paid for them.
    pub(super) fn clock(&mut self) {
        let shares = [(Sense::Night, "night", "night_share"), (Sense::Weekend, "weekend", "weekend_share")];
        let told: Vec<_> = shares
            .into_iter()
            .filter_map(|(sense, name, key)| Some((Filter { column: self.position(&sense)?, code: 1 }, name, key)))
            .collect();
        if told.is_empty() {
            return;
        }
        let amounts = self.shared_amounts();
        for (filter, name, key) in told {
            for window in self.long_windows(SHORTEST) {
                for (amount, subject, prefix) in &amounts {
                    let meaning = Meaning {
                        name: format!("{prefix}{name}_share"),
                        family: Family::Mix,
                        unit: Unit::Share,
                        null: NullMeaning::Unknown,
                        text_key: key,
                        subject: subject.clone(),
                    };
                    self.add(Measure::Share(*amount), Some(filter), window, meaning);
                }
            }
        }
    }

    /// What is shared out: what the ratio compares, what it is called, and how names of features begin.
    fn shared_amounts(&mut self) -> Vec<(Amount, String, String)> {
        let rows = (Amount::Rows, self.source.name.clone(), String::new());
        if let Some(amount) = self.position(&Sense::Amount) {
            return vec![rows, (Amount::Sum(amount), "amount".to_owned(), "amount_".to_owned())];
        }
        let Some(value) = self.position(&Sense::Value) else { return vec![rows] };
        let Some(kind) = self.position(&Sense::Kind) else {
            return vec![(Amount::Sum(value), self.source.name.clone(), String::new())];
        };
        let levels = self.levels(kind);
        let metric = |(filter, name): (Filter, String)| {
            let (kind, sense) = (Use::OfKind { code: filter.code }, Sense::OfKind(name.clone()));
            self.group.columns.push(EventColumn { name: "value".to_owned(), kind, levels: Vec::new(), sense });
            (Amount::Sum(self.group.columns.len() - 1), name.clone(), format!("{name}_"))
        };
        levels.into_iter().map(metric).collect()
    }
}

//! Features of what customers wrote: complaints, praise and tone.

use osusume_model::{Family, FeatureSpec, Unit};
use osusume_windows::{Filter, Measure};

use super::{EVER, EventColumn, EventGroup, EventRecipes, Sense, Use};
use crate::config::{Config, Recipe, Source};
use crate::tone::{COUNTED, Tones};

/// Days of the shortest window in which texts are counted; nobody writes often enough for shorter ones.
const SHORTEST_DAYS: u32 = 30;

/// Positions of the columns.
const TONE: usize = 0;
const COMPLAINT: usize = 1;
const PRAISE: usize = 2;

impl<'a> EventRecipes<'a> {
    /// Features of the texts of `source`, whose column of texts has the levels `names`; nothing where nobody asks for them.
    pub(crate) fn draw_tone(
        config: &'a Config,
        source: &'a Source,
        names: &[String],
    ) -> Option<(EventGroup, Vec<FeatureSpec>)> {
        source.column("text").filter(|_| config.features.recipes.contains(&Recipe::Tone))?;
        let tones = Tones::of(names);
        let column = |kind| EventColumn { name: "text".to_owned(), kind, levels: Vec::new(), sense: Sense::Tone };
        let kinds = [Use::Told(tones.sentiments()), Use::Joined(tones.complaints()), Use::Joined(tones.praises())];
        let known_by = source.column("arrived").map(|_| "arrived").into_iter().collect();
        let group = EventGroup::new(&source.name, known_by, kinds.map(column).to_vec());
        let mut recipes = Self { config, source, group, specs: Vec::new() };
        recipes.tone();
        recipes.group.drop_unused();
        Some((recipes.group, recipes.specs))
    }

    fn tone(&mut self) {
        let [complaint, praise] = [COMPLAINT, PRAISE].map(|column| Some(Filter { column, code: COUNTED }));
        let recency = self.meaning("complaint_recency", Family::Voice, Unit::Days, "written_complaint_recency");
        self.add(Measure::RecencyDays, complaint, EVER, recency);
        for window in self.tone_windows() {
            let complaints = self.meaning("complaints", Family::Voice, Unit::Count, "complaints_count");
            self.add(Measure::Count, complaint, window, complaints);
            let praises = self.meaning("praises", Family::Voice, Unit::Count, "praises_count");
            self.add(Measure::Count, praise, window, praises);
            let tone = self.meaning("tone_mean", Family::Voice, Unit::Native, "tone_mean");
            self.add(Measure::Mean(TONE), None, window, tone);
        }
    }

    /// Positions of the windows in which texts are counted.
    fn tone_windows(&self) -> Vec<usize> {
        self.long_windows(SHORTEST_DAYS)
    }
}

/// Windows whose tone is compared with that of the window before: position among all windows, and days.
pub(crate) fn tone_change_windows(config: &Config) -> Vec<(usize, u32)> {
    let windows = config.features.windows_days.iter().enumerate();
    windows.map(|(at, &days)| (at + 1, days)).filter(|(_, days)| *days >= SHORTEST_DAYS).collect()
}

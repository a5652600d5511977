//! Recipes that are asked for by name and find nothing they could be made of.

use osusume_model::{AsOf, Code, Fault, Result, Timestamp};
use osusume_tables::TableFile;

use crate::beginnings::{Beginnings, has_clock_times};
use crate::checked::Checked;
use crate::config::{OwnWindow, Reach, Recipe, Role, Source};
use crate::job::Job;

/// A warning for every such recipe. Whether times tell the hour is asked of what was known before the first date that is learned from, as
/// features ask it; what reaches back far enough is asked as of the run's date, and without one that is left open.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn without_data(
    job: &Job<'_>,
    tables: &Checked,
    (first, as_of): (Option<Timestamp>, Option<AsOf>),
) -> Result<Vec<Fault>> {
    let wants = |recipe| job.config.features.recipes.contains(&recipe);
    let mut idle = Vec::new();
    if wants(Recipe::Night)
        && !any(job, tables, |source, table| has_clock_times(job, source, table, first.unwrap_or(Timestamp(i64::MAX))))?
    {
        idle.push(Recipe::Night);
    }
    if wants(Recipe::Weekend) && !any(job, tables, |_, _| Ok(true))? {
        idle.push(Recipe::Weekend);
    }
    if let Some(as_of) = as_of.filter(|_| wants(Recipe::Season))
        && !any(job, tables, |source, table| reaches_last_season(job, source, table, as_of))?
    {
        idle.push(Recipe::Season);
    }
    let tells_household = |source: &Source| source.column("household").is_some_and(|header| source.is_static(header));
    if wants(Recipe::Household) && !job.config.sources_of(Role::Customers).any(tells_household) {
        idle.push(Recipe::Household);
    }
    let fault = |recipe: Recipe| Fault::new(Code::RecipeWithoutData).with("recipe", recipe.id());
    Ok(idle.into_iter().map(fault).collect())
}

/// Whether a condition holds for any table of purchases or events.
fn any(job: &Job<'_>, tables: &Checked, holds: impl Fn(&Source, (&TableFile, u32)) -> Result<bool>) -> Result<bool> {
    let sources = job.config.sources.values().filter(|source| matches!(source.role, Role::Purchases | Role::Events));
    for source in sources {
        let Some(table) = tables.table(&source.name) else { continue };
        if holds(source, (table, tables.n_customers()))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn reaches_last_season(job: &Job<'_>, source: &Source, table: (&TableFile, u32), as_of: AsOf) -> Result<bool> {
    let season = job.window(as_of, Reach::Calendar(OwnWindow::SeasonLastYear));
    let beginnings = Beginnings::read(job, source, table)?;
    Ok(beginnings.reaches(job.calendar, as_of.instant.0, season))
}

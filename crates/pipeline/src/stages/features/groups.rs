//! Which features there are: every source's recipes, drawn up against the dictionaries of the checked tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use osusume_model::{
    AsOf, Code, Family, Fault, FeatureKind, FeatureSpec, NullMeaning, Result, Timestamp, Unit, Window,
};
use osusume_tables::TableFile;
use osusume_windows::Plan;

use super::cases::{self, CaseCell};
use super::derived;
use super::household::{self, HouseholdGroup};
use super::levels::{Named, count_levels};
use super::people::People;
use super::quota::QuotaGroup;
use super::stage::{self, StageGroup};
use crate::beginnings::{Beginnings, has_clock_times};
use crate::calendar::{Calendar, Hours};
use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{AttributeKind, Config, History, Recipe, Role, Source};
use crate::expression::Bound;
use crate::job::Job;
use crate::plan::{EventColumn, EventGroup, EventRecipes, Join, Level, Sense, Use, plain};
use crate::stages::ingest::attribute_column;
use crate::stages::mine::Leads;

/// Features computed together from one table.
pub(super) enum Group {
    /// Window aggregates of an event table, and the kernel's plan for them.
    Events(Box<EventGroup>, Plan),
    /// What is held as of a date.
    Holdings {
        /// The table.
        table: String,
        /// What each feature takes from the holding states.
        cells: Vec<HoldingCell>,
    },
    /// Attributes of the customers table.
    Attributes {
        /// The table.
        table: String,
        /// One entry a feature.
        cells: Vec<AttributeCell>,
        /// Whether the table's arrivals tell since when its values are known.
        is_arrival_known: bool,
        /// Where the rows are those of dated copies: since when each copy is known. A date sees the newest one, and nobody who is not in it.
        copies: Vec<i64>,
    },
    /// What rules say for the offers, given what the customer has.
    Rules {
        /// The table of the baskets.
        table: String,
        /// The rules of every date.
        leads: Leads,
    },
    /// Cases that customers opened.
    Cases {
        /// The table.
        table: String,
        /// One entry a feature.
        cells: Vec<CaseCell>,
    },
    /// How broadly and deeply something is used.
    Stages(Box<StageGroup>),
    /// What the others of the household have, do and say.
    Household(Box<HouseholdGroup>),
    /// How much of a limit is used.
    Quota(Box<QuotaGroup>),
    /// What the pipeline file derives from all groups before.
    Derived(Vec<Bound>),
}

/// What a feature takes from the state of a family, or of anything held.
#[derive(Clone, Copy, Debug)]
pub(super) enum HoldingCell {
    /// Days to the nearest renewal of anything.
    Renewal,
    /// Price of all that is held.
    Price,
    /// Number of things held.
    Count,
    /// Days since anything was first held.
    Tenure,
    /// Highest tier held of a family.
    Tier(usize),
    /// Days since something of a family was first held.
    FamilyTenure(usize),
    /// Units held of a family.
    Units(usize),
}

/// What a feature takes from a customer's row.
#[derive(Clone, Debug)]
pub(super) enum AttributeCell {
    /// Days since joining.
    Joined,
    /// The value of a column.
    Value(String),
    /// The level of a column, by the code features hold for each of the table's.
    Level(String, Arc<[u32]>),
}

impl Group {
    /// Number of features.
    pub(super) fn width(&self) -> usize {
        match self {
            Self::Events(_, plan) => plan.n_aggregates(),
            Self::Holdings { cells, .. } => cells.len(),
            Self::Attributes { cells, .. } => cells.len(),
            Self::Cases { cells, .. } => cells.len(),
            Self::Rules { leads, .. } => leads.offers().len(),
            Self::Stages(_) => stage::N_CELLS,
            Self::Household(household) => household.width(),
            Self::Quota(quota) => quota.cells.len(),
            Self::Derived(derived) => derived.len(),
        }
    }

    /// The table it reads.
    pub(super) fn table(&self) -> &str {
        match self {
            Self::Events(group, _) => &group.table,
            Self::Stages(stages) => &stages.events.table,
            Self::Quota(quota) => &quota.table,
            Self::Household(_) => household::BLOCK,
            Self::Derived(_) => derived::SOURCE,
            Self::Holdings { table, .. }
            | Self::Attributes { table, .. }
            | Self::Cases { table, .. }
            | Self::Rules { table, .. } => table,
        }
    }
}

/// All groups in the order of the feature columns, and the dictionary.
pub(super) struct Groups {
    pub(super) groups: Vec<Group>,
    pub(super) specs: Vec<FeatureSpec>,
}

impl Groups {
    /// Draws up the features. Levels of events are the most frequent ones before `first`, the earliest as-of instant that uses them; those of
    /// attributes are the ones that `people` have.
    pub(super) fn draw(
        job: &Job<'_>,
        tables: &Checked,
        goods: &Goods,
        first: Timestamp,
        people: &People,
    ) -> Result<Self> {
        let mut drawn = Self { groups: Vec::new(), specs: Vec::new() };
        for source in job.config.sources.values() {
            let Some(table) = tables.table(&source.name) else { continue };
            match source.role {
                Role::Customers => {
                    drawn.attributes(job, source, table, people)?;
                    drawn.copied(job, source, tables, people)?;
                    if let Some((group, specs)) = HouseholdGroup::draw(job, source, goods) {
                        drawn.push(Group::Household(Box::new(group)), specs);
                    }
                }
                Role::Holdings => drawn.holdings(job, source, goods),
                Role::CrossSection => drawn.cross_section(job, source, goods),
                Role::Purchases | Role::Events | Role::Voice | Role::Contacts => {
                    drawn.events(job, source, table, goods, first, tables.n_customers())?;
                }
                Role::Products | Role::Consents => {}
            }
        }
        drawn.stages(job, tables, goods)?;
        drawn.quotas(job, tables, goods)?;
        check_own(job.config, &drawn.specs)?;
        make_unique(&mut drawn.specs);
        Ok(drawn)
    }

    /// Adds what rules say for every offer that they may lead to. A cross-section has no date before, and its rules were found among
    /// the very customers whose holdings its models are to tell: they make none.
    pub(super) fn rules(&mut self, job: &Job<'_>, goods: &Goods, leads: Option<Leads>) {
        let is_asked = job.config.features.recipes.contains(&Recipe::Rules) && !job.config.is_cross_section();
        let Some(leads) = leads.filter(|_| is_asked) else { return };
        let role = if leads.days().is_some() { Role::Purchases } else { Role::Holdings };
        let Some(source) = job.config.source_of(role) else { return };
        let window = leads.days().map(Window::last);
        let of_offer = |&offer: &u32| rule_spec(source, window, &goods.catalogue.offers[offer as usize].key);
        let specs = leads.offers().iter().map(of_offer).collect();
        self.push(Group::Rules { table: source.name.clone(), leads }, specs);
        make_unique(&mut self.specs);
    }

    /// Adds to the dictionary what rules may say of every offer, where that is asked for; for whoever needs no values.
    pub(super) fn every_rule(&mut self, job: &Job<'_>, goods: &Goods) {
        let is_asked = job.config.features.recipes.contains(&Recipe::Rules) && !job.config.is_cross_section();
        let Some(mine) = job.config.mine.as_ref().filter(|_| is_asked) else { return };
        let (role, window) = if mine.is_of_purchases() {
            (Role::Purchases, Some(Window::last(mine.days)))
        } else {
            (Role::Holdings, None)
        };
        let Some(source) = job.config.source_of(role) else { return };
        self.specs.extend(goods.catalogue.offers.iter().map(|offer| rule_spec(source, window, &offer.key)));
        make_unique(&mut self.specs);
    }

    /// Adds what the pipeline file derives from all the features there are; nothing may be added after it.
    ///
    /// # Errors
    /// Expressions that name what is not there, or put together what does not go together.
    pub(super) fn derive(&mut self, job: &Job<'_>) -> Result<()> {
        let derived = derived::draw(&job.config.features.derived, &mut self.specs)?;
        if !derived.is_empty() {
            self.groups.push(Group::Derived(derived));
        }
        Ok(())
    }

    fn push(&mut self, group: Group, specs: Vec<FeatureSpec>) {
        if !specs.is_empty() {
            self.groups.push(group);
            self.specs.extend(specs);
        }
    }

    fn events(
        &mut self,
        job: &Job<'_>,
        source: &Source,
        table: &TableFile,
        goods: &Goods,
        first: Timestamp,
        n_customers: u32,
    ) -> Result<()> {
        let mut columns = event_columns(job, source, table, goods);
        columns.extend(clock_columns(job, source, (table, n_customers), first)?);
        count_levels(job, source, table, &mut columns, first, n_customers)?;
        let (mut group, specs) = EventRecipes::draw(job.config, source, columns);
        if !group.reaching.is_empty() {
            group.beginnings = Beginnings::read(job, source, (table, n_customers))?;
        }
        let n_windows = job.config.features.all_windows().len() + 1;
        let plan = group.plan(n_windows, job.calendar)?;
        self.push(Group::Events(Box::new(group), plan), specs);
        if source.role == Role::Voice
            && let Some((group, specs)) = EventRecipes::draw_scores(job.config, source)
        {
            let plan = group.plan(n_windows, job.calendar)?;
            self.push(Group::Events(Box::new(group), plan), specs);
        }
        if source.role == Role::Voice {
            self.written(job, source, table, n_windows)?;
        }
        Ok(())
    }

    /// What customers wrote, and what became of it.
    fn written(&mut self, job: &Job<'_>, source: &Source, table: &TableFile, n_windows: usize) -> Result<()> {
        let names = table.dictionary("text").unwrap_or_default();
        if let Some((group, specs)) = EventRecipes::draw_tone(job.config, source, &names) {
            let plan = group.plan(n_windows, job.calendar)?;
            self.push(Group::Events(Box::new(group), plan), specs);
        }
        let (cells, specs) = cases::draw(job.config, source);
        self.push(Group::Cases { table: source.name.clone(), cells }, specs);
        Ok(())
    }

    fn stages(&mut self, job: &Job<'_>, tables: &Checked, goods: &Goods) -> Result<()> {
        let Some(config) = &job.config.features.utilisation else { return Ok(()) };
        let Some(table) = tables.table(&config.source) else { return Ok(()) };
        let dictionary = table.dictionary("product").unwrap_or_default();
        let product = config.by.as_ref().and_then(|by| goods.join(by, &dictionary));
        let (group, specs) = StageGroup::draw(job, &job.config.sources[&config.source], table, product)?;
        self.push(Group::Stages(Box::new(group)), specs);
        Ok(())
    }

    /// Learns for each date what features compare a customer with, from the rows known before it.
    ///
    /// # Errors
    /// Faults of reading, and a stop asked for.
    pub(super) fn learn(&mut self, job: &Job<'_>, tables: &Checked, goods: &Goods, dates: &[AsOf]) -> Result<()> {
        for group in &mut self.groups {
            match group {
                Group::Stages(stages) => {
                    if let Some(table) = tables.table(&stages.events.table) {
                        stages.learn(job, table, tables.n_customers(), dates)?;
                    }
                }
                Group::Household(household) => household.learn(job, tables, goods, dates)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn quotas(&mut self, job: &Job<'_>, tables: &Checked, goods: &Goods) -> Result<()> {
        for quota in job.config.features.quota.iter().enumerate() {
            let Some(table) = tables.table(&quota.1.source) else { continue };
            let (group, specs) = QuotaGroup::draw(job, quota, table, goods)?;
            self.push(Group::Quota(Box::new(group)), specs);
        }
        Ok(())
    }

    fn holdings(&mut self, job: &Job<'_>, source: &Source, goods: &Goods) {
        let wants = |recipe| job.config.features.recipes.contains(&recipe);
        // What a reload overwrites says nothing of the past.
        let tells = |column| source.column(column).is_some_and(|header| source.is_static(header));
        let mut cells = Vec::new();
        let mut specs = Vec::new();
        let mut add = |cell, name: &str, family, unit, null, text_key, subject: &str| {
            cells.push(cell);
            specs.push(spec(source, name, family, unit, null, text_key, subject));
        };
        if wants(Recipe::Tenure) {
            add(HoldingCell::Tenure, "tenure", Family::Tenure, Unit::Days, NullMeaning::NotYet, "tenure", &source.name);
        }
        if wants(Recipe::Renewal) && tells("renews") {
            let null = NullMeaning::NotApplicable;
            add(
                HoldingCell::Renewal,
                "days_to_renewal",
                Family::Renewal,
                Unit::Days,
                null,
                "days_to_renewal",
                &source.name,
            );
        }
        if wants(Recipe::Money) && tells("price") {
            add(HoldingCell::Price, "price", Family::Money, Unit::Minor, NullMeaning::Unknown, "price", &source.name);
        }
        if wants(Recipe::Holding) {
            add(
                HoldingCell::Count,
                "held",
                Family::Holding,
                Unit::Count,
                NullMeaning::Never,
                "held_count",
                &source.name,
            );
            for (i, family) in goods.families.iter().enumerate() {
                let name = format!("{family}_tier");
                add(HoldingCell::Tier(i), &name, Family::Holding, Unit::Count, NullMeaning::Never, "tier", family);
                let name = format!("{family}_tenure");
                let null = NullMeaning::NotYet;
                add(HoldingCell::FamilyTenure(i), &name, Family::Tenure, Unit::Days, null, "tenure_family", family);
            }
            // Without the column as many units are held as rows.
            let is_told = source.column("quantity").is_none() || tells("quantity");
            for i in goods.counted_families().into_iter().filter(|_| is_told) {
                let family = &goods.families[i];
                let name = format!("{family}_units");
                add(HoldingCell::Units(i), &name, Family::Holding, Unit::Count, NullMeaning::Never, "units", family);
            }
        }
        self.push(Group::Holdings { table: source.name.clone(), cells }, specs);
    }

    /// The tier held of each family and nothing else: there is no since when, and a count of all that is held would tell each offer what
    /// is held of its own family.
    fn cross_section(&mut self, job: &Job<'_>, source: &Source, goods: &Goods) {
        if !job.config.features.recipes.contains(&Recipe::Holding) {
            return;
        }
        let tier = |(i, family): (usize, &String)| {
            let (name, null) = (format!("{family}_tier"), NullMeaning::Never);
            (HoldingCell::Tier(i), spec(source, &name, Family::Holding, Unit::Count, null, "tier", family))
        };
        let (cells, specs) = goods.families.iter().enumerate().map(tier).unzip();
        self.push(Group::Holdings { table: source.name.clone(), cells }, specs);
    }

    fn attributes(&mut self, job: &Job<'_>, source: &Source, table: &TableFile, people: &People) -> Result<()> {
        let wants = |recipe| job.config.features.recipes.contains(&recipe);
        let mut cells = Vec::new();
        let mut specs = Vec::new();
        if wants(Recipe::Tenure) && source.column("joined").is_some() {
            cells.push(AttributeCell::Joined);
            specs.push(spec(
                source,
                "joined",
                Family::Tenure,
                Unit::Days,
                NullMeaning::Unknown,
                "tenure",
                &source.name,
            ));
        }
        if wants(Recipe::Attributes) {
            // What is restricted never reaches a model, and no page that shows features.
            let is_static = |(header, _): &(&String, &AttributeKind)| {
                source.is_static(header) && !source.restricted.contains(*header)
            };
            for attribute in source.attributes.iter().filter(is_static) {
                let drawn = attribute_feature(job, source, table, people, attribute)?;
                let (cell, spec) = drawn.unzip();
                cells.extend(cell);
                specs.extend(spec);
            }
        }
        // The arrival of a reload says when the table came, not since when a value that never changes is known.
        let is_arrival_known = source.history != History::Snapshot;
        let (table, copies) = (source.name.clone(), Vec::new());
        self.push(Group::Attributes { table, cells, is_arrival_known, copies }, specs);
        Ok(())
    }

    /// Attributes that change, by the dated copies of their table.
    fn copied(&mut self, job: &Job<'_>, source: &Source, tables: &Checked, people: &People) -> Result<()> {
        let wants = job.config.features.recipes.contains(&Recipe::Attributes);
        let Some(copied) = tables.copied(&source.name).filter(|_| wants) else { return Ok(()) };
        let Some(table) = tables.table(&copied.table) else { return Ok(()) };
        let is_copied = |(header, _): &(&String, &AttributeKind)| {
            !source.is_static(header) && copied.columns.contains(&attribute_column(header))
        };
        let (mut cells, mut specs) = (Vec::new(), Vec::new());
        for attribute in source.attributes.iter().filter(is_copied) {
            let drawn = attribute_feature(job, source, table, people, attribute)?;
            let (cell, spec) = drawn.unzip();
            cells.extend(cell);
            specs.extend(spec);
        }
        let (table, copies) = (copied.table.clone(), copied.known.clone());
        self.push(Group::Attributes { table, cells, is_arrival_known: true, copies }, specs);
        Ok(())
    }
}

/// The feature of an attribute, as `table` has it; texts make none.
fn attribute_feature(
    job: &Job<'_>,
    source: &Source,
    table: &TableFile,
    people: &People,
    (header, kind): (&String, &AttributeKind),
) -> Result<Option<(AttributeCell, FeatureSpec)>> {
    let column = attribute_column(header);
    let mut spec = spec(source, header, Family::Attribute, Unit::Native, NullMeaning::Unknown, "attribute", header);
    Ok(match kind {
        AttributeKind::Text => None,
        AttributeKind::Category => {
            let levels = Named::read(job, table, &column, people)?;
            spec.unit = Unit::Level;
            spec.kind = FeatureKind::Category(levels.names);
            Some((AttributeCell::Level(column, levels.codes), spec))
        }
        AttributeKind::Flag => {
            spec.unit = Unit::Flag;
            Some((AttributeCell::Value(column), spec))
        }
        AttributeKind::Integer | AttributeKind::Number => Some((AttributeCell::Value(column), spec)),
    })
}

pub(super) fn spec(
    source: &Source,
    name: &str,
    family: Family,
    unit: Unit,
    null: NullMeaning,
    text_key: &'static str,
    subject: &str,
) -> FeatureSpec {
    FeatureSpec {
        name: format!("{}_{}", source.name, plain(name)),
        family,
        source: source.name.clone(),
        window: None,
        unit,
        null,
        kind: FeatureKind::Numeric,
        text_key,
        subject: subject.to_owned(),
    }
}

/// What rules say for an offer.
fn rule_spec(source: &Source, window: Option<Window>, offer: &str) -> FeatureSpec {
    let (name, null) = (format!("rules_{offer}"), NullMeaning::Unknown);
    FeatureSpec { window, ..spec(source, &name, Family::Rules, Unit::Ratio, null, "rules", offer) }
}

/// A name that the pipeline file gives a feature may be nobody else's: whoever reads the column would read another one.
fn check_own(config: &Config, specs: &[FeatureSpec]) -> Result<()> {
    let mut faults = Vec::new();
    for (position, own) in config.features.own.iter().enumerate().filter(|(_, own)| own.by.is_none()) {
        let names = own.windows_days.iter().map(|days| own.name.replace("{days}", &days.to_string()));
        let names: BTreeSet<String> = names.chain([own.name.clone()]).collect();
        let taken = names.iter().find(|name| specs.iter().filter(|spec| spec.name == **name).count() > 1);
        if let Some(name) = taken {
            let key = format!("features.own[{position}].name");
            let fault = Fault::new(Code::ConfigNotAllowed).named(&key).with("key", key.as_str());
            faults.push(fault.with("got", name.as_str()).with("allowed", "≠ features.*"));
        }
    }
    Fault::all(faults)
}

/// Two levels may differ in punctuation only; the later one gets a number.
fn make_unique(specs: &mut [FeatureSpec]) {
    let mut taken: BTreeSet<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for spec in specs {
        if seen.insert(spec.name.clone()) {
            continue;
        }
        // A number may lead to a name that another feature has of its own.
        let mut numbered = (2..=taken.len() + 2).map(|n| format!("{}_{n}", spec.name));
        let free = numbered.find(|name| !taken.contains(name));
        spec.name = free.expect("there are more numbers than features");
        taken.insert(spec.name.clone());
        seen.insert(spec.name.clone());
    }
}

fn event_columns(job: &Job<'_>, source: &Source, table: &TableFile, goods: &Goods) -> Vec<EventColumn> {
    let n_codes = |name: &str| table.dictionary(name).map_or(0, |names| names.len());
    let code = |name: &str, sense| code_column(source, name, n_codes(name), sense);
    let plain = |name: &str, kind, sense| {
        source.column(name).map(|_| EventColumn { name: name.to_owned(), kind, levels: Vec::new(), sense })
    };
    let priced = Use::Priced { minor_units: f64::from(10_u32.pow(job.config.pipeline.minor_digits)) };
    let found = match source.role {
        Role::Events => vec![code("kind", Sense::Kind), plain("value", Use::Real, Sense::Value)],
        Role::Voice => vec![code("topic", Sense::Topic)],
        Role::Purchases => {
            let mut found = vec![
                code("product", Sense::Product),
                code("basket", Sense::Basket),
                plain("amount", Use::Money, Sense::Amount).or_else(|| plain("unit_price", priced, Sense::Amount)),
            ];
            found.extend(joined_columns(job, table, goods).into_iter().map(Some));
            found
        }
        _ => Vec::new(),
    };
    found.into_iter().flatten().collect()
}

/// What tells nights and weekends apart from the rest, where that is asked for.
fn clock_columns(
    job: &Job<'_>,
    source: &Source,
    table: (&TableFile, u32),
    first: Timestamp,
) -> Result<Vec<EventColumn>> {
    let features = &job.config.features;
    let wants = |recipe| features.recipes.contains(&recipe);
    let is_told = matches!(source.role, Role::Purchases | Role::Events);
    if !is_told || !(wants(Recipe::Night) || wants(Recipe::Weekend)) {
        return Ok(Vec::new());
    }
    let has_clock = has_clock_times(job, source, table, first)?;
    // A date is a day where it was written; a time is one of the company's.
    let clock = if has_clock { job.calendar.clock() } else { Calendar::new(&source.time_zone)?.clock() };
    let column = |hours, sense| EventColumn {
        name: "at".to_owned(),
        kind: Use::Clock(Arc::new(hours)),
        levels: Vec::new(),
        sense,
    };
    let night = || column(Hours::of_night(clock.clone(), features.night), Sense::Night);
    let weekend = || column(Hours::of_days(clock.clone(), features.weekend.clone()), Sense::Weekend);
    let night = (wants(Recipe::Night) && has_clock).then(night);
    Ok(night.into_iter().chain(wants(Recipe::Weekend).then(weekend)).collect())
}

fn code_column(source: &Source, name: &str, n_codes: usize, sense: Sense) -> Option<EventColumn> {
    source.column(name)?;
    Some(EventColumn { name: name.to_owned(), kind: Use::Code { n_codes }, levels: Vec::new(), sense })
}

/// One code column for every category attribute of the products, and one for the categories that are offered.
fn joined_columns(job: &Job<'_>, table: &TableFile, goods: &Goods) -> Vec<EventColumn> {
    let dictionary = table.dictionary("product").unwrap_or_default();
    let column =
        |join: Join, levels, sense| EventColumn { name: "product".to_owned(), kind: Use::Joined(join), levels, sense };
    let joins = goods.attributes.keys().filter_map(|name| Some((name, goods.join(name, &dictionary)?)));
    let mut found: Vec<EventColumn> =
        joins.map(|(name, join)| column(join, Vec::new(), Sense::Category(name.clone()))).collect();
    if let Some(category) = &job.config.offers.category
        && let Some(join) = goods.join(&category.level, &dictionary)
    {
        let levels = category.names.iter().filter_map(|name| {
            let code = join.names.binary_search(name).ok()? as u32;
            // Every category that is offered counts, however rare.
            Some(Level { code, name: name.clone(), rank: 0 })
        });
        let levels = levels.collect();
        found.push(column(join, levels, Sense::Offered));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_features_share_a_name() {
        let named = |name: &str| FeatureSpec {
            name: name.to_owned(),
            family: Family::Mix,
            source: "s".to_owned(),
            window: None,
            unit: Unit::Count,
            null: NullMeaning::Never,
            kind: FeatureKind::Numeric,
            text_key: "count_window",
            subject: String::new(),
        };
        let mut specs: Vec<FeatureSpec> = ["a", "a", "a_2", "a", "b"].into_iter().map(named).collect();
        make_unique(&mut specs);
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["a", "a_3", "a_2", "a_4", "b"]);
    }
}

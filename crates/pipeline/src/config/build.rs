//! Makes the typed configuration out of a tree in which every fault would have been found already.

mod benefit;
pub(super) mod guard;
pub(super) mod privacy;
mod timing;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use osusume_model::Date;
use osusume_tables::DateFormat;

use super::currency;
use super::layer::{Entry, Node, Spot, Table, Value};
use super::settings::{
    Anonymous, AsOfPlan, AttributeKind, BasketKind, BelievedResponse, Capacity, CategoryOffers, ChurnBasis,
    Consequents, Correction, DataClass, Decide, DeclaredRate, DerivedFeature, Encoding, Export, Features, Format,
    History, HoldAfter, HoldEvent, KnownSign, Language, LearnFrom, Learning, LeverSetting, Mine, ModelKind, Night,
    Offers, OnError, OwnFeature, OwnMeasure, OwnPeriod, OwnWindow, Penalty, Pipeline, Quality, Quota, QuotaCounted,
    Recipe, Role, Run, Secret, Solver, Source, Train, Utilisation, Valuation, ValueBasis, Weekday,
};
use super::words::{parse_size, parse_step};

/// Why a value cannot be of another kind here.
const CHECKED: &str = "the table of fields was checked before";

/// A table whose keys are known to be there and of their kind.
#[derive(Clone, Copy)]
pub(super) struct At<'a>(pub &'a Table);

impl<'a> At<'a> {
    fn find(self, key: &str) -> Option<&'a Node> {
        self.0.get(key).map(|entry| &entry.node)
    }

    fn node(self, key: &str) -> &'a Node {
        self.find(key).expect(CHECKED)
    }

    pub(super) fn table(self, key: &str) -> Self {
        Self(self.node(key).as_table().expect(CHECKED))
    }

    /// A table that a role may not have.
    pub(super) fn map(self, key: &str) -> Option<Self> {
        self.find(key).and_then(Node::as_table).map(Self)
    }

    /// Every key of this table with its text or texts.
    fn lists(self) -> BTreeMap<String, Vec<String>> {
        self.0.keys().map(|key| (key.clone(), self.texts(key))).collect()
    }

    fn tables(self, key: &str) -> impl Iterator<Item = Self> {
        self.node(key).as_list().expect(CHECKED).iter().map(|node| Self(node.as_table().expect(CHECKED)))
    }

    pub(super) fn text(self, key: &str) -> String {
        self.node(key).as_text().expect(CHECKED).to_owned()
    }

    /// A text that need not be there.
    fn optional(self, key: &str) -> Option<String> {
        self.find(key).and_then(Node::as_text).map(str::to_owned)
    }

    fn texts(self, key: &str) -> Vec<String> {
        let node = self.node(key);
        let items = node.as_list().unwrap_or(std::slice::from_ref(node));
        items.iter().map(|item| item.as_text().expect(CHECKED).to_owned()).collect()
    }

    fn word<T>(self, key: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        parse(self.node(key).as_text().expect(CHECKED)).expect(CHECKED)
    }

    fn integer<T: TryFrom<i64>>(self, key: &str) -> T {
        integer(self.node(key)).expect(CHECKED)
    }

    fn number(self, key: &str) -> f64 {
        number(self.node(key)).expect(CHECKED)
    }

    fn flag(self, key: &str) -> Option<bool> {
        match self.find(key)?.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }
}

fn integer<T: TryFrom<i64>>(node: &Node) -> Option<T> {
    match node.value {
        Value::Integer(n) => T::try_from(n).ok(),
        _ => None,
    }
}

fn number(node: &Node) -> Option<f64> {
    match node.value {
        Value::Number(x) => Some(x),
        _ => None,
    }
}

fn date(node: &Node) -> Option<Date> {
    match node.value {
        Value::Date(date) => Some(date),
        _ => None,
    }
}

fn dates(node: &Node) -> Vec<Date> {
    node.as_list().unwrap_or_default().iter().filter_map(date).collect()
}

/// Fills in the defaults that follow from other keys.
pub(super) fn derive(root: &mut Table) {
    let pipeline = At(root).table("pipeline");
    let (name, zone, digits) =
        (pipeline.text("name"), pipeline.text("time_zone"), currency::digits(&pipeline.text("currency")));
    default_in(root, &["pipeline", "minor_digits"], Value::Integer(digits));
    default_in(root, &["decide", "holdout", "salt"], Value::Text(name));
    let sources: Vec<String> = At(root).table("sources").0.keys().cloned().collect();
    for source in sources {
        default_in(root, &["sources", &source, "time_zone"], Value::Text(zone.clone()));
    }
}

fn default_in(root: &mut Table, path: &[&str], value: Value) {
    let (last, outer) = path.split_last().expect("a path has a key");
    let mut table = root;
    for key in outer {
        let Some(Entry { node: Node { value: Value::Table(inner), .. }, .. }) = table.get_mut(*key) else { return };
        table = inner;
    }
    let entry = || Entry { key: Spot::NOWHERE, node: Node::new(value, Spot::NOWHERE) };
    table.entry((*last).to_owned()).or_insert_with(entry);
}

/// `path` as seen from the working directory, when it was written in a file of folder `base`.
///
/// `..` is resolved by name, not by asking the disk, so that messages show the path a person would have typed.
pub(super) fn resolve(base: &Path, path: &str) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in base.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(resolved.components().next_back(), Some(Component::Normal(_))) => {
                resolved.pop();
            }
            part => resolved.push(part),
        }
    }
    if resolved.as_os_str().is_empty() { PathBuf::from(".") } else { resolved }
}

pub(super) fn pipeline(at: At) -> Pipeline {
    Pipeline {
        name: at.text("name"),
        time_zone: at.text("time_zone"),
        currency: at.text("currency"),
        minor_digits: at.integer("minor_digits"),
        purpose: at.text("purpose"),
        as_of: at.find("as_of").and_then(date),
    }
}

pub(super) fn sources(at: At, base: &Path) -> BTreeMap<String, Source> {
    let source = |name: &String| (name.clone(), source(name, at.table(name), base));
    at.0.keys().map(source).collect()
}

fn source(name: &str, at: At, base: &Path) -> Source {
    Source {
        name: name.to_owned(),
        role: at.word("role", Role::parse),
        paths: at.texts("path").iter().map(|path| resolve(base, path).to_string_lossy().into_owned()).collect(),
        format: at.word("format", Format::parse),
        encoding: at.word("encoding", Encoding::parse),
        delimiter: at.text("delimiter").as_bytes()[0],
        null_tokens: at.texts("null_tokens"),
        time_zone: at.text("time_zone"),
        date_format: at.word("date_format", DateFormat::parse),
        columns: at.table("columns").0.keys().map(|key| (key.clone(), at.table("columns").text(key))).collect(),
        attributes: at.map("attributes").map(attributes).unwrap_or_default(),
        history: at.word("history", History::parse),
        assume_static: at.find("assume_static").map(|_| at.texts("assume_static")).unwrap_or_default(),
        complete: at.flag("complete").unwrap_or(true),
        anonymous: at.find("anonymous").map_or(Anonymous::Reject, |_| at.word("anonymous", Anonymous::parse)),
        keep: at.map("keep").map(At::lists).unwrap_or_default(),
        holds: at.map("holds").map(holds).unwrap_or_default(),
        reveals: at.map("reveals").map(At::lists).unwrap_or_default(),
        restricted: at.find("restricted").map(|_| at.texts("restricted")).unwrap_or_default(),
        data_class: at.word("data_class", DataClass::parse),
        purposes: at.find("purposes").map(|_| at.texts("purposes")),
    }
}

fn holds(at: At) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    at.0.keys().map(|product| (product.clone(), at.table(product).lists())).collect()
}

fn attributes(at: At) -> BTreeMap<String, AttributeKind> {
    at.0.keys().map(|header| (header.clone(), at.word(header, AttributeKind::parse))).collect()
}

pub(super) fn quality(at: At) -> Quality {
    Quality {
        on_error: at.word("on_error", OnError::parse),
        max_rejects: at.integer("max_rejects"),
        max_reject_rate: at.number("max_reject_rate"),
        max_shrink: at.number("max_shrink"),
    }
}

pub(super) fn offers(at: At) -> Offers {
    Offers {
        upsell_families: at.table("upsell").texts("families"),
        skip_steps: at.table("upsell").flag("skip_steps").expect(CHECKED),
        upsell_replaces: at.table("upsell").flag("replaces").expect(CHECKED),
        cross_sell_families: at.table("cross_sell").texts("families"),
        category: at.find("category").and_then(Node::as_table).map(|table| category(At(table))),
        horizon_days: at.integer("horizon_days"),
        gap_days: at.integer("gap_days"),
        kept_days: at.integer("kept_days"),
        benefits: benefit::benefits(at),
    }
}

fn category(at: At) -> CategoryOffers {
    CategoryOffers {
        source: at.text("source"),
        level: at.text("level"),
        names: at.texts("names"),
        not_bought_days: at.integer("not_bought_days"),
        margin_minor: at.integer("margin_minor"),
    }
}

pub(super) fn features(at: At) -> Features {
    let windows = at.node("windows_days").as_list().expect(CHECKED);
    let mut recipes: Vec<Recipe> = at.texts("recipes").iter().map(|word| Recipe::parse(word).expect(CHECKED)).collect();
    recipes.sort_unstable();
    let levels = at.integer("levels");
    Features {
        windows_days: windows.iter().map(|node| integer(node).expect(CHECKED)).collect(),
        recipes,
        levels,
        active_days: at.find("active_days").and_then(integer),
        night: night(at.node("night_hours").as_list().expect(CHECKED)),
        weekend: at.texts("weekend").iter().map(|word| Weekday::parse(word).expect(CHECKED)).collect(),
        quota: at.tables("quota").map(quota).collect(),
        utilisation: at.map("utilisation").map(utilisation),
        own: at.tables("own").map(|at| own_feature(at, levels)).collect(),
        derived: at
            .tables("derived")
            .map(|at| DerivedFeature { name: at.text("name"), expression: at.text("expression") })
            .collect(),
    }
}

fn utilisation(at: At) -> Utilisation {
    let text = |key| at.find(key).and_then(Node::as_text).map(str::to_owned);
    Utilisation {
        source: at.text("source"),
        by: text("by"),
        depth: text("depth"),
        window_days: at.integer("window_days"),
    }
}

fn quota(at: At) -> Quota {
    let text = |key| at.find(key).and_then(Node::as_text).map(str::to_owned);
    let period = text("period").and_then(|word| OwnPeriod::parse(&word)).map(QuotaCounted::Period);
    let days = || at.find("days").and_then(integer).map(QuotaCounted::Days);
    Quota {
        name: at.text("name"),
        source: at.text("source"),
        kind: text("kind"),
        limit: text("limit"),
        counted: period.or_else(days).unwrap_or(QuotaCounted::Newest),
        hit_kind: text("hit_kind"),
    }
}

fn night(hours: &[Node]) -> Night {
    let hour = |position: usize| hours.get(position).and_then(integer).expect(CHECKED);
    Night { from: hour(0), to: hour(1) }
}

fn own_feature(at: At, levels: usize) -> OwnFeature {
    let text = |key| at.find(key).and_then(Node::as_text).map(str::to_owned);
    let windows = at.node("windows_days").as_list().expect(CHECKED);
    OwnFeature {
        name: at.text("name"),
        source: at.text("source"),
        measure: at.word("measure", OwnMeasure::parse),
        of: text("of"),
        by: text("by"),
        levels: at.find("levels").and_then(integer).unwrap_or(levels),
        only: at.texts("only"),
        windows_days: windows.iter().map(|node| integer(node).expect(CHECKED)).collect(),
        window: text("window").and_then(|word| OwnWindow::parse(&word)),
        level: at.find("level").and_then(number).unwrap_or(0.5),
        half_life_days: at.find("half_life_days").and_then(number).unwrap_or(1.0),
        period: text("period").and_then(|word| OwnPeriod::parse(&word)).unwrap_or(OwnPeriod::Day),
    }
}

pub(super) fn train(at: At) -> Train {
    let plan = at.node("as_of");
    let as_of = match plan.as_table() {
        Some(every) => AsOfPlan::Every { step: At(every).word("every", parse_step), count: At(every).integer("count") },
        None => AsOfPlan::Dates { dates: dates(plan), tests: dates(at.node("tests")) },
    };
    Train {
        as_of,
        model: at.word("model", ModelKind::parse),
        solver: at.word("solver", Solver::parse),
        penalty: number(at.node("penalty")).map_or(Penalty::Auto, Penalty::Fixed),
        max_rows: at.integer("max_rows"),
        min_positives: at.integer("min_positives"),
        prior: at.tables("prior").map(|at| DeclaredRate { offer: at.text("offer"), rate: at.number("rate") }).collect(),
        calibration_gate: at.flag("calibration_gate").expect(CHECKED),
        learn_from: at.word("learn_from", LearnFrom::parse),
        include_opted_out: at.flag("include_opted_out").expect(CHECKED),
        folds: at.integer("folds"),
        seed: at.text("seed"),
    }
}

pub(super) fn mine(at: At) -> Mine {
    Mine {
        baskets: at.word("baskets", BasketKind::parse),
        level: at.text("level"),
        above: at.texts("above"),
        days: at.integer("days"),
        min_support: at.number("min_support"),
        max_length: at.integer("max_length"),
        consequents: at.word("consequents", Consequents::parse),
        false_discovery_rate: at.number("false_discovery_rate"),
        correction: at.word("correction", Correction::parse),
        follow_days: at.integer("follow_days"),
        max_itemsets: at.integer("max_itemsets"),
    }
}

pub(super) fn decide(at: At) -> Decide {
    let (consent, holdout, limit) = (at.table("consent"), at.table("holdout"), at.table("contact_limit"));
    let hold = |at: At| HoldAfter {
        event: at.word("event", HoldEvent::parse),
        days: at.integer("days"),
        is_by_tone: at.flag("by_tone").expect(CHECKED),
        n: at.integer("n"),
        answer_days: at.integer("answer_days"),
    };
    Decide {
        per_customer: at.integer("per_customer"),
        per_household: at.find("per_household").and_then(integer),
        months: at.integer("months"),
        monthly_survival: at.number("monthly_survival"),
        yearly_discount: at.number("yearly_discount"),
        min_value_minor: at.integer("min_value_minor"),
        contact_cost_minor: at.integer("contact_cost_minor"),
        channels: at.texts("channels"),
        is_consent_required: consent.flag("required").expect(CHECKED),
        consent_purpose: consent.text("purpose"),
        holdout_fraction: holdout.find("fraction").and_then(number),
        holdout_salt: Secret::new(holdout.text("salt")),
        switch_gain: at.number("switch_gain"),
        explore_fraction: at.table("explore").number("fraction"),
        explore_among: at.table("explore").integer("among"),
        explore_min_value_minor: at.table("explore").find("min_value_minor").and_then(integer),
        learning: Learning {
            propensity_arm: at.table("arms").number("propensity"),
            random_arm: at.table("arms").number("random"),
            detect: holdout.number("detect"),
            at_most: holdout.number("at_most"),
            offer_fraction: holdout.table("offers").number("fraction"),
            offer_fractions: holdout
                .map("per_offer")
                .map(|map| map.0.keys().map(|key| (key.clone(), map.number(key))).collect())
                .unwrap_or_default(),
        },
        contact_limit_days: limit.integer("days"),
        contact_limit_max: limit.integer("max"),
        min_days_between: limit.integer("min_days_between"),
        counts_outstanding: limit.flag("outstanding").expect(CHECKED),
        response: at
            .map("response")
            .map(|map| map.0.keys().map(|key| (key.clone(), map.number(key))).collect())
            .unwrap_or_default(),
        valuation: valuation(at),
        hold_after: at.tables("hold_after").map(hold).collect(),
        capacity: at.tables("capacity").map(capacity).collect(),
        timing: timing::timing(at),
    }
}

fn valuation(at: At) -> Valuation {
    let map = |key: &str| at.map(key).into_iter().flat_map(|map| map.0.keys().map(move |name| (name.clone(), map)));
    let believed = at.table("believed_response");
    let lever = |at: At| LeverSetting { factor: at.number("factor"), added_minor: at.integer("added_minor") };
    Valuation {
        basis: at.word("value", ValueBasis::parse),
        channel_cost_minor: map("channel_cost_minor").map(|(name, map)| (name.clone(), map.integer(&name))).collect(),
        churn_per_contact: at.number("churn_per_contact"),
        churn: at.word("churn", ChurnBasis::parse),
        believed: BelievedResponse {
            mean: believed.number("mean"),
            spread: believed.number("spread"),
            between_offers: believed.number("between_offers"),
        },
        wear_out: at.number("wear_out"),
        levers: map("levers").map(|(name, map)| (name.clone(), lever(map.table(&name)))).collect(),
    }
}

fn capacity(at: At) -> Capacity {
    let text = |key: &str| at.find(key).and_then(Node::as_text).map(ToOwned::to_owned);
    Capacity {
        offer: text("offer"),
        channel: text("channel"),
        max: at.find("max").and_then(integer),
        min: at.find("min").and_then(integer).unwrap_or(0),
        budget_minor: at.find("budget_minor").and_then(integer),
        condition: text("when"),
    }
}

pub(super) fn exports(at: At, base: &Path) -> Vec<Export> {
    let export = |at: At| Export {
        profile: at.text("profile"),
        profile_file: at.find("profile_file").and_then(Node::as_text).map(|file| resolve(base, file)),
        path: resolve(base, &at.text("path")),
    };
    at.tables("export").map(export).collect()
}

pub(super) fn language(at: At) -> Language {
    at.word("language", Language::parse)
}

pub(super) fn spoken_names(at: At) -> BTreeMap<String, String> {
    let names = at.find("names").and_then(Node::as_table).into_iter();
    names.flat_map(|names| names.keys().map(|name| (name.clone(), At(names).text(name)))).collect()
}

pub(super) fn known_signs(at: At) -> Vec<KnownSign> {
    let known = |at: At| {
        let text = |key: &str| at.find(key).and_then(Node::as_text).map(str::to_owned);
        KnownSign {
            source: at.text("source"),
            sign: text("sign"),
            column: text("column"),
            offer: text("offer"),
            because: at.text("because"),
        }
    };
    at.tables("known").map(known).collect()
}

pub(super) fn run(at: At, base: &Path) -> Run {
    let directory = resolve(base, &at.text("directory"));
    Run {
        copies: directory.with_file_name("history"),
        directory,
        threads: integer(at.node("threads")),
        memory: at.node("memory").as_text().and_then(parse_size),
    }
}

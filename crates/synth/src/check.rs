//! Ranges and sizes of a world file: what makes it playable, whatever the numbers mean.

use osusume_model::Fault;

use crate::plan::{MOST_NAMES, invalid};
use crate::schema::{Attribute, AttributeKind, Term, WorldFile};

/// Rates, weights, levels and money beyond this have lost their meaning.
const LARGE: f64 = 1e6;
const LARGE_DAYS: f64 = 3_660.0;

/// Everything that is out of range.
pub(crate) fn check(file: &WorldFile) -> Vec<Fault> {
    let mut faults = Vec::new();
    if file.format_version != 1 {
        faults.push(invalid("format_version", format_args!("got {}, this program reads 1", file.format_version)));
    }
    check_sizes(file, &mut faults);
    check_segments(file, &mut faults);
    for (key, value, low, high) in ranges(file) {
        // Not a number is in no range.
        if !(low..=high).contains(&value) {
            faults.push(invalid(key, format_args!("got {value}, between {low} and {high} is possible")));
        }
    }
    file.attribute.iter().for_each(|attribute| check_attribute(attribute, &mut faults));
    let tickets = file.trigger.iter().filter_map(|trigger| trigger.ticket.as_ref());
    let lacks = |texts: &crate::schema::Texts| ["ja", "en"].iter().any(|l| texts.get(*l).is_none_or(Vec::is_empty));
    if tickets.into_iter().any(|ticket| lacks(&ticket.texts)) {
        faults.push(invalid("trigger.ticket.texts", "needs at least one text in `ja` and in `en`"));
    }
    crate::covariates::check(file, &mut faults);
    if file.contact.least > file.contact.most {
        faults.push(invalid("contact.least", "is above `contact.most`"));
    }
    faults
}

fn check_sizes(file: &WorldFile, faults: &mut Vec<Fault>) {
    let sizes = [
        ("segment", file.segment.len()),
        ("response", file.response.len()),
        ("product", file.product.len()),
        ("offer", file.offer.len()),
        ("attribute", file.attribute.len()),
        ("family", file.family.len()),
        ("setting.consents", file.setting.consents.len()),
        ("setting.household_sizes", file.setting.household_sizes.len()),
    ];
    let held = file.family.iter().map(|family| ("family.held", family.held.len()));
    let items = file.shop.iter().map(|shop| ("shop.item", shop.item.len()));
    for (key, size) in sizes.into_iter().chain(held).chain(items) {
        if size == 0 || size > MOST_NAMES {
            faults.push(invalid(key, format_args!("there are {size}, between 1 and {MOST_NAMES} are possible")));
        }
    }
}

/// Every table by segment names segments that exist.
fn check_segments(file: &WorldFile, faults: &mut Vec<Fault>) {
    let responses = file.response.iter().map(|r| ("response.by_segment", r.by_segment.keys()));
    let needs = file.need.iter().map(|n| ("need.by_segment", n.by_segment.keys()));
    let metrics = file.metric.iter().map(|m| ("metric.by_segment", m.by_segment.keys()));
    let shops = file.shop.iter().map(|s| ("shop.by_segment", s.by_segment.keys()));
    let missing = file.attribute.iter().map(|a| ("attribute.missing_by_segment", a.missing_by_segment.keys()));
    let numbers = responses
        .chain(needs)
        .chain(metrics)
        .chain(missing)
        .chain(shops)
        .flat_map(|(key, names)| names.map(move |n| (key, n)));
    let attributes = file.attribute.iter().map(|a| ("attribute.by_segment", a.by_segment.keys()));
    let families = file.family.iter().map(|f| ("family.by_segment", f.by_segment.keys()));
    let lists = attributes.chain(families).flat_map(|(key, names)| names.map(move |n| (key, n)));
    for (key, name) in numbers.chain(lists) {
        if !file.segment.iter().any(|segment| segment.name == *name) {
            faults.push(invalid(key, format_args!("no segment is named `{name}`")));
        }
    }
}

fn check_attribute(attribute: &Attribute, faults: &mut Vec<Fault>) {
    let n = attribute.values.len();
    if attribute.kind == AttributeKind::Category && (n == 0 || n > MOST_NAMES) {
        faults.push(invalid("attribute.values", format_args!("`{}` has {n} values", attribute.name)));
    }
    if attribute.low > attribute.high {
        faults.push(invalid("attribute.low", format_args!("of `{}` is above its `high`", attribute.name)));
    }
    let wanted = match attribute.kind {
        AttributeKind::Category => n,
        AttributeKind::Number => 2,
        AttributeKind::Flag | AttributeKind::After => 1,
    };
    let weights = (!attribute.weights.is_empty()).then_some(&attribute.weights);
    if attribute.by_segment.values().chain(weights).any(|list| list.len() != wanted) {
        faults
            .push(invalid("attribute.by_segment", format_args!("`{}` needs {wanted} numbers a list", attribute.name)));
    }
}

type Range = (&'static str, f64, f64, f64);

/// Every number with its key and what is possible.
fn ranges(file: &WorldFile) -> Vec<Range> {
    let mut all = setting_ranges(file);
    for term in terms(file) {
        all.push(("term.weight", term.weight, -50.0, 50.0));
    }
    for r in &file.response {
        all.push(("response.effect", r.effect, -1.0, 10.0));
        all.push(("response.natural", r.natural, 0.0, LARGE));
        all.push(("response.churn", r.churn, 0.0, LARGE));
        all.extend(weights("response.by_segment", r.by_segment.values()));
    }
    for n in &file.need {
        all.push(("need.onset_per_year", n.onset_per_year, 0.0, LARGE));
        all.push(("need.initial", n.initial, 0.0, 1.0));
        all.push(("need.growth_weeks", n.growth_weeks, 0.01, LARGE_DAYS));
        all.extend(weights("need.by_segment", n.by_segment.values()));
    }
    for a in &file.attribute {
        all.extend([a.mean, a.sd, a.low, a.high].map(|number| ("attribute", number, -LARGE, LARGE)));
        all.push(("attribute.share", a.share, 0.0, 1.0));
        all.extend(a.by_segment.values().flatten().map(|number| ("attribute.by_segment", *number, -LARGE, LARGE)));
    }
    for m in &file.metric {
        all.push(("metric.median", m.median, 1e-6, 1e9));
        all.push(("metric.every_months", f64::from(m.every_months), 1.0, 120.0));
        all.push(("metric.decimals", f64::from(m.decimals), 0.0, 9.0));
        all.extend([m.sd, m.noise, m.growth_per_year, m.season].map(|number| ("metric", number, -10.0, 10.0)));
        all.push(("metric.season_peak", m.season_peak, 0.0, 13.0));
        all.extend(m.by_segment.values().map(|factor| ("metric.by_segment", *factor, 1e-6, LARGE)));
        all.extend(m.most.map(|most| ("metric.most", most, 1e-6, 1e9)));
    }
    for t in &file.trigger {
        all.push(("trigger.per_year", t.per_year, 0.0, 1_000.0));
        all.push(("trigger.quiet_days", f64::from(t.quiet_days), 0.0, LARGE_DAYS));
        all.extend(
            t.ticket.iter().map(|ticket| ("ticket.closed_days", f64::from(ticket.closed_days), 0.0, LARGE_DAYS)),
        );
    }
    all.extend(offer_ranges(file));
    all
}

fn setting_ranges(file: &WorldFile) -> Vec<Range> {
    let setting = &file.setting;
    let mut all = vec![
        ("setting.missing", setting.missing, 0.0, 1.0),
        ("setting.late", setting.late, 0.0, 1.0),
        ("setting.japanese", setting.japanese, 0.0, 1.0),
        ("setting.joined_before", setting.joined_before, 0.0, 1.0),
        ("setting.years_before", setting.years_before, 0.0, 100.0),
        ("setting.utc_offset_minutes", f64::from(setting.utc_offset_minutes), -900.0, 900.0),
        ("setting.minor_digits", f64::from(setting.minor_digits), 0.0, 4.0),
        ("setting.horizon_days", f64::from(setting.horizon_days), 1.0, LARGE_DAYS),
        ("setting.gap_days", f64::from(setting.gap_days), 0.0, LARGE_DAYS),
        ("setting.kept_days", f64::from(setting.kept_days), 0.0, LARGE_DAYS),
    ];
    all.extend(setting.late_days.map(|days| ("setting.late_days", f64::from(days), 1.0, LARGE_DAYS)));
    all.extend(weights("setting.household_sizes", &setting.household_sizes));
    for channel in &setting.consents {
        all.push(("consents.refused", channel.refused, 0.0, 1.0));
        all.push(("consents.changed", channel.changed, 0.0, 1.0));
    }
    all.extend(weights("segment.share", file.segment.iter().map(|segment| &segment.share)));
    all.extend(weights("response.share", file.response.iter().map(|response| &response.share)));
    all
}

fn offer_ranges(file: &WorldFile) -> Vec<Range> {
    let mut all = Vec::new();
    for o in &file.offer {
        let shares = [o.floor, o.jump, o.returned, o.stepped_back];
        all.extend(shares.map(|share| ("offer", share, 0.0, 1.0)));
        all.push(("offer.per_60_days", o.per_60_days, 0.0, 100.0));
        all.push(("offer.cap", o.cap, 1e-6, 100.0));
        all.push(("offer.taste", o.taste, 0.0, 10.0));
    }
    for f in &file.family {
        all.extend(weights("family.held", f.held.values()));
        all.push(("family.joining", f.joining, 0.0, LARGE));
    }
    for p in &file.product {
        all.push(("product.renews_months", f64::from(p.renews_months), 0.0, 1_200.0));
        all.push(("product.tier", f64::from(p.tier), 1.0, 1_000.0));
    }
    for c in &file.campaign {
        all.push(("campaign.day", f64::from(c.day), 1.0, 28.0));
        all.extend([c.worked, c.slice, c.sent].map(|share| ("campaign", share, 0.0, 1.0)));
    }
    all.extend(file.migration.iter().map(|m| ("migration.share", m.share, 0.0, 1.0)));
    all.push(("churn.per_year", file.churn.per_year, 0.0, 1_000.0));
    let contact = &file.contact;
    all.extend([contact.least, contact.most].map(|effect| ("contact", effect, -1.0, 10.0)));
    all.extend([contact.fatigue, contact.annoyance].map(|price| ("contact", price, 0.0, 100.0)));
    all.extend(shop_ranges(file));
    let days = [contact.lasts_days, contact.fatigue_days, contact.churn_days];
    all.extend(days.map(|days| ("contact", f64::from(days), 0.0, LARGE_DAYS)));
    all
}

fn shop_ranges(file: &WorldFile) -> Vec<Range> {
    let refills = file.product.iter().map(|p| ("product.refill_days", f64::from(p.refill_days), 0.0, LARGE_DAYS));
    let mut all: Vec<Range> = refills.collect();
    if let Some(shop) = &file.shop {
        all.push(("shop.baskets_per_year", shop.baskets_per_year, 0.0, 1_000.0));
        all.push(("shop.sd", shop.sd, 0.0, 10.0));
        all.push(("shop.more_items", shop.more_items, 0.0, 100.0));
        all.push(("shop.beside", shop.beside, 0.0, 1.0));
        all.push(("shop.monthly_margin", shop.monthly_margin as f64, -LARGE, LARGE));
        all.extend(shop.by_segment.values().map(|factor| ("shop.by_segment", *factor, 1e-6, LARGE)));
        all.extend(weights("item.weight", shop.item.iter().map(|item| &item.weight)));
    }
    all
}

fn weights<'a>(key: &'static str, numbers: impl IntoIterator<Item = &'a f64>) -> impl Iterator<Item = Range> {
    numbers.into_iter().map(move |number| (key, *number, 0.0, LARGE))
}

fn terms(file: &WorldFile) -> impl Iterator<Item = &Term> {
    let offers = file.offer.iter().map(|offer| &offer.terms);
    let metrics = file.metric.iter().map(|metric| &metric.terms);
    let triggers = file.trigger.iter().map(|trigger| &trigger.terms);
    let campaigns = file.campaign.iter().map(|campaign| &campaign.terms);
    let own = [&file.churn.terms, &file.contact.terms];
    offers.chain(metrics).chain(triggers).chain(campaigns).chain(own).flatten()
}

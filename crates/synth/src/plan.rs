//! The world file checked and compiled: names become positions, so that a step of a life looks nothing up.

use osusume_model::{Code, Date, Fault, Result};

use crate::check::check;
use crate::math::ln;
use crate::schema::{self, AttributeKind, WorldFile};

/// Day number that stands for "never yet".
pub(crate) const NEVER: i32 = i32::MIN / 2;
/// Drivers every world has, in front of those of its file.
const FIXED_DRIVERS: [&str; 4] = ["tenure_days", "days_to_renewal", "products_held", "recent_contacts"];
/// Position of the last of them.
pub(crate) const RECENT_CONTACTS: usize = 3;
/// What `days_to_renewal` is when nothing renews.
pub(crate) const NO_RENEWAL: f64 = 9_999.0;
/// Masks are one word.
pub(crate) const MOST_NAMES: usize = 64;

/// A compiled gate; see [`schema::Gate`].
#[derive(Clone, Debug)]
pub(crate) enum Gate {
    Above { driver: usize, at: f64, own: Option<usize> },
    Below { driver: usize, at: f64, own: Option<usize> },
    Between { driver: usize, from: f64, to: f64 },
    Saturating { driver: usize, half: f64 },
    Within { triggers: Vec<usize>, days: f64 },
    Among { attribute: usize, values: u64 },
    Segments(u64),
    Holds(u64),
    Season { peak: f64 },
    Household { days: i32 },
}

/// A compiled term; see [`schema::Term`].
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) weight: f64,
    pub(crate) from: i32,
    pub(crate) until: i32,
    pub(crate) gates: Vec<Gate>,
}

/// A compiled offer.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) product: usize,
    pub(crate) family: usize,
    /// Product of the next higher tier, where there is one.
    pub(crate) next: Option<usize>,
    pub(crate) terms: Vec<Term>,
}

/// A compiled product.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) family: usize,
    pub(crate) tier: u32,
    /// For each required family, the mask of its products.
    pub(crate) requires: Vec<u64>,
    /// Products that rule it out.
    pub(crate) excludes: u64,
    pub(crate) renews_months: i32,
}

/// A compiled campaign.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    /// Positions among the offers.
    pub(crate) offers: Vec<usize>,
    pub(crate) channel: usize,
    pub(crate) from: i32,
    pub(crate) until: i32,
    pub(crate) terms: Vec<Term>,
}

/// Something the company does to all holders of a product on one day.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) day: i32,
    pub(crate) product: usize,
    pub(crate) to: usize,
    pub(crate) fee: i64,
    pub(crate) share: f64,
}

/// What may be held of a family on the first day: nothing or a product, with weights by segment.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) choices: Vec<Option<usize>>,
    /// One list a segment.
    pub(crate) weights: Vec<Vec<f64>>,
}

/// Everything of the file as positions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) start: i32,
    pub(crate) end: i32,
    pub(crate) n_drivers: usize,
    pub(crate) first_metric: usize,
    pub(crate) first_surge: usize,
    pub(crate) first_need: usize,
    pub(crate) first_attribute: usize,
    /// Standard deviation of each personal threshold.
    pub(crate) spreads: Vec<f64>,
    pub(crate) starts: Vec<Start>,
    pub(crate) products: Vec<Product>,
    pub(crate) offers: Vec<Offer>,
    /// For each metric and segment, the log of the median level.
    pub(crate) medians: Vec<Vec<f64>>,
    pub(crate) metric_terms: Vec<Vec<Term>>,
    pub(crate) trigger_terms: Vec<Vec<Term>>,
    pub(crate) churn: Vec<Term>,
    pub(crate) contact: Vec<Term>,
    pub(crate) campaigns: Vec<Campaign>,
    /// Re-pricings and migrations by day.
    pub(crate) changes: Vec<Change>,
    /// Masks of the products that satisfy each need.
    pub(crate) satisfied: Vec<u64>,
    /// For each need and segment, how often it begins in a year.
    pub(crate) onsets: Vec<Vec<f64>>,
    pub(crate) renewal_family: usize,
    /// Family of each `after` attribute.
    pub(crate) after: Vec<Option<usize>>,
    /// In a shop, masks of the products each item goes with.
    pub(crate) goes_with: Vec<u64>,
}

/// Compiles and checks a world; all faults are reported together.
pub(crate) fn compile(file: &WorldFile) -> Result<Plan> {
    let mut c = Compiler::new(file);
    // Sizes and ranges first: with an empty list no position is valid.
    Fault::all(check(file))?;
    let mut plan = c.frame();
    plan.products = c.products();
    plan.starts = c.starts();
    plan.satisfied = file.need.iter().map(|need| c.product_mask("need.satisfied_by", &need.satisfied_by)).collect();
    plan.onsets = file.need.iter().map(|n| c.by_segment(n.onset_per_year, &n.by_segment)).collect();
    plan.medians = file.metric.iter().map(|m| c.by_segment(m.median, &m.by_segment)).collect();
    plan.medians.iter_mut().flatten().for_each(|median| *median = ln(*median));
    plan.metric_terms = file.metric.iter().map(|m| c.terms("metric.terms", &m.terms)).collect();
    plan.trigger_terms = file.trigger.iter().map(|t| c.terms("trigger.terms", &t.terms)).collect();
    plan.churn = c.terms("churn.terms", &file.churn.terms);
    plan.contact = c.terms("contact.terms", &file.contact.terms);
    plan.offers = c.offers(&plan.products);
    plan.campaigns = file.campaign.iter().map(|campaign| c.campaign(campaign)).collect();
    plan.changes = c.changes();
    plan.after = c.after();
    let items = file.shop.iter().flat_map(|shop| &shop.item);
    plan.goes_with = items.map(|item| c.product_mask("item.goes_with", &item.goes_with)).collect();
    plan.spreads = c.spreads;
    Fault::all(c.faults)?;
    Ok(plan)
}

struct Compiler<'a> {
    file: &'a WorldFile,
    drivers: Vec<String>,
    spreads: Vec<f64>,
    faults: Vec<Fault>,
}

impl<'a> Compiler<'a> {
    fn new(file: &'a WorldFile) -> Self {
        let mut drivers: Vec<String> = FIXED_DRIVERS.iter().map(|&name| name.to_owned()).collect();
        drivers.extend(file.metric.iter().map(|m| format!("metric.{}", m.name)));
        drivers.extend(file.metric.iter().map(|m| format!("surge.{}", m.name)));
        drivers.extend(file.need.iter().map(|n| format!("need.{}", n.name)));
        drivers.extend(file.attribute.iter().map(|a| format!("attribute.{}", a.name)));
        Self { file, drivers, spreads: Vec::new(), faults: Vec::new() }
    }

    fn fault(&mut self, key: &str, detail: impl std::fmt::Display) {
        self.faults.push(invalid(key, detail));
    }

    fn find<'n>(&mut self, key: &str, names: impl Iterator<Item = &'n str>, wanted: &str) -> usize {
        let mut names = names;
        names.position(|name| name == wanted).unwrap_or_else(|| {
            self.fault(key, format_args!("nothing is named `{wanted}`"));
            0
        })
    }

    fn day(&mut self, key: &str, text: &str) -> i32 {
        text.parse::<Date>().map_or_else(
            |why| {
                self.fault(key, why);
                0
            },
            |date| date.0,
        )
    }

    fn frame(&mut self) -> Plan {
        let file = self.file;
        let (metrics, needs) = (file.metric.len(), file.need.len());
        let first_metric = FIXED_DRIVERS.len();
        let families = file.family.iter().map(|f| f.name.as_str());
        let plan = Plan {
            start: self.day("setting.start", &file.setting.start),
            end: self.day("setting.end", &file.setting.end),
            n_drivers: self.drivers.len(),
            first_metric,
            first_surge: first_metric + metrics,
            first_need: first_metric + 2 * metrics,
            first_attribute: first_metric + 2 * metrics + needs,
            renewal_family: self.find("setting.renewal_family", families, &file.setting.renewal_family),
            ..Plan::default()
        };
        if plan.start >= plan.end {
            self.fault("setting.end", "lies not after `setting.start`");
        }
        plan
    }

    /// The number of each segment: `base` times its factor.
    fn by_segment(&self, base: f64, factors: &schema::BySegment) -> Vec<f64> {
        let file = self.file;
        file.segment.iter().map(|s| base * factors.get(&s.name).copied().unwrap_or(1.0)).collect()
    }

    fn product(&mut self, key: &str, id: &str) -> usize {
        let file = self.file;
        self.find(key, file.product.iter().map(|p| p.id.as_str()), id)
    }

    fn family(&mut self, key: &str, name: &str) -> usize {
        let file = self.file;
        self.find(key, file.family.iter().map(|f| f.name.as_str()), name)
    }

    fn product_mask(&mut self, key: &str, ids: &[String]) -> u64 {
        ids.iter().fold(0, |mask, id| mask | bit(self.product(key, id)))
    }

    fn segment_mask(&mut self, key: &str, names: &[String]) -> u64 {
        let file = self.file;
        names.iter().fold(0, |mask, n| mask | bit(self.find(key, file.segment.iter().map(|s| s.name.as_str()), n)))
    }

    fn family_mask(&self, family: &str) -> u64 {
        let of_family = |p: &schema::Product| p.family == family;
        (0..).zip(&self.file.product).filter(|(_, p)| of_family(p)).fold(0, |mask, (i, _)| mask | bit(i))
    }

    fn products(&mut self) -> Vec<Product> {
        let file = self.file;
        file.product
            .iter()
            .map(|p| Product {
                family: self.family("product.family", &p.family),
                tier: p.tier,
                requires: p.requires.iter().map(|family| self.family_mask(family)).collect(),
                excludes: p.excludes.iter().fold(0, |mask, name| mask | self.excluded(name)),
                renews_months: p.renews_months,
            })
            .collect()
    }

    fn excluded(&mut self, name: &str) -> u64 {
        match self.family_mask(name) {
            0 => bit(self.product("product.excludes", name)),
            mask => mask,
        }
    }

    fn starts(&mut self) -> Vec<Start> {
        let file = self.file;
        file.family
            .iter()
            .map(|family| {
                let mut names: Vec<&str> = Vec::new();
                names.extend(family.held.contains_key("none").then_some("none"));
                names.extend(file.product.iter().map(|p| p.id.as_str()).filter(|id| family.held.contains_key(*id)));
                names.sort_by_key(|name| position(file, name));
                if names.len() != family.held.len() {
                    self.fault("family.held", "names a product that does not exist");
                }
                let choices = names.iter().map(|name| file.product.iter().position(|p| p.id == **name)).collect();
                let base: Vec<f64> = names.iter().map(|name| family.held[*name]).collect();
                let weights = file.segment.iter().map(|s| scaled(&base, family.by_segment.get(&s.name))).collect();
                Start { choices, weights }
            })
            .collect()
    }

    fn offers(&mut self, products: &[Product]) -> Vec<Offer> {
        let file = self.file;
        file.offer
            .iter()
            .map(|offer| {
                let product = self.product("offer.product", &offer.product);
                let Product { family, tier, .. } = products[product];
                let next = products.iter().position(|p| p.family == family && p.tier == tier + 1);
                Offer { product, family, next, terms: self.terms("offer.terms", &offer.terms) }
            })
            .collect()
    }

    fn campaign(&mut self, campaign: &schema::Campaign) -> Campaign {
        let file = self.file;
        let names = || file.offer.iter().map(|o| o.product.as_str());
        let channels = file.setting.consents.iter().map(|c| c.channel.as_str());
        Campaign {
            offers: campaign.offers.iter().map(|o| self.find("campaign.offers", names(), o)).collect(),
            channel: self.find("campaign.channel", channels, &campaign.channel),
            from: self.day("campaign.from", &campaign.from),
            until: self.day("campaign.until", &campaign.until),
            terms: self.terms("campaign.terms", &campaign.terms),
        }
    }

    fn changes(&mut self) -> Vec<Change> {
        let file = self.file;
        let mut changes: Vec<Change> = Vec::new();
        for price in &file.price {
            let product = self.product("price.product", &price.product);
            let day = self.day("price.on", &price.on);
            changes.push(Change { day, product, to: product, fee: price.fee, share: 1.0 });
        }
        for m in &file.migration {
            let (product, to) = (self.product("migration.from", &m.from), self.product("migration.to", &m.to));
            let day = self.day("migration.on", &m.on);
            changes.push(Change { day, product, to, fee: file.product[to].fee, share: m.share });
        }
        changes.sort_by_key(|change| change.day);
        changes
    }

    fn after(&mut self) -> Vec<Option<usize>> {
        let file = self.file;
        file.attribute
            .iter()
            .map(|a| (a.kind == AttributeKind::After).then(|| self.family("attribute.family", &a.family)))
            .collect()
    }

    fn terms(&mut self, key: &str, terms: &[schema::Term]) -> Vec<Term> {
        terms
            .iter()
            .map(|term| Term {
                weight: term.weight,
                from: term.from.as_deref().map_or(i32::MIN, |text| self.day(key, text)),
                until: term.until.as_deref().map_or(i32::MAX, |text| self.day(key, text)),
                gates: term.gates.iter().filter_map(|gate| self.gate(key, gate)).collect(),
            })
            .collect()
    }

    fn gate(&mut self, key: &str, gate: &schema::Gate) -> Option<Gate> {
        let mut found: Vec<Gate> = Vec::new();
        if let Some(t) = &gate.above {
            let (driver, own) = (self.driver(key, &t.driver), self.own_threshold(t.spread));
            found.push(Gate::Above { driver, at: t.at, own });
        }
        if let Some(t) = &gate.below {
            let (driver, own) = (self.driver(key, &t.driver), self.own_threshold(t.spread));
            found.push(Gate::Below { driver, at: t.at, own });
        }
        if let Some(b) = &gate.between {
            found.push(Gate::Between { driver: self.driver(key, &b.driver), from: b.from, to: b.to });
        }
        if let Some(s) = &gate.saturating {
            found.push(Gate::Saturating { driver: self.driver(key, &s.driver), half: s.half });
        }
        found.extend(gate.within.as_ref().map(|within| self.within(key, within)));
        found.extend(gate.among.as_ref().map(|among| self.among(key, among)));
        found.extend(gate.segments.as_ref().map(|names| Gate::Segments(self.segment_mask(key, names))));
        found.extend(gate.holds.as_ref().map(|ids| Gate::Holds(self.product_mask(key, ids))));
        found.extend(gate.season.as_ref().map(|season| Gate::Season { peak: season.peak }));
        found.extend(gate.household_days.map(|days| Gate::Household { days }));
        if found.len() != 1 {
            self.fault(key, format_args!("a gate has exactly one key, this one has {}", found.len()));
        }
        found.pop()
    }

    fn driver(&mut self, key: &str, name: &str) -> usize {
        let position = self.drivers.iter().position(|driver| driver == name);
        position.unwrap_or_else(|| {
            self.fault(key, format_args!("no driver is named `{name}`"));
            0
        })
    }

    fn own_threshold(&mut self, spread: f64) -> Option<usize> {
        (spread > 0.0).then(|| {
            self.spreads.push(spread);
            self.spreads.len() - 1
        })
    }

    fn within(&mut self, key: &str, within: &schema::Within) -> Gate {
        let file = self.file;
        let names = || file.trigger.iter().map(|t| t.name.as_str());
        let triggers = within.triggers.iter().map(|t| self.find(key, names(), t)).collect();
        Gate::Within { triggers, days: f64::from(within.days) }
    }

    fn among(&mut self, key: &str, among: &schema::Among) -> Gate {
        let file = self.file;
        let attribute = self.find(key, file.attribute.iter().map(|a| a.name.as_str()), &among.attribute);
        let known = &file.attribute[attribute];
        let flag = ["no".to_owned(), "yes".to_owned()];
        let values = if known.kind == AttributeKind::Flag { &flag[..] } else { &known.values[..] };
        let mask = among
            .values
            .iter()
            .fold(0, |mask, value| mask | bit(self.find(key, values.iter().map(String::as_str), value)));
        Gate::Among { attribute, values: mask }
    }
}

/// A fault of the world file.
pub(crate) fn invalid(key: &str, detail: impl std::fmt::Display) -> Fault {
    Fault::new(Code::WorldInvalid).with("key", key).because(detail)
}

/// `none` first, then the order of the file.
fn position(file: &WorldFile, name: &str) -> usize {
    file.product.iter().position(|p| p.id == name).map_or(0, |i| i + 1)
}

fn scaled(base: &[f64], factors: Option<&Vec<f64>>) -> Vec<f64> {
    let factor = |i: usize| factors.and_then(|list| list.get(i)).copied().unwrap_or(1.0);
    base.iter().enumerate().map(|(i, weight)| weight * factor(i)).collect()
}

/// The mask of one position. Positions beyond a word are a fault already.
pub(crate) fn bit(position: usize) -> u64 {
    1_u64 << (position % MOST_NAMES)
}

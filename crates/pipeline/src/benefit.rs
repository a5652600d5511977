//! Benefit texts: templates of the pipeline file bound to what a run knows of a customer and an offer, and filled row by row.
//!
//! Only columns of the feature table can be said, or decide what is said: restricted attributes are in no such column, free text is in none, and
//! a level of a category has a name there only where enough customers have it.

use std::collections::BTreeMap;

use osusume_model::{Code, Date, Family, Fault, FeatureKind, FeatureSpec, Offer, Result, Unit, suggest};
use osusume_text::benefit::{Format, Part, cause, date, filled, month, number, parse};
use osusume_text::{Language, reasons::Direction, reasons::Reason};

use crate::catalogue::Goods;
use crate::config::{Benefit, Config};
use crate::dictionary::spoken;
use crate::expression::{Bound, bind_condition, parse as parse_expression};
use crate::stages::features::expression_fault;
use crate::stages::score::RawBlock;

/// Names a message lists at most.
const NAMES_SHOWN: usize = 20;

/// What a row of the offer table is about, as far as texts speak of it.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The customers, and which of them.
    pub(crate) block: &'a RawBlock,
    /// The position within the block.
    pub(crate) at: usize,
    /// The offer.
    pub(crate) offer: usize,
    /// The run's date.
    pub(crate) as_of: Date,
    /// The day on which the offer ends.
    pub(crate) expires: Date,
    /// The first day of contact, and the day from which it is too late.
    pub(crate) contact: [Option<Date>; 2],
    /// The trigger that stands in the row.
    pub(crate) trigger: Option<&'a str>,
    /// Reason codes, the strongest first.
    pub(crate) reasons: &'a [Option<String>; 3],
}

/// All texts of a pipeline file, bound.
pub(crate) struct Benefits<'a> {
    texts: Vec<Text>,
    /// The dictionary, with subjects as sentences call them.
    specs: Vec<FeatureSpec>,
    /// What the condition of each trigger reads, in the order it is written.
    triggers: BTreeMap<&'a str, Vec<usize>>,
    money: (&'a str, u32),
    goods: &'a Goods,
    families: BTreeMap<&'a str, &'a str>,
}

struct Text {
    offers: Vec<bool>,
    condition: Option<Bound>,
    trigger: Option<String>,
    /// In English and in Japanese.
    words: [Option<Words>; 2],
}

/// A template, and what each of its placeholders stands for.
type Words = (Vec<Part>, Vec<Option<Said>>);

/// What a placeholder stands for, and how it is written.
#[derive(Clone, Debug)]
struct Said {
    what: What,
    format: Option<Format>,
}

#[derive(Clone, Debug)]
enum What {
    Feature(usize),
    Cause,
    Offer,
    AsOf,
    Expires,
    ContactFrom,
    ContactUntil,
    ProductName,
    ProductFamily,
    ProductPrice,
    ProductValidUntil,
    /// An attribute of the products that is a number.
    ProductNumber(String),
}

/// What can be said beside features, with the formats of each; the first is how it is written without one.
const OTHERS: [(&str, What, &[Format]); 10] = [
    ("cause", What::Cause, &[]),
    ("offer", What::Offer, &[]),
    ("as_of", What::AsOf, DATES),
    ("expires_on", What::Expires, DATES),
    ("contact_from", What::ContactFrom, DATES),
    ("contact_until", What::ContactUntil, DATES),
    ("product_name", What::ProductName, &[]),
    ("product_family", What::ProductFamily, &[]),
    ("product_price", What::ProductPrice, &[Format::Money]),
    ("product_valid_until", What::ProductValidUntil, DATES),
];

const DATES: &[Format] = &[Format::Date, Format::Month];
const NUMBERS: &[Format] = &[Format::Number, Format::Integer, Format::Ratio, Format::Percent];

/// Families whose reasons are never given to customers as a cause: who they are, what they said, what they were sent.
const PRIVATE: [Family; 3] = [Family::Attribute, Family::Voice, Family::Contact];

impl<'a> Benefits<'a> {
    /// Binds what the pipeline file declares; `specs` is the dictionary of the features.
    ///
    /// # Errors
    /// `ConfigUnknownName` for names and offers there are not, `ConfigNotAllowed` for formats that do not fit, `ConfigExpression` for
    /// conditions; all of them together.
    pub(crate) fn bind(config: &'a Config, goods: &'a Goods, specs: &[FeatureSpec]) -> Result<Self> {
        let mut binder = Binder { goods, specs, faults: Vec::new() };
        let texts = config.offers.benefits.iter().enumerate();
        let texts: Vec<Text> = texts.map(|(position, benefit)| binder.text(position, benefit)).collect();
        Fault::all(binder.faults)?;
        let column = |name: &str| specs.iter().position(|spec| spec.name == name);
        let read = |condition: &str| -> Vec<usize> {
            parse_expression(condition)
                .map_or_else(|_| Vec::new(), |syntax| syntax.names().into_iter().filter_map(column).collect())
        };
        Ok(Self {
            texts,
            specs: spoken(specs.to_vec(), &config.spoken_names),
            triggers: config
                .decide
                .timing
                .triggers
                .iter()
                .map(|one| (one.name.as_str(), read(&one.condition)))
                .collect(),
            money: (&config.pipeline.currency, config.pipeline.minor_digits),
            goods,
            families: config.spoken_names.iter().map(|(name, spoken)| (name.as_str(), spoken.as_str())).collect(),
        })
    }

    /// The texts of a row, in English and in Japanese; absent where no template can be filled.
    pub(crate) fn of(&self, row: &Row<'_>) -> [Option<String>; 2] {
        let value = |column: usize| f64::from(row.block.value(row.at, column));
        let holds = |text: &&Text| {
            text.offers[row.offer]
                && text.trigger.as_deref().is_none_or(|trigger| row.trigger == Some(trigger))
                && text.condition.as_ref().is_none_or(|condition| condition.holds(&value))
        };
        let holding: Vec<&Text> = self.texts.iter().filter(holds).collect();
        [(0, Language::En), (1, Language::Ja)].map(|(at, language)| {
            holding.iter().find_map(|text| {
                let (parts, said) = text.words[at].as_ref()?;
                filled(parts, &mut |part| self.value(said[part].as_ref()?, row, language))
            })
        })
    }

    fn value(&self, said: &Said, row: &Row<'_>, language: Language) -> Option<String> {
        let product = self.goods.catalogue.offers[row.offer].product.map(|product| product.0 as usize);
        let day = |day: Date| match said.format {
            Some(Format::Month) => month(day, language),
            _ => date(day, language),
        };
        let figure = |value: f64| number(value, said.format.unwrap_or(Format::Number), self.money, language);
        match &said.what {
            What::Feature(feature) => self.feature(*feature, said.format, row, language),
            What::Cause => self.cause(row, language),
            What::Offer => Some(self.goods.catalogue.offers[row.offer].key.clone()),
            What::AsOf => Some(day(row.as_of)),
            What::Expires => Some(day(row.expires)),
            What::ContactFrom => row.contact[0].map(day),
            What::ContactUntil => row.contact[1].map(day),
            What::ProductName => {
                let [en, ja] = self.goods.names.get(product?)?;
                if language == Language::En { en.clone() } else { ja.clone() }
            }
            What::ProductFamily => {
                let family = self.goods.catalogue.offers[row.offer].family.as_str();
                Some((*self.families.get(family).unwrap_or(&family)).to_owned())
            }
            What::ProductPrice => {
                let price = (*self.goods.prices.get(product?)?)?;
                number(price as f64, Format::Money, self.money, language)
            }
            What::ProductValidUntil => self.goods.catalogue.products[product?].valid_until.map(day),
            What::ProductNumber(header) => figure(*self.goods.numbers.get(header)?.get(product?)?),
        }
    }

    fn feature(&self, feature: usize, format: Option<Format>, row: &Row<'_>, language: Language) -> Option<String> {
        let spec = &self.specs[feature];
        let value = f64::from(row.block.value(row.at, feature));
        if value.is_nan() {
            return None;
        }
        let format = format.or_else(|| formats(spec).first().copied());
        match (&spec.kind, format) {
            (FeatureKind::Category(levels), _) => levels.get(value as usize).cloned(),
            (_, Some(Format::Month)) if calendar_month(spec, row.as_of).is_some() => {
                calendar_month(spec, row.as_of).map(|day| month(day, language))
            }
            (_, Some(format @ (Format::Date | Format::Month))) => {
                // Days since something happened lie before the run's date, days to something after it.
                let days = (direction(spec)? * value).floor();
                let day = (days.abs() < 100_000.0).then(|| row.as_of + days as i32)?;
                Some(if format == Format::Date { date(day, language) } else { month(day, language) })
            }
            (_, Some(format)) => number(value, format, self.money, language),
            (_, None) => None,
        }
    }

    /// What the trigger's condition reads, or else the strongest reason that has a figure of its own.
    fn cause(&self, row: &Row<'_>, language: Language) -> Option<String> {
        let told = |feature: usize| {
            let spec = &self.specs[feature];
            let figure = |format: Option<Format>| self.feature(feature, format, row, language);
            cause(spec, &figure, language).filter(|_| !matches!(spec.unit, Unit::Flag))
        };
        if let Some(trigger) = row.trigger {
            return self.triggers.get(trigger)?.iter().find_map(|&feature| told(feature));
        }
        let reasons = row.reasons.iter().flatten().filter_map(|code| Reason::parse(code));
        let speaks = |reason: &Reason| {
            let is_near = reason.family == Family::Renewal;
            let wanted = if is_near { Direction::Low } else { Direction::High };
            reason.direction == wanted && !PRIVATE.contains(&reason.family)
        };
        let position = |reason: Reason| {
            self.specs.iter().position(|spec| spec.name == reason.feature && osusume_text::benefit::has_cause(spec))
        };
        reasons.filter(speaks).filter_map(position).find_map(told)
    }
}

/// The formats a feature can be written in; none of a category, which is its level's name.
fn formats(spec: &FeatureSpec) -> Vec<Format> {
    let mut formats = match (&spec.kind, spec.unit) {
        (FeatureKind::Category(_), _) | (_, Unit::Flag | Unit::Level) => Vec::new(),
        (_, Unit::Minor) => vec![Format::Money],
        (_, Unit::Count | Unit::Days) => vec![Format::Integer, Format::Number],
        (_, Unit::Share) => vec![Format::Percent, Format::Number],
        (_, Unit::Ratio) => vec![Format::Ratio, Format::Number, Format::Percent, Format::Integer],
        (_, Unit::Native) => vec![Format::Number, Format::Integer],
    };
    if direction(spec).is_some() {
        formats.extend(DATES);
    } else if spec.kind == FeatureKind::Numeric && calendar_month(spec, Date(0)).is_some() {
        formats.push(Format::Month);
    }
    formats
}

/// Whether a feature counts days after the run's date (1), before it (-1), or is no distance from it.
fn direction(spec: &FeatureSpec) -> Option<f64> {
    match spec.text_key {
        _ if spec.unit != Unit::Days || spec.kind != FeatureKind::Numeric => None,
        "days_to_renewal" => Some(1.0),
        "first" => Some(-1.0),
        key if key.contains("recency") || key.starts_with("tenure") => Some(-1.0),
        _ => None,
    }
}

/// A day of the calendar month that a feature looks at.
fn calendar_month(spec: &FeatureSpec, as_of: Date) -> Option<Date> {
    match spec.window?.id()? {
        "month_to_date" | "same_month_last_year" => Some(as_of),
        "previous_month" => Some(as_of.add_months(-1)),
        _ => None,
    }
}

/// Binds names, collecting what is wrong.
struct Binder<'a> {
    goods: &'a Goods,
    specs: &'a [FeatureSpec],
    faults: Vec<Fault>,
}

impl Binder<'_> {
    fn text(&mut self, position: usize, benefit: &Benefit) -> Text {
        let key = format!("offers.benefit[{position}]");
        let condition = benefit.condition.as_ref().and_then(|text| {
            let bound = parse_expression(text).and_then(|syntax| bind_condition(&syntax, self.specs));
            bound.map_err(|wrong| self.faults.push(expression_fault(&format!("{key}.when"), wrong))).ok()
        });
        let offers = self.offers(&format!("{key}.offers"), &benefit.offers);
        let [en, ja] = &benefit.text;
        let words = [("en", en), ("ja", ja)].map(|(name, text)| self.words(&format!("{key}.{name}"), text.as_deref()?));
        Text { offers, condition, trigger: benefit.trigger.clone(), words }
    }

    fn words(&mut self, key: &str, template: &str) -> Option<Words> {
        // The pipeline file was checked: a template that cannot be read ends before any table is.
        let parts = parse(template).ok()?;
        let said = parts
            .iter()
            .map(|part| match part {
                Part::Words(_) => None,
                Part::Placeholder { name, format } => self.said(key, name, *format),
            })
            .collect();
        Some((parts, said))
    }

    fn said(&mut self, key: &str, name: &str, format: Option<Format>) -> Option<Said> {
        let numbers = || self.goods.numbers.keys().map(|header| (product_column(header), header));
        let feature = self.specs.iter().position(|spec| spec.name == name && spec.unit != Unit::Flag);
        let (what, formats) = if let Some(feature) = feature {
            (What::Feature(feature), formats(&self.specs[feature]))
        } else if let Some((_, what, formats)) = OTHERS.iter().find(|(other, ..)| *other == name) {
            (what.clone(), formats.to_vec())
        } else if let Some((_, header)) = numbers().find(|(column, _)| column == name) {
            (What::ProductNumber(header.clone()), NUMBERS.to_vec())
        } else {
            let features = self.specs.iter().filter(|spec| spec.unit != Unit::Flag).map(|spec| spec.name.clone());
            let others = OTHERS.iter().map(|(other, ..)| (*other).to_owned());
            let known: Vec<String> = others.chain(numbers().map(|(column, _)| column)).chain(features).collect();
            self.faults.push(unknown(key, name, known));
            return None;
        };
        if let Some(format) = format.filter(|format| !formats.contains(format)) {
            let of = |format: &Format| format!("{name}:{}", format.id());
            let allowed: Vec<String> = std::iter::once(name.to_owned()).chain(formats.iter().map(of)).collect();
            let fault = Fault::new(Code::ConfigNotAllowed).named(key).with("key", key);
            self.faults.push(fault.with("got", of(&format)).with("allowed", allowed));
            return None;
        }
        let format = format.or_else(|| formats.first().copied());
        Some(Said { what, format })
    }

    /// The offers that have one of these names, or are of a family that has; all without any.
    fn offers(&mut self, key: &str, names: &[String]) -> Vec<bool> {
        let offers = &self.goods.catalogue.offers;
        for (position, name) in names.iter().enumerate() {
            let is_named = |offer: &&Offer| offer.key == *name || offer.family == *name;
            if !offers.iter().any(|offer| is_named(&offer)) {
                let mut known: Vec<String> =
                    offers.iter().flat_map(|offer| [offer.key.clone(), offer.family.clone()]).collect();
                known.sort();
                known.dedup();
                self.faults.push(unknown(&format!("{key}[{position}]"), name, known));
            }
        }
        let is_meant = |offer: &Offer| names.is_empty() || names.contains(&offer.key) || names.contains(&offer.family);
        offers.iter().map(is_meant).collect()
    }
}

/// What a placeholder calls an attribute of the products.
fn product_column(header: &str) -> String {
    format!("product_{}", crate::plan::plain(header))
}

fn unknown(key: &str, name: &str, known: Vec<String>) -> Fault {
    let near = suggest(name, known.iter().map(String::as_str)).map(str::to_owned);
    let shown: Vec<String> = known.into_iter().take(NAMES_SHOWN).collect();
    let fault = Fault::new(Code::ConfigUnknownName).named(key).with("key", key);
    let fault = fault.with("got", name).with("allowed", shown);
    near.into_iter().fold(fault, |fault, near| fault.with("suggestion", near))
}

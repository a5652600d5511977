//! The world file as it is written: every section, key, type and meaning, in one place.
//! `docs/world-file.md` is printed from this file, so that the two cannot disagree.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Numbers by the name of a segment.
pub type BySegment = BTreeMap<String, f64>;
/// Lists of numbers by the name of a segment.
pub type ListsBySegment = BTreeMap<String, Vec<f64>>;
/// Numbers by the name of a product.
pub type ByProduct = BTreeMap<String, f64>;
/// Texts by language, `ja` and `en`.
pub type Texts = BTreeMap<String, Vec<String>>;

/// Columns by the name of what they tell.
pub type Names = BTreeMap<String, String>;

/// What an attribute's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeKind {
    /// One of `values`.
    Category,
    /// A whole number, normal with `mean` and `sd`, cut to `low..=high`.
    Number,
    /// `yes` with probability `share`, else `no`.
    Flag,
    /// Empty until something of `family` has been taken, then the date: a trap that knows the outcome.
    After,
}

/// One section of the world file, for the reference page.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static [&'static str],
    pub(crate) keys: &'static [Key],
}

/// One key of a section, for the reference page.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) is_optional: bool,
    pub(crate) doc: &'static [&'static str],
}

/// Declares structures and, from the same lines, their description.
macro_rules! sections {
    ($($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $key_doc:literal])+ $(#[serde($attribute:ident)])? $key:ident: $kind:ty,)+
    })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Debug, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $($(#[doc = $key_doc])+ $(#[serde($attribute)])? pub $key: $kind,)+
            }
        )+

        /// Every section in the order of this file.
        pub(crate) const SECTIONS: &[Section] = &[$(Section {
            name: stringify!($name),
            doc: &[$($doc),+],
            keys: &[$(Key {
                name: stringify!($key),
                kind: stringify!($kind),
                is_optional: !concat!("" $(, stringify!($attribute))?).is_empty(),
                doc: &[$($key_doc),+],
            }),+],
        }),+];
    };
}

sections! {
    /// The whole file.
    WorldFile {
        /// Version of this format: 1.
        format_version: u32,
        /// Size, dates, delays: see Setting.
        setting: Setting,
        /// Latent classes of customers.
        segment: Vec<Segment>,
        /// Latent classes of how customers answer to being contacted.
        response: Vec<Response>,
        /// Unobserved needs that begin at some day and grow.
        need: Vec<Need>,
        /// Columns of the customers table.
        attribute: Vec<Attribute>,
        /// Measurements in the usage table.
        metric: Vec<Metric>,
        /// Things that happen to a customer and are remembered; some write a ticket.
        trigger: Vec<Trigger>,
        /// Product families in the order of the catalogue.
        family: Vec<ProductFamily>,
        /// Products, within a family from the lowest tier up.
        product: Vec<Product>,
        /// What can be offered and when customers take it.
        offer: Vec<Offer>,
        /// When customers leave.
        churn: Churn,
        /// What being contacted does.
        contact: Contact,
        /// Campaigns of the past.
        campaign: Vec<Campaign>,
        /// Price changes: all holders are re-priced on the day.
        #[serde(default)]
        price: Vec<Price>,
        /// Moves of all holders of one product code to another.
        #[serde(default)]
        migration: Vec<Migration>,
        /// Words put into the places `{name}` of ticket texts.
        #[serde(default)]
        phrase: Vec<Phrase>,
        /// Makes the company a shop, whose products are bought: see Shop.
        #[serde(default)]
        shop: Option<Shop>,
        /// Real customers in the place of drawn ones: see Covariates.
        #[serde(default)]
        covariates: Option<Covariates>,
    }

    /// Size, dates and the faults of recording.
    Setting {
        /// Name of the business.
        name: String,
        /// Seed of every draw.
        seed: u64,
        /// Number of customers unless another is asked for.
        customers: u64,
        /// First day of the history, `YYYY-MM-DD`.
        start: String,
        /// The day after the last one of the history.
        end: String,
        /// Name of the time zone, for the reader.
        time_zone: String,
        /// Offset of that zone from UTC in minutes; the zone must have no summer time.
        utc_offset_minutes: i32,
        /// Digits after the point of amounts in the tables; every amount of this file counts the last of them, so with 2 the fee 350 is
        /// written as 3.50.
        #[serde(default)]
        minor_digits: u32,
        /// Days of the label window the truth is told for.
        horizon_days: i32,
        /// Days between as-of and the label window.
        gap_days: i32,
        /// Days a take must be kept.
        kept_days: i32,
        /// Share of customers who joined before `start`.
        joined_before: f64,
        /// How many years before `start` the oldest joined.
        years_before: f64,
        /// Share of values that are missing.
        missing: f64,
        /// Share of rows that arrive late.
        late: f64,
        /// Shortest and longest delay of a late row in days.
        late_days: [i32; 2],
        /// Share of customers who write Japanese; the others write English.
        japanese: f64,
        /// Weights of households of one, two, three and four customers.
        household_sizes: Vec<f64>,
        /// Family whose renewal date is the customer's.
        renewal_family: String,
        /// Channels and how many customers refuse them.
        consents: Vec<ConsentChannel>,
    }

    /// A channel and how many refuse it.
    ConsentChannel {
        /// Name of the channel.
        channel: String,
        /// Share who refuse.
        refused: f64,
        /// Share who change their mind once within the history.
        changed: f64,
    }

    /// A latent class of customers.
    Segment {
        /// Name.
        name: String,
        /// Weight among the segments.
        share: f64,
    }

    /// A latent class of answers to being contacted.
    Response {
        /// Name.
        name: String,
        /// Weight among the classes.
        share: f64,
        /// Factors on the weight by segment.
        #[serde(default)]
        by_segment: BySegment,
        /// Relative change of the take rate when contacted, e.g. 0.4 or -0.2.
        effect: f64,
        /// Factor on the take rate without contact.
        natural: f64,
        /// Factor on the rate of leaving for `contact.churn_days` after a contact.
        churn: f64,
    }

    /// A need that nobody records. The driver `need.NAME` is 0 before it begins and grows towards 1.
    Need {
        /// Name.
        name: String,
        /// How often it begins, per year without it.
        onset_per_year: f64,
        /// Factors on the onset by segment.
        #[serde(default)]
        by_segment: BySegment,
        /// Share of customers who have it on the first day, at any stage.
        initial: f64,
        /// Weeks until it has grown to 63 %.
        growth_weeks: f64,
        /// Products whose start ends it.
        satisfied_by: Vec<String>,
    }

    /// A column of the customers table.
    Attribute {
        /// Name of the column.
        name: String,
        /// `category`, `number`, `flag` or `after`.
        kind: AttributeKind,
        /// Values of a category.
        #[serde(default)]
        values: Vec<String>,
        /// Weights of the values; equal when left out.
        #[serde(default)]
        weights: Vec<f64>,
        /// Per segment: weights of a category, `[mean, sd]` of a number, `[share]` of a flag.
        #[serde(default)]
        by_segment: ListsBySegment,
        /// Share of `yes` of a flag.
        #[serde(default)]
        share: f64,
        /// Mean of a number.
        #[serde(default)]
        mean: f64,
        /// Standard deviation of a number.
        #[serde(default)]
        sd: f64,
        /// Smallest value of a number.
        #[serde(default)]
        low: f64,
        /// Largest value of a number.
        #[serde(default)]
        high: f64,
        /// Family of an `after` attribute.
        #[serde(default)]
        family: String,
        /// Factors on the share of missing values by segment: missing is then informative.
        #[serde(default)]
        missing_by_segment: BySegment,
    }

    /// A measurement taken about once a month: log-normal around a level of the customer's own.
    Metric {
        /// Name in the usage table.
        name: String,
        /// Median over customers.
        median: f64,
        /// Standard deviation of the log level between customers.
        sd: f64,
        /// Factors on the level by segment.
        #[serde(default)]
        by_segment: BySegment,
        /// Growth of the log level per year.
        #[serde(default)]
        growth_per_year: f64,
        /// Half the difference of the log level between the best and the worst month.
        #[serde(default)]
        season: f64,
        /// Month (1 to 12) in which the season peaks.
        #[serde(default)]
        season_peak: f64,
        /// Standard deviation of the log measurement around the level, half of it persistent.
        noise: f64,
        /// What moves the log level.
        #[serde(default)]
        terms: Vec<Term>,
        /// Largest level, and largest value written: 100 for the percentage of a quota.
        #[serde(default)]
        most: Option<f64>,
        /// Decimal places written.
        #[serde(default)]
        decimals: u32,
        /// Months between measurements.
        every_months: u32,
    }

    /// Something that happens to a customer.
    Trigger {
        /// Name.
        name: String,
        /// How often, per year, before the terms.
        per_year: f64,
        /// Days it cannot happen again.
        quiet_days: i32,
        /// What raises or lowers the log rate.
        #[serde(default)]
        terms: Vec<Term>,
        /// The ticket it writes, if any.
        #[serde(default)]
        ticket: Option<Ticket>,
    }

    /// A ticket in the customer's words.
    Ticket {
        /// Topic as filed by the desk.
        topic: String,
        /// Share that is filed under `other` instead.
        misfiled: f64,
        /// Mean satisfaction, 1 to 5.
        satisfaction: f64,
        /// Longest time to close in days.
        closed_days: i32,
        /// Texts with places `{name}` for phrases, by language.
        texts: Texts,
    }

    /// Words for the places of ticket texts.
    Phrase {
        /// Name of the place.
        name: String,
        /// Words in Japanese.
        ja: Vec<String>,
        /// Words in English.
        en: Vec<String>,
    }

    /// A product family: at most one product of it is held at a time.
    ProductFamily {
        /// Name.
        name: String,
        /// Weights of the products held at the start; the key `none` stands for nothing.
        held: ByProduct,
        /// Factors on the weights of a segment, as a list: `none` first if it is there, then the products in their order.
        #[serde(default)]
        by_segment: ListsBySegment,
        /// Factor on the weight of every product (but not of `none`) for customers who join within the history.
        joining: f64,
    }

    /// A product.
    Product {
        /// Code.
        id: String,
        /// English name.
        name_en: String,
        /// Japanese name.
        name_ja: String,
        /// Family.
        family: String,
        /// Step of the ladder, from 1.
        tier: u32,
        /// Monthly fee in the currency's minor unit.
        fee: i64,
        /// Monthly margin in the currency's minor unit.
        margin: i64,
        /// Families needed beside it.
        #[serde(default)]
        requires: Vec<String>,
        /// Families or products that rule it out.
        #[serde(default)]
        excludes: Vec<String>,
        /// Codes it replaces.
        #[serde(default)]
        replaces: Vec<String>,
        /// Months between renewals; 0 for none.
        #[serde(default)]
        renews_months: i32,
        /// In a shop, the days after which its owners buy it again; 0 for what is bought once.
        #[serde(default)]
        refill_days: i32,
    }

    /// A shop: products are bought instead of held. `purchases.csv` (lines of baskets) and `sold.csv` (each product sold, with the day
    /// it was given back) stand in the place of `holdings.csv`, which only the truth keeps: there, to hold a product is to own it and
    /// nothing higher of its kind. A product's fee is then its price, its margin that of one purchase, and the first step
    /// of a ladder is a kind of thing, the next the higher item of the same kind.
    Shop {
        /// Baskets a year of other items.
        baskets_per_year: f64,
        /// Standard deviation of the log of that rate between customers.
        sd: f64,
        /// Factors on it by segment.
        #[serde(default)]
        by_segment: BySegment,
        /// Mean number of other items in a basket beyond the first.
        more_items: f64,
        /// Share of purchases of a product with another item in the same basket.
        beside: f64,
        /// Margin of a month of other items, lost with a customer who leaves.
        monthly_margin: i64,
        /// What is bought beside the products.
        item: Vec<Item>,
    }

    /// Real customers in the place of drawn ones: `--covariates FILE` names a table (CSV or Parquet, compressed or not) with a row a
    /// customer. What it says of a customer goes before what would be drawn; what it does not say, or says in words the world does not
    /// know, is drawn. Of more customers than rows, the first row serves again after the last. What happens to the customers is
    /// drawn as ever, so that the truth is known.
    Covariates {
        /// Column that names the customer; needed by `sum`.
        #[serde(default)]
        key: Option<String>,
        /// Column with the months since the customer joined, before `setting.end`.
        #[serde(default)]
        joined_months: Option<String>,
        /// Column of an attribute.
        #[serde(default)]
        attributes: Names,
        /// Column of a metric: customers' levels are ordered as it is; median and spread are the world's.
        #[serde(default)]
        metrics: Names,
        /// What customers hold when their history begins. A family that stands here is held by nobody else.
        #[serde(default)]
        holds: Vec<Holds>,
        /// Columns summed from other tables beside the file.
        #[serde(default)]
        sum: Vec<Sum>,
    }

    /// A product that real customers hold.
    Holds {
        /// Product.
        product: String,
        /// Column.
        column: String,
        /// What stands there where it is held.
        value: String,
    }

    /// A column made of the rows of another table in the same directory.
    Sum {
        /// Name for `attributes` and `metrics`.
        name: String,
        /// File.
        file: String,
        /// Its column that names the customer.
        key: String,
        /// Its column that is added up; without it rows are counted.
        #[serde(default)]
        value: Option<String>,
    }

    /// Something bought now and then that is never offered.
    Item {
        /// Code.
        id: String,
        /// English name.
        name_en: String,
        /// Japanese name.
        name_ja: String,
        /// Kind, in the place of a family.
        kind: String,
        /// Price in the currency's minor unit.
        price: i64,
        /// Margin of one.
        margin: i64,
        /// Weight among the items.
        weight: f64,
        /// Products it goes with: six times as likely for those who own one of them.
        #[serde(default)]
        goes_with: Vec<String>,
    }

    /// When a product is taken by those who hold the step below it (or nothing of its family).
    ///
    /// The rate over 60 days is x = `per_60_days` × taste × (`floor` + (1 − `floor`) · exp(Σ terms)), bent to `cap` · (1 − exp(−x/`cap`)).
    Offer {
        /// Product offered.
        product: String,
        /// Rate over 60 days when no term applies.
        per_60_days: f64,
        /// Share of the rate that no term moves.
        floor: f64,
        /// Rate over 60 days that is never passed.
        cap: f64,
        /// Standard deviation of the log of a taste nobody can see.
        taste: f64,
        /// Share who go one step further at once, where there is one.
        #[serde(default)]
        jump: f64,
        /// Share given back within the cooling-off time.
        returned: f64,
        /// Share stepped back from between 30 and 90 days later.
        stepped_back: f64,
        /// What moves the log rate.
        terms: Vec<Term>,
    }

    /// A weight on a product of gates, each between 0 and 1: two gates make a two-way interaction, three a three-way one.
    Term {
        /// Added to the log when all gates are open.
        weight: f64,
        /// Gates, multiplied.
        #[serde(default)]
        gates: Vec<Gate>,
        /// First day it applies.
        #[serde(default)]
        from: Option<String>,
        /// First day it no longer applies.
        #[serde(default)]
        until: Option<String>,
    }

    /// Exactly one of the keys is given.
    /// Drivers are `tenure_days`, `days_to_renewal`, `products_held`, `recent_contacts`, `metric.NAME`, `surge.NAME` (level over
    /// its own mean of the three measurements before), `need.NAME` and `attribute.NAME` of a number.
    Gate {
        /// 1 where the driver is above the customer's threshold.
        #[serde(default)]
        above: Option<Threshold>,
        /// 1 where it is below.
        #[serde(default)]
        below: Option<Threshold>,
        /// 1 where `from` <= driver < `to`.
        #[serde(default)]
        between: Option<Between>,
        /// driver / (driver + half).
        #[serde(default)]
        saturating: Option<Saturating>,
        /// Falls from 1 to 0 over the days after the newest of the triggers.
        #[serde(default)]
        within: Option<Within>,
        /// 1 where the attribute has one of the values.
        #[serde(default)]
        among: Option<Among>,
        /// 1 in these segments.
        #[serde(default)]
        segments: Option<Vec<String>>,
        /// 1 where one of these products is held.
        #[serde(default)]
        holds: Option<Vec<String>>,
        /// A wave over the year, 1 at the peak and 0 half a year away.
        #[serde(default)]
        season: Option<Season>,
        /// 1 where another member of the household took something of the same family within so many days.
        #[serde(default)]
        household_days: Option<i32>,
    }

    /// A threshold of the customer's own.
    Threshold {
        /// Driver.
        driver: String,
        /// Median threshold.
        at: f64,
        /// Standard deviation of the log threshold between customers.
        #[serde(default)]
        spread: f64,
    }

    /// A range.
    Between {
        /// Driver.
        driver: String,
        /// First value inside.
        from: f64,
        /// First value outside.
        to: f64,
    }

    /// Diminishing returns.
    Saturating {
        /// Driver.
        driver: String,
        /// Where it is one half.
        half: f64,
    }

    /// Time since a trigger.
    Within {
        /// Triggers.
        triggers: Vec<String>,
        /// Days until it is forgotten.
        days: i32,
    }

    /// Values of a category or flag.
    Among {
        /// Attribute.
        attribute: String,
        /// Values; `yes` and `no` for a flag.
        values: Vec<String>,
    }

    /// A wave over the year.
    Season {
        /// Month of the peak, 1 to 12.
        peak: f64,
    }

    /// When customers leave.
    Churn {
        /// Rate per year before the terms.
        per_year: f64,
        /// What moves the log rate.
        terms: Vec<Term>,
    }

    /// What being contacted does to the take rate of the offer.
    Contact {
        /// Days it lasts.
        lasts_days: i32,
        /// Days over which contacts tire.
        fatigue_days: i32,
        /// Each recent contact multiplies a positive effect by exp(−fatigue) and lowers it by `annoyance`.
        fatigue: f64,
        /// Taken off the effect by each recent contact beyond the second.
        annoyance: f64,
        /// What is added to the effect.
        #[serde(default)]
        terms: Vec<Term>,
        /// Smallest effect.
        least: f64,
        /// Largest effect.
        most: f64,
        /// Days over which a contact changes the rate of leaving.
        churn_days: i32,
    }

    /// A campaign that ran once a month.
    Campaign {
        /// Name.
        name: String,
        /// Products offered, the dearest wish of the seller first.
        offers: Vec<String>,
        /// Channel.
        channel: String,
        /// Day of the month, 1 to 28.
        day: u32,
        /// First day it ran.
        from: String,
        /// First day it no longer ran.
        until: String,
        /// The rule's score: customers at or above `threshold` are targeted.
        terms: Vec<Term>,
        /// Threshold of the score.
        threshold: f64,
        /// Share of the rule's hits that are worked in one month.
        worked: f64,
        /// Share of customers in the randomised slice of one month.
        slice: f64,
        /// Share of the slice that is contacted; the rest is the control arm.
        sent: f64,
    }

    /// A price change.
    Price {
        /// Product.
        product: String,
        /// Day.
        on: String,
        /// New monthly fee.
        fee: i64,
    }

    /// A migration of product codes.
    Migration {
        /// Old code.
        from: String,
        /// New code.
        to: String,
        /// Day.
        on: String,
        /// Share of the holders moved on that day.
        share: f64,
    }
}

//! The checked configuration. Values are made in `build` only, out of a tree that passed every check.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use osusume_model::Date;
use osusume_tables::DateFormat;

pub use super::words::Step;

/// A text that came out of the environment or a secret file, or might have.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself; it belongs in no message, log or file.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `[pipeline]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Safe as the name of a directory.
    pub name: String,
    /// A zone of the bundled IANA database.
    pub time_zone: String,
    /// Three capital letters.
    pub currency: String,
    /// Digits of the minor unit, 0 to 4.
    pub minor_digits: u32,
    /// What the data are used for.
    pub purpose: String,
    /// The date that counts as now, where the file gives one.
    pub as_of: Option<Date>,
}

/// Declares an enum whose words stand in the pipeline file.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident { $(#[doc = $word_doc:literal] $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $(#[doc = $word_doc] $variant,)+ }

        impl $name {
            /// Every word there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in the pipeline file.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            pub(in crate::config) fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.id() == word)
            }
        }
    };
}

mod benefit;
mod features;
mod guard;
mod learning;
mod privacy;
mod timing;
mod value;

pub use benefit::Benefit;
pub use features::{
    DerivedFeature, Features, Night, OwnFeature, OwnMeasure, OwnPeriod, OwnWindow, Quota, QuotaCounted, Reach,
    Utilisation, Weekday,
};

pub use guard::Guard;
pub use learning::Learning;
pub use privacy::{DataClass, Suppression};
pub use timing::{ApproachSetting, ChannelLimit, Effect, Lane, OwnRule, StepSetting, Timing, Trigger};
pub use value::{BelievedResponse, ChurnBasis, LeverSetting, Valuation, ValueBasis};

words! {
    /// What one row of a source is.
    Role {
        /// A customer.
        Customers = "customers",
        /// A line of a purchase.
        Purchases = "purchases",
        /// An interval of holding a product.
        Holdings = "holdings",
        /// A customer with all that is held at one date.
        CrossSection = "cross_section",
        /// Something that happened or was measured.
        Events = "events",
        /// Something the customer said.
        Voice = "voice",
        /// A contact, or a control kept back from one.
        Contacts = "contacts",
        /// A product.
        Products = "products",
        /// A consent given or withdrawn.
        Consents = "consents",
    }
}

words! {
    /// The format of a source's files.
    Format {
        /// By the ending of each name.
        Auto = "auto",
        /// Comma-separated values.
        Csv = "csv",
        /// Apache Parquet.
        Parquet = "parquet",
    }
}

words! {
    /// The characters' encoding in CSV.
    Encoding {
        /// UTF-8, with or without a byte order mark.
        Utf8 = "utf-8",
        /// UTF-16, little end first unless a byte order mark says otherwise.
        Utf16 = "utf-16",
        /// Windows code page 932, an extended Shift JIS.
        Cp932 = "cp932",
    }
}

words! {
    /// The kind of an attribute.
    AttributeKind {
        /// A whole number.
        Integer = "integer",
        /// A number.
        Number = "number",
        /// One of several levels.
        Category = "category",
        /// Yes or no.
        Flag = "flag",
        /// Free text.
        Text = "text",
    }
}

words! {
    /// How a table tells the past.
    History {
        /// Rows are only added.
        Append = "append",
        /// The table is reloaded whole.
        Snapshot = "snapshot",
        /// Every change of a customer is a further row.
        Versions = "versions",
    }
}

words! {
    /// What becomes of rows without a customer id.
    Anonymous {
        /// They are faulty.
        Reject = "reject",
        /// They are counted and left out.
        Exclude = "exclude",
    }
}

words! {
    /// What a row that breaks its declaration does.
    OnError {
        /// It ends the run.
        Abort = "abort",
        /// It is set aside, below both limits.
        Quarantine = "quarantine",
    }
}

words! {
    /// How features are made.
    Recipe {
        /// Time since something last happened.
        Recency = "recency",
        /// How often it happened in a window.
        Frequency = "frequency",
        /// Sums of money or use in a window.
        Money = "money",
        /// Growth from window to window.
        Trend = "trend",
        /// A sharp rise against the window before.
        Surge = "surge",
        /// How long a customer.
        Tenure = "tenure",
        /// How near a renewal.
        Renewal = "renewal",
        /// What use or baskets consist of.
        Mix = "mix",
        /// What the customer says.
        Voice = "voice",
        /// Who the customer is.
        Attributes = "attributes",
        /// What is held now.
        Holding = "holding",
        /// What was offered before, and how it was answered.
        Contact = "contact",
        /// Nearness to the offer's own family.
        Affinity = "affinity",
        /// What the rules of the date say, given what the customer has.
        Rules = "rules",
        /// What happens at night.
        Night = "night",
        /// What happens at weekends.
        Weekend = "weekend",
        /// What was done in the same season a year ago.
        Season = "season",
        /// In what tone the customer writes.
        Tone = "tone",
        /// What the other members of the household have, do and say.
        Household = "household",
    }
}

words! {
    /// The kind of model.
    ModelKind {
        /// One logistic regression an offer.
        Linear = "linear",
        /// Curves and maps of pairs, from columns all offers share.
        Additive = "additive",
    }
}

words! {
    /// Whom an offer is learned from.
    LearnFrom {
        /// Everybody, offered it or not.
        Everybody = "everybody",
        /// Those who were not being offered it.
        LeftAlone = "left_alone",
        /// Those who were held back from it.
        HeldBack = "held_back",
    }
}

words! {
    /// Who fits the model.
    Solver {
        /// Our Newton method.
        Newton = "newton",
        /// linfa-logistic, the reference.
        Linfa = "linfa",
    }
}

words! {
    /// After what a customer is left in peace.
    HoldEvent {
        /// A complaint.
        Complaint = "complaint",
        /// A purchase or a new holding.
        Purchase = "purchase",
        /// Several contacts in a row without an answer.
        Ignored = "ignored",
    }
}

words! {
    /// The language of reasons and reports.
    Language {
        /// English.
        En = "en",
        /// Japanese.
        Ja = "ja",
    }
}

/// One of `[sources]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The name it has in the pipeline file.
    pub name: String,
    /// What one row is.
    pub role: Role,
    /// Files, directories and patterns, seen from the working directory.
    pub paths: Vec<String>,
    /// The files' format.
    pub format: Format,
    /// The encoding of CSV.
    pub encoding: Encoding,
    /// The byte between two fields of CSV.
    pub delimiter: u8,
    /// Texts that mean "absent" in CSV, besides the empty one.
    pub null_tokens: Vec<String>,
    /// The zone of dates and of times without an offset.
    pub time_zone: String,
    /// How dates are written in CSV.
    pub date_format: DateFormat,
    /// Our name of a column → the header in the files.
    pub columns: BTreeMap<String, String>,
    /// Header → kind; empty for roles other than customers and products.
    pub attributes: BTreeMap<String, AttributeKind>,
    /// How the table tells the past.
    pub history: History,
    /// Headers whose values never change.
    pub assume_static: Vec<String>,
    /// Whether every customer stands in it; true for roles other than customers.
    pub complete: bool,
    /// What becomes of rows without a customer id.
    pub anonymous: Anonymous,
    /// Header → the values of rows that are kept.
    pub keep: BTreeMap<String, Vec<String>>,
    /// Product → header → the values that mean it is held; empty for roles other than a cross-section.
    pub holds: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Header of an attribute → the families it gives away; empty for roles other than customers.
    pub reveals: BTreeMap<String, Vec<String>>,
    /// Headers of attributes that no model and no feature may see.
    pub restricted: Vec<String>,
    /// What the rows are in the eyes of the law.
    pub data_class: DataClass,
    /// What they may be used for; everything where the file does not say.
    pub purposes: Option<Vec<String>>,
}

impl Source {
    /// The header of one of our columns, where the source has it.
    pub fn column(&self, name: &str) -> Option<&str> {
        self.columns.get(name).map(String::as_str)
    }

    /// Whether the value an attribute has now is also what it was: no reload overwrites it, or it never changes.
    pub fn is_static(&self, header: &str) -> bool {
        self.history != History::Snapshot || self.assume_static.iter().any(|name| name == header)
    }
}

/// `[quality]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// What a bad row does.
    pub on_error: OnError,
    /// Rejected rows a source may have.
    pub max_rejects: u64,
    /// Rejected rows a source may have, as a share of rows read, in [0, 1].
    pub max_reject_rate: f64,
    /// Share of its rows a source may have lost since the run before, in [0, 1].
    pub max_shrink: f64,
}

/// The level of `[offers.category]` that is the product itself.
pub const PRODUCT_LEVEL: &str = "product";
/// The level of the products' families.
pub const FAMILY_LEVEL: &str = "family";

/// `[offers.category]`.
#[derive(Clone, Debug, PartialEq)]
pub struct CategoryOffers {
    /// Name of the purchases source.
    pub source: String,
    /// The products' attribute that holds the category.
    pub level: String,
    /// The categories offered, in the order of the file.
    pub names: Vec<String>,
    /// Days without a purchase that make a customer eligible.
    pub not_bought_days: u32,
    /// What a purchase earns, in minor units.
    pub margin_minor: i64,
}

/// `[offers]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Offers {
    /// Families offered upward.
    pub upsell_families: Vec<String>,
    /// Whether an upsell takes the place of what is held.
    pub upsell_replaces: bool,
    /// Whether an upsell is open from every lower tier, not only from the next.
    pub skip_steps: bool,
    /// Families offered beside.
    pub cross_sell_families: Vec<String>,
    /// Categories of purchases.
    pub category: Option<CategoryOffers>,
    /// Length of the label window.
    pub horizon_days: u32,
    /// Days between the as-of date and the label window.
    pub gap_days: u32,
    /// Days a take must be kept.
    pub kept_days: u32,
    /// What offers are good for, in words; the first that holds is taken.
    pub benefits: Vec<Benefit>,
}

/// `train.as_of` and `train.tests`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsOfPlan {
    /// Counted back from the newest mature date, which is the test.
    Every {
        /// The time between two dates.
        step: Step,
        /// How many, the test included; at least 2.
        count: u32,
    },
    /// Exactly these.
    Dates {
        /// Every date, strictly increasing.
        dates: Vec<Date>,
        /// Those of them that are tests; when empty, the newest mature one is.
        tests: Vec<Date>,
    },
}

/// `train.penalty`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Penalty {
    /// By cross-validation.
    Auto,
    /// This strength, above 0.
    Fixed(f64),
}

/// One of `train.prior`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredRate {
    /// The offer's key.
    pub offer: String,
    /// Share of those eligible who take it in a label window, strictly between 0 and 1.
    pub rate: f64,
}

/// One of `prove.known`: a sign of a leak that was looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSign {
    /// The source it is told of.
    pub source: String,
    /// The kind of sign; without one every kind.
    pub sign: Option<String>,
    /// The feature or column; without one every one of the source.
    pub column: Option<String>,
    /// The offer; without one every one.
    pub offer: Option<String>,
    /// Why it is no leak.
    pub because: String,
}

/// `[train]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// The dates to learn from and to test on.
    pub as_of: AsOfPlan,
    /// The kind of model.
    pub model: ModelKind,
    /// Who fits it.
    pub solver: Solver,
    /// Strength of the penalty.
    pub penalty: Penalty,
    /// Most rows an offer is trained on.
    pub max_rows: usize,
    /// Fewest takes an offer is trained on.
    pub min_positives: u64,
    /// What is expected of offers hardly sold.
    pub prior: Vec<DeclaredRate>,
    /// Whether an offer whose calibration did not hold is scored by its rate.
    pub calibration_gate: bool,
    /// Whom an offer is learned from, by the contacts about it.
    pub learn_from: LearnFrom,
    /// Whether customers who refused every channel are learned from.
    pub include_opted_out: bool,
    /// Folds of customers.
    pub folds: u32,
    /// Key of draws and folds.
    pub seed: String,
}

words! {
    /// What a basket is.
    BasketKind {
        /// All that a customer holds on a day.
        Holdings = "holdings",
        /// The lines of a purchase.
        Purchases = "purchases",
    }
}

words! {
    /// What a rule may lead to.
    Consequents {
        /// What is offered.
        Offers = "offers",
        /// Everything.
        All = "all",
    }
}

words! {
    /// How many tests are allowed for.
    Correction {
        /// Benjamini's and Hochberg's procedure.
        BenjaminiHochberg = "benjamini_hochberg",
        /// Benjamini's and Yekutieli's.
        BenjaminiYekutieli = "benjamini_yekutieli",
    }
}

/// `[mine]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mine {
    /// What a basket is.
    pub baskets: BasketKind,
    /// Attribute of the products that lies in a basket, or [`PRODUCT_LEVEL`].
    pub level: String,
    /// Levels above that one which lie in a basket too, the nearest first: attributes of the products, or [`FAMILY_LEVEL`].
    pub above: Vec<String>,
    /// Days of purchases before a date.
    pub days: u32,
    /// Least share of the baskets, in (0, 1].
    pub min_support: f64,
    /// Most items, at least 2.
    pub max_length: usize,
    /// What a rule may lead to.
    pub consequents: Consequents,
    /// Highest q-value of a rule that is reported.
    pub false_discovery_rate: f64,
    /// How many tests are allowed for.
    pub correction: Correction,
    /// Days after a purchase within which something is added; 0 where nobody asks.
    pub follow_days: u32,
    /// Most itemsets of a date.
    pub max_itemsets: u64,
}

impl Mine {
    /// Whether baskets are purchases.
    pub fn is_of_purchases(&self) -> bool {
        self.baskets == BasketKind::Purchases
    }
}

/// One of `decide.hold_after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldAfter {
    /// After what.
    pub event: HoldEvent,
    /// For how long.
    pub days: u32,
    /// Of complaints: whether texts alone count, and only those whose tone is one.
    pub is_by_tone: bool,
    /// Of what is ignored: contacts in a row.
    pub n: u32,
    /// Of what is ignored: days there are to answer.
    pub answer_days: u32,
}

/// One of `decide.capacity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The offer whose rows count; every offer's without one.
    pub offer: Option<String>,
    /// The channel whose rows count; every channel's without one.
    pub channel: Option<String>,
    /// Most rows.
    pub max: Option<i64>,
    /// Least rows.
    pub min: i64,
    /// Most that contacts may cost, in minor units; rows are not counted then.
    pub budget_minor: Option<i64>,
    /// The condition on customers whose rows count, as it was written; everybody's without one.
    pub condition: Option<String>,
}

/// `[decide]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Decide {
    /// Most offers a customer gets.
    pub per_customer: usize,
    /// Most members of a household who get any.
    pub per_household: Option<usize>,
    /// Months of margin counted.
    pub months: u32,
    /// Share of takers left after a month, in (0, 1].
    pub monthly_survival: f64,
    /// What a year's wait takes off money, in [0, 1).
    pub yearly_discount: f64,
    /// Least value of an offer made, in minor units.
    pub min_value_minor: i64,
    /// What a contact costs, in minor units.
    pub contact_cost_minor: i64,
    /// Channels, the preferred one first; at least one.
    pub channels: Vec<String>,
    /// Whether a contact needs a recorded consent.
    pub is_consent_required: bool,
    /// The purpose a consent must name.
    pub consent_purpose: String,
    /// Share of customers held out, in [0, 0.5]; `None` for as many as an effect worth detecting asks for.
    pub holdout_fraction: Option<f64>,
    /// Key of the holdout's draw.
    pub holdout_salt: Secret,
    /// By what share more another offer must be worth to take the place of the first one of the run before.
    pub switch_gain: f64,
    /// Share of customers who explore, in [0, 0.5].
    pub explore_fraction: f64,
    /// Offers their lot is drawn from at most.
    pub explore_among: usize,
    /// What an offer must be worth to be a lot; `None` where worth does not matter.
    pub explore_min_value_minor: Option<i64>,
    /// Policy arms.
    pub learning: Learning,
    /// Days in which contacts are counted.
    pub contact_limit_days: u32,
    /// Most contacts within those days.
    pub contact_limit_max: u32,
    /// Days from one contact to the next at least; 0 where nothing says so.
    pub min_days_between: u32,
    /// Whether offers of earlier published runs count as contacts until one is in the tables.
    pub counts_outstanding: bool,
    /// What the file says a contact does to the odds of a take, by offer or family.
    pub response: BTreeMap<String, f64>,
    /// How offers are valued.
    pub valuation: Valuation,
    /// Events after which a customer is left in peace.
    pub hold_after: Vec<HoldAfter>,
    /// Places for all customers together.
    pub capacity: Vec<Capacity>,
    /// Rules, triggers and lanes of the pipeline's own.
    pub timing: Timing,
}

impl Decide {
    /// What a contact through a channel costs, in minor units.
    pub fn contact_cost(&self, channel: &str) -> i64 {
        self.valuation.channel_cost_minor.get(channel).copied().unwrap_or(self.contact_cost_minor)
    }
}

/// One of `[[export]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The delivery profile's name.
    pub profile: String,
    /// A profile file laid over it, seen from the working directory.
    pub profile_file: Option<PathBuf>,
    /// The file to write, seen from the working directory.
    pub path: PathBuf,
}

/// `[run]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The folder of all runs, seen from the working directory.
    pub directory: PathBuf,
    /// The folder of the dated copies of reloaded tables: `history` beside that of the runs.
    pub copies: PathBuf,
    /// Threads; `None` for as many as the machine allows.
    pub threads: Option<usize>,
    /// Memory budget in bytes; `None` for a share of what the machine has.
    pub memory: Option<u64>,
}

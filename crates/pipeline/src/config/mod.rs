//! The pipeline file: one table of its keys, and the checked configuration that comes out of it.
//!
//! [`FIELDS`] is the single source of truth: [`Config::load`] checks by it and fills in its defaults, [`reference()`] prints it,
//! [`schema`] turns it into a JSON Schema for editors. Files are laid over each other and `--set` over all of them;
//! every fault of every layer is reported together, with file, line and column.
//!
//! The environment is not read here: the caller hands in where secrets come from.

mod build;
mod check;
mod columns;
mod cross;
mod currency;
mod effective;
mod field;
mod fields;
mod layer;
mod reference;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use model::{Code, Fault, Result};
use osusume_model as model;

pub use columns::{ROLE_COLUMNS, RoleColumn};
pub use field::{Check, Default, Field, Kind, ListCheck};
pub use fields::FIELDS;
pub use reference::reference;
pub use schema::schema;
pub use settings::{
    Anonymous, ApproachSetting, AsOfPlan, AttributeKind, BasketKind, BelievedResponse, Benefit, Capacity,
    CategoryOffers, ChannelLimit, ChurnBasis, Consequents, Correction, DataClass, Decide, DeclaredRate, DerivedFeature,
    Effect, Encoding, Export, FAMILY_LEVEL, Features, Format, Guard, History, HoldAfter, HoldEvent, KnownSign, Lane,
    Language, LearnFrom, Learning, LeverSetting, Mine, ModelKind, Night, Offers, OnError, OwnFeature, OwnMeasure,
    OwnPeriod, OwnRule, OwnWindow, PRODUCT_LEVEL, Penalty, Pipeline, Quality, Quota, QuotaCounted, Reach, Recipe, Role,
    Run, Secret, Solver, Source, Step, StepSetting, Suppression, Timing, Train, Trigger, Utilisation, Valuation,
    ValueBasis, Weekday,
};
pub use words::Form;

/// A pipeline file is written by hand: more bytes than this are some other file.
const MAX_BYTES: u64 = 1 << 20;

/// A reference to a secret in the pipeline file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `${env:NAME}`: an environment variable.
    Env(String),
    /// `${file:PATH}`: the content of a file; a relative path starts at the folder of the pipeline file.
    File(String),
}

impl SecretRef {
    fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix("${")?.strip_suffix('}')?;
        match inner.split_once(':')? {
            ("env", name) if !name.is_empty() => Some(Self::Env(name.to_owned())),
            ("file", path) if !path.is_empty() => Some(Self::File(path.to_owned())),
            _ => None,
        }
    }

    /// The variable's name or the file's path.
    pub fn name(&self) -> &str {
        match self {
            Self::Env(name) | Self::File(name) => name,
        }
    }
}

/// The layers of a configuration, lowest first.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// The pipeline file.
    pub file: &'a Path,
    /// Files laid over it, in this order.
    pub overlays: &'a [PathBuf],
    /// `key=value` laid over all files, in this order.
    pub sets: &'a [String],
}

/// A checked configuration. Only this module can make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What the pipeline is.
    pub pipeline: Pipeline,
    /// The input tables by name.
    pub sources: BTreeMap<String, Source>,
    /// Whose rows are never taken.
    pub suppression: Option<Suppression>,
    /// How much bad input is endured.
    pub quality: Quality,
    /// What can be offered.
    pub offers: Offers,
    /// What is known of a customer.
    pub features: Features,
    /// How models are fitted and tested.
    pub train: Train,
    /// What is mined; nothing without the section.
    pub mine: Option<Mine>,
    /// Who gets which offer.
    pub decide: Decide,
    /// Where offers are delivered to.
    pub export: Vec<Export>,
    /// Whom the audit of delivered offers tells apart.
    pub guard: Guard,
    /// The language of reasons and reports.
    pub language: Language,
    /// What sentences call names of the tables.
    pub spoken_names: BTreeMap<String, String>,
    /// Signs of a leak that were looked into.
    pub known_signs: Vec<KnownSign>,
    /// Where and with what a run works.
    pub run: Run,
    /// The layers' names, lowest first.
    layers: Vec<String>,
    effective: String,
    identity: Secret,
}

/// One layer's text.
enum Text {
    File(String),
    Set(String),
}

impl Config {
    /// Reads, merges and checks all layers.
    ///
    /// `lookup` finds a secret's text, or `None`; it is asked once for each reference.
    ///
    /// # Errors
    /// A file that cannot be read; or every fault found in any layer, the first as the fault and the rest beside it.
    pub fn load(layers: Layers, lookup: &dyn Fn(&SecretRef) -> Option<String>) -> Result<Self> {
        let files = std::iter::once(layers.file).chain(layers.overlays.iter().map(PathBuf::as_path));
        let mut texts = Vec::new();
        for file in files {
            texts.push((file.display().to_string(), Text::File(read(file)?)));
        }
        texts.extend(layers.sets.iter().map(|set| (set_name(set), Text::Set(set.clone()))));
        Self::from_texts(texts, layers.file.parent().unwrap_or(Path::new("")), lookup)
    }

    /// Checks the text of one pipeline file; `file` names it in faults and gives the folder relative paths start at.
    pub fn parse(file: &str, text: &str, lookup: &dyn Fn(&SecretRef) -> Option<String>) -> Result<Self> {
        let base = Path::new(file).parent().unwrap_or(Path::new(""));
        Self::from_texts(vec![(file.to_owned(), Text::File(text.to_owned()))], base, lookup)
    }

    fn from_texts(
        texts: Vec<(String, Text)>,
        base: &Path,
        lookup: &dyn Fn(&SecretRef) -> Option<String>,
    ) -> Result<Self> {
        let (names, texts): (Vec<String>, Vec<Text>) = texts.into_iter().unzip();
        let (root, mut faults) = merged(&names, &texts);
        let Some(mut root) = root else { return Err(one(faults)) };
        let lookup = |secret: &SecretRef| lookup(&secret.beside(base));
        let mut checker = check::Checker::new(&names, &lookup);
        checker.run(&mut root);
        cross::check(&mut checker, &root);
        faults.extend(checker.into_faults());
        Fault::all(faults)?;
        build::derive(&mut root);
        Ok(Self::build(&root, base, names))
    }

    fn build(root: &layer::Table, base: &Path, layers: Vec<String>) -> Self {
        let at = build::At(root);
        // What a run works with, and what a proof takes as known, changes no result, so it is no part of what identifies the configuration.
        let mut result = root.clone();
        result.remove("run");
        result.remove("prove");
        Self {
            pipeline: build::pipeline(at.table("pipeline")),
            sources: build::sources(at.table("sources"), base),
            suppression: at.map("suppression").map(|at| build::privacy::suppression(at, base)),
            quality: build::quality(at.table("quality")),
            offers: build::offers(at.table("offers")),
            features: build::features(at.table("features")),
            train: build::train(at.table("train")),
            mine: at.map("mine").map(build::mine),
            decide: build::decide(at.table("decide")),
            export: build::exports(at, base),
            guard: build::guard::guard(at.table("guard")),
            language: build::language(at.table("report")),
            spoken_names: build::spoken_names(at.table("report")),
            known_signs: build::known_signs(at.table("prove")),
            run: build::run(at.table("run"), base),
            layers,
            effective: effective::print(root, effective::Secrets::Hidden),
            identity: Secret::new(effective::print(&result, effective::Secrets::Shown)),
        }
    }

    /// The configuration that holds, as TOML: sorted, every default shown, secrets as `***`, paths as they were written.
    pub fn effective(&self) -> &str {
        &self.effective
    }

    /// The text whose digest tells whether two configurations give the same results: like [`Self::effective`], without `[run]` and `[prove]`
    /// and with secrets in the clear. It is there to be hashed, never to be written.
    pub fn identity(&self) -> &Secret {
        &self.identity
    }

    /// Names of the layers, lowest first: files as they were given, then `--set KEY`.
    pub fn layers(&self) -> &[String] {
        &self.layers
    }

    /// The sources of a role, in order of name.
    pub fn sources_of(&self, role: Role) -> impl Iterator<Item = &Source> {
        self.sources.values().filter(move |source| source.role == role)
    }

    /// Whether somebody asks for the tone of what customers wrote in a source; otherwise its texts are not read at all.
    pub fn reads_text(&self, source: &Source) -> bool {
        let is_asked = self.features.recipes.contains(&Recipe::Tone)
            || self.decide.hold_after.iter().any(|hold| hold.event == HoldEvent::Complaint && hold.is_by_tone);
        source.role == Role::Voice && is_asked && source.column("text").is_some()
    }

    /// Whether the tables are of one date: then nothing is learned of time.
    pub fn is_cross_section(&self) -> bool {
        self.source_of(Role::CrossSection).is_some()
    }

    /// The source that tells what is held, over time or at one date.
    pub fn holdings(&self) -> Option<&Source> {
        self.source_of(Role::Holdings).or_else(|| self.source_of(Role::CrossSection))
    }

    /// The source of a role that has at most one: every role but events and voice.
    pub fn source_of(&self, role: Role) -> Option<&Source> {
        self.sources_of(role).next()
    }
}

impl SecretRef {
    fn beside(&self, base: &Path) -> Self {
        match self {
            Self::Env(name) => Self::Env(name.clone()),
            Self::File(path) => Self::File(build::resolve(base, path).to_string_lossy().into_owned()),
        }
    }
}

/// All layers as one tree, or none where a layer cannot be understood.
fn merged(names: &[String], texts: &[Text]) -> (Option<layer::Table>, Vec<Fault>) {
    let (mut root, mut faults) = (Some(layer::Table::new()), Vec::new());
    for (position, (name, text)) in names.iter().zip(texts).enumerate() {
        let table = match text {
            Text::File(text) => {
                let (table, found) = layer::parse_file(name, text, position);
                faults.extend(found);
                table
            }
            Text::Set(text) => layer::parse_set(name, text, position).map_err(|fault| faults.push(fault)).ok(),
        };
        match (&mut root, table) {
            (Some(root), Some(table)) => layer::merge(root, table),
            _ => root = None,
        }
    }
    (root, faults)
}

fn one(faults: Vec<Fault>) -> Fault {
    Fault::all(faults).expect_err("a tree is missing only where a fault was found")
}

/// The layer's name without the value, which may be long or better not shown.
fn set_name(set: &str) -> String {
    let key = set.split_once('=').map_or(set, |(key, _)| key);
    format!("--set {}", key.trim())
}

fn read(file: &Path) -> Result<String> {
    let name = file.display().to_string();
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Fault::new(Code::FileMissing).with("path", name.as_str()).in_file(name.as_str())
        }
        _ => Fault::new(Code::FileUnreadable).because(error).in_file(name.as_str()),
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Fault::new(Code::ConfigSyntax).because(format!("larger than {MAX_BYTES} bytes")).in_file(name));
    }
    String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to() as u64;
        Fault::new(Code::WrongEncoding).with("encoding", "utf-8").in_file(name).at_byte(byte)
    })
}

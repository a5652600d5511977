//! A world: a checked world file, ready to be played.

use std::path::Path;
use std::sync::Arc;

use osusume_model::{Code, Control, Date, Fault, Result};
use osusume_storage::Fs;

use crate::covariates::{Covariates, Row, lacking};
use crate::plan::{self, Plan};
use crate::schema::WorldFile;

/// The worlds that come with the program, by name, in the order in which they are listed.
const SHIPPED: [(&str, &str); 10] = [
    ("isp", include_str!("../worlds/isp.toml")),
    ("saas", include_str!("../worlds/saas.toml")),
    ("storage", include_str!("../worlds/storage.toml")),
    ("music", include_str!("../worlds/music.toml")),
    ("mobile", include_str!("../worlds/mobile.toml")),
    ("store", include_str!("../worlds/store.toml")),
    ("cosmetics", include_str!("../worlds/cosmetics.toml")),
    ("fanclub", include_str!("../worlds/fanclub.toml")),
    ("contacts", include_str!("../worlds/contacts.toml")),
    ("restaurant", include_str!("../worlds/restaurant.toml")),
];

/// Worlds whose customers are real, from a published table that the user brings.
const PLANTED: [(&str, &str); 2] = [
    ("telco_planted", include_str!("../worlds/telco_planted.toml")),
    ("journey_planted", include_str!("../worlds/journey_planted.toml")),
];

/// No world file is longer.
const MOST_BYTES: u64 = 1 << 24;

/// A company with a known truth.
#[derive(Clone, Debug)]
pub struct World {
    file: WorldFile,
    plan: Plan,
    covariates: Option<Arc<Covariates>>,
}

impl World {
    /// Names of the worlds that come with the program.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// Names of those that come with the program, too, but want a table of real customers: see [`World::with_covariates`].
    pub fn planted_names() -> impl Iterator<Item = &'static str> {
        PLANTED.iter().map(|(name, _)| *name)
    }

    /// The world of this name that comes with the program, if there is one.
    pub fn shipped(name: &str) -> Option<Self> {
        let (_, text) = SHIPPED.iter().chain(&PLANTED).find(|(of, _)| *of == name)?;
        Some(Self::parse(text, &format!("worlds/{name}.toml")).expect("shipped worlds are checked by the tests"))
    }

    /// The internet provider that comes with the program.
    pub fn isp() -> Self {
        Self::shipped("isp").expect("it is in the list")
    }

    /// Reads a world from its text; `name` is the file's name in messages.
    ///
    /// # Errors
    /// `WorldInvalid` with the key or place of everything that is wrong.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let file: WorldFile = toml::from_str(text).map_err(|error| syntax_fault(text, name, &error))?;
        let plan = plan::compile(&file).map_err(|fault| fault.in_file(name))?;
        Ok(Self { file, plan, covariates: None })
    }

    /// Reads a world file.
    ///
    /// # Errors
    /// As [`World::parse`], and faults of reading; a file that is not UTF-8 is `WrongEncoding`.
    pub fn load(path: &Path, fs: &dyn Fs) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = fs.open_input(path)?.read_all(MOST_BYTES).map_err(|fault| fault.in_file(&name))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Fault::new(Code::WrongEncoding).with("encoding", "UTF-8").in_file(&name))?;
        Self::parse(&text, &name)
    }

    /// An amount as the tables have it.
    pub(crate) fn amount(&self, minor: i64) -> String {
        let digits = self.file.setting.minor_digits;
        if digits == 0 {
            return minor.to_string();
        }
        let (unit, size) = (10_u64.pow(digits), minor.unsigned_abs());
        let sign = if minor < 0 { "-" } else { "" };
        format!("{sign}{}.{:0width$}", size / unit, size % unit, width = digits as usize)
    }

    /// First day of the history.
    pub fn start(&self) -> Date {
        Date(self.plan.start)
    }

    /// The day after the last of the history.
    pub fn end(&self) -> Date {
        Date(self.plan.end)
    }

    /// Days from an as-of date until all that its label window asks is decided: gap, horizon and kept days.
    pub fn label_days(&self) -> i32 {
        let setting = &self.file.setting;
        setting.gap_days + setting.horizon_days + setting.kept_days
    }

    /// The number of customers unless another is asked for.
    pub fn default_customers(&self) -> u64 {
        self.file.setting.customers
    }

    /// The seed unless another is given.
    pub fn default_seed(&self) -> u64 {
        self.file.setting.seed
    }

    /// Product codes of the offers, in the order of the file.
    pub fn offer_keys(&self) -> Vec<&str> {
        self.file.offer.iter().map(|offer| offer.product.as_str()).collect()
    }

    /// The world with real customers, read from a table as its section `[covariates]` says.
    ///
    /// # Errors
    /// `WorldInvalid` where the world has no such section; faults of reading.
    pub fn with_covariates(self, path: &Path, fs: &dyn Fs, control: &dyn Control) -> Result<Self> {
        let Some(asked) = &self.file.covariates else {
            return Err(plan::invalid("covariates", "this world has no such section"));
        };
        let read = Covariates::read(&self.file, &self.plan, asked, path, fs, control)?;
        Ok(Self { covariates: Some(Arc::new(read)), ..self })
    }

    /// Nothing of a world that wants real customers can be told without them.
    pub(crate) fn check_customers(&self) -> Result<()> {
        let lacks = self.file.covariates.is_some() && self.covariates.is_none();
        if lacks { Err(lacking()) } else { Ok(()) }
    }

    /// The real customer in the place of the one with this number.
    pub(crate) fn real(&self, number: u64) -> Option<Row<'_>> {
        self.covariates.as_ref().map(|covariates| covariates.row(number))
    }

    pub(crate) fn file(&self) -> &WorldFile {
        &self.file
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}

fn syntax_fault(text: &str, name: &str, error: &toml::de::Error) -> Fault {
    let fault = Fault::new(Code::WorldInvalid).with("key", "").because(error.message()).in_file(name);
    let Some(span) = error.span() else { return fault };
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) as u64 + 1;
    fault.at(line, column).at_byte(span.start as u64)
}

#[cfg(test)]
mod rules;

#[cfg(test)]
mod tests {
    use super::*;

    const ISP: &str = SHIPPED[0].1;

    #[test]
    fn every_shipped_world_can_be_played_under_its_own_name() {
        for name in World::names().chain(World::planted_names()) {
            let world = World::shipped(name).unwrap();
            assert_eq!(world.file().setting.name, name);
            assert_eq!(world.label_days(), 97, "{name}: the tests' dates fit this");
        }
        assert!(World::shipped("unknown").is_none());
    }

    fn check(change: (&str, &str), expected: &str) {
        assert!(ISP.contains(change.0), "the test changes nothing");
        let fault = World::parse(&ISP.replacen(change.0, change.1, 1), "w.toml").unwrap_err();
        assert_eq!(fault.code(), Code::WorldInvalid);
        let args = format!("{:?}", fault.args());
        assert!(args.contains(expected), "{args}");
    }

    #[test]
    fn faults_of_a_world_file_name_what_is_wrong() {
        check(("late = 0.04", "late = 4.0"), "setting.late");
        check(("late = 0.04", "latte = 0.04"), "latte");
        check(("driver = \"metric.traffic_gb\"", "driver = \"metric.trafic\""), "metric.trafic");
        check(("product = \"line_10g\"", "product = \"line_11g\""), "line_11g");
        check(("format_version = 1", "format_version = 2"), "this program reads 1");
        check(("from = \"2026-04-01\"", "from = \"2026-04-31\""), "no such day");
        check(("{ household_days = 90 }", "{ household_days = 90, holds = [] }"), "exactly one key");
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let fault = World::parse("format_version = 1\nsetting = [", "w.toml").unwrap_err();
        assert_eq!(fault.place().line, Some(2));
        assert_eq!(fault.place().file.as_deref(), Some("w.toml"));
    }

    #[test]
    fn all_faults_are_reported_together() {
        let text = ISP.replace("need.speed", "need.sped");
        let fault = World::parse(&text, "w.toml").unwrap_err();
        assert!(fault.others().len() > 2);
    }

    #[test]
    fn a_file_that_is_no_text_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("w.toml");
        std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
        let fault = World::load(&path, &osusume_storage::RealFs).unwrap_err();
        assert_eq!(fault.code(), Code::WrongEncoding);
    }
}

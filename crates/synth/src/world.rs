//! A world: a checked world file, ready to be played.

use std::path::Path;

use osusume_model::{Code, Date, Fault, Result};
use osusume_storage::Fs;

use crate::plan::{self, Plan};
use crate::schema::WorldFile;

/// The shipped world.
const ISP: &str = include_str!("../worlds/isp.toml");

/// No world file is longer.
const MOST_BYTES: u64 = 1 << 24;

/// A company with a known truth.
#[derive(Clone, Debug)]
pub struct World {
    file: WorldFile,
    plan: Plan,
}

impl World {
    /// The internet provider that comes with the program.
    pub fn isp() -> Self {
        Self::parse(ISP, "worlds/isp.toml").expect("the shipped world is checked by the tests")
    }

    /// Reads a world from its text; `name` is the file's name in messages.
    ///
    /// # Errors
    /// `WorldInvalid` with the key or place of everything that is wrong.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let file: WorldFile = toml::from_str(text).map_err(|error| syntax_fault(text, name, &error))?;
        let plan = plan::compile(&file).map_err(|fault| fault.in_file(name))?;
        Ok(Self { file, plan })
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

    /// First day of the history.
    pub fn start(&self) -> Date {
        Date(self.plan.start)
    }

    /// The day after the last of the history.
    pub fn end(&self) -> Date {
        Date(self.plan.end)
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
mod tests {
    use super::*;
    use crate::plan::{Gate, Term};

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

    /// A column matters when a latent class leans on it or a gate looks at it.
    #[test]
    fn most_columns_have_no_effect() {
        let world = World::isp();
        let (file, plan) = (world.file(), world.plan());
        let lists = plan.offers.iter().map(|o| &o.terms).chain(&plan.metric_terms).chain(&plan.trigger_terms);
        let campaigns = plan.campaigns.iter().map(|c| &c.terms);
        let terms: Vec<&Term> = lists.chain([&plan.churn, &plan.contact]).chain(campaigns).flatten().collect();
        let gates = || terms.iter().flat_map(|term| &term.gates);
        let looks_at = |wanted: usize| {
            gates().any(|gate| match gate {
                Gate::Above { driver, .. }
                | Gate::Below { driver, .. }
                | Gate::Between { driver, .. }
                | Gate::Saturating { driver, .. } => *driver == wanted,
                _ => false,
            })
        };
        let metric_matters = |(i, metric): (usize, &crate::schema::Metric)| {
            let is_driver = looks_at(plan.first_metric + i) || looks_at(plan.first_surge + i);
            is_driver || !metric.by_segment.is_empty() || !metric.terms.is_empty()
        };
        let attribute_matters = |(i, attribute): (usize, &crate::schema::Attribute)| {
            let is_asked = gates().any(|gate| matches!(gate, Gate::Among { attribute, .. } if *attribute == i));
            is_asked || looks_at(plan.first_attribute + i) || !attribute.by_segment.is_empty()
        };
        let with_effect = file.metric.iter().enumerate().filter(|m| metric_matters(*m)).count()
            + file.attribute.iter().enumerate().filter(|a| attribute_matters(*a)).count();
        let columns = file.metric.len() + file.attribute.len();
        assert!(with_effect > 5);
        assert!((with_effect as f64) < 0.4 * columns as f64, "{with_effect} of {columns}");
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
